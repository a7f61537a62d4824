# SPDX-License-Identifier: Apache-2.0
"""Tells a signal again: what is beside its facts changed, or it joins a crisis."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.ledger import writes as ledger
from stemtide.hub.parties.models import Party
from stemtide.hub.parties.rules import ConflictError
from stemtide.hub.signals import reads, rules, statements
from stemtide.hub.signals.reads_bulk import Surroundings


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


@transaction.atomic
def join_crisis(uid: UUID, *, crisis: UUID, by: Party, now: datetime, through: str) -> int:
    """Bring a signal into a crisis, under the rules of a share into it; its position then.

    Who may see the signal stays as it is: its marks hold in the crisis as well.

    raises: NotFoundError, NotAllowedError for all but its sharer, ConflictError for one that is not
            live or is in another crisis, InvalidError for a crisis that does not take it.
    """
    ledger.take_turn()
    row = reads.find(uid, viewer=by)
    rules.check_tell(reads.facts(row, viewer=by), name=by.name)
    if row.crisis is not None and row.crisis.uid == crisis:
        return row.position
    if row.crisis is not None:
        raise ConflictError(
            "this signal is in another crisis, and a signal is in one at a time: withdraw it, then"
            " share it in this crisis"
        )
    around = Surroundings(by, now=now)
    around.check_crisis(crisis, exercise=row.exercise)
    row.crisis_id = around.crises[crisis]
    row.position = ledger.take_positions(1, now=now)
    row.stamp_s = statements.stamp(now)
    row.save(update_fields=["crisis", "position", "stamp_s"])
    ledger.append(
        "signal.joined",
        actor=by.ref,
        subject=row.ref,
        now=now,
        detail={"position": row.position, "through": through},
        exercise=row.exercise,
        crisis=crisis,
    )
    return row.position
