# SPDX-License-Identifier: Apache-2.0
"""Group signals into MISP events, because MISP refetches a whole event when any part changes.

Every signal is in an event of the permanent database, chosen once by its primary key. A signal of a
crisis is also in an event of that crisis, for parties that take part in it.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Max, Min, Q, QuerySet

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import MispBlock, Signal
from stemtide.hub.rooms.signals.reads.opinions import disputed_for
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.interop.misp import events
from stemtide.interop.misp.events import MAX_SIGNALS, TYPE_OF, EventHead
from stemtide.protocol.enums import SignalState

Row = dict[str, Any]
"""The columns that an attribute is built from, by the names of protocol.misp."""

_COLUMNS = {
    "uid": "id",
    "stamp_s": "stamp_s",
    "state": "state",
    "kind": "kind",
    "value": "value",
    "url": "url",
    "labels": "labels",
    "severity": "severity",
    "provenance": "provenance",
    "confidence": "confidence",
    "tlp": "tlp",
    "pap": "pap",
    "disputed": "disputed",
    "shared_by__name": "shared_by",
    "via": "via",
}
_KINDS = tuple(kind.value for kind in TYPE_OF)


class _GroupSum(NamedTuple):
    """Aggregates over the signals of one block, crisis (None: all of the block) and TLP."""

    block: int
    crisis: UUID | None
    tlp: str
    stamp_s: int
    since: datetime


def heads(*, viewer: Party, now: datetime) -> list[EventHead]:
    """Return the events of a party's feed, the permanent database first, then crises."""
    rooms = rooms_of(viewer=viewer)
    rows = MispBlock.objects.filter(visible(viewer)).order_by()
    groups = rows.values_list("block", "crisis__uid", "tlp")
    sums = [_GroupSum(*group) for group in groups.annotate(Max("stamp_s"), Min("since"))]
    parts: dict[tuple[UUID | None, int], list[_GroupSum]] = {}
    for group_sum in sums:
        if group_sum.crisis is None or group_sum.crisis in rooms:
            parts.setdefault((group_sum.crisis, group_sum.block), []).append(group_sum)
    hub = ledger.heads().hub
    order = sorted(parts, key=lambda part: (part[0] is not None, str(part[0]), part[1]))
    return [
        EventHead(
            hub=hub,
            block=block,
            crisis=crisis,
            title=rooms[crisis] if crisis else "",
            tlp=events.strictest(group_sum.tlp for group_sum in parts[crisis, block]),
            timestamp=events.rising_timestamp(
                max(group_sum.stamp_s for group_sum in parts[crisis, block]), now=now
            ),
            since=min(group_sum.since for group_sum in parts[crisis, block]),
        )
        for crisis, block in order
    ]


def rooms_of(*, viewer: Party) -> dict[UUID, str]:
    """Return the real crises in which a party takes part: id and name."""
    visible_crises = crises.crises(viewer=viewer)
    return {
        crisis.id: crisis.name
        for crisis in visible_crises
        if crisis.in_room and not crisis.exercise
    }


def rows_of(
    head: EventHead, *, viewer: Party, only: Collection[UUID] | None = None
) -> Iterator[Row]:
    """Yield the signals of an event that a party may see, ended ones included, by primary key.

    only: a few hundred ids; None for all.
    """
    rows = _of_event(head, viewer=viewer)
    rows = rows if only is None else rows.filter(uid__in=only)
    return _by_name(rows.annotate(disputed=disputed_for(viewer)))


def live_values(head: EventHead, *, viewer: Party) -> Iterator[Row]:
    """Yield kind, value and url of the live signals of an event, by primary key."""
    columns = ("kind", "value", "url")
    rows = _of_event(head, viewer=viewer).filter(state=SignalState.LIVE).order_by("pk")
    for values in rows.values_list(*columns):
        yield dict(zip(columns, values, strict=True))


def _of_event(head: EventHead, *, viewer: Party) -> QuerySet[Signal]:
    """Return the signals of an event that a party may see."""
    first = head.block * MAX_SIGNALS
    rows = representable(Signal.objects.filter(visible(viewer)))
    rows = rows.filter(pk__gte=first, pk__lt=first + MAX_SIGNALS)
    return rows if head.crisis is None else rows.filter(crisis__uid=head.crisis)


def _by_name(rows: QuerySet[Signal]) -> Iterator[Row]:
    """Yield signals by column name, ordered by primary key."""
    for columns in rows.order_by("pk").values_list(*_COLUMNS):
        row = dict(zip(_COLUMNS.values(), columns, strict=True))
        yield row | {"via": row["via"].split()}


@needs_no_viewer("its callers filter what they pass, or recount all")
def representable(rows: QuerySet[Signal]) -> QuerySet[Signal]:
    """Return the signals that MISP can hold: real ones, each of a single value of a kind it knows.

    Signals of whole folders or hosts are left out: MISP would treat them as one address.
    """
    rows = rows.filter(exercise=False, kind__in=_KINDS)
    return rows.exclude(Q(kind=Kind.URL) & (Q(url="") | Q(reach__isnull=False)))
