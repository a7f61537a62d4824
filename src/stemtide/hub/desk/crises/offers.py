# SPDX-License-Identifier: Apache-2.0
"""Forms that a crisis' room offers now: those whose writes the rules would allow."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk import actions
from stemtide.hub.desk.actions import Offer, available
from stemtide.hub.desk.auth.people import SignedInRequest
from stemtide.hub.desk.crises.actions import ROOM_ACTIONS
from stemtide.hub.desk.crises.forms import FormChoices
from stemtide.hub.desk.crises.targets import Room
from stemtide.hub.desk.labels import Words
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.crises.rules import participants, roles
from stemtide.hub.rooms.crises.rules.crises import CrisisFacts
from stemtide.hub.rooms.parties.reads import parties, people
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.law.triage import triages
from stemtide.protocol.messages.crises import CrisisLife


def form_choices(
    facts: CrisisFacts,
    *,
    uid: UUID,
    others: Iterable[tuple[str, str]],
    by: Actor,
    proposed: Collection[str] = (),
) -> FormChoices:
    """Return the values that the forms need.

    others: crises to link with, by id and name. proposed: names of parties to invite.
    """
    return FormChoices(
        triage=triages()[facts.framework.triage],
        parties=[
            (party.name, party.title)
            for party in parties.parties()
            if participants.is_to_invite(facts, party)
        ],
        countries=facts.countries,
        review_h=facts.at.review_after_h,
        others=[(key, name) for key, name in others if key != str(uid)],
        holders=_holders(facts, by=by),
        proposed=proposed,
    )


def _holders(facts: CrisisFacts, *, by: Actor) -> list[tuple[Words, Sequence[tuple[str, str]]]]:
    """Return the colleagues and other parties in the room that may hold roles."""
    colleagues = [
        (person.email, person.name or person.email) for person in people.writers(viewer=by.party)
    ]
    others = [
        (party.name, party.title)
        for party in parties.parties()
        if party != by.party and allows(roles.check_any, facts, party)
    ]
    return [(_("Your party"), colleagues), (_("Another party, which accepts"), others)]


def linkable(life: CrisisLife, *, viewer: parties.Viewer) -> list[tuple[str, str]]:
    """Return the crises that may be linked with one: real or exercise alike, not yet linked."""
    linked_ids = {related.id for related in life.alike if related.is_linked}
    return [
        (str(crisis.id), crisis.name)
        for crisis in crises.crises(viewer=viewer)
        if crisis.exercise is life.exercise and crisis.id not in linked_ids and crisis.id != life.id
    ]


def offers(
    room: Room, *, around: FormChoices, refused: Offer | None = None
) -> dict[str, list[Offer]]:
    """Return the offers of each block. refused: one that was sent with errors, in its place."""
    offers_by_block: dict[str, list[Offer]] = {}
    for offer in available(ROOM_ACTIONS.values(), room, refused=refused, around=around):
        if offer.action.name == "invite" and around.proposed:
            offer = replace(offer, is_open=True)  # noqa: PLW2901  # an offer is a value
        if offer.action.name != "link" or around.others:
            offers_by_block.setdefault(offer.action.block, []).append(offer)
    return offers_by_block


def sent_offer(request: SignedInRequest, uid: UUID, *, name: str, by: Actor) -> Offer:
    """Return an offer filled in with the request's data.

    raises: NotFoundError if the person may not see the crisis.
    """
    facts = crises.facts_of(uid, viewer=by.party)
    others = [(str(crisis.id), crisis.name) for crisis in crises.crises(viewer=by.party)]
    choices = form_choices(facts, uid=uid, others=others, by=by)
    return actions.sent_offer(request, ROOM_ACTIONS, name, around=choices)


def rules_input(life: CrisisLife, facts: CrisisFacts, *, by: Actor, now: datetime) -> Room:
    """Return the input of the rules."""
    return Room(facts=facts, life=life, by=by, now=now)
