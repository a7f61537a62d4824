# SPDX-License-Identifier: Apache-2.0
"""Read the content that entries of the ledger speak of: signals and issued orders."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db import connection

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.transparency.models import ErasedDigest
from stemtide.hub.rooms.transparency.rules.leaves import (
    ORDER_COLUMNS,
    SIGNAL_COLUMNS,
    LeafFacts,
    Thing,
    ended_thing,
    time_text,
)
from stemtide.protocol.enums import SignalState

BULK = "signals.shared"
WITHDRAWN = "signal.withdrawn"
ENDS = {
    WITHDRAWN: SignalState.WITHDRAWN,
    "signals.unconfirmed": SignalState.WITHDRAWN,
    "signals.expired": SignalState.EXPIRED,
}
"""Entries with which signals end, and the state in which they end."""

MASS_ENDS = frozenset(ENDS) - {WITHDRAWN}
_ISSUED = "order.issued"
_SIGNAL, _ORDER = "signal", "order"
_AT_ONCE = 500  # fewer than SQLite's parameters of one query
_GAP = 100_000  # primary keys that transactions took and rolled back, at most
_EXPRESSIONS = {
    "shared_by": "party.name",
    # Not the column itself: sqlite3 would convert it in each row, which takes longer than a digest.
    "shared_at": "coalesce(signal.shared_at, NULL)",
    "exercise": "coalesce(signal.exercise, NULL)",
}
_NAMES = ", ".join(_EXPRESSIONS.get(column, f"signal.{column}") for column in SIGNAL_COLUMNS)
_COLUMNS = (
    f"SELECT signal.id, {_NAMES} FROM signals_signal signal"  # noqa: S608  # constants
    " JOIN parties_party party ON party.id = signal.shared_by_id"
)
_MOVED = "SELECT uid FROM signals_signal WHERE position >= %s AND position <= %s AND state = %s"
_BULK = (
    f"{_COLUMNS} WHERE signal.id > %s AND signal.id <= %s AND signal.shared_at = %s"
    " ORDER BY signal.id LIMIT %s"
)


@dataclass(frozen=True, slots=True)
class EntryContent:
    """The content of one entry.

    things: None for one that is not there; bytes for one that was erased: what the leaf has of it.
    signals: their ids, if they are several. last: the highest primary key of these signals.
    """

    things: Sequence[Thing | bytes | None]
    signals: Sequence[str] = ()
    last: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether everything that the entry speaks of is there."""
        return None not in self.things

    @property
    def whole(self) -> list[Thing | bytes]:
        """Return the things that are there."""
        return [thing for thing in self.things if thing is not None]


class SignalContent(NamedTuple):
    """A signal as leaves know it. uid: its id as text."""

    pk: int
    uid: str
    thing: Thing


@needs_no_viewer("leaves are made of it; nobody sees it")
def entries_after(number: int, *, limit: int) -> list[LeafFacts]:
    """Return entries after a number, oldest first."""
    rows = Entry.objects.filter(number__gt=number).order_by("number")
    return [LeafFacts(*row) for row in rows.values_list(*LeafFacts._fields)[:limit]]


@needs_no_viewer("it returns digests only")
def contents_of(
    entries: Iterable[LeafFacts], *, bulks: Mapping[int, Sequence[str]], first_format: int = 0
) -> dict[int, EntryContent]:
    """Return the content of entries by their number; entries without content are left out.

    bulks: the signals of entries that speak of several, by the entry's number.
    first_format: leaves below this number do not say that a signal ended.
    """
    signal_of, order_of, ends = {}, {}, {}
    bulks = dict(bulks)
    for entry in entries:
        thing, _, name = entry.subject.partition(":")
        if thing == _SIGNAL:
            signal_of[entry.number] = name
        elif entry.kind == _ISSUED and thing == _ORDER:
            order_of[entry.number] = name
        if entry.kind in ENDS and entry.number >= first_format:
            uids = bulks.pop(entry.number, [name] if entry.kind == WITHDRAWN else [])
            ends[entry.number] = EntryContent(_ends(uids, ENDS[entry.kind]), uids)
    signals = _signals({*signal_of.values(), *(uid for uids in bulks.values() for uid in uids)})
    orders = _orders(order_of.values())
    contents = {}
    for number, uid in signal_of.items():
        signal = signals.get(uid)
        contents[number] = EntryContent([signal.thing], last=signal.pk) if signal else _GONE
    contents |= {number: EntryContent([orders.get(uid)]) for number, uid in order_of.items()}
    erased = _erased(bulks)
    for number, uids in bulks.items():
        things = [erased.get((number, uid)) or _thing(signals.get(uid)) for uid in uids]
        contents[number] = EntryContent(things, uids)
    for number, end in ends.items():
        facts = contents.get(number, EntryContent([]))
        things = [*facts.things, *end.things]
        signals_of_many = end.signals if number not in signal_of else ()
        contents[number] = EntryContent(things, signals_of_many, last=facts.last)
    return contents


def _thing(signal: SignalContent | None) -> Thing | None:
    """Return the facts of a signal, if it is there."""
    return signal.thing if signal else None


def _ends(uids: Sequence[str], state: SignalState) -> list[Thing]:
    """Return that signals ended."""
    return [ended_thing(uid, state.value) for uid in uids]


_GONE = EntryContent([None])


