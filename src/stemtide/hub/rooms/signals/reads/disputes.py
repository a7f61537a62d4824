# SPDX-License-Identifier: Apache-2.0
"""Read a party's own disputes for its feed: its agents treat them differently from others'."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.long_values import Row, batches
from stemtide.hub.rooms.signals.models import OpinionRow
from stemtide.protocol.enums import Opinion


def mark_own(feed_rows: Iterable[dict[str, Any]], viewer: Party) -> list[Row]:
    """Set disputed_by_you on rows of a feed: whether the viewer itself disputes the signal."""
    rows = list(feed_rows)
    own: set[UUID] = set()
    for batch in batches(row["id"] for row in rows if row["disputed"]):
        disputes = OpinionRow.objects.filter(
            party=viewer, opinion=Opinion.DISPUTE, signal__uid__in=batch
        )
        own.update(disputes.values_list("signal__uid", flat=True))
    for row in rows:
        row["disputed_by_you"] = row["id"] in own
    return list(rows)
