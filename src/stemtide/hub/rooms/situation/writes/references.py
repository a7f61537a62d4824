# SPDX-License-Identifier: Apache-2.0
"""Store the mentions and links of a message, and notify the people in it. Decision 0139."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from stemtide.hub.platform.exemptions import needs_no_lock
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.situation.models import Message, MessageReference


@needs_no_lock("the caller, who posts the message, holds it")
@transaction.atomic
def add_references(
    message: Message, rows: Iterable[MessageReference], *, by: Actor, now: datetime
) -> None:
    """Store mentions and links, with a ledger entry for each party or person that must be notified.

    raises: RateLimitError over the party's limit of mentions.
    """
    alerted = set()
    for row in rows:
        row.message = message
        row.save()
        is_self = row.person is not None and row.person.ref == by.ref
        addressee = (row.party, row.person)
        if row.party is None or is_self or addressee in alerted:
            continue
        alerted.add(addressee)
        ledger.append_by(
            "message.mentioned",
            by=by,
            subject=message.ref,
            now=now,
            detail={"parties": [row.party.name], "reference": row.token},
            exercise=message.exercise,
            crisis=message.crisis.uid,
        )
