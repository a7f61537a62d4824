# SPDX-License-Identifier: Apache-2.0
"""Look-ups by hash alone: thousands a call, or one by one with nothing in the way.

They only look: nothing is written down, delivered or counted as an outcome, whatever is found. What
matches is what POST /match would match: a signal that expired does not, and one of an exercise only
where the agent takes part in exercises, and marked as such.
"""

import sqlite3
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from stemtide.agent.config import Config
from stemtide.agent.decide import Decision, Hit, decide, stands
from stemtide.agent.state import BehindError, Brief
from stemtide.agent.store import Store
from stemtide.agent.tally import Tally
from stemtide.fingerprints.kinds import SIZE_BYTES, Kind
from stemtide.matching.library import Hits

MOST = 100
"""Matches that are told of one hash, nearest first."""

RECORD = struct.Struct("<IHH16s")
"""A match in the binary answer: query, distance_bits, marks, the signal's UUID."""

IS_EXERCISE, IS_DISPUTED = 1, 2
"""Marks of a match in the binary answer."""

_SLICE, _SLICE_TO_DECIDE = 512, 32
_BY_NAME = {kind.value.encode(): (kind, 2 * size) for kind, size in SIZE_BYTES.items()}


@dataclass(frozen=True, slots=True)
class Ask:
    """Hashes to look up. values: SIZE_BYTES[kind] bytes each, one after the other."""

    kind: Kind
    values: bytes
    within_bits: int | None = None
    decide: bool = False

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self.values) // SIZE_BYTES[self.kind]


@dataclass(frozen=True, slots=True)
class Found:
    """What one hash matched, nearest first.

    matches:  at most MOST; more: how many are not told.
    decision: what to do with content that has this hash, where that was asked.
    """

    query: int
    matches: list[dict[str, Any]]
    more: int = 0
    decision: dict[str, Any] | None = None


