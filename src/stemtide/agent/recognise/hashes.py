# SPDX-License-Identifier: Apache-2.0
"""Look up hashes: thousands in one request, or one on a fast path.

Look-ups are read-only: nothing is recorded, delivered or counted as an outcome. The matches are
those of POST /match: expired signals do not match, and exercise signals match only if the agent
takes part in exercises, and are marked.
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

from stemtide.agent.config.settings import Config
from stemtide.agent.counters import Counters
from stemtide.agent.recognise.allowlists import mark_allowed
from stemtide.agent.recognise.answers import shadows_out
from stemtide.agent.recognise.policy import Decision, Hit, decide, is_active
from stemtide.agent.store.database import Store
from stemtide.agent.store.own_banks import is_tried
from stemtide.agent.store.position import BehindError, SignalSummary
from stemtide.fingerprints.kinds import SIZE_BYTES, Fingerprint, Fingerprints, Kind
from stemtide.matching.library import Hits

MAX_MATCHES = 100
"""Matches that are returned for one hash, nearest first."""

RECORD = struct.Struct("<IHH16s")
"""A match in the binary answer: query, distance_bits, flags, the signal's UUID."""

IS_EXERCISE, IS_DISPUTED = 1, 2
"""Flags of a match in the binary answer."""

_SLICE, _SLICE_WITH_DECISIONS = 512, 32
_KIND_BY_NAME = {kind.value.encode(): (kind, 2 * size) for kind, size in SIZE_BYTES.items()}


@dataclass(frozen=True, slots=True)
class HashQuery:
    """A query for hashes. values: SIZE_BYTES[kind] bytes each, concatenated."""

    kind: Kind
    values: bytes
    within_bits: int | None = None
    decide: bool = False

    @property
    def count(self) -> int:
        """Return the number of hashes."""
        return len(self.values) // SIZE_BYTES[self.kind]


@dataclass(frozen=True, slots=True)
class HashResult:
    """The matches of one hash, nearest first.

    matches:  at most MAX_MATCHES; more: how many were left out.
    decision: the decision about content with this hash, if requested.
    """

    query: int
    matches: list[dict[str, Any]]
    more: int = 0
    decision: dict[str, Any] | None = None


