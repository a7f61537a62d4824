# SPDX-License-Identifier: Apache-2.0
"""Read the signals sent to other hubs, for people: their states, and the refused ones."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count

from stemtide.hub.rooms.exchanges.models import Outgoing
from stemtide.hub.rooms.exchanges.reads import exchanges as reads
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.rules.parties import COORDINATING
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.interop.exchanges import OutgoingState

MAX_TROUBLED = 50


@dataclass(frozen=True, slots=True)
class FailedSignal:
    """A signal that another hub refused or could not be sent. words: the reason, as far as given.

    signal: None if the viewer may not see it.
    """

    signal: UUID | None
    state: OutgoingState
    attempts: int
    words: str


def counts_by_state(*, viewer: Party) -> dict[str, dict[OutgoingState, int]]:
    """Return the number of outgoing signals by exchange and state, for coordinating parties.

    Exchanges without outgoing signals are left out, and so are states that do not occur. A signal
    that was sent and whose withdrawal the other side refuses still counts as sent.
    """
    if viewer.kind not in COORDINATING:
        return {}
    rows = Outgoing.objects.filter(exchange__removed_at=None)
    by_exchange: dict[str, dict[OutgoingState, int]] = {}
    # An order of the model's own would split the groups.
    groups = rows.order_by().values_list("exchange__name", "state")
    for name, state, count, sent in groups.annotate(Count("pk"), Count("sent_at")):
        still_sent = sent if state == OutgoingState.REFUSED else 0
        counts = by_exchange.setdefault(name, {})
        for outgoing_state, number in (
            (OutgoingState(state), count - still_sent),
            (OutgoingState.SENT, still_sent),
        ):
            if number:
                counts[outgoing_state] = counts.get(outgoing_state, 0) + number
    return by_exchange


def failures(name: str, *, viewer: Party) -> list[FailedSignal]:
    """Return signals that failed at another hub, the latest first.

    raises: NotAllowedError, NotFoundError.
    """
    reads.exchange(name, viewer=viewer)
    outgoing = Outgoing.objects.filter(exchange=reads.find(name))
    rows = list(outgoing.exclude(last_error="").order_by("-pk")[:MAX_TROUBLED])
    pks = [row.signal_id for row in rows]
    uids = dict(Signal.objects.filter(visible(viewer), pk__in=pks).values_list("pk", "uid"))
    return [
        FailedSignal(
            signal=uids.get(row.signal_id),
            state=OutgoingState(row.state),
            attempts=row.attempts,
            words=row.last_error,
        )
        for row in rows
    ]
