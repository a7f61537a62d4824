# SPDX-License-Identifier: Apache-2.0
"""Read signals that are held back for their audience, and the parties that may see them."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from django.db.models import QuerySet

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.exchanges.models import Exchange, GroupEvent, Outgoing
from stemtide.hub.rooms.exchanges.reads.exchanges import ClaimedRun
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.hub.rooms.signals.rules.signals import pack_audience, unpack_audience
from stemtide.interop.exchanges import OutgoingState, Terms
from stemtide.protocol.enums import SignalState, Standing


@dataclass(frozen=True, slots=True)
class HeldAudience:
    """An audience of signals that are held back, and who shared them.

    readers: the parties that may see these signals now. packed: all of them, in the stored form.
    """

    audience: str
    shared_by: str
    readers: AbstractSet[str]

    @property
    def packed(self) -> str:
        """Return the audience and the sharer in the stored form of an audience."""
        return pack_audience({*unpack_audience(self.audience), self.shared_by})


@needs_no_viewer("the scheduler reads for all parties")
def uses_groups(run: ClaimedRun) -> bool:
    """Whether signals with an audience are at another hub, or may get there."""
    return bool(run.organisations) or GroupEvent.objects.filter(exchange=run.pk).exists()


def held_audiences(row: Exchange) -> list[HeldAudience]:
    """Return the audiences of signals that are held back and that the exchange's party sees."""
    facts = ("signal__audience", "signal__shared_by__name")
    pairs = _rows_held_back(row).order_by(*facts).values_list(*facts).distinct()
    seeing = seeing_parties(row)
    return [
        HeldAudience(audience, shared_by, {*unpack_audience(audience), shared_by} & seeing)
        for audience, shared_by in pairs
    ]


def held_for(row: Exchange, audience: HeldAudience) -> QuerySet[Outgoing]:
    """Return the signals of an audience that are held back, the oldest first."""
    rows = _rows_held_back(row).filter(
        signal__audience=audience.audience, signal__shared_by__name=audience.shared_by
    )
    return rows.order_by("pk")


def seeing_parties(row: Exchange) -> frozenset[str]:
    """Return the parties that may see signals which an exchange pushes, if they are named."""
    is_exercise = Terms.model_validate(row.terms).exercise
    rows = Party.objects.exclude(standing=Standing.SUSPENDED)
    rows = rows if is_exercise else rows.filter(exercise=False)
    return frozenset(rows.values_list("name", flat=True))


def _rows_held_back(row: Exchange) -> QuerySet[Outgoing]:
    """Return the live signals that are held back and that the exchange's party sees."""
    return Outgoing.objects.filter(
        visible(row.party, "signal__"),
        exchange=row,
        state=OutgoingState.HELD_BACK,
        signal__state=SignalState.LIVE,
    )
