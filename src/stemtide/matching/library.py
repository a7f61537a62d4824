# SPDX-License-Identifier: Apache-2.0
"""Which signals does this content match, how, and how near: one answer for all kinds."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

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
    QueryView,
)
from stemtide.fingerprints.values.checks import check_value
from stemtide.kernels.hamming import NO_OWN
from stemtide.matching.array_files import load_finder, save_finder
from stemtide.matching.audio.finder import AudioFinder
from stemtide.matching.external import ExternalFinder
from stemtide.matching.found import Finder, Occurrence
from stemtide.matching.gops import GopFinder
from stemtide.matching.hamming import HammingIndex
from stemtide.matching.matches import Hits, IndexedSignal, Match, checked
from stemtide.matching.segments import Keys, OwnBits, SegmentFileError, open_segment
from stemtide.matching.text.passages import PassageFinder
from stemtide.matching.video.finder import VideoFinder

__all__ = ["Hits", "IndexedSignal", "Library", "Match"]

EXACT_KINDS = tuple(kind for kind in SIZE_BYTES if kind is not Kind.PDQ)
"""Kinds that match only when they are equal: their threshold is 0, and one table is enough."""

_FINDERS: dict[Kind, Callable[[], Finder]] = {
    Kind.GOP: GopFinder,
    Kind.VIDEO: VideoFinder,
    Kind.AUDIO: AudioFinder,
    Kind.TEXT: PassageFinder,
    Kind.EXTERNAL: ExternalFinder,
}
"""Kinds whose values are as long as their content, each with the finder that searches them."""

ROW_BYTES = 32
"""Of every kind, a value is filled up with zeros to a row of four words."""

_RANK = {kind: place for place, kind in enumerate((*EXACT_KINDS, Kind.PDQ, *_FINDERS))}
"""Of two matches equally near, the one of the surer kind comes first."""

Values = npt.NDArray[np.uint8]
"""(n, SIZE_BYTES[kind]) uint8."""


class Library:
    """Stores signals and finds those that content matches, exactly. Thread-safe.

    A search never waits for a put or a drop. Once `put` returns, its entries are found; once `drop`
    returns, they are not; an entry that is replaced is found by its old value or its new one.

    within_bits: 0..64, distance within which PDQ signals match unless they or the search give
    another.
    directory:   folder of the files of `save`, one per kind, which several processes may open;
                 existing files are loaded. None: everything is in memory.
    identity:    identifies the store. Files of another identity are not used.
    trouble:     errors of files in the directory that were not used; their signals must be put
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
            for kind in SIZE_BYTES
        }
        self._finders = {kind: make() for kind, make in _FINDERS.items()}
        self._long: dict[int, Kind] = {}
        self._directory = directory
        self._identity = hashlib.sha256(identity.encode()).digest()
        self._writing = threading.Lock()
        self._moves = 0
        self._opened: dict[Kind, tuple[int, int]] = {}
        self._changed: set[Kind] = set()
        self.trouble: tuple[str, ...] = ()
        if directory:
            directory.mkdir(parents=True, exist_ok=True)
            self._open_files()

    def __len__(self) -> int:
        return sum(self.counts().values())

    @property
    def videos(self) -> VideoFinder:
        """Return the finder of videos, for streams."""
        return cast("VideoFinder", self._finders[Kind.VIDEO])

    @property
    def audio(self) -> AudioFinder:
        """Return the finder of audio, for streams."""
        return cast("AudioFinder", self._finders[Kind.AUDIO])

    @property
    def external(self) -> ExternalFinder:
        """Return the finder of types of other packages, for what it skips."""
        return cast("ExternalFinder", self._finders[Kind.EXTERNAL])

    def counts(self) -> dict[Kind, int]:
        """Return the number of signals of each kind, including kinds without any."""
        return {
            **{kind: len(index) for kind, index in self._indexes.items()},
            **{kind: len(finder) for kind, finder in self._finders.items()},
        }

    def keys(self) -> Keys:
        """Return the keys of all signals, ascending."""
        long = np.array(list(self._long), dtype=np.int64)
        return np.sort(np.concatenate([*(index.keys() for index in self._indexes.values()), long]))

    def put(self, entries: Iterable[IndexedSignal]) -> None:
        """Store signals; an entry whose key exists is replaced, the last one wins.

        raises: FingerprintError naming the entry if its value has not the length of its kind;
                ValueError if its within_bits is not 0..64, its kind has no distance, or its key is
                not a number from 0. Nothing of the whole call is stored then.
        """
        latest = {entry.key: checked(entry) for entry in entries}
        by_kind: dict[Kind, list[IndexedSignal]] = {}
        for entry in latest.values():
            by_kind.setdefault(entry.kind, []).append(entry)
        with self._writing:
            for kind, of_kind in by_kind.items():
                if kind in self._finders:
                    self._put_long(
                        kind, [entry.key for entry in of_kind], [entry.value for entry in of_kind]
                    )
                    continue
                own = [
                    NO_OWN if entry.within_bits is None else entry.within_bits for entry in of_kind
                ]
                self._put(
                    kind,
                    np.array([entry.key for entry in of_kind], dtype=np.int64),
                    np.frombuffer(b"".join(entry.value for entry in of_kind), dtype=np.uint8),
                    own_bits=np.array(own, dtype=np.uint8),
                )

    def put_columns(
        self, kind: Kind, keys: Keys, values: Values, *, own_bits: OwnBits | None = None
    ) -> None:
        """Store many signals of one kind, without an object for each: see `put`.

        keys:     (n,) int64; values: (n, SIZE_BYTES[kind]) uint8.
        own_bits: (n,) uint8, within_bits of each, 255 for none; None: no signal has any.
        raises:   ValueError; then nothing is stored.
        """
        if kind not in SIZE_BYTES:
            raise ValueError(f"{kind} values have no one length: put them as entries")
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
        """Remove signals; unknown keys are ignored."""
        going = np.unique(np.fromiter(keys, dtype=np.int64))
        with self._writing:
            for index in self._indexes.values():
                index.drop(going)
            self._drop_long(key for key in going.tolist() if key in self._long)

    def match(self, fingerprints: Fingerprints, *, within_bits: int | None = None) -> list[Match]:
        """Find the signals that content matches: see `match_many`."""
        return self.match_many([fingerprints], within_bits=within_bits)[0]

    def match_many(
        self, many: Sequence[Fingerprints], *, within_bits: int | None = None
    ) -> list[list[Match]]:
        """Find, for each piece of content, the signals that it matches.

        Every part (the frames of an animation) and every view is tried. A signal is returned once,
        with its nearest part, the first of those: nearest first, then exact kinds, then by key. PDQ
        fingerprints whose quality is known to be below MIN_QUALITY are not compared.

        within_bits: 0..64, for PDQ signals without a distance of their own; None: the library's.
        raises: FingerprintError if a value is malformed for its kind; ValueError for within_bits.
        """
        queries: dict[Kind, list[_Query]] = {}
        for place, fingerprints in enumerate(many):
            compared = [*filter(_is_compared, fingerprints.each)]
            contents: list[Fingerprint | QueryView] = [*compared, *fingerprints.views]
            for content in contents:
                queries.setdefault(content.kind, []).append((place, content))
        _check_values(queries)
        while True:
            moves = self._moves
            best: list[dict[int, Match]] = [{} for _ in many]
            for kind, lookups in queries.items():
                if kind in self._finders:
                    self._find(best, kind, lookups)
                else:
                    self._look_up(best, kind, lookups, within_bits=within_bits)
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
        if kind not in SIZE_BYTES:
            raise FingerprintError(f"{kind} values have no one length: match them one by one")
        size = SIZE_BYTES[kind]
        length = len(values) if isinstance(values, bytes) else values.nbytes
        if length % size:
            raise FingerprintError(f"{length} bytes are no whole number of {kind} values")
        if kind is not Kind.PDQ:
            within_bits = None
        hits = self._indexes[kind].search(
            _as_rows(values, size), count=length // size, within_bits=within_bits
        )
        return Hits(hits["query"], hits["key"], hits["distance_bits"].astype(np.uint16))

    def save(self) -> None:
        """Write all signals into the files of the directory, replacing the old ones.

        For one process at a time. Signals stored meanwhile may or may not be in the files.

        raises: OSError if a file cannot be written; then the old one is still there.
        """
        if self._directory is None:
            raise ValueError("this library has no directory to save to")
        for kind, index in self._indexes.items():
            path = self._directory / f"{kind}.segment"
            index.save(path, identity=self._identity)
            if path.exists():
                self._opened[kind] = _version(path)
        for kind in [kind for kind in self._finders if kind in self._changed]:
            self._changed.discard(kind)
            try:
                path = self._long_path(kind)
                save_finder(self._finders[kind], path, identity=self._identity)
            except OSError:
                self._changed.add(kind)
                raise

    def refresh(self) -> bool:
        """Switch to files that another process has saved since; the signals stay the same.

        returns: whether there were newer ones.
        """
        return self._open_files(keep=True)

    def _open_files(self, *, keep: bool = False) -> bool:
        """Open new files. keep: keep the current signals, and only read them from the files."""
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
        if not keep:
            trouble += self._open_long()
        self.trouble = tuple(trouble)
        return is_news

    def _open_long(self) -> list[str]:
        """Open the files of kinds with finders; return errors of those that cannot be used."""
        trouble = []
        for kind, finder in self._finders.items():
            try:
                keys = load_finder(finder, self._long_path(kind), identity=self._identity)
                self._long |= dict.fromkeys(keys, kind)
            except (SegmentFileError, OSError) as error:
                trouble.append(str(error))
        return trouble

    def _long_path(self, kind: Kind) -> Path:
        return (self._directory or Path()) / f"{kind}.arrays"

    def _put(self, kind: Kind, keys: Keys, values: Values, *, own_bits: OwnBits | None) -> None:
        """Put signals into one index, and remove them from all others. Holds self._writing."""
        rows = np.frombuffer(_as_rows(values, SIZE_BYTES[kind]), dtype="<u8").reshape(len(keys), -1)
        self._indexes[kind].put(keys, rows, own_bits=own_bits)
        self._leave_others(kind, keys)

    def _put_long(self, kind: Kind, keys: list[int], values: list[bytes]) -> None:
        """Do the same for a kind that has a finder."""
        self._finders[kind].put(keys, values)
        self._changed.add(kind)
        self._leave_others(kind, np.array(keys, dtype=np.int64))
        self._long |= dict.fromkeys(keys, kind)

    def _leave_others(self, kind: Kind, keys: Keys) -> None:
        """Drop signals from the kinds in which they were before."""
        for other, index in self._indexes.items():
            if other is not kind and len(index) and index.holds(keys).any():
                self._moves += 1  # before they go: a search that misses them began before this
                index.drop(keys)
        if moved := [key for key in keys.tolist() if self._long.get(key, kind) is not kind]:
            self._moves += 1
            self._drop_long(moved)

    def _drop_long(self, keys: Iterable[int]) -> None:
        """Drop signals of kinds that have finders."""
        going: dict[Kind, list[int]] = {}
        for key in keys:
            going.setdefault(self._long.pop(key), []).append(key)
        for kind, of_kind in going.items():
            self._finders[kind].drop(of_kind)
            self._changed.add(kind)

    def _look_up(
        self,
        best: list[dict[int, Match]],
        kind: Kind,
        queries: Sequence["_Query"],
        *,
        within_bits: int | None,
    ) -> None:
        """Match values of one kind, and keep the nearest part of each signal."""
        values = b"".join([content.value for _, content in queries])
        hits = self.match_values(kind, values, within_bits=within_bits)
        for query, key, bits in zip(
            hits.queries.tolist(), hits.keys.tolist(), hits.distances_bits.tolist(), strict=True
        ):
            place, content = queries[query]
            nearest = best[place].get(key)
            if nearest is None or bits < nearest.distance_bits:
                transform = content.transform if isinstance(content, QueryView) else ""
                best[place][key] = Match(key, kind, bits, content.part, transform=transform)

    def _find(self, best: list[dict[int, Match]], kind: Kind, queries: Sequence["_Query"]) -> None:
        """Match values that are as long as their content, and keep every stretch."""
        for place, content in queries:
            stretches: dict[int, list[Occurrence]] = {}
            for result in self._finders[kind].find(content.value):
                stretches.setdefault(result.key, []).append(result)
            for key, several in stretches.items():
                surest = several[0]
                before = best[place].get(key)
                if before is None or surest.confidence > before.confidence:
                    best[place][key] = Match(
                        key,
                        kind,
                        0,
                        content.part,
                        surest.confidence,
                        surest.transform,
                        tuple(several),
                    )


