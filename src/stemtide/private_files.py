# SPDX-License-Identifier: Apache-2.0
"""Files and folders that no other user of the machine can read."""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

UMASK = 0o077
"""Rights that a new file or folder gives to nobody but its owner."""

_OTHERS = 0o077
PASSED_OVER = {"lost+found"}
"""What a file system puts into an empty folder."""


class NotPrivateError(OSError):
    """Somebody else can read a file or folder, and this user cannot or should not change that."""


def close_umask() -> None:
    """Make new files of this process and its children readable by their owner only."""
    os.umask(UMASK)


def claim(folder: Path, *, names: Iterable[str]) -> None:
    """Create a data folder for this user alone, or close an existing one to everybody else.

    names: patterns of the program's own files and folders in it.

    1. A missing folder is created, with its parents.
    2. A folder that others can use is inspected as a whole before anything in it is changed.
    3. Others lose their rights to the folder and to the program's own files in it.

    raises: NotPrivateError if others can use a folder or file of another user, or if the folder
            holds other files but none of the program's; OSError.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = folder.resolve()
    own = [path for name in names for path in sorted(folder.glob(name))]
    others = [path for path in folder.iterdir() if path.name not in PASSED_OVER]
    if _is_open(folder) and not own and others:
        raise NotPrivateError(
            f"{folder} holds other files, and others can use it (mode {_mode(folder):04o}): name a"
            f" folder for this program alone, or run: chmod 700 {folder}"
        )
    close([folder, *(below for path in own for below in _with_content(path))])


def close(paths: Iterable[Path]) -> None:
    """Remove the rights of everybody but the owner. Missing paths are skipped.

    raises: NotPrivateError for a path of another user that others can use; OSError.
    """
    open_paths = [path for path in paths if _is_open(path)]
    for path in open_paths:
        with suppress(FileNotFoundError):  # another process took it away meanwhile
            _check_owner(path)
    for path in open_paths:
        if _is_open(path):  # looked at anew: its folder is closed by now, so it stays what it is
            path.chmod(_mode(path) & ~_OTHERS)


def _check_owner(path: Path) -> None:
    """Refuse a path of another user. raises: NotPrivateError, FileNotFoundError."""
    owner, own = path.stat().st_uid, os.geteuid()
    if owner != own:
        raise NotPrivateError(
            f"{path} belongs to another user (number {owner}), and others can use it (mode"
            f" {_mode(path):04o}): run as that user, or make it this user's (chown -R {own}"
            f" {path}), or name another place"
        )


def of_sqlite(path: Path) -> list[Path]:
    """Return the file of a database and those that SQLite keeps beside it."""
    return [path.with_name(path.name + end) for end in ("", "-wal", "-shm")]


def _with_content(path: Path) -> Iterator[Path]:
    """Yield a path and, for a folder, its content at any depth. Links are not followed."""
    yield path
    if path.is_dir() and not path.is_symlink():
        with suppress(FileNotFoundError):  # another process took it away meanwhile
            for below in path.iterdir():
                yield from _with_content(below)


def _is_open(path: Path) -> bool:
    """Whether others have any right to a file or folder; a link has none of its own."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    return not stat.S_ISLNK(status.st_mode) and bool(status.st_mode & _OTHERS)


def _mode(path: Path) -> int:
    """Return the rights of a path."""
    return stat.S_IMODE(path.stat().st_mode)
