# SPDX-License-Identifier: Apache-2.0
"""The readers of when things happened to signals."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Max, Min

from stemtide.hub.parties.models import Party
from stemtide.hub.signals.models import Sighting, Signal
from stemtide.hub.signals.reads import visible


@dataclass(frozen=True, slots=True)
class CrisisTimes:
    """Moments among the signals of a crisis; None for what has not been.

    last_variant_at: when the latest of them was shared. first_sighting_at: when matching content
    was first met at a provider.
    """

    first_signal_at: datetime | None
    last_variant_at: datetime | None
    first_sighting_at: datetime | None


def last_position(*, by: str) -> int:  # noqa: ARG001  # a number only
    """The feed position of the latest change to any signal. by: the door that asks.

    What followers may lack ends there: later positions are of what no agent takes in.
    """
    last: int | None = Signal.objects.aggregate(last=Max("position"))["last"]
    return last or 0


def crisis_times(crisis_uid: UUID, *, viewer: Party) -> CrisisTimes:
    """When a crisis' signals came, of those that a viewer may see.

    The viewer is known to be allowed to see the crisis: crises.reads.find says so.
    """
    rows = Signal.objects.filter(visible(viewer), crisis__uid=crisis_uid)
    shared = rows.aggregate(first=Min("shared_at"), last=Max("shared_at"))
    met = Sighting.objects.filter(visible(viewer, "signal__"), signal__crisis__uid=crisis_uid)
    return CrisisTimes(
        first_signal_at=shared["first"],
        last_variant_at=shared["last"],
        first_sighting_at=met.aggregate(first=Min("first_at"))["first"],
    )
