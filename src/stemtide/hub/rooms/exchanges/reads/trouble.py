# SPDX-License-Identifier: Apache-2.0
"""Count exchanges in trouble with one cheap query, for every page of the desk."""

from datetime import datetime, timedelta

from django.db.models import Q

from stemtide.hub.rooms.exchanges.models import Exchange
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.rules.parties import COORDINATING

LATE_AFTER = timedelta(minutes=15)
"""An exchange overdue by this much is not run: a scheduler holds a run for ten minutes at most."""


def in_trouble(*, viewer: Party, now: datetime) -> int:
    """Return the number of failing or overdue exchanges; 0 for parties that may not see them."""
    if viewer.kind not in COORDINATING:
        return 0
    failing = ~Q(failing_since=None) & Q(is_paused=False)
    late = Q(next_at__lt=now - LATE_AFTER)
    return Exchange.objects.filter(failing | late, removed_at=None).count()
