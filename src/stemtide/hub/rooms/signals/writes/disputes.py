# SPDX-License-Identifier: Apache-2.0
"""Write decisions on disputes: set one aside, let it count again, answer, weigh anew."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.ledger.writes.transactions import part
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals import bulk_sql
from stemtide.hub.rooms.signals.long_values import batches
from stemtide.hub.rooms.signals.models import DisputeTally, OpinionRow, Signal
from stemtide.hub.rooms.signals.reads import (
    opinions,
    runaways as runaway_reads,
    signals as reads,
)
from stemtide.hub.rooms.signals.rules import disputes as rules, signals as signal_rules
from stemtide.hub.rooms.signals.writes import runaways
from stemtide.hub.rooms.signals.writes.opinions import WEIGHED, follow_standing, weigh
from stemtide.protocol.enums import Opinion, SignalState
from stemtide.protocol.messages.signals import DisputeAnswerIn, SetAsideIn, SignalOut


@transaction.atomic
def set_aside(uid: UUID, party: str, *, body: SetAsideIn, by: Actor, now: datetime) -> SignalOut:
    """Decide that one party's dispute does not count elsewhere. Its own agents still obey it.

    raises: NotFoundError, NotAllowedError for all but an agency, ConflictError.
    """
    row, opinion = _find(uid, party, by=by)
    facts = opinions.dispute_facts(opinion)
    rules.check_set_aside(facts, kind=by.kind, name=by.name, role=by.role)
    opinion.set_aside_at, opinion.set_aside_by = now, by.party
    opinion.set_aside_reason, opinion.dismissal = body.reason, None
    opinion.answer, opinion.answered_at = "", None
    opinion.save()
    follow_standing(by.party)
    return _record("dispute.dismissed", row, party=party, by=by, now=now)


@transaction.atomic
def restore(uid: UUID, party: str, *, by: Actor, now: datetime) -> SignalOut:
    """Let a dispute that was set aside count again.

    raises: NotFoundError, NotAllowedError for all but an agency, ConflictError.
    """
    row, opinion = _find(uid, party, by=by)
    rules.check_restore(opinions.dispute_facts(opinion), kind=by.kind, role=by.role)
    opinion.set_aside_at, opinion.set_aside_by, opinion.set_aside_reason = None, None, ""
    opinion.dismissal = None
    opinion.answer, opinion.answered_at = "", None
    opinion.save()
    return _record("dispute.restored", row, party=party, by=by, now=now)


@transaction.atomic
def answer(uid: UUID, *, body: DisputeAnswerIn, by: Actor, now: datetime) -> SignalOut:
    """Answer, once, the agency that set the party's dispute aside.

    raises: NotFoundError, NotAllowedError for roles that only read, ConflictError.
    """
    row, opinion = _find(uid, by.name, by=by)
    rules.check_answer(opinions.dispute_facts(opinion), name=by.name, role=by.role)
    opinion.answer, opinion.answered_at = body.text, now
    opinion.save(update_fields=["answer", "answered_at"])
    agency = opinion.set_aside_by
    assert agency is not None  # noqa: S101  # check_answer() needs it to be set aside
    return _record("dispute.answered", row, party=agency.name, by=by, now=now)


@needs_no_entry("reweigh_party records each change")
def reweigh_due(now: datetime) -> int:
    """Weigh what parties said whose standing changed; return how many signals' marks changed."""
    due = DisputeTally.objects.filter(weighed__lt=F("party__position")).select_related("party")
    return sum(_reweigh_one(tally, now=now) for tally in due)


def reweigh_party(party: Party, *, now: datetime) -> int:
    """Weigh anew what a party disputes, which disputes it set aside, and what matches too much.

    returns: how many signals began or ceased to be disputed, or to be lowered.

    Each batch is its own transaction with its ledger entries, so that other writers are not
    blocked. Signals whose mark changes get new feed positions.
    """
    disputes = OpinionRow.objects.filter(party=party, opinion=Opinion.DISPUTE)
    decided = OpinionRow.objects.filter(set_aside_by=party, opinion=Opinion.DISPUTE)
    judged = (disputes | decided).filter(signal__state=SignalState.LIVE)
    pks = sorted({*judged.values_list("signal", flat=True), *runaway_reads.concerning(party)})
    return sum(_reweigh_some(batch, party=party, now=now) for batch in batches(pks))


def _reweigh_one(tally: DisputeTally, *, now: datetime) -> int:
    """Weigh one party's disputes, as of a position that was read before them."""
    position = tally.party.position
    count = reweigh_party(tally.party, now=now)
    DisputeTally.objects.filter(pk=tally.pk, weighed__lt=position).update(weighed=position)
    return count


@part()
def _reweigh_some(pks: Iterable[int], *, party: Party, now: datetime) -> int:
    """Weigh one batch of signals."""
    rows = Signal.objects.filter(pk__in=pks, state=SignalState.LIVE)
    rows = rows.select_related("shared_by", "crisis").order_by("exercise", "crisis", "position")
    floods = {row.pk: row.flood for row in rows}
    changed = [row for row in rows if weigh(row)]
    groups: dict[tuple[bool, UUID | None], list[Signal]] = {}
    for row in changed:
        crisis = row.crisis.uid if row.crisis else None
        groups.setdefault((row.exercise, crisis), []).append(row)
    for (exercise, crisis), group in groups.items():
        first = ledger.take_positions(len(group), now=now)
        for position, row in enumerate(group, start=first):
            row.position, row.stamp_s = position, bulk_sql.next_stamp(now)
            row.save(update_fields=WEIGHED)
        last = first + len(group) - 1
        ledger.append(
            "disputes.weighed",
            actor=CLOCK,
            subject=party.ref,
            now=now,
            detail={"count": len(group), "first": first, "last": last},
            exercise=exercise,
            crisis=crisis,
        )
    for row in changed:
        if row.flood != floods[row.pk]:
            runaways.record_mark(row, now=now)
    return len(changed)


def _find(uid: UUID, party: str, *, by: Actor) -> tuple[Signal, OpinionRow]:
    """Return a live signal and a party's opinion of it, with the ledger's lock held.

    raises: NotFoundError, ConflictError for an ended signal.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    opinion = row.opinions.select_related("party").filter(party__name=party).first()
    if opinion is None:
        raise NotFoundError("{party} has not given an opinion on this signal", party=party[:60])
    signal_rules.check_live(reads.facts(row))
    return row, opinion


def _record(kind: str, row: Signal, *, party: str, by: Actor, now: datetime) -> SignalOut:
    """Weigh the signal anew, append to the ledger, and return the signal's present state.

    party: the one that the decision or the answer concerns.
    """
    detail: dict[str, object] = {"party": f"party:{party}"}
    if weigh(row):
        row.position = ledger.take_positions(1, now=now)
        row.stamp_s = bulk_sql.next_stamp(now)
        row.save(update_fields=WEIGHED)
        detail["position"] = row.position
    detail["disputed"] = row.is_disputed
    crisis = row.crisis.uid if row.crisis else None
    ledger.append_by(
        kind, by=by, subject=row.ref, now=now, detail=detail, exercise=row.exercise, crisis=crisis
    )
    return reads.describe(row, viewer=by.party)
