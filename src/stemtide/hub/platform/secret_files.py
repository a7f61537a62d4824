# SPDX-License-Identifier: Apache-2.0
"""Files with a secret of the hub: created once, complete, readable by their owner only.

Processes and threads start together: each must get the same secret, and a crash must not leave half
of one. So the file is written beside its place under a temporary name, and then linked or renamed.

The settings use this module as well: it must not need Django.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def make_once(path: Path, make: Callable[[], bytes]) -> None:
    """Create a file with the content that `make` returns, unless it exists or somebody is faster.

    raises: OSError.
    """
    if path.exists():
        return
    with _temporary_file(path, make()) as written, suppress(FileExistsError):
        os.link(written, path)
    sync_folder(path.parent)


def replace(path: Path, content: bytes) -> None:
    """Replace a file's content. Readers meanwhile see the old or the new content, complete.

    raises: OSError.
    """
    with _temporary_file(path, content) as written:
        written.replace(path)
    sync_folder(path.parent)


@contextmanager
def _temporary_file(path: Path, content: bytes) -> Iterator[Path]:
    """Write a file's next content beside it; the file is removed afterwards unless it was moved."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, so that a new file survives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
