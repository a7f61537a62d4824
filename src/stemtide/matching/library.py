# SPDX-License-Identifier: Apache-2.0
"""Which signals does this content match, how, and how near: one answer for all kinds."""

import hashlib
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stemtide.fingerprints.kinds import (
    MATCH_WITHIN_BITS,
    MIN_QUALITY,
    SIZE_BYTES,
    Fingerprint,
    FingerprintError,
    Fingerprints,
    Kind,
)
from stemtide.kernels.hamming import NO_OWN
from stemtide.matching.hamming import MAX_WITHIN_BITS, HammingIndex
from stemtide.matching.segments import Keys, OwnBits, SegmentFileError, open_segment

EXACT_KINDS = tuple(kind for kind in Kind if kind is not Kind.PDQ)
"""Kinds that match only when they are equal: their threshold is 0, and one table is enough."""

ROW_BYTES = 32
"""Of every kind, a value is filled up with zeros to a row of four words."""

_RANK = {kind: place for place, kind in enumerate((*EXACT_KINDS, Kind.PDQ))}
"""Of two matches equally near, the one of the surer kind is named first."""

Values = npt.NDArray[np.uint8]
"""(n, SIZE_BYTES[kind]) uint8."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One signal as the library holds it.

    key:         the caller's number of the signal, 0 to 2**63 - 1.
    value:       SIZE_BYTES[kind] bytes.
    within_bits: PDQ only, 0..64: the distance within which this signal matches, whatever a search
                 asks, be it narrower or wider. None: as the search asks.
    """

    key: int
    kind: Kind
    value: bytes
    within_bits: int | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """One signal that a piece of content matches, and how near it comes.

    distance_bits: Hamming distance, 0..64; 0 for the exact kinds.
    part:          the part of the content that matched: "" for the whole.
    """

    key: int
    kind: Kind
    distance_bits: int
    part: str


@dataclass(frozen=True, slots=True)
class Hits:
    """What a search of many values found: three columns of one length.

    queries: uint32, places in what was asked, ascending; of one, the nearest first, then by key.
    keys:    int64; distances_bits: uint16.
    """

    queries: npt.NDArray[np.uint32]
    keys: Keys
    distances_bits: npt.NDArray[np.uint16]


