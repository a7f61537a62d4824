# SPDX-License-Identifier: Apache-2.0
"""The key of the upload journal: a file that only the agent's user can read."""

import os
import secrets
from pathlib import Path
from uuid import uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16


class JournalKeyError(Exception):
    """The key file holds no key, or is not the key of this journal."""


class JournalKey:
    """Encrypts entries, and derives what an entry is found by without showing its id.

    source: NIST SP 800-38D (AES-256-GCM with random nonces), RFC 5869 (HKDF), RFC 2104 (HMAC).
    """

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(_derive(secret, b"entries"))
        self._tag_key = _derive(secret, b"ids")

    def encrypt(self, body: bytes) -> bytes:
        """Return an encrypted body."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, body, None)

    def decrypt(self, sealed: bytes) -> bytes:
        """Return a body. raises: JournalKeyError if another key encrypted it, or it was changed."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
        except (InvalidTag, ValueError) as error:
            raise JournalKeyError("was encrypted with another key, or is damaged") from error

    def tag(self, text: bytes) -> bytes:
        """Return the digest that the file holds for an id; only the key's holder can compute it."""
        mac = HMAC(self._tag_key, SHA256())
        mac.update(text)
        return mac.finalize()[:_TAG_BYTES]


def open_key(path: Path) -> tuple[JournalKey, bool]:
    """Read the key from its file, or create it.

    A new file gets its name once it is whole: processes that start together all read one key.

    returns: the key, and whether it is new.
    raises:  JournalKeyError for a file without a key; OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists():
        return _read(path), False
    part = path.with_name(f"{path.name}.{uuid4().hex}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(part, path)
    except FileExistsError:
        return _read(path), False
    finally:
        part.unlink(missing_ok=True)
    return _read(path), True


def _read(path: Path) -> JournalKey:
    try:
        secret = bytes.fromhex(path.read_text("ascii").strip())
    except ValueError:
        secret = b""
    if len(secret) != _KEY_BYTES:
        raise JournalKeyError(f"{path} does not hold a key of {2 * _KEY_BYTES} hex digits")
    return JournalKey(secret)


def _derive(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=b"stemtide journal " + purpose).derive(secret)
