# SPDX-License-Identifier: Apache-2.0
"""Writes what a page of a source brings: signals, withdrawals, links, and where to go on.

What is new is one transaction with its checkpoint: whatever dies in between, it is taken whole, or
asked for again, and what is known by its version changes nothing. Many ends go before it, in turns.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from stemtide.hub.exchanges import reads, rules
from stemtide.hub.exchanges.models import Exchange
from stemtide.hub.exchanges.reads import Errand
from stemtide.hub.exchanges.rules import TooManyNewError
from stemtide.hub.exchanges.writes import CLOCK, write_line
from stemtide.hub.exchanges.writes_taking import Taking
from stemtide.hub.ledger import writes as ledger
from stemtide.protocol.exchanges import Fate, Pull

MAX_NAMED = 5
"""Records of one page that the log names one by one; the others are counted."""

_CHANGES = (Fate.SHARED, Fate.CHANGED, Fate.ENDED)
_WRITTEN = (*_CHANGES, Fate.CONFIRMED)
"""What is known when it is met again."""


def take(
    errand: Errand, pull: Pull, *, now: datetime, is_full: bool = False
) -> dict[str, int] | None:
    """Take a page of a source; how many records met which fate. None: the run is not ours now.

    is_full: on a page before it the day was full: nothing new is taken, and the place is kept.

    raises: RefusalError where the rest could not be taken, and nothing of it was: of many ends
    those before it were; TooManyNewError where the day is full: what fits into it was taken, and
    the page is to be asked for again.
    """
    counts: Counter[str] = Counter()
    *ends, rest = rules.in_turns(pull)
    for some in ends:
        taking = _take(errand, some, now=now, is_full=True)
        if taking is None:
            return None
        counts += taking.counts
        ledger.give_way()
    taking = _take(errand, rest, now=now, is_full=is_full)
    if taking is None:
        return None
    counts += taking.counts
    if taking.held_back and not is_full:
        error = TooManyNewError(
            "it brings more than {most:,} new signals in a day: look at it; it goes on after"
            " midnight UTC, or with a higher --most-a-day",
            most=taking.terms.most_a_day,
        )
        error.counts = dict(counts)
        raise error
    return dict(counts)


@transaction.atomic
def _take(errand: Errand, pull: Pull, *, now: datetime, is_full: bool) -> Taking | None:
    """take(), in one transaction."""
    ledger.take_turn()
    row = reads.held(errand, by=CLOCK)
    if row is None:
        return None
    taking = Taking(row, now=now, is_full=is_full)
    taking.take(pull)
    if taking.is_to_come_again:
        # The page is asked for again: what is not written is met again, and counted and said then.
        taking.counts = Counter({one: taking.counts[one] for one in _WRITTEN if taking.counts[one]})
        taking.named.clear()
    else:
        row.checkpoint = pull.checkpoint
    for fate, count in taking.counts.items():
        row.counts[fate] = row.counts.get(fate, 0) + count
    row.save()
    notes = () if taking.is_to_come_again else pull.notes
    _tell(row, taking=taking, notes=notes, now=now)
    return taking


def _tell(row: Exchange, *, taking: Taking, notes: Iterable[str], now: datetime) -> None:
    """Say in the log what a page brought, and in the ledger what it changed."""
    if taking.counts:
        counted = ", ".join(f"{count} {fate}" for fate, count in sorted(taking.counts.items()))
        write_line(row, f"pulled: {counted}", now=now)
    for words in [*taking.named[:MAX_NAMED], *notes]:
        write_line(row, words, now=now)
    changed = {fate.value: taking.counts[fate] for fate in _CHANGES if taking.counts[fate]}
    if changed:
        detail: dict[str, object] = {**changed}
        ledger.append("exchange.pulled", actor=CLOCK, subject=row.ref, now=now, detail=detail)
