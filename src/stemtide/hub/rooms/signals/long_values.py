# SPDX-License-Identifier: Apache-2.0
"""Storage of signal values that are as long as the content itself (video, audio, text, gop).

A value is stored once and read by its digest. Rows that travel with such values are handed on in
parts of limited size. Only this room's reads and writes call these functions; they check access.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Exists, OuterRef

from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.values.audio import Sound
from stemtide.fingerprints.values.video import VideoPrint
from stemtide.hub.rooms.ledger.reads import hub_settings
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import LongValue, LongValueSpending, Signal
from stemtide.hub.rooms.signals.rules.signals import SignalDraft, check_spending
from stemtide.protocol.enums import SignalState
from stemtide.protocol.messages.signals import is_long
from stemtide.protocol.sync.feed import MAX_PAGE_VALUE_BYTES

Row = Mapping[str, Any]
"""Columns of a signal by wire name, with its state unless it is known to be live."""

_T = TypeVar("_T")
_AT_ONCE = 900
"""Values in one query: SQLite refuses several thousand parameters."""

_INSERT = """
INSERT INTO signals_longvalue (digest, size_bytes, lasts_ms, value) VALUES (%s, %s, %s, %s)
ON CONFLICT (digest) DO UPDATE SET value = excluded.value, lasts_ms = excluded.lasts_ms
"""
"""An existing value is rewritten: otherwise a share of a value that others hold would finish sooner
than one of a new value, and a party could measure who has which values."""

_SPEND = """
INSERT INTO signals_longvaluespending (party_id, day, spent_bytes) VALUES (%s, %s, %s)
ON CONFLICT (party_id) DO UPDATE SET day = excluded.day, spent_bytes = excluded.spent_bytes
"""
_TIMED = frozenset({Kind.VIDEO.value, Kind.AUDIO.value})
_LONG = frozenset(kind.value for kind in Kind if is_long(kind))


def store(drafts: Iterable[SignalDraft]) -> None:
    """Store the long values of drafts, at the same cost whether or not a value exists already."""
    rows = {
        draft.value: (len(draft.long), _lasts_ms(draft.body.kind, draft.long), draft.long)
        for draft in drafts
        if draft.long is not None
    }
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(_INSERT, [(digest, *columns) for digest, columns in rows.items()])


def _lasts_ms(kind: Kind, value: bytes) -> int | None:
    """Return the duration of a film or sound; None for other kinds, and where it is not known."""
    if kind is Kind.VIDEO:
        return VideoPrint.from_bytes(value).duration_ms or None
    if kind is Kind.AUDIO:
        return round(1000 * Sound.from_bytes(value).seconds) or None
    return None


def damaged_values() -> list[str]:
    """Return the digests of values that differ from their digest, or that a signal lacks."""
    rows = LongValue.objects.values_list("digest", "value").iterator(chunk_size=100)
    damaged = [digest for digest, value in rows if hashlib.sha256(value).hexdigest() != digest]
    stored = LongValue.objects.filter(digest=OuterRef("value"))
    lacking = Signal.objects.filter(~Exists(stored), kind__in=_LONG).exclude(value="")
    return damaged + sorted(set(lacking.values_list("value", flat=True)))


def check_budget(drafts: Iterable[SignalDraft], *, by: Party, now: datetime) -> int:
    """Return the bytes that a party will have spent today with these drafts; 0 if they spend none.

    raises: RateLimitError.
    """
    new_bytes = sum(len(draft.long) for draft in drafts if draft.long is not None)
    if not new_bytes:
        return 0
    today = now.astimezone(UTC).date()
    spending = LongValueSpending.objects.filter(party=by, day=today).first()
    spent_bytes = new_bytes + (spending.spent_bytes if spending else 0)
    check_spending(spent_bytes, most=hub_settings.long_value_bytes_a_day(), now=now)
    return spent_bytes


def spend_budget(drafts: Iterable[SignalDraft], *, by: Party, now: datetime) -> None:
    """Count the bytes of a party's new long values against its daily limit.

    All values are counted, whether or not others have shared them: otherwise the count would reveal
    which values others have.

    raises: RateLimitError, which rolls back the whole share.
    """
    spent_bytes = check_budget(drafts, by=by, now=now)
    if not spent_bytes:
        return
    today = now.astimezone(UTC).date()
    with connection.cursor() as cursor:
        cursor.execute(_SPEND, [by.pk, today, spent_bytes])


def full_value(kind: str, value: str) -> str:
    """Return a signal's value in hex for the wire, given the value in its row."""
    return _load([value])[value] if kind in _LONG else value


