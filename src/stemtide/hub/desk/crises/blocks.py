# SPDX-License-Identifier: Apache-2.0
"""Blocks of a crisis' room, cached for all readers who see the same.

Fifty people of seven parties may watch one room, and every action refreshes all of their pages. A
block depends on the reader's party, language and time zone, and on the position of the ledger for
this crisis; some also on the role, the available actions, or the reader's own views of previews.
Each block is rendered once for each combination, from nothing but these inputs, and then shared.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation

from stemtide.hub.desk.actions import Offer
from stemtide.hub.desk.auth.people import SignedInRequest
from stemtide.hub.desk.crises import content as room_content, offers as room_offers, tasks
from stemtide.hub.desk.selection.offered import offered
from stemtide.hub.desk.situation import leads, views as situation
from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.crises.reads import crises, life as life_reads
from stemtide.hub.rooms.crises.rules import closing, crises as rules
from stemtide.hub.rooms.ledger.crisis_versions import crisis_versions
from stemtide.hub.rooms.ledger.reads.ledger import Heads
from stemtide.hub.rooms.media import reads as media
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.request_cache import request_cache
from stemtide.protocol.enums import CheckAnswer, ProposalState
from stemtide.protocol.messages.crises import CrisisLife

SAME_FOR_S = 10
"""Relative times such as "3 min ago" are rendered again after this, even if nothing changes."""

_MAX_ENTRIES = 1024


class _BlockCache:
    """An LRU cache that computes each value once, however many threads ask at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:  # noqa: ANN401  # the type of `make`
        """Return the value of a key; compute it if it is missing."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            key_lock = self._making.setdefault(key, threading.Lock())
        with key_lock:
            with self._lock:
                if key in self._values:
                    return self._values[key]
            try:
                value = make()
                with self._lock:
                    self._values[key] = value
                    while len(self._values) > _MAX_ENTRIES:
                        self._values.popitem(last=False)
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return value

    def clear(self) -> None:
        """Remove all values."""
        with self._lock:
            self._values.clear()


block_cache = _BlockCache()
"""The cache of this process."""


def page_context(
    request: SignedInRequest, uid: UUID, *, by: Actor, refused: Offer | None = None
) -> dict[str, Any]:
    """Return the template context of the whole page.

    raises: NotFoundError if the person's party may not see the crisis.
    """
    now, heads = datetime.now(UTC), crisis_versions.refresh()
    with request_cache(_shared_reads(uid, heads)):
        room = _Room(request, uid, by=by, now=now, hub=heads.hub)
        proposed = request.GET.getlist("invite")
        offers_context = _offers(room.life(), by=by, now=now, refused=refused, proposed=proposed)
        own_views = _own_views(uid, by=by, now=now, hub=heads.hub)
        return {
            **room.content(),
            **room.life(),
            **room.discussion(),
            **room.acts(),
            **own_views,
            **offers_context,
            "bulk_acts": offered(by),
        }


def fragment(request: SignedInRequest, uid: UUID, *, by: Actor) -> str:
    """Return all blocks for HTMX, without CSRF tokens: the page's script adds its own.

    raises: NotFoundError.
    """
    now, heads = datetime.now(UTC), crisis_versions.refresh()
    with request_cache(_shared_reads(uid, heads)):
        room = _Room(request, uid, by=by, now=now, hub=heads.hub)
        life, content = room.life(), room.content()
        own_views = _own_views(uid, by=by, now=now, hub=heads.hub)
        acts = offered(by)
        views = {**own_views, "bulk_acts": acts, "key": (*own_views.values(), len(acts))}
        offers_context = _offers(life, by=by, now=now, cached_html=True)
        blocks = [
            _block("head", content, life),
            _block("next", life, _offers_of_block("next", offers_context)),
        ]
        blocks += [_block("curve", content), _block("clusters", content, views)]
        blocks += [_block("sightings", content)]
        if life["is_insider"]:
            names = ("people", "checks", "neighbours")
            blocks += [
                _block(place, life, _offers_of_block(place, offers_context)) for place in names
            ]
        if life["life"].in_room:
            blocks.append(_block("roles", life, _offers_of_block("roles", offers_context)))
            discussion = room.discussion()
            blocks += [
                _block(name, discussion)
                for name in ("tasks", "log", "lines", "leads")
                if name in discussion
            ]
        blocks += [_block("ledger", room.acts())]
        return "".join(blocks) + _bar(request, by=by, now=now, heads=heads) + _read_at_block(now)


_TEMPLATES = {"curve": "spread", "ledger": "timeline"}


def _block(name: str, *parts: Mapping[str, Any]) -> str:
    """Render one block from these parts and nothing else, once for all readers who see the same."""

    def render() -> str:
        context = {name: value for part in parts for name, value in part.items()}
        html = render_to_string(f"desk/room/_{_TEMPLATES.get(name, name)}.html", context)
        return f'<div id="block-{name}" hx-swap-oob="innerHTML">{html}</div>\n'

    html: str = block_cache.get((name, *_locale(), *(part["key"] for part in parts)), render)
    return html


_NAMES = {
    "next": ("proposals", "next_offers", "later_offers"),
    "roles": ("roles",),
    "people": ("uninvites", "people_offers"),
    "checks": ("checks", "check_offers"),
    "neighbours": ("news", "neighbour_offers"),
}
"""Names of the forms in the context of each block."""


def _offers_of_block(place: str, offers_context: dict[str, Any]) -> dict[str, Any]:
    """Return the forms of one block, with their key: a form depends on the party alone."""
    offers_here = offers_context["offers"].get(place, ())
    forms = {name: offers_context[name] for name in _NAMES[place]}
    return {**forms, "key": tuple((offer.id, offer.reason) for offer in offers_here)}


def _bar(request: SignedInRequest, *, by: Actor, now: datetime, heads: Heads) -> str:
    """Render the count of the party's waiting alerts, in the bar above every page."""
    key = ("bar", by.party.pk, *_locale(), heads.hub, heads.entries, _time_slot(by.party.pk, now))
    html: str = block_cache.get(
        key, lambda: render_to_string("desk/alerts/_bar_live.html", {"request": request})
    )
    return html


