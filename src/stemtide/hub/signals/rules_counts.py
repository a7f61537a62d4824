# SPDX-License-Identifier: Apache-2.0
"""Rules for the counts that providers report: how many uploads a report can stand for."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from stemtide.hub.signals.rows import Seen
from stemtide.protocol.agents import MOST_A_MINUTE, OutcomeRow

_UNKNOWN = "there is no such signal that your party may see: drop it"


def refused(
    rows: Iterable[OutcomeRow], *, seen: Mapping[UUID, Seen], now: datetime
) -> dict[UUID, str]:
    """Return the signals whose rows are not counted, and why.

    All rows of a signal are refused together: agents settle rows by signal, and would send rows
    again that were counted.
    """
    groups = defaultdict(list)
    for row in rows:
        groups[row.signal].append(row)
    why = {}
    for uid, some in groups.items():
        signal = seen.get(uid)
        if signal is None:
            why[uid] = _UNKNOWN
            continue
        count, most = sum(row.count for row in some), most_of(some, since=signal.shared_at, now=now)
        if count > most:
            why[uid] = (
                f"the rows of this signal count {count:,} uploads, and for the time that they span"
                f" at most {most:,} are believed ({MOST_A_MINUTE:,} a minute): correct the counts"
            )
    return why


def most_of(rows: Sequence[OutcomeRow], *, since: datetime, now: datetime) -> int:
    """Return how many uploads the rows of a signal can stand for together.

    Each minute of the clock that a row touches allows MOST_A_MINUTE, once for all rows.

    since: when the signal was shared. Minutes before that, or in the future, allow nothing more.
    """
    earliest, latest = _minute(since), _minute(now)

    def within(moment: datetime) -> int:
        return max(earliest, min(latest, _minute(moment)))

    minutes, reached = 0, earliest - 1
    for first, last in sorted((within(row.first_at), within(row.last_at)) for row in rows):
        minutes += max(0, last - max(first - 1, reached))
        reached = max(reached, last)
    return MOST_A_MINUTE * minutes


def _minute(moment: datetime) -> int:
    return int(moment.timestamp() // 60)
