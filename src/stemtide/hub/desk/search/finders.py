# SPDX-License-Identifier: Apache-2.0
"""Find what a query names, kind by kind, by the reads of each room: each takes the viewer."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TypeAlias, TypeVar
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from stemtide.fingerprints.url import canonical
from stemtide.hub.desk.labels import LABELS, Words, label, label_title, translated
from stemtide.hub.desk.search import pages
from stemtide.hub.desk.search.results import HitKind, KindGroup, SearchHit
from stemtide.hub.desk.situation.leads import may_read_leads
from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.permissions import (
    allows,
    check_may_read_complaints,
    check_may_see_people,
)
from stemtide.hub.platform.postgresql.replica import reads_replica
from stemtide.hub.rooms.complaints.reads import complaints
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.ledger.writes.reading import note_people_searched
from stemtide.hub.rooms.orders.reads import orders
from stemtide.hub.rooms.parties.reads import parties, people
from stemtide.hub.rooms.parties.reads.parties import Actor, party_titles
from stemtide.hub.rooms.parties.rules.competences import read_reference
from stemtide.hub.rooms.referrals.reads import holds, referrals
from stemtide.hub.rooms.signals.reads import clusters, signals
from stemtide.hub.rooms.signals.reads.signals import SelectedSignal
from stemtide.hub.rooms.signals.views import Cluster
from stemtide.hub.rooms.situation.reads import search as reads
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.messages.complaints import ComplaintOut
from stemtide.protocol.messages.search import (
    Recognised,
    ResultGroup,
    ResultKind,
    SearchOut,
    SearchResult,
    asks_for_similar,
)

_Row = TypeVar("_Row")

AT_ONCE = 20
"""Results of one kind, where there are no pages of them."""

_BY_REFERENCE: Words = gettext_lazy("File reference")
_BY_ID: Words = gettext_lazy("ID")
_BY_ADDRESS: Words = gettext_lazy("About this address")
_REASONS: dict[Recognised, Words] = {
    Recognised.ID: _BY_ID,
    Recognised.HASH: gettext_lazy("Same fingerprint"),
    Recognised.PREFIX: gettext_lazy("Begins with these characters"),
    Recognised.HOST: gettext_lazy("Address at this host"),
    Recognised.ADDRESS: gettext_lazy("This address, or one that begins with it"),
    Recognised.LABEL: gettext_lazy("Has this label"),
    Recognised.TEXT: gettext_lazy("Contains these words"),
}


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What somebody asks. reference: a file reference; uid: an id; digest: of an address."""

    text: str
    by: Actor
    reference: str = ""
    uid: UUID | None = None
    digest: str = ""


_Finder: TypeAlias = Callable[[SearchQuery], list[SearchHit]]


@dataclass(frozen=True, slots=True)
class Findings:
    """The answer to a query: groups that have results, in the order of HitKind.

    found: what the search of crises, signals, leads and messages says of the query.
    """

    found: SearchOut
    is_reference: bool
    groups: list[KindGroup]


def find(
    text: str, *, by: Actor, kind: ResultKind | None = None, page: int = 1, is_quick: bool = False
) -> Findings:
    """Return everything that matches a query and that a person may see.

    kind, page: only results of this kind, from a page on. is_quick: see reads.search.search.

    raises: InvalidError for a query that is too short or too long.
    """
    is_in_memory = asks_for_similar(text)  # the hub's pictures are
    read = _find_in_database if is_in_memory else reads_replica(_find_in_database)
    search_out, query, groups = read(text, by=by, kind=kind, page=page, is_quick=is_quick)
    if kind is None:
        groups += _groups(_IN_MEMORY, query)
    _note(groups, by=by)
    order = list(HitKind)
    return Findings(
        found=search_out,
        is_reference=bool(query.reference),
        groups=sorted(groups, key=lambda group: order.index(group.kind)),
    )


