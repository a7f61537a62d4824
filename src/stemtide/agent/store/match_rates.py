# SPDX-License-Identifier: Apache-2.0
"""Counts of matches and look-ups by time, and the signals that the flood guard watches.

Minutes are kept for two hours and hours for two days (runaway.toml). Only signals that matched and
asked for more than a log have rows. Look-ups are counted by kind, matched or not. The row of a
minute also has the look-ups of that minute before the signal's first match in it, so that no
look-up from before the signal dilutes its share.
"""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.trust.runaway import Rate, RunawayState, runaway_limits

TABLES = {
    "signal_matches": """CREATE TABLE signal_matches (
      begins_at INTEGER NOT NULL, signal TEXT NOT NULL, count INTEGER NOT NULL,
      lookups_before INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (begins_at, signal)
    ) WITHOUT ROWID""",
    "kind_lookups": """CREATE TABLE kind_lookups (
      begins_at INTEGER NOT NULL, kind TEXT NOT NULL, count INTEGER NOT NULL,
      PRIMARY KEY (begins_at, kind)
    ) WITHOUT ROWID""",
    "runaways": """CREATE TABLE runaways (
      signal TEXT PRIMARY KEY, state TEXT NOT NULL, why TEXT NOT NULL, since INTEGER NOT NULL,
      at INTEGER NOT NULL, matches INTEGER NOT NULL, lookups INTEGER NOT NULL,
      most INTEGER NOT NULL, reported INTEGER NOT NULL DEFAULT -1,
      refused TEXT NOT NULL DEFAULT ''
    ) WITHOUT ROWID""",
}

IS_LOWERED = (
    "EXISTS (SELECT 1 FROM runaways WHERE runaways.signal = signals.id"
    " AND runaways.state = 'lowered')"
)
"""SQL: whether the flood guard of this agent lowered the signal of a row."""

LOWERED_IDS = f"SELECT signal FROM runaways WHERE state = '{RunawayState.LOWERED}'"  # noqa: S608 - our own names
"""SQL: the ids of the signals that the flood guard of this agent lowered."""

COUNT_LOWERED = f"SELECT count(*) FROM runaways WHERE state = '{RunawayState.LOWERED}'"  # noqa: S608 - our own names
"""SQL: how many signals the flood guard of this agent lowered."""

MINUTE_S, HOUR_S = 60, 3600

Read = Callable[[str, Sequence[object]], list[tuple[Any, ...]]]
"""Store.read(), or the same within a transaction."""

_ADD_MATCH = (
    "INSERT INTO signal_matches SELECT :minute, :signal, 1, coalesce(sum(count), 0)"
    " FROM kind_lookups WHERE begins_at = :minute"
    " AND kind = (SELECT kind FROM signals WHERE id = :signal)"
    " ON CONFLICT DO UPDATE SET count = count + 1"
)
_ADD_LOOKUPS = (
    "INSERT INTO kind_lookups VALUES (?, ?, ?)"
    " ON CONFLICT DO UPDATE SET count = count + excluded.count"
)
_COLUMNS = "signal, state, why, since, at, matches, lookups, most"


@dataclass(frozen=True, slots=True)
class Runaway:
    """A signal that matched far more than it plausibly can.

    since:   Unix time of the first match of the flood. at: when it was last counted.
    matches, lookups: since then. most: matches within an hour that were not out of line.
    """

    signal: str
    state: RunawayState
    why: str
    since: int
    at: int
    matches: int
    lookups: int
    most: int


def minute_of(now: datetime) -> int:
    """Return the Unix time at which the minute of a moment began."""
    return int(now.timestamp()) // MINUTE_S * MINUTE_S


def count_matches(tx: sqlite3.Connection, signals: Iterable[str], *, now: datetime) -> None:
    """Count an upload for each of the signals that it matched.

    Look-ups made earlier must be written before.
    """
    minute = minute_of(now)
    tx.executemany(_ADD_MATCH, [{"minute": minute, "signal": signal} for signal in signals])


def add_lookups(tx: sqlite3.Connection, counts: Mapping[tuple[int, Kind], int]) -> None:
    """Add look-ups. counts: by the minute's beginning and the kind."""
    tx.executemany(_ADD_LOOKUPS, [(minute, kind, n) for (minute, kind), n in counts.items()])


def matched_since(read: Read, begins_at: int, *, least: int) -> dict[str, tuple[int, int]]:
    """Return the signals with at least so many matches since a time.

    returns: for each its matches, and the beginning of the first minute or hour that has some.
    """
    rows = read(
        "SELECT signal, sum(count), min(begins_at) FROM signal_matches WHERE begins_at >= ?"
        " GROUP BY signal HAVING sum(count) >= ?",
        (begins_at, least),
    )
    return {signal: (matches, first) for signal, matches, first in rows}


def rate_since(read: Read, signal: str, *, kind: Kind, begins_at: int) -> Rate:
    """Return a signal's matches and the look-ups of its kind since a time.

    If the time is the minute of a match, look-ups before that match do not count.
    """
    ((matches, before),) = read(
        "SELECT coalesce(sum(count), 0),"
        " coalesce(sum(CASE begins_at WHEN ?1 THEN lookups_before END), 0)"
        " FROM signal_matches WHERE begins_at >= ?1 AND signal = ?2",
        (begins_at, signal),
    )
    return Rate(matches, lookups_since(read, kind, begins_at=begins_at) - before)


def lookups_since(read: Read, kind: Kind, *, begins_at: int) -> int:
    """Return the look-ups of a kind since a time."""
    ((lookups,),) = read(
        "SELECT coalesce(sum(count), 0) FROM kind_lookups WHERE begins_at >= ? AND kind = ?",
        (begins_at, kind),
    )
    return int(lookups)


