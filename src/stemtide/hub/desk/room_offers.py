# SPDX-License-Identifier: Apache-2.0
"""The forms that stand in a crisis' room now: those whose writes the rules would let through."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import cast
from uuid import UUID

from django.utils.functional import SimpleLazyObject

from stemtide.hub.crises import reads as crises, rules_joining
from stemtide.hub.crises.rules import CrisisFacts
from stemtide.hub.desk.people import SignedInRequest
from stemtide.hub.desk.room_forms import Around, RoomForm
from stemtide.hub.desk.room_targets import Room
from stemtide.hub.desk.room_verbs import Offer, Verb, allowed
from stemtide.hub.parties import reads as parties
from stemtide.hub.parties.reads import Actor
from stemtide.protocol.crises import CrisisLife
from stemtide.protocol.triage import triages


def around(
    facts: CrisisFacts, *, uid: UUID, by: Actor, others: Iterable[tuple[str, str]]
) -> Around:
    """What the forms must know. others: crises to link with, by id and name."""
    return Around(
        triage=triages()[facts.framework.triage],
        parties=[
            (party.name, party.title)
            for party in parties.parties(viewer=by.party)
            if rules_joining.is_to_invite(facts, party)
        ],
        countries=facts.countries,
        review_h=facts.at.review_after_h,
        others=[(key, name) for key, name in others if key != str(uid)],
    )


def linkable(life: CrisisLife, *, viewer: parties.Viewer) -> list[tuple[str, str]]:
    """The crises that may be linked with one: as real as it, and not linked with it yet."""
    linked = {one.id for one in life.alike if one.is_linked}
    return [
        (str(crisis.id), crisis.name)
        for crisis in crises.crises(viewer=viewer)
        if crisis.exercise is life.exercise and crisis.id not in linked and crisis.id != life.id
    ]


def offers(room: Room, *, ground: Around, wrong: Offer | None = None) -> dict[str, list[Offer]]:
    """The offers of each block. wrong: one as it was sent, in its place."""
    found: dict[str, list[Offer]] = {}
    for verb, target in allowed(room):
        if verb.name == "link" and not ground.others:
            continue
        if wrong and (wrong.verb, wrong.target) == (verb, target):
            offer = wrong
        else:
            offer = Offer(verb, target, _form(verb, target, ground=ground))
        found.setdefault(verb.place, []).append(offer)
    return found


def sent(request: SignedInRequest, uid: UUID, *, verb: Verb, target: str, by: Actor) -> Offer:
    """An offer filled in as somebody sent it.

    raises: NotFoundError for a crisis that they may not see.
    """
    facts = crises.facts_of(uid, viewer=by.party)
    others = [(str(crisis.id), crisis.name) for crisis in crises.crises(viewer=by.party)]
    ground = around(facts, uid=uid, by=by, others=others)
    form = verb.form(request.POST, prefix=_prefix(verb, target), around=ground)
    return Offer(verb, target, form)


def room_now(life: CrisisLife, facts: CrisisFacts, *, by: Actor, now: datetime) -> Room:
    """What the rules ask about."""
    return Room(facts=facts, life=life, by=by, now=now)


def _form(verb: Verb, target: str, *, ground: Around) -> RoomForm:
    """An empty form, made when somebody looks at it: most are drawn already."""
    make = partial(verb.form, prefix=_prefix(verb, target), around=ground)
    return cast("RoomForm", SimpleLazyObject(make))


def _prefix(verb: Verb, target: str) -> str:
    """What the names of a form's fields begin with, of its own on the page."""
    return f"{verb.name}-{target}" if target else verb.name
