# SPDX-License-Identifier: Apache-2.0
"""Messages between a process and its sandbox: JSON after four bytes of length.

JSON, and never a format that could run code in the process that reads it.
"""

import json
import socket
import struct
import time
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
