# SPDX-License-Identifier: Apache-2.0
"""Signed messages of neighbours: entered beside ours, or refused at the price of one message."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stemtide.hub.platform.errors import ConflictError, NotAllowedError, RateLimitError
from stemtide.hub.rooms.crises.known_neighbours import KnownNeighbour
from stemtide.hub.rooms.crises.models import Neighbour, NeighbourMessage
from stemtide.hub.rooms.crises.reads.arrivals import SHOWN, open_arrivals
from stemtide.hub.rooms.crises.rules.arrivals import KEPT, MAX_AN_HOUR
from stemtide.hub.rooms.crises.writes import arrivals, events, participants
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.situation.reads import activations
from stemtide.protocol.activations import (
    TYPE,
    ActivationMessage,
    UnsignedError,
    encode,
    key_text,
    sign,
    verify,
)
from stemtide.protocol.messages.crises import InviteIn, NeighbourIn
from tests.rounds import at_night, some_of
from tests.world import NOON, suspend

KEY = Ed25519PrivateKey.generate()
REF = "wikidata:Q1"


@pytest.fixture
def gifct(world, settings, tmp_path):
    """The neighbour, in the operator's file, with a party that speaks for its mechanism."""
    world.consortium.mechanism = "gifct"
    world.consortium.save()
    path = tmp_path / "neighbours.toml"
    path.write_text(
        f'[gifct]\nparty = "{world.consortium.name}"\nkeys = ["{key_text(KEY.public_key())}"]\n'
    )
    settings.NEIGHBOURS_FILE = str(path)
    return KnownNeighbour("gifct", world.consortium.name, (KEY.public_key(),), "")


def told(**change):
    return {
        "id": str(uuid4()),
        "sequence": 1,
        "framework": "gifct",
        "version": "2025",
        "type": "perpetrator-content-incident",
        "status": "active",
        "started_at": NOON.isoformat(),
        "event": {"refs": [REF.upper()]},
    } | change


def send(neighbour, data, *, name="", at=NOON, now=NOON):
    body = json.dumps({"type": TYPE, "timestamp": NOON.isoformat(), "data": data}).encode()
    message = arrivals.Verified(neighbour, name or str(uuid4()), at, body)
    return arrivals.receive(message, now=now)


def test_an_activation_is_entered_beside_ours_as_the_mechanisms_own_word(world, gifct):
    crisis = world.warn(event_refs=(REF,))
    row = send(gifct, told())
    assert (row.state, row.reason) == ("entered", "")
    event = activations.event(crisis.id, viewer=world.agency)
    (theirs,) = [one for one in event.activations if one.neighbour]
    assert (theirs.status, theirs.is_own, theirs.by) == ("active", True, world.consortium.name)
    assert world.last_entry().kind == "neighbour.mirrored"
    assert world.last_entry().detail["through"] == "neighbour:gifct"


@at_night
def test_the_end_of_an_activation_changes_it_and_makes_no_second_one(world, gifct):
    world.warn(event_refs=(REF,))
    data = told()
    send(gifct, data)
    end = {"sequence": 2, "status": "ended", "ended_at": (NOON + timedelta(hours=1)).isoformat()}
    assert send(gifct, data | end).state == "entered"
    assert Neighbour.objects.get().status == "ended"
    assert world.last_entry().kind == "neighbour.updated"


@at_night
def test_what_somebody_typed_in_before_is_taken_over(world, gifct):
    crisis = world.warn(event_refs=(REF,))
    facts = {"framework": "gifct", "version": "2025", "type": "perpetrator-content-incident"}
    body = NeighbourIn(**facts, started_at=NOON)
    events.mirror(crisis.id, body=body, by=world.actor(world.agency), now=NOON)
    send(gifct, told())
    row = Neighbour.objects.get()
    assert (row.own_by, row.status) == (world.consortium, "active")


def test_the_same_message_again_changes_nothing(world, gifct):
    world.warn(event_refs=(REF,))
    data = told()
    first = send(gifct, data, name="msg_1")
    again = send(gifct, data | {"sequence": 9, "status": "ended"}, name="msg_1")
    assert again.pk == first.pk
    assert Neighbour.objects.get().status == "active"


