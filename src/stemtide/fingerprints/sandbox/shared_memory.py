# SPDX-License-Identifier: Apache-2.0
"""Memory in which content is laid for a worker to read.

It is cheaper than a socket, which takes small pieces and wakes both sides for each. The worker is
handed it opened for reading alone, and what it does to it cannot hurt us: we only ever write,
through the system, which says so if that cannot be done.
"""

import os
from contextlib import suppress

TRAY_BYTES = 8 << 20
"""Larger content goes through the socket: to decode it takes so long that its way is nothing."""


class Tray:
    """The memory that one worker reads from. Where the system has no such thing, it holds nothing.

    file: what the worker is handed; -1 where there is none.
    """

    def __init__(self) -> None:
        self._memory = self.file = -1
        with suppress(AttributeError, OSError):  # Linux has it
            self._memory = os.memfd_create("content", os.MFD_CLOEXEC)
            self.file = os.open(f"/proc/self/fd/{self._memory}", os.O_RDONLY | os.O_CLOEXEC)

    def lay(self, content: bytes) -> bool:
        """Lay content on the tray, in the place of what lay there; False if it does not fit."""
        if self.file < 0 or not 0 < len(content) <= TRAY_BYTES:
            return False
        try:
            return os.pwrite(self._memory, content, 0) == len(content)
        except OSError:
            return False

    def clear_away(self) -> None:
        """Give the memory back."""
        for one in (self._memory, self.file):
            if one >= 0:
                os.close(one)
        self._memory = self.file = -1
