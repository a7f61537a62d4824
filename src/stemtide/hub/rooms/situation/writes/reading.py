# SPDX-License-Identifier: Apache-2.0
"""Write that somebody read leads. The texts are not in the ledger."""

import logging
from datetime import datetime

from django.db import DatabaseError

from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.rooms.ledger.writes.reading import note_read
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.messages.situation import LeadOut

logger = logging.getLogger(__name__)


@needs_no_entry("note_read appends it")
@needs_no_lock("note_read takes it")
def note_lead_read(lead: LeadOut, *, by: Actor, now: datetime) -> None:
    """Append that somebody read a lead that they were shown."""
    _note(by=by, subject=f"lead:{lead.id}", now=now, exercise=lead.exercise)


@needs_no_entry("note_read appends it")
@needs_no_lock("note_read takes it")
def note_leads_read(*, by: Actor, now: datetime) -> None:
    """Append that somebody read the list of leads of their party."""
    _note(by=by, subject=f"leads:{by.name}", now=now)


def _note(*, by: Actor, subject: str, now: datetime, exercise: bool = False) -> None:
    """Append the entry. While the database takes no writes a lead is shown all the same."""
    try:
        note_read("lead.read", by=by, subject=subject, now=now, exercise=exercise)
    except DatabaseError:
        logger.exception("no entry says that %s read %s", by.ref, subject)
