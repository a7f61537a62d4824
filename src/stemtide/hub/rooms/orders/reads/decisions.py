# SPDX-License-Identifier: Apache-2.0
"""Read decisions of scrutiny as agencies see them: the decision, not the order.

An agency learns whose order it was, what was decided and why. It sees no address of content, no
form, no signal and no answer: an order is for its sides alone.

source: Regulation (EU) 2021/784 Art. 4(6).
"""

from uuid import UUID

from stemtide.hub.rooms.orders.models import DecisionCopy
from stemtide.hub.rooms.parties.models import Party
from stemtide.protocol.enums.orders import ScrutinyBasis, ScrutinyState
from stemtide.protocol.messages.orders import ScrutinyDecisionOut

MAX_LIST = 200
"""Decisions in one list."""


def decisions(*, viewer: Party, limit: int = MAX_LIST) -> list[ScrutinyDecisionOut]:
    """Return the decisions that were sent to a party, the latest first."""
    copies = DecisionCopy.objects.filter(sent_to=viewer).select_related(
        "scrutiny__authority",
        "scrutiny__order__issued_by",
        "scrutiny__order__addressee",
        "scrutiny__order__entry__entered_by",
    )
    latest = copies.order_by("-sent_at", "-pk")[: max(1, min(limit, MAX_LIST))]
    return [_describe(copy) for copy in latest]


def was_sent(uid: UUID, *, viewer: Party) -> bool:
    """Whether the decision of a scrutiny was sent to a party."""
    return DecisionCopy.objects.filter(scrutiny__uid=uid, sent_to=viewer).exists()


def _describe(copy: DecisionCopy) -> ScrutinyDecisionOut:
    """Return a decision as the message that an agency receives."""
    scrutiny, order = copy.scrutiny, copy.scrutiny.order
    return ScrutinyDecisionOut(
        id=scrutiny.uid,
        reference=order.shown_reference,
        issued_by=order.issuer_name,
        entered_by=order.entered_by,
        addressee=order.addressee.name,
        by=scrutiny.authority.name if scrutiny.authority else "",
        basis=ScrutinyBasis(scrutiny.basis),
        state=ScrutinyState(scrutiny.state),
        decision=scrutiny.decision,
        decided_at=scrutiny.decided_at or copy.sent_at,
        sent_at=copy.sent_at,
        exercise=order.exercise,
    )
