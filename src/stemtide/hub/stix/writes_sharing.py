# SPDX-License-Identifier: Apache-2.0
"""Shares what posted indicators ask for. Called by writes_posting.py."""

from collections.abc import Sequence
from datetime import datetime

from stemtide.hub.parties.models import Party
from stemtide.hub.parties.reads import Caller
from stemtide.hub.signals import reads_collection, rules_ready, writes as signals
from stemtide.hub.signals.models import Signal
from stemtide.hub.signals.rules_ready import Ready
from stemtide.hub.stix import reads
from stemtide.protocol.stix import indicator_id
from stemtide.protocol.stix_posted import Posted


def share_all(
    asking: Sequence[tuple[Posted, Ready]], *, by: Caller, now: datetime
) -> tuple[dict[str, list[Signal]], dict[str, list[str]]]:
    """Share what indicators ask for; by their ids the new signals, and why others are none."""
    made: dict[str, list[Signal]] = {one.id: [] for one, _ in asking}
    notes: dict[str, list[str]] = {one.id: [] for one, _ in asking}
    ready = rules_ready.together([each for _, each in asking])
    if not ready.count:
        return made, notes
    ids = [one.id for one, each in asking for _ in range(each.count)]
    out = signals.share_ready(ready, by=by.party, now=now, partial=True, actor_ref=by.ref)
    why = {error.row: f"{error.field}: {error.message}" for error in out.errors}
    rows = reads_collection.by_uid({one.id for one in out.signals if one}, viewer=by.party)
    for number, (stix_id, placed) in enumerate(zip(ids, out.signals, strict=True)):
        if placed is None:
            notes[stix_id].append(why[number])
        elif not placed.created:
            notes[stix_id].append(_told_as(rows[placed.id], viewer=by.party))
        else:
            made[stix_id].append(rows[placed.id])
    return made, notes


def _told_as(row: Signal, *, viewer: Party) -> str:
    """That a value is shared already, and under which id."""
    face = reads.faces([row.pk], viewer=viewer).get(row.pk)
    known = face.stix_id if face else indicator_id(row.uid)
    return f"your party shares this already, as {known}: send newer versions of that"