def hourly_shares(read: Read, *, kind: Kind, before: int) -> dict[str, list[float]]:
    """Return, for each signal of a kind, its share of the look-ups in each hour before a time.

    Only of hours with look-ups, oldest first.
    """
    hour = f"begins_at / {HOUR_S}"
    lookups: dict[int, int] = dict(
        read(
            f"SELECT {hour}, sum(count) FROM kind_lookups WHERE kind = ? AND begins_at < ?"  # noqa: S608 - our own names
            " GROUP BY 1",
            (kind, before),
        )
    )
    matches: dict[str, Counter[int]] = defaultdict(Counter)
    for signal, begins, count in read(
        f"SELECT signal, {hour}, sum(count) FROM signal_matches WHERE begins_at < ?"  # noqa: S608 - our own names
        " AND signal IN (SELECT id FROM signals WHERE kind = ?) GROUP BY 1, 2",
        (before, kind),
    ):
        matches[signal][begins] = count
    hours = sorted(lookups)
    return {
        signal: [Rate(counts[begins], lookups[begins]).share for begins in hours]
        for signal, counts in matches.items()
    }


def curve(read: Read, signal: str, *, kind: Kind, begins_at: int, span_s: int) -> dict[int, Rate]:
    """Return the matches of a signal and the look-ups of its kind, by spans since a time."""
    span = f"begins_at / {span_s} * {span_s}, sum(count)"
    rest = "AND begins_at >= ? GROUP BY 1"
    matches: dict[int, int] = dict(
        read(f"SELECT {span} FROM signal_matches WHERE signal = ? {rest}", (signal, begins_at))  # noqa: S608 - our own names
    )
    lookups: dict[int, int] = dict(
        read(f"SELECT {span} FROM kind_lookups WHERE kind = ? {rest}", (kind, begins_at))  # noqa: S608 - our own names
    )
    return {
        begins: Rate(matches.get(begins, 0), lookups.get(begins, 0))
        for begins in sorted({*matches, *lookups})
    }


def tidy(tx: sqlite3.Connection, *, now: datetime) -> None:
    """Add up old minutes to hours, delete old hours, and keep within the number of rows."""
    counts = runaway_limits().counts
    until = _hour_of(now - timedelta(hours=counts.minutes_for_hours))
    oldest = _hour_of(now - timedelta(days=counts.hours_for_days))
    for table, column in (("signal_matches", "signal"), ("kind_lookups", "kind")):
        tx.execute(f"DELETE FROM {table} WHERE begins_at < ?", (oldest,))  # noqa: S608 - our own names
        hours = tx.execute(
            f"SELECT begins_at / {HOUR_S} * {HOUR_S}, {column}, sum(count) FROM {table}"  # noqa: S608 - our own names
            f" WHERE begins_at < ? AND begins_at / {HOUR_S} IN"
            f" (SELECT DISTINCT begins_at / {HOUR_S} FROM {table}"
            f"   WHERE begins_at < ? AND begins_at % {HOUR_S} != 0) GROUP BY 1, 2",
            (until, until),
        ).fetchall()
        tx.executemany(
            f"DELETE FROM {table} WHERE begins_at >= ? AND begins_at < ?",  # noqa: S608 - our own names
            [(begins, begins + HOUR_S) for begins in {row[0] for row in hours}],
        )
        columns = f"begins_at, {column}, count"
        tx.executemany(f"INSERT INTO {table} ({columns}) VALUES (?, ?, ?)", hours)  # noqa: S608 - our own names
    _evict(tx, most=counts.rows)
    tx.execute("DELETE FROM runaways WHERE signal NOT IN (SELECT id FROM signals)")


def _evict(tx: sqlite3.Connection, *, most: int) -> None:
    """Delete the counts of the signals that matched least, while there are too many rows."""
    (rows,) = tx.execute("SELECT count(*) FROM signal_matches").fetchone()
    excess = rows - most
    if excess <= 0:
        return
    going = []
    for signal, size in tx.execute(
        "SELECT signal, count(*) FROM signal_matches GROUP BY signal ORDER BY sum(count)"
    ):
        going.append(signal)
        excess -= size
        if excess <= 0:
            break
    tx.execute(
        "DELETE FROM signal_matches WHERE signal IN (SELECT value FROM json_each(?))",
        (json.dumps(going),),
    )


def read_runaways(read: Read) -> list[Runaway]:
    """Return the signals that ran away, latest change first."""
    rows = read(f"SELECT {_COLUMNS} FROM runaways ORDER BY at DESC, signal", ())  # noqa: S608 - our own names
    return [Runaway(signal, RunawayState(state), *rest) for signal, state, *rest in rows]


def put_runaway(tx: sqlite3.Connection, runaway: Runaway) -> None:
    """Insert a runaway, or replace it; a changed state is reported again."""
    tx.execute(
        f"INSERT INTO runaways ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - our own names
        " ON CONFLICT DO UPDATE SET why = excluded.why, at = excluded.at,"
        " matches = excluded.matches, lookups = excluded.lookups, most = excluded.most,"
        " reported = CASE state WHEN excluded.state THEN reported ELSE -1 END,"
        " refused = '', state = excluded.state",
        (
            runaway.signal,
            runaway.state,
            runaway.why,
            runaway.since,
            runaway.at,
            runaway.matches,
            runaway.lookups,
            runaway.most,
        ),
    )


def forget_runaways(tx: sqlite3.Connection, signals: Iterable[str]) -> None:
    """Delete runaways, so that their signals lead to what the policy says again."""
    tx.executemany("DELETE FROM runaways WHERE signal = ?", [(signal,) for signal in signals])


def _hour_of(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp()) // HOUR_S * HOUR_S
