# SPDX-License-Identifier: Apache-2.0
"""The keys that the hub signs with. They lie in a file, never in the database.

source: RFC 8032 (Ed25519), RFC 8410 and RFC 7468 (its keys as PEM).
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stemtide.protocol.signatures import MAX_SIGNATURES, PublicKey

_BLOCK = re.compile(rb"-----BEGIN PRIVATE KEY-----.*?-----END PRIVATE KEY-----", re.DOTALL)


class SigningKeyError(Exception):
    """The file of signing keys cannot be used. The message names it and the remedy."""


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """All keys of a file, the newest first. Each of them signs."""

    private: tuple[Ed25519PrivateKey, ...]

    @property
    def public(self) -> tuple[PublicKey, ...]:
        """Their public halves, in the same order."""
        return tuple(PublicKey.of(one) for one in self.private)


def keys_in(path: Path) -> SigningKeys:
    """The keys in a file: PEM blocks, the newest first. Made with one key if it is missing.

    raises: SigningKeyError.
    """
    try:
        _make_once(path)
        blocks = _BLOCK.findall(path.read_bytes())
        found = [serialization.load_pem_private_key(one, password=None) for one in blocks]
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise SigningKeyError(
            f"{path} cannot be read as signing keys ({error}): {_FORM}"
        ) from error
    good = tuple(one for one in found if isinstance(one, Ed25519PrivateKey))
    if not good or len(good) < len(found):
        raise SigningKeyError(f"{path} holds no key, or one of another kind: {_FORM}")
    if len(good) > MAX_SIGNATURES:
        raise SigningKeyError(f"{path} holds more than {MAX_SIGNATURES} keys: take old ones out")
    return SigningKeys(good)


_FORM = "put Ed25519 keys in it as PEM (PKCS #8, no password), the newest first"


def add_key(path: Path) -> SigningKeys:
    """Put a new key above those in a file: it signs from now on, and so do the others still."""
    before = keys_in(path)
    return _rewrite(path, (Ed25519PrivateKey.generate(), *before.private))


def drop_old_keys(path: Path) -> SigningKeys:
    """Keep the first key of a file alone."""
    return _rewrite(path, keys_in(path).private[:1])


def _rewrite(path: Path, private: tuple[Ed25519PrivateKey, ...]) -> SigningKeys:
    """Put keys in the place of those in a file."""
    beside = path.with_suffix(".new")
    _write(beside, b"".join(map(_pem, private)))
    beside.replace(path)
    return keys_in(path)


def _make_once(path: Path) -> None:
    """Make the file with one key, readable by its owner only, unless somebody was first."""
    if path.exists():
        return
    # Written beside and linked into place whole: processes and threads that begin together end up
    # with one and the same key.
    beside = path.with_suffix(f".{os.urandom(6).hex()}")
    _write(beside, _pem(Ed25519PrivateKey.generate()))
    try:
        os.link(beside, path)
    except FileExistsError:
        pass
    finally:
        beside.unlink()


def _pem(key: Ed25519PrivateKey) -> bytes:
    """A key as text."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
