# SPDX-License-Identifier: Apache-2.0
"""Shares what posted indicators ask for. Called by writes_posting.py."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from stemtide.hub.parties.models import Party
from stemtide.hub.parties.reads import Caller
from stemtide.hub.signals import reads_collection, rules_ready, writes as signals
from stemtide.hub.signals.models import Signal
from stemtide.hub.signals.rules_ready import Ready
from stemtide.hub.stix import reads
from stemtide.hub.stix.reading import became
from stemtide.protocol.stix import indicator_id
from stemtide.protocol.stix_posted import Posted, Wanted

CONFLICT = "conflict"
"""Field of an error that a value is shared already, with other facts."""


@dataclass(slots=True)
class Shared:
    """What one indicator became.

    made:  new signals. known: live ones of its party with a value that it asks for.
    notes: what the status says of those, and why others are none.
    """

    made: list[Signal] = field(default_factory=list)
    known: list[Signal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def told(self, wanted: Wanted) -> str:
        """What a status says of it."""
        return became([row.uid for row in self.made], wanted, self.notes)


def share_all(
    asking: Sequence[tuple[Posted, Ready]], *, by: Caller, now: datetime
) -> dict[str, Shared]:
    """Share what indicators ask for; what became of each, by its id."""
    found = {one.id: Shared() for one, _ in asking}
    ready = rules_ready.together([each for _, each in asking])
    if not ready.count:
        return found
    ids = [one.id for one, each in asking for _ in range(each.count)]
    out = signals.share_ready(ready, by=by.party, now=now, partial=True, actor_ref=by.ref)
    why = {error.row: error for error in out.errors}
    again = [
        draft
        for draft in ready.drafts
        if draft.row not in why or why[draft.row].field == CONFLICT
        if (placed := out.signals[draft.row]) is None or not placed.created
    ]
    known = reads_collection.shared_already(again, viewer=by.party)
    uids = {signal.id for signal in out.signals if signal} | set(known.values())
    rows = reads_collection.by_uid(uids, viewer=by.party)
    for number, (stix_id, placed) in enumerate(zip(ids, out.signals, strict=True)):
        if placed is not None and placed.created:
            found[stix_id].made.append(rows[placed.id])
        elif number in known:
            found[stix_id].known.append(rows[known[number]])
            found[stix_id].notes.append(_told_as(rows[known[number]], viewer=by.party))
        else:
            found[stix_id].notes.append(f"{why[number].field}: {why[number].message}")
    return found


def _told_as(row: Signal, *, viewer: Party) -> str:
    """That a value is shared already, and under which id."""
    face = reads.faces([row.pk], viewer=viewer).get(row.pk)
    known = face.stix_id if face else indicator_id(row.uid)
    return f"your party shares this already, as {known}: this is kept as a second description"