class HashLookup:
    """Hash look-ups in the signals of this process. Thread-safe.

    threads: run large look-ups there, so that no other request waits.
    """

    def __init__(self, *, config: Config, store: Store, counters: Counters) -> None:
        self._config = config
        self._store = store
        self._tally = counters
        self.threads = ThreadPoolExecutor(2, "hashes")

    def close(self) -> None:
        """Let running look-ups end and start no others."""
        self.threads.shutdown(cancel_futures=True)

    def look_up(self, hash_query: HashQuery, *, on_loop: bool = False) -> list[HashResult]:
        """Return the hashes that match signals. on_loop: called on the event loop."""
        size = SIZE_BYTES[hash_query.kind]
        step = _SLICE_WITH_DECISIONS if hash_query.decide else _SLICE
        results: list[HashResult] = []
        for start in range(0, hash_query.count, step):
            values = hash_query.values[start * size : (start + step) * size]
            results += self._look_up_slice(hash_query, values, start=start, on_loop=on_loop)
        self._tally.add("hashes", hash_query.count)
        self._tally.add("hashes_matched", len(results))
        return results

    def fast_answer(self, query: bytes) -> bytes | None:
        """Answer the common case of GET /match/hash; None if it needs the full path.

        query: the raw query string, "pdq=" and hex.
        """
        name, _, text = query.partition(b"=")
        kind, digits = _KIND_BY_NAME.get(name, (None, 0))
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
            hits = self._store.match_values(kind, value)
            if len(hits.keys) > MAX_MATCHES:
                return None
            answers = (
                [*self._active_matches(hits, kind, value, on_loop=True, strict=True)]
                if len(hits.keys)
                else []
            )
        except (sqlite3.Error, BehindError):
            return None
        self._tally.add("hashes")
        matches = b"[]"
        for _, entries, _ in answers:
            self._tally.add("hashes_matched")
            matches = msgspec.json.encode(entries)
        stale_s = view.stale_s()
        return b'{"matches":%b,"position":%d,"stale_s":%b,"ready":true}' % (
            matches,
            view.position,
            b"null" if stale_s is None else b"%.3f" % stale_s,
        )

    def _look_up_slice(
        self, hash_query: HashQuery, values: bytes, *, start: int, on_loop: bool
    ) -> list[HashResult]:
        """Look up a slice; once more if a signal changed that the Library has not loaded."""
        for strict in (True, False):
            hits = self._store.match_values(
                hash_query.kind, values, within_bits=hash_query.within_bits
            )
            if not len(hits.keys):
                return []
            try:
                if hash_query.decide:
                    return list(
                        self._decide(hits, hash_query.kind, values, start=start, strict=strict)
                    )
                answers = self._active_matches(
                    hits, hash_query.kind, values, on_loop=on_loop, strict=strict
                )
                return [
                    HashResult(start + query, entries, more) for query, entries, more in answers
                ]
            except BehindError:
                self._store.catch_up()
        return []

    def _active_matches(
        self, hits: Hits, kind: Kind, values: bytes, *, on_loop: bool, strict: bool
    ) -> Iterator[tuple[int, list[dict[str, Any]], int]]:
        """Yield for each hash its number, its active matches, and how many were left out."""
        summaries = self._store.summaries(
            np.unique(hits.keys).tolist(),
            now=time.time(),
            exercise=self._config.exercise,
            on_loop=on_loop,
            strict=strict,
        )
        active = np.isin(hits.keys, np.fromiter(summaries, np.int64, len(summaries)))
        if any(brief.ratio < 1 for brief in summaries.values()):
            size = SIZE_BYTES[kind]
            active[active] = [
                is_tried(summaries[key], values[query * size : (query + 1) * size])
                for key, query in zip(
                    hits.keys[active].tolist(), hits.queries[active].tolist(), strict=True
                )
            ]
        keys, distances = hits.keys[active], hits.distances_bits[active]
        for query, begin, end in _runs(hits.queries[active]):
            chosen = slice(begin, min(end, begin + MAX_MATCHES))
            pairs = zip(keys[chosen].tolist(), distances[chosen].tolist(), strict=True)
            yield query, [_match(summaries[key], bits) for key, bits in pairs], end - chosen.stop

    def _decide(
        self, hits: Hits, kind: Kind, values: bytes, *, start: int, strict: bool
    ) -> Iterator[HashResult]:
        """Decide about each hash as if it were content, by all signals that it matches."""
        now = datetime.now(UTC)
        signals = {
            key: record
            for key, record in self._store.find(hits.keys.tolist(), strict=strict).items()
            if is_active(record, now=now, exercise=self._config.exercise)
        }
        parties = self._store.parties(signals.values())
        keys, distances = hits.keys.tolist(), hits.distances_bits.tolist()
        runs = list(_runs(hits.queries))
        size = SIZE_BYTES[kind]
        hashes = [values[query * size : (query + 1) * size] for query, *_ in runs]
        all_hits = [
            [
                Hit(signals[key], kind, bits, "")
                for key, bits in zip(keys[begin:end], distances[begin:end], strict=True)
                if key in signals and is_tried(signals[key], value)
            ]
            for (_, begin, end), value in zip(runs, hashes, strict=True)
        ]
        prints = [Fingerprints((Fingerprint(kind, value),)) for value in hashes]
        marked = mark_allowed(self._store, prints, all_hits, parties=parties, now=now, tx=None)
        for (query, *_), matched in zip(runs, marked, strict=True):
            decision = decide(matched, self._config.policies, parties)
            if decision.action is not None:
                yield _decision_result(start + query, decision)


def _runs(queries: np.ndarray[Any, np.dtype[np.uint32]]) -> Iterator[tuple[int, int, int]]:
    """Return each query with the start and end of its hits."""
    distinct, begins = np.unique(queries, return_index=True)
    ends = [*begins.tolist(), len(queries)][1:]
    return zip(distinct.tolist(), begins.tolist(), ends, strict=True)


def _match(brief: SignalSummary, distance_bits: int) -> dict[str, Any]:
    return {
        "signal": brief.id,
        "distance_bits": distance_bits,
        "exercise": brief.exercise,
        "disputed": brief.disputed,
    }


def _decision_result(query: int, decision: Decision) -> HashResult:
    """Return a decision in the form of a response, the deciding match first."""
    matches = [
        {
            "signal": str(verdict.hit.signal.id),
            "distance_bits": verdict.hit.distance_bits,
            "exercise": verdict.hit.signal.exercise,
            "disputed": verdict.hit.signal.disputed,
            "action": verdict.action,
            "rule": verdict.rule,
            "missing": verdict.missing or None,
        }
        for verdict in decision.verdicts[:MAX_MATCHES]
    ]
    fields = {
        "action": decision.action,
        "exercise": decision.exercise,
        "signal": decision.signal,
        "rule": decision.rule,
        "why": decision.why,
        "missing": decision.missing or None,
        "shadow": shadows_out(decision),
    }
    return HashResult(query, matches, max(0, len(decision.verdicts) - MAX_MATCHES), fields)


def as_records(results: list[HashResult]) -> bytes:
    """Return the binary response: a RECORD for each match, by query, nearest first."""
    return b"".join(
        RECORD.pack(
            result.query,
            match["distance_bits"],
            IS_EXERCISE * match["exercise"] | IS_DISPUTED * match["disputed"],
            bytes.fromhex(match["signal"].replace("-", "")),
        )
        for result in results
        for match in result.matches
    )