class Library:
    """Holds the signals and finds those that content matches, exactly. Thread-safe.

    Searching never waits for a put or a drop. Once `put` returns its entries are found; once `drop`
    returns they are not; an entry that is replaced is found by its old value or its new one.

    within_bits: 0..64, the distance within which PDQ signals match unless they or the search say
                 another one.
    directory:   where `save` keeps files, one a kind, which several processes may open; what is
                 there is held from the beginning. None: everything is in memory.
    identity:    whose keys these are. Files of another identity are not used.
    trouble:     the files in the directory that were not used, and why: their signals must be put
                 again.
    """

    def __init__(
        self,
        *,
        within_bits: int = MATCH_WITHIN_BITS,
        directory: Path | None = None,
        identity: str = "",
    ) -> None:
        self._indexes = {
            kind: HammingIndex(within_bits=within_bits)
            if kind is Kind.PDQ
            else HammingIndex(within_bits=0, tables=1)
            for kind in Kind
        }
        self._directory = directory
        self._identity = hashlib.sha256(identity.encode()).digest()
        self._writing = threading.Lock()
        self._moves = 0
        self._opened: dict[Kind, tuple[int, int]] = {}
        self.trouble: tuple[str, ...] = ()
        if directory:
            directory.mkdir(parents=True, exist_ok=True)
            self._open_files()

    def __len__(self) -> int:
        return sum(self.counts().values())

    def counts(self) -> dict[Kind, int]:
        """Return how many signals of each kind are held, kinds without any included."""
        return {kind: len(index) for kind, index in self._indexes.items()}

    def keys(self) -> Keys:
        """Return the keys of all signals, ascending."""
        return np.sort(np.concatenate([index.keys() for index in self._indexes.values()]))

    def put(self, entries: Iterable[Entry]) -> None:
        """Hold signals from now on; one whose key is held already is replaced, the last one wins.

        raises: FingerprintError naming the entry if its value has not the length of its kind;
                ValueError if its within_bits is not 0..64, its kind knows no distance, or its key
                is no number from 0. Nothing of the whole call is held then.
        """
        latest = {entry.key: _checked(entry) for entry in entries}
        by_kind: dict[Kind, list[Entry]] = {}
        for entry in latest.values():
            by_kind.setdefault(entry.kind, []).append(entry)
        with self._writing:
            for kind, each in by_kind.items():
                own = [NO_OWN if one.within_bits is None else one.within_bits for one in each]
                self._put(
                    kind,
                    np.array([one.key for one in each], dtype=np.int64),
                    np.frombuffer(b"".join(one.value for one in each), dtype=np.uint8),
                    own_bits=np.array(own, dtype=np.uint8),
                )

    def put_columns(
        self, kind: Kind, keys: Keys, values: Values, *, own_bits: OwnBits | None = None
    ) -> None:
        """Hold many signals of one kind from now on, without an object for each: see `put`.

        keys:     (n,) int64; values: (n, SIZE_BYTES[kind]) uint8.
        own_bits: (n,) uint8, each one's within_bits, 255 for none; None: none has any.
        raises:   ValueError, and then nothing is held.
        """
        if values.shape != (len(keys), SIZE_BYTES[kind]):
            raise ValueError(
                f"{len(keys)} keys of kind {kind} need values of shape"
                f" {(len(keys), SIZE_BYTES[kind])}, not {values.shape}"
            )
        if own_bits is not None and kind is not Kind.PDQ and (own_bits != NO_OWN).any():
            raise ValueError(f"within_bits is for pdq, not for {kind}")
        with self._writing:
            self._put(kind, keys, np.ascontiguousarray(values).reshape(-1), own_bits=own_bits)

    def drop(self, keys: Iterable[int] | Keys) -> None:
        """Hold these signals no longer; unknown keys are ignored."""
        going = np.unique(np.fromiter(keys, dtype=np.int64))
        with self._writing:
            for index in self._indexes.values():
                index.drop(going)

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
        raises: FingerprintError if a value has not the length of its kind; ValueError for
                within_bits.
        """
        asked: dict[Kind, list[tuple[int, Fingerprint]]] = {}
        for place, fingerprints in enumerate(many):
            for one in fingerprints.each:
                if len(one.value) != SIZE_BYTES[one.kind]:
                    raise _wrong_size(one.kind, one.value, of="content")
                if one.quality is None or one.quality >= MIN_QUALITY or one.kind is not Kind.PDQ:
                    asked.setdefault(one.kind, []).append((place, one))
        while True:
            moves = self._moves
            best: list[dict[int, Match]] = [{} for _ in many]
            for kind, each in asked.items():
                self._look_up(best, kind, each, within_bits=within_bits)
            # A signal that moved from one kind to another meanwhile may have been in neither
            # when it was looked for there.
            if moves == self._moves:
                return [sorted(nearest.values(), key=_order) for nearest in best]

    def match_values(
        self, kind: Kind, values: bytes | Values, *, within_bits: int | None = None
    ) -> Hits:
        """Find the signals that many values of one kind match.

        values:      n x SIZE_BYTES[kind] bytes, one after the other.
        within_bits: 0..64, for PDQ signals without a distance of their own; None: the library's.
        raises:      FingerprintError if the length is not a multiple; ValueError for within_bits.
        """
        size = SIZE_BYTES[kind]
        length = len(values) if isinstance(values, bytes) else values.nbytes
        if length % size:
            raise FingerprintError(f"{length} bytes are no whole number of {kind} values")
        if kind is not Kind.PDQ:
            within_bits = None
        found = self._indexes[kind].search(
            _as_rows(values, size), count=length // size, within_bits=within_bits
        )
        return Hits(found["query"], found["key"], found["distance_bits"].astype(np.uint16))

    def save(self) -> None:
        """Write all signals into the files of the directory; the old ones are gone afterwards.

        For one process at a time. Signals put meanwhile may or may not be in the files.

        raises: OSError if a file cannot be written, and then the old one is still there.
        """
        if self._directory is None:
            raise ValueError("this library has no directory to save to")
        for kind, index in self._indexes.items():
            path = self._directory / f"{kind}.segment"
            index.save(path, identity=self._identity)
            if path.exists():
                self._opened[kind] = _version(path)

    def refresh(self) -> bool:
        """Go over to the files that another process has saved since; hold what is held now.

        returns: whether there were newer ones.
        """
        return self._open_files(keep=True)

    def _open_files(self, *, keep: bool = False) -> bool:
        """Take up the files that are new here. keep: they change nothing of what is held."""
        trouble, is_news = [], False
        for kind, index in self._indexes.items():
            path = (self._directory or Path()) / f"{kind}.segment"
            if not path.exists() or self._opened.get(kind) == _version(path):
                continue
            try:
                version = _version(path)
                segment = open_segment(
                    path, identity=self._identity, words=index.words, tables=index.tables
                )
            except (SegmentFileError, OSError) as error:
                trouble.append(str(error))
                continue
            (index.follow if keep else index.take)(segment)
            self._opened[kind], is_news = version, True
        self.trouble = tuple(trouble)
        return is_news

    def _put(self, kind: Kind, keys: Keys, values: Values, *, own_bits: OwnBits | None) -> None:
        """Put into one index, and out of all others. The caller holds self._writing."""
        rows = np.frombuffer(_as_rows(values, SIZE_BYTES[kind]), dtype="<u8").reshape(len(keys), -1)
        self._indexes[kind].put(keys, rows, own_bits=own_bits)
        for other, index in self._indexes.items():
            if other is not kind and len(index) and index.holds(keys).any():
                self._moves += 1  # before they go: whoever misses them began to look before this
                index.drop(keys)

    def _look_up(
        self,
        best: list[dict[int, Match]],
        kind: Kind,
        each: Sequence[tuple[int, Fingerprint]],
        *,
        within_bits: int | None,
    ) -> None:
        """Find what values of one kind match, and keep each signal's nearest part."""
        hits = self.match_values(
            kind, b"".join(one.value for _, one in each), within_bits=within_bits
        )
        for query, key, bits in zip(
            hits.queries.tolist(), hits.keys.tolist(), hits.distances_bits.tolist(), strict=True
        ):
            place, one = each[query]
            nearest = best[place].get(key)
            if nearest is None or bits < nearest.distance_bits:
                best[place][key] = Match(key, kind, bits, one.part)


def _as_rows(values: bytes | Values, size: int) -> bytes | Values:
    """Fill values up to rows; whole ones are returned as they are."""
    if size == ROW_BYTES:
        return values
    given = np.frombuffer(values, dtype=np.uint8).reshape(-1, size)
    rows = np.zeros((len(given), ROW_BYTES), dtype=np.uint8)
    rows[:, :size] = given
    return rows.reshape(-1)


def _version(path: Path) -> tuple[int, int]:
    """Tell one state of a file from another: whoever saves puts a new file in its place."""
    stat = os.stat(path)  # noqa: PTH116 - one call, and the path is a Path already
    return stat.st_ino, stat.st_mtime_ns


def _order(match: Match) -> tuple[int, int, int]:
    return match.distance_bits, _RANK[match.kind], match.key


def _checked(entry: Entry) -> Entry:
    """Return an entry that can be held, or say what is wrong with it."""
    if len(entry.value) != SIZE_BYTES[entry.kind]:
        raise _wrong_size(entry.kind, entry.value, of=f"signal {entry.key}")
    if type(entry.key) is not int or not 0 <= entry.key < 1 << 63:
        raise ValueError(f"signal {entry.key}: its key is a number from 0 to 2**63 - 1")
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
