# SPDX-License-Identifier: Apache-2.0
"""Read signals by position with all their facts, for rooms that publish them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.long_values import batches, filled_parts
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads.opinions import disputed_for
from stemtide.hub.rooms.signals.reads.signals import live_by_key, visible
from stemtide.hub.rooms.signals.rules import signals as rules
from stemtide.hub.rooms.signals.rules.signals import SignalDraft, read_rows, unpack_audience
from stemtide.protocol.messages.signals import RowError, SignalIn

Row = dict[str, Any]
"""Columns of a signal by wire name, with pk and stored: the value as in its row.

value is complete for long values too, unless the signal is no longer live.
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
    "language": "language",
    "severity": "severity",
    "provenance": "provenance",
    "confidence": "confidence",
    "tlp": "tlp",
    "pap": "pap",
    "audience": "audience",
    "disputed": "disputed",
    "crisis__uid": "crisis",
    "exercise": "exercise",
    "shared_by__name": "shared_by",
    "shared_at": "shared_at",
    "expires_at": "expires_at",
    "withdraw_reason": "withdraw_reason",
    "via": "via",
}


def collected(*, viewer: Party, crisis: UUID | None, exercise: bool | None) -> QuerySet[Signal]:
    """Return the signals of one crisis, or of all, that a party may see.

    exercise: None for real and exercise alike.
    """
    rows = Signal.objects.filter(visible(viewer))
    if crisis is not None:
        rows = rows.filter(crisis=crises.find(crisis, viewer=viewer))
    return rows if exercise is None else rows.filter(exercise=exercise)


def page(signals: QuerySet[Signal], *, viewer: Party, limit: int) -> tuple[list[Row], bool]:
    """Return the first signals by position, as many as fit, and whether there are more.

    signals: a queryset from collected(), narrowed further.
    """
    judged = signals.annotate(disputed=disputed_for(viewer))
    columns = judged.order_by("position").values_list(*_NAMES)
    rows = [_row(column) for column in columns[: limit + 1]]
    visible_crises = crises.visible_ids(viewer=viewer)
    for row in rows:
        if visible_crises is not None and row["crisis"] not in visible_crises:
            row["crisis"] = None
    part = next(filled_parts(rows[:limit]))
    return [dict(row) for row in part], len(part) < len(rows)


def by_uid(uids: Iterable[UUID], *, viewer: Party) -> dict[UUID, Signal]:
    """Return those of these signals that a party may see, as rows for the rooms above."""
    signals: dict[UUID, Signal] = {}
    for batch in batches(uids):
        rows = Signal.objects.filter(visible(viewer), uid__in=batch)
        signals |= {row.uid: row for row in rows.select_related("shared_by", "crisis")}
    return signals


def equal_signals(bodies: Sequence[SignalIn], *, viewer: Party, now: datetime) -> dict[int, UUID]:
    """Return the live signals of a party that equal these bodies, by index of the body.

    raises: InvalidError if a body could not be shared.
    """
    errors: list[RowError] = []
    drafts = list(read_rows(bodies, errors=errors, now=now))
    return equal_to_drafts(drafts, errors=errors, viewer=viewer)


def equal_to_drafts(
    drafts: Sequence[SignalDraft], *, errors: Sequence[RowError], viewer: Party
) -> dict[int, UUID]:
    """Return the live signals of a party that equal drafts, by row of the draft.

    errors: of the rows that gave no draft. raises: InvalidError if there are any.
    """
    if errors:
        raise InvalidError(errors[0].field, errors[0].message)
    before = live_by_key({draft.value for draft in drafts}, by=viewer)
    pairs = [(draft, before.get(draft.key)) for draft in drafts]
    return {
        draft.row: existing.uid
        for draft, existing in pairs
        if existing is not None and existing.facts == draft.facts
    }


def with_same_value(drafts: Sequence[SignalDraft], *, viewer: Party) -> dict[int, UUID]:
    """Return the live signals of a party that have the values of drafts, even with other facts.

    returns: by row of the draft, without rows whose value the party does not share.
    """
    before = live_by_key({draft.value for draft in drafts}, by=viewer)
    existing_by_row = {draft.row: before.get(draft.key) for draft in drafts}
    return {row: existing.uid for row, existing in existing_by_row.items() if existing is not None}


def equals(row: Signal, body: SignalIn, *, viewer: Party, now: datetime) -> bool:
    """Whether a live signal of a party equals a body.

    raises: InvalidError if the body could not be shared.
    """
    return equal_signals([body], viewer=viewer, now=now).get(0) == row.uid


def asks_less(row: Signal, draft: SignalDraft, *, viewer: Party) -> bool:
    """Whether a draft may lead to less than the live signal of its party that it replaces."""
    before = live_by_key({row.value}, by=viewer)[row.kind, row.value, row.exercise]
    return rules.asks_less(draft.facts, before=before.facts)


def _row(columns: Iterable[Any]) -> Row:
    """Return the columns of a signal by name."""
    row = dict(zip(_NAMES.values(), columns, strict=True))
    row["value"] = row["stored"]
    row["audience"] = sorted(unpack_audience(row["audience"]))
    row["via"] = row["via"].split()
    return row
