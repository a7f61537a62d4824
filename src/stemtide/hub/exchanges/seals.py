# SPDX-License-Identifier: Apache-2.0
"""Secrets of other hubs, sealed: whoever holds the database alone opens none of them."""

from cryptography.fernet import InvalidToken

from stemtide.hub import encryption

_USE = "exchanges"


class LostSecretError(Exception):
    """The hub's own secret is another one than when this one was sealed."""


def seal(secret: str) -> str:
    """A secret that the database alone does not open."""
    return encryption.encrypt(secret, use=_USE)


def unseal(sealed: str) -> str:
    """What was sealed. raises: LostSecretError."""
    try:
        return encryption.decrypt(sealed, use=_USE)
    except InvalidToken as error:
        raise LostSecretError(
            "its secret cannot be opened: the hub's own secret is another one now. Name the old one"
            " in STEMTIDE_OLD_SECRET_KEYS, or remove the exchange and add it again"
        ) from error
