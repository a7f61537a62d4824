# SPDX-License-Identifier: Apache-2.0
"""Events that carry the entries of the feed, each reader's own chain.

1 The chain begins at the place of the memory when the stream opens.
2 At a wake the reader gets what it may have after its place, page by page, each once the one before
  is sent. A slow reader holds up nobody, and at most one page of it waits.
3 Where the memory has forgotten the place, or the feed has another history there, the event carries
  nothing: the reader asks the feed, and its chain begins anew.
"""

from collections.abc import AsyncIterator

from django.db import Error

from stemtide.hub.rooms.parties.reads.parties import Viewer
from stemtide.hub.wire.compression import EventBytes
from stemtide.hub.wire.memory import Place, in_thread, memory
from stemtide.hub.wire.tail import NotInMemoryError, UnknownCrisesError
from stemtide.protocol.sync.feed import Wake


class News:
    """The next entries for the reader of one stream. place: where its chain begins, if it is known.

    carried: the position up to which the last event carried entries; None if it carried none.
    """

    def __init__(self, party: Viewer, *, exercise: bool, place: Place | None) -> None:
        self._party = party
        self._exercise = exercise
        self._place = place
        self.carried: int | None = None

    async def events(self, position: int) -> AsyncIterator[EventBytes]:
        """Yield the events of a wake, until the reader has what the memory has for it."""
        more = self._place is None or position > self._place.position
        while more:
            event, more = await self._next_event(position)
            yield event

    async def _next_event(self, position: int) -> tuple[EventBytes, bool]:
        """Return the next event, and whether another follows."""
        self.carried = None
        for _ in range(2):
            if self._place is None:
                break
            try:
                event = memory.event(self._party, after=self._place, exercise=self._exercise)
            except UnknownCrisesError:
                try:
                    await in_thread(lambda: memory.learn_crises(self._party))
                except Error:
                    break
            except NotInMemoryError:
                break
            else:
                self._place = event.place
                self.carried = event.place.position
                return event.content, event.more
        self._place = memory.place if memory.is_followed else None
        return wake_event(position), False


def wake_event(position: int) -> EventBytes:
    """Return an event that carries no entries."""
    data = Wake(position=position).model_dump_json(exclude_none=True)
    return EventBytes(f"event: wake\nid: {position}\ndata: {data}\n\n".encode())
