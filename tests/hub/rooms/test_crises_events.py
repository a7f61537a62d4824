# SPDX-License-Identifier: Apache-2.0
from uuid import uuid4

import pytest

from stemtide.hub.platform.errors import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
)
from stemtide.hub.rooms.crises.models import EventLink
from stemtide.hub.rooms.crises.reads import life as reads_life
from stemtide.hub.rooms.crises.writes import events as writes_events, participants as writes_joining
from stemtide.hub.rooms.parties.writes import standing
from stemtide.hub.rooms.situation.reads import activations
from stemtide.protocol.messages.crises import (
    InviteIn,
    LinkIn,
    NeighbourIn,
    NeighbourUpdateIn,
    ReasonIn,
)
from stemtide.protocol.trust.parties import MechanismIn
from tests.rounds import at_night, some_of
from tests.world import NOON, hex_value, suspend

PCI = {"framework": "gifct", "version": "2025", "type": "perpetrator-content-incident"}
APART = ReasonIn(reason="two attacks after all")


def link(world, crisis, other, *, by=None):
    body = LinkIn(crisis=other, reason="one attack, told twice")
    return writes_events.link(crisis.id, body=body, by=by or world.actor(), now=NOON)


def mirror(world, crisis, **facts):
    body = NeighbourIn(**(PCI | {"started_at": NOON} | facts))
    return writes_events.mirror(crisis.id, body=body, by=world.actor(world.agency), now=NOON)


@at_night
def test_a_second_warning_of_an_event_is_pointed_out_and_not_merged(world):
    first = world.warn(event_refs=("gifct:2026-011",))
    second = world.warn(world.big_provider, name="Something else", event_refs=("GIFCT:2026-011",))
    (told,) = reads_life.life(second.id, viewer=world.agency).alike
    assert (told.id, told.is_linked, told.why) == (first.id, False, "both name gifct:2026-011")
    assert second.event != first.event
    (named,) = reads_life.life(first.id, viewer=world.agency).alike
    assert named.id == second.id


@at_night
def test_a_similar_name_near_in_time_is_pointed_out(world):
    first = world.warn(name="Attack at the harbour")
    second = world.warn(name="Attack in the harbour", countries=("FR",))
    assert [one.id for one in second.alike] == [first.id]
    assert second.alike[0].why == "FR, within 6 hours, and a similar name"


def test_a_crisis_is_pointed_out_to_those_alone_who_may_see_it(world):
    world.warn(event_refs=("gifct:1",))
    own = world.warn(world.big_provider, event_refs=("gifct:1",))
    assert own.alike == []


@at_night
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


@at_night
def test_a_crisis_is_not_linked_with_itself_nor_a_drill_with_what_is_real(world):
    real, drill = world.warn(), world.warn(exercise=True)
    with pytest.raises(InvalidError, match="the same crisis"):
        link(world, real, real.id)
    with pytest.raises(InvalidError, match="cannot link them"):
        link(world, real, drill.id)
    with pytest.raises(NotFoundError):
        link(world, real, uuid4())


@at_night
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


@at_night
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


@at_night
def test_one_activation_is_noted_once_for_an_event_whichever_crisis_notes_it(world):
    one, other = world.warn(), world.warn(name="A blast")
    link(world, one, other.id)
    noted = mirror(world, one).neighbours[0]
    with pytest.raises(ConflictError, match="already recorded for this event"):
        mirror(world, other)
    assert [two.id for two in reads_life.life(other.id, viewer=world.agency).neighbours] == [
        noted.id
    ]


@at_night
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


@at_night
def test_a_neighbour_noted_in_a_hidden_crisis_stays_hidden(world):
    seen, hidden = world.warn(world.big_provider), world.warn(name="A blast")
    link(world, seen, hidden.id, by=world.actor(world.agency))
    mirror(world, hidden)
    assert reads_life.life(seen.id, viewer=world.big_provider).neighbours == []
    assert reads_life.life(seen.id, viewer=world.big_provider).alike == []
    body = InviteIn(parties=("big-video",))
    writes_joining.invite(hidden.id, body=body, by=world.actor(world.agency), now=NOON)
    assert len(reads_life.life(seen.id, viewer=world.big_provider).neighbours) == 1


@pytest.fixture
def gifct(world):
    """A consortium that speaks for a mechanism, as an agency decided."""
    return speak_for(world, "gifct")


