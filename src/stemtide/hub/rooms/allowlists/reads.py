# SPDX-License-Identifier: Apache-2.0
"""Read the allow-list: its entries, its version, its file, and the entries that signals meet."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import numpy as np
from django.db import connection
from django.db.models import Q, QuerySet, Sum

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.allowlists import rules
from stemtide.hub.rooms.allowlists.models import AllowEntry, ListState
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.matching.hamming import HammingIndex
from stemtide.protocol.enums import Reach
from stemtide.protocol.sync.allowlists import (
    AllowedContent,
    AllowEntryOut,
    AllowlistManifest,
    AllowlistPage,
)

MAX_PAGE = 500
"""Maximum entries of a page."""

_VERSION = "SELECT version FROM allowlists_liststate ORDER BY id LIMIT 1"

_WORD = np.dtype("<u8")


class ValueRow(Protocol):
    """A fingerprint to check against the list. url: its canonical expression, or ""."""

    value: str
    url: str

    @property
    def kind(self) -> Kind:
        """Return the kind of the value."""


@needs_no_viewer("every party may read the whole list")
def version() -> str:
    """Return the name of the list's version; "" if there never was an entry."""
    with connection.cursor() as cursor:
        cursor.execute(_VERSION)
        row = cursor.fetchone()
    return str(row[0]) if row else ""


@needs_no_viewer("every party may read the whole list")
def last_position() -> int:
    """Return the feed position at which the list last changed; 0 if it never did."""
    return ListState.objects.values_list("position", flat=True).first() or 0


@needs_no_viewer("every party may read the whole list")
def active(now: datetime) -> QuerySet[AllowEntry]:
    """Return the entries that count now."""
    rows = AllowEntry.objects.filter(removed_at=None)
    return rows.filter(Q(expires_at=None) | Q(expires_at__gt=now))


@needs_no_viewer("every party may read the whole list")
def manifest(now: datetime) -> AllowlistManifest:
    """Return the list as agents get it. It is the same until its version changes."""
    state = ListState.objects.first()
    rows = AllowEntry.objects.filter(removed_at=None).order_by("pk")
    return AllowlistManifest(
        hub=ledger.heads().hub,
        version=state.version if state else "",
        changed_at=state.changed_at if state else now,
        entries=[
            AllowedContent(
                id=row.uid,
                kind=Kind(row.kind),
                value=row.value,
                within_bits=row.within_bits or 0,
                reach=Reach(row.reach) if row.reach else None,
                reason=row.reason,
                source=row.source,
                expires_at=row.expires_at,
            )
            for row in rows
        ],
    )


@needs_no_viewer("every party may read the whole list")
def page(
    *,
    search: str = "",
    is_removed: bool = False,
    before: UUID | None = None,
    limit: int = 100,
) -> AllowlistPage:
    """Return entries, newest first.

    search: part of a reason, source or address, or the beginning of a value.
    is_removed: those that have left the list, instead of those on it.
    """
    rows = AllowEntry.objects.filter(removed_at__isnull=not is_removed)
    if search:
        rows = rows.filter(
            Q(reason__icontains=search)
            | Q(source__icontains=search)
            | Q(url__icontains=search.lower())
            | Q(value__startswith=search.lower())
        )
    total = rows.count()
    if before is not None:
        last = AllowEntry.objects.filter(uid=before).values_list("pk", flat=True).first()
        rows = rows.filter(pk__lt=last or 0)
    size = max(1, min(limit, MAX_PAGE))
    chunk = list(_described(rows)[: size + 1])
    entries = [describe(row) for row in chunk[:size]]
    return AllowlistPage(
        entries=entries, next=entries[-1].id if len(chunk) > size else None, total=total
    )


@needs_no_viewer("every party may read the whole list")
def find(uid: UUID) -> AllowEntry:
    """Return an entry's row, on the list or removed. raises: NotFoundError."""
    row = _described(AllowEntry.objects.filter(uid=uid)).first()
    if row is None:
        raise NotFoundError("the allow-list has no entry {uid}", uid=uid)
    return row


@needs_no_viewer("every party may read the whole list")
def find_values(values: Iterable[tuple[str, str]]) -> dict[tuple[str, str], AllowEntry]:
    """Return the entries on the list that have these very values, expired ones too."""
    pairs = list(values)
    rows: dict[tuple[str, str], AllowEntry] = {}
    for at in range(0, len(pairs), 500):
        batch = [value for _, value in pairs[at : at + 500]]
        for row in AllowEntry.objects.filter(removed_at=None, value__in=batch):
            rows[row.kind, row.value] = row
    return rows