def filled_parts(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Yield rows with long values filled in, in parts of at most MAX_PAGE_VALUE_BYTES of values.

    The given rows keep their digests, so that no part outlives its reader. Signals that are no
    longer live travel without a value. There is at least one part, which may be empty.
    """
    sizes = _sizes({row["value"] for row in rows if _is_long(row)})
    part: list[Row] = []
    part_bytes = 0
    for row in rows:
        size = sizes[row["value"]] if _is_long(row) else 0
        if part and part_bytes + size > MAX_PAGE_VALUE_BYTES:
            yield _filled(part)
            part, part_bytes = [], 0
        part.append(row)
        part_bytes += size
    yield _filled(part)


def filled_if_short(rows: Sequence[Row], *, most_bytes: int) -> Iterator[tuple[Row | None, int]]:
    """Yield each row with its long value filled in, and the value's size; None if it is larger.

    A row without a long value has the size 0.
    """
    sizes = _sizes({row["value"] for row in rows if _is_long(row)})
    values = _load(digest for digest, size in sizes.items() if size <= most_bytes)
    for row in rows:
        if not _is_long(row):
            yield row, 0
        elif row["value"] in values:
            yield {**row, "value": values[row["value"]]}, sizes[row["value"]]
        else:
            yield None, sizes[row["value"]]


def _is_long(row: Row) -> bool:
    """Whether a row travels with a long value."""
    return row["kind"] in _LONG and row.get("state", SignalState.LIVE) == SignalState.LIVE


def _filled(part: list[Row]) -> list[Row]:
    """Return the rows with long values in place of their digests."""
    digests = {row["value"] for row in part if _is_long(row)}
    if not digests:
        return part
    values = _load(digests)
    return [{**row, "value": values[row["value"]]} if _is_long(row) else row for row in part]


def durations(rows: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Return how long films and sounds last, in milliseconds, by value; without unknown ones.

    rows: kind and value of signals.
    """
    timed = {value for kind, value in rows if kind in _TIMED}
    lengths_ms: dict[str, int] = {}
    for batch in batches(timed):
        values = LongValue.objects.filter(digest__in=batch)
        lengths_ms.update(
            {
                digest: ms
                for digest, ms in values.values_list("digest", "lasts_ms")
                if ms is not None
            }
        )
    return lengths_ms


def _sizes(digests: Iterable[str]) -> dict[str, int]:
    """Return the size in bytes of each of these values."""
    sizes: dict[str, int] = {}
    for batch in batches(digests):
        rows = LongValue.objects.filter(digest__in=batch)
        sizes.update(rows.values_list("digest", "size_bytes"))
    return sizes


def _load(digests: Iterable[str]) -> dict[str, str]:
    """Return these values in hex, by digest."""
    values: dict[str, str] = {}
    for batch in batches(digests):
        rows = LongValue.objects.filter(digest__in=batch).values_list("digest", "value")
        values.update((digest, value.hex()) for digest, value in rows)
    return values


def batches(items: Iterable[_T]) -> Iterator[list[_T]]:
    """Yield items in lists small enough for one query."""
    rest = iter(items)
    while batch := list(islice(rest, _AT_ONCE)):
        yield batch
