# SPDX-License-Identifier: Apache-2.0
"""The key that previews are sealed with. It lies in a file, never in the database.

source: age, https://age-encryption.org/v1 (X25519, ChaCha20-Poly1305), through pyrage.
"""

from dataclasses import dataclass
from pathlib import Path

import pyrage

from stemtide.hub.platform import secret_files

_COMMENT = "#"


class KeyFileError(Exception):
    """The file of keys cannot be used. The message names it and the remedy."""


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys of a file. The first one seals; every one opens what it sealed."""

    identities: tuple[pyrage.x25519.Identity, ...]

    def seal(self, content: bytes) -> bytes:
        """Content as an age file for the first key."""
        return bytes(pyrage.encrypt(content, [self.identities[0].to_public()]))

    def unseal(self, sealed: bytes | memoryview) -> bytes:
        """What an age file holds.

        raises: KeyFileError where no key opens it.
        """
        try:
            return bytes(pyrage.decrypt(bytes(sealed), list(self.identities)))
        except pyrage.DecryptError as error:
            raise KeyFileError(
                "no key of STEMTIDE_MEDIA_KEY_FILE opens this preview: put the key back that was"
                " there when it was sent, below the first line"
            ) from error

    def is_sealed_by_first(self, sealed: bytes | memoryview) -> bool:
        """Whether the first key alone opens an age file."""
        try:
            pyrage.decrypt(bytes(sealed), [self.identities[0]])
        except pyrage.DecryptError:
            return False
        return True


def keys_in(path: Path) -> Keys:
    """The keys in a file: one AGE-SECRET-KEY-1… a line, the newest first. Made if it is missing.

    raises: KeyFileError.
    """
    secret_files.make_once(path, _new_line)
    try:
        lines = path.read_text("utf-8").splitlines()
        each = [line.strip() for line in lines if line.strip() and line[0] != _COMMENT]
        found = tuple(pyrage.x25519.Identity.from_str(one) for one in each)
    except (OSError, UnicodeDecodeError, pyrage.IdentityError) as error:
        raise KeyFileError(
            f"{path} cannot be read as age keys ({error}): one AGE-SECRET-KEY-1… a line"
        ) from error
    if not found:
        raise KeyFileError(f"{path} holds no key: delete it, or put one AGE-SECRET-KEY-1… in it")
    return Keys(found)


def add_key(path: Path) -> Keys:
    """Put a new key above those in a file: it seals from now on, and the others still open."""
    before = path.read_bytes() if path.exists() else b""
    secret_files.replace(path, _new_line() + before)
    return keys_in(path)


def _new_line() -> bytes:
    """A new key, as a line of a file of them."""
    return f"{pyrage.x25519.Identity.generate()}\n".encode()


def drop_old_keys(path: Path) -> Keys:
    """Keep the first key of a file alone."""
    first = keys_in(path).identities[0]
    secret_files.replace(path, f"{first}\n".encode())
    return keys_in(path)
