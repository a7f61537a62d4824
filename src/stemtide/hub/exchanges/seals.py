# SPDX-License-Identifier: Apache-2.0
"""Secrets of other hubs, sealed: whoever holds the database alone opens none of them."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class LostSecretError(Exception):
    """The hub's own secret is another one than when this one was sealed."""


def seal(secret: str) -> str:
    """A secret that the database alone does not open."""
    return _box().encrypt(secret.encode()).decode() if secret else ""


def unseal(sealed: str) -> str:
    """What was sealed. raises: LostSecretError."""
    try:
        return _box().decrypt(sealed).decode() if sealed else ""
    except InvalidToken as error:
        raise LostSecretError(
            "its secret cannot be opened: the hub's own secret is another one now. Name the old one"
            " in STEMTIDE_OLD_SECRET_KEYS, or remove the exchange and add it again"
        ) from error


def _box() -> MultiFernet:
    """The box. What an earlier secret of the hub sealed still opens."""
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    keys = (hashlib.sha256(f"stemtide exchanges {one}".encode()).digest() for one in secrets)
    return MultiFernet(Fernet(base64.urlsafe_b64encode(key)) for key in keys)
