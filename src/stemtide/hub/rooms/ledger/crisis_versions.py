# SPDX-License-Identifier: Apache-2.0
"""Version numbers of each crisis, which show when its page must be rendered again."""

import threading
from collections.abc import Collection
from uuid import UUID

from stemtide.hub.rooms.ledger.reads import ledger as reads
from stemtide.hub.rooms.ledger.rules.ledger import is_of_alerts, stays_in_its_room

_RESET = 1 << 40
"""What a reset adds to all versions: more than a ledger has entries."""


class CrisisVersions:
    """The last ledger entry that concerns each crisis, updated by reading new entries.

    After a reset the versions are higher than all before it: another database may give the numbers
    of its entries to other acts.

    An entry concerns every crisis unless the rules exclude it: an unknown kind costs time, and
    hides nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heads: reads.Heads | None = None
        self._base = -_RESET
        self._in_room: dict[UUID, dict[str, int]] = {}
        self._of_things: dict[str, int] = {}
        self._start = 0
        self._in_every_room = 0
        self._in_bar = 0

    def refresh(self) -> reads.Heads:
        """Read new entries; return the heads of the ledger."""
        heads = reads.heads()
        with self._lock:
            before = self._heads
            if before is None or before.hub != heads.hub or heads.entries < before.entries:
                # Nothing is known about earlier entries: everything must be rendered again.
                self._in_room.clear()
                self._of_things.clear()
                self._base += _RESET
                self._in_every_room = self._in_bar = self._start = self._base + heads.entries
            elif heads.entries == before.entries:
                return heads
            else:
                for entry in reads.kinds(after=before.entries, until=heads.entries):
                    self._note(entry)
            self._heads = heads
        return heads

    def forget(self) -> None:
        """Have everything rendered again: the database may be another one now."""
        with self._lock:
            self._heads = None

    def of_room(self, crisis: UUID, things: Collection[str] | None = None) -> int:
        """Return the last entry that the blocks of a crisis may show.

        things: the things in the crisis that the blocks show, or kinds of entries; all if None.
                Entries that concern every crisis count in any case.
        """
        entry_by_thing = self._in_room.get(crisis, {})
        numbers = [
            number for thing, number in entry_by_thing.items() if things is None or thing in things
        ]
        return max(self._in_every_room, *numbers, 0)

    def of_thing(self, thing: str) -> int:
        """Return the last entry about one kind of thing, in any crisis."""
        return self._of_things.get(thing, self._start)

    def of_page(self, crisis: UUID) -> int:
        """Return the last entry that a crisis page may show: in its blocks, or the alerts above."""
        return max(self.of_room(crisis), self._in_bar)

    def _note(self, entry: reads.KindRow) -> None:
        """Update the versions that one entry concerns."""
        thing, version = entry.kind.partition(".")[0], self._base + entry.number
        self._of_things[thing] = version
        if entry.crisis is not None:
            entry_by_thing = self._in_room.get(entry.crisis, {})
            self._in_room[entry.crisis] = {
                **entry_by_thing,
                thing: version,
                entry.kind: version,
            }  # readers take no lock
        if is_of_alerts(entry.kind):
            self._in_bar = version
        elif not stays_in_its_room(entry.kind):
            self._in_every_room = version


crisis_versions = CrisisVersions()
"""The instance of this process."""
