# SPDX-License-Identifier: Apache-2.0
"""Read when things happened to signals."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Max, Min

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import Sighting, Signal
from stemtide.hub.rooms.signals.reads.signals import visible


@dataclass(frozen=True, slots=True)
class CrisisTimes:
    """Key times of the signals of a crisis; None for events that have not happened.

    last_variant_at: when the latest signal was shared. first_sighting_at: when matching content was
    first met at a provider.
    """

    first_signal_at: datetime | None
    last_variant_at: datetime | None
    first_sighting_at: datetime | None


@needs_no_viewer("it returns a number only")
def last_position() -> int:
    """Return the feed position of the latest change to any signal.

    Followers need nothing after it: later positions belong to changes that agents do not read.
    """
    last: int | None = Signal.objects.aggregate(last=Max("position"))["last"]
    return last or 0


def crisis_times(crisis_uid: UUID, *, viewer: Party) -> CrisisTimes:
    """Return the key times of a crisis' signals, of those that a viewer may see.

    The caller has checked with crises.reads.find that the viewer may see the crisis.
    """
    rows = Signal.objects.filter(visible(viewer), crisis__uid=crisis_uid)
    shared = rows.aggregate(first=Min("shared_at"), last=Max("shared_at"))
    sightings = Sighting.objects.filter(visible(viewer, "signal__"), signal__crisis__uid=crisis_uid)
    return CrisisTimes(
        first_signal_at=shared["first"],
        last_variant_at=shared["last"],
        first_sighting_at=sightings.aggregate(first=Min("first_at"))["first"],
    )
