# SPDX-License-Identifier: Apache-2.0
"""Read the acts in the ledger that public figures count, and collect what does not hold."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.protocol.figures.messages import TableName
from stemtide.protocol.figures.quarters import Quarter


@dataclass(slots=True)
class Recount:
    """A recount under way. head: the last entry that counts. at: when the figures were published.

    faults: what the ledger and the rows do not agree on, in words.
    gone: tables that cannot be recomputed any more, as rows were erased or changed since.
    """

    quarter: Quarter
    head: int
    at: datetime
    faults: list[str] = field(default_factory=list)
    gone: set[TableName] = field(default_factory=set)

    def is_within(self, at: datetime) -> bool:
        """Whether a time is in the quarter."""
        return self.quarter.since <= at < self.quarter.until


@needs_no_viewer("an operator's check")
def acts(kind: str, *, head: int) -> Iterator[Entry]:
    """Yield the entries of a kind up to a number, oldest first, without exercises."""
    rows = Entry.objects.filter(kind=kind, exercise=False, number__lte=head)
    yield from rows.order_by("number").iterator(chunk_size=2000)


def name_in(ref: object) -> str:
    """Return the name in a reference such as party:big-video."""
    return str(ref).partition(":")[2]
