# SPDX-License-Identifier: Apache-2.0
"""Read the latest changes of the feed once for all readers, for those who keep them in memory.

What differs between readers is written once for each case: whether the reader may know of the
signal's crisis, and whether the reader disputes the signal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.signals.long_values import filled_if_short
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import opinions
from stemtide.hub.rooms.signals.reads.signals import entry_of
from stemtide.hub.rooms.signals.rules.signals import unpack_audience
from stemtide.hub.rooms.signals.views import NAMES, WIRE
from stemtide.protocol.handling import Tlp

MAX_VALUE_BYTES = 64 * 1024
"""Largest long value that an entry in memory has."""


class Handling(NamedTuple):
    """The marks that decide which readers get an entry."""

    shared_by: str
    tlp: Tlp
    audience: frozenset[str]
    exercise: bool


@dataclass(frozen=True, slots=True)
class SharedEntry:
    """An entry of the feed for all readers.

    bodies: its JSON, for a reader who neither knows the crisis nor disputes the signal, who knows
            the crisis, who disputes the signal, and who does both; () if the value is too large.
    value_bytes: size of its long value. disputed_by: primary keys of parties.
    """

    position: int
    id: UUID
    handling: Handling
    crisis: UUID | None
    disputed_by: frozenset[int]
    bodies: tuple[bytes, ...]
    value_bytes: int


@needs_no_viewer("the reader's marks are checked where the entries are sent")
def shared_entries(after: int, *, until: int) -> list[SharedEntry]:
    """Return the signals that changed after a position, up to another, oldest first."""
    rows = Signal.objects.filter(position__gt=after, position__lte=until).order_by("position")
    columns = list(rows.values_list("audience", *WIRE))
    plain = [dict(zip(NAMES, row[1:], strict=True)) for row in columns]
    judged = opinions.judgements(plain)
    filled = filled_if_short(plain, most_bytes=MAX_VALUE_BYTES)
    return [
        _entry(
            row,
            full=full,
            value_bytes=size,
            audience=unpack_audience(audience),
            judged=judged.get(row["id"], opinions.NO_JUDGEMENT),
        )
        for (audience, *_), row, (full, size) in zip(columns, plain, filled, strict=True)
    ]


def _entry(
    row: Mapping[str, Any],
    *,
    full: Mapping[str, Any] | None,
    value_bytes: int,
    audience: frozenset[str],
    judged: opinions.Judgement,
) -> SharedEntry:
    """Return the entry for a row. full: the row with its long value; None if that is too large."""
    cases = [
        (shows_crisis, is_own)
        for is_own in (False, True)[: 1 + bool(judged.disputed_by)]
        for shows_crisis in (False, True)[: 1 + bool(row["crisis"])]
    ]
    written = {case: _body(full, judged, *case) for case in cases} if full is not None else {}
    bodies = [
        written[shows_crisis and bool(row["crisis"]), is_own and bool(judged.disputed_by)]
        for is_own in (False, True)
        for shows_crisis in (False, True)
        if written
    ]
    return SharedEntry(
        position=row["position"],
        id=row["id"],
        handling=Handling(row["shared_by"], Tlp(row["tlp"]), audience, row["exercise"]),
        crisis=row["crisis"],
        disputed_by=judged.disputed_by,
        bodies=tuple(bodies),
        value_bytes=value_bytes,
    )


def _body(
    row: Mapping[str, Any],
    judged: opinions.Judgement,
    shows_crisis: bool,  # noqa: FBT001  # one of the cases
    is_own: bool,  # noqa: FBT001
) -> bytes:
    """Return the JSON of an entry for one kind of reader."""
    copy = dict(row) if shows_crisis else {**row, "crisis": None}
    opinions.apply_judgement(copy, judged, is_own=is_own)
    return entry_of(copy).model_dump_json().encode()