def _read_at_block(now: datetime) -> str:
    """Render the time at which the figures were read."""

    def render() -> str:
        html = render_to_string("desk/_moment.html", {"now": now})
        return f'<div id="block-moment" hx-swap-oob="innerHTML">{html}</div>'

    html: str = block_cache.get(("moment", *_locale(), int(now.timestamp())), render)
    return html


def _shared_reads(uid: UUID, heads: Heads) -> dict[Hashable, Any]:
    """Return the cache of this room's reads since the last ledger entry, shared by all readers."""
    reads: dict[Hashable, Any] = block_cache.get(("known", uid, heads.hub, heads.entries), dict)
    return reads


def _locale() -> tuple[str | None, str]:
    """Return the reader's language and time zone, which every rendering depends on."""
    return translation.get_language(), timezone.get_current_timezone_name()


def _time_slot(party: int, now: datetime) -> int:
    """Return a number that changes every SAME_FOR_S seconds, at another time for each party."""
    return int(now.timestamp() / SAME_FOR_S + party * 0.618)


class _Room:
    """The content of a room, in parts that change for different reasons. Each has its own key."""

    def __init__(
        self, request: SignedInRequest, uid: UUID, *, by: Actor, now: datetime, hub: UUID
    ) -> None:
        self._request, self._uid, self._by, self._now = request, uid, by, now
        self._hub = hub

    def life(self) -> dict[str, Any]:
        """Return the crisis, its participants and proposals; the same for all of a party.

        Whether it can be closed changes with its signals too, which nothing else here does.
        """
        things = ("check", "measure", "proposal", "review", "role", "person", "party")
        life = self._part("life", things, self._read_life)
        things = ("signal", "signals", "opinion", "dispute", "disputes", "runaway", "approval")
        answer = self._part("answer", (*things, "adoption", "adoptions"), self._read_answer)
        facts = replace(
            life["facts"], is_answered=answer["is_answered"], is_current=answer["is_current"]
        )
        return {**life, "facts": facts}

    def content(self) -> dict[str, Any]:
        """Return clocks, clusters and sightings; the same for all of a party.

        Its part about the crisis itself changes with entries that concern every room.
        """
        things = ("signal", "signals", "opinion", "outcomes", "preview", "previews")
        return self._part("content", things, self._read_content)

    def acts(self) -> dict[str, Any]:
        """Return the last ledger entries; the same for all of a party."""
        return self._part("acts", None, self._read_acts)

    def discussion(self) -> dict[str, Any]:
        """Return tasks, log, public statements and leads, with the acts of the reader's role."""
        things = ("message", "line", "signal", "signals", "task", "role", "person", "party")
        return self._part("said", things, self._read_discussion, self._by.role)

    def _part(
        self,
        name: str,
        things: tuple[str, ...] | None,
        read: Callable[[], dict[str, Any]],
        *more: Hashable,
    ) -> dict[str, Any]:
        """Return one part; it is read again once something happened that it may show."""
        party = self._by.party.pk
        at = crisis_versions.of_room(self._uid, things)
        key = (
            name,
            self._uid,
            party,
            *more,
            *_locale(),
            self._hub,
            at,
            _time_slot(party, self._now),
        )
        part: dict[str, Any] = block_cache.get(
            key, lambda: {**read(), "key": key, "now": self._now}
        )
        return part

    def _read_life(self) -> dict[str, Any]:
        """Read the state of the crisis."""
        viewer = self._by.party
        facts = crises.facts_of(self._uid, viewer=viewer)
        life = life_reads.life(self._uid, viewer=viewer)
        return {
            **room_content.frame(life, viewer=viewer),
            "facts": facts,
            "others": room_offers.linkable(life, viewer=viewer),
            "is_insider": rules.is_insider(facts, viewer),
            "sees_closing": not facts.is_ended
            and allows(closing.check_sees_choice, facts, by=self._by),
            "checks_yes": sum(check.answer is CheckAnswer.YES for check in life.checks),
            "checks_all": len(life.checks),
        }

    def _read_answer(self) -> dict[str, Any]:
        """Read whether it was said which signals stay, and of all present signals."""
        row = crises.find(self._uid, viewer=self._by.party)
        is_answered, is_current = crises.answer_state(row)
        return {"is_answered": is_answered, "is_current": is_current}

    def _read_content(self) -> dict[str, Any]:
        """Read shared signals and their sightings."""
        viewer = self._by.party
        life: CrisisLife = self.life()["life"]
        return room_content.frame(life, viewer=viewer) | room_content.read(
            life, viewer=viewer, now=self._now
        )

    def _read_acts(self) -> dict[str, Any]:
        """Read the last ledger entries."""
        return room_content.acts(self.life()["life"], viewer=self._by.party)

    def _read_discussion(self) -> dict[str, Any]:
        """Read tasks, log, public statements and leads; empty for parties outside the room."""
        if not self.life()["life"].in_room:
            return {}
        try:
            context = (
                situation.log_context(self._request, self._uid, query={})
                | situation.lines_context(self._request, self._uid)
                | leads.leads_context(self._request, self._uid)
                | tasks.tasks_context(self._uid, by=self._by, now=self._now)
            )
        except NotFoundError:
            return {}
        return {name: context[name] for name in ("tasks", "log", "lines", "leads", "titles")}


