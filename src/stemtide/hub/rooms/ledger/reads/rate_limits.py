# SPDX-License-Identifier: Apache-2.0
"""Check the rate limits on acts that alert people."""

from datetime import datetime

from django.db.models import Sum

from stemtide.hub.rooms.ledger.models import PacedAct
from stemtide.hub.rooms.ledger.reads import hub_settings
from stemtide.hub.rooms.ledger.rules.ledger import Viewer
from stemtide.hub.rooms.ledger.rules.rate_limits import (
    LIMIT_GROUPS,
    WINDOW,
    Act,
    allowance_of,
    check_rate_limit,
)


def check_may_alert(
    kind: str, *, viewer: Viewer, now: datetime, is_person: bool, exercise: bool = False
) -> None:
    """Refuse an act that the viewer may not do now, before its form is shown.

    raises: RateLimitError.
    """
    check_limit(kind, weight=1, actor=viewer.ref, now=now, is_person=is_person, exercise=exercise)


def check_limit(
    kind: str, *, weight: int, actor: str, now: datetime, is_person: bool, exercise: bool
) -> None:
    """Refuse one more act of a kind. actor: as named in the ledger.

    raises: RateLimitError.
    """
    pace = LIMIT_GROUPS.get(kind)
    most = hub_settings.value(f"acts_{pace}") if pace else None
    if pace is None or most is None or not actor.startswith("party:"):
        return
    counted = PacedAct.objects.filter(
        actor=actor, pace=pace, exercise=exercise, at__gt=now - WINDOW
    )
    spent = counted.aggregate(weight=Sum("weight"))["weight"] or 0
    if spent + weight <= allowance_of(most, is_person=is_person):
        return
    acts = [Act(*row) for row in counted.order_by("at", "pk").values_list("at", "weight")]
    check_rate_limit(pace, acts, weight=weight, most=most, is_person=is_person, now=now)