_Query = tuple[int, Fingerprint | QueryView]
"""A value to look up, and which piece of content it is of."""


def _is_compared(fingerprint: Fingerprint) -> bool:
    """Whether a fingerprint is not that of a picture too dull to be compared."""
    quality = fingerprint.quality
    return quality is None or quality >= MIN_QUALITY or fingerprint.kind is not Kind.PDQ


def _check_values(queries: Mapping[Kind, Sequence[_Query]]) -> None:
    """Check the values of each kind; those of one length are checked together."""
    for kind, of_kind in queries.items():
        if {len(content.value) for _, content in of_kind} != {SIZE_BYTES.get(kind)}:
            for _, content in of_kind:
                check_value(kind, content.value)


def _as_rows(values: bytes | Values, size: int) -> bytes | Values:
    """Pad values to rows; full rows are returned unchanged."""
    if size == ROW_BYTES:
        return values
    narrow = np.frombuffer(values, dtype=np.uint8).reshape(-1, size)
    rows = np.zeros((len(narrow), ROW_BYTES), dtype=np.uint8)
    rows[:, :size] = narrow
    return rows.reshape(-1)


def _version(path: Path) -> tuple[int, int]:
    """Return inode and time of a file: saving always creates a new one."""
    stat = os.stat(path)  # noqa: PTH116 - one call, and the path is a Path already
    return stat.st_ino, stat.st_mtime_ns


def _order(match: Match) -> tuple[int, int, int]:
    return match.distance_bits, _RANK[match.kind], match.key
