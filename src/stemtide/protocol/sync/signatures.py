# SPDX-License-Identifier: Apache-2.0
"""Signatures by a hub's own key, which everyone who has the public key can verify anywhere.

Signed is the text of a manifest, byte for byte as it is transferred: it is not normalised before
verification, so there is no canonical form to disagree about. A manifest names its format, so a
signature of one kind of manifest is not valid for another.

source: RFC 8032 (Ed25519), through cryptography.
"""

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, Field

_WRITTEN = re.compile(r"ed25519:([0-9a-f]{64})")
_CONTEXT = b"stemtide signed manifest\n"
MAX_SIGNATURES = 16
"""Maximum signatures of a manifest: one for each key that the hub signs with."""


class SignatureError(ValueError):
    """A signature or a key is invalid. The message says what to do."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half of a hub's key. raw: 32 bytes."""

    raw: bytes

    @classmethod
    def read(cls, text: str) -> Self:
        """Parse a key in its text form. raises: SignatureError."""
        match = _WRITTEN.fullmatch(text.strip())
        if not match:
            raise SignatureError(
                f"{text.strip()[:80]!r} is no public key of a hub: it is written as ed25519: and 64"
                " digits 0-9 and a-f, as `stemtide hub keys` says it"
            )
        return cls(bytes.fromhex(match[1]))

    @classmethod
    def of(cls, private: Ed25519PrivateKey) -> Self:
        """Return the public half of a private key."""
        return cls(private.public_key().public_bytes_raw())

    def __str__(self) -> str:
        return f"ed25519:{self.raw.hex()}"

    @property
    def fingerprint(self) -> str:
        """Return 16 bytes of SHA-256 in groups of four digits, for comparing keys by telephone."""
        digits = hashlib.sha256(self.raw).hexdigest()[:32]
        return " ".join(digits[at : at + 4] for at in range(0, 32, 4))

    @property
    def name(self) -> str:
        """Return the key id in signatures: the fingerprint without spaces."""
        return self.fingerprint.replace(" ", "")

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """Whether this key made that signature of that message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            return False
        return True


class Signature(BaseModel):
    """A signature. key: the name of the signing key. signature: 64 bytes in hex."""

    key: str = Field(pattern=r"^[0-9a-f]{32}$")
    signature: str = Field(pattern=r"^[0-9a-f]{128}$")


class Signed(BaseModel):
    """A manifest as text, with a signature by each current key of its hub."""

    manifest: str
    signatures: list[Signature] = Field(max_length=MAX_SIGNATURES)


def sign(manifest: BaseModel, *, keys: Sequence[Ed25519PrivateKey]) -> Signed:
    """Return a manifest with signatures by the given keys."""
    text = manifest.model_dump_json()
    message = _message(text)
    return Signed(
        manifest=text,
        signatures=[
            Signature(key=PublicKey.of(key).name, signature=key.sign(message).hex()) for key in keys
        ],
    )


def check(signed: Signed, *, trusted: Collection[PublicKey]) -> PublicKey:
    """Return the first trusted key with a valid signature of a manifest.

    raises: SignatureError if a trusted key's signature is invalid, or no trusted key signed.
    """
    message = _message(signed.manifest)
    by_name = {public_key.name: public_key for public_key in trusted}
    for signature in signed.signatures:
        key = by_name.get(signature.key)
        if key is None:
            continue
        if not key.has_signed(message, bytes.fromhex(signature.signature)):
            raise SignatureError(
                f"the signature of the hub's key {key.fingerprint} does not hold: it was changed on"
                " its way; fetch it again, and if that does not help tell whoever runs the hub"
            )
        return key
    others = ", ".join(signature.key for signature in signed.signatures) or "nobody"
    raise SignatureError(
        f"it is signed by {others[:330]}, and by no key that you trust"
        f" ({', '.join(sorted(by_name)) or 'none'}): ask whoever runs the hub by telephone whether"
        " its key was changed, and trust the new one only then"
    )


def _message(manifest: str) -> bytes:
    """Return the signed bytes: a prefix keeps signatures of other programs from being valid."""
    return _CONTEXT + manifest.encode()
