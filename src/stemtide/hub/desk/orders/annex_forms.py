# SPDX-License-Identifier: Apache-2.0
"""Forms for the annexes of Regulation (EU) 2021/784, and their read-only display."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import get_language, gettext as _, gettext_lazy

from stemtide.hub.desk.forms import DeskForm
from stemtide.protocol.law.forms import (
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
from stemtide.protocol.messages.orders import Value, Values

_TYPES = {FieldKind.MAIL: "email", FieldKind.PHONE: "tel", FieldKind.LINK: "url"}
_LONG = {FieldKind.LONG_TEXT: MAX_LONG_TEXT, FieldKind.LINK: MAX_URL, FieldKind.COUNTRY: 2}


class MomentField(forms.DateTimeField):
    """A date and time to the second, in the reader's time zone."""

    widget = forms.DateTimeInput(
        attrs={"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S"
    )

    def __init__(self, **named: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(**named)
        if not self.help_text:
            self.help_text = gettext_lazy("In the time zone at the foot of this page.")


class AnnexForm(DeskForm):
    """A form for one annex. No field is required: the lint lists missing ones."""

    free_texts = frozenset({"reasons", "emergency_reasons", "explanation", "errors", "missing"})

    error_prefix = "annex."

    def __init__(
        self,
        *args: Any,  # noqa: ANN401  # Django's
        annex: Form,
        values: Mapping[str, object] | None = None,
        **named: Any,  # noqa: ANN401  # Django's
    ) -> None:
        initial = {
            field.name: _initial(field, (values or {}).get(field.name)) for field in annex.fields
        }
        super().__init__(*args, **{**named, "initial": initial})
        self.annex = annex
        for field in annex.fields:
            if not field.is_filled_in:
                self.fields[field.name] = _form_field(field, within=annex)

    def written(self) -> Values:
        """Return the values by field, None for empty ones. Call it on a valid form."""
        values: Values = {}
        for field in self.annex.fields:
            if not field.is_filled_in:
                values[field.name] = _value(field, self.cleaned_data.get(field.name))
        return values


@dataclass(frozen=True, slots=True)
class Shown:
    """One field for display. lines: its text; addresses: shown as text, never as links."""

    title: str
    lines: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShownSection:
    """One section for display, with the fields that are not empty."""

    title: str
    fields: tuple[Shown, ...]


def language() -> str:
    """Return the reader's language code."""
    return get_language() or "en"


def sections(annex: Form, values: Mapping[str, object]) -> list[ShownSection]:
    """Return a filled-in annex for display; empty fields and sections are left out."""
    displayed = []
    for section in annex.sections:
        fields = tuple(
            _displayed(field, values) for field in section.fields if _has_text(field, values)
        )
        if fields:
            title = f"{section.name}. {section.title.within(language())}"
            displayed.append(ShownSection(title, fields))
    return displayed


def filled_in(section: Section, values: Mapping[str, object]) -> tuple[Shown, ...]:
    """Return the fields of a section that the hub fills in, for display."""
    known_fields = [
        field for field in section.fields if field.is_filled_in and _has_text(field, values)
    ]
    return tuple(_displayed(field, values) for field in known_fields)


def _has_text(field: FormField, values: Mapping[str, object]) -> bool:
    """Whether a field has something to display."""
    value = values.get(field.name)
    return value is True if field.kind is FieldKind.TICK else not is_empty(value)


def _displayed(field: FormField, values: Mapping[str, object]) -> Shown:
    """Return one field for display."""
    value = values.get(field.name)
    title = field.title.within(language())
    texts = [str(item) for item in value] if isinstance(value, list | tuple) else [str(value)]
    if field.kind in {FieldKind.URLS, FieldKind.LINK}:
        return Shown(title, addresses=tuple(texts))
    if field.kind in {FieldKind.CHOICE, FieldKind.CHOICES}:
        titles = {option.name: option.title.within(language()) for option in field.options}
        return Shown(title, tuple(titles.get(text, text) for text in texts))
    if field.kind is FieldKind.TICK:
        return Shown(title, (_("yes"),))
    if field.kind is FieldKind.MOMENT and (at := moment_of(value)):
        return Shown(title, (f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S %Z}",))
    return Shown(title, tuple(str(value).splitlines()))


def _form_field(field: FormField, *, within: Form) -> forms.Field:  # noqa: PLR0911  # one for each kind
    """Return the Django form field for a field of an annex."""
    options: dict[str, Any] = {
        "label": field.title.within(language()),
        "required": False,
        "help_text": _help(field, within=within),
    }
    choices = [(option.name, option.title.within(language())) for option in field.options]
    match field.kind:
        case FieldKind.TICK:
            return forms.BooleanField(**options)
        case FieldKind.CHOICE:
            return forms.ChoiceField(choices=choices, widget=forms.RadioSelect, **options)
        case FieldKind.CHOICES:
            checkboxes = forms.CheckboxSelectMultiple
            return forms.MultipleChoiceField(choices=choices, widget=checkboxes, **options)
        case FieldKind.MOMENT:
            return MomentField(**options)
        case FieldKind.DATE:
            day = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
            return forms.DateField(widget=day, **options)
        case FieldKind.URLS:
            max_length = MAX_URLS * (MAX_URL + 2)
            return forms.CharField(max_length=max_length, widget=_area(3), **options)
        case FieldKind.LONG_TEXT:
            return forms.CharField(max_length=MAX_LONG_TEXT, widget=_area(3), **options)
    kind = forms.TextInput(attrs={"type": _TYPES.get(field.kind, "text")})
    max_length = _LONG.get(field.kind, MAX_TEXT)
    return forms.CharField(max_length=max_length, widget=kind, **options)


def _help(field: FormField, *, within: Form) -> str:
    """Return the help text of a field: when it applies, how to write it, or that it is optional."""
    if field.when is not None:
        other = within.field(field.when.field)
        title = other.title.within(language())
        if isinstance(field.when.equals, str):
            option_titles = {
                option.name: option.title.within(language()) for option in other.options
            }
            title = option_titles.get(field.when.equals, title)
        if field.when.equals is False:
            return _("Only where this is not ticked: %s") % title
        return _("Only where this is ticked: %s") % title
    if field.kind is FieldKind.COUNTRY:
        return _("Two letters, as in BE or DE.")
    if field.is_required or field.kind in {FieldKind.TICK, FieldKind.MOMENT}:
        return ""
    return _("Optional.")


def _area(rows: int) -> forms.Textarea:
    """Return a text area with so many rows."""
    return forms.Textarea(attrs={"rows": rows})


def _initial(field: FormField, value: object) -> object:
    """Return the initial value of a form field."""
    if field.kind is FieldKind.URLS and isinstance(value, list | tuple):
        return "\n".join(str(url) for url in value)
    if field.kind is FieldKind.MOMENT:
        return moment_of(value) or value
    if field.kind is FieldKind.DATE:
        return date_of(value) or value
    return value


def _value(field: FormField, entered: object) -> Value:  # noqa: PLR0911  # one for each kind
    """Return an entered value as the annex stores it; None if it is empty."""
    if field.kind is FieldKind.TICK:
        return bool(entered)
    if field.kind is FieldKind.URLS:
        return [line.strip() for line in str(entered or "").splitlines() if line.strip()] or None
    if entered in (None, "", []):
        return None
    if field.kind is FieldKind.CHOICES and isinstance(entered, Sequence):
        return [str(choice) for choice in entered]
    if field.kind is FieldKind.COUNTRY:
        return str(entered).strip().upper()
    if isinstance(entered, datetime):
        return entered.isoformat()
    return str(entered).replace("\r\n", "\n").strip()
