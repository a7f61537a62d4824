# SPDX-License-Identifier: Apache-2.0
"""Which known addresses, folders and hosts cover an address, by digests alone.

It also answers those who will not say which address they look up: they tell the first four bytes
of each digest, get all digests that begin so, and compare at home.
"""

import threading
from collections.abc import Iterable, Sequence

from stemtide.fingerprints.kinds import FingerprintError
from stemtide.fingerprints.url_reach import PREFIX_BYTES, Reach, UrlPrint, prefix_of
from stemtide.matching.found import Found

_DIGEST_BYTES = 32
_WORDS = {Reach.ADDRESS: "", Reach.FOLDER: "folder", Reach.HOST: "host"}
_SCORES = {Reach.ADDRESS: 1.0, Reach.FOLDER: 0.9, Reach.HOST: 0.8}


class UrlFinder:
    """Finds the signals of addresses, folders and hosts. Readers never wait.

    A value that is put is the SHA-256 of an expression (see url_reach); a value that is looked up
    is a `UrlPrint`, or one digest alone.
    """

    def __init__(self) -> None:
        # Both hold tuples that are replaced and never changed, so that a reader sees the one or
        # the other. By prefix only, as nearly every bucket has one digest and one signal.
        self._buckets: dict[bytes, tuple[tuple[bytes, int], ...]] = {}
        self._values: dict[int, bytes] = {}
        self._writing = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def put(self, keys: Sequence[int], values: Sequence[bytes]) -> None:
        """Hold these signals; one of a key that is held already takes its place.

        raises: FingerprintError if a value is no digest; then nothing has changed.
        """
        for value in values:
            _check(value)
        with self._writing:
            for key, value in zip(keys, values, strict=True):
                before = self._values.get(key)
                if before == value:
                    continue
                prefix = prefix_of(value)
                self._buckets[prefix] = (*self._buckets.get(prefix, ()), (value, key))
                self._values[key] = bytes(value)
                if before is not None:
                    self._leave(key, before)

    def drop(self, keys: Iterable[int]) -> None:
        """Hold these signals no longer; keys that are not held are ignored."""
        with self._writing:
            for key in keys:
                value = self._values.pop(key, None)
                if value is not None:
                    self._leave(key, value)

    def find(self, value: bytes) -> list[Found]:
        """Return the signals that cover an address, the narrowest first.

        The score is 1 for the address itself, 0.9 for a folder and 0.8 for a host. Equal digests
        are equal expressions, so the confidence is always 1.

        raises: FingerprintError if the value is neither a look-up nor a digest.
        """
        found: dict[int, Reach] = {}
        for reach, digest in _looked_up(value):
            for held, key in self._buckets.get(prefix_of(digest), ()):
                if held == digest:
                    found.setdefault(key, reach)
        rows = sorted(found.items(), key=lambda row: (row[1], row[0]))
        return [
            Found(key=key, score=_SCORES[reach], confidence=1.0, transform=_WORDS[reach])
            for key, reach in rows
        ]

    def bucket(self, prefix: bytes) -> list[bytes]:
        """Return all held digests that begin with a prefix, sorted, each once.

        raises: FingerprintError if the prefix has not 4 bytes: a shorter one would ask for much of
                what is held, a longer one would tell the address.
        """
        if len(prefix) != PREFIX_BYTES:
            raise FingerprintError(f"a prefix has {PREFIX_BYTES} bytes, this one {len(prefix)}")
        return sorted({digest for digest, _ in self._buckets.get(prefix, ())})

    def buckets(self, prefixes: Iterable[bytes]) -> list[bytes]:
        """Answer several prefixes at once, so that nobody sees which digest was for which."""
        return sorted({digest for prefix in set(prefixes) for digest in self.bucket(prefix)})

    def _leave(self, key: int, value: bytes) -> None:
        prefix = prefix_of(value)
        left = tuple(row for row in self._buckets.get(prefix, ()) if row != (value, key))
        if left:
            self._buckets[prefix] = left
        else:
            self._buckets.pop(prefix, None)


def _looked_up(value: bytes) -> tuple[tuple[Reach, bytes], ...]:
    if len(value) == _DIGEST_BYTES:
        return ((Reach.ADDRESS, value),)
    return UrlPrint.from_bytes(value).digests


def _check(value: bytes) -> None:
    if len(value) != _DIGEST_BYTES:
        raise FingerprintError(
            f"a signal of an address is {_DIGEST_BYTES} bytes, this is {len(value)}"
        )
