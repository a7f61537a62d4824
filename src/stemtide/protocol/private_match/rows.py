# SPDX-License-Identifier: Apache-2.0
"""Digests as inputs of the pseudorandom function, and the sealed rows that its outputs open.

An output has 64 bytes: the first 8 are the tag, which sorts a row into its bucket, and the last 32
are the key that seals the row. Only a holder of the digest gets the output and opens the row.

source: RFC 9497, mode VOPRF, suite ristretto255-SHA512; AES-256-GCM, NIST SP 800-38D.
"""

import secrets
from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import Action

SUITE = "ristretto255-SHA512"

KINDS = (Kind.SHA256, Kind.MD5, Kind.URL)
"""Kinds that match if they are equal. Similar pictures cannot be matched privately: 0208."""

TAG_BITS = 64
_TAG_BYTES = TAG_BITS // 8
_NONCE_BYTES = 12
_KEY_BYTES = 32
_UUID_BYTES = 16
_SEALED_BYTES = _NONCE_BYTES + _UUID_BYTES + 1 + 16
ROW_BYTES = _TAG_BYTES + _SEALED_BYTES

_ACTIONS = tuple(Action)


class SealedSignal(NamedTuple):
    """What a row holds: the id of a signal, and the strongest action that its marks allow."""

    signal: UUID
    action: Action


def input_of(kind: Kind, value: bytes) -> bytes:
    """Return the input for a digest: its kind and its value in hex."""
    return f"{kind}:{value.hex()}".encode()


def tag_of(output: bytes) -> int:
    """Return the tag of an output, of 64 bits."""
    return int.from_bytes(output[:_TAG_BYTES], "big")


def bucket_of(tag: int, *, prefix_bits: int) -> int:
    """Return the number of a tag's bucket."""
    return tag >> (TAG_BITS - prefix_bits)


def seal(sealed: SealedSignal, *, output: bytes) -> bytes:
    """Return a signal as ciphertext that only this output opens."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    plain = sealed.signal.bytes + bytes([_ACTIONS.index(sealed.action)])
    return nonce + _cipher(output).encrypt(nonce, plain, output[:_TAG_BYTES])


def pack_row(tag: int, sealed: bytes) -> bytes:
    """Return a row as it is sent."""
    return tag.to_bytes(_TAG_BYTES, "big") + sealed


def split_rows(rows: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and ciphertext of each row. raises: ValueError if a row is cut off."""
    if len(rows) % ROW_BYTES:
        raise ValueError(f"{len(rows)} bytes are no rows of {ROW_BYTES} bytes")
    for start in range(0, len(rows), ROW_BYTES):
        middle = start + _TAG_BYTES
        yield int.from_bytes(rows[start:middle], "big"), rows[middle : start + ROW_BYTES]


def unseal(sealed: bytes, *, output: bytes) -> SealedSignal | None:
    """Return the signal of a row; None if it is not one of this output."""
    nonce = sealed[:_NONCE_BYTES]
    try:
        plain = _cipher(output).decrypt(nonce, sealed[_NONCE_BYTES:], output[:_TAG_BYTES])
        return SealedSignal(UUID(bytes=plain[:_UUID_BYTES]), _ACTIONS[plain[_UUID_BYTES]])
    except (InvalidTag, IndexError):
        return None


def _cipher(output: bytes) -> AESGCM:
    return AESGCM(output[-_KEY_BYTES:])
