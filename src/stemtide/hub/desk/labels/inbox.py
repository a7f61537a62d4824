# SPDX-License-Identifier: Apache-2.0
"""Labels and colours of a provider's inbox, for referrals and, separately, removal orders.

And of re-checks, for both sides. No label here is used for both kinds of request.
"""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.labels import referrals
from stemtide.protocol.enums.orders import OrderState
from stemtide.protocol.enums.rechecks import Reason, Verdict
from stemtide.protocol.enums.referrals import Answer, ReferralState

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

_REFERRAL = referrals.LABELS["referral"]

LABELS: "dict[str, dict[str, str | _StrPromise]]" = {
    "referral_in": {
        **_REFERRAL,
        ReferralState.SENT: _("new"),
        ReferralState.NEEDS_CONTEXT: _("you asked for context"),
    },
    "referral_answer": {
        Answer.REMOVED: _("We removed it"),
        Answer.DISABLED: _("We disabled access to it, everywhere"),
        Answer.GEO_BLOCKED: _("We blocked it in some countries"),
        Answer.REFUSED: _("We leave it online"),
        Answer.NOT_FOUND: _("Nothing found at this address"),
        Answer.NEEDS_CONTEXT: _("We need more information"),
    },
    "order_in": {
        OrderState.ISSUED: _("issued: open it"),
        OrderState.RECEIVED: _("the hour runs"),
        "over": _("the hour has passed"),
        OrderState.SUSPENDED: _("deadline suspended"),
        OrderState.EXECUTED: _("executed"),
        OrderState.WITHDRAWN: _("withdrawn by its issuer"),
        OrderState.ANNULLED: _("without effect"),
        OrderState.UNDONE: _("without effect: reinstate"),
        OrderState.REINSTATED: _("content reinstated"),
    },
    "verdict": {
        Verdict.GONE: _("gone"),
        Verdict.THERE: _("still there"),
        Verdict.UNCLEAR: _("unclear"),
        "returned": _("came back"),
        "": _("not checked yet"),
    },
    "visit": {
        Verdict.GONE: _("gone"),
        Verdict.THERE: _("there"),
        Verdict.UNCLEAR: _("unclear"),
    },
    "visit_reason": {
        Reason.SAYS_GONE: _("the server says that nothing is there"),
        Reason.ANSWERS: _("the address answers"),
        Reason.SAYS_REMOVED: _(
            "the page says that something was removed, and answers all the same"
        ),
        Reason.ANSWERS_ANYTHING: _("the server answers every address in the same way"),
        Reason.LED_ELSEWHERE: _("the answer came from another address"),
        Reason.CLOSED: _("the server refused access to the hub; others may see it"),
        Reason.PACKED: _("the answer came compressed, and nothing is unpacked"),
        Reason.BUSY: _("the server is busy"),
        Reason.OTHER_STATUS: _("the server answered with another status"),
        Reason.TIMED_OUT: _("no answer in time"),
        Reason.NO_CONNECTION: _("no connection"),
        Reason.BROKEN_OFF: _("the answer broke off"),
        Reason.TOO_MANY_HOPS: _("one redirect led to the next"),
        Reason.REFUSED: _("the hub does not go to such an address"),
        Reason.EXERCISE: _("an exercise: nothing is visited"),
    },
}
"""Labels by group, then by enum value."""

TONES: dict[str, dict[str, str]] = {
    "referral_in": {
        **referrals.TONES["referral"],
        ReferralState.SENT: "voluntary",
        ReferralState.ACKNOWLEDGED: "voluntary",
    },
    "order_in": {
        OrderState.ISSUED: "binding",
        OrderState.RECEIVED: "binding",
        "over": "bad",
        OrderState.SUSPENDED: "binding",
        OrderState.UNDONE: "binding",
    },
    "verdict": {Verdict.GONE: "good", Verdict.THERE: "bad", "returned": "bad"},
    "visit": {Verdict.GONE: "good", Verdict.THERE: "bad"},
}
"""Colours by group, then by enum value; a value that is not listed is "calm"."""
