# SPDX-License-Identifier: Apache-2.0
"""Labels and colours for the states of removal orders and their scrutiny.

None of it is shared with referrals: a referral is voluntary, and an order is not.
"""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from stemtide.hub.platform.documents.forms import CHANNELS
from stemtide.protocol.enums import Duty
from stemtide.protocol.enums.orders import (
    AccessPurpose,
    AppealOutcome,
    Appellant,
    AtOnce,
    EmergencyGround,
    EntryState,
    FinalGround,
    Measure,
    OrderState,
    PreservationBasis,
    ReviewKind,
    ScrutinyBasis,
    ScrutinyState,
)
from stemtide.protocol.enums.referrals import ReceiptVia
from stemtide.protocol.messages.documents import Listed, OwnKeyState, Trust

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

LABELS: "dict[str, dict[str, str | _StrPromise]]" = {
    "duty": {
        Duty.ISSUE: _("issue removal orders"),
        Duty.SCRUTINISE: _("scrutinise removal orders of other states"),
        Duty.MEASURES: _("oversee specific measures of providers"),
        Duty.PENALTIES: _("impose penalties"),
    },
    "own_key": {
        OwnKeyState.READY: _("in use"),
        OwnKeyState.EXPIRED: _("expired: the hub seals alone"),
        OwnKeyState.NOT_YET_VALID: _("not valid yet: the hub seals alone"),
        OwnKeyState.UNUSABLE: _("cannot be used: the hub seals alone"),
        OwnKeyState.NONE: _("no key of its own: the hub seals alone"),
    },
    "seal_trust": {
        Trust.OWN: _("this hub's own seal"),
        Trust.PARTY: _("the own key of a party of this hub"),
        Trust.NAMED: _("known to this hub"),
        Trust.NONE: _("not known to this hub, or expired"),
    },
    "listed": {
        Listed.YES: _("yes"),
        Listed.NO: _("no"),
        Listed.NOT_KNOWN: _("not known"),
    },
    "order": {
        OrderState.DRAFTED: _("draft"),
        OrderState.DISCARDED: _("draft discarded"),
        OrderState.SUBMITTED: _("waits for a second person"),
        OrderState.ISSUED: _("issued, not received yet"),
        OrderState.RECEIVED: _("received: the hour runs"),
        OrderState.SUSPENDED: _("deadline suspended"),
        OrderState.EXECUTED: _("executed"),
        OrderState.WITHDRAWN: _("withdrawn"),
        OrderState.ANNULLED: _("without effect"),
        OrderState.UNDONE: _("without effect: to be reinstated"),
        OrderState.REINSTATED: _("content reinstated"),
    },
    "order_via": {
        ReceiptVia.WEBHOOK: _("its webhook answered"),
        ReceiptVia.MAIL: _("its mail server accepted it"),
        ReceiptVia.API: _("a program of it fetched it"),
        ReceiptVia.DESK: _("somebody opened it at the desk"),
        ReceiptVia.LINK: _("somebody acknowledged it through the link in the mail"),
    },
    "order_channel": dict(CHANNELS),
    "entry": {
        EntryState.WAITING: _("not confirmed by the other side"),
        EntryState.CONFIRMED: _("confirmed by both sides"),
        EntryState.DISPUTED: _("disputed by the other side"),
        EntryState.VOIDED: _("taken back"),
    },
    "measure": {
        Measure.REMOVED: _("removed"),
        Measure.DISABLED: _("access disabled in all Member States"),
    },
    "annex": {
        "tco-annex-1": _("Annex I: the removal order"),
        "tco-annex-2": _("Annex II: it is executed"),
        "tco-annex-3": _("Annex III: it cannot be executed"),
    },
    "scrutiny": {
        ScrutinyState.OPENED: _("scrutiny is open"),
        ScrutinyState.ANNOUNCED: _("an infringement was announced"),
        ScrutinyState.UPHELD: _("no infringement found"),
        ScrutinyState.INFRINGED: _("an infringement was found"),
        ScrutinyState.CLOSED: _("closed without a decision"),
    },
    "scrutiny_basis": {
        ScrutinyBasis.OWN_INITIATIVE: _("on the authority's own initiative"),
        ScrutinyBasis.PROVIDER: _("the provider asked for it"),
        ScrutinyBasis.CONTENT_PROVIDER: _("the content provider asked for it"),
    },
    "emergency": {
        EmergencyGround.IMMINENT_THREAT: _(
            "an imminent threat to the life or physical integrity of a person"
        ),
        EmergencyGround.ONGOING_EVENTS: _(
            "ongoing events that harm the life or physical integrity of a person"
        ),
        EmergencyGround.OTHER: _("another serious harm, as the justification says"),
    },
    "at_once": {
        AtOnce.EMERGENCY: _("an emergency"),
        AtOnce.CRISIS: _("its crisis is active"),
    },
    "review": {
        ReviewKind.ADMINISTRATIVE: _("administrative review proceedings"),
        ReviewKind.JUDICIAL: _("judicial review proceedings"),
    },
    "appellant": {
        Appellant.PROVIDER: _("the provider"),
        Appellant.CONTENT_PROVIDER: _("the content provider"),
    },
    "appeal": {
        AppealOutcome.PENDING: _("not decided"),
        AppealOutcome.CONFIRMED: _("order confirmed"),
        AppealOutcome.OVERTURNED: _("order overturned"),
        AppealOutcome.CLOSED: _("withdrawn, inadmissible or never lodged"),
    },
    "final_ground": {
        FinalGround.EXPIRY: _("the deadline for appeal expired"),
        FinalGround.CONFIRMED: _("confirmed on appeal"),
    },
    "preservation_basis": {
        PreservationBasis.TCO: _("Article 6 of Regulation (EU) 2021/784"),
        PreservationBasis.E_EVIDENCE: _("European Preservation Order (EPOC-PR)"),
        PreservationBasis.NATIONAL: _("national law"),
    },
    "access_purpose": {
        AccessPurpose.REVIEW: _("administrative or judicial review"),
        AccessPurpose.COMPLAINT: _("handling of a complaint"),
        AccessPurpose.PROSECUTION: _("prevention, investigation or prosecution"),
    },
}
"""Labels by group, then by enum value."""

TONES: dict[str, dict[str, str]] = {
    "order": {
        OrderState.SUBMITTED: "warn",
        OrderState.ISSUED: "warn",
        OrderState.RECEIVED: "bad",
        OrderState.SUSPENDED: "warn",
        OrderState.EXECUTED: "good",
        OrderState.UNDONE: "warn",
        OrderState.REINSTATED: "good",
    },
    "entry": {
        EntryState.WAITING: "warn",
        EntryState.CONFIRMED: "good",
        EntryState.DISPUTED: "bad",
    },
    "appeal": {
        AppealOutcome.PENDING: "warn",
        AppealOutcome.CONFIRMED: "good",
        AppealOutcome.OVERTURNED: "bad",
    },
    "scrutiny": {
        ScrutinyState.OPENED: "warn",
        ScrutinyState.ANNOUNCED: "bad",
        ScrutinyState.INFRINGED: "bad",
        ScrutinyState.UPHELD: "good",
    },
}
"""Colours by group, then by enum value; a value that is not listed is "calm"."""