@needs_no_viewer("it returns digests only, for the leaf of their share")
def bulk_after(last: int, *, entry: LeafFacts) -> EntryContent:
    """Return the signals that a bulk shared.

    last: the highest primary key of the shares before it. The ledger's lock orders shares, so that
    primary keys and entries have the same order.
    """
    count = entry.detail.get("count")
    if not isinstance(count, int):
        return EntryContent([])
    with connection.cursor() as cursor:
        at = connection.ops.adapt_datetimefield_value(entry.recorded_at)
        cursor.execute(_BULK, [last, last + count + _GAP, at, count])
        rows = [_read_row(row) for row in cursor.fetchall()]
    return EntryContent(
        [row.thing for row in rows],
        [row.uid for row in rows],
        last=max((row.pk for row in rows), default=0),
    )


@needs_no_viewer("it returns ids only, for the leaf of their end")
def ended_by(entry: LeafFacts) -> EntryContent:
    """Return the signals that ended at once with an entry, in the order of their positions.

    One that has moved in the feed since then is left out.
    """
    first, last = entry.detail.get("first"), entry.detail.get("last")
    if not isinstance(first, int) or not isinstance(last, int):
        return EntryContent([])
    state = ENDS[entry.kind]
    with connection.cursor() as cursor:
        cursor.execute(f"{_MOVED} ORDER BY position", [first, last, state.value])
        uids = [_text_of(uid) for (uid,) in cursor.fetchall()]
    return EntryContent(_ends(uids, state), uids)


@needs_no_viewer("it returns a number only")
def last_key() -> int:
    """Return the highest primary key of a signal."""
    row = Signal.objects.order_by("-pk").values_list("pk", flat=True).first()
    return row or 0


@needs_no_viewer("an operator's check: it returns ids and states only")
def signal_states() -> Iterator[tuple[int, str, str]]:
    """Yield primary key, id and state of each signal."""
    rows = Signal.objects.order_by("pk").values_list("pk", "uid", "state")
    for pk, uid, state in rows.iterator(chunk_size=2000):
        yield pk, str(uid), state


@needs_no_viewer("for their leaves, before their content is erased")
def things_of(uids: Collection[str]) -> dict[str, Thing]:
    """Return the facts of signals by their ids, as leaves commit to them."""
    return {uid: row.thing for uid, row in _signals(uids).items()}


@needs_no_viewer("an operator's check: it returns ids only")
def not_erased(uids: Collection[str]) -> list[str]:
    """Return those of these signals whose content is still there."""
    rows: list[str] = []
    waiting = sorted(uids)
    for at in range(0, len(waiting), _AT_ONCE):
        part = Signal.objects.filter(uid__in=waiting[at : at + _AT_ONCE], erased_at=None)
        rows += map(str, part.values_list("uid", flat=True))
    return rows


def _erased(numbers: Iterable[int]) -> dict[tuple[int, str], bytes]:
    """Return the digests of erased signals in leaves of bulks, by leaf and id."""
    rows = ErasedDigest.objects.filter(number__in=list(numbers))
    return {(row.number, str(row.signal)): bytes(row.digest) for row in rows}


@needs_no_viewer("it only unpacks")
def unpack_ids(packed: bytes | memoryview) -> list[str]:
    """Return the ids of signals that a leaf packs."""
    digits = bytes(packed).hex()
    return [_dashed(digits[at : at + 32]) for at in range(0, len(digits), 32)]


def _signals(uids: Collection[str]) -> dict[str, SignalContent]:
    """Return signals by their ids."""
    contents: dict[str, SignalContent] = {}
    waiting = list(uids)
    for at in range(0, len(waiting), _AT_ONCE):
        part = [_to_column(uid) for uid in waiting[at : at + _AT_ONCE]]
        marks = ", ".join(["%s"] * len(part))
        with connection.cursor() as cursor:
            cursor.execute(f"{_COLUMNS} WHERE signal.uid IN ({marks})", part)
            rows = [_read_row(row) for row in cursor.fetchall()]
        contents |= {row.uid: row for row in rows}
    return contents


def _orders(uids: Iterable[str]) -> dict[str, Thing]:
    """Return the facts of orders by their ids."""
    rows = Order.objects.filter(uid__in=list(uids)).values_list(*ORDER_COLUMNS)
    return {
        str(uid): Thing(
            ORDER_COLUMNS, (str(uid), *values, time_text(issued_at) if issued_at else None)
        )
        for uid, *values, issued_at in rows
    }


def _read_row(row: Sequence[Any]) -> SignalContent:
    """Return a signal from its columns as the database's driver gives them.

    Django's conversion of a row takes longer than its digest.
    """
    pk, uid, labels, is_exercise, shared_at, *values = row
    uid = _text_of(uid)
    if isinstance(labels, str):
        labels = msgspec.json.decode(labels)
    facts = (uid, labels, bool(is_exercise), _column_time(shared_at), *values)
    return SignalContent(pk, uid, Thing(SIGNAL_COLUMNS, facts))


def _text_of(uid: UUID | str) -> str:
    """Return the id that a database has, as text."""
    return _dashed(uid) if isinstance(uid, str) else str(uid)


@lru_cache(maxsize=64)  # the signals of a bulk have one time
def _column_time(column: str | datetime) -> str:
    """Return a time as a leaf has it; SQLite's columns are text, in UTC."""
    if isinstance(column, str):
        column = datetime.fromisoformat(column).replace(tzinfo=UTC)
    return time_text(column)


def _to_column(uid: str) -> UUID | str:
    """Return an id as the database compares it."""
    return UUID(uid) if connection.features.has_native_uuid_field else uid.replace("-", "")


def _dashed(digits: str) -> str:
    """Return 32 digits as the text of an id."""
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
