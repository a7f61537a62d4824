# SPDX-License-Identifier: Apache-2.0
"""Record the test of a connection."""

from datetime import datetime

from django.db import transaction

from stemtide.hub.rooms.exchanges.reads import exchanges as reads
from stemtide.hub.rooms.exchanges.rules import proposals as rules
from stemtide.hub.rooms.exchanges.writes.exchanges import write_line
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.reads.parties import Actor


@transaction.atomic
def note_test(name: str, *, why: str, by: Actor, now: datetime) -> None:
    """Record a test in the exchange's log and in the ledger. why: of a failure; "" for none.

    raises: NotFoundError, NotAllowedError.
    """
    rules.check_propose(by=by)
    ledger.lock_ledger()
    row = reads.find(name)
    write_line(row, f"test: {why or 'it answers'}", now=now)
    detail: dict[str, object] = {"works": not why}
    ledger.append_by("exchange.tested", by=by, subject=row.ref, now=now, detail=detail)