class Looker:
    """Looks hashes up in the signals of this process. Use it from any thread.

    threads: where to ask for many, so that nobody else waits.
    """

    def __init__(self, *, config: Config, store: Store, tally: Tally) -> None:
        self._config = config
        self._store = store
        self._tally = tally
        self.threads = ThreadPoolExecutor(2, "hashes")

    def close(self) -> None:
        """Let running look-ups end, and start no others."""
        self.threads.shutdown(cancel_futures=True)

    def look(self, ask: Ask, *, on_loop: bool = False) -> list[Found]:
        """The hashes that something matches. on_loop: called on the event loop."""
        size = SIZE_BYTES[ask.kind]
        step = _SLICE_TO_DECIDE if ask.decide else _SLICE
        found: list[Found] = []
        for start in range(0, ask.count, step):
            values = ask.values[start * size : (start + step) * size]
            found += self._look_at_some(ask, values, start=start, on_loop=on_loop)
        self._tally.add("hashes", ask.count)
        self._tally.add("hashes_matched", len(found))
        return found

    def quick(self, query: bytes) -> bytes | None:
        """Answer GET /match/hash where there is nothing to think about; None where there is.

        query: the query string as it came, "pdq=" and hex.
        """
        name, _, text = query.partition(b"=")
        kind, digits = _BY_NAME.get(name, (None, 0))
        view = self._store.view
        if kind is None or len(text) != digits or view.origin is None:
            return None
        try:
            value = bytes.fromhex(text.decode())
        except ValueError:
            return None
        if 2 * len(value) != digits:  # blanks between the digits
            return None
        try:
            hits = self._store.library.match_values(kind, value)
            if len(hits.keys) > MOST:
                return None
            told = [*self._tell(hits, on_loop=True, strict=True)] if len(hits.keys) else []
        except (sqlite3.Error, BehindError):
            return None
        self._tally.add("hashes")
        matches = b"[]"
        for _, each, _ in told:
            self._tally.add("hashes_matched")
            matches = msgspec.json.encode(each)
        stale_s = view.stale_s()
        return b'{"matches":%b,"position":%d,"stale_s":%b,"ready":true}' % (
            matches,
            view.position,
            b"null" if stale_s is None else b"%.3f" % stale_s,
        )

    def _look_at_some(self, ask: Ask, values: bytes, *, start: int, on_loop: bool) -> list[Found]:
        """Look up a slice; again, if a signal changed since the Library heard of it."""
        for strict in (True, False):
            hits = self._store.library.match_values(ask.kind, values, within_bits=ask.within_bits)
            if not len(hits.keys):
                return []
            try:
                if ask.decide:
                    return list(self._decide(hits, ask.kind, start=start, strict=strict))
                told = self._tell(hits, on_loop=on_loop, strict=strict)
                return [Found(start + query, each, more) for query, each, more in told]
            except BehindError:
                self._store.catch_up()
        return []

    def _tell(
        self, hits: Hits, *, on_loop: bool, strict: bool
    ) -> Iterator[tuple[int, list[dict[str, Any]], int]]:
        """For each hash: its number, the matches that stand, and how many more there are."""
        briefs = self._store.brief(
            np.unique(hits.keys).tolist(),
            now=time.time(),
            exercise=self._config.exercise,
            on_loop=on_loop,
            strict=strict,
        )
        is_standing = np.isin(hits.keys, np.fromiter(briefs, np.int64, len(briefs)))
        keys, distances = hits.keys[is_standing], hits.distances_bits[is_standing]
        for query, begin, end in _runs(hits.queries[is_standing]):
            told = slice(begin, min(end, begin + MOST))
            pairs = zip(keys[told].tolist(), distances[told].tolist(), strict=True)
            yield query, [_match(briefs[key], bits) for key, bits in pairs], end - told.stop

    def _decide(self, hits: Hits, kind: Kind, *, start: int, strict: bool) -> Iterator[Found]:
        """Decide about each hash as if it were content, by all signals that it matches."""
        now = datetime.now(UTC)
        signals = {
            key: one
            for key, one in self._store.find(hits.keys.tolist(), strict=strict).items()
            if stands(one, now=now, exercise=self._config.exercise)
        }
        keys, distances = hits.keys.tolist(), hits.distances_bits.tolist()
        for query, begin, end in _runs(hits.queries):
            pairs = zip(keys[begin:end], distances[begin:end], strict=True)
            each = [Hit(signals[key], kind, bits, "") for key, bits in pairs if key in signals]
            decision = decide(each, self._config.rules)
            if decision.action is not None:
                yield _decided(start + query, decision)


def _runs(queries: np.ndarray[Any, np.dtype[np.uint32]]) -> Iterator[tuple[int, int, int]]:
    """Each query with where its hits begin and end."""
    each, begins = np.unique(queries, return_index=True)
    ends = [*begins.tolist(), len(queries)][1:]
    return zip(each.tolist(), begins.tolist(), ends, strict=True)


def _match(brief: Brief, distance_bits: int) -> dict[str, Any]:
    return {
        "signal": brief.id,
        "distance_bits": distance_bits,
        "exercise": brief.exercise,
        "disputed": brief.disputed,
    }


def _decided(query: int, decision: Decision) -> Found:
    """A decision as it is told: the deciding match first."""
    matches = [
        {
            "signal": str(verdict.hit.signal.id),
            "distance_bits": verdict.hit.distance_bits,
            "exercise": verdict.hit.signal.exercise,
            "disputed": verdict.hit.signal.disputed,
            "action": verdict.action,
            "rule": verdict.rule,
        }
        for verdict in decision.verdicts[:MOST]
    ]
    told = {
        "action": decision.action,
        "exercise": decision.exercise,
        "signal": decision.signal,
        "rule": decision.rule,
        "why": decision.why,
    }
    return Found(query, matches, max(0, len(decision.verdicts) - MOST), told)


def as_records(found: list[Found]) -> bytes:
    """The binary answer: a RECORD for each match, by query, nearest first."""
    return b"".join(
        RECORD.pack(
            one.query,
            match["distance_bits"],
            IS_EXERCISE * match["exercise"] | IS_DISPUTED * match["disputed"],
            bytes.fromhex(match["signal"].replace("-", "")),
        )
        for one in found
        for match in one.matches
    )
