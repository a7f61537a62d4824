# SPDX-License-Identifier: Apache-2.0
"""Search the crises, signals, messages and leads that a party may see.

Each kind is searched with the filter of its own reads. So results that a party may not see do not
change a count or another result. Signals are looked up through indexes (signals.reads.lookups),
except by label: that looks through the signals that changed last.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from django.db.models import Q, TextField
from django.db.models.functions import Cast

from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.url import canonical
from stemtide.hub.platform.errors import InvalidError, NotFoundError
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import lookups
from stemtide.hub.rooms.signals.reads.caches.pictures import pictures
from stemtide.hub.rooms.signals.reads.signals import readable
from stemtide.hub.rooms.situation.reads import leads as leads_reads, situation as reads
from stemtide.protocol.labels import labels
from stemtide.protocol.messages.crises import CrisisOut
from stemtide.protocol.messages.search import (
    MAX_QUERY,
    MIN_PREFIX,
    MIN_TEXT,
    Recognised,
    ResultGroup,
    ResultKind,
    SearchOut,
    SearchResult,
    asks_for_similar,
)

PAGE = 20
"""Results of one kind on one page."""

MAX_NEAR = 50 * PAGE
"""Maximum near results, the nearest first: databases limit the rows of one query."""

MAX_LABELLED = 20_000
"""Changes of the feed, the newest, that a search for a label looks through."""

_HASH_DIGITS = frozenset({32, 64})
_HOST = re.compile(r"[^\s/:?#]+\.[^\s/:?#.]{2,}(?::\d+)?\.?")
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class _Query:
    """A query and what it was recognised as.

    digest: the hash, its beginning, or that of an address. spelled: the canonical host or address.
    """

    text: str
    is_a: Recognised
    uid: UUID | None = None
    digest: str = ""
    spelled: str = ""
    is_quick: bool = False
    labels: tuple[str, ...] = ()


def search(
    query: str,
    *,
    viewer: Party,
    kind: ResultKind | None = None,
    page: int = 1,
    leads: bool = True,
    is_quick: bool = False,
) -> SearchOut:
    """Return everything that matches a query and that a party may see, by kind.

    kind, page: only one kind, from a page on; otherwise the first page of each.
    leads: False for a key that opens no leads.
    is_quick: what somebody is still typing: without similar pictures, labels and words of logs.

    raises: InvalidError for a query that is too short or too long.
    """
    recognised = _recognise(query)
    if is_quick:
        recognised = replace(recognised, is_quick=True)
    groups = [
        _group(found_kind, recognised, viewer=viewer, page=page)
        for found_kind in ResultKind
        if (kind is None or found_kind == kind)
        and recognised.is_a in _ASKED_OF[found_kind]
        and (leads or found_kind is not ResultKind.LEADS)
    ]
    return SearchOut(
        query=recognised.text,
        recognised=recognised.is_a,
        compared=pictures.count(viewer=viewer) if _is_pdq(recognised) else None,
        groups=[group for group in groups if group.found],
    )


def _recognise(query: str) -> _Query:
    """Return the kind of a query. raises: InvalidError."""
    text = query.strip()
    if not MIN_TEXT <= len(text) <= MAX_QUERY:
        raise InvalidError(
            "q",
            "write {min_text} to {max_query} characters to search for",
            min_text=MIN_TEXT,
            max_query=MAX_QUERY,
        )
    try:
        return _Query(text, Recognised.ID, uid=UUID(text)) if "-" in text else _no_id(text)
    except ValueError:
        return _no_id(text)


def _no_id(text: str) -> _Query:
    """Return the kind of a query that is not an id."""
    bare = text.lower()
    if len(bare) in _HASH_DIGITS and set(bare) <= _HEX:
        return _Query(text, Recognised.HASH, digest=bare)
    if set(bare) <= _HEX and MIN_PREFIX <= len(bare) < max(_HASH_DIGITS):
        return _Query(text, Recognised.PREFIX, digest=bare)
    if spelled := _spelled(text):
        is_a = Recognised.ADDRESS if "/" in text else Recognised.HOST
        return _Query(text, is_a, digest=canonical.digest(spelled).hex(), spelled=spelled)
    named = tuple(
        label.name for label in labels().values() if bare in {label.name, label.title.lower()}
    )
    if named:
        return _Query(text, Recognised.LABEL, labels=named)
    return _Query(text, Recognised.TEXT)


def _spelled(text: str) -> str:
    """Return the canonical spelling of an address or a host; "" if a text is neither."""
    if any(letter.isspace() for letter in text) or "." not in text:
        return ""
    if "/" not in text and not _HOST.fullmatch(text):
        return ""
    try:
        return canonical.canonical(text if "://" in text else f"https://{text}")
    except canonical.UrlError:
        return ""


def _group(kind: ResultKind, query: _Query, *, viewer: Party, page: int) -> ResultGroup:
    """Return a page of the results of one kind."""
    start = (page - 1) * PAGE
    results = _FINDERS[kind](query, viewer, start)
    return ResultGroup(kind=kind, page=page, found=results[:PAGE], more=len(results) > PAGE)


def _crises(query: _Query, viewer: Party, start: int) -> list[SearchResult]:
    """Return crises by id, or by their name and summary."""
    visible = crises.crises(viewer=viewer)
    word = query.text.casefold()
    fits: Callable[[CrisisOut], bool] = (
        (lambda crisis: crisis.id == query.uid)
        if query.uid
        else (lambda crisis: word in f"{crisis.name}\n{crisis.summary}".casefold())
    )
    rows = [crisis for crisis in visible if fits(crisis)][start : start + PAGE + 1]
    return [
        SearchResult(
            id=row.id,
            title=row.name,
            detail=row.stage_title,
            at=row.warned_at,
            exercise=row.exercise,
        )
        for row in rows
    ]


def _signals(query: _Query, viewer: Party, start: int) -> list[SearchResult]:
    """Return signals by id, value, beginning of a value, distance, address, host or label."""
    end = start + PAGE + 1
    if _is_pdq(query):
        return _near(query, viewer)[start:end]
    return [_signal(row) for row in _rows(query, viewer, end)[start:end]]


def _rows(query: _Query, viewer: Party, limit: int) -> list[Signal]:
    """Return the first signals that match a query that asks for no similar ones."""
    if query.uid:
        return lookups.by_id(query.uid, viewer=viewer, limit=limit)
    if query.is_a is Recognised.LABEL:
        return [] if query.is_quick else _labelled(query.labels, viewer, limit)
    if query.is_a is Recognised.PREFIX:
        return lookups.by_prefix(query.digest, viewer=viewer, limit=limit)
    if not query.spelled:
        return lookups.by_value(query.digest, viewer=viewer, limit=limit)
    exact = lookups.by_value(query.digest, viewer=viewer, limit=limit, kind=Kind.URL)
    exact_pks = {row.pk for row in exact}
    below = lookups.by_address(query.spelled, viewer=viewer, limit=limit + len(exact_pks))
    return exact + [row for row in below if row.pk not in exact_pks]


def _labelled(names: tuple[str, ...], viewer: Party, limit: int) -> list[Signal]:
    """Return signals with one of these labels, of those that changed last."""
    since = lookups.newest_position() - MAX_LABELLED
    named = Q()
    for name in names:
        named |= Q(words__contains=f'"{name}"')
    rows = Signal.objects.filter(readable(viewer), position__gt=since).order_by("-position")
    return list(rows.annotate(words=Cast("labels", TextField())).filter(named)[:limit])


def _near(query: _Query, viewer: Party) -> list[SearchResult]:
    """Return the signals of a value, and those near it.

    First those of exactly this value in any state, then live PDQ signals near it, the nearest
    first.
    """
    exact = lookups.by_value(query.digest, viewer=viewer, limit=MAX_NEAR)
    matches = [_signal(row) for row in exact]
    near = pictures.near([query.digest], viewer=viewer)[query.digest][:MAX_NEAR]
    rows = Signal.objects.in_bulk([pk for _, pk in near])
    return matches + [_signal(rows[pk], bits=bits) for bits, pk in near if pk in rows]


def _is_pdq(query: _Query) -> bool:
    """Whether a query could be a PDQ value: a SHA-256 has as many digits, and then is near none."""
    return query.is_a is Recognised.HASH and not query.is_quick and asks_for_similar(query.digest)


def _signal(row: Signal, *, bits: int | None = None) -> SearchResult:
    """Return a signal as a search result."""
    return SearchResult(
        id=row.uid,
        title=row.url or f"{row.kind} {row.value}",
        detail=", ".join(row.labels),
        state=row.state,
        at=row.shared_at,
        exercise=row.exercise,
        within_bits=bits,
    )


def _messages(query: _Query, viewer: Party, start: int) -> list[SearchResult]:
    """Return messages by id, or by their text, in rooms that the viewer is in."""
    if query.uid:
        try:
            rows = [reads.find_message(query.uid, viewer=viewer)][start:]
        except NotFoundError:
            rows = []
    elif query.is_quick:
        rows = []
    else:
        rooms = reads.rooms(viewer=viewer)
        rows = list(
            reads.search_messages(rooms, text=query.text, viewer=viewer)[start : start + PAGE + 1]
        )
    return [
        SearchResult(
            id=row.uid,
            title=row.text[:200],
            detail=row.kind,
            at=row.posted_at,
            crisis=row.crisis.uid,
            exercise=row.exercise,
        )
        for row in rows
    ]


def _leads(query: _Query, viewer: Party, start: int) -> list[SearchResult]:
    """Return a lead by its id if the party may see it; its text is not searched."""
    try:
        row = leads_reads.lead(query.uid or UUID(int=0), viewer=viewer)
    except NotFoundError:
        return []
    level, state = str(row.level), str(row.state)
    result = SearchResult(
        id=row.id, title=level, detail=state, at=row.reported_at, exercise=row.exercise
    )
    return [result][start:]


_FINDERS: dict[ResultKind, Callable[[_Query, Party, int], list[SearchResult]]] = {
    ResultKind.CRISES: _crises,
    ResultKind.SIGNALS: _signals,
    ResultKind.MESSAGES: _messages,
    ResultKind.LEADS: _leads,
}

_IN_WORDS = {Recognised.LABEL, Recognised.TEXT, Recognised.PREFIX, Recognised.HOST}
"""Queries that may be words, too: hexadecimal digits spell "facade"."""

_ASKED_OF = {
    ResultKind.CRISES: _IN_WORDS | {Recognised.ID},
    ResultKind.SIGNALS: set(Recognised) - {Recognised.TEXT},
    ResultKind.MESSAGES: _IN_WORDS | {Recognised.ID, Recognised.ADDRESS},
    ResultKind.LEADS: {Recognised.ID},
}
"""What each kind is searched for."""
