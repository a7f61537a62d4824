# SPDX-License-Identifier: Apache-2.0
"""Writes what a page of a source brings: signals, withdrawals, links, and where to go on.

What is new is one transaction with its checkpoint: whatever dies in between, it is taken whole, or
asked for again, and what is known by its version changes nothing. Many ends go before it, in turns,
and so does what is too much for one turn where indicators are several records each.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from stemtide.hub.exchanges import reads, rules_turns
from stemtide.hub.exchanges.models import Exchange
from stemtide.hub.exchanges.reads import Errand
from stemtide.hub.exchanges.rules import TooManyNewError
from stemtide.hub.exchanges.writes import CLOCK, write_line
from stemtide.hub.exchanges.writes_taking import Taking
from stemtide.hub.ledger import writes as ledger
from stemtide.hub.ledger.writes_parts import part
from stemtide.protocol.exchanges import Fate, Pull

MAX_NAMED = 5
"""Records of one page that the log names one by one; the others are counted."""

_CHANGES = (Fate.SHARED, Fate.CHANGED, Fate.ENDED)
_WRITTEN = (*_CHANGES, Fate.CONFIRMED)
"""What is known when it is met again."""


@dataclass
class _Held:
    """What is counted and said of a page with its last turn: before, it may be asked for again."""

    counts: Counter[str] = field(default_factory=Counter)
    named: list[str] = field(default_factory=list)


def take(
    errand: Errand, pull: Pull, *, now: datetime, is_full: bool = False
) -> dict[str, int] | None:
    """Take a page of a source; how many records met which fate. None: the run is not ours now.

    is_full: on a page before it the day was full: nothing new is taken, and the place is kept.

    raises: RefusalError where the rest could not be taken, and nothing of it was: what was taken in
    turns before it was; TooManyNewError where the day is full: what fits into it was taken, and
    the page is to be asked for again.
    """
    counts: Counter[str] = Counter()
    wholes = {one.whole for one in pull.told} | {fault.key for fault in pull.faults}
    standing = reads.standing(errand, wholes, by=CLOCK)
    turns = rules_turns.in_turns(pull, standing=standing)
    held, is_over, most = _Held(), is_full, 0
    for number, some in enumerate(turns, start=1):
        is_last = number == len(turns)
        taking = _take(errand, some, now=now, is_full=is_over, held=held, is_last=is_last)
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


@part()
def _take(
    errand: Errand, pull: Pull, *, now: datetime, is_full: bool, held: _Held, is_last: bool
) -> Taking | None:
    """One turn of take(), in one transaction."""
    row = reads.held(errand, by=CLOCK)
    if row is None:
        return None
    taking = Taking(row, now=now, is_full=is_full)
    taking.take(pull)
    held.counts += taking.counts
    held.named += taking.named
    # Where the page is asked for again, what is not written is met, counted and said then.
    is_done = is_last and not taking.is_to_come_again
    taking.counts = Counter({one: taking.counts[one] for one in _WRITTEN if taking.counts[one]})
    held.counts -= taking.counts
    taking.named = []
    if is_done:
        taking.counts += held.counts
        taking.named = held.named
        row.checkpoint = pull.checkpoint
    for fate, count in taking.counts.items():
        row.counts[fate] = row.counts.get(fate, 0) + count
    row.save()
    _tell(row, taking=taking, notes=pull.notes if is_done else (), now=now)
    return taking


def _tell(row: Exchange, *, taking: Taking, notes: Iterable[str], now: datetime) -> None:
    """Say in the log what a page brought, and in the ledger what it changed."""
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
    """What the log says of comparisons that are no signals, of records that were taken."""
    for key, count in list(beside.items())[:MAX_NAMED]:
        yield f"{key}: {count} of its comparisons are none that uploads are compared with"
    if len(beside) > MAX_NAMED:
        count = sum(list(beside.values())[MAX_NAMED:])
        yield f"{len(beside) - MAX_NAMED} more records: so are {count} of their comparisons"
