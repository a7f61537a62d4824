# SPDX-License-Identifier: Apache-2.0
"""Follow the ledger: hand each entry to a room above once, in order (decision 0090)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import transaction

from stemtide.hub.rooms.ledger.models import Follower
from stemtide.hub.rooms.ledger.reads import ledger as reads
from stemtide.hub.rooms.ledger.reads.ledger import EntryRow
from stemtide.hub.rooms.ledger.writes.ledger import lock_ledger


@dataclass(frozen=True, slots=True)
class LedgerFollower:
    """A room's position in the ledger, stored under the room's name.

    batch: the most entries of one transaction, so that other writers get the lock in between.
    """

    name: str
    batch: int

    def is_behind(self) -> bool:
        """Whether the ledger has unread entries. Checked without a lock."""
        position = Follower.objects.filter(name=self.name).first()
        return reads.heads().entries > (position.number if position else 0)

    @contextmanager
    def next_entries(self) -> Iterator[list[EntryRow]]:
        """Hold the ledger's lock, and yield the unread entries, oldest first.

        1 The position moves in the transaction of what the caller does with the entries. If that
          fails, the next reader gets them again; otherwise nobody does.
        2 Concurrent readers are safe: one waits for the other, and gets what is left.
        """
        with transaction.atomic():
            lock_ledger()
            position, _ = Follower.objects.get_or_create(name=self.name)
            entries = reads.unfiltered(after=position.number, limit=self.batch)
            yield entries
            if entries:
                position.number = entries[-1].number
                position.save(update_fields=["number"])

    def skip_to(self, number: int) -> None:
        """Leave entries up to this number unread. The caller holds the ledger's lock."""
        Follower.objects.update_or_create(name=self.name, defaults={"number": number})
