# SPDX-License-Identifier: Apache-2.0
"""Cosignatures of witnesses: that a head continues every head that the witness saw before.

source: C2SP, tlog-cosignature (cosignature/v1, Ed25519) and tlog-witness (add-checkpoint).
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from stemtide.protocol.tlog.merkle import HASH_BYTES, ProofError
from stemtide.protocol.tlog.notes import (
    DASH,
    Note,
    NoteError,
    NoteSignature,
    VerifierKey,
    decode_base64,
    encode_base64,
    is_name,
)

MOST_HASHES = 63
"""The most hashes of a proof in a request to a witness."""

_TIME_BYTES = 8
_SIGNATURE_BYTES = 64
_OLD_SIZE = re.compile(r"old (0|[1-9][0-9]{0,18})")


class WitnessKey(VerifierKey):
    """A key of a witness, which cosigns heads."""

    algorithm = b"\x04"
    remedy = "is no key of a witness: copy it whole, as the witness prints it"

    def signed_at(self, text: str, line: NoteSignature) -> int:
        """Return when this key cosigned the text of a head, in seconds since 1970.

        raises: NoteError if it did not.
        """
        moment, signature = line.signature[:_TIME_BYTES], line.signature[_TIME_BYTES:]
        at = int.from_bytes(moment)
        is_ours = (line.name, line.key_id) == (self.name, self.id)
        if is_ours and len(signature) == _SIGNATURE_BYTES:
            try:
                key = Ed25519PublicKey.from_public_bytes(self.raw)
                key.verify(signature, _message(text, at=at))
            except InvalidSignature:
                pass
            else:
                return at
        raise NoteError(f"the cosignature of {self.name}+{self.id.hex()} does not hold")


def cosign(text: str, *, key: Ed25519PrivateKey, name: str, at: int) -> str:
    """Return the line with which a witness cosigns the text of a head.

    at: seconds since 1970. raises: NoteError if no key can have that name.
    """
    if not is_name(name):
        raise NoteError(f"{name[:80]!r} cannot be the name of a witness's key")
    signature = at.to_bytes(_TIME_BYTES) + key.sign(_message(text, at=at))
    return f"{DASH}{name} {encode_base64(WitnessKey.of(key, name=name).id + signature)}\n"


def cosigners(note: Note, *, trusted: Collection[WitnessKey]) -> dict[WitnessKey, int]:
    """Return which trusted witnesses cosigned a head, and when, in seconds since 1970.

    raises: NoteError for a cosignature of a trusted witness that does not hold.
    """
    by_id = {(key.name, key.id): key for key in trusted}
    times = {}
    for line in note.signatures:
        if key := by_id.get((line.name, line.key_id)):
            times[key] = key.signed_at(note.text, line)
    return times


@dataclass(frozen=True, slots=True)
class CheckpointRequest:
    """A request to cosign a head. old_size: of the head that the witness has. note: the new head.

    path: the proof that the new head continues the old one.
    """

    old_size: int
    path: tuple[bytes, ...]
    note: str

    def __str__(self) -> str:
        hashes = "".join(f"{encode_base64(node)}\n" for node in self.path)
        return f"old {self.old_size}\n{hashes}\n{self.note}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Parse the body of a request. raises: ProofError."""
        head, gap, note = text.partition("\n\n")
        first, *lines = head.split("\n")
        old = _OLD_SIZE.fullmatch(first)
        path = tuple(map(decode_base64, lines))
        if not old or not gap or len(path) > MOST_HASHES or any(map(_is_no_hash, path)):
            raise ProofError('a request to cosign begins with "old", a size, and a proof')
        return cls(int(old[1]), path, note)


def _is_no_hash(node: bytes) -> bool:
    """Whether bytes are too few or too many for a hash."""
    return len(node) != HASH_BYTES


def _message(text: str, *, at: int) -> bytes:
    """Return the bytes that a witness signs."""
    return f"cosignature/v1\ntime {at}\n{text}".encode()