def is_listed(row: AllowEntry) -> bool:
    """Whether the value of an entry is on the list, by this entry or another one."""
    return row.removed_at is None or bool(find_values([(row.kind, row.value)]))


def describe(row: AllowEntry) -> AllowEntryOut:
    """Return an entry for readers."""
    return AllowEntryOut(
        id=row.uid,
        kind=Kind(row.kind),
        value=row.value,
        url=row.url,
        within_bits=row.within_bits,
        reach=Reach(row.reach) if row.reach else None,
        source=row.source,
        source_url=row.source_url,
        reason=row.reason,
        added_by=row.added_by.name,
        added_at=row.added_at,
        expires_at=row.expires_at,
        removed_by=row.removed_by.name if row.removed_by else "",
        removed_at=row.removed_at,
        removed_reason=row.removed_reason,
        matches=row.matches.aggregate(Sum("count"))["count__sum"] or 0,
    )


def _described(rows: QuerySet[AllowEntry]) -> QuerySet[AllowEntry]:
    """Return the rows with what `describe` reads."""
    return rows.select_related("added_by", "removed_by").order_by("-pk")


@needs_no_viewer("every party may read the whole list")
def met(values: Sequence[ValueRow], *, now: datetime) -> dict[int, AllowEntry]:
    """Return the entries that values meet, by the place of the value.

    A digest meets an entry that is equal, a picture one within its distance, and an address, folder
    or host one that covers it or lies below it.
    """
    name = version()
    if not name or not values:
        return {}
    numbers = _index_of(name).find(values)
    rows = active(now).select_related("added_by").in_bulk(list(set(numbers.values())))
    return {place: rows[pk] for place, pk in numbers.items() if pk in rows}


@dataclass(frozen=True, slots=True)
class _Index:
    """All entries of one version of the list. Numbers are their primary keys.

    below: of the folders and hosts that cover an entry's address, by digest.
    """

    version: str
    exact: dict[tuple[str, str], int]
    below: dict[str, int]
    pictures: HammingIndex

    def find(self, values: Sequence[ValueRow]) -> dict[int, int]:
        """Return the entry that each value meets, by the value's place."""
        numbers: dict[int, int] = {}
        for place, value in enumerate(values):
            pk = self.exact.get((value.kind, value.value))
            if value.kind is Kind.URL and pk is None:
                pk = self._find_url(value)
            if pk is not None:
                numbers[place] = pk
        return numbers | self._find_pictures(values)

    def _find_url(self, value: ValueRow) -> int | None:
        """Return an entry that covers an address, folder or host, or lies below it."""
        if value.value in self.below:
            return self.below[value.value]
        digests = rules.digests_above(value.url) if self.below else []
        return next((pk for digest in digests if (pk := self.exact.get((Kind.URL, digest)))), None)

    def _find_pictures(self, values: Sequence[ValueRow]) -> dict[int, int]:
        """Return the nearest entry of each picture that is within its distance."""
        places = [place for place, value in enumerate(values) if value.kind is Kind.PDQ]
        if not places or not len(self.pictures):
            return {}
        queries = b"".join(bytes.fromhex(values[place].value) for place in places)
        hits = self.pictures.search(queries, count=len(places))
        nearest: dict[int, int] = {}
        for query, key in zip(hits["query"].tolist(), hits["key"].tolist(), strict=True):
            nearest.setdefault(places[query], key)
        return nearest


_lock = threading.Lock()
_latest: list[_Index] = []


def _index_of(name: str) -> _Index:
    """Return the index of a version, built once in each process."""
    with _lock:
        if not _latest or _latest[0].version != name:
            _latest[:] = [_build_index(name)]
        return _latest[0]


def _build_index(name: str) -> _Index:
    """Read all entries into an index; which of them have expired is checked when one is met."""
    exact: dict[tuple[str, str], int] = {}
    below: dict[str, int] = {}
    keys, hashes, bits = [], [], []
    rows = AllowEntry.objects.filter(removed_at=None).order_by("-pk")
    for pk, kind, value, url, within_bits in rows.values_list(
        "pk", "kind", "value", "url", "within_bits"
    ):
        exact[kind, value] = pk
        if kind == Kind.PDQ:
            keys.append(pk)
            hashes.append(bytes.fromhex(value))
            bits.append(within_bits)
        if kind == Kind.URL:
            below |= dict.fromkeys(rules.digests_above(url), pk)
    pictures = HammingIndex()
    if keys:
        words = np.frombuffer(b"".join(hashes), _WORD).reshape(len(keys), -1)
        own_bits = np.array(bits, np.uint8)
        pictures.put(np.array(keys, np.int64), words, own_bits=own_bits)
    return _Index(name, exact, below, pictures)
