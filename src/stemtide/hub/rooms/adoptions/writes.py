# SPDX-License-Identifier: Apache-2.0
"""Adopt signals of a crisis, answer which of them stay, and give the others its end.

1 A leading party adopts signals: they get its basis, and a date of the standing database. Each
  batch is a transaction of its own with an entry, so that other writers get their turn.
2 It answers the question. Closing waits for that.
3 Once the crisis is closed, the scheduler gives all other signals the end of its tail as theirs.
  Agents learn of it in the feed, long before; the signals expire then as any do.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime

from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.platform.retention.rules import check_basis
from stemtide.hub.rooms.adoptions import reads, rules
from stemtide.hub.rooms.adoptions.models import Adoption
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.crises.rules import closing, moves as moves_rules
from stemtide.hub.rooms.crises.writes import moves
from stemtide.hub.rooms.ledger.reads import ledger as ledger_reads
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.ledger.writes.transactions import part
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals import bulk_sql
from stemtide.hub.rooms.signals.long_values import batches
from stemtide.hub.rooms.signals.models import Signal
from stemtide.protocol.enums import AdoptionAnswer, SignalState
from stemtide.protocol.law.retention import GIVEN, RowClass, after_end, signal_term_ends
from stemtide.protocol.law.retention.adoptions import (
    AdoptIn,
    AdoptionAnswerIn,
    AdoptionOut,
    UnadoptIn,
)
from stemtide.protocol.messages.crises import CloseIn, CrisisLife, ProposalIn

AT_ONCE = 1000
"""Signals of one transaction."""

BATCHES = 20
"""The most transactions of one run of the scheduler: it has other work."""

_DATES = ("erase_due", "expires_at")
_COLUMNS = ("legal_basis", "purpose", "retention_rule", *_DATES)


def adopt(uid: UUID, *, body: AdoptIn, by: Actor, now: datetime) -> AdoptionOut:
    """Adopt signals of a crisis into the standing database; those that are adopted stay as are.

    raises: NotFoundError, NotAllowedError, ConflictError once the crisis is over; InvalidError for
            a basis that the party's kind cannot have.
    """
    row = crises.find(uid, viewer=by.party)
    closing.check_adopt(crises.facts(row), by=by, now=now)
    check_basis(body.legal_basis, kind=by.kind)
    rows = reads.chosen(row, body=body, viewer=by.party)
    _adopt_all(row, rows, body=body, by=by, now=now)
    return reads.adoption(uid, by=by)


def unadopt(uid: UUID, *, body: UnadoptIn, by: Actor, now: datetime) -> AdoptionOut:
    """Undo adoptions of one's own party, until the crisis is closed.

    raises: NotFoundError, NotAllowedError; ConflictError for a closed crisis, and if the party has
            adopted none of the signals.
    """
    row = crises.find(uid, viewer=by.party)
    closing.check_answer_choice(crises.facts(row), by=by)
    own = reads.chosen(row, body=body, viewer=by.party).filter(adoption__party=by.party)
    count = 0
    while undone := _undo_some(row, own, by=by, now=now):
        count += undone
    rules.check_own(count, party=by.name)
    return reads.adoption(uid, by=by)


def answer(uid: UUID, *, body: AdoptionAnswerIn, by: Actor, now: datetime) -> AdoptionOut:
    """Answer which signals of a crisis stay: the pre-selected ones, all, or no more than adopted.

    raises: NotFoundError, NotAllowedError, ConflictError for a closed crisis; InvalidError for a
            basis that the party's kind cannot have.
    """
    row = crises.find(uid, viewer=by.party)
    closing.check_answer_choice(crises.facts(row), by=by)
    check_basis(body.legal_basis, kind=by.kind)
    if body.adopt is not AdoptionAnswer.NONE:
        rows = reads.live(row, viewer=by.party)
        if body.adopt is AdoptionAnswer.SUGGESTED:
            rows = reads.suggested(rows)
        _adopt_all(row, rows, body=body, by=by, now=now)
    _note_answer(uid, body=body, by=by, now=now)
    return reads.adoption(uid, by=by)


@needs_no_entry("closing and answering record themselves")
def close(uid: UUID, *, body: CloseIn, by: Actor, now: datetime) -> CrisisLife:
    """Close a warning; with body.adopt, first answer which of its signals stay.

    raises: as moves.close() and answer() do.
    """
    if body.adopt is not None:
        row = crises.find(uid, viewer=by.party)
        moves_rules.check_close(replace(crises.facts(row), is_current=True), by=by)
        answer(uid, body=AdoptionAnswerIn(adopt=body.adopt), by=by, now=now)
    return moves.close(uid, body=body, by=by, now=now)


@needs_no_entry("proposing and answering record themselves")
def propose(uid: UUID, *, body: ProposalIn, by: Actor, now: datetime) -> CrisisLife:
    """Propose a move; with body.adopt, first answer which signals stay.

    raises: as moves.propose() and answer() do.
    """
    if body.adopt is not None:
        row = crises.find(uid, viewer=by.party)
        facts = replace(crises.facts(row), is_current=True)
        moves_rules.check_propose(facts, by=by, act=body.act)
        answer(uid, body=AdoptionAnswerIn(adopt=body.adopt), by=by, now=now)
    return moves.propose(uid, body=body, by=by, now=now)


def limit_due(now: datetime) -> int:
    """Give signals of closed crises that nobody adopted the crisis' end; return how many.

    What one run does not finish, the next one goes on with.
    """
    _forget_erased()
    count = 0
    for row in Crisis.objects.filter(ends_signals=True):
        # Most runs during a tail have nothing to do, and take no lock.
        for _ in range(BATCHES if row.ended_at or reads.unlimited(row).exists() else 0):
            limited = _limit_some(row, now=now)
            count += limited
            if not limited:
                break
    return count


def _forget_erased() -> None:
    """Delete the adoptions of erased signals: they say on which basis a party had them."""
    left = Adoption.objects.filter(signal__erased_at__isnull=False)
    if left.exists():  # most runs have nothing to do, and take no lock
        left.delete()


def _adopt_all(
    row: Crisis,
    rows: QuerySet[Signal],
    *,
    body: AdoptIn | AdoptionAnswerIn,
    by: Actor,
    now: datetime,
) -> None:
    """Adopt signals in batches, until none of them is left."""
    while _adopt_some(row, rows, body=body, by=by, now=now):
        pass


@part()
def _adopt_some(
    row: Crisis,
    rows: QuerySet[Signal],
    *,
    body: AdoptIn | AdoptionAnswerIn,
    by: Actor,
    now: datetime,
) -> int:
    """Adopt one batch, and append to the ledger."""
    row.refresh_from_db()
    facts = crises.facts(row)
    closing.check_adopt(facts, by=by, now=now)
    if by.kind not in facts.framework.leads:  # who opened a warning: others keep their own basis
        rows = rows.filter(shared_by=by.party)
    signals = list(rows.filter(adoption=None, shared_at__lte=now).order_by("pk")[:AT_ONCE])
    if not signals:
        return 0
    until = signal_term_ends(now)
    adoptions = [_adoption(signal, body=body, by=by, now=now) for signal in signals]
    Adoption.objects.bulk_create(adoptions, batch_size=500)
    _give(signals, adoptions)
    ending = [signal.pk for signal in signals if signal.expires_at and signal.expires_at < until]
    detail: dict[str, object] = {"count": len(signals), "until": until.isoformat()}
    detail |= {"basis": adoptions[0].given["legal_basis"]} | _redate(ending, until, now=now)
    _record("signals.adopted", row, by=by, now=now, detail=detail)
    return len(signals)


def _adoption(
    row: Signal, *, body: AdoptIn | AdoptionAnswerIn, by: Actor, now: datetime
) -> Adoption:
    """Return the adoption of a signal, with the columns that it gives it. A later date stays."""
    until = signal_term_ends(now)
    columns = rules.given_columns(kind=by.kind, legal_basis=body.legal_basis, purpose=row.purpose)
    due = max(row.erase_due or until, after_end(RowClass.SIGNAL, until))
    return Adoption(
        signal=row,
        party=by.party,
        by_ref=by.ref,
        at=now,
        until=until,
        given=columns | {"erase_due": due.isoformat()},
        before={name: _as_text(getattr(row, name)) for name in _COLUMNS},
    )


def _as_text(value: object) -> object:
    """Return a column's value as JSON has it."""
    return value.isoformat() if isinstance(value, datetime) else value


