# SPDX-License-Identifier: Apache-2.0
"""Split a byte stream into lines and events, without ever holding more than one of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from stemtide.fingerprints.kinds import MAX_VALUE_BYTES

MAX_LINE_BYTES = 2 * MAX_VALUE_BYTES + 256 * 1024
"""Maximum length of a snapshot line, which has the value in hex."""

MAX_EVENT_BYTES = 1024 * 1024
"""Maximum length of an event in a stream of a hub."""

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


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """A server-sent event. is_too_large: its data was not kept."""

    name: str
    id: str
    data: str
    is_too_large: bool = False


@dataclass(slots=True)
class EventReader:
    """Reader of server-sent events that arrive in parts. An event that is too large is cut off.

    Lines end with LF or CRLF; no server that is read here ends them with CR alone.

    source: WHATWG HTML, section 9.2.6.
    """

    max_bytes: int = MAX_EVENT_BYTES
    _line: bytearray = field(default_factory=bytearray)
    _size: int = 0
    _fields: dict[str, str] = field(default_factory=dict)
    _data: list[str] = field(default_factory=list)

    def take(self, part: bytes) -> Iterator[ServerEvent]:
        """Add bytes; yield complete events."""
        for place, piece in enumerate(part.split(b"\n")):
            if place and (event := self._end_line()):
                yield event
            self._size += len(piece)
            # Of what is too large enough is kept to tell an empty line from others.
            self._line += piece[: 2 if self._size > self.max_bytes else None]

    @property
    def too_large(self) -> ServerEvent | None:
        """Return the present event if it is too large already."""
        return self._event() if self._size > self.max_bytes else None

    def _end_line(self) -> ServerEvent | None:
        """Read a complete line; return the event that it ends."""
        raw = bytes(self._line)
        line = raw.removesuffix(b"\r")
        self._line.clear()
        if not line:
            event = self._event() if self._fields or self._data else self.too_large
            self._size, self._fields, self._data = 0, {}, []
            return event
        if line.startswith(b":"):
            self._size -= len(raw)
        elif self._size <= self.max_bytes:
            name, _, value = line.decode(errors="replace").partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                self._data.append(value)
            elif name in {"event", "id"}:
                self._fields[name] = value
        return None

    def _event(self) -> ServerEvent:
        """Return the event as read so far."""
        is_too_large = self._size > self.max_bytes
        data = "" if is_too_large else "\n".join(self._data)
        return ServerEvent(
            self._fields.get("event", ""), self._fields.get("id", ""), data, is_too_large
        )


@dataclass(slots=True)
class EventParser:
    """Parser that yields the data of events with one name from a stream of a hub."""

    name: str
    _reader: EventReader = field(default_factory=EventReader)

    def take(self, part: bytes) -> Iterator[str]:
        """Add bytes; yield the data of complete events. raises: EndlessLineError."""
        for event in self._reader.take(part):
            if event.is_too_large:
                raise _endless()
            if event.name == self.name and event.data:
                yield event.data
        if self._reader.too_large:
            raise _endless()


def _endless() -> EndlessLineError:
    """Return the error for an event that is too large."""
    return EndlessLineError(f"an event of more than {MAX_EVENT_BYTES} bytes")
