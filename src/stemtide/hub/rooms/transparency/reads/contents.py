# SPDX-License-Identifier: Apache-2.0
"""Read the content that entries of the ledger speak of: signals and issued orders."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.transparency.rules.leaves import (
    ORDER_COLUMNS,
    SIGNAL_COLUMNS,
    EntryFacts,
    content_digest,
)

BULK = "signals.shared"
_ISSUED = "order.issued"
_SIGNAL, _ORDER = "signal", "order"
_AT_ONCE = 500  # fewer than SQLite's parameters of one query
_GAP = 100_000  # primary keys that transactions took and rolled back, at most


@dataclass(frozen=True, slots=True)
class EntryContent:
    """The content of one entry. digests: of each thing; None for one that is not there.

    signals: their ids, if they are several. last: the highest primary key of these signals.
    """

    digests: Sequence[bytes | None]
    signals: Sequence[UUID] = ()
    last: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether everything that the entry speaks of is there."""
        return None not in self.digests


@needs_no_viewer("leaves are made of it; nobody sees it")
def entries_after(number: int, *, limit: int) -> list[EntryFacts]:
    """Return entries after a number, oldest first."""
    rows = Entry.objects.filter(number__gt=number).order_by("number")
    return [EntryFacts(*row) for row in rows.values_list(*EntryFacts._fields)[:limit]]


@needs_no_viewer("it returns digests only")
def contents_of(
    entries: Iterable[EntryFacts], *, bulks: Mapping[int, Sequence[UUID]]
) -> dict[int, EntryContent]:
    """Return the content of entries by their number; entries without content are left out.

    bulks: the signals of entries that speak of several, by the entry's number.
    """
    signal_of, order_of = {}, {}
    for entry in entries:
        thing, _, name = entry.subject.partition(":")
        if thing == _SIGNAL:
            signal_of[entry.number] = UUID(name)
        elif entry.kind == _ISSUED and thing == _ORDER:
            order_of[entry.number] = UUID(name)
    signals = _signals({*signal_of.values(), *(uid for uids in bulks.values() for uid in uids)})
    orders = _orders(order_of.values())
    contents = {
        number: EntryContent([digest], last=pk)
        for number, uid in signal_of.items()
        for pk, digest in [signals.get(uid, (0, None))]
    }
    contents |= {number: EntryContent([orders.get(uid)]) for number, uid in order_of.items()}
    for number, uids in bulks.items():
        rows = [signals.get(uid, (0, None)) for uid in uids]
        digests = [digest for _, digest in rows]
        contents[number] = EntryContent(digests, uids, max((pk for pk, _ in rows), default=0))
    return contents


@needs_no_viewer("it returns ids only, for the leaf of their share")
def signals_after(last: int, *, entry: EntryFacts) -> list[tuple[int, UUID]]:
    """Return primary keys and ids of the signals that a bulk shared.

    last: the highest primary key of the shares before it. The ledger's lock orders shares, so that
    primary keys and entries have the same order.
    """
    count = entry.detail.get("count")
    if not isinstance(count, int):
        return []
    rows = Signal.objects.filter(pk__gt=last, pk__lte=last + count + _GAP)
    shared = rows.filter(shared_at=entry.recorded_at).order_by("pk")
    return list(shared.values_list("pk", "uid")[:count])


@needs_no_viewer("it returns a number only")
def last_key() -> int:
    """Return the highest primary key of a signal."""
    row = Signal.objects.order_by("-pk").values_list("pk", flat=True).first()
    return row or 0


@needs_no_viewer("an operator's check: it returns ids only")
def signals_without_entry(covered: Collection[UUID], *, last: int, limit: int) -> list[UUID]:
    """Return signals up to a primary key that no entry speaks of. covered: those with one."""
    uids = Signal.objects.filter(pk__lte=last).order_by("pk").values_list("uid", flat=True)
    unknown: list[UUID] = []
    for uid in uids.iterator(chunk_size=2000):
        if uid not in covered:
            unknown.append(uid)
        if len(unknown) >= limit:
            break
    return unknown


@needs_no_viewer("it only unpacks")
def unpack_ids(packed: bytes | memoryview) -> list[UUID]:
    """Return the ids of signals that a leaf packs."""
    content = bytes(packed)
    return [UUID(bytes=content[at : at + 16]) for at in range(0, len(content), 16)]


def _signals(uids: Collection[UUID]) -> dict[UUID, tuple[int, bytes | None]]:
    """Return primary keys and digests of signals."""
    digests: dict[UUID, tuple[int, bytes | None]] = {}
    waiting = list(uids)
    for at in range(0, len(waiting), _AT_ONCE):
        rows = Signal.objects.filter(uid__in=waiting[at : at + _AT_ONCE]).order_by()
        for pk, *values in rows.values_list("pk", *SIGNAL_COLUMNS):
            digests[values[0]] = (pk, content_digest(SIGNAL_COLUMNS, values))
    return digests


def _orders(uids: Iterable[UUID]) -> dict[UUID, bytes]:
    """Return digests of orders."""
    rows = Order.objects.filter(uid__in=list(uids)).values_list(*ORDER_COLUMNS)
    return {values[0]: content_digest(ORDER_COLUMNS, values) for values in rows}