def _give(signals: Sequence[Signal], adoptions: Sequence[Adoption]) -> None:
    """Write the columns that adoptions give to their signals: most of them get the same."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for signal, adoption in zip(signals, adoptions, strict=True):
        groups.setdefault(tuple(adoption.given.items()), []).append(signal.pk)
    for columns, pks in groups.items():
        for numbers in batches(pks):
            Signal.objects.filter(pk__in=numbers).update(**dict(columns))


def _redate(pks: Sequence[int], until: datetime, *, now: datetime) -> dict[str, object]:
    """Give signals another expiry, which agents learn from the feed; return the entry's detail."""
    if not pks:
        return {}
    first = ledger.take_positions(len(pks), now=now)
    bulk_sql.date_signals(pks, expires_at=until, first=first, now=now)
    return {"first": first, "last": first + len(pks) - 1}


@part()
def _undo_some(row: Crisis, own: QuerySet[Signal], *, by: Actor, now: datetime) -> int:
    """Undo one batch of adoptions, and append to the ledger."""
    row.refresh_from_db()
    closing.check_answer_choice(crises.facts(row), by=by)
    signals = list(own.select_related("adoption").order_by("pk")[:AT_ONCE])
    if not signals:
        return 0
    _restore(signals, now=now)
    Adoption.objects.filter(signal__in=[signal.pk for signal in signals]).delete()
    _record("adoptions.reverted", row, by=by, now=now, detail={"count": len(signals)})
    return len(signals)


