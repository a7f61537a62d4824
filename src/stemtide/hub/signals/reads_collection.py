# SPDX-License-Identifier: Apache-2.0
"""Signals by position with everything that is told of them, for rooms that tell them to others."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from stemtide.hub.crises import reads as crises
from stemtide.hub.parties.models import Party
from stemtide.hub.parties.rules import InvalidError
from stemtide.hub.signals.long_values import batches, in_parts
from stemtide.hub.signals.models import Signal
from stemtide.hub.signals.reads import shared_before, visible
from stemtide.hub.signals.rules import Draft, read_rows, unpack_audience
from stemtide.protocol.signals import RowError, SignalIn

Row = dict[str, Any]
"""The columns of a signal by their names on the wire; pk, and stored: the value as its row has it.

value is whole also where it is as long as its content, unless the signal is no longer live.
"""

_NAMES = {
    "pk": "pk",
    "uid": "id",
    "position": "position",
    "state": "state",
    "kind": "kind",
    "value": "stored",
    "url": "url",
    "quality": "quality",
    "within_bits": "within_bits",
    "reach": "reach",
    "content__uid": "content",
    "labels": "labels",
    "ideology": "ideology",
    "entity": "entity",
    "severity": "severity",
    "provenance": "provenance",
    "confidence": "confidence",
    "tlp": "tlp",
    "pap": "pap",
    "audience": "audience",
    "is_disputed": "disputed",
    "crisis__uid": "crisis",
    "exercise": "exercise",
    "shared_by__name": "shared_by",
    "shared_at": "shared_at",
    "expires_at": "expires_at",
    "withdraw_reason": "withdraw_reason",
    "via": "via",
}


def collected(*, viewer: Party, crisis: UUID | None, exercise: bool | None) -> QuerySet[Signal]:
    """Signals of one crisis, or of none in particular, that a party may see.

    exercise: None for real and exercise alike.
    """
    rows = Signal.objects.filter(visible(viewer))
    if crisis is not None:
        rows = rows.filter(crisis=crises.find(crisis, viewer=viewer))
    return rows if exercise is None else rows.filter(exercise=exercise)


def page(signals: QuerySet[Signal], *, viewer: Party, limit: int) -> tuple[list[Row], bool]:
    """The first of some signals by position, as many as fit, and whether there are more.

    signals: as collected() gives them, narrowed further.
    """
    columns = signals.order_by("position").values_list(*_NAMES)
    found = [_row(column) for column in columns[: limit + 1]]
    seen = crises.seen(viewer=viewer)
    for one in found:
        if seen is not None and one["crisis"] not in seen:
            one["crisis"] = None
    part = next(in_parts(found[:limit]))
    return [dict(one) for one in part], len(part) < len(found)


def by_uid(uids: Iterable[UUID], *, viewer: Party) -> dict[UUID, Signal]:
    """The rows of those of some signals that a party may see, for the rooms above."""
    found: dict[UUID, Signal] = {}
    for batch in batches(uids):
        rows = Signal.objects.filter(visible(viewer), uid__in=batch)
        found |= {row.uid: row for row in rows.select_related("shared_by", "crisis")}
    return found


def same(bodies: Sequence[SignalIn], *, viewer: Party, now: datetime) -> dict[int, UUID]:
    """Which live signals of a party say already what it would share, by place in what it would.

    raises: InvalidError where one could not be shared.
    """
    errors: list[RowError] = []
    drafts = list(read_rows(bodies, errors=errors, now=now))
    return same_read(drafts, errors=errors, viewer=viewer)


def same_read(
    drafts: Sequence[Draft], *, errors: Sequence[RowError], viewer: Party
) -> dict[int, UUID]:
    """Which live signals of a party say already what rows that were read say, by their rows.

    errors: of rows beside them. raises: InvalidError where there are any.
    """
    if errors:
        raise InvalidError(errors[0].field, errors[0].message)
    before = shared_before({draft.value for draft in drafts}, by=viewer)
    found = [(draft, before.get(draft.key)) for draft in drafts]
    return {one.row: had.uid for one, had in found if had is not None and had.facts == one.facts}


def shared_already(drafts: Sequence[Draft], *, viewer: Party) -> dict[int, UUID]:
    """Which live signals of a party have the values that rows share, whatever else they say.

    returns: by the rows of the drafts; those of values that the party does not share are not there.
    """
    before = shared_before({draft.value for draft in drafts}, by=viewer)
    found = {draft.row: before.get(draft.key) for draft in drafts}
    return {row: had.uid for row, had in found.items() if had is not None}


def says(row: Signal, body: SignalIn, *, viewer: Party, now: datetime) -> bool:
    """Whether a live signal of a party says already what it would share.

    raises: InvalidError where that could not be shared.
    """
    return same([body], viewer=viewer, now=now).get(0) == row.uid


def _row(columns: Iterable[Any]) -> Row:
    """A signal by names."""
    row = dict(zip(_NAMES.values(), columns, strict=True))
    row["value"] = row["stored"]
    row["audience"] = sorted(unpack_audience(row["audience"]))
    row["via"] = row["via"].split()
    return row
