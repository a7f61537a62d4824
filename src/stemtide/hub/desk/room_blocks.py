# SPDX-License-Identifier: Apache-2.0
"""What the blocks of a crisis' room show, read once for all who may see the same.

Fifty people of seven parties look at one room, and every act wakes all of them. What they see
depends on their party, role, language and zone, on how far the ledger has come, and on little of
their own: so blocks are made once for each of these, and handed to everyone they are for.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.template.loader import render_to_string
from django.utils import timezone, translation

from stemtide.hub.crises import reads as crises, reads_life, rules
from stemtide.hub.desk import leads, room_content, room_offers, situation
from stemtide.hub.desk.people import SignedInRequest
from stemtide.hub.desk.room_verbs import Offer
from stemtide.hub.ledger import reads as ledger
from stemtide.hub.media import reads as media
from stemtide.hub.parties.reads import Actor
from stemtide.hub.parties.rules import NotFoundError
from stemtide.protocol.crises import CrisisLife
from stemtide.protocol.words import CheckAnswer, ProposalState

SAME_FOR_S = 10
"""Words such as "3 min ago" are made anew this often, also where nothing happens."""

_KEPT = 128


class _Made:
    """Values by key, the latest few of them; each is made once, however many ask at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:  # noqa: ANN401  # whatever is made
        """The value of a key, made now if nobody made it."""
        with self._lock:
            if key in self._values:
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
    now = datetime.now(UTC)
    shared = _shared(request, uid, by=by, now=now)
    own = _own(uid, by=by, now=now)
    return {**shared, **own, **_offers(shared, by=by, now=now, wrong=wrong)}


def fragment(request: SignedInRequest, uid: UUID, *, by: Actor) -> str:
    """All blocks as HTMX swaps them in, without tokens: the page's script puts its own in.

    raises: NotFoundError.
    """
    now = datetime.now(UTC)
    shared = _shared(request, uid, by=by, now=now)
    own = _own(uid, by=by, now=now)
    mine = any(
        one.state is ProposalState.OPEN and one.by.party == by.party.name and one.by.ref == by.ref
        for one in shared["life"].proposals
    )
    key = (shared["key"], mine, own["exposure"], frozenset(own["seen"]))

    def render() -> str:
        found = {**shared, **own, **_offers(shared, by=by, now=now, wrong=None)}
        return render_to_string("desk/room/_blocks.html", {**found, "is_fragment": True})

    html: str = made.get(key, render)
    return html + render_to_string("desk/room/_as_of.html", {"now": now}, request)


def _shared(request: SignedInRequest, uid: UUID, *, by: Actor, now: datetime) -> dict[str, Any]:
    """What everybody of one party, in one role, sees alike."""
    heads = ledger.heads()
    key = (
        *(
            uid,
            by.party.pk,
            by.role,
            translation.get_language(),
            timezone.get_current_timezone_name(),
        ),
        *(heads.hub, heads.entries, heads.positions, int(now.timestamp() / SAME_FOR_S)),
    )

    def read() -> dict[str, Any]:
        facts = crises.facts_of(uid, viewer=by.party)
        life = reads_life.life(uid, viewer=by.party)
        return {
            "key": key,
            "now": now,
            "facts": facts,
            "life": life,
            "others": room_offers.linkable(life, viewer=by.party),
            "is_insider": rules.is_insider(facts, by.party),
            "checks_yes": sum(one.answer is CheckAnswer.YES for one in life.checks),
            "checks_all": len(life.checks),
            **room_content.read(life, by=by, now=now),
            **_said(request, life),
        }

    found: dict[str, Any] = made.get(key, read)
    return found


def _said(request: SignedInRequest, life: CrisisLife) -> dict[str, object]:
    """What was said in the room, for those in it."""
    if not life.in_room:
        return {}
    try:
        return (
            situation.log_facts(request, life.id)
            | situation.lines_facts(request, life.id)
            | leads.leads_facts(request, life.id)
        )
    except NotFoundError:
        return {}


def _own(uid: UUID, *, by: Actor, now: datetime) -> dict[str, Any]:
    """What one person alone sees: what they looked at."""
    return {
        "exposure": media.exposure(uid, by=by, now=now),
        "seen": media.seen(uid, by=by),
    }


def _offers(
    shared: dict[str, Any], *, by: Actor, now: datetime, wrong: Offer | None
) -> dict[str, object]:
    """The forms."""
    room = room_offers.room_now(shared["life"], shared["facts"], by=by, now=now)
    ground = room_offers.around(shared["facts"], uid=room.life.id, by=by, others=shared["others"])
    found = room_offers.offers(room, ground=ground, wrong=wrong)
    answers = {one.target: one for one in found.get("checks", ()) if one.verb.name == "answer"}
    proposals = [
        (one, [offer for offer in found.get("next", ()) if offer.target == str(one.id)])
        for one in room.life.proposals
        if one.state is ProposalState.OPEN
    ]
    return {
        "offers": found,
        "proposals": proposals,
        "next_offers": [one for one in found.get("next", ()) if not one.target],
        "checks": [(one, answers.get(one.test)) for one in room.life.checks],
        "uninvites": {o.target: o for o in found.get("people", ()) if o.verb.name == "uninvite"},
        "people_offers": [o for o in found.get("people", ()) if not o.target],
        "check_offers": [o for o in found.get("checks", ()) if not o.target],
        "neighbour_offers": [o for o in found.get("neighbours", ()) if not o.target],
        "news": {o.target: o for o in found.get("neighbours", ()) if o.target},
        "stray": _stray(found, wrong=wrong),
    }


def _stray(found: dict[str, list[Offer]], *, wrong: Offer | None) -> Offer | None:
    """A form that was sent wrong and is no longer offered, so that what it says is not lost."""
    if wrong is None or any(wrong in each for each in found.values()):
        return None
    return wrong