def speak_for(world, mechanism, *, party=None):
    party = party or world.consortium
    body = MechanismIn(mechanism=mechanism)
    standing.set_mechanism(party.name, body=body, by=world.actor(world.agency), now=NOON)
    party.refresh_from_db()
    return party


def note(world, crisis, by, **facts):
    body = NeighbourIn(**(PCI | {"started_at": NOON, "status": "active"} | facts))
    return writes_events.mirror(crisis.id, body=body, by=world.actor(by), now=NOON).neighbours[-1]


def update(world, crisis, noted, by, status="ended"):
    body = NeighbourUpdateIn(status=status, ended_at=NOON if status == "ended" else None)
    by = world.actor(by)
    return writes_events.update_neighbour(crisis.id, noted.id, body=body, by=by, now=NOON)


def test_a_party_notes_and_ends_the_activations_of_its_own_mechanism(world, gifct):
    crisis = world.warn()
    world.join(crisis, gifct)
    noted = note(world, crisis, gifct)
    assert (noted.by.party, noted.own_by, noted.status) == (gifct.name, gifct.name, "active")
    assert world.last_entry().detail["own"] is True
    ended = update(world, crisis, noted, gifct).neighbours[0]
    assert (ended.status, ended.own_by) == ("ended", gifct.name)
    assert (world.last_entry().actor, world.last_entry().detail["own"]) == (gifct.ref, True)


@at_night
def test_nobody_else_ends_what_a_mechanism_noted_itself(world, gifct):
    crisis = world.warn()
    world.join(crisis, gifct, world.big_provider)
    noted = note(world, crisis, gifct)
    for other in (world.agency, world.authority, world.big_provider):
        with pytest.raises(NotAllowedError):
            update(world, crisis, noted, other)
    assert reads_life.life(crisis.id, viewer=world.agency).neighbours[0].status == "active"


@at_night
def test_a_mechanism_confirms_what_others_reported_and_then_only_it_changes_that(world, gifct):
    crisis = world.warn()
    world.join(crisis, gifct)
    heard = mirror(world, crisis).neighbours[0]
    assert heard.own_by is None
    assert update(world, crisis, heard, gifct, "active").neighbours[0].own_by == gifct.name
    with pytest.raises(NotAllowedError, match="noted this itself"):
        update(world, crisis, heard, world.agency)


@pytest.mark.parametrize("framework", some_of(1, ["gifct", "christchurch-call"]))
def test_nobody_makes_up_an_activation_of_a_mechanism_of_others(world, framework):
    speaker = speak_for(world, "nz-dia")
    crisis = world.warn()
    world.join(crisis, speaker, world.big_provider)
    known = {"framework": framework, "version": "2025" if framework == "gifct" else "2019"}
    for party in (speaker, world.big_provider):
        with pytest.raises(NotAllowedError):
            note(world, crisis, party, **known)
    assert note(world, crisis, world.agency, **known).own_by is None


def test_a_mechanism_outside_the_room_notes_nothing(world, gifct):
    crisis = world.warn()
    body = InviteIn(parties=(gifct.name,))
    writes_joining.invite(crisis.id, body=body, by=world.actor(world.agency), now=NOON)
    with pytest.raises(NotAllowedError):
        note(world, crisis, gifct)


@at_night
def test_those_who_lead_take_over_from_a_party_that_no_longer_speaks_for_it(world, gifct):
    crisis = world.warn()
    world.join(crisis, gifct)
    noted = note(world, crisis, gifct)
    speak_for(world, "")
    with pytest.raises(NotAllowedError):
        update(world, crisis, noted, gifct)
    assert update(world, crisis, noted, world.agency).neighbours[0].status == "ended"


@at_night
def test_a_suspended_mechanism_does_not_keep_an_activation_open(world, gifct):
    crisis = world.warn()
    world.join(crisis, gifct)
    noted = note(world, crisis, gifct)
    suspend(gifct, agency=world.agency)
    assert update(world, crisis, noted, world.agency).neighbours[0].own_by is None


def test_only_an_agency_decides_who_speaks_for_a_mechanism_and_one_party_does(world, gifct):
    body = MechanismIn(mechanism="gifct")
    for by in (world.authority, gifct, world.big_provider):
        with pytest.raises(NotAllowedError):
            standing.set_mechanism(world.big_provider.name, body=body, by=world.actor(by), now=NOON)
    with pytest.raises(ConflictError, match=f"{gifct.name} speaks for gifct"):
        speak_for(world, "gifct", party=world.big_provider)
    with pytest.raises(ConflictError, match="already"):
        speak_for(world, "gifct")
    assert world.last_entry().detail["mechanism"] == "gifct"


