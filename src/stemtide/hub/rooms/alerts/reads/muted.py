# SPDX-License-Identifier: Apache-2.0
"""Read which kinds of alert a person has muted."""

from datetime import datetime

from stemtide.hub.rooms.alerts.models import MutedKind
from stemtide.hub.rooms.parties.models import Person


def muted_kinds(*, viewer: Person, now: datetime) -> dict[str, datetime]:
    """Return the kinds of alert that a person has muted, with the end of each."""
    rows = MutedKind.objects.filter(person=viewer, until__gt=now)
    return dict(rows.values_list("kind", "until"))
