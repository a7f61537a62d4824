# SPDX-License-Identifier: Apache-2.0
"""Bulk SQL for signals, within the transaction of a write: far faster than row by row."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any
from uuid import UUID

from django.db import connection

from stemtide.hub.platform.database.bulk_insert import insert_rows, prepare, prepare_ids
from stemtide.hub.platform.retention.columns import basis_columns, with_given
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.long_values import batches
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.rules.signals import SignalDraft, span_of
from stemtide.hub.rooms.signals.views import CountChange, CurveFacts, VisibleSignal
from stemtide.protocol.enums import SignalState
from stemtide.protocol.law.retention import RowClass, erase_due

_FIELDS: dict[str, Any] = {
    field.attname: field
    for field in Signal._meta.local_concrete_fields  # noqa: SLF001  # Django documents it as public
    if not field.primary_key
}
_ROW_COLUMNS = ("uid", "position", "value", "url")
"""Columns that differ from row to row; many rows of a bulk share the values of the others."""
_SIGNATURE = "signature"
"""The same, where a row of the bulk is signed."""
_SHARED_COLUMNS = tuple(name for name in _FIELDS if name not in (*_ROW_COLUMNS, _SIGNATURE))

_LIVE_VALUES = (
    "SELECT value FROM signals_signal"
    " WHERE state = 'live' AND shared_by_id = %s AND value IN ({marks})"
)
_LIVE_WITH = (
    "SELECT id FROM signals_signal WHERE state = 'live' AND kind = %s AND value IN ({marks})"
)
_WITHDRAWN_WITH = "SELECT id FROM signals_signal WHERE state = 'withdrawn' AND value IN ({marks})"
_HAS_RUNAWAYS = (
    "SELECT EXISTS (SELECT 1 FROM signals_runawayreport)"
    " OR EXISTS (SELECT 1 FROM signals_runawaydecision)"
)
_LAST_STAMP = "SELECT coalesce(max(stamp_s), 0) FROM signals_signal"
_ADD_SIGHTING = """
INSERT INTO signals_sighting AS had (signal_id, party_id, outcome, count, first_at, last_at)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (signal_id, party_id, outcome) DO UPDATE SET
  count = had.count + excluded.count,
  first_at = CASE WHEN excluded.first_at < had.first_at
             THEN excluded.first_at ELSE had.first_at END,
  last_at = CASE WHEN excluded.last_at > had.last_at
            THEN excluded.last_at ELSE had.last_at END
"""

_ADD_SPAN = """
INSERT INTO signals_sightingspan AS had (crisis_id, ends_at, minutes, party_id, outcome, language,
  handling, tlp, audience, shared_by_id, count)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (crisis_id, ends_at, minutes, handling, party_id, outcome, language) DO UPDATE SET
  count = had.count + excluded.count
"""

_ADD_SIGNAL_SPAN = """
INSERT INTO signals_signalspan AS had (signal_id, ends_at, party_id, outcome, language, count)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (signal_id, ends_at, party_id, outcome, language) DO UPDATE SET
  count = had.count + excluded.count
