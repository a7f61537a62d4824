# SPDX-License-Identifier: Apache-2.0
"""Encryption of other hubs' secrets: a copy of the database does not reveal them."""

from cryptography.fernet import InvalidToken

from stemtide.hub.platform import encryption

_USE = "exchanges"


class LostSecretError(Exception):
    """The hub's own secret has changed since this one was encrypted."""


def encrypt_secret(secret: str) -> str:
    """Return a secret encrypted for the database."""
    return encryption.encrypt(secret, use=_USE)


def decrypt_secret(sealed: str) -> str:
    """Return a decrypted secret. raises: LostSecretError."""
    try:
        return encryption.decrypt(sealed, use=_USE)
    except InvalidToken as error:
        raise LostSecretError(
            "its secret cannot be opened: the hub's own secret is another one now. Name the old one"
            " in STEMTIDE_OLD_SECRET_KEYS, or remove the exchange and add it again"
        ) from error
