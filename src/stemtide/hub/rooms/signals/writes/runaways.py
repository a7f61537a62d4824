# SPDX-License-Identifier: Apache-2.0
"""Write reports about signals that match too much, and agencies' decisions about them."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals import bulk_sql
from stemtide.hub.rooms.signals.models import RunawayDecision, RunawayReport, Signal
from stemtide.hub.rooms.signals.reads import runaways as reads, signals
from stemtide.hub.rooms.signals.rules import runaways as rules, signals as signal_rules
from stemtide.hub.rooms.signals.rules.runaways import LOWERED
from stemtide.hub.rooms.signals.writes.opinions import follow_standing
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.sync.runaways import RunawayDecisionIn, RunawayOut, RunawayReportIn
from stemtide.protocol.trust.runaway import RunawayState

_MOST_SPANS = 288
"""Spans of a curve that are kept: a day."""


@transaction.atomic
def report(
    uid: UUID, *, agent: str, body: RunawayReportIn, by: Party, now: datetime, through: str = ""
) -> RunawayOut:
    """Store an agent's report about a signal; lower it everywhere if enough parties report it.

    The ledger gets an entry when an agent reports another state, and when the signal is lowered.

    raises: NotFoundError, NotAllowedError for all but providers, ConflictError for an ended signal,
            InvalidError for counts that are not believed.
    """
    rules.check_report(kind=PartyKind(by.kind))
    ledger.lock_ledger()
    row = signals.find(uid, viewer=by)
    signal_rules.check_live(signals.facts(row))
    rules.check_plausible(body, shared_at=row.shared_at, now=now)
    before = RunawayReport.objects.filter(signal=row, party=by, agent=agent).first()
    fields = body.model_dump(exclude={"curve"}) | {
        "state": body.state.value,
        "curve": _merged(before.curve if before else [], body),
        "reported_at": now,
    }
    RunawayReport.objects.update_or_create(signal=row, party=by, agent=agent, defaults=fields)
    if before is None or before.state != body.state:
        detail: dict[str, object] = {"state": body.state.value, "agent": agent}
        detail |= {"matches": body.matches, "lookups": body.lookups}
        detail |= {"through": through} if through else {}
        is_lifted = body.state is RunawayState.LIFTED
        kind = "runaway.lifted" if is_lifted else "runaway.reported"
        _append(kind, row, actor=by.ref, now=now, detail=detail)
        for party in (by, row.shared_by):
            follow_standing(party)
        _weigh(row, now=now)
    return reads.describe(row, viewer=by)


@transaction.atomic
def lower(uid: UUID, *, body: RunawayDecisionIn, by: Actor, now: datetime) -> RunawayOut:
    """Lower a signal to hold everywhere. raises: NotFoundError, NotAllowedError, ConflictError."""
    return _decide(uid, body=body, is_lowered=True, by=by, now=now)


@transaction.atomic
def clear(uid: UUID, *, body: RunawayDecisionIn, by: Actor, now: datetime) -> RunawayOut:
    """Decide that a signal's matches are right: no agent lowers it, and no earlier report counts.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    return _decide(uid, body=body, is_lowered=False, by=by, now=now)


def _decide(
    uid: UUID, *, body: RunawayDecisionIn, is_lowered: bool, by: Actor, now: datetime
) -> RunawayOut:
    """Store an agency's decision and set the mark."""
    ledger.lock_ledger()
    row = signals.find(uid, viewer=by.party)
    rules.check_decide(kind=by.kind, role=by.role)
    signal_rules.check_live(signals.facts(row))
    RunawayDecision.objects.update_or_create(
        signal=row,
        defaults={
            "party": by.party,
            "is_lowered": is_lowered,
            "reason": body.reason,
            "decided_at": now,
        },
    )
    row.runaway_reports.update(counts=False)
    follow_standing(by.party)
    _move(row, now=now)
    ledger.append_by(
        "runaway.decided",
        by=by,
        subject=row.ref,
        now=now,
        detail=_detail(row),
        exercise=row.exercise,
        crisis=row.crisis.uid if row.crisis else None,
    )
    return reads.describe(row, viewer=by.party)


def _weigh(row: Signal, *, now: datetime) -> None:
    """Set the mark that the reports lead to."""
    if reads.mark_of(row) != row.flood:
        _move(row, now=now)
        record_mark(row, now=now)


def record_mark(row: Signal, *, now: datetime) -> None:
    """Record in the ledger that reports lowered a signal everywhere, or no longer do."""
    kind = "runaway.lowered" if row.flood == LOWERED else "runaway.ended"
    _append(kind, row, actor=CLOCK, now=now, detail=_detail(row))


def _move(row: Signal, *, now: datetime) -> None:
    """Set a signal's mark and give it a new feed position."""
    row.flood = reads.mark_of(row)
    row.position = ledger.take_positions(1, now=now)
    row.stamp_s = bulk_sql.next_stamp(now)
    row.save(update_fields=["flood", "position", "stamp_s"])


def _detail(row: Signal) -> dict[str, object]:
    """Return the ledger's detail about a signal's mark."""
    reporting = sorted({party.name for party in reads.flood_facts(row).reporting})
    return {"mark": row.flood, "position": row.position, "reported_by": reporting}


def _append(
    kind: str, row: Signal, *, actor: str, now: datetime, detail: dict[str, object]
) -> None:
    """Append an entry about a signal to the ledger."""
    ledger.append(
        kind,
        actor=actor,
        subject=row.ref,
        now=now,
        detail=detail,
        exercise=row.exercise,
        crisis=row.crisis.uid if row.crisis else None,
    )


def _merged(before: list[list[int]], body: RunawayReportIn) -> list[list[int]]:
    """Return a stored curve with the spans of a report, the latest day of it."""
    spans = {span[0]: span for span in before}
    for bucket in body.curve:
        begins = int(bucket.begins_at.timestamp())
        spans[begins] = [begins, bucket.matches, bucket.count]
    return [spans[begins] for begins in sorted(spans)][-_MOST_SPANS:]
