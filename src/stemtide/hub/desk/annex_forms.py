# SPDX-License-Identifier: Apache-2.0
"""Forms of the law as people fill them in and read them: made from their data, title by title."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import get_language, gettext as _, gettext_lazy

from stemtide.hub.desk.forms import MarkedForm
from stemtide.protocol.forms import (
    MAX_LONG_TEXT,
    MAX_TEXT,
    MAX_URL,
    MAX_URLS,
    FieldKind,
    Form,
    FormField,
    Section,
    date_of,
    is_empty,
    moment_of,
)
from stemtide.protocol.orders import Value, Values

_TYPES = {FieldKind.MAIL: "email", FieldKind.PHONE: "tel", FieldKind.LINK: "url"}
_LONG = {FieldKind.LONG_TEXT: MAX_LONG_TEXT, FieldKind.LINK: MAX_URL, FieldKind.COUNTRY: 2}


class MomentField(forms.DateTimeField):
    """A moment to the second, on the reader's own clock."""

    widget = forms.DateTimeInput(
        attrs={"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S"
    )

    def __init__(self, **named: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(**named)
        if not self.help_text:
            self.help_text = gettext_lazy("On the clock that the foot of this page names.")


class AnnexForm(MarkedForm):
    """What a form of the law asks for. Nothing is required: its lint says what is missing."""

    def __init__(
        self,
        *args: Any,  # noqa: ANN401  # Django's
        annex: Form,
        values: Mapping[str, object] | None = None,
        **named: Any,  # noqa: ANN401  # Django's
    ) -> None:
        first = {
            field.name: _first(field, (values or {}).get(field.name)) for field in annex.fields
        }
        super().__init__(*args, **{**named, "initial": first})
        self.annex = annex
        for one in annex.fields:
            if not one.is_filled_in:
                self.fields[one.name] = _made(one, within=annex)

    def written(self) -> Values:
        """What was written, field by field; None where nothing was. Only for a valid form."""
        found: Values = {}
        for field in self.annex.fields:
            if not field.is_filled_in:
                found[field.name] = _value(field, self.cleaned_data.get(field.name))
        return found


@dataclass(frozen=True, slots=True)
class Shown:
    """One field as it is read. lines: its text; addresses: shown as they are, never as links."""

    title: str
    lines: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShownSection:
    """One section with the fields that say something."""

    title: str
    fields: tuple[Shown, ...]


def language() -> str:
    """The reader's language."""
    return get_language() or "en"


def sections(annex: Form, values: Mapping[str, object]) -> list[ShownSection]:
    """A form that was filled in, as it is read; what says nothing is left out."""
    found = []
    for section in annex.sections:
        told = tuple(_shown(field, values) for field in section.fields if _says(field, values))
        if told:
            title = f"{section.name}. {section.title.within(language())}"
            found.append(ShownSection(title, told))
    return found


def known(section: Section, values: Mapping[str, object]) -> tuple[Shown, ...]:
    """The fields of a section that the hub fills in, as they are read."""
    each = [field for field in section.fields if field.is_filled_in and _says(field, values)]
    return tuple(_shown(one, values) for one in each)


def _says(field: FormField, values: Mapping[str, object]) -> bool:
    """Whether a field says something."""
    value = values.get(field.name)
    return value is True if field.kind is FieldKind.TICK else not is_empty(value)


def _shown(field: FormField, values: Mapping[str, object]) -> Shown:
    """One field as it is read."""
    value = values.get(field.name)
    title = field.title.within(language())
    each = [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]
    if field.kind in {FieldKind.URLS, FieldKind.LINK}:
        return Shown(title, addresses=tuple(each))
    if field.kind in {FieldKind.CHOICE, FieldKind.CHOICES}:
        titles = {option.name: option.title.within(language()) for option in field.options}
        return Shown(title, tuple(titles.get(one, one) for one in each))
    if field.kind is FieldKind.TICK:
        return Shown(title, (_("yes"),))
    if field.kind is FieldKind.MOMENT and (at := moment_of(value)):
        return Shown(title, (f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S %Z}",))
    return Shown(title, tuple(str(value).splitlines()))


def _made(field: FormField, *, within: Form) -> forms.Field:  # noqa: PLR0911  # one for each kind
    """A field to fill in."""
    facts: dict[str, Any] = {
        "label": field.title.within(language()),
        "required": False,
        "help_text": _help(field, within=within),
    }
    choices = [(option.name, option.title.within(language())) for option in field.options]
    match field.kind:
        case FieldKind.TICK:
            return forms.BooleanField(**facts)
        case FieldKind.CHOICE:
            return forms.ChoiceField(choices=choices, widget=forms.RadioSelect, **facts)
        case FieldKind.CHOICES:
            many = forms.CheckboxSelectMultiple
            return forms.MultipleChoiceField(choices=choices, widget=many, **facts)
        case FieldKind.MOMENT:
            return MomentField(**facts)
        case FieldKind.DATE:
            day = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
            return forms.DateField(widget=day, **facts)
        case FieldKind.URLS:
            most = MAX_URLS * (MAX_URL + 2)
            return forms.CharField(max_length=most, widget=_area(3), **facts)
        case FieldKind.LONG_TEXT:
            return forms.CharField(max_length=MAX_LONG_TEXT, widget=_area(3), **facts)
    kind = forms.TextInput(attrs={"type": _TYPES.get(field.kind, "text")})
    most = _LONG.get(field.kind, MAX_TEXT)
    return forms.CharField(max_length=most, widget=kind, **facts)


def _help(field: FormField, *, within: Form) -> str:
    """What whoever fills a field in should know: when it is asked for, and whether it must be."""
    if field.when is not None:
        other = within.field(field.when.field)
        title = other.title.within(language())
        if isinstance(field.when.equals, str):
            named = {option.name: option.title.within(language()) for option in other.options}
            title = named.get(field.when.equals, title)
        if field.when.equals is False:
            return _("Only where this is not ticked: %s") % title
        return _("Only where this is ticked: %s") % title
    if field.kind is FieldKind.COUNTRY:
        return _("Two letters, as in BE or DE.")
    if field.is_required or field.kind in {FieldKind.TICK, FieldKind.MOMENT}:
        return ""
    return _("May stay empty.")


def _area(rows: int) -> forms.Textarea:
    """A field of several lines."""
    return forms.Textarea(attrs={"rows": rows})


def _first(field: FormField, value: object) -> object:
    """What stands in a field before somebody writes there."""
    if field.kind is FieldKind.URLS and isinstance(value, list | tuple):
        return "\n".join(str(one) for one in value)
    if field.kind is FieldKind.MOMENT:
        return moment_of(value) or value
    if field.kind is FieldKind.DATE:
        return date_of(value) or value
    return value


def _value(field: FormField, said: object) -> Value:  # noqa: PLR0911  # one for each kind
    """What somebody wrote, as the form's data has it; None for nothing."""
    if field.kind is FieldKind.TICK:
        return bool(said)
    if field.kind is FieldKind.URLS:
        return [line.strip() for line in str(said or "").splitlines() if line.strip()] or None
    if said in (None, "", []):
        return None
    if field.kind is FieldKind.CHOICES and isinstance(said, Sequence):
        return [str(one) for one in said]
    if field.kind is FieldKind.COUNTRY:
        return str(said).strip().upper()
    if isinstance(said, datetime):
        return said.isoformat()
    return str(said).replace("\r\n", "\n").strip()
