# SPDX-License-Identifier: Apache-2.0
"""Confirm a restore that opened a new log, as the second person. Decision 0165."""

from datetime import datetime

from django.db import transaction

from stemtide.hub.platform.errors import ConflictError, NotFoundError
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.reads import independence
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules import hub_settings as rules
from stemtide.hub.rooms.transparency.reads.restarts import SUBJECT, restarts


@transaction.atomic
def confirm(origin: str, *, by: Actor, now: datetime) -> None:
    """Confirm that the hub was restored, and that entries are lost. origin: the new log's name.

    raises: NotFoundError, NotAllowedError for who restored it and for all but coordinators of
            agencies, ConflictError.
    """
    ledger.lock_ledger()
    row = next((row for row in restarts() if row.origin == origin), None)
    if row is None:
        raise NotFoundError("no restore opened a log of this name: see the page of hub settings")
    rules.check_confirm(author=row.actor, by=by)
    independence.check_second_person(by, first=row.actor)
    if row.confirmed_at is not None:
        raise ConflictError("this restore was confirmed already")
    ledger.append_by("log.confirmed", by=by, subject=SUBJECT, now=now, detail={"origin": origin})