"""


def insert(
    drafts: Iterable[SignalDraft],
    *,
    items: Mapping[UUID | None, int | None],
    crises: Mapping[UUID | None, int | None],
    by: Party,
    now: datetime,
) -> None:
    """Store drafts as live signals. items, crises: primary keys by id, None to None."""
    drafts = list(drafts)
    for_all = _share_columns(by=by, now=now)
    labels, dates = cache(partial(_prepared, "labels")), cache(partial(_prepared, "expires_at"))
    columns_of: dict[tuple[object, ...], dict[str, object]] = {}
    keys = [_share_key(draft) for draft in drafts]
    for share_key, draft in zip(keys, drafts, strict=True):
        if share_key not in columns_of:
            row = for_all | _facts_columns(draft)
            row["labels"], row["expires_at"] = labels(row["labels"]), dates(row["expires_at"])
            row["content_id"] = items[draft.facts.content]
            row |= _retention_columns(draft, by=by, now=now)
            row["crisis_id"] = crises[draft.facts.crisis]
            columns_of[share_key] = row
    own, shared = _split_columns(list(columns_of.values()))
    own_values = {key: [row[name] for name in own] for key, row in columns_of.items()}
    uids = prepare_ids(draft.uid for draft in drafts)
    is_signed = any(draft.body.signature for draft in drafts)
    rows = [
        (
            uid,
            draft.position,
            draft.value,
            draft.url,
            *([draft.body.signature] if is_signed else ()),
            *own_values[share_key],
        )
        for uid, share_key, draft in zip(uids, keys, drafts, strict=True)
    ]
    columns = [*_ROW_COLUMNS, *([_SIGNATURE] if is_signed else ()), *own]
    insert_rows(Signal, columns, rows, shared=shared)


def _split_columns(rows: list[dict[str, object]]) -> tuple[list[str], dict[str, object]]:
    """Return the columns that differ between rows, and the value of each of the others.

    Most have one value in a whole bulk. The database gets it once, and NULL not at all.
    """
    first = rows[0]
    own = [name for name in _SHARED_COLUMNS if any(row[name] != first[name] for row in rows)]
    shared = {
        name: first[name] for name in _SHARED_COLUMNS if name not in own and first[name] is not None
    }
    return own, shared


def _share_columns(*, by: Party, now: datetime) -> dict[str, object]:
    """Return the prepared columns that are the same for all new signals of a share."""
    columns = {
        "state": SignalState.LIVE.value,
        "is_disputed": False,
        "flood": "",
        "confirmations": 0,
        "disputes": 0,
        "shared_by_id": by.pk,
        "stamp_s": next_stamp(now),
        "shared_at": now,
        "withdrawn_at": None,
        "withdraw_reason": "",
        "withdraw_note": "",
        "title": None,  # left to the column's default: a signal is named after it is stored
        "erased_at": None,
    }
    return {name: _prepared(name, value) for name, value in columns.items()}


def _share_key(draft: SignalDraft) -> tuple[object, ...]:
    """Return the key of drafts that have the same values in all columns except _ROW_COLUMNS.

    Facts by their identity: their values take long to hash, and equal ones are mostly one object.
    """
    body = draft.body
    return (id(draft.facts), body.kind, body.exercise, body.via, body.retention)


def _retention_columns(draft: SignalDraft, *, by: Party, now: datetime) -> dict[str, object]:
    """Return why a new signal is kept, and until when, in the form that the driver takes."""
    sent = draft.body.retention
    due = erase_due(RowClass.SIGNAL, since=now, ends_at=draft.facts.expires_at)
    columns = with_given(sent, columns=basis_columns(RowClass.SIGNAL, kind=by.kind))
    return columns | {"erase_due": _prepared("erase_due", due)}


def _facts_columns(draft: SignalDraft) -> dict[str, object]:
    """Return the columns of a new signal that are the same for drafts with equal _facts_in."""
    return draft.facts._asdict() | {
        "kind": draft.body.kind.value,
        "exercise": _prepared("exercise", draft.body.exercise),
        "via": " ".join(map(str, draft.body.via)),
    }


def add_sightings(
    rows: Iterable[CountChange], *, signals: Mapping[UUID, VisibleSignal], by: Party
) -> None:
    """Add counts to a party's sightings, widening their span of time."""
    adapt = connection.ops.adapt_datetimefield_value
    _run_many(
        _ADD_SIGHTING,
        [
            (
                signals[row.signal].pk,
                by.pk,
                row.outcome.value,
                row.count,
                adapt(row.first_at),
                adapt(row.last_at),
            )
            for row in rows
        ],
    )


def live_values(values: Iterable[str], *, by: Party) -> list[str]:
    """Return those of these values that a party shares live.

    Most shares have none, so this cheap query comes first.
    """
    live = []
    with connection.cursor() as cursor:
        for batch in batches(values):
            placeholders = ", ".join(["%s"] * len(batch))
            # The state is a literal, so that the planner sees that the partial index applies.
            cursor.execute(_LIVE_VALUES.format(marks=placeholders), [by.pk, *batch])
            live += [value for (value,) in cursor.fetchall()]
    return list(dict.fromkeys(live))