def test_a_party_that_a_bot_plays_speaks_for_no_mechanism(world):
    world.consortium.exercise = True
    world.consortium.save()
    with pytest.raises(ConflictError, match="played by a bot"):
        speak_for(world, "gifct")
    world.consortium.exercise = False
    world.consortium.save()
    assert speak_for(world, "gifct").mechanism == "gifct"


def test_an_activation_noted_in_a_hidden_crisis_is_not_revealed_by_a_refusal(world):
    speaker = speak_for(world, "gifct", party=world.big_provider)
    seen, hidden = world.warn(speaker), world.warn(name="A blast")
    link(world, seen, hidden.id, by=world.actor(world.agency))
    mirror(world, hidden)
    assert note(world, seen, speaker).own_by == speaker.name


@at_night
def test_activations_of_one_event_are_shown_beside_each_other(world, gifct):
    one, other = world.warn(), world.warn(name="A blast", countries=("DE",))
    link(world, one, other.id)
    world.join(one, gifct)
    note(world, one, gifct, started_at=world.at(hours=-1))
    shared = [world.share(value=hex_value(number), crisis=one.id) for number in (1, 2)]
    world.share(world.agency, value=hex_value(1), crisis=other.id)
    assert shared
    told = activations.event(one.id, viewer=world.agency)
    by_crisis = {row.crisis: row for row in told.activations if row.neighbour is None}
    assert (by_crisis[one.id].signals, by_crisis[one.id].adds) == (2, 1)
    assert (by_crisis[other.id].signals, by_crisis[other.id].adds) == (1, 0)
    assert by_crisis[one.id].parties == [gifct.name]
    first = told.activations[0]
    assert first.title == "GIFCT incident response, since 2025"
    assert (first.is_own, first.after_s) == (True, 0)
    assert "DE" in told.countries_apart
    assert (told.is_ended_in_part, told.not_own) == (False, 0)
    assert told.event == activations.event(other.id, viewer=world.agency).event


@at_night
def test_the_database_counts_what_activations_add(world, django_assert_num_queries):
    """A crisis has up to a million signals; as in sets of their values, if these were few."""
    crises = [world.warn(name=name) for name in ("One", "Two", "Three")]
    for other in crises[1:]:
        link(world, crises[0], other.id)
    values = [{1, 2, 3}, {2, 3, 4, 5}, set()]
    sharers = (world.authority, world.agency, world.authority)
    for crisis, numbers, sharer in zip(crises, values, sharers, strict=True):
        for number in numbers:
            world.share(sharer, value=hex_value(number), crisis=crisis.id)
    world.share(world.agency, value=hex_value(1), crisis=crises[0].id)
    ids = [crisis.id for crisis in crises]
    with django_assert_num_queries(1) as captured:
        counts = activations._count_values(ids, viewer=world.agency)
    assert captured[0]["sql"].startswith("SELECT COUNT(")
    assert [tuple(counts[crisis]) for crisis in ids] == [(3, 1), (4, 2), (0, 0)]


@at_night
def test_times_and_states_that_differ_are_named(world):
    crisis = world.activate()
    noted = mirror(world, crisis, started_at=world.at(minutes=-40), status="active").neighbours[0]
    told = activations.event(crisis.id, viewer=world.agency)
    assert [row.after_s for row in told.activations] == [0, told.span_s]
    assert told.span_s == (crisis.activated_at - world.at(minutes=-40)).total_seconds()
    assert told.not_own == 1
    update(world, crisis, noted, world.agency)
    assert activations.event(crisis.id, viewer=world.agency).is_ended_in_part


def test_an_event_shows_nothing_of_hidden_crises(world):
    seen, hidden = world.warn(world.big_provider), world.warn(name="A blast", countries=("DE",))
    link(world, seen, hidden.id, by=world.actor(world.agency))
    mirror(world, hidden)
    told = activations.event(seen.id, viewer=world.big_provider)
    assert [row.crisis for row in told.activations] == [seen.id]
    assert told.countries_apart == []
    with pytest.raises(NotFoundError):
        activations.event(hidden.id, viewer=world.big_provider)