@pytest.mark.parametrize(
    ("change", "reason"),
    some_of(
        3,
        [
            ({"sequence": 1, "status": "unconfirmed"}, "sequence 1 is not above 1"),
            ({"sequence": 2, "type": "other"}, "differ"),
            ({"sequence": 2, "framework": "nz-dia"}, "does not speak for nz-dia"),
            ({"sequence": 2, "started_at": "2999-01-01T00:00:00Z"}, "future"),
            ({"sequence": 2, "ended_at": "2000-01-01T00:00:00Z"}, "before started_at"),
            ({"sequence": 2, "started_at": "0001-01-01T00:00:00Z"}, "started_at is before 1970"),
            (
                {"sequence": 2, "ended_at": "9999-12-31T23:59:59Z"},
                "ended_at is before 1970 or more",
            ),
            ({"sequence": 2, "ended_at": "9999-12-31T23:59:59-12:00"}, "ended_at is before 1970"),
            (
                {"sequence": 2, "event": {"happened_at": "0001-01-01T00:00:00Z"}},
                "event.happened_at",
            ),
            ({"sequence": 2, "event": {"name": "an\0attack"}}, "U+0000"),
            ({"sequence": 2, "framework": "nz\0dia"}, "U+0000"),
            ({"sequence": "many"}, "data.sequence"),
            ({"sequence": 2, "status": "x" * 5000}, "data.status"),
        ],
    ),
)
def test_what_contradicts_or_is_wrong_costs_that_message_and_shows_its_reason(
    world, gifct, change, reason
):
    world.warn(event_refs=(REF,))
    data = told()
    send(gifct, data)
    row = send(gifct, data | change)
    assert row.state == "refused"
    assert reason in row.reason
    assert len(row.reason) <= 300
    assert Neighbour.objects.get().status == "active"
    (shown,) = open_arrivals(viewer=world.agency, exercise=False)
    assert shown.reason == row.reason
    assert send(gifct, data | {"sequence": 3}).state == "entered"


@at_night
def test_a_refused_message_is_checked_again_under_the_same_id(world, gifct):
    world.warn(event_refs=(REF,))
    data = told()
    early = send(gifct, data, name="msg_1", at=NOON - timedelta(hours=1))
    assert early.state == "refused"
    again = send(gifct, data, name="msg_1")
    assert (again.pk, again.state, again.reason) == (early.pk, "entered", "")
    assert Neighbour.objects.get().status == "active"


def test_a_refused_message_does_not_wait_for_the_ledger(gifct, monkeypatch):
    monkeypatch.setattr(arrivals.ledger, "lock_ledger", lambda: pytest.fail("locked"))
    assert send(gifct, told(framework="nz-dia")).state == "refused"
    assert send(gifct, told(), at=NOON - timedelta(hours=1)).state == "refused"


def test_what_a_neighbour_sends_hides_nothing_of_another(world, gifct):
    send(gifct, told())
    loud = KnownNeighbour("loud", world.big_provider.name, (), "")
    for minute in range(SHOWN + 1):
        later = NOON + timedelta(minutes=2 + minute)
        send(loud, told(), at=later, now=later)
    shown = open_arrivals(viewer=world.agency, exercise=False)
    assert [row.neighbour for row in shown] == ["gifct", *["loud"] * SHOWN]
    assert shown[0].activation is not None


@at_night
def test_nothing_waits_any_more_of_a_neighbour_that_left_the_file(world, gifct, settings):
    crisis = world.warn(event_refs=("other:1",))
    row = send(gifct, told())
    settings.NEIGHBOURS_FILE = ""
    with pytest.raises(ConflictError, match="gifct no longer speaks for gifct here"):
        arrivals.enter(crisis.id, row.uid, by=world.actor(world.agency), now=NOON)
    assert not Neighbour.objects.exists()


def test_what_has_ended_does_not_begin_again(world, gifct):
    world.warn(event_refs=(REF,))
    data = told(status="ended", ended_at=NOON.isoformat())
    send(gifct, data)
    assert "has ended" in send(gifct, data | {"sequence": 2, "status": "active"}).reason


@at_night
@pytest.mark.parametrize(
    ("minutes", "words"), [(6, "6 minutes in the future"), (-6, "6 minutes old")]
)
def test_a_wrong_clock_is_shown_with_how_wrong_it_is(world, gifct, minutes, words):
    world.warn(event_refs=(REF,))
    row = send(gifct, told(), at=NOON + timedelta(minutes=minutes))
    assert (row.state, words in row.reason) == ("refused", True)
    assert not Neighbour.objects.exists()