def live_with(kind: str, values: Iterable[str]) -> list[int]:
    """Return the primary keys of live signals of a kind with one of these values, of any party."""
    pks = []
    with connection.cursor() as cursor:
        for batch in batches(values):
            placeholders = ", ".join(["%s"] * len(batch))
            cursor.execute(_LIVE_WITH.format(marks=placeholders), [kind, *batch])
            pks += [pk for (pk,) in cursor.fetchall()]
    return pks


def withdrawn_with(values: Iterable[str]) -> list[int]:
    """Return the primary keys of withdrawn signals with one of these values, of any party."""
    pks = []
    with connection.cursor() as cursor:
        for batch in batches(values):
            placeholders = ", ".join(["%s"] * len(batch))
            cursor.execute(_WITHDRAWN_WITH.format(marks=placeholders), list(batch))
            pks += [pk for (pk,) in cursor.fetchall()]
    return pks


def has_runaways() -> bool:
    """Whether any signal was reported to match too much, or decided about."""
    with connection.cursor() as cursor:
        cursor.execute(_HAS_RUNAWAYS)
        return bool(cursor.fetchone()[0])


def next_stamp(now: datetime) -> int:
    """Return the stamp for a change made now, never lower than earlier ones.

    Call it while holding the write lock.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LAST_STAMP)
        return max(int(now.timestamp()), int(cursor.fetchone()[0]))


def add_spans(
    rows: Iterable[CountChange],
    *,
    signals: Mapping[UUID, VisibleSignal],
    curves: Mapping[UUID, CurveFacts],
    by: Party,
    now: datetime,
) -> None:
    """Add counts to the time spans of signals, and of the crises whose signals were met.

    A report from a machine whose clock runs ahead counts as of now: nothing is met in the future.
    """
    adapt = connection.ops.adapt_datetimefield_value
    sums: Counter[tuple[object, ...]] = Counter()
    signal_sums: Counter[tuple[object, ...]] = Counter()
    for row in rows:
        curve, language = curves.get(row.signal), (row.language or "").lower()
        ends_at, minutes = span_of(min(row.last_at, now), since=curve.warned_at if curve else None)
        party_key = (by.pk, row.outcome.value, language)
        signal_sums[signals[row.signal].pk, adapt(ends_at), *party_key] += row.count
        if curve is None:
            continue
        handling_columns = (handling_of(curve), curve.tlp, curve.audience, curve.shared_by)
        sums[curve.crisis, adapt(ends_at), minutes, *party_key, *handling_columns] += row.count
    _run_many(_ADD_SPAN, [(*key, count) for key, count in sums.items()])
    _run_many(_ADD_SIGNAL_SPAN, [(*key, count) for key, count in signal_sums.items()])


def handling_of(curve: CurveFacts) -> str:
    """Return the digest under which signals that the same parties may see are counted."""
    handling = f"{curve.tlp}\n{curve.audience}\n{curve.shared_by}"
    return hashlib.sha256(handling.encode()).hexdigest()


def move_signals(pks: Iterable[int], *, state: SignalState, first: int, now: datetime) -> None:
    """Set the state and stamp of signals, and consecutive feed positions from first on."""
    at_s = next_stamp(now)
    _run_many(
        "UPDATE signals_signal SET state = %s, stamp_s = %s, position = %s WHERE id = %s",
        [(state.value, at_s, position, pk) for position, pk in enumerate(pks, start=first)],
    )


def date_signals(pks: Iterable[int], *, expires_at: datetime, first: int, now: datetime) -> None:
    """Set the expiry and stamp of signals, and consecutive feed positions from first on."""
    at_s, ends_at = next_stamp(now), _prepared("expires_at", expires_at)
    _run_many(
        "UPDATE signals_signal SET expires_at = %s, stamp_s = %s, position = %s WHERE id = %s",
        [(ends_at, at_s, position, pk) for position, pk in enumerate(pks, start=first)],
    )


def _prepared(name: str, value: object) -> object:
    """Return a column's value in the form that the database driver takes."""
    return prepare(Signal, name, value)


def _run_many(statement: str, rows: Sequence[Sequence[Any]]) -> None:
    """Run one statement with each row of values."""
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(statement, rows)
