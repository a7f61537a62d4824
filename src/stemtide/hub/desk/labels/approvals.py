# SPDX-License-Identifier: Apache-2.0
"""Labels and colours for acts that wait for a second pair of eyes."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from stemtide.protocol.enums import ApprovalState
from stemtide.protocol.trust.second_look import Act, WaitReason, Who, second_look

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

LABELS: "dict[str, dict[str, str | _StrPromise]]" = {
    "approval": {
        ApprovalState.WAITING: _("waits"),
        ApprovalState.APPROVED: _("approved"),
        ApprovalState.REFUSED: _("refused"),
        ApprovalState.TAKEN_BACK: _("taken back"),
        ApprovalState.EXPIRED: _("expired"),
    },
    "approval-act": {
        Act.SHARE: _("Share signals"),
        Act.WITHDRAW: _("Withdraw signals"),
        Act.DISPUTE: _("Dispute signals"),
        Act.ORDER: _("Issue a removal order"),
    },
    "approval-reason": {reason: _(second_look().rules[reason].why) for reason in WaitReason},
    "approval-who": {
        Who.PERSON: _("another person of the party that asked"),
        Who.PARTY: _("a person of an authority or agency of another group"),
        Who.AGENCY: _("another person, of an agency"),
        Who.STATE: _("a person of another authority of the same Member State"),
    },
}

TONES: dict[str, dict[str, str]] = {
    "approval": {
        ApprovalState.WAITING: "warn",
        ApprovalState.APPROVED: "good",
        ApprovalState.REFUSED: "bad",
    },
}
