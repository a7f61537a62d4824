# SPDX-License-Identifier: Apache-2.0
"""Encrypt what the database holds, so that a copy of the database alone opens none of it.

Keys are made from the hub's own secret (secret.key), one for each use.

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
    """Return what was encrypted, with this secret of the hub or an earlier one that is still named.

    raises: cryptography.fernet.InvalidToken where the hub's secret is another one than then.
    """
    return box(use).decrypt(encrypted).decode() if encrypted else ""


def box(use: str) -> MultiFernet:
    """Return what encrypts and decrypts for one use."""
    return _box(use, (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


def key_for(use: str, secret: str) -> bytes:
    """Make a key from a secret, for one use alone."""
    return hashlib.sha256(f"stemtide {use} {secret}".encode()).digest()


@lru_cache(maxsize=16)
def _box(use: str, secrets: tuple[str, ...]) -> MultiFernet:
    """The first secret encrypts; all of them decrypt."""
    keys = (key_for(use, secret) for secret in secrets)
    return MultiFernet(Fernet(base64.urlsafe_b64encode(key)) for key in keys)
