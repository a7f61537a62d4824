# SPDX-License-Identifier: Apache-2.0
"""Count acts that alert people, inside the transaction that does them."""

from collections.abc import Mapping
from datetime import datetime

from stemtide.hub.rooms.ledger.models import PacedAct
from stemtide.hub.rooms.ledger.reads.rate_limits import check_limit
from stemtide.hub.rooms.ledger.rules.rate_limits import (
    LIMIT_GROUPS,
    WINDOW,
    is_by_person,
    weight_of,
)


def count_act(
    kind: str, *, actor: str, now: datetime, detail: Mapping[str, object], exercise: bool
) -> None:
    """Count an act that alerts people; ignore other kinds, and acts of the scheduler.

    The caller holds the write lock, so that no other process counts meanwhile. actor: that
    of the entry. Exercises are counted separately, so that they leave room for a real crisis.

    raises: RateLimitError, which rolls back the whole act.
    """
    pace = LIMIT_GROUPS.get(kind)
    if pace is None or not actor.startswith("party:"):
        return
    weight = weight_of(detail)
    is_person = is_by_person(detail)
    check_limit(kind, weight=weight, actor=actor, now=now, is_person=is_person, exercise=exercise)
    PacedAct.objects.filter(actor=actor, pace=pace, at__lte=now - WINDOW).delete()
    PacedAct.objects.create(actor=actor, pace=pace, weight=weight, exercise=exercise, at=now)
