# SPDX-License-Identifier: Apache-2.0
"""Cut what arrives in pieces into lines and events, without ever holding more than one."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from stemtide.fingerprints.kinds import MAX_VALUE_BYTES

MAX_LINE_BYTES = 2 * MAX_VALUE_BYTES + 256 * 1024
"""No line of a snapshot is longer: a value is in hex."""

MAX_EVENT_BYTES = 64 * 1024
"""No line of a stream of events is longer."""

PIECE_BYTES = 512 * 1024
"""How much is gathered before it is cut: many small pieces are slow."""


class EndlessLineError(ValueError):
    """A line is longer than any line of a hub."""


@dataclass(slots=True)
class Cutter:
    """Gathers parts as they arrive; gives whole lines.

    piece_bytes: how much is gathered before any line is given; 0: as soon as there is one.
    """

    max_line_bytes: int = MAX_LINE_BYTES
    piece_bytes: int = PIECE_BYTES
    _parts: list[bytes] = field(default_factory=list)
    _size: int = 0
    _rest: bytes = b""

    def take(self, part: bytes) -> list[bytes]:
        """The lines that are whole now, without their ends. raises: EndlessLineError."""
        self._parts.append(part)
        self._size += len(part)
        if self._size < self.piece_bytes:
            return []
        *lines, self._rest = self.end()
        if len(self._rest) > self.max_line_bytes:
            raise EndlessLineError(f"a line without an end: more than {self.max_line_bytes} bytes")
        return lines

    def end(self) -> list[bytes]:
        """Everything that is left; the last one may be empty, or a line without an end."""
        found = (self._rest + b"".join(self._parts)).split(b"\n")
        self._parts, self._size, self._rest = [], 0, b""
        return found


@dataclass(slots=True)
class EventCutter:
    """Gives the data of events of one name, of a stream of server-sent events.

    Lines end with LF or CRLF; a stream that ends them with CR alone is none of a hub's.
    source: WHATWG HTML, section 9.2.6.
    """

    name: str
    _cutter: Cutter = field(
        default_factory=lambda: Cutter(max_line_bytes=MAX_EVENT_BYTES, piece_bytes=0)
    )
    _event: str = ""
    _said: list[str] = field(default_factory=list)
    _size: int = 0

    def take(self, part: bytes) -> Iterator[str]:
        """The data of events that are whole now. raises: EndlessLineError."""
        return self._events(self._cutter.take(part))

    def _events(self, lines: Iterable[bytes]) -> Iterator[str]:
        for raw in lines:
            line = raw.removesuffix(b"\r").decode(errors="replace")
            if not line:
                event, said = self._event, self._said
                self._event, self._said, self._size = "", [], 0
                if event == self.name and said:
                    yield "\n".join(said)
                continue
            name, _, value = line.partition(":")
            if name == "event":
                self._event = value.removeprefix(" ")
            elif name == "data":
                self._said.append(value.removeprefix(" "))
                self._size += len(raw)
                if self._size > MAX_EVENT_BYTES:
                    raise EndlessLineError(f"an event of more than {MAX_EVENT_BYTES} bytes")
