# SPDX-License-Identifier: Apache-2.0
"""The key that previews are encrypted with. It is stored in a file, never in the database.

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
    """All keys of a file. The first one encrypts; all of them decrypt."""

    identities: tuple[pyrage.x25519.Identity, ...]

    def seal(self, content: bytes) -> bytes:
        """Return content as an age file for the first key."""
        return bytes(pyrage.encrypt(content, [self.identities[0].to_public()]))

    def unseal(self, sealed: bytes | memoryview) -> bytes:
        """Return the content of an age file.

        raises: KeyFileError if no key decrypts it.
        """
        try:
            return bytes(pyrage.decrypt(bytes(sealed), list(self.identities)))
        except pyrage.DecryptError as error:
            raise KeyFileError(
                "no key of STEMTIDE_MEDIA_KEY_FILE opens this preview: put the key back that was"
                " there when it was sent, below the first line"
            ) from error

    def is_sealed_by_first(self, sealed: bytes | memoryview) -> bool:
        """Whether the first key alone decrypts an age file."""
        try:
            pyrage.decrypt(bytes(sealed), [self.identities[0]])
        except pyrage.DecryptError:
            return False
        return True


def keys_in(path: Path) -> Keys:
    """Return the keys in a file, an AGE-SECRET-KEY-1… per line, newest first; create it if missing.

    raises: KeyFileError.
    """
    secret_files.make_once(path, _new_line)
    try:
        lines = path.read_text("utf-8").splitlines()
        key_lines = [line.strip() for line in lines if line.strip() and line[0] != _COMMENT]
        identities = tuple(pyrage.x25519.Identity.from_str(line) for line in key_lines)
    except (OSError, UnicodeDecodeError, pyrage.IdentityError) as error:
        raise KeyFileError(
            f"{path} cannot be read as age keys ({error}): one AGE-SECRET-KEY-1… a line"
        ) from error
    if not identities:
        raise KeyFileError(f"{path} holds no key: delete it, or put one AGE-SECRET-KEY-1… in it")
    return Keys(identities)


def add_key(path: Path) -> Keys:
    """Add a new key on top of a file: it encrypts from now on, and the others still decrypt."""
    before = path.read_bytes() if path.exists() else b""
    secret_files.replace(path, _new_line() + before)
    return keys_in(path)


def _new_line() -> bytes:
    """Return a new key as a line of a key file."""
    return f"{pyrage.x25519.Identity.generate()}\n".encode()


def drop_old_keys(path: Path) -> Keys:
    """Remove all keys from a file but the first."""
    first = keys_in(path).identities[0]
    secret_files.replace(path, f"{first}\n".encode())
    return keys_in(path)
