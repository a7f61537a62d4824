# SPDX-License-Identifier: Apache-2.0
"""A file on the hub's own machine with a type and a value in each line, by the package's client.

The address is file:///folder/name; with ?type=pdq, lines are values alone. The file is all that the
source has: a line that is gone has ended. No symbolic link is followed and only a regular file is
read: another user may be able to write to its folder.

source: threatexchange 1.2 (LocalFileSignalExchangeAPI).
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from threatexchange.exchanges.impl.file_api import (
    FileCollaborationConfig,
    LocalFileSignalExchangeAPI,
)

from stemtide.hub.rooms.exchanges.sources.source import SourceClient, SourceError
from stemtide.hub.rooms.exchanges.sources.tx.package import PackageExchange

MAX_BYTES, MAX_LINES = 32 * 1024 * 1024, 90_000
"""Largest file: one run reads all of it."""


class FileExchange(LocalFileSignalExchangeAPI):  # type: ignore[misc, unused-ignore]  # no types
    """The package's exchange on content that was read already: it opens files by their name."""

    def __init__(self, content: bytes, *, signal_type: str | None) -> None:
        super().__init__(FileCollaborationConfig(filename="", name="", signal_type=signal_type))
        self._content = content

    def fetch_iter(self, supported_signal_types: Any, checkpoint: Any) -> Iterator[Any]:  # noqa: ANN401  # the package's
        """Yield all lines."""
        with os.fdopen(os.memfd_create("list", os.MFD_CLOEXEC), "wb") as copy:
            copy.write(self._content)
            copy.flush()
            self.collab.filename = f"/proc/self/fd/{copy.fileno()}"
            yield from super().fetch_iter(supported_signal_types, checkpoint)


def open_exchange(client: SourceClient) -> PackageExchange:
    """Return a file as the source of a run. raises: SourceError."""
    parts = urlsplit(client.endpoint.address)
    content = _read(Path(unquote(parts.path)))
    signal_type = next(iter(parse_qs(parts.query).get("type", ())), None)
    edition = hashlib.sha256(content).hexdigest()
    exchange = FileExchange(content, signal_type=signal_type)
    return PackageExchange(exchange, vocabulary="tx", edition=edition)


def _read(path: Path) -> bytes:
    """Return the content of a regular file that is not too large. raises: SourceError."""
    try:
        with os.fdopen(_open(path), "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (FileNotFoundError, ValueError) as error:
        raise SourceError("there is no such file: look at the address") from error
    except OSError as error:
        raise SourceError(f"the file cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise SourceError(f"the file has more than {MAX_BYTES:,} bytes: split it")
    if content.count(b"\n") > MAX_LINES:
        raise SourceError(f"the file has more than {MAX_LINES:,} lines: split it")
    return content


def _open(path: Path) -> int:
    """Open a regular file folder by folder, without following a symbolic link.

    raises: SourceError for a link, and for a pipe and the like; OSError, ValueError.
    """
    *folders, name = path.parts[1:] or ("",)
    with contextlib.ExitStack() as stack:
        at = os.open("/", os.O_PATH | os.O_DIRECTORY)
        stack.callback(os.close, at)
        for folder in folders:
            _refuse_link(folder, at=at)
            at = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            stack.callback(os.close, at)
        _refuse_link(name, at=at)
        opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
    if stat.S_ISREG(os.fstat(opened).st_mode):
        return opened
    os.close(opened)
    raise SourceError("this is no regular file: look at the address")


def _refuse_link(name: str, *, at: int) -> None:
    """Refuse a symbolic link with a remedy; opening it later fails in any case.

    raises: SourceError, OSError.
    """
    if stat.S_ISLNK(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode):
        raise SourceError("the address has a symbolic link: give the path of the file itself")
