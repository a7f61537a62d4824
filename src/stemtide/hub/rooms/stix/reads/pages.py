# SPDX-License-Identifier: Apache-2.0
"""Return pages of a collection: signals and stored objects, merged by feed position.

1 Every entry has a rank: twice its feed position, plus one for an object beside a signal. Objects
  that are the same in every collection have ranks below 0. A page ends at a rank, and the next
  starts after it: nothing is lost or repeated while others write (decisions 0003 and 0061).
2 The hub's highest position is read first, and rows up to it: no page skips a row that is
  committed in between.
3 As many signals are read as the page could need, as many stored objects, and both are merged.
  Lengths are queried first, so that rows beyond the page's limit are not read.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import accumulate
from operator import or_
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Length

from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.ledger.reads.ledger import PositionTime
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import collection as collection_reads
from stemtide.hub.rooms.stix.models import StixObject
from stemtide.hub.rooms.stix.reads import stix as reads
from stemtide.hub.rooms.stix.reads.stix import Face
from stemtide.hub.rooms.stix.rules import Collection
from stemtide.interop.stix.authors import in_name_of
from stemtide.interop.stix.context import MAX_REFS, crisis_relationship, with_references
from stemtide.interop.stix.objects import (
    OBJECT_MEDIA_TYPE,
    Stix,
    common_objects,
    indicator_id,
    signal_uids,
    stix_time,
    version_of,
)
from stemtide.interop.stix.signals import indicator
from stemtide.protocol.enums import SignalState

MAX_PAGE = 1_000
"""Maximum objects of a page."""

MAX_PAGE_CHARS = 16 * 1024 * 1024
"""Maximum total characters of a page's objects; long objects make it shorter."""

_ENCODER = msgspec.json.Encoder()
_MICROSECOND = timedelta(microseconds=1)
_COMMON = [(stix, _ENCODER.encode(stix).decode()) for stix in common_objects()]
_COMMON_SINCE = datetime(2022, 10, 1, tzinfo=UTC)
_CRISIS_LISTS = {"grouping", "report"}


@dataclass(frozen=True, slots=True)
class PageFilters:
    """Filters of a request. None, or an empty set: no filter.

    versions: any of "last", "first", "all". at: versions by their timestamp.
    """

    ids: frozenset[str] | None = None
    types: frozenset[str] | None = None
    versions: frozenset[str] = frozenset({"last"})
    at: frozenset[datetime] = field(default_factory=frozenset)
    is_none: bool = False

    def takes(self, kind: str) -> bool:
        """Whether objects of a type are requested."""
        return self.types is None or kind in self.types


