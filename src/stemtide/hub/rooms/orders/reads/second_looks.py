# SPDX-License-Identifier: Apache-2.0
"""Read which orders need a second look, and its result. Decision 0115."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q

from stemtide.hub.platform.errors import ConflictError, NotFoundError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.approvals.models import Approval
from stemtide.hub.rooms.approvals.reads import approvals
from stemtide.hub.rooms.approvals.rules import check_refuse
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.orders.rules.orders import IN_EFFECT
from stemtide.hub.rooms.orders.rules.second_look import IssueFacts
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.reads.people import has_other
from stemtide.protocol.enums import ApprovalState
from stemtide.protocol.enums.orders import AtOnce
from stemtide.protocol.messages.orders import SecondLookOut
from stemtide.protocol.trust.second_look import WaitingAct, WaitReason

UNCONFIRMED = Q(
    approval__is_done=True,
    approval__state__in=[ApprovalState.EXPIRED, ApprovalState.REFUSED],
)
"""Orders that were issued at once and ended, because nobody confirmed them."""


def issue_facts(row: Order, *, by: Actor) -> IssueFacts:
    """Return the facts that decide whether an order waits for a second person."""
    digests = row.addresses.exclude(digest="").values("digest")
    ended = Order.objects.filter(UNCONFIRMED, issued_by=row.issued_by, exercise=row.exercise)
    return IssueFacts(
        is_emergency=bool(row.emergency and row.emergency_ground),
        is_crisis_active=row.crisis is not None and crises.is_active(row.crisis, party=by.party),
        is_repeated=ended.filter(addresses__digest__in=digests).exists(),
        is_alone=not has_other(by.party, ref=by.ref, is_leader=True),
    )


def of_order(row: Order, *, viewer: Party) -> SecondLookOut | None:
    """Return the second look at an order, for its issuer and for those who may give it."""
    look = row.approval
    if look is None or not may_read(row, viewer=viewer):
        return None
    is_own = viewer.pk == row.issued_by_id
    return SecondLookOut(
        approval=look.uid,
        state=ApprovalState(look.state),
        at_once=AtOnce(look.payload["at_once"]) if look.is_done else None,
        asked_by=look.asked_ref if is_own else None,
        asked_at=look.asked_at,
        expires_at=look.expires_at,
        decided_by=look.decided_by.name if look.decided_by else None,
        decided_at=look.decided_at,
        note=look.note,
    )


def open_look(uid: UUID, *, viewer: Party) -> Approval:
    """Return the second look that an order waits for.

    raises: NotFoundError, also for an order at which the viewer may not look; ConflictError.
    """
    waiting = Approval.objects.filter(
        approvals.visible(viewer), act=WaitingAct.ORDER, orders__uid=uid
    )
    row = waiting.first()
    if row is None:
        raise NotFoundError("no order {uid} waits for a second look of your party", uid=uid)
    if row.state != ApprovalState.WAITING:
        raise ConflictError("the second look at this order was {state} already", state=row.state)
    return row


def order_of(approval: UUID, *, viewer: Party) -> UUID | None:
    """Return the order that a second look is about, if the viewer may look at it or issued it."""
    rows = Order.objects.filter(waiting_for(viewer) | Q(issued_by=viewer), approval__uid=approval)
    return rows.values_list("uid", flat=True).first()


def may_read(row: Order, *, viewer: Party) -> bool:
    """Whether a party may read the result of the second look at an order."""
    if viewer.pk == row.issued_by_id:
        return True
    look = row.approval
    if look is None or look.state != ApprovalState.WAITING:
        return False
    return Order.objects.filter(waiting_for(viewer), pk=row.pk).exists()


def waiting_for(viewer: Party) -> Q:
    """Return the filter for orders at which people of a party may look now."""
    waiting = Approval.objects.filter(
        approvals.visible(viewer), act=WaitingAct.ORDER, state=ApprovalState.WAITING
    )
    return Q(approval__in=waiting.order_by().values("pk"))


def moves(row: Order, *, by: Actor, now: datetime) -> list[str]:
    """Return the decisions that a person may make about the second look at an order."""
    look = row.approval
    if look is None:
        return []
    decides = allows(check_refuse, approvals.facts(look), by=by, trust=by.party.trust, now=now)
    return ["confirm", "refuse"] if decides else []


def is_alone(row: Order) -> bool:
    """Whether other parties may confirm an order, because its issuer has nobody else."""
    return row.approval is not None and WaitReason.LONE_AUTHORITY in row.approval.reasons


def drafted_by(row: Order, *, viewer: Party) -> str:
    """Return the person or key that drafted an order, for the issuer's own people; "" otherwise."""
    entries = ledger.entries(viewer=viewer, subject=row.ref, limit=1, opens=set)
    own = viewer.pk == row.issued_by_id and entries
    return str(entries[0].detail.get("through", "")) if own else ""


def decided_by(row: Order, *, viewer: Party) -> str:
    """Return who decided about an order, for the people of that person's own party."""
    look = row.approval
    if look is None or look.decided_by_id != viewer.pk:
        return ""
    return look.decided_ref


def confirm_due(row: Order, *, viewer: Party) -> datetime | None:
    """Return until when a second person may confirm an order; None to all but its issuer."""
    look = row.approval
    if look is None or look.state != ApprovalState.WAITING or viewer.pk != row.issued_by_id:
        return None
    return look.expires_at


def is_unconfirmed(row: Order) -> bool:
    """Whether an order was issued at once and ended, because nobody confirmed it."""
    look = row.approval
    ends = (ApprovalState.EXPIRED, ApprovalState.REFUSED)
    return look is not None and look.is_done and look.state in ends and row.state not in IN_EFFECT
