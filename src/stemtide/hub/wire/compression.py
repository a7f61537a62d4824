# SPDX-License-Identifier: Apache-2.0
"""Streams in gzip, with events that are compressed once for all readers.

A gzip stream is a header and blocks. Blocks that refer to nothing before them may follow on any
others, so the same bytes are part of many streams. The stream has no end, and so no checksum: a hub
that ends it breaks it off.

source: RFC 1951 sections 3.2.3 and 3.2.4, RFC 1952 section 2.3; RFC 9110 section 12.5.3.
"""

import zlib

HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""Begin of a stream: deflate, without a name, a time or an operating system."""

MIN_BYTES = 4096
"""Shorter content is not compressed: a single share gains little and should not wait."""

_LEVEL = 1  # of gzip; level 6 takes twice the time to save 9 %
_MOST_STORED = 0xFFFF


def is_accepted(accepted: str) -> bool:
    """Whether an Accept-Encoding header asks for gzip."""
    for part in accepted.lower().split(","):
        coding, _, weight = part.partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "").rstrip("0") not in {"q=", "q=0."}
    return False


def blocks(content: bytes) -> bytes:
    """Return content as blocks that refer to nothing before them, compressed if it is long."""
    if len(content) < MIN_BYTES:
        return _stored(content)
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(content) + compressor.flush(zlib.Z_SYNC_FLUSH)


class EventBytes:
    """An event of a stream. Many streams share it, and it is compressed once, if any needs that."""

    __slots__ = ("_blocks", "plain")

    def __init__(self, plain: bytes) -> None:
        self.plain = plain
        self._blocks: bytes | None = None

    @property
    def blocks(self) -> bytes:
        """Return the event for a stream in gzip."""
        if self._blocks is None:
            self._blocks = blocks(self.plain)
        return self._blocks


def _stored(content: bytes) -> bytes:
    """Return content of at most 65,535 bytes as one block that is not compressed."""
    size = len(content)
    return b"\x00%b%b%b" % (
        size.to_bytes(2, "little"),
        (size ^ _MOST_STORED).to_bytes(2, "little"),
        content,
    )