@at_night
def test_endless_messages_end_for_the_hour_and_refused_ones_are_forgotten(world, gifct):
    world.warn(event_refs=(REF,))
    for _ in range(MAX_AN_HOUR):
        send(gifct, told(framework="nz-dia"))
    with pytest.raises(RateLimitError):
        send(gifct, told())
    assert NeighbourMessage.objects.count() == MAX_AN_HOUR
    later = NOON
    while NeighbourMessage.objects.count() < KEPT:
        later += timedelta(hours=1, minutes=1)
        for _ in range(MAX_AN_HOUR):
            send(gifct, told(framework="nz-dia"), at=later, now=later)
    assert NeighbourMessage.objects.count() == KEPT
    after = later + timedelta(hours=2)
    assert send(gifct, told(), at=after, now=after).state == "entered"


def test_an_event_that_is_not_here_waits_until_a_person_enters_it(world, gifct):
    crisis = world.warn(event_refs=("other:1",))
    data = told()
    send(gifct, data)
    send(gifct, data | {"sequence": 2, "reference": "CIP-2"})
    (shown,) = open_arrivals(viewer=world.agency, exercise=False)
    assert shown.activation.reference == "CIP-2"
    assert open_arrivals(viewer=world.big_provider, exercise=False) == []
    invite = InviteIn(parties=[world.big_provider.name])
    participants.invite(crisis.id, body=invite, by=world.actor(), now=NOON)
    with pytest.raises(NotAllowedError):
        arrivals.enter(crisis.id, shown.uid, by=world.actor(world.big_provider), now=NOON)
    by = world.actor(world.agency)
    life = arrivals.enter(crisis.id, shown.uid, by=by, now=NOON)
    assert [row.reference for row in life.neighbours] == ["CIP-2"]
    with pytest.raises(ConflictError, match="does not wait"):
        arrivals.enter(crisis.id, shown.uid, by=by, now=NOON)
    assert send(gifct, data | {"sequence": 3, "status": "ended"}).state == "entered"
    assert Neighbour.objects.get().status == "ended"


@at_night
def test_two_events_with_the_same_name_wait_for_a_person(world, gifct):
    world.warn(event_refs=(REF,))
    world.warn(event_refs=(REF,), name="another")
    assert send(gifct, told()).state == "waiting"


def test_an_exercise_does_not_reach_what_is_real(world, gifct):
    world.warn(event_refs=(REF,))
    assert send(gifct, told(exercise=True)).state == "waiting"
    assert open_arrivals(viewer=world.agency, exercise=False) == []


def test_a_suspended_party_speaks_for_nothing(world, gifct):
    world.warn(event_refs=(REF,))
    suspend(world.consortium, agency=world.agency)
    assert "does not speak" in send(gifct, told()).reason
    assert Party.objects.get(pk=world.consortium.pk).mechanism == "gifct"


def test_only_a_pinned_key_signs_and_only_what_it_signed():
    message = ActivationMessage.model_validate(
        {"type": TYPE, "timestamp": NOON.isoformat(), "data": told()}
    )
    body = encode(message)
    headers = sign("msg_1", body, key=KEY, at=NOON)
    assert verify(body, headers, keys=[KEY.public_key()]) == ("msg_1", NOON)
    other = Ed25519PrivateKey.generate().public_key()
    for changed, keys in [
        ({"webhook-id": "msg_2"}, [KEY.public_key()]),
        ({"webhook-timestamp": "1"}, [KEY.public_key()]),
        ({"webhook-timestamp": "٣"}, [KEY.public_key()]),
        ({"webhook-signature": "v1a,AAAA"}, [KEY.public_key()]),
        (
            {"webhook-signature": headers["webhook-signature"].replace("v1a", "v1")},
            [KEY.public_key()],
        ),
        ({}, [other]),
        ({}, []),
    ]:
        with pytest.raises(UnsignedError):
            verify(body, headers | changed, keys=keys)
    with pytest.raises(UnsignedError):
        verify(body + b" ", headers, keys=[KEY.public_key()])
