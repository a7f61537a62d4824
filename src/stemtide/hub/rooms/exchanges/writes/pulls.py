# SPDX-License-Identifier: Apache-2.0
"""Write a page of a source: signals, withdrawals, links, and the checkpoint.

New signals and the checkpoint are one transaction: after a crash, the page was written as a whole
or is fetched again, and records in a known version change nothing. Many ended records are written
before it in separate transactions, and so are pages of several records per indicator that are too
large for one.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from stemtide.hub.rooms.exchanges.models import Exchange, Record
from stemtide.hub.rooms.exchanges.reads import exchanges as reads
from stemtide.hub.rooms.exchanges.reads.exchanges import ClaimedRun
from stemtide.hub.rooms.exchanges.rules import turns as turns_rules
from stemtide.hub.rooms.exchanges.rules.exchanges import TooManyNewError
from stemtide.hub.rooms.exchanges.writes import feedback
from stemtide.hub.rooms.exchanges.writes.exchanges import write_line
from stemtide.hub.rooms.exchanges.writes.records import PageImport
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.ledger.writes.transactions import part
from stemtide.hub.rooms.signals.long_values import batches
from stemtide.interop.exchanges import Pull, RecordOutcome, SourceRecord

MAX_NAMED = 5
"""Records of a page that the log names individually; the others are only counted."""

_CHANGES = (RecordOutcome.SHARED, RecordOutcome.CHANGED, RecordOutcome.ENDED)
_KNOWN_FATES = (
    *(*_CHANGES, RecordOutcome.WAITING, RecordOutcome.CONFIRMED),
    *(feedback.OPINIONS, feedback.SIGHTINGS),
)
"""Fates after which a record is known when it comes again."""


@dataclass
class _Pending:
    """Counts and messages that are written with a page's last transaction."""

    counts: Counter[str] = field(default_factory=Counter)
    named: list[str] = field(default_factory=list)


def import_page(
    run: ClaimedRun, pull: Pull, *, now: datetime, is_full: bool = False
) -> dict[str, int] | None:
    """Process a page of a source; return the number of records by fate.

    returns: None if another run has taken over. is_full: the day's limit was reached on an earlier
    page: nothing new is accepted, and the checkpoint stays.

    raises: RefusalError if the rest could not be processed; earlier transactions stay.
    TooManyNewError
    if the day's limit is reached: the page was processed up to it, and must be fetched again.
    """
    counts: Counter[str] = Counter()
    pull = _of_full_reading(run, pull, now=now)
    wholes = {source_record.whole for source_record in pull.told} | {
        fault.key for fault in pull.faults
    }
    known_parts = reads.known_parts(run, wholes)
    turns = turns_rules.split_page(pull, standing=known_parts)
    pending, is_over, most = _Pending(), is_full, 0
    for number, part_of_page in enumerate(turns, start=1):
        is_last = number == len(turns)
        taking = _import_part(
            run, part_of_page, now=now, is_full=is_over, pending=pending, is_last=is_last
        )
        if taking is None:
            return None
        counts += taking.counts
        most = taking.terms.most_a_day
        is_over = is_over or taking.held_back > 0
    if is_over and not is_full:
        error = TooManyNewError(
            "it brings more than {most:,} new signals in a day: look at it; it goes on after"
            " midnight UTC, or with a higher --most-a-day",
            most=most,
        )
        error.counts = dict(counts)
        raise error
    return dict(counts)


def _of_full_reading(run: ClaimedRun, pull: Pull, *, now: datetime) -> Pull:
    """Return a page; at the end of a reading of everything, with records that did not come.

    What comes in a known version is not written again, so it is noted as seen first.
    """
    if pull.full_since is None:
        return pull
    _note_seen(run, [source_record.key for source_record in pull.told], now=now)
    if not pull.is_whole:
        return pull
    gone = [SourceRecord(key, "ended") for key in reads.unseen(run, pull.full_since)]
    return replace(pull, told=[*pull.told, *gone])


@part()
def _note_seen(run: ClaimedRun, keys: Iterable[str], *, now: datetime) -> None:
    """Note that records came again."""
    row = reads.claimed_exchange(run)
    if row is not None:
        for batch in batches(keys):
            Record.objects.filter(exchange=row, key__in=batch).update(seen_at=now)


@part()
def _import_part(
    run: ClaimedRun, pull: Pull, *, now: datetime, is_full: bool, pending: _Pending, is_last: bool
) -> PageImport | None:
    """Process one part of a page, in one transaction."""
    row = reads.claimed_exchange(run)
    if row is None:
        return None
    taking = PageImport(row, now=now, is_full=is_full)
    taking.take(pull)
    if taking.terms.feedback:
        taking.take_feedback(pull)
    pending.counts += taking.counts
    pending.named += taking.named
    # If the page is fetched again, unwritten records are counted and logged then.
    is_done = is_last and not taking.is_to_come_again
    taking.counts = Counter(
        {fate: taking.counts[fate] for fate in _KNOWN_FATES if taking.counts[fate]}
    )
    pending.counts -= taking.counts
    taking.named = []
    if is_done:
        taking.counts += pending.counts
        taking.named = pending.named
        row.checkpoint = pull.checkpoint
    for fate, count in taking.counts.items():
        row.counts[fate] = row.counts.get(fate, 0) + count
    row.save()
    _tell(row, taking=taking, notes=pull.notes if is_done else (), now=now)
    return taking


def _tell(row: Exchange, *, taking: PageImport, notes: Iterable[str], now: datetime) -> None:
    """Log the result of a page, and append its changes to the ledger."""
    if taking.counts:
        counted = ", ".join(f"{count} {fate}" for fate, count in sorted(taking.counts.items()))
        write_line(row, f"pulled: {counted}", now=now)
    for words in [*taking.named[:MAX_NAMED], *_beside(taking.beside), *notes]:
        write_line(row, words, now=now)
    changed = {fate.value: taking.counts[fate] for fate in _CHANGES if taking.counts[fate]}
    if changed:
        detail: dict[str, object] = {**changed}
        ledger.append("exchange.pulled", actor=CLOCK, subject=row.ref, now=now, detail=detail)


def _beside(beside: Mapping[str, int]) -> Iterator[str]:
    """Yield log lines about comparisons that are no signals, for records that were accepted."""
    for key, count in list(beside.items())[:MAX_NAMED]:
        yield f"{key}: {count} of its comparisons are none that uploads are compared with"
    if len(beside) > MAX_NAMED:
        count = sum(list(beside.values())[MAX_NAMED:])
        yield f"{len(beside) - MAX_NAMED} more records: so are {count} of their comparisons"
