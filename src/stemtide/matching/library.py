# SPDX-License-Identifier: Apache-2.0
"""Which signals does this content match, how, and how near: one answer for all kinds."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stemtide.fingerprints.kinds import (
    MATCH_WITHIN_BITS,
    MIN_QUALITY,
    SIZE_BYTES,
    Fingerprint,
    FingerprintError,
    Fingerprints,
    Kind,
)
from stemtide.matching.exact import ExactIndex
from stemtide.matching.hamming import MAX_WITHIN_BITS, HammingIndex

EXACT_KINDS = tuple(kind for kind in Kind if kind is not Kind.PDQ)
"""Kinds that match only when they are equal."""

_RANK = {kind: place for place, kind in enumerate((*EXACT_KINDS, Kind.PDQ))}
"""Of two matches equally near, the one of the surer kind is named first."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One signal as the library holds it.

    key:         the signal's id.
    value:       SIZE_BYTES[kind] bytes.
    within_bits: PDQ only, 0..64: the distance within which this signal matches, whatever a search
                 asks, be it narrower or wider. None: as the search asks.
    """

    key: str
    kind: Kind
    value: bytes
    within_bits: int | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """One signal that a piece of content matches, and how near it comes.

    distance_bits: Hamming distance, 0..64; 0 for the exact kinds.
    part:          the part of the content that matched: "" for the whole.
    """

    key: str
    kind: Kind
    distance_bits: int
    part: str


class Library:
    """Holds the signals and finds those that content matches, exactly. Thread-safe.

    Searching never waits for a put or a drop. Once `put` returns its entries are found; once `drop`
    returns they are not; an entry that is replaced is found by its old value or its new one.

    within_bits: 0..64, the distance within which PDQ signals match unless they or the search say
                 another one.
    """

    def __init__(self, *, within_bits: int = MATCH_WITHIN_BITS) -> None:
        self._near = HammingIndex(within_bits=within_bits)
        self._equal: dict[Kind, ExactIndex] = {kind: ExactIndex() for kind in EXACT_KINDS}
        self._writing = threading.Lock()
        self._moves = 0

    def __len__(self) -> int:
        return sum(self.counts().values())

    def counts(self) -> dict[Kind, int]:
        """Return how many signals of each kind are held, kinds without any included."""
        equal = {kind: len(index) for kind, index in self._equal.items()}
        return {Kind.PDQ: len(self._near), **equal}

    def put(self, entries: Iterable[Entry]) -> None:
        """Hold signals from now on; one whose key is held already is replaced, the last one wins.

        raises: FingerprintError naming the entry if its value has not the length of its kind;
                ValueError if its within_bits is not 0..64 or its kind knows no distance. Nothing
                of the whole call is held then.
        """
        latest = {entry.key: _checked(entry) for entry in entries}
        near = [entry for entry in latest.values() if entry.kind is Kind.PDQ]
        with self._writing:
            left = self._left_behind(latest)
            self._near.put(
                [entry.key for entry in near],
                [entry.value for entry in near],
                own_bits=[entry.within_bits for entry in near],
            )
            for entry in latest.values():
                if entry.kind is not Kind.PDQ:
                    self._equal[entry.kind].put(entry.key, entry.value)
            self._leave(left)

    def drop(self, keys: Iterable[str]) -> None:
        """Hold these signals no longer; unknown keys are ignored.

        raises: TypeError for a single string, whose letters would all be unknown keys.
        """
        if isinstance(keys, str):
            raise TypeError("drop wants several keys: put the one into a list")
        going = list(keys)
        with self._writing:
            self._near.drop(going)
            for index in self._equal.values():
                for key in going:
                    if (value := index.value_of(key)) is not None:
                        index.leave(key, value)

    def match(self, fingerprints: Fingerprints, *, within_bits: int | None = None) -> list[Match]:
        """Find the signals that content matches: see `match_many`."""
        return self.match_many([fingerprints], within_bits=within_bits)[0]

    def match_many(
        self, many: Sequence[Fingerprints], *, within_bits: int | None = None
    ) -> list[list[Match]]:
        """Find, for each piece of content, the signals that it matches.

        Every part (the frames of an animation) is tried, and a signal is named once, by its
        nearest part and the first of those. Nearest first, then exact kinds, then by key. PDQ
        fingerprints whose quality is known to be below MIN_QUALITY are not compared.

        within_bits: 0..64, for PDQ signals without a distance of their own; None: the library's.
        raises: FingerprintError if a PDQ value has not 32 bytes; ValueError for within_bits.
        """
        while True:
            moves = self._moves
            found = self._look_up(many, within_bits=within_bits)
            # A signal that moved from one index to another meanwhile may have been in neither
            # when it was looked for there.
            if moves == self._moves:
                return found

    def _look_up(
        self, many: Sequence[Fingerprints], *, within_bits: int | None
    ) -> list[list[Match]]:
        best: list[dict[str, Match]] = [{} for _ in many]
        near: list[tuple[dict[str, Match], Fingerprint]] = []
        for nearest, fingerprints in zip(best, many, strict=True):
            for one in fingerprints.each:
                if one.kind is not Kind.PDQ:
                    for key in self._equal[one.kind].find(one.value):
                        nearest.setdefault(key, Match(key, one.kind, 0, one.part))
                elif len(one.value) != SIZE_BYTES[Kind.PDQ]:
                    raise _wrong_size(one.kind, one.value, of="content")
                elif one.quality is None or one.quality >= MIN_QUALITY:
                    near.append((nearest, one))
        hits = self._near.search([one.value for _, one in near], within_bits=within_bits)
        for (nearest, one), found in zip(near, hits, strict=True):
            for key, distance_bits in found:
                if key not in nearest or distance_bits < nearest[key].distance_bits:
                    nearest[key] = Match(key, one.kind, distance_bits, one.part)
        return [sorted(nearest.values(), key=_order) for nearest in best]

    def _left_behind(self, latest: dict[str, Entry]) -> list[tuple[Kind, str, bytes]]:
        """Name the kinds and values under which these entries are held and soon will not be."""
        left = []
        for key, entry in latest.items():
            if entry.kind is not Kind.PDQ and key in self._near:
                left.append((Kind.PDQ, key, b""))
            for kind, index in self._equal.items():
                value = index.value_of(key)
                if value is not None and (kind, value) != (entry.kind, entry.value):
                    left.append((kind, key, value))
        return left

    def _leave(self, left: list[tuple[Kind, str, bytes]]) -> None:
        """Take entries from where they were before. They are already held where they are now."""
        if left:
            self._moves += 1  # before they go: whoever misses them has begun to look before this
        self._near.drop(key for kind, key, _ in left if kind is Kind.PDQ)
        for kind, key, value in left:
            if kind is not Kind.PDQ:
                self._equal[kind].leave(key, value)


def _order(match: Match) -> tuple[int, int, str]:
    return match.distance_bits, _RANK[match.kind], match.key


def _checked(entry: Entry) -> Entry:
    """Return an entry that can be held, or say what is wrong with it."""
    if len(entry.value) != SIZE_BYTES[entry.kind]:
        raise _wrong_size(entry.kind, entry.value, of=f"signal {entry.key}")
    if entry.within_bits is not None:
        if entry.kind is not Kind.PDQ:
            raise ValueError(f"signal {entry.key}: within_bits is for pdq, not for {entry.kind}")
        if not 0 <= entry.within_bits <= MAX_WITHIN_BITS:
            raise ValueError(
                f"signal {entry.key}: within_bits is 0..{MAX_WITHIN_BITS}, not {entry.within_bits}"
            )
    return entry


def _wrong_size(kind: Kind, value: bytes, *, of: str) -> FingerprintError:
    return FingerprintError(f"{of}: a {kind} value has {SIZE_BYTES[kind]} bytes, not {len(value)}")