def _own_views(uid: UUID, *, by: Actor, now: datetime, hub: UUID) -> dict[str, Any]:
    """Return the part for one person alone: the previews that they viewed."""
    key = ("own", uid, by, hub, crisis_versions.of_thing("preview"), _time_slot(by.party.pk, now))
    exposure, viewed = block_cache.get(key, lambda: media.exposure_and_signals(uid, by=by, now=now))
    return {"exposure": exposure, "seen": viewed}


def _offers(
    shared: dict[str, Any],
    *,
    by: Actor,
    now: datetime,
    refused: Offer | None = None,
    cached_html: bool = False,
    proposed: Collection[str] = (),
) -> dict[str, Any]:
    """Return the forms of all blocks.

    cached_html: as shared HTML without CSRF tokens. proposed: names of parties to invite.
    """
    room = room_offers.rules_input(shared["life"], shared["facts"], by=by, now=now)
    around = room_offers.form_choices(
        shared["facts"],
        uid=room.life.id,
        others=shared["others"],
        by=by,
        proposed=proposed,
    )
    offers = room_offers.offers(room, around=around, refused=refused)
    if cached_html:
        offers = {
            place: [
                _with_cached_html(offer, uid=room.life.id, key=around.key) for offer in offers_here
            ]
            for place, offers_here in offers.items()
        }
    answers = {o.target: o for o in offers.get("checks", ()) if o.action.name == "answer"}
    proposals = [
        (proposal, [offer for offer in offers.get("next", ()) if offer.target == str(proposal.id)])
        for proposal in room.life.proposals
        if proposal.state is ProposalState.OPEN
    ]
    return {
        "offers": offers,
        "proposals": proposals,
        "next_offers": [o for o in offers.get("next", ()) if not o.target and not o.is_folded],
        "later_offers": [offer for offer in offers.get("next", ()) if offer.is_folded],
        "checks": [(check, answers.get(check.test)) for check in room.life.checks],
        "uninvites": {o.target: o for o in offers.get("people", ()) if o.action.name == "uninvite"},
        "roles": [
            (role, [o for o in offers.get("roles", ()) if o.target == role.role])
            for role in room.life.roles
        ],
        "people_offers": [o for o in offers.get("people", ()) if not o.target],
        "check_offers": [o for o in offers.get("checks", ()) if not o.target],
        "neighbour_offers": [o for o in offers.get("neighbours", ()) if not o.target],
        "news": {o.target: o for o in offers.get("neighbours", ()) if o.target},
        "stray": _orphan(offers, refused=refused),
    }


def _with_cached_html(offer: Offer, *, uid: UUID, key: Hashable) -> Offer:
    """Return an offer whose form is rendered once for all readers with the same key."""
    context = {"offer": offer, "address": reverse("crisis-act", args=[uid, offer.action.name])}
    cache_key = ("offer", uid, offer.action.name, offer.target, offer.reason, key, *_locale())

    def html() -> str:
        rendered: str = block_cache.get(
            cache_key, lambda: render_to_string("desk/_offer.html", context)
        )
        return rendered

    return replace(offer, html=html)


def _orphan(offers: dict[str, list[Offer]], *, refused: Offer | None) -> Offer | None:
    """Return a refused form that is no longer offered, so that its input is not lost; or None."""
    if refused is None or any(refused in block for block in offers.values()):
        return None
    return refused
