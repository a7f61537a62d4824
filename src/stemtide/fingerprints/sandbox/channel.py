# SPDX-License-Identifier: Apache-2.0
"""The channel between a process and its sandbox: messages on a socket, content in shared memory.

1 Messages are JSON after four bytes of length, and never a format that could run code in the
  process that reads it.
2 Shared memory is cheaper than a socket, which takes small pieces and wakes both sides for each.
  The worker gets it opened read-only, and cannot harm the parent with it: the parent only writes,
  through system calls, which report failure.
"""

import json
import os
import socket
import struct
import time
from contextlib import suppress
from typing import Any

_LENGTH = struct.Struct(">I")


class TooLongError(ValueError):
    """The other side announces a message that is longer than allowed."""


def encode(message: dict[str, Any]) -> bytes:
    """Return the bytes of a message, with their length."""
    body = json.dumps(message).encode()
    return _LENGTH.pack(len(body)) + body


def receive(channel: socket.socket, *, at_most: int, until: float) -> dict[str, Any]:
    """Receive a message.

    at_most: bytes that it may have.
    until:   by time.monotonic().
    raises:  TimeoutError; TooLongError; ConnectionError if the other side has closed; ValueError,
             TypeError if it is no message.
    """
    size = _LENGTH.unpack(_receive_bytes(channel, _LENGTH.size, until=until))[0]
    if size > at_most:
        raise TooLongError(f"a message of {size} bytes")
    message = json.loads(_receive_bytes(channel, size, until=until))
    if not isinstance(message, dict):
        raise TypeError("a message that is no object")
    return message


def _receive_bytes(channel: socket.socket, size: int, *, until: float) -> bytes:
    received = bytearray()
    while len(received) < size:
        channel.settimeout(max(0.001, until - time.monotonic()))
        piece = channel.recv(size - len(received))
        if not piece:
            raise ConnectionError("the other side has ended")
        received += piece
    return bytes(received)


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
