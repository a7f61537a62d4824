# SPDX-License-Identifier: Apache-2.0
"""Forms of the share page: the content to share, and what is said about it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext as _now, gettext_lazy as _

from stemtide.hub.desk.error_messages import field_error_text
from stemtide.hub.desk.forms import NO_NAMES_IN_TITLE, ContentLanguageField, DeskForm
from stemtide.hub.desk.labels import LABELS, label_title
from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.signals.reads.sharing.shares import EarlierMarks
from stemtide.hub.rooms.signals.rules.signals import check_impersonal
from stemtide.protocol.enums import Reach, Severity
from stemtide.protocol.handling import TLP_ALLOWS, Pap, Tlp
from stemtide.protocol.labels import labels
from stemtide.protocol.messages.crises import CrisisOut

MAX_TEXT_CHARS = 200_000
_EXPIRY = (
    ("", _("until it is withdrawn")),
    ("1", _("after 1 day")),
    ("7", _("after 7 days")),
    ("30", _("after 30 days")),
    ("90", _("after 90 days")),
    ("365", _("after a year")),
)


class ContentForm(DeskForm):
    """What to share. items: fingerprints of earlier steps."""

    value = forms.CharField(
        label=_("Hashes, web addresses or a text"),
        help_text=_("One hash or address a line. pdq: marks the hash of a picture."),
        required=False,
        max_length=MAX_TEXT_CHARS,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    file = forms.FileField(label=_("Or a file"), required=False, allow_empty_file=True)
    agree = forms.BooleanField(
        label=_("Send the text or file to the hub to make fingerprints of it"), required=False
    )
    items = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        """Require the consent for a file."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("file") and not cleaned.get("agree"):
            self.require_consent()
        return cleaned

    def require_consent(self) -> None:
        """Show that a file or text is not sent without consent."""
        self.add_error("agree", _now("Tick this box: without it nothing is made of a file."))


class MarksForm(DeskForm):
    """Labels, severity, handling, audience, expiry and crisis of the signals."""

    title = forms.CharField(
        label=_("Title (optional)"), required=False, max_length=80, help_text=NO_NAMES_IN_TITLE
    )
    labels = forms.MultipleChoiceField(label=_("Labels"), widget=forms.CheckboxSelectMultiple)
    language = ContentLanguageField()
    severity = forms.ChoiceField(
        label=_("Severity"), choices=[(level, LABELS["severity"][level]) for level in Severity]
    )
    crisis = forms.TypedChoiceField(label=_("Crisis"), required=False, empty_value=None)
    exercise = forms.BooleanField(label=_("This is an exercise"), required=False)
    tlp = forms.ChoiceField(
        label=_("Who may see it (TLP)"), choices=[(mark, f"TLP:{mark.upper()}") for mark in Tlp]
    )
    pap = forms.ChoiceField(
        label=_("What agents may do (PAP)"), choices=[(mark, f"PAP:{mark.upper()}") for mark in Pap]
    )
    audience = forms.MultipleChoiceField(
        label=_("Only these parties (optional)"),
        help_text=_("TLP:RED needs at least one."),
        required=False,
        widget=forms.SelectMultiple(attrs={"size": 4}),
    )
    expires = forms.ChoiceField(label=_("It expires"), choices=_EXPIRY, required=False)
    provenance = forms.ChoiceField(
        label=_("Who made the recording"), choices=list(LABELS["provenance"].items())
    )
    reach = forms.ChoiceField(
        label=_("Reach of web addresses"),
        choices=[(reach, LABELS["reach"][reach]) for reach in Reach],
        required=False,
    )

    def __init__(
        self,
        *args: Any,  # noqa: ANN401  # Django's
        crises: Iterable[CrisisOut] = (),
        parties: Iterable[tuple[str, str]] = (),
        **named: Any,  # noqa: ANN401  # Django's
    ) -> None:
        super().__init__(*args, **named)
        self.crises = {str(crisis.id): crisis for crisis in crises}
        label_choices = [
            (label.name, label_title(label.name))
            for label in labels().values()
            if not label.refuse_to
        ]
        crisis_choices = [(uid, crisis.name) for uid, crisis in self.crises.items()]
        choices_of = {
            "labels": label_choices,
            "crisis": [("", _("no crisis")), *crisis_choices],
            "audience": list(parties),
        }
        for name, choices in choices_of.items():
            self.fields[name].choices = choices  # type: ignore[attr-defined]  # a choice field

    def clean_title(self) -> str:
        """Refuse personal data."""
        title: str = self.cleaned_data["title"]
        try:
            check_impersonal(title, field="title")
        except InvalidError as error:
            raise forms.ValidationError(field_error_text(error)) from error
        return title

    def clean(self) -> dict[str, Any]:
        """Require an audience where the mark needs one."""
        cleaned: dict[str, Any] = super().clean() or {}
        mark = cleaned.get("tlp")
        if mark and TLP_ALLOWS[Tlp(mark)].needs_audience and not cleaned.get("audience"):
            self.add_error("audience", _now("TLP:RED needs named recipients: choose them here."))
        return cleaned

    def facts(self, *, now: datetime) -> dict[str, object]:
        """Return the fields of the signals that are the same for all of them."""
        cleaned = self.cleaned_data
        crisis = self.crises.get(cleaned["crisis"] or "")
        days = cleaned["expires"]
        return {
            **{name: cleaned[name] for name in ("labels", "severity", "tlp", "pap", "audience")},
            **{name: cleaned[name] for name in ("language", "provenance")},
            "reach": cleaned["reach"] or Reach.ADDRESS,
            "crisis": crisis.id if crisis else None,
            "exercise": crisis.exercise if crisis else cleaned["exercise"],
            "expires_at": now + timedelta(days=int(days)) if days else None,
        }


def default_marks(earlier: EarlierMarks | None) -> dict[str, object]:
    """Return what the marks are at first: those of the latest signal in the crisis."""
    marks: dict[str, object] = {
        "severity": Severity.HIGH,
        "tlp": Tlp.AMBER,
        "pap": Pap.GREEN,
        "provenance": "unknown",
        "reach": Reach.ADDRESS,
    }
    if earlier is not None:
        marks |= {
            "labels": list(earlier.labels),
            "severity": earlier.severity,
            "tlp": earlier.tlp,
            "pap": earlier.pap,
            "audience": list(earlier.audience),
        }
    return marks
