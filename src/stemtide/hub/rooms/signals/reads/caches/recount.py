# SPDX-License-Identifier: Apache-2.0
"""Compare what the database keeps with what its rows say. Reads every signal."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.db.models import Count, F, Max, Min, Q, Sum

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.signals.models import (
    MispBlock,
    OutcomeTally,
    Sighting,
    Signal,
    SignalTally,
)
from stemtide.hub.rooms.signals.reads.misp import representable
from stemtide.hub.rooms.signals.reads.signals import TALLIED
from stemtide.interop.misp.events import MAX_SIGNALS
from stemtide.protocol.enums import SignalState

MARKS = ("tlp", "audience", "shared_by", "exercise")
OF_OUTCOME = (*MARKS, "party", "outcome")
_ROW_MARKS = tuple(f"signal__{name}" for name in MARKS)
OF_BLOCK = ("block", "crisis", "tlp", "audience", "shared_by")

Rows = dict[tuple[Any, ...], tuple[Any, ...]]
"""Numbers by what is counted together."""


class Difference(NamedTuple):
    """A kept row that its signals do not bear out. stored, counted: empty where there is none."""

    table: str
    key: tuple[Any, ...]
    stored: tuple[Any, ...]
    counted: tuple[Any, ...]


@needs_no_viewer("the operator compares all, and is shown numbers only")
def differences() -> list[Difference]:
    """Return the rows that differ. Call it in one transaction: others write meanwhile."""
    kept_tallies = _by_key(SignalTally.objects.values_list(*MARKS, *TALLIED), size=len(MARKS))
    kept_blocks = _by_key(
        MispBlock.objects.values_list(*OF_BLOCK, "stamp_s", "since"), size=len(OF_BLOCK)
    )
    kept_outcomes = _by_key(
        OutcomeTally.objects.values_list(*OF_OUTCOME, "count", "last_at"), size=len(OF_OUTCOME)
    )
    return [
        *_compared("tally", kept_tallies, counted_tallies()),
        *_compared("block", kept_blocks, counted_blocks()),
        *_compared("outcomes", kept_outcomes, counted_outcomes()),
    ]


@needs_no_viewer("it returns a number")
def count_beyond(position: int) -> int:
    """Count the signals whose feed position is beyond the feed's head, or none."""
    return Signal.objects.filter(Q(position__gt=position) | Q(position__lt=1)).count()


@needs_no_viewer("the operator recounts for all parties")
def counted_tallies() -> Rows:
    """Count all signals by MARKS: their numbers by TALLIED."""
    live = Q(state=SignalState.LIVE)
    is_counted = {
        "live": live,
        "withdrawn": Q(state=SignalState.WITHDRAWN),
        "expired": Q(state=SignalState.EXPIRED),
        "disputed": live & Q(is_disputed=True),
    }
    numbers = [Count("pk", filter=is_counted[name]) for name in TALLIED]
    rows = Signal.objects.order_by().values_list(*MARKS)
    named = {f"number_{name}": number for name, number in zip(TALLIED, numbers, strict=True)}
    return _by_key(rows.annotate(**named), size=len(MARKS))


@needs_no_viewer("the operator recounts for all parties")
def counted_blocks() -> Rows:
    """Return stamp and first share of MISP's blocks by OF_BLOCK, as their signals have them."""
    rows = representable(Signal.objects.all()).annotate(block=F("pk") / MAX_SIGNALS).order_by()
    ends = (Max("stamp_s"), Min("shared_at"))
    of_all = rows.values_list("block", "tlp", "audience", "shared_by").annotate(*ends)
    of_crises = rows.filter(crisis__isnull=False).values_list(*OF_BLOCK).annotate(*ends)
    whole = ((block, None, *more) for block, *more in of_all)
    return _by_key([*whole, *of_crises], size=len(OF_BLOCK))


@needs_no_viewer("the operator recounts for all parties")
def counted_outcomes() -> Rows:
    """Return sums and last times of sightings by OF_OUTCOME."""
    rows = Sighting.objects.order_by().values_list(*_ROW_MARKS)
    last, signals = Max("last_at"), Count("signal", distinct=True)
    sums = rows.values_list(*_ROW_MARKS, "party", "outcome").annotate(Sum("count"), last)
    of_parties = rows.values_list(*_ROW_MARKS, "party").annotate(signals, last)
    of_all = rows.annotate(signals, last)
    size = len(MARKS)
    return _by_key(
        [
            *sums,
            *((*row[: size + 1], "", *row[size + 1 :]) for row in of_parties),
            *((*row[:size], None, "", *row[size:]) for row in of_all),
        ],
        size=len(OF_OUTCOME),
    )


def _by_key(rows: Iterable[tuple[Any, ...]], *, size: int) -> Rows:
    """Return rows by their first columns."""
    return {row[:size]: row[size:] for row in rows}


def _compared(table: str, stored: Rows, counted: Rows) -> list[Difference]:
    """Return the rows of a table that differ; a row of nothing but zeros is as good as none."""
    return [
        Difference(table, key, stored.get(key, ()), counted.get(key, ()))
        for key in stored.keys() | counted.keys()
        if stored.get(key, ()) != counted.get(key, ())
        and (any(stored.get(key, ())) or any(counted.get(key, ())))
    ]
