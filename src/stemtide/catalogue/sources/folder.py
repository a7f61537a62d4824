# SPDX-License-Identifier: Apache-2.0
"""List the files of a folder of this machine, at any depth."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from stemtide.catalogue.items import StoredItem, UnlistedItem


def list_folder(folder: Path) -> Iterator[StoredItem | UnlistedItem]:
    """Yield the files of a folder. Links to folders are not followed.

    The id of a file is its path. A folder that cannot be read is yielded as an entry without
    content, because "could not look" is not "nothing there".
    """
    waiting = [str(folder.absolute())]
    while waiting:
        path = waiting.pop()
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif not entry.is_dir():
                        yield _item(entry.path)
        except OSError as error:
            yield UnlistedItem(path, f"cannot be listed: {error.strerror or error}")


def stamp_of(path: str) -> tuple[str, int]:
    """Return a value that changes with a file's content, and its size.

    raises: OSError, also for what is no file: a pipe would never end.
    """
    status = os.stat(path)  # noqa: PTH116 - a million times
    if not stat.S_ISREG(status.st_mode):
        raise OSError("is not a regular file")
    return f"{status.st_size}-{status.st_mtime_ns}", status.st_size


def _item(path: str) -> StoredItem | UnlistedItem:
    try:
        path.encode()
    except UnicodeEncodeError:
        return UnlistedItem(repr(path), "its name is not UTF-8: rename it")
    try:
        stamp, size_bytes = stamp_of(path)
    except OSError as error:
        return UnlistedItem(path, f"cannot be read: {error.strerror or error}")
    return StoredItem(path, path, stamp, size_bytes)
