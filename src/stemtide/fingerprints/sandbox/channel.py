# SPDX-License-Identifier: Apache-2.0
"""The channel between a process and its sandbox: messages on a socket.

Messages are JSON after four bytes of length, and never a format that could run code in the process
that reads it.
"""

import socket
import struct
import time

import msgspec

_LENGTH = struct.Struct(">I")
_PIECE_BYTES = 16 << 10


class TooLongError(ValueError):
    """The other side announces a message that is longer than allowed."""


def encode(message: object) -> bytes:
    """Return the bytes of a message, with their length."""
    body = msgspec.json.encode(message)
    return _LENGTH.pack(len(body)) + body


class Inbox:
    """The messages that arrive on a socket."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._received = bytearray()

    def receive(self, *, at_most: int, until: float) -> bytes:
        """Receive a message.

        at_most: bytes that it may have.
        until:   by time.monotonic().
        raises:  TimeoutError; TooLongError; ConnectionError if the other side has closed.
        """
        self._fill(_LENGTH.size, until=until)
        end = _LENGTH.size + _LENGTH.unpack_from(self._received)[0]
        if end > _LENGTH.size + at_most:
            raise TooLongError(f"a message of {end - _LENGTH.size} bytes")
        self._fill(end, until=until)
        message = bytes(self._received[_LENGTH.size : end])
        del self._received[:end]
        return message

    def _fill(self, size: int, *, until: float) -> None:
        """Receive until there are this many bytes, or more."""
        while len(self._received) < size:
            self._channel.settimeout(max(0.001, until - time.monotonic()))
            piece = self._channel.recv(max(_PIECE_BYTES, size - len(self._received)))
            if not piece:
                raise ConnectionError("the other side has ended")
            self._received += piece
