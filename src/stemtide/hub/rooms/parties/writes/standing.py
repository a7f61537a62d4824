# SPDX-License-Identifier: Apache-2.0
"""Write the standing of parties, and its history."""

from datetime import datetime

from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.parties.models import Party, StandingChange


@needs_no_entry("the act that changes the standing records itself")
def record_change(
    party: Party, *, before: str, reason: str, by: Party | None, by_ref: str, now: datetime
) -> None:
    """Add a line to the history of a party whose standing, group or right is saved."""
    StandingChange.objects.create(
        party=party,
        before=before,
        after=party.standing,
        group=party.group,
        speaks_for_digests=party.speaks_for_digests,
        reason=reason,
        by=by,
        by_ref=by_ref,
        at=now,
    )
