# SPDX-License-Identifier: Apache-2.0
"""Check that ledger and feed have no gap. Call these functions under the ledger's lock."""

from django.db import connection
from django.db.models import Count, Max

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.ledger.models import Entry, Follower, Placement
from stemtide.hub.rooms.ledger.reads.ledger import heads

_FIRST_MISSING = """
SELECT min(number) + 1 FROM (SELECT 0 AS number UNION ALL SELECT number FROM ledger_entry) AS before
WHERE NOT EXISTS (SELECT 1 FROM ledger_entry WHERE ledger_entry.number = before.number + 1)
"""


@needs_no_viewer("it returns numbers only")
def ledger_flaws() -> list[str]:
    """Return the flaws in the numbers of entries, and in rooms that follow them."""
    head = heads().entries
    sums = Entry.objects.aggregate(count=Count("pk"), last=Max("number"))
    last = sums["last"] or 0
    flaws = []
    if last != head:
        flaws.append(f"the counter is at entry {head}, and the last entry is {last}")
    if sums["count"] != last:
        with connection.cursor() as cursor:
            cursor.execute(_FIRST_MISSING)
            (missing,) = cursor.fetchone()
        flaws.append(f"{last - sums['count']} entries are missing, the first is {missing}")
    ahead = Follower.objects.filter(number__gt=head)
    flaws += [f"{row.name} has read entry {row.number}, and the last is {head}" for row in ahead]
    return flaws


@needs_no_viewer("it returns numbers only")
def feed_flaws() -> list[str]:
    """Return where feed positions have no time or two, or do not end at the feed's head."""
    flaws, next_position = [], 1
    for first, count in Placement.objects.order_by("first").values_list("first", "count"):
        if first != next_position:
            flaws.append(f"positions {next_position} to {first} do not follow each other")
        next_position = first + count
    head = heads().positions
    if next_position - 1 != head:
        flaws.append(
            f"the counter is at position {head}, and the last act is at {next_position - 1}"
        )
    return flaws
