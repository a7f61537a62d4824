# SPDX-License-Identifier: Apache-2.0
"""Labels and colours for the situation log, public statements and leads."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from stemtide.protocol.enums import (
    CountryGround,
    LeadBasis,
    LeadLevel,
    LeadOutcome,
    LeadState,
    MessageKind,
    NoteTopic,
    PublicStatementState,
    ReportState,
    Urgency,
    Vote,
)

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

LABELS: "dict[str, dict[str, str | _StrPromise]]" = {
    "message": {
        MessageKind.OBSERVATION: _("observation"),
        MessageKind.QUESTION: _("question"),
        MessageKind.ANSWER: _("answer"),
        MessageKind.DECISION: _("decision"),
        MessageKind.PRESERVE: _("request to preserve"),
        MessageKind.DO_NOT_REMOVE: _("request not to remove"),
        MessageKind.MEDIA_LINE: _("what media ask or say"),
        MessageKind.TECHNICAL: _("technical"),
        MessageKind.HASHTAGS: _("words and hashtags"),
    },
    "urgency": {
        Urgency.ROUTINE: _("routine"),
        Urgency.SOON: _("soon"),
        Urgency.NOW: _("now"),
    },
    "line": {
        PublicStatementState.PROPOSED: _("proposed, not to be used yet"),
        PublicStatementState.AGREED: _("agreed, may be used"),
        PublicStatementState.OBJECTED: _("objected to, not to be used"),
        PublicStatementState.SUPERSEDED: _("another line took its place"),
        PublicStatementState.WITHDRAWN: _("withdrawn"),
    },
    "vote": {Vote.AGREE: _("agrees"), Vote.OBJECT: _("objects")},
    "level": {
        LeadLevel.LOW: _("low: the means, no intent"),
        LeadLevel.MEDIUM: _("medium: intent, no means"),
        LeadLevel.HIGH_UNSPECIFIC: _("high, unspecific: means and intent"),
        LeadLevel.HIGH_SPECIFIC: _("high, specific: with place, victim or time"),
    },
    "basis": {
        LeadBasis.TCO_14_5: _("terrorist content, imminent threat to life: TCO Art. 14(5)"),
        LeadBasis.DSA_18: _("crime that threatens a life or safety: DSA Art. 18"),
        LeadBasis.VOLUNTARY: _("no duty: reported by choice"),
    },
    "country_ground": {
        CountryGround.OFFENCE: _(
            "the offence took place there, is taking place there or is likely to"
        ),
        CountryGround.SUSPECT: _("the suspect lives or is in that country"),
        CountryGround.VICTIM: _("the victim lives or is in that country"),
        CountryGround.OFFENDER_NATIONALITY: _("the offender is a citizen of that country"),
        CountryGround.VICTIM_NATIONALITY: _("a possible victim is a citizen of that country"),
        CountryGround.TARGET: _("the target is in that country"),
    },
    "lead": {
        LeadState.REPORTED: _("reported, nobody has it yet"),
        LeadState.RECEIVED: _("received"),
        LeadState.PASSED_ON: _("passed on"),
        LeadState.CLOSED: _("closed"),
    },
    "lead_outcome": {
        LeadOutcome.THREAT_AVERTED: _("the threat was averted"),
        LeadOutcome.UNDER_INVESTIGATION: _("under investigation"),
        LeadOutcome.NO_THREAT: _("no threat"),
        LeadOutcome.DUPLICATE: _("known from elsewhere"),
        LeadOutcome.NOT_OURS: _("belongs to somebody else, who was told"),
    },
    "report": {
        ReportState.DRAFT: _("draft"),
        ReportState.AGREED: _("agreed, not published"),
        ReportState.PUBLISHED: _("published"),
    },
    "topic": {
        NoteTopic.WENT_WELL: _("went well"),
        NoteTopic.WENT_BADLY: _("went badly"),
        NoteTopic.IDEA: _("an idea"),
    },
    "moment": {
        "event": _("The event"),
        "warned": _("Early warning"),
        "activated": _("Activation"),
        "first_signal": _("First signal"),
        "last_signal": _("Last signal"),
        "first_sighting": _("First sighting"),
        "deescalated": _("De-escalation"),
        "closed": _("Closure"),
    },
}
"""Labels by group, then by enum value."""

TONES: dict[str, dict[str, str]] = {
    "message": {
        MessageKind.DECISION: "good",
        MessageKind.PRESERVE: "warn",
        MessageKind.DO_NOT_REMOVE: "bad",
        MessageKind.QUESTION: "warn",
    },
    "urgency": {Urgency.SOON: "warn", Urgency.NOW: "bad"},
    "line": {
        PublicStatementState.AGREED: "good",
        PublicStatementState.PROPOSED: "warn",
        PublicStatementState.OBJECTED: "bad",
    },
    "vote": {Vote.AGREE: "good", Vote.OBJECT: "bad"},
    "level": {
        LeadLevel.MEDIUM: "warn",
        LeadLevel.HIGH_UNSPECIFIC: "bad",
        LeadLevel.HIGH_SPECIFIC: "bad",
    },
    "report": {ReportState.AGREED: "warn", ReportState.PUBLISHED: "good"},
    "topic": {NoteTopic.WENT_WELL: "good", NoteTopic.WENT_BADLY: "bad"},
    "lead": {LeadState.REPORTED: "bad", LeadState.RECEIVED: "warn", LeadState.CLOSED: "good"},
}
"""Colours by group, then by enum value; a value that is not listed is "calm"."""
