# SPDX-License-Identifier: Apache-2.0
"""Write opinions of signals: confirmations and disputes."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.platform.permissions import check_person_may_write
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals import bulk_sql
from stemtide.hub.rooms.signals.models import OpinionRow, Signal
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.rules import signals as rules
from stemtide.protocol.enums import Opinion, PartyKind, Role
from stemtide.protocol.messages.signals import OpinionIn, SignalOut


@transaction.atomic
def give_opinion(
    uid: UUID,
    *,
    body: OpinionIn,
    by: Party,
    now: datetime,
    actor_ref: str | None = None,
    role: Role | None = None,
) -> SignalOut:
    """Record a party's opinion about a signal; it replaces an earlier one.

    A signal gets a new feed position if the party confirms or disputes it, or no longer does.

    role: of the person who acts for the party; None for a machine.

    raises: NotFoundError, NotAllowedError for observers, ConflictError for an ended signal.
    """
    check_person_may_write(role)
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by)
    rules.check_opinion(reads.facts(row), kind=PartyKind(by.kind))
    before = row.opinions.filter(party=by).first()
    OpinionRow.objects.update_or_create(
        signal=row,
        party=by,
        defaults={"opinion": body.opinion, "note": body.note, "given_at": now},
    )
    row.is_disputed = row.opinions.filter(opinion=Opinion.DISPUTE).exists()
    _count_opinions(row)
    row.stamp_s = bulk_sql.next_stamp(now)
    detail: dict[str, object] = {"opinion": body.opinion.value, "disputed": row.is_disputed}
    if _weight(before.opinion if before else "") != _weight(body.opinion):
        row.position = ledger.take_positions(1, now=now)
        detail["position"] = row.position
    row.save(
        update_fields=["is_disputed", "confirmations", "disputes", "position", "stamp_s"],
    )
    if actor_ref:
        detail["through"] = actor_ref
    ledger.append(
        "opinion.given",
        actor=by.ref,
        subject=row.ref,
        now=now,
        detail=detail,
        exercise=row.exercise,
        crisis=row.crisis.uid if row.crisis else None,
    )
    return reads.describe(row, viewer=by)


def _count_opinions(row: Signal) -> None:
    """Set the counts of a signal's confirmations and disputes."""
    row.confirmations = (
        row.opinions.filter(opinion=Opinion.AGREE).exclude(party=row.shared_by_id).count()
    )
    row.disputes = row.opinions.filter(opinion=Opinion.DISPUTE).count()


def _weight(opinion: str) -> str:
    """Return an opinion that agents learn of; "" for one that they do not."""
    return opinion if opinion in (Opinion.AGREE, Opinion.DISPUTE) else ""
