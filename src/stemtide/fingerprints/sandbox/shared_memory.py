# SPDX-License-Identifier: Apache-2.0
"""Shared memory in which a worker reads its content.

It is cheaper than a socket, which takes small pieces and wakes both sides for each. The worker gets
it opened read-only, and cannot harm the parent with it: the parent only writes, through system
calls, which report failure.
"""

import os
from contextlib import suppress

BUFFER_BYTES = 8 << 20
"""Larger content goes through the socket: its decoding takes so long that transfer is negligible.
"""


class SharedBuffer:
    """The memory that one worker reads from. Holds nothing if the system has no such memory.

    file: the file number for the worker; -1 if there is none.
    """

    def __init__(self) -> None:
        self._memory = self.file = -1
        with suppress(AttributeError, OSError):  # Linux has it
            self._memory = os.memfd_create("content", os.MFD_CLOEXEC)
            self.file = os.open(f"/proc/self/fd/{self._memory}", os.O_RDONLY | os.O_CLOEXEC)

    def write(self, content: bytes) -> bool:
        """Write content into the memory, replacing its content; False if it does not fit."""
        if self.file < 0 or not 0 < len(content) <= BUFFER_BYTES:
            return False
        try:
            return os.pwrite(self._memory, content, 0) == len(content)
        except OSError:
            return False

    def release(self) -> None:
        """Release the memory."""
        for descriptor in (self._memory, self.file):
            if descriptor >= 0:
                os.close(descriptor)
        self._memory = self.file = -1
