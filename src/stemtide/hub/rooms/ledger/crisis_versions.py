# SPDX-License-Identifier: Apache-2.0
"""How far the ledger has come for each crisis: what its room must be made anew for."""

import threading
from collections.abc import Collection
from uuid import UUID

from stemtide.hub.rooms.ledger.reads import ledger as reads
from stemtide.hub.rooms.ledger.rules.ledger import is_of_alerts, stays_in_its_room


class Marks:
    """The last entry that concerns the room of each crisis, kept up by reading what is new.

    An entry concerns every room, except where the rules say that it does not: a kind that they do
    not know costs time, and hides nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heads: reads.Heads | None = None
        self._in_room: dict[UUID, dict[str, int]] = {}
        self._of_things: dict[str, int] = {}
        self._start = 0
        self._in_every_room = 0
        self._in_bar = 0

    def look(self) -> reads.Heads:
        """Read what is new; returns how far the ledger has come."""
        heads = reads.heads()
        with self._lock:
            before = self._heads
            if before is None or before.hub != heads.hub or heads.entries < before.entries:
                # Nothing is known of what came before: whatever was made is made anew.
                self._in_room.clear()
                self._of_things.clear()
                self._in_every_room = self._in_bar = self._start = heads.entries
            elif heads.entries == before.entries:
                return heads
            else:
                for entry in reads.kinds(after=before.entries, until=heads.entries, by="marks"):
                    self._note(entry)
            self._heads = heads
        return heads

    def of_room(self, crisis: UUID, things: Collection[str] | None = None) -> int:
        """The last entry that the blocks of a crisis' room may show.

        things: what the blocks show of what stays in the room; all of it where none is named.
                Whatever concerns every room counts in any case.
        """
        here = self._in_room.get(crisis, {})
        last = [number for thing, number in here.items() if things is None or thing in things]
        return max(self._in_every_room, *last, 0)

    def of_thing(self, thing: str) -> int:
        """The last entry about one kind of thing, in whatever room."""
        return self._of_things.get(thing, self._start)

    def of_page(self, crisis: UUID) -> int:
        """The last entry that anything on the page may show: its blocks, or the alerts above."""
        return max(self.of_room(crisis), self._in_bar)

    def _note(self, entry: reads.KindRow) -> None:
        """Note whom one entry concerns."""
        thing = entry.kind.partition(".")[0]
        self._of_things[thing] = entry.number
        if entry.crisis is not None:
            here = self._in_room.get(entry.crisis, {})
            self._in_room[entry.crisis] = {**here, thing: entry.number}  # readers take no lock
        if is_of_alerts(entry.kind):
            self._in_bar = entry.number
        elif not stays_in_its_room(entry.kind):
            self._in_every_room = entry.number


marks = Marks()
"""The process' one."""
