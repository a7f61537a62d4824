# SPDX-License-Identifier: Apache-2.0
"""Write appeals against orders and their outcome, and record that an order is final.

source: Regulation (EU) 2021/784 Art. 3(9), Art. 9. Decision 0148.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.orders.models import Appeal, Finality, FinalNotice, Order
from stemtide.hub.rooms.orders.reads import finality as reads_finality, orders as reads
from stemtide.hub.rooms.orders.rules import finality as rules, orders as order_rules
from stemtide.hub.rooms.orders.rules.orders import Side
from stemtide.hub.rooms.orders.writes import endings
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals.rules.signals import uuid_at
from stemtide.protocol.enums.orders import AppealOutcome, OrderState
from stemtide.protocol.messages.orders import (
    AppealDeadlineIn,
    AppealDecisionIn,
    AppealIn,
    OrderOut,
)

OVERTURNED = "Overturned on appeal"
"""Begins the reason of the end of such an order, as its provider reads it."""


@transaction.atomic
def record_appeal(
    uid: UUID, *, body: AppealIn, by: Actor, now: datetime, side: Side | None = None
) -> OrderOut:
    """Record an appeal against an order. While it is not decided, the order is not final.

    An order that was recorded as final too early is not final any more; authorities that
    were informed get the correction.

    side: set by an endpoint that is for one side only.

    raises: NotFoundError, NotAllowedError, ConflictError, InvalidError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    rules.check_appeal(
        reads.facts(row),
        lodged_by=body.lodged_by,
        lodged_on=body.lodged_on,
        name=by.name,
        role=by.role,
        now=now,
        side=side,
    )
    Appeal.objects.create(
        uid=uuid_at(now), order=row, entered_by=by.party, entered_at=now, **body.model_dump()
    )
    detail: dict[str, object] = {"lodged_by": body.lodged_by.value, "kind": body.kind.value}
    _record("order.appealed", row, by=by, now=now, detail=detail)
    if final := reads_finality.current(row):
        _end_finality(final, by=by, now=now)
    return reads.describe(row, viewer=by.party, now=now)


@transaction.atomic
def decide_appeal(
    uid: UUID, appeal: UUID, *, body: AppealDecisionIn, by: Actor, now: datetime
) -> OrderOut:
    """Record how an appeal ended. An order that was overturned loses its effect.

    appeal: its id.

    raises: NotFoundError, NotAllowedError, ConflictError, InvalidError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    appealed = row.appeals.filter(uid=appeal).first()
    if appealed is None:
        raise NotFoundError("there is no appeal {uid} against this order", uid=appeal)
    facts = reads.facts(row)
    rules.check_decide_appeal(
        facts,
        reads_finality.appeal_facts(appealed),
        outcome=body.outcome,
        decided_on=body.decided_on,
        name=by.name,
        role=by.role,
        now=now,
    )
    appealed.outcome, appealed.decided_on, appealed.decision = (
        body.outcome,
        body.decided_on,
        body.text,
    )
    appealed.save(update_fields=["outcome", "decided_on", "decision"])
    _record("appeal.decided", row, by=by, now=now, detail={"outcome": body.outcome.value})
    if body.outcome is AppealOutcome.OVERTURNED and facts.state in order_rules.IN_EFFECT:
        _overturn(row, facts=facts, text=body.text, by=by, now=now)
    return reads.describe(row, viewer=by.party, now=now)


@transaction.atomic
def set_appeal_deadline(uid: UUID, *, body: AppealDeadlineIn, by: Actor, now: datetime) -> OrderOut:
    """Enter the last day for appeal, if Section G names no term or the law counts otherwise.

    raises: NotFoundError, NotAllowedError, ConflictError, InvalidError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    rules.check_appeal_deadline(
        reads.facts(row), until=body.until, name=by.name, role=by.role, now=now
    )
    row.appeal_until, row.appeal_until_by, row.appeal_over_at = body.until, by.party, None
    row.save(update_fields=["appeal_until", "appeal_until_by", "appeal_over_at"])
    detail: dict[str, object] = {"until": body.until.isoformat()}
    _record("appeal.dated", row, by=by, now=now, detail=detail)
    return reads.describe(row, viewer=by.party, now=now)


@transaction.atomic
def finalise(uid: UUID, *, by: Actor, now: datetime) -> OrderOut:
    """Record that an order is final, and inform the authorities of the provider's Member State.

    raises: NotFoundError, NotAllowedError; ConflictError before its time or during an appeal.
    source: Regulation (EU) 2021/784 Art. 3(9).
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    ground, day = rules.check_finalise(reads.facts(row), name=by.name, role=by.role, now=now)
    final = Finality.objects.create(
        uid=uuid_at(now), order=row, final_on=day, ground=ground, recorded_at=now
    )
    _record("order.finalised", row, by=by, now=now, detail={"ground": ground.value})
    homes = reads_finality.home_authorities(row)
    FinalNotice.objects.bulk_create(
        FinalNotice(finality=final, sent_to=home, sent_at=now) for home in homes
    )
    if homes:
        _tell("finality.communicated", final, to=homes, by=by, now=now)
    return reads.describe(row, viewer=by.party, now=now)


def _overturn(
    row: Order, *, facts: order_rules.OrderFacts, text: str, by: Actor, now: datetime
) -> None:
    """End the effect of an order that was overturned, as its issuer's withdrawal would."""
    move = order_rules.ending_move(facts.state, side=Side.ISSUER)
    after = order_rules.check_move(facts, move, name=by.name, role=by.role)
    if final := reads_finality.current(row):
        _end_finality(final, by=by, now=now)
    endings.end_effect(row, after=after, reason=f"{OVERTURNED}: {text}", by=by, now=now)
    detail: dict[str, object] = {"overturned": True, "state": OrderState(row.state).value}
    _record("order.withdrawn", row, by=by, now=now, detail=detail)


def _end_finality(final: Finality, *, by: Actor, now: datetime) -> None:
    """Record that an order is not final after all, and inform the authorities again."""
    final.ended_at = now
    final.save(update_fields=["ended_at"])
    informed = [notice.sent_to for notice in final.sent.select_related("sent_to")]
    _tell("finality.corrected", final, to=informed, by=by, now=now)


def _record(
    kind: str, row: Order, *, by: Actor, now: datetime, detail: dict[str, object] | None = None
) -> None:
    """Append to the ledger, for the other side and the authorities with a copy."""
    copies = [copy.sent_to for copy in row.copies.select_related("sent_to")]
    sides = [*row.issuers, row.addressee, *copies]
    named = _named(sides, by=by)
    ledger.append_by(
        kind,
        by=by,
        subject=row.ref,
        now=now,
        detail=(detail or {}) | named,
        exercise=row.exercise,
    )


def _tell(kind: str, final: Finality, *, to: Iterable[Party], by: Actor, now: datetime) -> None:
    """Append to the ledger about a finality, whose readers may not see the order."""
    ledger.append_by(
        kind,
        by=by,
        subject=final.ref,
        now=now,
        detail=_named(to, by=by),
        exercise=final.order.exercise,
    )


def _named(parties: Iterable[Party], *, by: Actor) -> dict[str, object]:
    """Return the entry's fields for the parties that it concerns, without the actor."""
    concerned = [party for party in parties if party.pk != by.party.pk]
    if not concerned:
        return {}
    return {"party": concerned[0].ref, "parties": [party.name for party in concerned]}
