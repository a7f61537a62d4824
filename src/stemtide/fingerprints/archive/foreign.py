# SPDX-License-Identifier: Apache-2.0
"""Open RAR archives, zstd and rare methods of 7z with libarchive, an extra.

1 Only formats that are named here are switched on: libarchive's "mtree", for example, reads files
  of the machine.
2 What libarchive unpacks is counted against the budget, what nobody wants to read included: a file
  that is skipped may be needed to unpack the next one.
3 Without 'stemtide[archives]' or the system's libarchive, such archives are reported as unopened.

source: libarchive 3, archive_read(3).
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from typing import Any

from stemtide.fingerprints.archive.rar import RAR_5, encrypted_files
from stemtide.fingerprints.archive.streams import (
    PIECE_BYTES,
    ArchiveBudget,
    ArchiveError,
    Pieces,
)
from stemtide.fingerprints.kinds import UNDECODABLE

try:
    import libarchive
    from libarchive import ffi

    _is_encrypted = ffi.ffi("entry_is_encrypted", [ffi.c_archive_entry_p], ffi.c_int)
    logging.getLogger("libarchive").disabled = True  # content of strangers writes no log
except (ImportError, OSError, AttributeError, TypeError):  # no package, or no library
    libarchive = None

RAR = "application/vnd.rar"
SEVEN_ZIP = "application/x-7z-compressed"
_OWN_KINDS, _FOREIGN_KINDS = ("zip", "tar", "7z"), ("rar", "zstd")
_ENCRYPTED = "encrypted: it opens with a password only"


def is_installed() -> bool:
    """Whether libarchive can be used."""
    return libarchive is not None


def opened_kinds() -> list[str]:
    """Return the kinds of archives that are opened on this machine."""
    return [*_OWN_KINDS, *(_FOREIGN_KINDS if is_installed() else ())]


def foreign_entries(
    blob: bytes, budget: ArchiveBudget, *, media_type: str
) -> Iterator[tuple[str, Pieces, str]]:
    """Yield name, content and remark of each file, one after the other. Links are skipped.

    raises: ArchiveError if the archive is damaged or encrypted, or libarchive is missing.
    """
    is_rar_5 = blob.startswith(RAR_5)
    format_name = "rar5" if is_rar_5 else "rar" if media_type == RAR else "7zip"
    locks: Iterator[bool] = encrypted_files(blob, budget) if is_rar_5 else iter(())
    with _opened(blob, media_type, format_name=format_name, filter_name="none") as archive:
        for entry, is_locked in zip(archive, chain(locks, repeat(False)), strict=False):
            budget.spend(0)  # looks at the clock: folders, too, take time
            if not entry.isfile or entry.islnk:
                continue
            if is_locked or _is_encrypted(entry._entry_p):  # noqa: SLF001 - it has no other way
                yield _name(entry), iter(()), f"{UNDECODABLE}{_ENCRYPTED}"
                continue
            content = _content(entry, budget)
            yield _name(entry), content, ""
            for _ in content:
                pass  # the unread rest
    if next(locks, None) is not None:
        raise ArchiveError("not all of it is in this file")


def zstd(blob: memoryview, budget: ArchiveBudget) -> Pieces:
    """Decompress zstd. raises: ArchiveError."""
    opened = _opened(bytes(blob), "application/zstd", format_name="raw", filter_name="zstd")
    with opened as archive:
        for entry in archive:
            yield from _content(entry, budget)


@contextmanager
def _opened(blob: bytes, media_type: str, *, format_name: str, filter_name: str) -> Iterator[Any]:
    """Open an archive. raises: ArchiveError, also for what the caller reads of it."""
    if libarchive is None:
        kind = media_type.rpartition("/")[2]
        raise ArchiveError(f"a kind that is not opened here ({kind})")
    try:
        with libarchive.memory_reader(blob, format_name, filter_name) as archive:
            yield archive
    except libarchive.ArchiveError as error:
        raise _damage(error) from error


def _content(entry: Any, budget: ArchiveBudget) -> Pieces:  # noqa: ANN401 - of libarchive
    """Yield the content of an entry. raises: ArchiveError where it is damaged or cut off."""
    size = 0
    try:
        for piece in entry.get_blocks(PIECE_BYTES):
            budget.spend(len(piece))
            size += len(piece)
            yield piece
    except libarchive.ArchiveError as error:
        raise _damage(error) from error
    if size < (entry.size or 0):
        raise ArchiveError("it is cut off")


def _name(entry: Any) -> str:  # noqa: ANN401 - of libarchive
    name = entry.pathname
    return name if isinstance(name, str) else (name or b"").decode("utf-8", "replace")


def _damage(error: Any) -> ArchiveError:  # noqa: ANN401 - of libarchive
    """Return what is wrong, in our words."""
    text = str(error.msg)
    if "ncrypt" in text or "assphrase" in text:
        return ArchiveError(_ENCRYPTED)
    return ArchiveError(f"it is damaged ({text[:100]})")
