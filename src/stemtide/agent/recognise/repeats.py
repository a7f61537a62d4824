# SPDX-License-Identifier: Apache-2.0
"""Fingerprints of the latest uploads by the digest of their bytes: a repeat is not decoded again.

1 In memory only, of each process its own: nothing is written, and a restart forgets them.
2 Equal bytes give equal fingerprints, so the decision, its reasons and the journal are as before.
3 Content that could not be read in full is not kept: its decoder may have run out of time.
"""

import hashlib
import threading
from collections import OrderedDict

from stemtide.fingerprints.kinds import Fingerprints

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
