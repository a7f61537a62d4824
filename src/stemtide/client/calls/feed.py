# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: feed.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, Events, Lines

if TYPE_CHECKING:
    from stemtide.protocol.sync.feed import FeedPage, FeedSignal, SnapshotHead, SnapshotTail, Wake


def follow_events(
    *, last_event_id: int | None = None, exercise: bool | None = None, entries: bool | None = None
) -> Events[Wake]:
    """Stream an event whenever your feed has something new, and a comment every 3 s in between.

    last_event_id: The position you have: you are woken at once if something lies after it.
    entries: Whether events carry the entries: a Wake with `previous` and `page`.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/events/stream
    """
    from stemtide.protocol.sync.feed import Wake

    return Events(
        (Wake,),
        "GET",
        "/api/v1/events/stream",
        query={"exercise": exercise, "entries": entries},
        headers={"Last-Event-ID": last_event_id},
        is_view=True,
    )


def read_feed(
    *,
    after: int | None = None,
    limit: int | None = None,
    exercise: bool | None = None,
    history: str | None = None,
    parties_after: int | None = None,
) -> Call[FeedPage]:
    """List changes after a position, oldest first. exercise=1 includes exercise signals.

    history: from the page whose `next` you send as `after`. On 409, load the snapshot again.

    parties_after: the `next` of the last page whose `parties` you have applied; 0 for all parties.
    Without it the page has none.

    limit: If left out: 1000.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/feed
    """
    from stemtide.protocol.sync.feed import FeedPage

    return Call(
        (FeedPage,),
        "GET",
        "/api/v1/feed",
        query={
            "after": after,
            "limit": limit,
            "exercise": exercise,
            "history": history,
            "parties_after": parties_after,
        },
        is_view=True,
    )


def read_snapshot(
    *, exercise: bool | None = None
) -> Lines[SnapshotHead | FeedSignal | SnapshotTail]:
    """Download all live signals, for a cold start. Then follow the feed after its head.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/snapshot
    """
    from stemtide.protocol.sync.feed import FeedSignal, SnapshotHead, SnapshotTail

    return Lines(
        (
            SnapshotHead,
            FeedSignal,
            SnapshotTail,
        ),
        "GET",
        "/api/v1/snapshot",
        query={"exercise": exercise},
        is_view=True,
    )
