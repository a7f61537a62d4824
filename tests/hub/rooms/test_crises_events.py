# SPDX-License-Identifier: Apache-2.0
from uuid import uuid4

import pytest

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotFoundError
from stemtide.hub.rooms.crises.models import EventLink
from stemtide.hub.rooms.crises.reads import life as reads_life
from stemtide.hub.rooms.crises.writes import events as writes_events, participants as writes_joining
from stemtide.protocol.messages.crises import (
    InviteIn,
    LinkIn,
    NeighbourIn,
    NeighbourUpdateIn,
    ReasonIn,
)
from tests.world import NOON

PCI = {"framework": "gifct", "version": "2025", "type": "perpetrator-content-incident"}
APART = ReasonIn(reason="two attacks after all")


def link(world, crisis, other, *, by=None):
    body = LinkIn(crisis=other, reason="one attack, told twice")
    return writes_events.link(crisis.id, body=body, by=by or world.actor(), now=NOON)


def mirror(world, crisis, **facts):
    body = NeighbourIn(**(PCI | {"started_at": NOON} | facts))
    return writes_events.mirror(crisis.id, body=body, by=world.actor(world.agency), now=NOON)


def test_a_second_warning_of_an_event_is_pointed_out_and_not_merged(world):
    first = world.warn(event_refs=("gifct:2026-011",))
    second = world.warn(world.big_provider, name="Something else", event_refs=("GIFCT:2026-011",))
    (told,) = reads_life.life(second.id, viewer=world.agency).alike
    assert (told.id, told.is_linked, told.why) == (first.id, False, "both name gifct:2026-011")
    assert second.event != first.event
    (named,) = reads_life.life(first.id, viewer=world.agency).alike
    assert named.id == second.id


def test_a_similar_name_near_in_time_is_pointed_out(world):
    first = world.warn(name="Attack at the harbour")
    second = world.warn(name="Attack in the harbour", countries=("FR",))
    assert [one.id for one in second.alike] == [first.id]
    assert second.alike[0].why == "FR, within 6 hours, and a similar name"


def test_a_crisis_is_pointed_out_to_those_alone_who_may_see_it(world):
    world.warn(event_refs=("gifct:1",))
    own = world.warn(world.big_provider, event_refs=("gifct:1",))
    assert own.alike == []


def test_two_crises_of_one_event_are_linked_with_a_reason_and_set_apart_again(world):
    one, other, third = world.warn(), world.warn(name="A blast"), world.warn(name="Explosion, FR")
    told = link(world, one, other.id)
    assert (told.event, told.alike[0].is_linked) == (other.event, True)
    assert told.alike[0].reason == "one attack, told twice"
    told = link(world, third, one.id)
    assert {two.id for two in told.alike if two.is_linked} == {one.id, other.id}
    with pytest.raises(ConflictError, match="already linked"):
        link(world, third, other.id)
    apart = writes_events.unlink(third.id, body=APART, by=world.actor(), now=NOON)
    assert not any(two.is_linked for two in apart.alike)
    with pytest.raises(ConflictError, match="not linked with another"):
        writes_events.unlink(third.id, body=APART, by=world.actor(), now=NOON)
    assert [row.reason for row in EventLink.objects.all()] == [
        *["one attack, told twice"] * 2,
        "two attacks after all",
    ]
    assert world.ledger_kinds()[-3:] == ["crisis.linked", "crisis.linked", "crisis.unlinked"]


def test_a_crisis_is_not_linked_with_itself_nor_a_drill_with_what_is_real(world):
    real, drill = world.warn(), world.warn(exercise=True)
    with pytest.raises(InvalidError, match="the same crisis"):
        link(world, real, real.id)
    with pytest.raises(InvalidError, match="cannot link them"):
        link(world, real, drill.id)
    with pytest.raises(NotFoundError):
        link(world, real, uuid4())


def test_several_mechanisms_are_mirrored_at_once_each_with_its_version(world):
    crisis = world.warn()
    mirror(world, crisis, reference="PCI-7", status="active")
    told = mirror(world, crisis, framework="christchurch-call", version="2019", type="anything")
    told = mirror(world, crisis, framework="north-sea-states", version="1", type="alarm")
    assert [(one.framework, one.is_known) for one in told.neighbours] == [
        ("gifct", True),
        ("christchurch-call", False),
        ("north-sea-states", False),
    ]
    assert told.neighbours[0].title == "GIFCT incident response, since 2025"
    entry = world.last_entry()
    assert entry.kind == "neighbour.mirrored"
    assert entry.detail["status"] == "unconfirmed"


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"version": "2021", "type": "perpetrator-content-incident"}, "type"),
        ({"version": "2019"}, "version"),
        ({"started_at": NOON.replace(hour=14)}, "started_at"),
        ({"ended_at": NOON.replace(hour=9)}, "ended_at"),
    ],
)
def test_a_neighbour_that_cannot_be_is_refused_with_its_field(world, facts, field):
    crisis = world.warn()
    with pytest.raises(InvalidError) as refused:
        mirror(world, crisis, **facts)
    assert refused.value.field == field


def test_one_activation_is_noted_once_for_an_event_whichever_crisis_notes_it(world):
    one, other = world.warn(), world.warn(name="A blast")
    link(world, one, other.id)
    noted = mirror(world, one).neighbours[0]
    with pytest.raises(ConflictError, match="already recorded for this event"):
        mirror(world, other)
    assert [two.id for two in reads_life.life(other.id, viewer=world.agency).neighbours] == [
        noted.id
    ]


def test_what_became_of_a_neighbour_is_noted_and_it_may_come_again(world):
    crisis = world.warn()
    noted = mirror(world, crisis).neighbours[0]
    body = NeighbourUpdateIn(status="ended", ended_at=world.at(hours=3))
    by = world.actor(world.agency)
    told = writes_events.update_neighbour(crisis.id, noted.id, body=body, by=by, now=NOON)
    assert (told.neighbours[0].status, told.neighbours[0].ended_at) == ("ended", world.at(hours=3))
    assert len(mirror(world, crisis, reference="the second").neighbours) == 2
    with pytest.raises(NotFoundError, match="has no other mechanism"):
        writes_events.update_neighbour(crisis.id, uuid4(), body=body, by=by, now=NOON)
    assert "neighbour.updated" in world.ledger_kinds()


def test_a_neighbour_noted_in_a_hidden_crisis_stays_hidden(world):
    seen, hidden = world.warn(world.big_provider), world.warn(name="A blast")
    link(world, seen, hidden.id, by=world.actor(world.agency))
    mirror(world, hidden)
    assert reads_life.life(seen.id, viewer=world.big_provider).neighbours == []
    assert reads_life.life(seen.id, viewer=world.big_provider).alike == []
    body = InviteIn(parties=("big-video",))
    writes_joining.invite(hidden.id, body=body, by=world.actor(world.agency), now=NOON)
    assert len(reads_life.life(seen.id, viewer=world.big_provider).neighbours) == 1
