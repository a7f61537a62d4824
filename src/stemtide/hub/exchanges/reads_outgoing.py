# SPDX-License-Identifier: Apache-2.0
"""Readers of what was told to other hubs, for people: how much stands where, what is refused."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count

from stemtide.hub.exchanges import reads
from stemtide.hub.exchanges.models import Outgoing
from stemtide.hub.parties.models import Party
from stemtide.hub.parties.rules import COORDINATING
from stemtide.hub.signals.models import Signal
from stemtide.hub.signals.reads import visible
from stemtide.protocol.exchanges import OutgoingState

MAX_TROUBLED = 50


@dataclass(frozen=True, slots=True)
class Troubled:
    """A signal that another hub refused, or could not be told. words: why, as far as it was said.

    signal: None where the viewer may not see it.
    """

    signal: UUID | None
    state: OutgoingState
    attempts: int
    words: str


def told(*, viewer: Party) -> dict[str, dict[OutgoingState, int]]:
    """How many signals stand where on their way, by exchange, for those who may know; else none.

    An exchange of which nothing was told yet is left out, and so is a state that does not occur.
    What was sent and is not taken back there, however often that was told, still counts as sent.
    """
    if viewer.kind not in COORDINATING:
        return {}
    rows = Outgoing.objects.filter(exchange__removed_at=None)
    found: dict[str, dict[OutgoingState, int]] = {}
    # An order of the model's own would split the groups.
    groups = rows.order_by().values_list("exchange__name", "state")
    for name, state, count, sent in groups.annotate(Count("pk"), Count("sent_at")):
        stands = sent if state == OutgoingState.REFUSED else 0
        of = found.setdefault(name, {})
        for where, many in ((OutgoingState(state), count - stands), (OutgoingState.SENT, stands)):
            if many:
                of[where] = of.get(where, 0) + many
    return found


def troubled(name: str, *, viewer: Party) -> list[Troubled]:
    """Signals of which something went wrong at another hub, the latest first.

    raises: NotAllowedError, NotFoundError.
    """
    reads.exchange(name, viewer=viewer)
    found = Outgoing.objects.filter(exchange=reads.find(name, by=viewer.ref))
    rows = list(found.exclude(last_error="").order_by("-pk")[:MAX_TROUBLED])
    pks = [row.signal_id for row in rows]
    uids = dict(Signal.objects.filter(visible(viewer), pk__in=pks).values_list("pk", "uid"))
    return [
        Troubled(
            signal=uids.get(row.signal_id),
            state=OutgoingState(row.state),
            attempts=row.attempts,
            words=row.last_error,
        )
        for row in rows
    ]
