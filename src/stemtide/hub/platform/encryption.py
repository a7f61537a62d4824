# SPDX-License-Identifier: Apache-2.0
"""Encryption of database fields, so that a copy of the database alone reveals none of them.

Keys are derived from the hub's SECRET_KEY (secret.key), one for each use.

source: Fernet (AES-128-CBC, HMAC-SHA-256), through cryptography.
"""

import base64
import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


def encrypt(text: str, *, use: str) -> str:
    """Encrypt a text; an empty one stays empty."""
    return box(use).encrypt(text.encode()).decode() if text else ""


def decrypt(encrypted: str, *, use: str) -> str:
    """Decrypt a text, with the current secret of the hub or a configured earlier one.

    raises: cryptography.fernet.InvalidToken if no configured secret fits.
    """
    return box(use).decrypt(encrypted).decode() if encrypted else ""


def box(use: str) -> MultiFernet:
    """Return the cipher for one use."""
    return _box(use, (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


def key_for(use: str, secret: str) -> bytes:
    """Derive a key from a secret, for one use."""
    return hashlib.sha256(f"stemtide {use} {secret}".encode()).digest()


@lru_cache(maxsize=16)
def _box(use: str, secrets: tuple[str, ...]) -> MultiFernet:
    """Return a cipher that encrypts with the first secret and decrypts with all of them."""
    keys = (key_for(use, secret) for secret in secrets)
    return MultiFernet(Fernet(base64.urlsafe_b64encode(key)) for key in keys)
