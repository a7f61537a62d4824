# SPDX-License-Identifier: Apache-2.0
"""What people fill in to refer content, to send a batch, to ask for a hold."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.referral_words import PHRASES
from stemtide.hub.desk.situation_forms import OrderForm, uuid_or_none
from stemtide.hub.desk.words import ideology_title, label_title
from stemtide.protocol.holds import ExtendIn, HoldIn
from stemtide.protocol.labels import ideologies, labels
from stemtide.protocol.referrals import (
    MAX_URL_CHARS,
    MAX_WORDS,
    AssessIn,
    ContextIn,
    DropIn,
    SearchIn,
    SendIn,
    TakeBackIn,
)
from stemtide.protocol.words_referrals import (
    ContentType,
    DropReason,
    HoldReason,
    TakeBackReason,
)

_IMPERSONAL = _("The provider reads it. Write nothing about a person.")
_HOURS = (
    (6, _("6 hours")),
    (12, _("12 hours")),
    (24, _("1 day")),
    (48, _("2 days")),
    (72, _("3 days")),
    (120, _("5 days")),
    (168, _("7 days")),
)
MAX_FILE_BYTES = 8 * 1024 * 1024
"""A batch as a file."""


def _area(rows: int) -> forms.Textarea:
    """A field of several lines."""
    return forms.Textarea(attrs={"rows": rows})


class AssessForm(OrderForm):
    """Content that was looked at, to be referred or not. searched: what was searched for last."""

    url = forms.CharField(
        label=_("Web address of the content"), max_length=MAX_URL_CHARS, strip=True
    )
    provider = forms.ChoiceField(label=_("Provider"))
    content_type = forms.ChoiceField(
        label=_("What is there?"), choices=list(PHRASES["content_type"].items())
    )
    labels = forms.MultipleChoiceField(
        label=_("What the content does"), widget=forms.CheckboxSelectMultiple
    )
    reason = forms.CharField(
        label=_("Why it is referred"),
        help_text=_IMPERSONAL,
        max_length=MAX_WORDS,
        widget=_area(4),
    )
    terms = forms.CharField(
        label=_("Clause of the provider's terms (may stay empty)"), required=False, max_length=300
    )
    language = forms.CharField(
        label=_("Its language (may stay empty)"),
        help_text=_("A tag such as en, nl or sr-Latn."),
        required=False,
        max_length=12,
    )
    ideology = forms.ChoiceField(label=_("What moved its makers (may stay open)"), required=False)
    signals = forms.CharField(
        label=_("Ids of signals of the content (may stay empty)"),
        help_text=_("They find the same content at other addresses."),
        required=False,
        max_length=4000,
    )
    again = forms.BooleanField(
        label=_("It was referred and answered before, and came back"), required=False
    )
    exercise = forms.BooleanField(label=_("This is an exercise"), required=False)
    despite = forms.CharField(
        label=_("Why send it, although another authority refers the same?"),
        required=False,
        max_length=500,
        widget=_area(2),
    )
    crisis = forms.UUIDField(required=False, widget=forms.HiddenInput)
    searched = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, providers: Iterable[tuple[str, str]] = (), **named: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(*args, **named)
        known = [
            (label.name, label_title(label.name))
            for label in labels().values()
            if not label.refuse_to
        ]
        moved = [(name, ideology_title(name)) for name in ideologies()]
        chosen = {
            "provider": [("", _("Choose a provider")), *providers],
            "labels": known,
            "ideology": [("", _("not known")), *moved],
        }
        for name, choices in chosen.items():
            self.fields[name].choices = choices  # type: ignore[attr-defined]  # a choice field

    def _signals(self) -> list[str]:
        """Ids of signals, as they were written."""
        return re.findall(r"[^\s,;]+", self.cleaned_data["signals"])

    def search(self) -> SearchIn | None:
        """What is searched for before sending; None where it is refused."""
        said = self.cleaned_data
        found: SearchIn | None = self.read(
            SearchIn,
            url=said["url"],
            provider=said["provider"],
            signals=self._signals(),
            exercise=said["exercise"],
        )
        return found

    def order(self) -> AssessIn | None:
        """What the room is asked to do; None where it is refused."""
        said = self.cleaned_data
        found: AssessIn | None = self.read(
            AssessIn,
            provider=said["provider"],
            url=said["url"],
            content_type=ContentType(said["content_type"]),
            language=said["language"].strip() or None,
            ideology=said["ideology"] or None,
            labels=tuple(said["labels"]),
            terms=said["terms"],
            reason=said["reason"],
            crisis=said["crisis"],
            signals=self._signals(),
            again=said["again"],
            exercise=said["exercise"],
        )
        return found


class SendForm(OrderForm):
    """Send an assessed referral."""

    despite = forms.CharField(
        label=_("Why send it, although another authority refers the same?"),
        required=False,
        max_length=500,
        widget=_area(2),
    )
    override = forms.CharField(
        label=_("The emergency for which it does not wait for a hold (may stay empty)"),
        help_text=_("The holder is told at once."),
        required=False,
        max_length=500,
        widget=_area(2),
    )

    def order(self) -> SendIn | None:
        """What the room is asked to do; None where it is refused."""
        found: SendIn | None = self.read(SendIn, **self.cleaned_data)
        return found


class DropForm(OrderForm):
    """Decide not to refer."""

    reason = forms.ChoiceField(
        label=_("Why is it not referred?"),
        choices=[("", _("Choose a reason")), *PHRASES["drop"].items()],
    )
    note = forms.CharField(label=_("Note (may stay empty)"), required=False, max_length=500)

    def order(self) -> DropIn | None:
        """What the room is asked to do; None where it is refused."""
        said = self.cleaned_data
        found: DropIn | None = self.read(
            DropIn, reason=DropReason(said["reason"]), note=said["note"]
        )
        return found


class TakeBackForm(OrderForm):
    """Withdraw a referral."""

    reason = forms.ChoiceField(
        label=_("Why is it withdrawn?"),
        choices=[("", _("Choose a reason")), *PHRASES["take_back"].items()],
    )
    note = forms.CharField(
        label=_("Note for the provider (may stay empty)"), required=False, max_length=500
    )
    signals = forms.BooleanField(
        label=_("Withdraw our linked signals as well: every agent undoes what it did"),
        required=False,
    )

    def order(self) -> TakeBackIn | None:
        """What the room is asked to do; None where it is refused."""
        said = self.cleaned_data
        found: TakeBackIn | None = self.read(
            TakeBackIn,
            reason=TakeBackReason(said["reason"]),
            note=said["note"],
            signals=said["signals"],
        )
        return found


class ContextForm(OrderForm):
    """Give the context that was asked for."""

    context = forms.CharField(
        label=_("What the provider asked for"),
        help_text=_IMPERSONAL,
        max_length=MAX_WORDS,
        widget=_area(3),
    )

    def order(self) -> ContextIn | None:
        """What the room is asked to do; None where it is refused."""
        found: ContextIn | None = self.read(ContextIn, **self.cleaned_data)
        return found


class BatchForm(OrderForm):
    """A file of addresses, and what stands where it says nothing."""

    name = forms.CharField(
        label=_("Name of the batch"),
        help_text=_("The same name goes on where it ended; nothing is sent twice."),
        min_length=3,
        max_length=120,
    )
    file = forms.FileField(label=_("File of comma-separated values"), required=False)
    rows = forms.CharField(
        label=_("Or the rows themselves"),
        help_text=_("The first line names the columns: url, provider, reason, labels, …"),
        required=False,
        widget=_area(6),
    )
    provider = forms.ChoiceField(label=_("Provider, where the file names none"), required=False)
    label = forms.ChoiceField(label=_("Label, where the file names none"), required=False)
    reason = forms.CharField(
        label=_("Reason, where the file gives none"),
        help_text=_IMPERSONAL,
        required=False,
        max_length=MAX_WORDS,
        widget=_area(2),
    )
    again = forms.BooleanField(
        label=_("Also addresses that were referred and answered before"), required=False
    )
    exercise = forms.BooleanField(label=_("This is an exercise"), required=False)

    def __init__(self, *args: Any, providers: Iterable[tuple[str, str]] = (), **named: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(*args, **named)
        known = [
            (label.name, label_title(label.name))
            for label in labels().values()
            if not label.refuse_to
        ]
        self.fields["provider"].choices = [("", _("the file names it")), *providers]  # type: ignore[attr-defined]  # a choice field
        self.fields["label"].choices = [("", _("the file names them")), *known]  # type: ignore[attr-defined]  # the same

    def text(self) -> str | None:
        """The rows as text; None where there are none, or it is no text: then the form says so."""
        file = self.cleaned_data["file"]
        if file is None:
            if not self.cleaned_data["rows"].strip():
                self.add_error("file", _("Choose a file, or write the rows below."))
                return None
            return str(self.cleaned_data["rows"])
        if file.size > MAX_FILE_BYTES:
            self.add_error("file", _("The file is larger than 8 MB: send it in parts."))
            return None
        try:
            return str(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            self.add_error("file", _("The file is no text in UTF-8: save it so, as CSV."))
            return None

    def defaults(self) -> dict[str, str]:
        """What stands where the file says nothing."""
        said = self.cleaned_data
        return {
            "provider": said["provider"],
            "labels": said["label"],
            "reason": said["reason"],
        }


class HoldForm(OrderForm):
    """Ask that content be left alone."""

    url = forms.CharField(
        label=_("Web address of the content"),
        help_text=_("Of it only a digest is kept."),
        required=False,
        max_length=MAX_URL_CHARS,
    )
    signal = forms.CharField(label=_("Or the id of a signal of it"), required=False, max_length=40)
    hours = forms.TypedChoiceField(
        label=_("For how long?"),
        help_text=_("It can be extended later, each time by somebody who leads."),
        choices=_HOURS,
        coerce=int,
        initial=24,
    )
    reason = forms.ChoiceField(
        label=_("Why? No more of the case than this is told"),
        choices=[("", _("Choose a reason")), *PHRASES["hold_reason"].items()],
    )
    contact = forms.CharField(
        label=_("Where others call who meet the hold"),
        help_text=_("A desk, not a person."),
        min_length=3,
        max_length=200,
    )
    case_reference = forms.CharField(
        label=_("Your case reference (may stay empty)"),
        help_text=_("Nobody but your party ever reads it."),
        required=False,
        max_length=80,
    )
    exercise = forms.BooleanField(label=_("This is an exercise"), required=False)

    def order(self, now: datetime) -> HoldIn | None:
        """What the room is asked to do; None where it is refused."""
        said = dict(self.cleaned_data)
        signal = said["signal"].strip()
        if signal and uuid_or_none(signal) is None:
            self.add_error("signal", _("This is no id of a signal."))
            return None
        found: HoldIn | None = self.read(
            HoldIn,
            url=said["url"],
            signal=uuid_or_none(signal),
            until=now + timedelta(hours=said["hours"]),
            reason=HoldReason(said["reason"]),
            contact=said["contact"],
            case_reference=said["case_reference"],
            exercise=said["exercise"],
        )
        return found


class ExtendForm(OrderForm):
    """Let a hold stand longer."""

    hours = forms.TypedChoiceField(
        label=_("From now on, for"), choices=_HOURS, coerce=int, initial=24
    )

    def order(self, now: datetime) -> ExtendIn | None:
        """What the room is asked to do; None where it is refused."""
        until = now + timedelta(hours=self.cleaned_data["hours"])
        found: ExtendIn | None = self.read(ExtendIn, until=until)
        return found
