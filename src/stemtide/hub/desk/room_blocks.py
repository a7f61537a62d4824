# SPDX-License-Identifier: Apache-2.0
"""What the blocks of a crisis' room show, read once for all who may see the same.

Fifty people of seven parties look at one room, and every act wakes all of them. What a block
shows depends on the reader's party, language and zone, and on how far the ledger has come for this
crisis; for some blocks on the role, on the acts that are offered, or on what one looked at. Each
block is made once for each of these, from nothing but what it was said to depend on, and handed to
everyone it is for.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.template.loader import render_to_string
from django.utils import timezone, translation

from stemtide.hub.crises import reads as crises, reads_life, rules
from stemtide.hub.desk import leads, room_content, room_offers, situation
from stemtide.hub.desk.people import SignedInRequest
from stemtide.hub.desk.room_verbs import Offer
from stemtide.hub.ledger.marks import marks
from stemtide.hub.ledger.reads import Heads
from stemtide.hub.media import reads as media
from stemtide.hub.parties.moment import moment
from stemtide.hub.parties.reads import Actor
from stemtide.hub.parties.rules import NotFoundError
from stemtide.protocol.crises import CrisisLife
from stemtide.protocol.words import CheckAnswer, ProposalState

SAME_FOR_S = 10
"""Words such as "3 min ago" are made anew this often, also where nothing happens."""

_KEPT = 1024


class _Made:
    """Values by key, those asked for lately; each is made once, however many ask at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:  # noqa: ANN401  # whatever is made
        """The value of a key, made now if nobody made it."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._values:
                    return self._values[key]
            try:
                value = make()
                with self._lock:
                    self._values[key] = value
                    while len(self._values) > _KEPT:
                        self._values.popitem(last=False)
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()


made = _Made()
"""The process' one store of blocks."""


def facts(
    request: SignedInRequest, uid: UUID, *, by: Actor, wrong: Offer | None = None
) -> dict[str, object]:
    """Everything the page shows.

    raises: NotFoundError for a crisis that the person's party may not see.
    """
    now, heads = datetime.now(UTC), marks.look()
    with moment(_known(uid, heads)):
        room = _Room(request, uid, by=by, now=now, hub=heads.hub)
        offered = _offers(room.life(), by=by, now=now, wrong=wrong)
        own = _own(uid, by=by, now=now, hub=heads.hub)
        return {**room.content(), **room.life(), **room.said(), **room.acts(), **own, **offered}


def fragment(request: SignedInRequest, uid: UUID, *, by: Actor) -> str:
    """All blocks as HTMX swaps them in, without tokens: the page's script puts its own in.

    raises: NotFoundError.
    """
    now, heads = datetime.now(UTC), marks.look()
    with moment(_known(uid, heads)):
        room = _Room(request, uid, by=by, now=now, hub=heads.hub)
        life, content = room.life(), room.content()
        own = _own(uid, by=by, now=now, hub=heads.hub)
        looks = {**own, "key": tuple(own.values())}
        offered = _offers(life, by=by, now=now, drawn=True)
        blocks = [_block("head", content, life), _block("next", life, _of("next", offered))]
        blocks += [_block("curve", content), _block("clusters", content, looks)]
        blocks += [_block("sightings", content)]
        if life["is_insider"]:
            places = ("people", "checks", "neighbours")
            blocks += [_block(place, life, _of(place, offered)) for place in places]
        if life["life"].in_room:
            said = room.said()
            blocks += [_block(name, said) for name in ("log", "lines", "leads") if name in said]
        blocks += [_block("ledger", room.acts())]
        return "".join(blocks) + _bar(request, by=by, now=now, heads=heads) + _moment(now)


_TEMPLATES = {"curve": "spread", "ledger": "timeline"}


def _block(name: str, *parts: Mapping[str, Any]) -> str:
    """One block to swap in, made from these parts and nothing else, once for all that are alike."""

    def render() -> str:
        found = {name: value for part in parts for name, value in part.items()}
        html = render_to_string(f"desk/room/_{_TEMPLATES.get(name, name)}.html", found)
        return f'<div id="block-{name}" hx-swap-oob="innerHTML">{html}</div>\n'

    html: str = made.get((name, *_reading(), *(part["key"] for part in parts)), render)
    return html


