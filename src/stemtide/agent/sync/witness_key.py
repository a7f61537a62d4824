# SPDX-License-Identifier: Apache-2.0
"""The key with which an agent cosigns heads of the hub's log, in a file of its own."""

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

NAME = "witness.pem"


class WitnessKeyError(Exception):
    """The key file cannot be used. The message names it and the remedy."""


def open_key(folder: Path) -> Ed25519PrivateKey:
    """Read the key from its file in a folder, or create it. raises: WitnessKeyError."""
    path = folder / NAME
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError:
        return _create(path)
    except OSError as error:
        raise WitnessKeyError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise WitnessKeyError(f"{path} holds no key: move it away, and one is made") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise WitnessKeyError(f"{path} holds a key of another kind: move it away, and one is made")
    return key


def _create(path: Path) -> Ed25519PrivateKey:
    """Write a new key. raises: WitnessKeyError."""
    key = Ed25519PrivateKey.generate()
    content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    part = path.with_suffix(".part")
    try:
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        part.replace(path)
    except OSError as error:
        raise WitnessKeyError(f"{path} cannot be written: {error.strerror}") from error
    return key
