# SPDX-License-Identifier: Apache-2.0
"""Find the live signals that entries of the allow-list cover."""

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from django.db.models import Q, QuerySet

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.rooms.allowlists import rules
from stemtide.hub.rooms.allowlists.models import AllowEntry
from stemtide.hub.rooms.allowlists.rules import AllowDraft, Coverage
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.long_values import batches
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.matching.hamming import HammingIndex
from stemtide.protocol.enums import PartyKind, SignalState

LISTED = 100
"""Maximum signals that are listed with an entry."""

_CHUNK = 20_000
_FEW = 20  # so many folders and hosts are looked for in SQL; more in one pass over all addresses


def coverage(entries: Sequence[AllowDraft | AllowEntry], *, by: Party) -> Coverage:
    """Return how many live signals of other parties entries cover, also of those it cannot see."""
    pks = _covered(entries)
    covered = protected = 0
    for batch in batches(sorted(pks)):
        rows = Signal.objects.filter(pk__in=batch, exercise=False).exclude(shared_by=by).order_by()
        for kind, confirmations in rows.values_list("shared_by__kind", "confirmations"):
            covered += 1
            protected += rules.is_protected(shared_by=PartyKind(kind), confirmations=confirmations)
    return Coverage(covered, protected)


def covered_signals(entry: AllowEntry, *, viewer: Party) -> list[tuple[UUID, str, str]]:
    """Return live signals that an entry covers, as far as a party may see them, at most LISTED.

    Each with its id, kind and the title of the party that shares it.
    """
    pks = sorted(_covered([entry]))
    covered: list[tuple[UUID, str, str]] = []
    for batch in batches(pks):
        rows = Signal.objects.filter(visible(viewer), pk__in=batch).order_by("-position")
        covered += rows.values_list("uid", "kind", "shared_by__title")
    return covered[:LISTED]


def _covered(entries: Sequence[AllowDraft | AllowEntry]) -> set[int]:
    """Return the primary keys of live signals that entries cover, or that cover an entry."""
    pks = set()
    for kind in (Kind.SHA256, Kind.MD5):
        pks |= _by_value(kind, {entry.value for entry in entries if entry.kind == kind})
    addresses = [entry for entry in entries if entry.kind == Kind.URL]
    digests = {digest for entry in addresses for digest in rules.digests_above(entry.url)}
    pks |= _by_value(Kind.URL, digests)
    pks |= _below([entry.url for entry in addresses if entry.reach is not None])
    return pks | _near([entry for entry in entries if entry.kind == Kind.PDQ])


def _live(kind: Kind) -> QuerySet[Signal]:
    """Return the live signals of a kind."""
    return Signal.objects.filter(state=SignalState.LIVE, kind=kind).order_by()


def _by_value(kind: Kind, values: Iterable[str]) -> set[int]:
    """Return the live signals of these very values."""
    pks: set[int] = set()
    for batch in batches(values):
        pks |= set(_live(kind).filter(value__in=batch).values_list("pk", flat=True))
    return pks


def _below(wide: Sequence[str]) -> set[int]:
    """Return the live signals of addresses below folders and hosts."""
    if not wide:
        return set()
    rows = _live(Kind.URL).exclude(url="")
    if len(wide) <= _FEW:
        criteria = Q()
        for expression in wide:
            criteria |= Q(url__contains=expression.rstrip("/"))
        rows = rows.filter(criteria)
    expressions, hosts = set(wide), {_host_of(expression) for expression in wide}
    return {
        pk
        for pk, url in rows.values_list("pk", "url").iterator(chunk_size=_CHUNK)
        if _has_host(url, hosts) and not expressions.isdisjoint(rules.expressions_above(url))
    }


def _host_of(expression: str) -> str:
    """Return the host of an address, folder or host."""
    return expression.partition("/")[0]


def _has_host(url: str, hosts: Container[str]) -> bool:
    """Whether an address lies on one of these hosts or below it: cheap, so it is asked first."""
    host = _host_of(url)
    while host:
        if host in hosts:
            return True
        host = host.partition(".")[2]
    return False


def _near(entries: Sequence[AllowDraft | AllowEntry]) -> set[int]:
    """Return the live signals of pictures within the distance of an entry."""
    if not entries:
        return set()
    index = HammingIndex()
    words = np.frombuffer(b"".join(bytes.fromhex(entry.value) for entry in entries), "<u8")
    bits = np.array([entry.within_bits or 0 for entry in entries], np.uint8)
    keys = np.arange(len(entries), dtype=np.int64)
    index.put(keys, words.reshape(len(entries), -1), own_bits=bits)
    pks: set[int] = set()
    for chunk in _chunks(_live(Kind.PDQ).values_list("pk", "value")):
        queries = b"".join(bytes.fromhex(value) for _, value in chunk)
        hits = index.search(queries, count=len(chunk))
        pks |= {chunk[query][0] for query in hits["query"].tolist()}
    return pks


def _chunks(rows: QuerySet[Signal, Any]) -> Iterator[list[tuple[int, str]]]:
    """Yield rows in lists of _CHUNK."""
    chunk: list[tuple[int, str]] = []
    for row in rows.iterator(chunk_size=_CHUNK):
        chunk.append(row)
        if len(chunk) >= _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
