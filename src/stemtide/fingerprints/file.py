# SPDX-License-Identifier: Apache-2.0
"""Compute SHA-256 and MD5 of a file in one pass, however large."""

import hashlib
from typing import Protocol

from stemtide.fingerprints.kinds import Fingerprint, Kind

_CHUNK_BYTES = 1 << 20


class Readable(Protocol):
    """An object that can be read in pieces, such as a file opened in binary mode."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; nothing at the end."""


def digests(stream: Readable) -> tuple[bytes, bytes]:
    """Read a stream to its end, a megabyte at a time.

    returns: its SHA-256 (32 bytes) and its MD5 (16 bytes). MD5 is there because the field
             exchanges it; it identifies equal files, and proves nothing against a forger.
    """
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    while chunk := stream.read(_CHUNK_BYTES):
        sha256.update(chunk)
        md5.update(chunk)
    return sha256.digest(), md5.digest()


def fingerprint_bytes(blob: bytes | memoryview) -> tuple[Fingerprint, Fingerprint]:
    """Return both digests of content in memory."""
    return (
        Fingerprint(Kind.SHA256, hashlib.sha256(blob).digest()),
        Fingerprint(Kind.MD5, hashlib.md5(blob, usedforsecurity=False).digest()),
    )
