# SPDX-License-Identifier: Apache-2.0
"""Encrypted files of backups, written and read as streams.

source: age, https://age-encryption.org/v1 (X25519, ChaCha20-Poly1305), through pyrage. The program
`age` decrypts the files as well.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

import pyrage

from stemtide.hub.backups.manifest import BackupError, StoredFile

Progress: TypeAlias = Callable[[int], None]
"""Called with the number of bytes processed so far."""

_CHUNK = 1 << 20
_COMMENT = "#"


class ReadableFile(Protocol):
    """A file to read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to so many bytes; none at the end."""


class WritableFile(Protocol):
    """A file to write to."""

    def write(self, content: bytes, /) -> int:
        """Write bytes."""


class _Measured:
    """A file that counts and hashes the bytes read from it or written to it."""

    def __init__(self, file: ReadableFile | WritableFile, progress: Progress | None = None) -> None:
        self._file, self._progress = file, progress
        self._digest, self.size_bytes = hashlib.sha256(), 0
        self._failure: OSError | None = None

    @property
    def sha256(self) -> str:
        """Return the digest so far."""
        return self._digest.hexdigest()

    def read(self, size: int = -1) -> bytes:
        """Read and measure."""
        return self._measure(self._file.read(size))  # type: ignore[union-attr]  # its caller reads

    def write(self, content: bytes) -> int:
        """Write and measure."""
        try:
            self._file.write(self._measure(content))  # type: ignore[union-attr]  # its caller writes
        except OSError as error:
            self._failure = error
            raise
        return len(content)

    def check(self) -> None:
        """Raise an error of writing again: pyrage ignores one at the end of a file."""
        if self._failure is not None:
            raise self._failure

    def flush(self) -> None:
        """Do nothing: the code that opened the file closes it."""

    def _measure(self, content: bytes) -> bytes:
        self._digest.update(content)
        self.size_bytes += len(content)
        if self._progress is not None:
            self._progress(self.size_bytes)
        return content


def read_recipients(words: Iterable[str], file: Path | None) -> list[str]:
    """Return the recipients that are named, and those in a file, one a line.

    raises: BackupError for one that is no age key.
    """
    lines = list(words) + (_lines(file) if file else [])
    for line in lines:
        try:
            pyrage.x25519.Recipient.from_str(line)
        except pyrage.RecipientError as error:
            hint = "that is a secret key: give" if line.startswith("AGE-SECRET") else "give"
            raise BackupError(
                f"{line[:16]!r} is not a recipient: {hint} the public key, age1…, that age-keygen"
                " prints"
            ) from error
    return list(dict.fromkeys(lines))


def read_identities(file: Path) -> list[pyrage.x25519.Identity]:
    """Return the secret keys in a file, AGE-SECRET-KEY-1… one a line, as age-keygen writes it.

    raises: BackupError.
    """
    try:
        identities = [pyrage.x25519.Identity.from_str(line) for line in _lines(file)]
    except pyrage.IdentityError as error:
        raise BackupError(f"{file} has a line that is no AGE-SECRET-KEY-1…") from error
    if not identities:
        raise BackupError(f"{file} has no key: give a file with AGE-SECRET-KEY-1…, one a line")
    return identities


def write_file(
    path: Path, source: ReadableFile, *, recipients: Sequence[str], progress: Progress | None = None
) -> StoredFile:
    """Write a new file, encrypted unless no recipients are named, and read it back from the disk.

    raises: BackupError if the disk returns something else; OSError.
    """
    keys = [pyrage.x25519.Recipient.from_str(recipient) for recipient in recipients]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        written, read = _Measured(file), _Measured(source, progress)
        try:
            if keys:
                pyrage.encrypt_io(read, written, keys)
            else:
                shutil.copyfileobj(read, written, _CHUNK)
        except pyrage.EncryptError as error:  # of the source or the disk
            raise OSError(f"{path} cannot be written: {error}") from error
        written.check()
        file.flush()
        os.fsync(file.fileno())
    stored = StoredFile(name=path.name, size_bytes=written.size_bytes, sha256=written.sha256)
    check_file(path, stored)
    return stored


def check_file(path: Path, stored: StoredFile, progress: Progress | None = None) -> None:
    """Refuse a file that was changed since it was written. raises: BackupError."""
    try:
        with path.open("rb") as file:
            measured = _Measured(file, progress)
            while measured.read(_CHUNK):
                pass
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror}") from error
    _compare(path, measured, stored)


def _compare(path: Path, measured: _Measured, stored: StoredFile) -> None:
    """Refuse bytes that are not those stored. raises: BackupError."""
    if measured.size_bytes != stored.size_bytes:
        raise BackupError(
            f"{path} has {measured.size_bytes} bytes instead of {stored.size_bytes}: it was not"
            " copied completely; copy it again, or choose another backup"
        )
    if measured.sha256 != stored.sha256:
        raise BackupError(
            f"{path} was damaged or changed after it was written: choose another backup"
        )


def read_file(
    path: Path,
    target: WritableFile,
    *,
    stored: StoredFile,
    identities: Sequence[pyrage.x25519.Identity],
    is_encrypted: bool,
    progress: Progress | None = None,
) -> None:
    """Write the content of a backup's file to a target, and check again that it is the one stored.

    Somebody may have changed it since check_file(): what was written is not to be used then.

    raises: BackupError if no key decrypts it, or it was changed; OSError of the target.
    """
    with path.open("rb") as file:
        source = _Measured(file, progress)
        _decrypt(path, source, target, identities=identities, is_encrypted=is_encrypted)
        while source.read(_CHUNK):
            pass
    _compare(path, source, stored)


def _decrypt(
    path: Path,
    source: _Measured,
    target: WritableFile,
    *,
    identities: Sequence[pyrage.x25519.Identity],
    is_encrypted: bool,
) -> None:
    """Write the content of an open file to a target. raises: BackupError; OSError of the target."""
    if not is_encrypted:
        shutil.copyfileobj(source, target, _CHUNK)
        return
    written = _Measured(target)
    try:
        pyrage.decrypt_io(source, written, identities)
    except pyrage.DecryptError as error:
        raise BackupError(
            f"no key of --identity decrypts {path} ({error}): give the secret key of one of its"
            " recipients"
        ) from error
    written.check()


def _lines(file: Path) -> list[str]:
    """Return the lines of a file of keys, without comments. raises: BackupError."""
    try:
        lines = [line.strip() for line in file.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise BackupError(f"{file} cannot be read as age keys: {error}") from error
    return [line for line in lines if line and not line.startswith(_COMMENT)]