_NAMES = {
    "next": ("proposals", "next_offers"),
    "people": ("uninvites", "people_offers"),
    "checks": ("checks", "check_offers"),
    "neighbours": ("news", "neighbour_offers"),
}
"""What the templates of blocks with forms call them."""


def _of(place: str, offered: dict[str, Any]) -> dict[str, Any]:
    """The forms of one block, and their key: what a form holds depends on the party alone."""
    here = offered["offers"].get(place, ())
    forms = {name: offered[name] for name in _NAMES[place]}
    return {**forms, "key": tuple((one.verb.name, one.target) for one in here)}


def _bar(request: SignedInRequest, *, by: Actor, now: datetime, heads: Heads) -> str:
    """The alerts that wait for the party, as the bar above every page tells of them."""
    key = ("bar", by.party.pk, *_reading(), heads.hub, heads.entries, _span(by.party.pk, now))
    html: str = made.get(
        key, lambda: render_to_string("desk/alerts/_bar_live.html", {"request": request})
    )
    return html


def _moment(now: datetime) -> str:
    """When the figures were read."""

    def render() -> str:
        html = render_to_string("desk/_moment.html", {"now": now})
        return f'<div id="block-moment" hx-swap-oob="innerHTML">{html}</div>'

    html: str = made.get(("moment", *_reading(), int(now.timestamp())), render)
    return html


def _known(uid: UUID, heads: Heads) -> dict[Hashable, Any]:
    """What pages of this room have read since the ledger's last entry, whoever looks at them."""
    known: dict[Hashable, Any] = made.get(("known", uid, heads.hub, heads.entries), dict)
    return known


def _reading() -> tuple[str | None, str]:
    """How the person reads: what every rendering depends on."""
    return translation.get_language(), timezone.get_current_timezone_name()


def _span(party: int, now: datetime) -> int:
    """A number that stays the same for a while; parties' whiles end at different moments."""
    return int(now.timestamp() / SAME_FOR_S + party * 0.618)


class _Room:
    """What a room shows, in parts that change for different reasons. Each has its own key."""

    def __init__(
        self, request: SignedInRequest, uid: UUID, *, by: Actor, now: datetime, hub: UUID
    ) -> None:
        self._request, self._uid, self._by, self._now = request, uid, by, now
        self._hub = hub

    def life(self) -> dict[str, Any]:
        """Where the crisis stands, who takes part, what is proposed; alike for all of a party."""
        return self._part("life", ("check", "measure", "proposal", "review"), self._read_life)

    def content(self) -> dict[str, Any]:
        """Clocks, clusters and sightings; alike for all of a party.

        What this shows of the crisis itself changes with acts that concern every room.
        """
        things = ("signal", "signals", "opinion", "outcomes", "preview", "previews")
        return self._part("content", things, self._read_content)

    def acts(self) -> dict[str, Any]:
        """The last acts; alike for all of a party."""
        return self._part("acts", None, self._read_acts)

    def said(self) -> dict[str, Any]:
        """What was said in the room, for those in it, with what their role may do about it."""
        things = ("message", "line", "signal", "signals")
        return self._part("said", things, self._read_said, self._by.role)

    def _part(
        self,
        name: str,
        things: tuple[str, ...] | None,
        read: Callable[[], dict[str, Any]],
        *more: Hashable,
    ) -> dict[str, Any]:
        """One part, read again once anything happened that it may show."""
        party = self._by.party.pk
        at = marks.of_room(self._uid, things)
        key = (name, self._uid, party, *more, *_reading(), self._hub, at, _span(party, self._now))
        found: dict[str, Any] = made.get(key, lambda: {**read(), "key": key, "now": self._now})
        return found

    def _read_life(self) -> dict[str, Any]:
        """Where it stands."""
        viewer = self._by.party
        facts = crises.facts_of(self._uid, viewer=viewer)
        life = reads_life.life(self._uid, viewer=viewer)
        return {
            **room_content.frame(life, viewer=viewer),
            "facts": facts,
            "others": room_offers.linkable(life, viewer=viewer),
            "is_insider": rules.is_insider(facts, viewer),
            "checks_yes": sum(check.answer is CheckAnswer.YES for check in life.checks),
            "checks_all": len(life.checks),
        }

    def _read_content(self) -> dict[str, Any]:
        """What was shared and met."""
        viewer = self._by.party
        life: CrisisLife = self.life()["life"]
        return room_content.frame(life, viewer=viewer) | room_content.read(
            life, viewer=viewer, now=self._now
        )

    def _read_acts(self) -> dict[str, Any]:
        """What was done last."""
        return room_content.acts(self.life()["life"], viewer=self._by.party)

    def _read_said(self) -> dict[str, Any]:
        """What was said; nothing to those who are not in the room."""
        if not self.life()["life"].in_room:
            return {}
        try:
            found = (
                situation.log_facts(self._request, self._uid, asked={})
                | situation.lines_facts(self._request, self._uid)
                | leads.leads_facts(self._request, self._uid)
            )
        except NotFoundError:
            return {}
        return {name: found[name] for name in ("log", "lines", "leads", "titles")}


