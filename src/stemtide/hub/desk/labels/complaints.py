# SPDX-License-Identifier: Apache-2.0
"""Labels and colours for the states of complaints and redress."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from stemtide.protocol.enums.complaints import (
    ComplaintBasis,
    ComplaintFinding,
    ComplaintState,
    Exemption,
    RedressState,
    Restriction,
)
from stemtide.protocol.privacy.personal import PersonalKind

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

LABELS: "dict[str, dict[str, str | _StrPromise]]" = {
    "complaint": {
        ComplaintState.FILED: _("waits"),
        ComplaintState.IN_REVIEW: _("being reviewed"),
        ComplaintState.UPHELD: _("upheld"),
        ComplaintState.REJECTED: _("rejected"),
        ComplaintState.WITHDRAWN: _("withdrawn"),
    },
    "restriction": {
        Restriction.HELD: _("held back until a person has looked"),
        Restriction.RESTRICTED: _("shown to fewer people, or in fewer countries"),
        Restriction.BLOCKED: _("not published"),
        Restriction.REMOVED: _("removed"),
    },
    "complaint_basis": {
        ComplaintBasis.SIGNAL: _("a signal"),
        ComplaintBasis.REFERRAL: _("a referral"),
        ComplaintBasis.ORDER: _("a removal order"),
        ComplaintBasis.OWN: _("the provider's own decision"),
    },
    "complaint_cause": {
        ComplaintBasis.SIGNAL: _(
            "It matches an entry on a list that authorities and services share to stop terrorist"
            " content."
        ),
        ComplaintBasis.REFERRAL: _(
            "An authority pointed it out. The service decided under its own terms."
        ),
        ComplaintBasis.ORDER: _(
            "An authority ordered it (Regulation (EU) 2021/784). The service must obey."
        ),
        ComplaintBasis.OWN: _("The service decided so under its own terms."),
    },
    "exemption": {
        Exemption.NEWS: _("news"),
        Exemption.EDUCATION: _("education"),
        Exemption.ART: _("art"),
        Exemption.RESEARCH: _("research"),
        Exemption.COUNTER_SPEECH: _("it speaks against terrorism"),
        Exemption.EVIDENCE: _("evidence of a crime"),
        Exemption.NONE: _("none of these"),
    },
    "complaint_finding": {
        ComplaintFinding.CONTENT: _("this content only: the basis of the decision is correct"),
        ComplaintFinding.GROUND: _("the basis of the decision: it is wrong for all content"),
    },
    "redress": {
        RedressState.ASKED: _("waits for an answer"),
        RedressState.KEPT: _("kept, with a reason"),
        RedressState.GRANTED: _("withdrawn"),
        RedressState.ACCEPTED: _("the reason is accepted"),
        RedressState.MOOT: _("no longer needed"),
    },
    "personal": {
        PersonalKind.EMAIL: _("a mail address"),
        PersonalKind.PHONE: _("a telephone number"),
        PersonalKind.IBAN: _("an account number"),
        PersonalKind.IP_ADDRESS: _("an IP address"),
        PersonalKind.HANDLE: _("an account name"),
        PersonalKind.PROFILE: _("the address of a profile"),
        PersonalKind.NATIONAL_NUMBER: _("a national number"),
        PersonalKind.BIRTH_DATE: _("a date of birth"),
    },
}
"""Labels by group, then by enum value."""

TONES: dict[str, dict[str, str]] = {
    "complaint": {ComplaintState.FILED: "warn", ComplaintState.UPHELD: "good"},
    "redress": {
        RedressState.ASKED: "warn",
        RedressState.KEPT: "warn",
        RedressState.GRANTED: "good",
    },
}
"""Colours by group, then by enum value; a value that is not listed is "calm"."""