def _find_in_database(
    text: str, *, by: Actor, kind: ResultKind | None, page: int, is_quick: bool
) -> tuple[SearchOut, SearchQuery, list[KindGroup]]:
    """Return what the search says of a query, how it is read, and the groups that have results."""
    search_out = reads.search(
        text, viewer=by.party, kind=kind, page=page, leads=may_read_leads(by), is_quick=is_quick
    )
    query = _read(search_out, by=by)
    groups = [_searched(group, _REASONS[search_out.recognised]) for group in search_out.groups]
    if kind is None:
        groups += _groups(_FINDERS, query)
    return search_out, query, groups


def _groups(finders: Mapping[HitKind, _Finder], query: SearchQuery) -> list[KindGroup]:
    """Return the groups that have results."""
    return [
        KindGroup(name, results[:AT_ONCE])
        for name, finder in finders.items()
        if (results := finder(query))
    ]


def _note(groups: Sequence[KindGroup], *, by: Actor) -> None:
    """Record that somebody found rows about people. What they searched for is not recorded."""
    names = {group.kind.value for group in groups if group.results} & _ABOUT_PEOPLE
    if names:
        note_people_searched(sorted(names), by=by, now=datetime.now(UTC))


_ABOUT_PEOPLE = frozenset({HitKind.LEADS.value, HitKind.COMPLAINTS.value, HitKind.PEOPLE.value})
"""Groups of findings that concern people."""


def _read(search_out: SearchOut, *, by: Actor) -> SearchQuery:
    """Return what a query names in rooms that are asked by reference, id or address."""
    is_id, is_address = (
        search_out.recognised is word for word in (Recognised.ID, Recognised.ADDRESS)
    )
    return SearchQuery(
        text=search_out.query,
        by=by,
        reference=read_reference(search_out.query),
        uid=UUID(search_out.query) if is_id else None,
        digest=canonical.digest(canonical.canonical(search_out.query)).hex() if is_address else "",
    )


def _pages(query: SearchQuery) -> list[SearchHit]:
    """Return pages and actions by the words of their titles."""
    return pages.by_words(query.text, by=query.by)


def _orders(query: SearchQuery) -> list[SearchHit]:
    """Return orders by file reference, id or address. Finding one records no receipt."""
    viewer, titles = query.by.party, party_titles()
    rows = _by_reference(query, partial(orders.by_reference, viewer=viewer))
    rows += _by_id(query, lambda uid: orders.head(orders.find(uid, viewer=viewer), viewer=viewer))
    if query.digest:
        rows += [(row, _BY_ADDRESS) for row in orders.by_address(query.digest, viewer=viewer)]
    return [
        SearchHit(
            title=row.reference or _("Draft"),
            url=reverse("order", args=[row.id]),
            reason=reason,
            detail=f"{titles.get(row.issued_by, row.issued_by)} → {titles[row.addressee]}",
            at=row.issued_at,
            state=row.state,
            state_of="order",
            exercise=row.exercise,
        )
        for row, reason in rows
    ]


def _referrals(query: SearchQuery) -> list[SearchHit]:
    """Return referrals by file reference, id or address."""
    viewer, titles = query.by.party, party_titles()
    latest = partial(referrals.latest, viewer=viewer, limit=AT_ONCE)
    rows = _by_reference(
        query, lambda reference: latest(filters=referrals.Filters(reference=reference))[0]
    )
    rows += _by_id(query, partial(referrals.referral, viewer=viewer))
    if query.digest:
        by_address = referrals.Filters(digest=query.digest)
        rows += [(row, _BY_ADDRESS) for row in latest(filters=by_address)[0]]
    return [
        SearchHit(
            title=row.reference,
            url=reverse("referral", args=[row.id]),
            reason=reason,
            detail=f"{titles[row.sender]} → {titles[row.provider]}",
            at=row.sent_at or row.assessed_at,
            state=row.state,
            state_of="referral",
            exercise=row.exercise,
        )
        for row, reason in rows
    ]


