# SPDX-License-Identifier: Apache-2.0
"""Split a byte stream into lines and events, without ever holding more than one of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from stemtide.fingerprints.kinds import MAX_VALUE_BYTES

MAX_LINE_BYTES = 2 * MAX_VALUE_BYTES + 256 * 1024
"""Maximum length of a snapshot line, which has the value in hex."""

MAX_EVENT_BYTES = 1024 * 1024
"""Maximum length of a line in an event stream."""

PIECE_BYTES = 512 * 1024
"""How much to gather before splitting: many small pieces are slow."""


class EndlessLineError(ValueError):
    """A line is longer than any line that a hub sends."""


@dataclass(slots=True)
class LineSplitter:
    """Line splitter for bytes that arrive in parts.

    piece_bytes: how much to gather before returning any line; 0: return each at once.
    """

    max_line_bytes: int = MAX_LINE_BYTES
    piece_bytes: int = PIECE_BYTES
    _parts: list[bytes] = field(default_factory=list)
    _size: int = 0
    _rest: bytes = b""

    def take(self, part: bytes) -> list[bytes]:
        """Add bytes; return the complete lines without their ends. raises: EndlessLineError."""
        self._parts.append(part)
        self._size += len(part)
        if self._size < self.piece_bytes:
            return []
        *lines, self._rest = self.end()
        if len(self._rest) > self.max_line_bytes:
            raise EndlessLineError(f"a line without an end: more than {self.max_line_bytes} bytes")
        return lines

    def end(self) -> list[bytes]:
        """Return the remaining lines; the last may be empty, or lack its end."""
        lines = (self._rest + b"".join(self._parts)).split(b"\n")
        self._parts, self._size, self._rest = [], 0, b""
        return lines


@dataclass(slots=True)
class EventParser:
    """Parser that yields the data of events with one name from a stream of server-sent events.

    Lines end with LF or CRLF; no hub ends them with CR alone.

    source: WHATWG HTML, section 9.2.6.
    """

    name: str
    _cutter: LineSplitter = field(
        default_factory=lambda: LineSplitter(max_line_bytes=MAX_EVENT_BYTES, piece_bytes=0)
    )
    _event: str = ""
    _data: list[str] = field(default_factory=list)
    _size: int = 0

    def take(self, part: bytes) -> Iterator[str]:
        """Add bytes; yield the data of complete events. raises: EndlessLineError."""
        return self._events(self._cutter.take(part))

    def _events(self, lines: Iterable[bytes]) -> Iterator[str]:
        for raw in lines:
            line = raw.removesuffix(b"\r").decode(errors="replace")
            if not line:
                event, data = self._event, self._data
                self._event, self._data, self._size = "", [], 0
                if event == self.name and data:
                    yield "\n".join(data)
                continue
            name, _, value = line.partition(":")
            if name == "event":
                self._event = value.removeprefix(" ")
            elif name == "data":
                self._data.append(value.removeprefix(" "))
                self._size += len(raw)
                if self._size > MAX_EVENT_BYTES:
                    raise EndlessLineError(f"an event of more than {MAX_EVENT_BYTES} bytes")
