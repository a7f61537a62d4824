# SPDX-License-Identifier: Apache-2.0
"""Fingerprints of the latest uploads, to see how many of them a new signal would have matched.

1 In memory only, of each process its own: nothing is written, and a restart forgets them.
2 Values alone: no id of the provider, no time, no order that anybody can read.
3 Digests, addresses and pictures; the finders of other kinds ignore what much content has.
"""

import hashlib
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Sequence

import numpy as np

from stemtide.fingerprints.kinds import (
    MATCH_WITHIN_BITS,
    MIN_QUALITY,
    SIZE_BYTES,
    Fingerprint,
    Fingerprints,
    Kind,
    parse_value,
)
from stemtide.matching.hamming import HammingIndex
from stemtide.protocol.sync.feed import FeedSignal
from stemtide.protocol.trust.runaway import Rate

MOST_UPLOADS = 5000
"""Uploads of each kind that are kept: enough to tell 5 % from 2 %, and 0.2 MB of pictures."""

_MOST_VALUES = 20
"""Values of one upload and kind: an archive of thousands of files counts with its first ones."""


class RecentUploads:
    """The latest uploads of this process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._uploads: dict[Kind, deque[frozenset[bytes]]] = {}
        self._counts: dict[Kind, Counter[bytes]] = {}

    def add(self, contents: Iterable[Fingerprints]) -> None:
        """Add uploads, and forget the earliest beyond the number that is kept."""
        with self._lock:
            for content in contents:
                for kind, values in _values(content.each).items():
                    self._put(kind, frozenset(values))

    def _put(self, kind: Kind, values: frozenset[bytes]) -> None:
        uploads = self._uploads.setdefault(kind, deque())
        counts = self._counts.setdefault(kind, Counter())
        uploads.append(values)
        counts.update(values)
        if len(uploads) > MOST_UPLOADS:
            for value in uploads.popleft():
                counts[value] -= 1
                if not counts[value]:
                    del counts[value]

    def rates(self, signals: Sequence[FeedSignal]) -> dict[str, Rate]:
        """Return, for each signal that matches some of the uploads, how many of how many.

        A folder or host of the web counts only the address itself.
        """
        rates: dict[str, Rate] = {}
        with self._lock:
            for signal in signals:
                counts = self._counts.get(signal.kind)
                if counts and signal.kind is not Kind.PDQ:
                    matches = counts[parse_value(signal.kind, signal.value)]
                    if matches:
                        rates[str(signal.id)] = Rate(matches, len(self._uploads[signal.kind]))
            pictures = list(self._uploads.get(Kind.PDQ, ()))
        looking = [signal for signal in signals if signal.kind is Kind.PDQ]
        return rates | _picture_rates(looking, pictures) if looking and pictures else rates


def _picture_rates(
    signals: Sequence[FeedSignal], uploads: Sequence[frozenset[bytes]]
) -> dict[str, Rate]:
    """Return, for each signal near a picture of some uploads, how many of how many."""
    values = [value for upload in uploads for value in upload]
    owners = np.repeat(np.arange(len(uploads)), [len(upload) for upload in uploads])
    index = HammingIndex(loose_rows=len(values))  # compared row by row: no tables for one search
    rows = np.frombuffer(b"".join(values), dtype=np.uint64).reshape(len(values), index.words)
    index.put(np.arange(len(values)), rows)
    within = [
        MATCH_WITHIN_BITS if signal.within_bits is None else signal.within_bits
        for signal in signals
    ]
    queries = b"".join(parse_value(Kind.PDQ, signal.value) for signal in signals)
    hits = index.search(queries, count=len(signals), within_bits=np.array(within))
    pairs = np.unique(np.stack([hits["query"], owners[hits["key"]]]), axis=1)
    numbers, matches = np.unique(pairs[0], return_counts=True)
    return {
        str(signals[number].id): Rate(count, len(uploads))
        for number, count in zip(numbers.tolist(), matches.tolist(), strict=True)
    }


def _values(prints: Sequence[Fingerprint]) -> dict[Kind, list[bytes]]:
    """Return the values of one upload by kind, without dull pictures, which match nothing."""
    values: dict[Kind, list[bytes]] = {}
    for fingerprint in prints:
        kind, quality = fingerprint.kind, fingerprint.quality
        is_dull = quality is not None and quality < MIN_QUALITY
        if kind in SIZE_BYTES and not is_dull:
            of_kind = values.setdefault(kind, [])
            if len(of_kind) < _MOST_VALUES:
                of_kind.append(fingerprint.value)
    return values


MOST_BYTES = 32_000_000
"""Of fingerprints: some 10,000 pictures, or a thousand short films."""

_OBJECT_BYTES = 300
"""About what a fingerprint or view takes beside its value."""


class RepeatedContent:
    """The fingerprints of the content that came last. Thread-safe."""

    def __init__(self, *, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, Fingerprints] = OrderedDict()
        self._bytes = 0

    def find(self, digest: bytes) -> Fingerprints | None:
        """Return the fingerprints of the bytes with a digest; None if they are not kept."""
        with self._lock:
            prints = self._kept.get(digest)
            if prints is not None:
                self._kept.move_to_end(digest)
            return prints

    def keep(self, digest: bytes, prints: Fingerprints) -> None:
        """Keep fingerprints by the digest of the bytes; forget those that came longest ago."""
        if prints.is_incomplete:
            return
        with self._lock:
            if digest not in self._kept:
                self._bytes += _size(prints)
            self._kept[digest] = prints
            self._kept.move_to_end(digest)
            while self._bytes > self._most_bytes:
                _, forgotten = self._kept.popitem(last=False)
                self._bytes -= _size(forgotten)


def content_digest(blob: bytes) -> bytes:
    """Return the digest by which content is kept."""
    return hashlib.sha256(blob).digest()


def _size(prints: Fingerprints) -> int:
    """Return about how many bytes fingerprints take."""
    values = [print_.value for print_ in prints.each]
    values += [view.value for view in prints.views]
    values += prints.local
    return _OBJECT_BYTES * (len(values) + 1) + sum(map(len, values))
