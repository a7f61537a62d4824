# SPDX-License-Identifier: Apache-2.0
"""Values as long as their content: stored once, read by digest, handed on a few bytes at a time.

Called by this room's reads and writes alone, which say for whom.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.parties.models import Party
from stemtide.hub.signals.models import LongValue, LongValueSpending
from stemtide.hub.signals.rules import Draft, check_spending
from stemtide.protocol.feed import MAX_PAGE_VALUE_BYTES
from stemtide.protocol.signals import is_long
from stemtide.protocol.words import SignalState

Row = Mapping[str, Any]
"""The columns of a signal by their names on the wire; state too, unless it is known to be live."""

_T = TypeVar("_T")
_AT_ONCE = 900
"""Values in one query: SQLite refuses thousands."""

_INSERT = """
INSERT INTO signals_longvalue (digest, size_bytes, value) VALUES (%s, %s, %s)
ON CONFLICT (digest) DO UPDATE SET value = excluded.value
"""
"""A value that is there is written all the same: else a share of what others hold would come back
sooner than one of what nobody has, and a curious party could ask so who knows what."""

_SPEND = """
INSERT INTO signals_longvaluespending (party_id, day, spent_bytes) VALUES (%s, %s, %s)
ON CONFLICT (party_id) DO UPDATE SET day = excluded.day, spent_bytes = excluded.spent_bytes
"""
_LONG = frozenset(kind.value for kind in Kind if is_long(kind))


def store(drafts: Iterable[Draft]) -> None:
    """Keep the long values of drafts, each once, at the same cost whether or not it is there."""
    rows = {draft.value: draft.long for draft in drafts if draft.long is not None}
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(
                _INSERT, [(digest, len(value), value) for digest, value in rows.items()]
            )


def weigh(drafts: Iterable[Draft], *, by: Party, now: datetime) -> int:
    """The bytes that a party would have spent of its day with these drafts; 0 if they spend none.

    raises: TooManyError.
    """
    weight = sum(len(draft.long) for draft in drafts if draft.long is not None)
    if not weight:
        return 0
    today = now.astimezone(UTC).date()
    before = LongValueSpending.objects.filter(party=by, day=today).first()
    spent = weight + (before.spent_bytes if before else 0)
    check_spending(spent, most=settings.LONG_VALUE_BYTES_A_DAY, now=now)
    return spent


def spend(drafts: Iterable[Draft], *, by: Party, now: datetime) -> None:
    """Count the bytes of a party's new long values against its day.

    Of all that it sends, whether or not others have it: the count tells nothing either.

    raises: TooManyError, and then the whole share is undone.
    """
    spent = weigh(drafts, by=by, now=now)
    if not spent:
        return
    today = now.astimezone(UTC).date()
    with connection.cursor() as cursor:
        cursor.execute(_SPEND, [by.pk, today, spent])


def whole(kind: str, value: str) -> str:
    """A signal's value in hex as it travels, from what its row holds."""
    return _load([value])[value] if kind in _LONG else value


def in_parts(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """The rows, with long values whole, in parts of at most MAX_PAGE_VALUE_BYTES of these.

    Rows that are given keep their digests, so that no part outlives its reader. What is no longer
    live travels without a value. There is one part at least, which may be empty.
    """
    sizes = _sizes({row["value"] for row in rows if _is_long(row)})
    part: list[Row] = []
    weight = 0
    for row in rows:
        size = sizes[row["value"]] if _is_long(row) else 0
        if part and weight + size > MAX_PAGE_VALUE_BYTES:
            yield _filled(part)
            part, weight = [], 0
        part.append(row)
        weight += size
    yield _filled(part)


def _is_long(row: Row) -> bool:
    """Whether a row travels with a long value."""
    return row["kind"] in _LONG and row.get("state", SignalState.LIVE) == SignalState.LIVE


def _filled(part: list[Row]) -> list[Row]:
    """The same rows with long values in the place of their digests."""
    digests = {row["value"] for row in part if _is_long(row)}
    if not digests:
        return part
    found = _load(digests)
    return [{**row, "value": found[row["value"]]} if _is_long(row) else row for row in part]


def _sizes(digests: Iterable[str]) -> dict[str, int]:
    """Bytes of each of these values."""
    found: dict[str, int] = {}
    for batch in batches(digests):
        rows = LongValue.objects.filter(digest__in=batch)
        found.update(rows.values_list("digest", "size_bytes"))
    return found


def _load(digests: Iterable[str]) -> dict[str, str]:
    """These values in hex."""
    found: dict[str, str] = {}
    for batch in batches(digests):
        rows = LongValue.objects.filter(digest__in=batch).values_list("digest", "value")
        found.update((digest, value.hex()) for digest, value in rows)
    return found


def batches(items: Iterable[_T]) -> Iterator[list[_T]]:
    """Items in lists that one query can ask for."""
    rest = iter(items)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