def _own(uid: UUID, *, by: Actor, now: datetime, hub: UUID) -> dict[str, Any]:
    """What one person alone sees: what they looked at."""
    key = ("own", uid, by, hub, marks.of_thing("preview"), _span(by.party.pk, now))
    exposure, seen = made.get(key, lambda: media.looked_at(uid, by=by, now=now))
    return {"exposure": exposure, "seen": seen}


def _offers(
    shared: dict[str, Any],
    *,
    by: Actor,
    now: datetime,
    wrong: Offer | None = None,
    drawn: bool = False,
) -> dict[str, Any]:
    """The forms. drawn: without tokens, as they were drawn for all who get the same."""
    room = room_offers.room_now(shared["life"], shared["facts"], by=by, now=now)
    ground = room_offers.around(shared["facts"], uid=room.life.id, by=by, others=shared["others"])
    found = room_offers.offers(room, ground=ground, wrong=wrong)
    if drawn:
        found = {
            place: [_drawn(one, uid=room.life.id, key=ground.key) for one in here]
            for place, here in found.items()
        }
    answers = {one.target: one for one in found.get("checks", ()) if one.verb.name == "answer"}
    proposals = [
        (proposal, [offer for offer in found.get("next", ()) if offer.target == str(proposal.id)])
        for proposal in room.life.proposals
        if proposal.state is ProposalState.OPEN
    ]
    return {
        "offers": found,
        "proposals": proposals,
        "next_offers": [one for one in found.get("next", ()) if not one.target],
        "checks": [(check, answers.get(check.test)) for check in room.life.checks],
        "uninvites": {o.target: o for o in found.get("people", ()) if o.verb.name == "uninvite"},
        "people_offers": [o for o in found.get("people", ()) if not o.target],
        "check_offers": [o for o in found.get("checks", ()) if not o.target],
        "neighbour_offers": [o for o in found.get("neighbours", ()) if not o.target],
        "news": {o.target: o for o in found.get("neighbours", ()) if o.target},
        "stray": _stray(found, wrong=wrong),
    }


def _drawn(offer: Offer, *, uid: UUID, key: Hashable) -> Offer:
    """An offer whose form is drawn once for all whom it offers the same. key: its ground's."""
    facts = {"offer": offer, "life": {"id": uid}}
    kept = ("offer", uid, offer.verb.name, offer.target, key, *_reading())

    def html() -> str:
        found: str = made.get(kept, lambda: render_to_string("desk/room/_offer_form.html", facts))
        return found

    return replace(offer, html=html)


def _stray(found: dict[str, list[Offer]], *, wrong: Offer | None) -> Offer | None:
    """A form that was sent wrong and is no longer offered, so that what it says is not lost."""
    if wrong is None or any(wrong in each for each in found.values()):
        return None
    return wrong