@dataclass(frozen=True, slots=True)
class PageEntry:
    """An object of a page. version: from the object, or its time of arrival."""

    rank: int
    id: str
    version: str
    added_at: datetime
    body: str
    media_type: str = OBJECT_MEDIA_TYPE


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a collection. next_rank: the rank to continue after; None at the end."""

    objects: list[PageEntry]
    next_rank: int | None


@needs_no_viewer("it returns times only")
def rank_after(at: datetime) -> int:
    """Return the rank of the last entry that is no later than a time."""
    if at < _COMMON_SINCE:
        return -len(_COMMON) - 1
    if at < _COMMON_SINCE + len(_COMMON) * _MICROSECOND:
        return (at - _COMMON_SINCE) // _MICROSECOND - len(_COMMON)
    position, over = ledger.until(at)
    return 2 * position + (1 if position and over else 0)


def page(
    collection: Collection,
    *,
    viewer: Party,
    filters: PageFilters,
    limit: int,
    after: int | None = None,
) -> Page:
    """Return the entries of a collection after a rank, oldest first.

    raises: InvalidError if the feed ends before that rank: the hub was restored from a backup.
    """
    heads = ledger.heads()
    start = -len(_COMMON) - 1 if after is None else after
    if start // 2 > heads.positions:
        raise InvalidError("next", "this hub was restored from a backup: begin again")
    if filters.is_none:
        return Page([], None)
    size = max(1, min(limit, MAX_PAGE))
    entries = [entry for entry in _common_entries(filters) if entry.rank > start]
    reading = _PageReader(
        collection, viewer, filters, max(start, 0), heads.positions, size, heads.hub
    )
    signals, signals_to = reading.signals()
    until = heads.positions if signals_to is None else signals_to // 2
    objects, objects_to = reading.objects(until=until)
    read_to = min((to for to in (signals_to, objects_to) if to is not None), default=None)
    entries += sorted([*signals, *objects], key=lambda entry: entry.rank)
    if read_to is not None:  # more rows exist: nothing after the last rank read may be returned
        entries = [entry for entry in entries if entry.rank <= read_to]
    fits = min(size, _count_fitting([len(entry.body) for entry in entries]))
    if len(entries) > fits:
        entries = entries[:fits]
        read_to = entries[-1].rank
    return Page(entries, read_to)


def _count_fitting(lengths: Iterable[int]) -> int:
    """Return how many objects of the given lengths fit on a page, at least one."""
    sums = list(accumulate(lengths))
    return max(1, bisect_right(sums, MAX_PAGE_CHARS)) if sums else 0


def _common_entries(filters: PageFilters) -> Iterator[PageEntry]:
    """Yield the objects at the start of every collection."""
    for place, (stix, body) in enumerate(_COMMON):
        version = version_of(stix) or ""
        if (filters.ids is None or stix["id"] in filters.ids) and filters.takes(stix["type"]):
            at = _COMMON_SINCE + place * _MICROSECOND
            if filters.versions or datetime.fromisoformat(version) in filters.at:
                yield PageEntry(place - len(_COMMON), stix["id"], version, at, body)


@dataclass(frozen=True, slots=True)
class _PageReader:
    """The reader of one page. after: the rank before it; until: the hub's highest position."""

    collection: Collection
    viewer: Party
    filters: PageFilters
    after: int
    until: int
    size: int
    hub: UUID

    def signals(self) -> tuple[list[PageEntry], int | None]:
        """Return indicators and relationships, and the last rank read if there are more."""
        is_told = self.filters.takes("indicator")
        is_beside = self.collection.crisis is not None and self.filters.takes("relationship")
        if not (is_told or is_beside):
            return [], None
        # Even ranks are signals; the relationship after one may still be missing.
        from_position = (self.after - 1) // 2 if is_beside else self.after // 2
        rows, more = collection_reads.page(
            self._candidates(from_position), viewer=self.viewer, limit=self.size + 1
        )
        lengths = reads.face_lengths([row["pk"] for row in rows])
        fits = _count_fitting([lengths.get(row["pk"], 0) for row in rows])
        rows, more = rows[:fits], more or fits < len(rows)
        moments = _moments([row["position"] for row in rows])
        faces = reads.faces([row["pk"] for row in rows])
        entries: list[PageEntry] = []
        for row in rows:
            face = faces.get(row["pk"])
            entries += self._of_signal(
                row, face=face, moment=moments[row["position"]], is_beside=is_beside
            )
        requested = [entry for entry in entries if entry.rank > self.after and self._matches(entry)]
        return requested, 2 * rows[-1]["position"] + 1 if more else None

    def _candidates(self, from_position: int) -> QuerySet[Signal]:
        """Return the signals that may be on the page."""
        rows = collection_reads.collected(
            viewer=self.viewer, crisis=self.collection.crisis, exercise=self.collection.exercise
        ).filter(position__gt=from_position, position__lte=self.until)
        faces = StixObject.objects.filter(
            signal=OuterRef("pk"), type="indicator", is_latest=True, is_beside=False
        )
        if self.filters.ids is not None:
            uids = {uid for stix_id in self.filters.ids for uid in _uids(stix_id)}
            rows = rows.filter(Q(uid__in=uids) | Exists(faces.filter(stix_id__in=self.filters.ids)))
        versions, at = self.filters.versions, self.filters.at
        if versions & {"last", "all"}:
            return rows
        acts = ledger.acts_at(at)
        ranges = [Q(position__gte=first, position__lte=last) for first, last in acts]
        matches = reduce(or_, ranges, Q(Exists(faces.filter(version_at__in=at))))
        if "first" in versions:
            matches |= Q(~Exists(faces.filter(is_first=False)))
        return rows.filter(matches)

    def _of_signal(
        self, row: dict[str, Any], *, face: Face | None, moment: PositionTime, is_beside: bool
    ) -> Iterator[PageEntry]:
        """Yield a signal's indicator, and its relationship to the collection's crisis."""
        body, stix = self._indicator(row, face=face, moment=moment)
        rank = 2 * row["position"]
        yield PageEntry(rank, stix["id"], stix["modified"], moment.at, body)
        if is_beside and self.collection.crisis is not None:
            link = crisis_relationship(
                indicator_id(row["id"]).replace("indicator", "relationship", 1),
                signal=stix,
                crisis=reads.crisis_object_id("incident", self.hub, self.collection.crisis),
                by=reads.party_id(self.hub, row["shared_by"]),
            )
            at = moment.at + _MICROSECOND
            yield PageEntry(
                rank + 1, link["id"], link["modified"], at, _ENCODER.encode(link).decode()
            )

    def _indicator(
        self, row: dict[str, Any], *, face: Face | None, moment: PositionTime
    ) -> tuple[str, Stix]:
        """Return a signal's indicator as text and as an object: its face, or a generated one."""
        if face is None:
            maker = reads.party_id(self.hub, row["shared_by"])
            named = row | {"hub": str(self.hub)}
            generated = indicator(
                named, created_by=maker, created=row["shared_at"], modified=moment.act_at
            )
            return _ENCODER.encode(generated).decode(), generated
        stix, body = self._signed(face.body, by=row["shared_by"])
        if row["state"] == SignalState.LIVE or stix.get("revoked") is True:
            return body, stix
        stix = {**stix, "revoked": True, "modified": stix_time(_later(moment.act_at, face))}
        return _ENCODER.encode(stix).decode(), stix

    def _signed(self, body: str, *, by: str) -> tuple[Stix, str]:
        """Return a stored object and its text, with the party that posted it as its author."""
        stix: Stix = msgspec.json.decode(body)
        author = reads.party_id(self.hub, by)
        signed = in_name_of(stix, author=author, name=by)
        return signed, body if signed is stix else _ENCODER.encode(signed).decode()

    def objects(self, *, until: int) -> tuple[list[PageEntry], int | None]:
        """Return stored objects up to a position, as many as fit.

        Also returns the rank that was read up to, if more objects are left.
        """
        rows = reads.stored_objects(self.collection, viewer=self.viewer).filter(
            is_beside=True, position__gt=self.after // 2, position__lte=until
        )
        if self.filters.ids is not None:
            rows = rows.filter(stix_id__in=self.filters.ids)
        if self.filters.types is not None:
            rows = rows.filter(type__in=self.filters.types)
        rows = rows.filter(self._of_version())
        first = rows.order_by("position").values_list("position", Length("body"))
        there = list(first[: self.size + 1])
        fits = _count_fitting(length for _, length in there)
        if not fits:
            return [], None
        last = there[fits - 1][0]
        stored = list(
            rows.select_related("shared_by").order_by("position").filter(position__lte=last)[:fits]
        )
        moments = _moments([row.position for row in stored])
        read_to = 2 * last if fits < len(there) else None
        return [self._of_object(row, at=moments[row.position].at) for row in stored], read_to

    def _of_version(self) -> Q:
        """Return the filter for the requested versions."""
        versions = self.filters.versions
        if "all" in versions:
            return Q()
        matches = Q(version_at__in=self.filters.at)
        if "last" in versions:
            matches |= Q(is_latest=True)
        return matches | Q(is_first=True) if "first" in versions else matches

    def _of_object(self, row: StixObject, *, at: datetime) -> PageEntry:
        """Return a stored object; a grouping references the signals that the reader may see."""
        stix, body = self._signed(row.body, by=row.shared_by.name)
        if row.made_from and row.type in _CRISIS_LISTS and self.collection.crisis is not None:
            body = self._with_signals(stix, crisis=self.collection.crisis, until=row.position)
        # Objects without versions are identified by their time of arrival, which never changes.
        version = version_of(stix) if row.version_at else None
        return PageEntry(2 * row.position, row.stix_id, version or stix_time(at), at, body)

    def _with_signals(self, stix: Stix, *, crisis: UUID, until: int) -> str:
        """Return a grouping or report with the signals that existed when it was generated."""
        rows = collection_reads.collected(viewer=self.viewer, crisis=crisis, exercise=None)
        there = rows.filter(position__lt=until).order_by("position").values_list("pk", "uid")
        pairs = list(there[:MAX_REFS])
        faces = reads.faces([pk for pk, _ in pairs])
        names = [faces[pk].stix_id if pk in faces else indicator_id(uid) for pk, uid in pairs]
        anchor = reads.crisis_object_id("incident", self.hub, crisis)
        return _ENCODER.encode(with_references(stix, incident=anchor, signals=names)).decode()

    def _matches(self, entry: PageEntry) -> bool:
        """Whether an entry generated from a signal matches the filters."""
        if not self.filters.takes(entry.id.partition("--")[0]):
            return False
        if self.filters.ids is not None and entry.id not in self.filters.ids:
            return False
        by_name = self.filters.versions or not self.filters.at
        return bool(by_name) or datetime.fromisoformat(entry.version) in self.filters.at


def _later(at: datetime, face: Face) -> datetime:
    """Return a time for a revocation that is later than the revoked version."""
    before = face.version_at
    return max(at, before + timedelta(milliseconds=1)) if before else at


def _uids(stix_id: str) -> tuple[UUID, ...]:
    """Return the signals that the id of an indicator or of its relationship may stand for."""
    return signal_uids(stix_id.replace("relationship", "indicator", 1))


def _moments(positions: list[int]) -> dict[int, PositionTime]:
    """Return the times of positions, in batches: databases refuse thousands of parameters."""
    moments: dict[int, PositionTime] = {}
    for start in range(0, len(positions), 900):
        moments |= ledger.position_times(positions[start : start + 900])
    return moments
