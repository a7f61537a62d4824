# SPDX-License-Identifier: Apache-2.0
"""Signed messages by which crisis mechanisms tell each other of their activations.

source: Standard Webhooks: the signed text is `id.timestamp.body`; `v1a` is Ed25519, and a public
key is written `whpk_` and base64. docs/use/connect/activations.md describes the format.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from stemtide.protocol.enums import NeighbourStatus

TYPE: Literal["activation.changed"] = "activation.changed"
WINDOW = timedelta(minutes=5)
"""How far the time of a message may be from the receiver's clock, in both directions."""

MAX_BYTES = 20_000
"""Longest body. source: Standard Webhooks."""

_KEY, _SIGNATURE = "whpk_", "v1a,"
_MAX_ID, _MAX_SIGNATURES = 100, 5
_TOLERANT = ConfigDict(extra="ignore", frozen=True)


class UnsignedError(ValueError):
    """A message without a valid signature by a known key."""


class KeyTextError(ValueError):
    """A text is no public key of Standard Webhooks."""


class EventReport(BaseModel):
    """The event of an activation, if the sender tells it. refs: names that mechanisms share."""

    model_config = _TOLERANT

    name: str = Field(default="", max_length=200)
    countries: list[str] = Field(default=[], max_length=250)
    refs: list[str] = Field(default=[], max_length=20)
    happened_at: AwareDatetime | None = None


class ActivationReport(BaseModel):
    """An activation as its own mechanism tells it.

    id:       the same for all messages about one activation.
    sequence: grows with every change: a lower or equal one is older than what was told.
    type:     the mechanism's own type of activation.
    """

    model_config = _TOLERANT

    id: UUID
    sequence: int = Field(ge=1, le=(1 << 53))
    framework: str = Field(min_length=2, max_length=60)
    version: str = Field(min_length=1, max_length=40)
    type: str = Field(min_length=1, max_length=80)
    reference: str = Field(default="", max_length=200)
    status: NeighbourStatus
    started_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    exercise: bool = False
    event: EventReport = EventReport()


class ActivationMessage(BaseModel):
    """The body of a message. Unknown fields are ignored."""

    model_config = _TOLERANT

    type: Literal["activation.changed"]
    timestamp: AwareDatetime
    data: ActivationReport


def signing_key(root: str) -> Ed25519PrivateKey:
    """Return the key that signs a hub's messages, derived from its root secret: never stored."""
    seed = hmac.new(root.encode(), b"activations told to neighbours", hashlib.sha256).digest()
    return Ed25519PrivateKey.from_private_bytes(seed)


def key_text(key: Ed25519PublicKey) -> str:
    """Return a public key as `whpk_…`."""
    return _KEY + base64.b64encode(key.public_bytes_raw()).decode()


def read_key(text: str) -> Ed25519PublicKey:
    """Parse `whpk_…`. raises: KeyTextError."""
    try:
        raw = base64.b64decode(text.removeprefix(_KEY), validate=True)
        if not text.startswith(_KEY):
            raise KeyTextError(f"a key begins with {_KEY}")
        return Ed25519PublicKey.from_public_bytes(raw)
    except (binascii.Error, ValueError) as error:
        raise KeyTextError(f"{text[:60]!r} is no Ed25519 key: write {_KEY} and base64") from error


def encode(message: ActivationMessage) -> bytes:
    """Return a message as its body."""
    return message.model_dump_json().encode()


def sign(name: str, body: bytes, *, key: Ed25519PrivateKey, at: datetime) -> dict[str, str]:
    """Return the headers that sign a body. name: id of the message, the same at each attempt."""
    stamp = str(int(at.timestamp()))
    signature = base64.b64encode(key.sign(_signed(name, stamp, body))).decode()
    return {
        "webhook-id": name,
        "webhook-timestamp": stamp,
        "webhook-signature": f"{_SIGNATURE}{signature}",
    }


def verify(
    body: bytes, headers: Mapping[str, str], *, keys: Sequence[Ed25519PublicKey]
) -> tuple[str, datetime]:
    """Return the id and the time of a message that one of the keys signed.

    The caller compares the time with its clock. headers: by lower-case names.

    raises: UnsignedError.
    """
    name, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not 1 <= len(name) <= _MAX_ID or not name.isprintable() or not stamp.isascii():
        raise UnsignedError("webhook-id or webhook-timestamp is missing or malformed")
    if not stamp.isdigit() or len(stamp) > len("9999999999"):
        raise UnsignedError("webhook-timestamp is no time in seconds")
    signed = _signed(name, stamp, body)
    for signature in headers.get("webhook-signature", "").split()[:_MAX_SIGNATURES]:
        if any(_is_valid(signature, signed, key=key) for key in keys):
            return name, datetime.fromtimestamp(int(stamp), UTC)
    raise UnsignedError("no signature by a key that is pinned here: sign with v1a (Ed25519)")


def _signed(name: str, stamp: str, body: bytes) -> bytes:
    """Return the bytes that a signature covers."""
    return b".".join((name.encode(), stamp.encode(), body))


def _is_valid(signature: str, signed: bytes, *, key: Ed25519PublicKey) -> bool:
    """Whether a signature of the header is valid under a key."""
    if not signature.startswith(_SIGNATURE):
        return False
    try:
        key.verify(base64.b64decode(signature.removeprefix(_SIGNATURE), validate=True), signed)
    except (binascii.Error, ValueError, InvalidSignature):
        return False
    return True
