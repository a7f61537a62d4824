# SPDX-License-Identifier: Apache-2.0
"""The private key with which a party signs signals, as one line of text.

The line is that of C2SP's signed notes: "PRIVATE+KEY+", the name of the party, the id of the key,
and in base64 the byte of the algorithm and the 32 bytes of the key.
"""

from dataclasses import dataclass
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stemtide.protocol.messages.signals import SignalIn
from stemtide.protocol.signing import signatures
from stemtide.protocol.signing.signatures import SignerKey
from stemtide.protocol.tlog.notes import decode_base64, encode_base64, is_name

_START = "PRIVATE+KEY+"
_KEY_BYTES = 32


class SecretKeyError(ValueError):
    """A text is no private key of a signer. It does not repeat the text."""


@dataclass(frozen=True, slots=True)
class SignerSecret:
    """The private key of a party. name: of the party."""

    name: str
    private: Ed25519PrivateKey

    @classmethod
    def new(cls, name: str) -> Self:
        """Return a new key of a party. raises: SecretKeyError for a name that is none."""
        if not is_name(name):
            raise SecretKeyError(f"{name[:60]!r} is no name of a party")
        return cls(name, Ed25519PrivateKey.generate())

    @classmethod
    def read(cls, text: str) -> Self:
        """Parse the line of a key file. raises: SecretKeyError."""
        name, _, rest = text.strip().removeprefix(_START).partition("+")
        key_id, _, encoded = rest.partition("+")
        raw = decode_base64(encoded)
        has_form = raw[:1] == SignerKey.algorithm and len(raw) == 1 + _KEY_BYTES and is_name(name)
        if not text.strip().startswith(_START) or not has_form:
            raise SecretKeyError("this is no key of a signer: make one with `stemtide signer new`")
        key = cls(name, Ed25519PrivateKey.from_private_bytes(raw[1:]))
        if key.public.id.hex() != key_id:
            raise SecretKeyError("this key of a signer is damaged: copy it anew")
        return key

    @property
    def public(self) -> SignerKey:
        """Return the public half, which the hub and agents need."""
        return SignerKey.of(self.private, name=self.name)

    def sign(self, body: SignalIn) -> SignalIn:
        """Return a signal of this party with its signature. raises: UrlError."""
        return signatures.sign(body, key=self.private, party=self.name)

    def __str__(self) -> str:
        raw = SignerKey.algorithm + self.private.private_bytes_raw()
        return f"{_START}{self.name}+{self.public.id.hex()}+{encode_base64(raw)}"

    def __repr__(self) -> str:
        return f"SignerSecret({self.name!r})"
