# SPDX-License-Identifier: Apache-2.0
"""The reader of how many exchanges are in trouble: one count, as every page of the desk asks it."""

from datetime import datetime, timedelta

from django.db.models import Q

from stemtide.hub.exchanges.models import Exchange
from stemtide.hub.parties.models import Party
from stemtide.hub.parties.rules import COORDINATING

LATE_AFTER = timedelta(minutes=15)
"""So long after it was due, nobody runs it: a clock holds a run for ten minutes at most."""


def in_trouble(*, viewer: Party, now: datetime) -> int:
    """How many exchanges fail, or are not run although they are due; 0 for who may not know."""
    if viewer.kind not in COORDINATING:
        return 0
    failing = ~Q(failing_since=None) & Q(is_paused=False)
    late = Q(next_at__lt=now - LATE_AFTER)
    return Exchange.objects.filter(failing | late, removed_at=None).count()
