# SPDX-License-Identifier: Apache-2.0
"""Segments of a snapshot: immutable files of feed entries, and the signed list of a reader's files.

A segment has the entries of a range of positions, as JSON lines, in gzip, encrypted. Its name is
the SHA-256 of the file, so any server may hand it on; its key is in the list, which the hub
gives to its reader alone. An entry replaces those of the same signal in earlier segments.
"""

import gzip
import hashlib
import hmac
import zlib
from pathlib import Path
from typing import Annotated, Literal, Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from stemtide.fingerprints.kinds import MAX_VALUE_BYTES
from stemtide.protocol.sync.feed import FeedParty, History
from stemtide.protocol.sync.snapshots import Count, Digest, Position

MEDIA_TYPE = "application/octet-stream"

MAX_ENTRIES = 50_000
"""Entries after which a hub ends a segment."""

FULL_BYTES = 32 * 1024 * 1024
"""Bytes of lines after which a hub ends a segment."""

MAX_LINES_BYTES = FULL_BYTES + 4 * MAX_VALUE_BYTES
"""Maximum bytes of a segment's lines: long values come in groups of several megabytes."""

MAX_SEGMENTS = 10_000

_LEVEL = 4  # of gzip, as in snapshot files
_NONCE = bytes(12)
"""The same for all: a key encrypts one content only, because it is derived from that content."""

SegmentName = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class SegmentError(ValueError):
    """A segment is not what the hub promised. The message names it."""


class SnapshotSegment(BaseModel):
    """A segment in a reader's list.

    name: SHA-256 of the file. key: 32 bytes in hex, for AES-256-GCM with a nonce of zeros.
    after, until: it has the entries at positions above after, up to until.
    size_bytes: of the file. lines_bytes: of its lines, uncompressed. entries: number of lines.
    """

    model_config = ConfigDict(frozen=True)

    name: SegmentName
    key: Digest
    after: Position
    until: Position
    size_bytes: Count
    lines_bytes: Annotated[int, Field(ge=0, le=MAX_LINES_BYTES)]
    entries: Count


class SegmentManifest(BaseModel):
    """All that a reader may see at a position, as segments, the oldest first.

    version: the feed position to follow the feed from. history: of the feed, as in FeedPage.
    made_at: when the hub last read what changed. parties: the standing of every party.
    """

    model_config = ConfigDict(frozen=True)

    format: Literal["stemtide-segments-1"] = "stemtide-segments-1"
    hub: UUID
    party: str
    exercise: bool
    version: Position
    made_at: AwareDatetime
    history: History = ""
    parties: list[FeedParty]
    segments: Annotated[list[SnapshotSegment], Field(max_length=MAX_SEGMENTS)]

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        """Refuse segments in another order than that of their positions."""
        reached = 0
        for segment in self.segments:
            if segment.after < reached or segment.until < segment.after:
                raise ValueError(f"segments: {segment.name} is not in the order of positions")
            reached = segment.until
        if reached > self.version:
            raise ValueError("segments: the last one ends after the version")
        return self


def seal_segment(
    lines: bytes, *, after: int, until: int, entries: int, secret: bytes
) -> tuple[SnapshotSegment, bytes]:
    """Compress and encrypt lines; return the segment and the content of its file.

    The same lines make the same file, so readers who see the same share it.
    """
    packed = gzip.compress(lines, compresslevel=_LEVEL, mtime=0)
    key = hmac.digest(secret, packed, "sha256")
    content = AESGCM(key).encrypt(_NONCE, packed, None)
    segment = SnapshotSegment(
        name=hashlib.sha256(content).hexdigest(),
        key=key.hex(),
        after=after,
        until=until,
        size_bytes=len(content),
        lines_bytes=len(lines),
        entries=entries,
    )
    return segment, content


def read_segment(path: Path, segment: SnapshotSegment) -> bytes:
    """Verify and decrypt the file of a segment; return its lines.

    raises: SegmentError, OSError.
    """
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != segment.name:
        raise SegmentError(
            f"segment {segment.name} was cut or changed: its file has another SHA-256"
            f" ({len(content)} of {segment.size_bytes} bytes)"
        )
    inflater = zlib.decompressobj(31)
    try:
        packed = AESGCM(bytes.fromhex(segment.key)).decrypt(_NONCE, content, None)
        lines = inflater.decompress(packed, segment.lines_bytes + 1)
    except (InvalidTag, zlib.error) as error:
        raise SegmentError(f"segment {segment.name} does not open with its key") from error
    if (len(lines), lines.count(b"\n")) != (segment.lines_bytes, segment.entries):
        raise SegmentError(f"segment {segment.name} has other lines than its hub promised")
    return lines
