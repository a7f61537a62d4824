# SPDX-License-Identifier: Apache-2.0
"""Read streams in gzip for a thousand agents: what all of them get is inflated once.

The hub sends each event as a chunk of blocks that refer to nothing before them. Where a proxy has
cut the chunks in another way, each agent inflates its own from then on.

source: RFC 1951, RFC 1952.
"""

import zlib
from functools import lru_cache

_HEADER_BYTES = 10
_EVENT_END = b"\n\n"


class StreamInflater:
    """The inflater of one stream. Give it whole chunks."""

    def __init__(self) -> None:
        self._begin = b""
        self._is_begun = False
        self._own: zlib._Decompress | None = None

    def take(self, chunk: bytes) -> bytes:
        """Return the content of a chunk. raises: ConnectionError for what is not gzip."""
        if not self._is_begun:
            self._begin += chunk
            if len(self._begin) < _HEADER_BYTES:
                return b""
            self._is_begun = True
            chunk = self._begin[_HEADER_BYTES:]
        if self._own is None:
            content = _event(chunk) if chunk else b""
            if content is not None:
                return content
            self._own = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            return self._own.decompress(chunk)
        except zlib.error as error:
            raise ConnectionError(f"the stream is not gzip: {error}") from error


@lru_cache(maxsize=64)
def _event(chunk: bytes) -> bytes | None:
    """Return the content of a chunk that is a whole event; None if it is none."""
    try:
        content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(chunk)
    except zlib.error:
        return None
    return content if content.endswith(_EVENT_END) else None
