# SPDX-License-Identifier: Apache-2.0
"""The latest changes of the feed in memory, each with its bytes, and who may read which."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from stemtide.hub.rooms.parties.reads.parties import Viewer
from stemtide.hub.rooms.signals.tail import Handling, SharedEntry
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.handling import may_receive
from stemtide.protocol.sync.feed import MAX_PAGE_VALUE_BYTES

MAX_ENTRIES = 60_000
"""Most changes that are kept."""

MAX_BYTES = 72_000_000
"""Most bytes of their JSON that are kept."""

_MAX_HANDLINGS = 1000


class NotInMemoryError(Exception):
    """The memory cannot answer; the database can."""


class UnknownCrisesError(Exception):
    """It is not known yet which crises a reader may see: Memory.learn_crises reads it."""


@dataclass(slots=True)
class Reader:
    """A party as a reader of the feed. crises: those that it may see, None for all; unread yet: ().

    is_rehearsing: whether it reads exercise signals as well.
    """

    party: Viewer
    is_rehearsing: bool
    crises: frozenset[UUID] | tuple[()] | None = ()
    _answers: dict[Handling, bool] = field(default_factory=dict)

    def may_read(self, handling: Handling) -> bool:
        """Whether the reader gets entries of one handling."""
        answer = self._answers.get(handling)
        if answer is None:
            if len(self._answers) >= _MAX_HANDLINGS:
                self._answers.clear()
            shared_by, tlp, audience, is_exercise = handling
            is_of_reader = is_exercise if self.party.exercise else True
            is_wanted = self.is_rehearsing or not is_exercise
            answer = (
                is_of_reader
                and is_wanted
                and may_receive(
                    self.party.name,
                    PartyKind(self.party.kind),
                    tlp=tlp,
                    audience=audience,
                    shared_by=shared_by,
                )
            )
            self._answers[handling] = answer
        return answer

    def body(self, entry: SharedEntry) -> bytes:
        """Return an entry as the reader gets it. raises: NotInMemoryError, UnknownCrisesError."""
        if not entry.bodies:
            raise NotInMemoryError
        shows_crisis = False
        if entry.crisis is not None:
            if self.crises == ():
                raise UnknownCrisesError
            shows_crisis = self.crises is None or entry.crisis in self.crises
        return entry.bodies[shows_crisis + 2 * (self.party.pk in entry.disputed_by)]


@dataclass(frozen=True, slots=True)
class TailPage:
    """Entries as a reader gets them. next: the position to go on from; more: whether to at once."""

    bodies: list[bytes]
    next: int
    more: bool


class Tail:
    """All changes after a position, `start`, up to `head`; a signal at its latest one only."""

    def __init__(self, start: int) -> None:
        self.start = self.head = start
        self._positions: list[int] = []
        self._entries: dict[int, SharedEntry] = {}
        self._position_of: dict[UUID, int] = {}
        self._bytes = 0
        self._firsts: list[int] = []
        self._marks: list[str] = []

    def add(
        self, entries: Sequence[SharedEntry], *, head: int, marks: Sequence[tuple[int, str]]
    ) -> None:
        """Add the changes up to a new head. marks: of the acts since the last one."""
        for entry in entries:
            before = self._position_of.get(entry.id)
            if before is not None:
                self._remove(before)
            self._positions.append(entry.position)
            self._entries[entry.position] = entry
            self._position_of[entry.id] = entry.position
            self._bytes += _size(entry)
        self._firsts += [first for first, _ in marks]
        self._marks += [mark for _, mark in marks]
        self.head = head
        if len(self._positions) > MAX_ENTRIES or self._bytes > MAX_BYTES:
            self._trim()

    def mark(self, position: int) -> str:
        """Return the mark of the act that assigned a position from `start` on."""
        index = bisect_right(self._firsts, position)
        return self._marks[index - 1] if index else ""

    @property
    def last_act(self) -> tuple[int, str] | None:
        """Return the first position and the mark of the latest act; None if there is none."""
        return (self._firsts[-1], self._marks[-1]) if self._firsts else None

    def page(
        self, reader: Reader, *, after: int, limit: int, most_bytes: int = MAX_BYTES
    ) -> TailPage:
        """Return the entries that a reader may have after a position, as the feed does.

        most_bytes: of JSON, more only for a single entry.

        raises: NotInMemoryError, UnknownCrisesError.
        """
        if not self.start <= after <= self.head:
            raise NotInMemoryError
        bodies: list[bytes] = []
        last, value_bytes, size_bytes, more = after, 0, 0, False
        for index in range(bisect_right(self._positions, after), len(self._positions)):
            entry = self._entries.get(self._positions[index])
            if entry is None or not reader.may_read(entry.handling):
                continue
            body = reader.body(entry)
            size_bytes += len(body)
            if len(bodies) == limit or (bodies and size_bytes > most_bytes):
                more = True
                break
            bodies.append(body)
            last = entry.position
            value_bytes += entry.value_bytes
        if value_bytes > MAX_PAGE_VALUE_BYTES:
            raise NotInMemoryError
        return TailPage(bodies, last if more else self.head, more)

    def last_for(self, reader: Reader, *, after: int) -> int:
        """Return the position of the last change after a position that a reader may have, or 0."""
        for position in reversed(self._positions):
            if position <= after:
                break
            entry = self._entries.get(position)
            if entry is not None and reader.may_read(entry.handling):
                return position
        return 0

    def _remove(self, position: int) -> None:
        """Forget an entry; its position stays as a hole."""
        entry = self._entries.pop(position)
        del self._position_of[entry.id]
        self._bytes -= _size(entry)

    def _trim(self) -> None:
        """Forget the oldest entries, down to three quarters of the limits."""
        count = 0
        for position in self._positions:
            is_short = len(self._positions) - count <= MAX_ENTRIES * 3 // 4
            if is_short and self._bytes <= MAX_BYTES * 3 // 4:
                break
            count += 1
            self.start = position
            if position in self._entries:
                self._remove(position)
        del self._positions[:count]
        before = bisect_right(self._firsts, self.start) - 1
        if before > 0:
            del self._firsts[:before], self._marks[:before]


def _size(entry: SharedEntry) -> int:
    """Return about how many bytes an entry occupies."""
    return 500 + sum(len(body) for body in set(entry.bodies))
