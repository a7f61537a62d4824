# SPDX-License-Identifier: Apache-2.0
"""Share the signals of posted indicators. Called by writes/posts.py."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import collection
from stemtide.hub.rooms.signals.rules import checks
from stemtide.hub.rooms.signals.rules.checks import ParsedRows
from stemtide.hub.rooms.signals.writes import signals
from stemtide.hub.rooms.stix.parser import describe_result
from stemtide.hub.rooms.stix.reads import stix as reads
from stemtide.interop.stix.objects import indicator_id
from stemtide.interop.stix.posted import IndicatorSignals, Posted
from stemtide.protocol.enums import SignalState

CONFLICT = "conflict"
"""Field of errors for values that are shared already, with other fields."""


@dataclass(slots=True)
class Shared:
    """The result of sharing an indicator.

    created: new signals. existing: live signals of its party with one of its values.
    waiting: ids of signals that wait for a second look.
    notes:   messages for the status, about existing, waiting and refused signals.
    """

    created: list[Signal] = field(default_factory=list)
    existing: list[Signal] = field(default_factory=list)
    waiting: list[UUID] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def message(self, requested: IndicatorSignals) -> str:
        """Return the message for the status."""
        return describe_result([row.uid for row in self.created], requested, self.notes)


@needs_no_entry("signals record what is shared")
def share_all(
    asking: Sequence[tuple[Posted, ParsedRows]], *, by: Caller, now: datetime
) -> dict[str, Shared]:
    """Share the signals of indicators; return the results by indicator id."""
    results = {posted.id: Shared() for posted, _ in asking}
    ready = checks.join_rows([prepared for _, prepared in asking])
    if not ready.count:
        return results
    ids = [posted.id for posted, prepared in asking for _ in range(prepared.count)]
    out = signals.share_parsed(ready, by=by.party, now=now, partial=True, actor_ref=by.ref)
    why = {error.row: error for error in out.errors}
    again = [
        draft
        for draft in ready.drafts
        if draft.row not in why or why[draft.row].field == CONFLICT
        if (placed := out.signals[draft.row]) is None or not placed.created
    ]
    shared_before = collection.with_same_value(again, viewer=by.party)
    uids = {signal.id for signal in out.signals if signal} | set(shared_before.values())
    rows = collection.by_uid(uids, viewer=by.party)
    for number, (stix_id, placed) in enumerate(zip(ids, out.signals, strict=True)):
        if placed is not None and placed.state is SignalState.WAITING:
            results[stix_id].waiting.append(placed.id)
            why_it_waits = "; ".join(placed.waiting_for)
            stix_id_then = indicator_id(placed.id)  # the posted object is not kept
            results[stix_id].notes.append(
                f"waits for a second look, and becomes {stix_id_then} once approved: {why_it_waits}"
            )
        elif placed is not None and placed.created:
            results[stix_id].created.append(rows[placed.id])
        elif number in shared_before:
            results[stix_id].existing.append(rows[shared_before[number]])
            results[stix_id].notes.append(_already_shared_note(rows[shared_before[number]]))
        else:
            results[stix_id].notes.append(f"{why[number].field}: {why[number].message}")
    return results


def _already_shared_note(row: Signal) -> str:
    """Return the message that a value is shared already, with its id."""
    face = reads.faces([row.pk]).get(row.pk)
    stix_id = face.stix_id if face else indicator_id(row.uid)
    return f"your party shares this already, as {stix_id}: this is kept as a second description"
