# SPDX-License-Identifier: Apache-2.0
"""Read a file that a worker was given opened, since it can open none."""

import io
import os
from typing import Literal


class OpenedFile:
    """A large file, by the number of a descriptor. It can be opened as if by its path."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def open(self, mode: Literal["rb"] = "rb", /) -> io.BufferedReader:
        """Return the file for reading, from its start; each such file has a position of its own."""
        del mode
        return io.BufferedReader(_Positioned(self._descriptor), _BUFFER_BYTES)


_BUFFER_BYTES = 1 << 16


class _Positioned(io.RawIOBase):
    """A reader with a position of its own; that of the descriptor is shared with others."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed names the wider WriteableBuffer
        count = os.preadv(self._descriptor, [buffer], self._at)
        self._at += count
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at}.get(whence)
        if start is None:
            start = os.lseek(self._descriptor, 0, os.SEEK_END)
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at
