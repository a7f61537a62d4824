# SPDX-License-Identifier: Apache-2.0
"""Search the crises, signals, messages and leads that a party may see.

Each kind is searched with the filter of its own reads. So results that a party may not see do not
change a count, another result or the time that the search takes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, TextField
from django.db.models.functions import Cast

from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.url import canonical
from stemtide.hub.platform.errors import InvalidError, NotFoundError
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import similar
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.hub.rooms.situation.reads import leads as leads_reads, situation as reads
from stemtide.protocol.labels import labels
from stemtide.protocol.messages.crises import CrisisOut
from stemtide.protocol.messages.search import (
    MAX_QUERY,
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

_HASH_DIGITS = frozenset({32, 64})
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class _Query:
    """A query and what it was recognised as. uid, digest: where it is an id or an address."""

    text: str
    is_a: Recognised
    uid: UUID | None = None
    digest: str = ""
    labels: tuple[str, ...] = ()


def search(
    query: str,
    *,
    viewer: Party,
    kind: ResultKind | None = None,
    page: int = 1,
    leads: bool = True,
) -> SearchOut:
    """Return everything that matches a query and that a party may see, by kind.

    kind, page: only one kind, from a page on; otherwise the first page of each.
    leads: False for a key that opens no leads.

    raises: InvalidError for a query that is too short or too long.
    """
    recognised = _recognise(query)
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
        compared=_compared(viewer) if _is_pdq(recognised) else None,
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
    if digest := _address(text):
        return _Query(text, Recognised.ADDRESS, digest=digest)
    named = tuple(
        label.name for label in labels().values() if bare in {label.name, label.title.lower()}
    )
    if named:
        return _Query(text, Recognised.LABEL, labels=named)
    return _Query(text, Recognised.TEXT)


def _address(text: str) -> str:
    """Return the digest of an address in any spelling; "" if it is not an address."""
    if any(letter.isspace() for letter in text) or "." not in text:
        return ""
    spelled = text if "://" in text else f"https://{text}"
    if "://" not in text and "/" not in text:
        return ""
    try:
        return canonical.digest(canonical.canonical(spelled)).hex()
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
    """Return signals by id, by value, by distance from a PDQ value, by address or by label."""
    rows = Signal.objects.filter(visible(viewer)).order_by("-position")
    if _is_pdq(query):
        return _near(query, viewer)[start : start + PAGE + 1]
    if query.uid:
        rows = rows.filter(Q(uid=query.uid) | Q(content__uid=query.uid))
    elif query.labels:
        named = Q()
        for name in query.labels:
            named |= Q(words__contains=f'"{name}"')
        rows = rows.annotate(words=Cast("labels", TextField())).filter(named)
    elif query.is_a is Recognised.ADDRESS:
        rows = rows.filter(kind=Kind.URL, value=query.digest)
    else:
        rows = rows.filter(value=query.digest)
    return [_signal(row) for row in rows[start : start + PAGE + 1]]


def _near(query: _Query, viewer: Party) -> list[SearchResult]:
    """Return the signals of a value, and those near it.

    First those of exactly this value in any state, then live PDQ signals near it, the nearest
    first.
    """
    exact = Signal.objects.filter(visible(viewer), value=query.digest).order_by("-position")
    matches = [_signal(row) for row in exact]
    near = similar.near_pictures([query.digest], viewer=viewer)[query.digest][:MAX_NEAR]
    rows = Signal.objects.in_bulk([pk for _, pk in near])
    return matches + [_signal(rows[pk], bits=bits) for bits, pk in near if pk in rows]


def _compared(viewer: Party) -> int:
    """Return the number of signals that a search for similar ones compares."""
    return min(similar.live_pictures(viewer=viewer).count(), similar.MAX_SCAN)


def _is_pdq(query: _Query) -> bool:
    """Whether a query could be a PDQ value: a SHA-256 has as many digits, and then is near none."""
    return query.is_a is Recognised.HASH and asks_for_similar(query.digest)


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

_ASKED_OF = {
    ResultKind.CRISES: {Recognised.ID, Recognised.TEXT, Recognised.LABEL},
    ResultKind.SIGNALS: {Recognised.ID, Recognised.HASH, Recognised.ADDRESS, Recognised.LABEL},
    ResultKind.MESSAGES: {Recognised.ID, Recognised.TEXT, Recognised.LABEL, Recognised.ADDRESS},
    ResultKind.LEADS: {Recognised.ID},
}
"""The search function of each kind."""
