# SPDX-License-Identifier: Apache-2.0
"""Signals put together as events, for MISP, which fetches an event whole when any of it changes.

Every signal is in an event of the standing database, chosen by its number for good; one of a crisis
is in an event of that crisis as well, for those who are in its room.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import F, Max, Min, Q, QuerySet

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.crises import reads as crises
from stemtide.hub.ledger import reads as ledger
from stemtide.hub.parties.models import Party
from stemtide.hub.signals.models import Signal
from stemtide.hub.signals.reads import visible
from stemtide.protocol import misp
from stemtide.protocol.misp import MAX_SIGNALS, TYPE_OF, EventHead

Row = dict[str, Any]
"""What an attribute is made of, as protocol.misp names it."""

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
    "is_disputed": "disputed",
    "shared_by__name": "shared_by",
    "via": "via",
}
_KINDS = tuple(kind.value for kind in TYPE_OF)


class _Sum(NamedTuple):
    """What some signals of one block, crisis and TLP have in common."""

    block: int
    crisis: UUID | None
    tlp: str
    stamp_s: int
    since: datetime


def heads(*, viewer: Party, now: datetime) -> list[EventHead]:
    """The events of a party's feed, the standing database first, then crises."""
    rooms = rooms_of(viewer=viewer)
    rows = _given(viewer).annotate(block=F("pk") / MAX_SIGNALS).order_by()
    groups = rows.values_list("block", "crisis__uid", "tlp")
    sums = [_Sum(*group) for group in groups.annotate(Max("stamp_s"), Min("shared_at"))]
    parts: dict[tuple[UUID | None, int], list[_Sum]] = {}
    for one in sums:
        parts.setdefault((None, one.block), []).append(one)
        if one.crisis in rooms:
            parts.setdefault((one.crisis, one.block), []).append(one)
    hub = ledger.heads().hub
    order = sorted(parts, key=lambda part: (part[0] is not None, str(part[0]), part[1]))
    return [
        EventHead(
            hub=hub,
            block=block,
            crisis=crisis,
            title=rooms[crisis] if crisis else "",
            tlp=misp.strictest(one.tlp for one in parts[crisis, block]),
            timestamp=misp.rising(max(one.stamp_s for one in parts[crisis, block]), now=now),
            since=min(one.since for one in parts[crisis, block]),
        )
        for crisis, block in order
    ]


def rooms_of(*, viewer: Party) -> dict[UUID, str]:
    """The real crises in whose room a party is: id and name."""
    seen = crises.crises(viewer=viewer)
    return {one.id: one.name for one in seen if one.in_room and not one.exercise}


def rows_of(
    head: EventHead, *, viewer: Party, only: Collection[UUID] | None = None
) -> Iterator[Row]:
    """The signals of an event that a party may see, also those that ended, in their order.

    only: some hundreds of them; None for all.
    """
    first = head.block * MAX_SIGNALS
    rows = _given(viewer).filter(pk__gte=first, pk__lt=first + MAX_SIGNALS)
    if head.crisis is not None:
        rows = rows.filter(crisis__uid=head.crisis)
    return _named(rows if only is None else rows.filter(uid__in=only))


def _named(rows: QuerySet[Signal]) -> Iterator[Row]:
    """Signals by names, in their order."""
    for one in rows.order_by("pk").values_list(*_COLUMNS):
        row = dict(zip(_COLUMNS.values(), one, strict=True))
        yield row | {"via": row["via"].split()}


def _given(viewer: Party) -> QuerySet[Signal]:
    """The signals that MISP can hold: real ones, each of one value of a kind that it knows.

    Not those of whole folders or hosts, which it would take for one address.
    """
    rows = Signal.objects.filter(visible(viewer), exercise=False, kind__in=_KINDS)
    return rows.exclude(Q(kind=Kind.URL) & (Q(url="") | Q(reach__isnull=False)))
