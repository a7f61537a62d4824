# SPDX-License-Identifier: Apache-2.0
"""Rules for the counts that providers report: how many uploads a report can plausibly contain."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from stemtide.hub.platform.errors import NotAllowedError
from stemtide.hub.rooms.signals.views import VisibleSignal
from stemtide.protocol.enums import Outcome, PartyKind
from stemtide.protocol.sync.agents import BUCKET, MOST_A_MINUTE, Lookups, OutcomeRow

_UNKNOWN = "there is no such signal that your party may see: drop it"


def refusal_reasons(
    rows: Iterable[OutcomeRow], *, signals: Mapping[UUID, VisibleSignal], now: datetime
) -> dict[UUID, str]:
    """Return the signals whose rows are not counted, with the reason.

    All rows of a signal are refused together: agents settle rows by signal, and would send rows
    again that were counted.
    """
    groups = defaultdict(list)
    for row in rows:
        groups[row.signal].append(row)
    why = {}
    for uid, signal_rows in groups.items():
        signal = signals.get(uid)
        if signal is None:
            why[uid] = _UNKNOWN
            continue
        count, most = (
            sum(row.count for row in signal_rows),
            max_uploads(signal_rows, since=signal.shared_at, now=now),
        )
        if count > most:
            why[uid] = (
                f"the rows of this signal count {count:,} uploads, and for the time that they span"
                f" at most {most:,} are believed ({MOST_A_MINUTE:,} a minute): correct the counts"
            )
    return why


def max_uploads(rows: Sequence[OutcomeRow], *, since: datetime, now: datetime) -> int:
    """Return the highest plausible number of uploads that the rows of a signal stand for together.

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


def split_outliers(
    rows: Iterable[OutcomeRow], *, lookups: Iterable[Lookups]
) -> tuple[list[OutcomeRow], list[tuple[OutcomeRow, int]]]:
    """Split rows into plausible ones and outliers, which add more uploads than were looked up.

    Each outlier comes with the number of look-ups. Rows that move uploads add none. Rows that touch
    a span for which the agent reported no look-ups are never outliers.
    """
    counts = {_bucket(lookup.begins_at): lookup.count for lookup in lookups}
    plausible, outliers = [], []
    for row in rows:
        most = _looked_up(row, counts=counts)
        if most is None or row.count <= most:
            plausible.append(row)
        else:
            outliers.append((row, most))
    return plausible, outliers


def _looked_up(row: OutcomeRow, *, counts: Mapping[int, int]) -> int | None:
    """Return the number of look-ups in the spans of a row; None if nothing limits the row."""
    first, last = _bucket(row.first_at), _bucket(row.last_at)
    if row.was is not None or row.outcome is Outcome.REVERSED or last - first >= len(counts):
        return None
    spans = range(first, last + 1)
    return sum(counts[span] for span in spans) if all(span in counts for span in spans) else None


def check_judge(*, kind: PartyKind, name: str, shared_by: str) -> None:
    """Refuse a decision on an outlier by any party but an agency or the sharer of the signal."""
    if kind is not PartyKind.AGENCY and name != shared_by:
        raise NotAllowedError(
            "only the agency or the party that shared the signal can decide whether these "
            "uploads count: ask one of them"
        )


def _bucket(moment: datetime) -> int:
    return int(moment.timestamp() // BUCKET.total_seconds())


def _minute(moment: datetime) -> int:
    return int(moment.timestamp() // 60)
