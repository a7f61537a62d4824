# SPDX-License-Identifier: Apache-2.0
"""Read the standing of parties for the feed, snapshots and open streams."""

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.parties.models import Party
from stemtide.protocol.enums import PartyKind, Standing
from stemtide.protocol.sync.feed import FeedParty


@needs_no_viewer("every party may know the standing of every other")
def changed(after: int = 0, *, until: int | None = None) -> list[FeedParty]:
    """Return the parties whose standing changed after a position, lowest position first.

    after: 0 for all. until: the last position; None for no limit.
    """
    rows = Party.objects.order_by("position", "pk")
    if after:
        rows = rows.filter(position__gt=after)
    if until is not None:
        rows = rows.filter(position__lte=until)
    return [
        FeedParty(
            position=party.position,
            name=party.name,
            kind=PartyKind(party.kind),
            standing=Standing(party.standing),
            group=party.group,
            speaks_for_digests=party.speaks_for_digests,
        )
        for party in rows
    ]


@needs_no_viewer("every party may know that the standing of another changed")
def last_position() -> int:
    """Return the position at which the standing of any party last changed; 0 if none did."""
    last = Party.objects.order_by("-position").values_list("position", flat=True).first()
    return last or 0
