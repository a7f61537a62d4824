# SPDX-License-Identifier: Apache-2.0
"""The only readers of who disputes what, for feeds: a party's agents heed its own disputes most."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from stemtide.hub.parties.models import Party
from stemtide.hub.signals.long_values import Row, batches
from stemtide.hub.signals.models import OpinionRow
from stemtide.protocol.words import Opinion


def mark_own(found: Iterable[dict[str, Any]], viewer: Party) -> list[Row]:
    """The same rows of a feed; each says whether the viewer disputes it itself."""
    rows = list(found)
    own: set[UUID] = set()
    for batch in batches(row["id"] for row in rows if row["disputed"]):
        said = OpinionRow.objects.filter(
            party=viewer, opinion=Opinion.DISPUTE, signal__uid__in=batch
        )
        own.update(said.values_list("signal__uid", flat=True))
    for row in rows:
        row["disputed_by_you"] = row["id"] in own
    return list(rows)