def _holds(query: SearchQuery) -> list[SearchHit]:
    """Return holds by file reference or id."""
    viewer, titles = query.by.party, party_titles()
    rows = _by_reference(query, partial(holds.by_reference, viewer=viewer))
    rows += _by_id(query, partial(holds.hold, viewer=viewer))
    return [
        SearchHit(
            title=row.reference,
            url=f"{reverse('holds')}#hold-{row.id}",
            reason=reason,
            detail=titles[row.holder],
            at=row.placed_at,
            state=row.state,
            state_of="hold",
            exercise=row.exercise,
        )
        for row, reason in rows
    ]


def _complaints(query: SearchQuery) -> list[SearchHit]:
    """Return the party's complaints by number, id, or the reference of the decision."""
    if not allows(check_may_read_complaints, query.by.role):
        return []
    viewer = query.by.party
    rows: list[tuple[ComplaintOut, Words]] = [
        (row, _("Number, or decision"))
        for number in dict.fromkeys(filter(None, (query.reference, query.text)))
        for row in complaints.by_number(number, viewer=viewer)
    ]
    rows += _by_id(query, partial(complaints.complaint, viewer=viewer))
    return [
        SearchHit(
            title=row.number,
            url=reverse("complaint", args=[row.id]),
            reason=reason,
            detail=row.reference,
            at=row.filed_at,
            state=row.state,
            state_of="complaint",
            exercise=row.exercise,
        )
        for row, reason in rows
    ]


def _content(query: SearchQuery) -> list[SearchHit]:
    """Return content by the words of its titles: clusters of several signals, then signals."""
    viewer = query.by.party
    rows = signals.by_title(query.text.split(), viewer=viewer, limit=AT_ONCE)
    names = {crisis.id: crisis.name for crisis in crises.crises(viewer=viewer)} if rows else {}
    of_clusters: dict[UUID, SearchHit] = {}
    of_signals = []
    for row in rows:
        name = names.get(row.crisis, "") if row.crisis else ""
        of_signals.append(
            SearchHit(
                title=row.title,
                url=reverse("signal", args=[row.id]),
                reason=_("Title of a signal"),
                detail=" · ".join(filter(None, (label(row.kind, "kind"), name))),
                at=row.shared_at,
                state=row.state,
                state_of="state",
                exercise=row.exercise,
            )
        )
        if row.crisis is None or not name:
            continue
        cluster = clusters.cluster_of(row.id, crisis=row.crisis, viewer=viewer)
        if cluster is not None and len(cluster.members) > 1:
            of_clusters.setdefault(cluster.key, _cluster(cluster, row, name=name))
    return [*of_clusters.values(), *of_signals]


def _cluster(cluster: Cluster, row: SelectedSignal, *, name: str) -> SearchHit:
    """Return the cluster of a signal for the page. name: of the crisis."""
    number = len(cluster.members)
    variants = ngettext("{number} variant", "{number} variants", number).format(number=number)
    return SearchHit(
        title=cluster.title or row.title,
        url=reverse("cluster", args=[row.crisis, cluster.key]),
        reason=_("Title in a cluster"),
        detail=f"{variants} · {name}",
        at=cluster.last_at,
        exercise=row.exercise,
    )


def _parties(query: SearchQuery) -> list[SearchHit]:
    """Return parties by name, title or country: every party may see every other."""
    words = query.text.casefold()
    is_agency = query.by.kind is PartyKind.AGENCY
    return [
        SearchHit(
            title=party.title,
            url=reverse("party", args=[party.name])
            if is_agency
            else f"{reverse('contacts')}#party-{party.name}",
            reason=_("Name of the party"),
            detail=" · ".join(filter(None, (label(party.kind, "party"), party.country))),
        )
        for party in parties.parties()
        if words in f"{party.name}\n{party.title}".casefold()
    ]


