# SPDX-License-Identifier: Apache-2.0
"""Rows of referrals and orders as they stand after their life, made by hand for figures."""

from datetime import timedelta
from itertools import count
from uuid import uuid4

from stemtide.hub.rooms.approvals.models import Approval
from stemtide.hub.rooms.orders.models import Order, OrderAddress, OrderAnswer, Scrutiny
from stemtide.hub.rooms.rechecks.models import Recheck
from stemtide.hub.rooms.referrals.models import Referral
from tests.world import NOON

_NUMBERS = count(1)


def after(minutes):
    """A moment after noon; None stays None."""
    return None if minutes is None else NOON + timedelta(minutes=minutes)


def referral(world, state="sent", **facts):
    """A referral. Minutes after noon: assessed, decided, sent, acknowledged, answered, gone."""
    number = next(_NUMBERS)
    minutes = {"assessed": 0, "decided": 0, "sent": 0, "acknowledged": None} | facts
    made = {
        "sender": facts.get("sender", world.authority),
        "provider": facts.get("provider", world.big_provider),
        "content_type": facts.get("content_type", "video"),
        "language": facts.get("language", "nl"),
        "ideology": facts.get("ideology", ""),
        "exercise": facts.get("exercise", False),
        "answer": facts.get("answer", ""),
        "refusal_reason": facts.get("reason", ""),
    }
    return Referral.objects.create(
        uid=uuid4(),
        reference=f"RF-2026-{number:05d}",
        url=f"https://example.org/{number}",
        digest=f"{number:064x}",
        labels=["glorification"],
        reason="glorifies an attack",
        state=state,
        assessed_at=after(minutes["assessed"]),
        decided_at=after(minutes["decided"]),
        sent_at=after(minutes["sent"]),
        acknowledged_at=after(minutes["acknowledged"]),
        answered_at=after(facts.get("answered")),
        measure_at=after(facts.get("gone")),
        reinstated_at=after(facts.get("reinstated")),
        **made,
    )


def visited(row, *, came_back=False, settled="gone"):
    """A visit of the hub to a referral that was acted upon; settled: its last clear verdict."""
    return Recheck.objects.create(
        uid=uuid4(),
        referral=row,
        url=row.url,
        host="example.org",
        since=row.sent_at,
        settled=settled,
        returned_at=NOON if came_back else None,
    )


def _expired(row):
    """A second look at an order that was issued at once, which nobody gave in time."""
    return Approval.objects.create(
        uid=uuid4(),
        act="order",
        state="expired",
        party=row.issued_by,
        reasons=["binding_order"],
        who="|person|",
        is_done=True,
        asked_at=NOON,
        expires_at=after(120),
    )


def order(world, state="issued", *, addresses=1, pauses=(), scrutiny=(), **facts):
    """An order. Minutes after noon: issued, received, executed, missed; pauses: of Annex III."""
    number = next(_NUMBERS)
    row = Order.objects.create(
        uid=uuid4(),
        reference=f"RO-2026-{number:05d}",
        state=state,
        issued_by=facts.get("issued_by", world.authority),
        addressee=facts.get("addressee", world.big_provider),
        language=facts.get("language", "en"),
        content_type=facts.get("content_type", "video"),
        ideology=facts.get("ideology", ""),
        is_cross_border=facts.get("is_cross_border", False),
        exercise=facts.get("exercise", False),
        drafted_at=NOON,
        issued_at=after(facts.get("issued", 0)),
        received_at=after(facts.get("received")),
        executed_at=after(facts.get("executed")),
        answered_at=after(facts.get("executed")),
        measure="removed" if facts.get("executed") is not None else "",
        missed_at=after(facts.get("missed")),
        reinstated_at=after(facts.get("reinstated")),
    )
    if facts.get("is_unconfirmed"):
        row.approval = _expired(row)
        row.save(update_fields=["approval"])
    for place in range(addresses):
        OrderAddress.objects.create(order=row, place=place, url=f"https://example.org/{place}")
    if row.executed_at is not None:
        OrderAnswer.objects.create(order=row, form="tco-annex-2", answered_at=row.executed_at)
    for stopped, resumed, *grounds in pauses:
        OrderAnswer.objects.create(
            order=row,
            form="tco-annex-3",
            annex={"grounds": grounds},
            answered_at=after(stopped),
            resumed_at=after(resumed),
        )
    for one in scrutiny:
        Scrutiny.objects.create(
            uid=uuid4(),
            order=row,
            state=one,
            basis="own_initiative",
            opened_at=NOON,
            due_at=NOON,
            decided_at=after(facts.get("decided")),
        )
    return row
