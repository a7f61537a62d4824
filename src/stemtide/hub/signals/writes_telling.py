# SPDX-License-Identifier: Apache-2.0
"""Tells a signal again, when what is beside its facts changed."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.ledger import writes as ledger
from stemtide.hub.parties.models import Party
from stemtide.hub.signals import reads, rules


@transaction.atomic
def tell_again(uid: UUID, *, by: Party, now: datetime, through: str) -> int:
    """Move a signal up in the feed, as its sharer describes it anew; its position then.

    raises: NotFoundError, NotAllowedError for all but its sharer, ConflictError for one not live.
    """
    ledger.take_turn()
    row = reads.find(uid, viewer=by)
    rules.check_tell(reads.facts(row, viewer=by), name=by.name)
    row.position = ledger.take_positions(1, now=now)
    row.save(update_fields=["position"])
    ledger.append(
        "signal.repeated",
        actor=by.ref,
        subject=row.ref,
        now=now,
        detail={"position": row.position, "through": through},
        exercise=row.exercise,
        crisis=row.crisis.uid if row.crisis else None,
    )
    return row.position
