# SPDX-License-Identifier: Apache-2.0
"""Count uploads by outcome: each once, at its current outcome.

When the outcome of an upload changes, a row moves it: "was" is the outcome that it counted at
before. The row keeps the time at which the content was met. Items of own banks are never counted:
the counts go to the hub.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from stemtide.agent.store import match_rates
from stemtide.agent.store.database import Transaction
from stemtide.agent.store.own_banks import own_ids
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import OUTCOME_OF, Action, Outcome
from stemtide.protocol.sync.agents import BUCKET, HOUR_S

UNSEALED = ""
"""The report of counts that are in no report yet."""


class PendingLookups:
    """Look-ups that counted no upload; they are written with the next upload that counts.

    So most look-ups write nothing. If no upload counts they are written after a minute, and at the
    end. A crash loses some, but none that counted an upload. Look-ups
    are also counted by kind, for the flood guard.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._kinds: Counter[tuple[int, Kind]] = Counter()

    def add(self, number: int, *, kinds: Iterable[Kind]) -> None:
        """Count look-ups at the current time.

        number: those that counted no upload. kinds: of every fingerprint looked up, each once for
        a piece of content.
        """
        now = datetime.now(UTC)
        minute = match_rates.minute_of(now)
        with self._lock:
            self._counts[_bucket(now)] += number
            for kind in kinds:
                self._kinds[minute, kind] += 1

    def __bool__(self) -> bool:
        """Whether any look-up waits to be written."""
        return bool(self._counts)

    def write(self, tx: Transaction) -> None:
        """Write the pending counts."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            kinds, self._kinds = self._kinds, Counter()
        match_rates.add_lookups(tx, kinds)
        for bucket, number in counts.items():
            _add_lookups(tx, bucket, number)


def count(
    tx: Transaction,
    *,
    signal: str,
    outcome: Outcome,
    now: datetime,
    number: int = 1,
    language: str = "",
    was: str = "",
    was_signal: str = "",
) -> None:
    """Count an outcome of one signal that many times, in the caller's transaction.

    language: of the content; "" if the provider did not give it.
    was, was_signal: where the same uploads counted before; "" for uploads that did not.
    """
    at = now.isoformat()
    tx.execute(
        "INSERT INTO outcomes"
        " (report, signal, outcome, bucket, language, was, was_signal, count, first_at, last_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " count = count + excluded.count, last_at = max(last_at, excluded.last_at),"
        " first_at = min(first_at, excluded.first_at)",
        (UNSEALED, signal, outcome.value, _bucket(now), language, was, was_signal, number, at, at),
    )


def count_upload(
    tx: Transaction, *, ref: str, signal: str, outcome: Outcome, now: datetime, language: str = ""
) -> None:
    """Count an upload, or move it to its current outcome if it was counted before.

    Each counted upload counts a look-up too, so there are never more uploads than look-ups.
    """
    before = _counted(tx, ref)
    if before is None:
        _add_lookups(tx, _bucket(now), 1)
        count(tx, signal=signal, outcome=outcome, now=now, language=language)
        tx.execute(
            "INSERT INTO counted (ref, signal, outcome, at, language) VALUES (?, ?, ?, ?, ?)",
            (ref, signal, outcome.value, now.timestamp(), language),
        )
    elif before[1] != outcome:
        _move(tx, ref, before, signal=signal, outcome=outcome)


def count_earlier(tx: Transaction, signals: Iterable[str], *, uploaded_at: datetime) -> None:
    """Count an earlier upload for each signal of the hub that matches it now."""
    listed = list(signals)
    hour = int(uploaded_at.timestamp()) // HOUR_S * HOUR_S
    tx.executemany(
        "INSERT INTO earlier_uploads (signal, count, first_hour) VALUES (?, 1, ?)"
        " ON CONFLICT DO UPDATE SET count = count + 1,"
        " first_hour = min(first_hour, excluded.first_hour)",
        [(signal, hour) for signal in sorted(set(listed) - own_ids(tx, listed))],
    )


def count_lookup(tx: Transaction, *, now: datetime) -> None:
    """Count a look-up of an upload that no signal of the hub matched."""
    _add_lookups(tx, _bucket(now), 1)


def count_decision(
    tx: Transaction, *, ref: str, signal: str, outcome: Outcome, now: datetime
) -> None:
    """Move an upload to the outcome that a person decided, at the signal that it counts at.

    signal: where it counts if it does not count yet; "" for none.
    """
    before = _counted(tx, ref)
    counts_at = before[0] if before else signal
    if counts_at and not own_ids(tx, [counts_at]):
        count_upload(tx, ref=ref, signal=counts_at, outcome=outcome, now=now)


def recount(
    tx: Transaction, *, ref: str, weaker: str, reasons: Mapping[str, Action], now: datetime
) -> bool:
    """Count an upload at the signal that decides now, or as reversed if none stops it any more.

    weaker: the signal that was withdrawn or disputed. reasons: the action that each signal leads
    to.
    returns: whether anything is to be reported.
    """
    own = own_ids(tx, [weaker, *reasons])
    if weaker in own:
        return False
    reasons = {signal: action for signal, action in reasons.items() if signal not in own}
    signal, outcome = _deciding_signal(reasons, weaker=weaker)
    before = _counted(tx, ref)
    if before is None:  # counted by an older agent, which did not store each upload
        if outcome is Outcome.REVERSED:
            count(tx, signal=weaker, outcome=outcome, now=now)
        return outcome is Outcome.REVERSED
    if before[1] == outcome and not (signal and before[0] == weaker != signal):
        return False
    _move(tx, ref, before, signal=signal or before[0], outcome=outcome)
    return True


def _deciding_signal(reasons: Mapping[str, Action], *, weaker: str) -> tuple[str, Outcome]:
    """Return the signal that stops an upload now, and the outcome; "" if none does.

    Among equals, the signal that the upload may count at already is preferred.
    """
    strongest = max(reasons.values(), key=lambda action: action.rank, default=Action.LOG)
    if strongest is Action.LOG:
        return "", Outcome.REVERSED
    if reasons.get(weaker) is strongest:
        return weaker, OUTCOME_OF[strongest]
    return next(signal for signal, action in reasons.items() if action is strongest), OUTCOME_OF[
        strongest
    ]


def forget(tx: Transaction, *, before: datetime) -> None:
    """Delete where uploads counted that were met before a time, and look-ups of that time."""
    tx.execute("DELETE FROM counted WHERE at < ?", (before.timestamp(),))
    tx.execute("DELETE FROM earlier_uploads WHERE signal NOT IN (SELECT signal FROM acted)")
    tx.execute(
        "DELETE FROM lookups WHERE bucket < ? AND bucket NOT IN (SELECT bucket FROM outcomes)",
        (_bucket(before),),
    )


def count_lookups(tx: Transaction, *, since: datetime) -> int:
    """Return how many look-ups were written since the time bucket of a moment."""
    sql = "SELECT coalesce(sum(count), 0) FROM lookups WHERE bucket >= ?"
    (number,) = tx.execute(sql, (_bucket(since),)).fetchone()
    return int(number)


def _counted(tx: Transaction, ref: str) -> tuple[str, str, float, str] | None:
    """Return the signal and outcome that an upload counts at, its time and its language."""
    row: tuple[str, str, float, str] | None = tx.execute(
        "SELECT signal, outcome, at, language FROM counted WHERE ref = ?", (ref,)
    ).fetchone()
    return row


def _move(
    tx: Transaction,
    ref: str,
    before: tuple[str, str, float, str],
    *,
    signal: str,
    outcome: Outcome,
) -> None:
    """Move an upload's count to another signal or outcome, keeping its time."""
    was_signal, was, at, language = before
    met_at = datetime.fromtimestamp(at, UTC)
    count(
        tx,
        signal=signal,
        outcome=outcome,
        now=met_at,
        language=language,
        was=was,
        was_signal=was_signal,
    )
    tx.execute(
        "UPDATE counted SET signal = ?, outcome = ? WHERE ref = ?", (signal, outcome.value, ref)
    )


def _add_lookups(tx: Transaction, bucket: str, number: int) -> None:
    tx.execute(
        "INSERT INTO lookups (bucket, count) VALUES (?, ?)"
        " ON CONFLICT DO UPDATE SET count = count + excluded.count",
        (bucket, number),
    )


def _bucket(now: datetime) -> str:
    """Return the beginning of the time bucket that contains a moment."""
    size_s = BUCKET.total_seconds()
    return datetime.fromtimestamp(now.timestamp() // size_s * size_s, UTC).isoformat()
