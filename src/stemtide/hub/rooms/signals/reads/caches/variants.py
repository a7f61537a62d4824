# SPDX-License-Identifier: Apache-2.0
"""The signals of crises, grouped, in the memory of this process. Decision 0136.

1 A crisis' signals are read once; afterwards only those that changed since, by feed position.
2 Parties that may see the same signals share one grouping. A hidden signal links nothing in it.
3 A new signal joins the groups of its content item, of its value, and of pictures near it.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

import numpy as np
import numpy.typing as npt
from django.db.models import OuterRef, Subquery

from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS, Kind
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import LongValue, Signal
from stemtide.hub.rooms.signals.reads.caches.feed_memory import FeedMemory
from stemtide.hub.rooms.signals.reads.caches.marks import Marks, may_see
from stemtide.matching.clusters import linked

MAX_CRISES = 16
"""Crises that a process keeps, those that were looked at last."""

MAX_GROUPINGS = 16
"""Groupings of one crisis: sets of signals that some parties see alike."""

_AT_ONCE = 256
"""New pictures from which all are compared at once, and not one by one."""

_COLUMNS = (
    *("pk", "uid", "kind", "value", "url", "state", "severity", "labels", "provenance"),
    *("tlp", "pap", "audience", "is_disputed", "shared_by__name", "shared_at", "content_id"),
    *("title", "language", "position", "lasts_ms"),
)

Group = TypeVar("Group")


class VariantRow(NamedTuple):
    """One signal with the columns of _COLUMNS."""

    pk: int
    uid: UUID
    kind: str
    value: str
    url: str
    state: str
    severity: str
    labels: list[str]
    provenance: str
    tlp: str
    pap: str
    audience: str
    is_disputed: bool
    shared_by: str
    shared_at: datetime
    content: int | None
    title: str
    language: str | None
    position: int
    lasts_ms: int | None

    @property
    def marks(self) -> Marks:
        """Return the marks of the signal."""
        return (self.tlp, self.audience, self.shared_by)


class _Prints:
    """PDQ values with the keys of their signals, to be compared."""

    def __init__(self) -> None:
        self.keys: list[int] = []
        self._words = np.empty((0, 4), dtype=np.uint64)

    def copy(self) -> "_Prints":
        """Return a copy."""
        other = _Prints()
        other.keys, other._words = self.keys.copy(), self._words.copy()
        return other

    def add(self, key: int, value: str) -> None:
        """Add a value of 64 hex digits."""
        count = len(self.keys)
        if count == len(self._words):
            more = np.empty((max(64, count), 4), dtype=np.uint64)
            self._words = np.concatenate([self._words, more])
        self._words[count] = np.frombuffer(bytes.fromhex(value), dtype="<u8")
        self.keys.append(key)

    def near_last(self) -> list[int]:
        """Return the keys of values near the last one, its own among them."""
        words = self._words[: len(self.keys)]
        bits = np.bitwise_count(words ^ words[-1]).sum(axis=1, dtype=np.int64)
        return [self.keys[place] for place in np.flatnonzero(bits <= MATCH_WITHIN_BITS).tolist()]

    def links(self) -> Iterator[tuple[int, int]]:
        """Yield each key with that of the first value of its chain of near ones."""
        words: npt.NDArray[np.uint64] = self._words[: len(self.keys)]
        for place, first in enumerate(linked(words).tolist()):
            yield self.keys[first], self.keys[place]


class Grouping(Generic[Group]):
    """Groups of signals that belong together, and what `build` makes of each (union-find).

    A group is named after its first signal, the one with the lowest key.
    """

    def __init__(self, build: Callable[[list[VariantRow]], Group]) -> None:
        self._build = build
        self._parents: dict[int, int] = {}
        self._members: dict[int, list[int]] = {}
        self._first: dict[Hashable, int] = {}
        self._prints = _Prints()
        self._built: dict[int, Group] = {}

    def __len__(self) -> int:
        return len(self._parents)

    def copy(self) -> "Grouping[Group]":
        """Return a copy, which changes on its own."""
        other = Grouping(self._build)
        other._parents = self._parents.copy()
        other._members = {root: keys.copy() for root, keys in self._members.items()}
        other._first, other._prints = self._first.copy(), self._prints.copy()
        other._built = self._built.copy()
        return other

    def add(self, rows: Iterable[VariantRow]) -> None:
        """Add signals."""
        rows = list(rows)
        is_many = sum(row.kind == Kind.PDQ for row in rows) > _AT_ONCE
        for row in rows:
            self._parents[row.pk] = row.pk
            self._members[row.pk] = [row.pk]
            if row.content is not None:
                self._join(self._first.setdefault(("content", row.content), row.pk), row.pk)
            self._join(self._first.setdefault((row.kind, row.value), row.pk), row.pk)
            if row.kind == Kind.PDQ:
                self._prints.add(row.pk, row.value)
                if not is_many:
                    for key in self._prints.near_last():
                        self._join(key, row.pk)
        if is_many:
            for left, right in self._prints.links():
                self._join(left, right)

    def change(self, key: int) -> None:
        """Have the group of a signal built anew."""
        self._built.pop(self._root(key), None)

    def groups(self, rows: dict[int, VariantRow]) -> Iterable[Group]:
        """Return all groups, built where they changed. rows: by primary key."""
        for root in self._members.keys() - self._built.keys():
            self._built[root] = self._build([rows[key] for key in sorted(self._members[root])])
        return self._built.values()

    def _root(self, key: int) -> int:
        while self._parents[key] != key:
            self._parents[key] = self._parents[self._parents[key]]
            key = self._parents[key]
        return key

    def _join(self, left: int, right: int) -> None:
        """Make one group of those of two signals."""
        low, high = sorted((self._root(left), self._root(right)))
        self._built.pop(low, None)
        if low == high:
            return
        self._built.pop(high, None)
        self._parents[high] = low
        smaller, larger = sorted((self._members.pop(low), self._members.pop(high)), key=len)
        larger.extend(smaller)
        self._members[low] = larger


class CrisisVariants(FeedMemory, Generic[Group]):
    """The signals of one crisis and their groupings. Thread-safe."""

    def __init__(
        self,
        crisis: UUID,
        *,
        build: Callable[[list[VariantRow]], Group],
        order: Callable[[Group], Any],
    ) -> None:
        super().__init__()
        self._crisis, self._build, self._order = crisis, build, order
        self._lock = threading.RLock()  # a read waits for no act of its own thread
        self.empty()

    def empty(self) -> None:
        """Keep no signal."""
        self._rows: dict[int, VariantRow] = {}
        self._of_marks: dict[Marks, list[int]] = {}
        self._groupings: OrderedDict[frozenset[Marks], Grouping[Group]] = OrderedDict()
        self._sorted: dict[frozenset[Marks], tuple[Group, ...]] = {}

    def groups(self, *, viewer: Party) -> tuple[Group, ...]:
        """Return the groups of the signals that a party may see, highest in order first."""
        with self._lock:
            self.catch_up()
            visible_marks = frozenset(
                marks for marks in self._of_marks if may_see(marks, viewer=viewer)
            )
            if visible_marks not in self._sorted:
                groups = self._grouping(visible_marks).groups(self._rows)
                self._sorted[visible_marks] = tuple(sorted(groups, key=self._order, reverse=True))
            self._groupings.move_to_end(visible_marks)
            return self._sorted[visible_marks]

    def read_after(self, position: int) -> None:
        """Read the signals of the crisis that changed after a position."""
        rows = Signal.objects.filter(crisis__uid=self._crisis, position__gt=position)
        lasts_ms = LongValue.objects.filter(digest=OuterRef("value")).values("lasts_ms")
        rows = rows.annotate(lasts_ms=Subquery(lasts_ms))
        columns = rows.order_by("pk").values_list(*_COLUMNS)
        self._apply([VariantRow(*row) for row in columns])

    def _apply(self, rows: list[VariantRow]) -> None:
        """Bring rows and groupings up to date."""
        if not rows:
            return
        added = [row for row in rows if row.pk not in self._rows]
        again = [row for row in rows if row.pk in self._rows]
        self._rows.update((row.pk, row) for row in rows)
        for row in added:
            self._of_marks.setdefault(row.marks, []).append(row.pk)
        for visible_marks, grouping in self._groupings.items():
            new = [row for row in added if row.marks in visible_marks]
            changed = [row for row in again if row.marks in visible_marks]
            grouping.add(new)
            for row in changed:
                grouping.change(row.pk)
            if new or changed:
                self._sorted.pop(visible_marks, None)

    def _grouping(self, visible_marks: frozenset[Marks]) -> Grouping[Group]:
        """Return the grouping of the signals with these marks, made from that of most of them."""
        if visible_marks in self._groupings:
            return self._groupings[visible_marks]
        parts = [smaller for smaller in self._groupings if smaller < visible_marks]
        nearest = max(parts, key=lambda part: len(self._groupings[part]), default=frozenset())
        grouping = (
            self._groupings[nearest].copy() if nearest in self._groupings else Grouping(self._build)
        )
        keys = sorted(key for marks in visible_marks - nearest for key in self._of_marks[marks])
        grouping.add(self._rows[key] for key in keys)
        self._groupings[visible_marks] = grouping
        while len(self._groupings) > MAX_GROUPINGS:
            oldest, _ = self._groupings.popitem(last=False)
            self._sorted.pop(oldest, None)
        return grouping


class Variants(Generic[Group]):
    """The crises of this process."""

    def __init__(
        self, *, build: Callable[[list[VariantRow]], Group], order: Callable[[Group], Any]
    ) -> None:
        self._build, self._order = build, order
        self._lock = threading.Lock()
        self._crises: OrderedDict[UUID, CrisisVariants[Group]] = OrderedDict()

    def of(self, crisis: UUID) -> CrisisVariants[Group]:
        """Return the cached variants of a crisis."""
        with self._lock:
            if crisis not in self._crises:
                new = CrisisVariants(crisis, build=self._build, order=self._order)
                self._crises[crisis] = new
            self._crises.move_to_end(crisis)
            while len(self._crises) > MAX_CRISES:
                self._crises.popitem(last=False)
            return self._crises[crisis]

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._crises.clear()
