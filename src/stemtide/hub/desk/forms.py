# SPDX-License-Identifier: Apache-2.0
"""Forms of the desk: what they have in common, and the one that withdraws a signal."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext, gettext_lazy as _
from pydantic import BaseModel, ValidationError

from stemtide.hub.desk.error_messages import field_error_text
from stemtide.hub.desk.labels import LABELS, Words
from stemtide.hub.desk.labels.languages import CONTENT_LANGUAGES
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.parties.reads.parties import Viewer
from stemtide.protocol.enums import WithdrawReason
from stemtide.protocol.messages.crises import CrisisOut
from stemtide.protocol.messages.signals import WithdrawIn
from stemtide.protocol.places import time_zones
from stemtide.protocol.privacy.free_text import FREE_TEXTS, find_written

NOTE_LENGTH = 500

INSISTS = "insists"
"""Name of the ticks that say that personal data are needed; their values are names of fields."""

NO_NAMES = _("Write nothing about a person: the note travels to every party that sees the signal.")

NO_NAMES_IN_TITLE = _("A few words that say what it shows. Write nothing about a person.")


def personal_kinds(text: object) -> list[str]:
    """Return what looks like personal data in a text, by kind, in the reader's language."""
    spans = find_written(text) if isinstance(text, str) else ()
    return sorted({str(LABELS["personal"][span.kind]) for span in spans})


def personal_warning(kinds: list[str]) -> str:
    """Return the warning of personal data in a text."""
    return gettext(
        "This looks like personal data: %(kinds)s. Nothing was sent. Remove it, or tick the box"
        " below."
    ) % {"kinds": ", ".join(kinds)}


def is_insisted(data: Mapping[str, Any], *, name: str) -> bool:
    """Whether a person says that the personal data in a field are needed. name: as in the page."""
    ticked = data.getlist(INSISTS) if isinstance(data, QueryDict) else [data.get(INSISTS)]
    return name in ticked


class DeskForm(forms.Form):
    """A form that shows what a room refuses. Django marks its fields for assistive technology.

    personal: the fields with text that looks like personal data, and whether that is intended.
    """

    use_required_attribute = True
    error_prefix = ""
    """What a room puts before the names of this form's fields."""
    message_type: type[BaseModel] | None = None
    """The message that it builds; None if the write takes none."""
    free_texts: frozenset[str] = frozenset()
    """Fields in which people write, beside those of the message."""
    personal: Mapping[str, bool] = MappingProxyType({})

    def add_refusal(self, error: Exception) -> None:
        """Show an error of a room beside the field that it is about, or above the form.

        A hidden field shows none.
        """
        name = getattr(error, "field", "").removeprefix(self.error_prefix)
        is_shown = name in self.fields and not self.fields[name].widget.is_hidden
        self.add_error(name if is_shown else None, field_error_text(error))

    def full_clean(self) -> None:
        """Clean the form, and warn of text that looks like personal data: decision 0202."""
        super().full_clean()
        personal = {}
        for name in filter(self.is_free_text, self.fields) if self.is_bound else ():
            if kinds := personal_kinds(self.cleaned_data.get(name)):
                personal[name] = is_insisted(self.data, name=self.add_prefix(name))
                if not personal[name]:
                    self.add_error(name, personal_warning(kinds))
        self.personal = personal

    def is_free_text(self, name: str) -> bool:
        """Whether people write in a field, so that it is checked for personal data."""
        message = self.message_type.__name__ if self.message_type else ""
        return name in self.free_texts or f"{message}.{name}" in FREE_TEXTS


class MessageForm(DeskForm):
    """A form that builds a message of the protocol, and shows that message's validation errors."""

    def message_fields(self) -> dict[str, object]:
        """Return the fields of the message: those of the form, unless a form says otherwise."""
        return self.cleaned_data

    def message(self) -> Any:  # noqa: ANN401  # of message_type
        """Return the message for the room; None if the form is invalid, or the write takes none."""
        if self.message_type is None or not self.is_valid():
            return None
        return self.read(self.message_type, **self.message_fields())

    def read(self, message_type: type[BaseModel], **fields: object) -> Any:  # noqa: ANN401  # of the type asked for
        """Return a message; None if it is invalid (the form then shows why)."""
        own_fields = {name: fields[name] for name in message_type.model_fields if name in fields}
        try:
            return message_type.model_validate(own_fields)
        except ValidationError as error:
            for detail in error.errors():
                name = str(detail["loc"][0]) if detail["loc"] else ""
                self.add_error(name if name in self.fields else None, str(detail["msg"]))
            return None