def _restore(signals: Sequence[Signal], *, now: datetime) -> None:
    """Give signals what they had before their adoptions. What changed since then stays."""
    groups: dict[tuple[tuple[str, Any], ...], list[int]] = {}
    ends: dict[datetime, list[int]] = {}
    for signal in signals:
        adopted, before = signal.adoption, _before(signal.adoption)
        columns = tuple((name, before[name]) for name in _unchanged(signal, adopted))
        groups.setdefault(columns, []).append(signal.pk)
        end = before["expires_at"]
        if signal.expires_at == adopted.until and end not in {None, adopted.until}:
            ends.setdefault(end, []).append(signal.pk)
    for columns, pks in groups.items():
        for numbers in batches(pks if columns else ()):
            Signal.objects.filter(pk__in=numbers).update(**dict(columns))
    first = ledger.take_positions(sum(map(len, ends.values())), now=now) if ends else 0
    for end, pks in ends.items():
        bulk_sql.date_signals(pks, expires_at=end, first=first, now=now)
        first += len(pks)


def _before(adopted: Adoption) -> dict[str, Any]:
    """Return the columns of a signal before its adoption."""
    return {
        name: parse_datetime(value) if name in _DATES and isinstance(value, str) else value
        for name, value in adopted.before.items()
    }


def _unchanged(row: Signal, adopted: Adoption) -> list[str]:
    """Return the names of the columns that have the value that the adoption gave them."""
    columns = adopted.given.items()
    return [name for name, value in columns if _as_text(getattr(row, name)) == value]


@part()
def _note_answer(uid: UUID, *, body: AdoptionAnswerIn, by: Actor, now: datetime) -> None:
    """Note that a leading party has answered, up to the present end of the feed."""
    row = crises.find(uid, viewer=by.party)
    closing.check_answer_choice(crises.facts(row), by=by)
    meanwhile = row.signals.filter(state=SignalState.LIVE, adoption=None, shared_at__gt=now)
    newer = meanwhile.order_by("position").values_list("position", flat=True).first()
    row.answered_to = ledger_reads.heads().positions if newer is None else newer - 1
    row.save(update_fields=["answered_to"])
    detail: dict[str, object] = {"adopt": body.adopt.value}
    _record("adoption.answered", row, by=by, now=now, detail=detail)


@part()
def _limit_some(row: Crisis, *, now: datetime) -> int:
    """Give one batch the end of the tail; once the crisis has ended and none is left, note that."""
    row.refresh_from_db()
    pks = list(reads.unlimited(row).order_by("position").values_list("pk", flat=True)[:AT_ONCE])
    if not pks or row.tail_ends_at is None:
        if row.ended_at is not None:
            Crisis.objects.filter(pk=row.pk).update(ends_signals=False)
        return 0
    detail: dict[str, object] = {"count": len(pks), "until": row.tail_ends_at.isoformat()}
    _follow_end(row, pks)
    detail |= _redate(pks, row.tail_ends_at, now=now)
    ledger.append(
        "signals.limited",
        actor=CLOCK,
        subject=row.ref,
        now=now,
        detail=detail,
        exercise=row.exercise,
        crisis=row.uid,
    )
    return len(pks)


def _follow_end(row: Crisis, pks: Sequence[int]) -> None:
    """Let an erasure follow the new end where the sharer gave the end itself."""
    for numbers in batches(pks):
        rows = Signal.objects.filter(pk__in=numbers, retention_rule__endswith=GIVEN)
        for signal in rows:
            old_end = signal.expires_at or signal_term_ends(signal.shared_at)
            if signal.erase_due == after_end(RowClass.SIGNAL, old_end) and row.tail_ends_at:
                due = after_end(RowClass.SIGNAL, row.tail_ends_at)
                Signal.objects.filter(pk=signal.pk).update(erase_due=due)


def _record(kind: str, row: Crisis, *, by: Actor, now: datetime, detail: dict[str, object]) -> None:
    """Append to the ledger: who did it, and through which hand."""
    ledger.append_by(kind, by=by, subject=row.ref, now=now, detail=detail, exercise=row.exercise)
