# SPDX-License-Identifier: Apache-2.0
"""The keys that the hub signs with. They are stored in a file, never in the database.

source: RFC 8032 (Ed25519), RFC 8410 and RFC 7468 (its keys as PEM).
"""

import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from stemtide.hub.platform import secret_files
from stemtide.protocol.sync.signatures import MAX_SIGNATURES, PublicKey

_BLOCK = re.compile(rb"-----BEGIN PRIVATE KEY-----.*?-----END PRIVATE KEY-----", re.DOTALL)


class SigningKeyError(Exception):
    """The file of signing keys cannot be used. The message names it and the remedy."""


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """All keys of a file, the newest first. Each of them signs."""

    private: tuple[Ed25519PrivateKey, ...]

    @property
    def public(self) -> tuple[PublicKey, ...]:
        """Return the public keys, in the same order."""
        return tuple(PublicKey.of(key) for key in self.private)


def keys_in(path: Path) -> SigningKeys:
    """Return the keys in a file: PEM blocks, the newest first. A missing file gets a new key.

    raises: SigningKeyError.
    """
    try:
        secret_files.make_once(path, lambda: _pem(Ed25519PrivateKey.generate()))
        loaded = private_keys(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise SigningKeyError(
            f"{path} cannot be read as signing keys ({error}): {_FORM}"
        ) from error
    ed25519_keys = tuple(key for key in loaded if isinstance(key, Ed25519PrivateKey))
    if not ed25519_keys or len(ed25519_keys) < len(loaded):
        raise SigningKeyError(f"{path} holds no key, or one of another kind: {_FORM}")
    if len(ed25519_keys) > MAX_SIGNATURES:
        raise SigningKeyError(f"{path} holds more than {MAX_SIGNATURES} keys: take old ones out")
    return SigningKeys(ed25519_keys)


def private_keys(content: bytes) -> list[PrivateKeyTypes]:
    """Return the private keys in the content of a file. raises: ValueError."""
    blocks = _BLOCK.findall(content)
    return [serialization.load_pem_private_key(block, password=None) for block in blocks]


_FORM = "put Ed25519 keys in it as PEM (PKCS #8, no password), the newest first"


def add_key(path: Path) -> SigningKeys:
    """Add a new key on top of a file: it signs from now on, together with the others."""
    before = keys_in(path)
    return _rewrite(path, (Ed25519PrivateKey.generate(), *before.private))


def drop_old_keys(path: Path) -> SigningKeys:
    """Remove all keys from a file but the first."""
    return _rewrite(path, keys_in(path).private[:1])


def _rewrite(path: Path, private: tuple[Ed25519PrivateKey, ...]) -> SigningKeys:
    """Replace the keys in a file."""
    secret_files.replace(path, b"".join(map(_pem, private)))
    return keys_in(path)


def _pem(key: Ed25519PrivateKey) -> bytes:
    """Return a key as PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
