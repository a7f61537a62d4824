# SPDX-License-Identifier: Apache-2.0
"""Signed heads of a log: notes with Ed25519 signatures, and checkpoints, which are such notes.

source: C2SP, signed-note and tlog-checkpoint.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from stemtide.protocol.tlog.merkle import HASH_BYTES

MAX_BYTES = 100_000
"""The longest note that is read."""

_KEY_BYTES = 32
ID_BYTES = 4
DASH = "\N{EM DASH} "
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_CHECKPOINT_LINES = 3


class NoteError(ValueError):
    """A note, a key or a head is wrong. The message names the remedy."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key that verifies lines of signature. name: as in them. raw: 32 bytes of Ed25519.

    algorithm: the byte that tells keys of one purpose from those of another.
    """

    name: str
    raw: bytes

    algorithm: ClassVar[bytes]
    remedy: ClassVar[str]

    @classmethod
    def read(cls, text: str) -> Self:
        """Parse a verifier key, as in "hub.example/log+530d903a+AekyeRrm…". raises: NoteError."""
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        raw = decode_base64(encoded)
        key = cls(name, raw[1:])
        has_form = raw[:1] == cls.algorithm and len(raw) == 1 + _KEY_BYTES and is_name(name)
        if not has_form or key_id != key.id.hex():
            raise NoteError(f"{text.strip()[:120]!r} {cls.remedy}")
        return key

    @classmethod
    def of(cls, private: Ed25519PrivateKey, *, name: str) -> Self:
        """Return the public half of a private key, under a name."""
        return cls(name, private.public_key().public_bytes_raw())

    @property
    def id(self) -> bytes:
        """Return the four bytes that name the key in a signature."""
        named = f"{self.name}\n".encode() + self.algorithm + self.raw
        return hashlib.sha256(named).digest()[:ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{encode_base64(self.algorithm + self.raw)}"


class NoteKey(VerifierKey):
    """A key of a log, which signs its heads."""

    algorithm = b"\x01"
    remedy = "is no Ed25519 verifier key: copy it whole, as `stemtide ledger keys` prints it"

    def has_signed(self, text: str, signature: bytes) -> bool:
        """Whether this key made a signature of a text."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """A line of signature. key_id: four bytes."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A text, which ends with a newline, and its signatures."""

    text: str
    signatures: tuple[NoteSignature, ...]

    @classmethod
    def read(cls, content: str) -> Self:
        """Parse a signed note. raises: NoteError."""
        text, gap, lines = content.rpartition("\n\n")
        signatures = [read_signature(line) for line in lines.splitlines()]
        is_whole = gap and lines.endswith("\n") and text and signatures
        if not is_whole or _CONTROL.search(content) or len(content) > MAX_BYTES:
            raise NoteError("this is no signed note: a text, an empty line and signatures")
        return cls(f"{text}\n", tuple(signatures))

    def check(self, trusted: Collection[NoteKey]) -> NoteKey:
        """Return the first trusted key that signed. raises: NoteError.

        A trusted key's signature that does not hold refuses the note, even if others signed it.
        """
        by_id = {(key.name, key.id): key for key in trusted}
        signers = []
        for line in self.signatures:
            key = by_id.get((line.name, line.key_id))
            if key is None:
                continue
            if not key.has_signed(self.text, line.signature):
                raise NoteError(f"the signature of {key.name}+{key.id.hex()} does not hold")
            signers.append(key)
        if not signers:
            names = ", ".join(f"{line.name}+{line.key_id.hex()}" for line in self.signatures)
            raise NoteError(f"it is signed by {names[:200]}, and by no key that you trust")
        return signers[0]


def sign(text: str, *, name: str, keys: Sequence[Ed25519PrivateKey]) -> str:
    """Return a text, which ends with a newline, as a note that keys of one name signed.

    raises: NoteError if no note can have that text or name.
    """
    if not text.endswith("\n") or _CONTROL.search(text) or not is_name(name) or not keys:
        raise NoteError("a note is text that ends with a newline, signed by a key with a name")
    lines = [
        f"{DASH}{name} {encode_base64(NoteKey.of(key, name=name).id + key.sign(text.encode()))}\n"
        for key in keys
    ]
    return f"{text}\n{''.join(lines)}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A head of a log. origin: the log's name. root: of its tree of that many leaves."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def read(cls, text: str) -> Self:
        """Parse the text of a note; extension lines are ignored. raises: NoteError."""
        lines = text.split("\n")
        is_head = len(lines) > _CHECKPOINT_LINES and all(lines[:-1]) and _SIZE.fullmatch(lines[1])
        root = decode_base64(lines[2]) if is_head else b""
        if len(root) != HASH_BYTES:
            raise NoteError("this is no head of a log: its name, its size and its root, on lines")
        return cls(lines[0], int(lines[1]), root)

    @property
    def text(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"

    def sign(self, keys: Sequence[Ed25519PrivateKey]) -> str:
        """Return the head as a note that keys signed in the log's name."""
        return sign(self.text, name=self.origin, keys=keys)


def read_checkpoint(
    content: str, *, trusted: Collection[NoteKey], is_any_log: bool = False
) -> Checkpoint:
    """Return the head in a note that a trusted key signed in the log's own name.

    is_any_log: accept heads of other logs of the same keys, such as one before a restore.

    raises: NoteError.
    """
    note = Note.read(content)
    checkpoint = Checkpoint.read(note.text)
    if is_any_log:
        trusted = [NoteKey(checkpoint.origin, key.raw) for key in trusted]
    key = note.check(trusted)
    if checkpoint.origin != key.name:
        raise NoteError(f"the head is of {checkpoint.origin[:80]!r}, and {key.name!r} signed it")
    return checkpoint


def read_signature(line: str) -> NoteSignature:
    """Parse a line of signature. raises: NoteError."""
    name, _, encoded = line.removeprefix(DASH).partition(" ")
    raw = decode_base64(encoded)
    if not line.startswith(DASH) or not is_name(name) or len(raw) <= ID_BYTES:
        raise NoteError(f"{line[:80]!r} is no line of signature")
    return NoteSignature(name, raw[:ID_BYTES], raw[ID_BYTES:])


def is_name(name: str) -> bool:
    """Whether a key can have a name."""
    return bool(name) and "+" not in name and not any(map(str.isspace, name))


def encode_base64(raw: bytes) -> str:
    """Return bytes as base64."""
    return base64.b64encode(raw).decode()


def decode_base64(text: str) -> bytes:
    """Return the bytes of base64, or none if it is not."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