def _people(query: SearchQuery) -> list[SearchHit]:
    """Return people of the reader's own party by name or mail address, if they may see them."""
    if not allows(check_may_see_people, query.by.role):
        return []
    return [
        SearchHit(
            title=person.name or person.email,
            url=f"{reverse('colleagues')}#person-{person.number}",
            reason=_("Name or mail address"),
            detail=f"{person.email} · {label(person.role, 'role')}",
        )
        for person in people.by_words(query.text, by=query.by, limit=AT_ONCE)
    ]


_FINDERS: dict[HitKind, _Finder] = {
    HitKind.PAGES: _pages,
    HitKind.ORDERS: _orders,
    HitKind.REFERRALS: _referrals,
    HitKind.HOLDS: _holds,
    HitKind.COMPLAINTS: _complaints,
    HitKind.PARTIES: _parties,
    HitKind.PEOPLE: _people,
}
"""Kinds that are found by reads of their own; reads.search finds the others."""

_IN_MEMORY: dict[HitKind, _Finder] = {HitKind.CONTENT: _content}
"""Kinds for which the process keeps clusters, as of the newest change on the primary."""


def _by_reference(
    query: SearchQuery, read: Callable[[str], Iterable[_Row]]
) -> list[tuple[_Row, Words]]:
    """Return the rows that have the file reference of a query."""
    return [(row, _BY_REFERENCE) for row in read(query.reference)] if query.reference else []


def _by_id(query: SearchQuery, find: Callable[[UUID], _Row]) -> list[tuple[_Row, Words]]:
    """Return the row that has the id of a query, if the viewer may see it."""
    if query.uid:
        with suppress(NotFoundError):
            return [(find(query.uid), _BY_ID)]
    return []


def _searched(group: ResultGroup, reason: Words) -> KindGroup:
    """Return a group of reads.search for the page."""
    kind = HitKind(group.kind)
    results = [_RESULTS[kind](result, reason) for result in group.found]
    return KindGroup(kind=kind, results=results, page=group.page, more=group.more)


def _signal(result: SearchResult, reason: Words) -> SearchHit:
    """Return a signal for the page: its address, or its kind and how its value begins."""
    kind, _space, value = result.title.partition(" ")
    is_address = kind not in LABELS["kind"]
    if result.within_bits is not None:
        reason = _("{bits} of 256 bits away").format(bits=result.within_bits)
    return SearchHit(
        title=result.title if is_address else f"{label(kind, 'kind')} {value[:16]}",
        url=reverse("signal", args=[result.id]),
        reason=reason,
        detail=", ".join(label_title(name) for name in result.detail.split(", ") if name),
        at=result.at,
        state=result.state,
        state_of="state",
        exercise=result.exercise,
        signal=result.id,
    )


def _crisis(result: SearchResult, reason: Words) -> SearchHit:
    """Return a crisis for the page."""
    return SearchHit(
        title=result.title,
        url=reverse("crisis", args=[result.id]),
        reason=reason,
        detail=translated(result.detail),
        at=result.at,
        exercise=result.exercise,
    )


def _lead(result: SearchResult, reason: Words) -> SearchHit:
    """Return a lead for the page."""
    return SearchHit(
        title=label(result.title, "level"),
        url=reverse("lead", args=[result.id]),
        reason=reason,
        at=result.at,
        exercise=result.exercise,
    )


def _message(result: SearchResult, reason: Words) -> SearchHit:
    """Return a message of a situation log for the page: it leads to the log."""
    return SearchHit(
        title=result.title,
        url=reverse("crisis-log", args=[result.crisis]),
        reason=reason,
        at=result.at,
        exercise=result.exercise,
    )


_RESULTS: dict[HitKind, Callable[[SearchResult, Words], SearchHit]] = {
    HitKind.SIGNALS: _signal,
    HitKind.CRISES: _crisis,
    HitKind.LEADS: _lead,
    HitKind.MESSAGES: _message,
}
"""How each kind that reads.search finds becomes a result of the page."""
