# SPDX-License-Identifier: Apache-2.0
"""Files that hold a secret of the hub: made once, whole, and readable by their owner only.

Processes and threads begin together: each of them must end up with one and the same secret, and no
crash leaves half of one. So it is written beside under a name of its own, and put in place whole.
Settings use this as well: it needs no Django.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def make_once(path: Path, make: Callable[[], bytes]) -> None:
    """Make a file with what `make` gives, unless it is there or somebody else is first.

    raises: OSError.
    """
    if path.exists():
        return
    with _beside(path, make()) as written, suppress(FileExistsError):
        os.link(written, path)
    _settle(path.parent)


def replace(path: Path, content: bytes) -> None:
    """Put content in the place of a file's. Who reads meanwhile finds one or the other whole.

    raises: OSError.
    """
    with _beside(path, content) as written:
        written.replace(path)
    _settle(path.parent)


@contextmanager
def _beside(path: Path, content: bytes) -> Iterator[Path]:
    """A file beside another with its next content; gone afterwards, unless it was moved."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield beside
    finally:
        beside.unlink(missing_ok=True)


def _settle(folder: Path) -> None:
    """Have a folder's names on the disk, so that a file outlives a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
