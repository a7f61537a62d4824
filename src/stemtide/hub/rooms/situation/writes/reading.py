# SPDX-License-Identifier: Apache-2.0
"""Write that somebody read leads. The texts are not in the ledger."""

from datetime import datetime

from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.rooms.ledger.writes.reading import note_read
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.messages.situation import LeadOut


@needs_no_entry("note_read appends it")
@needs_no_lock("note_read takes it")
def note_lead_read(lead: LeadOut, *, by: Actor, now: datetime) -> None:
    """Append that somebody read a lead that they were shown."""
    note_read("lead.read", by=by, subject=f"lead:{lead.id}", now=now, exercise=lead.exercise)


@needs_no_entry("note_read appends it")
@needs_no_lock("note_read takes it")
def note_leads_read(*, by: Actor, now: datetime) -> None:
    """Append that somebody read the list of leads of their party."""
    note_read("lead.read", by=by, subject=f"leads:{by.name}", now=now)
