# SPDX-License-Identifier: Apache-2.0
"""Memory that follows the feed: what changed since the last look is read, and nothing else."""

from abc import ABC, abstractmethod
from uuid import UUID

from stemtide.hub.rooms.ledger.reads import ledger


class FeedMemory(ABC):
    """Signals in a process's memory, as of a feed position. Its callers hold a lock.

    The mark of that position shows whether what was read was committed: after a rollback, and in a
    hub restored from a backup, it is another one. Then everything is read anew.
    """

    def __init__(self) -> None:
        self._position, self._mark = 0, ""
        self._hub: UUID | None = None

    @abstractmethod
    def empty(self) -> None:
        """Keep no signal."""

    @abstractmethod
    def read_after(self, position: int) -> None:
        """Read the signals that changed after a position."""

    def forget(self) -> None:
        """Have everything read anew."""
        self._hub = None

    def catch_up(self) -> None:
        """Read the changes. The head is read before the rows: later rows are read again."""
        heads = ledger.heads()
        is_same = (
            self._hub == heads.hub
            and self._position <= heads.positions
            and ledger.history(self._position) == self._mark
        )
        if is_same and self._position == heads.positions:
            return
        after = self._position if is_same else 0
        self._hub = None  # until all is read
        if not is_same:
            self.empty()
        mark = ledger.history(heads.positions)
        self.read_after(after)
        self._hub, self._position, self._mark = heads.hub, heads.positions, mark