def page_number(text: str | None) -> int:
    """Return the page of a list that a request asks for; 1 if it asks for none."""
    digits = text or ""
    return (int(digits) or 1) if digits.isdecimal() and len(digits) < 6 else 1  # noqa: PLR2004  # digits


def uuid_or_none(text: str | None) -> UUID | None:
    """Return an id from a request; None if it is invalid."""
    try:
        return UUID(text or "")
    except ValueError:
        return None


class WordsField(forms.CharField):
    """Several words, separated by spaces, commas, semicolons or lines; cleaned as a list."""

    def clean(self, value: Any) -> Any:  # noqa: ANN401  # Django's
        """Return the words."""
        return re.findall(r"[^\s,;]+", super().clean(value))


class CountriesField(WordsField):
    """Country codes, cleaned as a list in capitals."""

    def clean(self, value: Any) -> Any:  # noqa: ANN401  # Django's
        """Return the codes."""
        return [word.upper() for word in super().clean(value)]


class SignalsField(WordsField):
    """Ids of signals, cleaned as a list of UUIDs."""

    def clean(self, value: Any) -> Any:  # noqa: ANN401  # Django's
        """Return the ids.

        raises: forms.ValidationError if one is no id.
        """
        uids = []
        for word in super().clean(value):
            uid = uuid_or_none(word)
            if uid is None:
                raise forms.ValidationError(_("This is no id of a signal: %s") % word[:60])
            uids.append(uid)
        return uids


class WhenField(forms.DateTimeField):
    """A date and time, in the reader's time zone."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class TimeZoneField(forms.CharField):
    """A time zone by its name, or by a part that only one name has. Empty stays empty."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  # what the field takes
        widget = forms.TextInput(attrs={"list": "time-zones", "autocomplete": "off"})
        super().__init__(
            label=_("Time zone"),
            help_text=_("Type part of its name, such as Brussels. Empty means UTC."),
            max_length=60,
            required=False,
            widget=widget,
            **options,
        )

    @property
    def zones(self) -> list[str]:
        """Return the names that a browser offers."""
        return sorted(time_zones())

    def clean(self, value: str | None) -> str:
        """Return the name of the time zone. raises: forms.ValidationError."""
        typed = str(super().clean(value)).strip().replace(" ", "_")
        zones = {zone.casefold(): zone for zone in time_zones()}
        if not typed or typed.casefold() in zones:
            return zones.get(typed.casefold(), "")
        matches = sorted(zone for name, zone in zones.items() if typed.casefold() in name)
        if len(matches) == 1:
            return matches[0]
        if matches:
            names = ", ".join(matches[:5])
            raise forms.ValidationError(gettext("Several time zones fit: %s") % names)
        raise forms.ValidationError(gettext("There is no time zone of this name."))


class CrisisField(forms.TypedChoiceField):
    """The crisis that something belongs to, or none; cleaned as an id."""

    def __init__(self, **named: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(label=_("Crisis"), required=False, coerce=UUID, empty_value=None, **named)


class ContentLanguageField(forms.TypedChoiceField):
    """The language of content from the short list; None where it is not known."""

    def __init__(self, **named: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(
            label=_("Language of the content (optional)"),
            choices=[("", _("not known")), *CONTENT_LANGUAGES],
            required=False,
            empty_value=None,
            **named,
        )


def crisis_choices(*, viewer: Viewer) -> list[tuple[str, Words]]:
    """Return the crises to which a party may tie a referral or an order, and none."""
    return [("", _("no crisis")), *((str(row.id), row.name) for row in open_crises(viewer=viewer))]


def open_crises(*, viewer: Viewer) -> list[CrisisOut]:
    """Return the open crises that a party takes part in."""
    rows = crises.crises(viewer=viewer)
    return [crisis for crisis in rows if crisis.in_room and not crisis.closed_at]


def initial_crisis(uid: UUID | None, *, viewer: Viewer) -> dict[str, object]:
    """Return the initial crisis of a form, and whether it is an exercise."""
    crisis = next((row for row in open_crises(viewer=viewer) if row.id == uid), None)
    return {"crisis": str(crisis.id), "exercise": crisis.exercise} if crisis else {}


_REASONS = [(k, v) for k, v in LABELS["reason"].items() if k != WithdrawReason.UNCONFIRMED]


class WithdrawForm(MessageForm):
    """Withdraw a signal, with a reason."""

    message_type = WithdrawIn
    reason = forms.ChoiceField(
        label=_("Why do you withdraw it?"),
        choices=[("", _("Choose a reason")), *_REASONS],
    )
    note = forms.CharField(
        label=_("Note (optional)"),
        help_text=NO_NAMES,
        required=False,
        max_length=NOTE_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
