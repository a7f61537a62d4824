# SPDX-License-Identifier: Apache-2.0
"""Write that somebody read complaints. The texts are not in the ledger."""

from datetime import datetime

from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.rooms.ledger.writes.reading import note_read
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.messages.complaints import ComplaintOut


@needs_no_entry("note_read appends it")
@needs_no_lock("note_read takes it")
def note_complaint_read(complaint: ComplaintOut, *, by: Actor, now: datetime) -> None:
    """Append that somebody read a complaint that they were shown."""
    subject = f"complaint:{complaint.id}"
    note_read("complaint.read", by=by, subject=subject, now=now, exercise=complaint.exercise)


@needs_no_entry("note_read appends it")
@needs_no_lock("note_read takes it")
def note_complaints_read(*, by: Actor, now: datetime) -> None:
    """Append that somebody read the list of complaints of their party."""
    note_read("complaint.read", by=by, subject=f"complaints:{by.name}", now=now)
