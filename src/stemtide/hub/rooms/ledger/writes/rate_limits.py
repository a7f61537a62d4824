# SPDX-License-Identifier: Apache-2.0
"""Counts the acts that alert people, inside the transaction that does them."""

from collections.abc import Mapping
from datetime import datetime

from stemtide.hub.rooms.ledger.models import PacedAct
from stemtide.hub.rooms.ledger.reads.rate_limits import check_room
from stemtide.hub.rooms.ledger.rules.rate_limits import PACES, WINDOW, is_by_person, weight_of


def keep_pace(
    kind: str, *, by: str, now: datetime, detail: Mapping[str, object], exercise: bool
) -> None:
    """Count an act that alerts people; nothing for one of another kind, or of the clock.

    Its caller holds the turn: no other process counts meanwhile. by: the actor of the entry.
    An exercise has a count of its own, so that it leaves a real crisis its room.

    raises: TooManyError, and then the whole act is undone.
    """
    pace = PACES.get(kind)
    if pace is None or not by.startswith("party:"):
        return
    weight = weight_of(detail)
    is_person = is_by_person(detail)
    check_room(kind, weight=weight, by=by, now=now, is_person=is_person, exercise=exercise)
    PacedAct.objects.filter(actor=by, pace=pace, at__lte=now - WINDOW).delete()
    PacedAct.objects.create(actor=by, pace=pace, weight=weight, exercise=exercise, at=now)
