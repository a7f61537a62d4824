# SPDX-License-Identifier: Apache-2.0
"""A party that a bot plays does nothing real, sees nothing real, and nothing real reaches it."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from stemtide.hub.api.bot_doors import check_bot_door
from stemtide.hub.api.problems import ProblemError
from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.rooms.alerts.models import Alert
from stemtide.hub.rooms.alerts.rules.alerts import DRILL_EVERY
from stemtide.hub.rooms.alerts.writes import alerts, drills
from stemtide.hub.rooms.approvals.models import Approval
from stemtide.hub.rooms.approvals.reads import approvals
from stemtide.hub.rooms.crises.reads import participants
from stemtide.hub.rooms.crises.writes import participants as participants_writes
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.orders.models import AgencyCopy, DecisionCopy
from stemtide.hub.rooms.orders.reads import drafts
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.suspensions import suspension_facts
from stemtide.hub.rooms.parties.writes import parties
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.writes import signals
from stemtide.hub.rooms.stix.reads import stix
from stemtide.hub.rooms.stix.writes import builder
from stemtide.protocol.enums import Scope
from stemtide.protocol.messages.crises import InviteIn
from tests.hub.api.conftest import Machine
from tests.hub.orders import cast
from tests.hub.referrals.conftest import Desk
from tests.world import NOON, hex_value, outcome, report_of, signal_in

WARNING = {"name": "A place", "happened_at": NOON.isoformat(), "countries": ["BE"]}


@pytest.fixture
def bots(exercise):
    """The key of each bot, in a client."""
    exercise.prepare(people={})
    exercise.act("start")
    return {name: Machine(key) for name, key in exercise.keys().items()}


def party_of(exercise, member):
    name = next(row.party for row in exercise.run.members if row.name == member)
    return Party.objects.get(name=name)


def real_side(world):
    """A real crisis with a signal that every party may see."""
    crisis = world.activate(countries=("BE", "FR"))
    signal = world.share(value=hex_value(7), tlp="clear", crisis=crisis.id)
    return crisis, signal


def test_a_bot_reads_nothing_real_by_any_of_its_doors(exercise, bots):
    crisis, signal = real_side(exercise.world)
    words = {str(crisis.id), str(signal.id), hex_value(7)}
    for member in ("referral-unit", "first-authority", "big-videos"):
        for path, status in (
            ("crises", 200),
            (f"crises/{crisis.id}", 404),
            (f"crises/{crisis.id}/messages", 404),
            (f"signals/{signal.id}", 404),
            ("feed?exercise=1&limit=1000", 200),
        ):
            answer = bots[member]("GET", f"/api/v1/{path}")
            assert answer.status_code == status, (member, path)
            if status == 200:
                assert not [word for word in words if word in answer.content.decode()]


def test_a_bot_sees_what_is_of_the_exercise(exercise, bots):
    mine = exercise.world.share(value=hex_value(9), tlp="clear", exercise=True)
    feed = bots["big-videos"]("GET", "/api/v1/feed?exercise=1&limit=1000")
    assert str(mine.id) in feed.content.decode()


def test_a_bot_does_nothing_that_is_not_marked_as_an_exercise(exercise, bots):
    refused = bots["first-authority"]("POST", "/api/v1/crises", WARNING)
    assert refused.status_code == 403
    assert "mark what you send as an exercise" in json.loads(refused.content)["detail"]
    taken = bots["first-authority"]("POST", "/api/v1/crises", WARNING | {"exercise": True})
    assert taken.status_code == 201
    by = party_of(exercise, "first-authority")
    with pytest.raises(NotAllowedError):
        signals.share(signal_in(value=hex_value(3)), by=by, now=NOON)


def test_an_agency_of_an_exercise_is_in_no_real_room_and_hears_of_none(exercise, bots):
    crisis, _ = real_side(exercise.world)
    agency = party_of(exercise, "referral-unit")
    assert agency not in participants.in_room(crisis.id, viewer=exercise.world.authority)
    while alerts.raise_from_ledger(NOON):
        pass
    assert not Alert.objects.filter(party__exercise=True).exists()
    answer = bots["referral-unit"]("POST", f"/api/v1/crises/{crisis.id}/join")
    assert answer.status_code == 404


def test_nothing_real_is_sent_to_a_party_of_an_exercise(exercise):
    world = exercise.world
    exercise.prepare(people={})
    provider = party_of(exercise, "paste-corner")
    with pytest.raises(InvalidError, match="exists for an exercise only"):
        Desk(world).refer(provider=provider.name)
    crisis = world.warn()
    body = InviteIn(parties=(provider.name,))
    with pytest.raises(InvalidError):
        participants_writes.invite(crisis.id, body=body, by=world.actor(), now=NOON)


@pytest.mark.django_db
def test_nobody_else_takes_the_name_of_a_party_of_an_exercise():
    with pytest.raises(InvalidError, match="exercise--"):
        parties.add_party("exercise--1-me", title="Me", kind="provider", actor="operator", now=NOON)


A = UUID(int=1)
DOORS = {
    "GET /api/v1/whoami": True,
    f"GET /api/v1/orders/{A}": True,
    f"POST /api/v1/crises/{A}/proposals/{A}/confirm": True,
    "PUT /api/v1/agents/uploads": True,
    "GET /api/v1/orders": False,
    "GET /api/v1/holds": False,
    "GET /api/v1/alerts": False,
    "GET /api/v1/parties": False,
    "GET /api/v1/exercises": False,
    "POST /api/v1/referrals/search": False,
    "PUT /api/v1/parties/big-video/standing": False,
    "GET /taxii2/": False,
    "GET /misp/feed/manifest.json": False,
    "DELETE /api/v1/webhooks": False,
}


def test_bots_act_only_while_their_exercise_runs(exercise, bots):
    crisis = exercise.world.warn()
    exercise.act("pause", crisis=crisis.id)
    warn = WARNING | {"exercise": True}
    refused = bots["first-authority"]("POST", "/api/v1/crises", warn)
    assert (refused.status_code, "paused" in json.loads(refused.content)["detail"]) == (409, True)
    assert bots["first-authority"]("GET", "/api/v1/crises").status_code == 200
    report = {"report": str(A), "agent": "uploads", "rows": []}
    assert bots["big-videos"]("POST", "/api/v1/outcomes", report).status_code != 409
    exercise.act("resume")
    assert bots["first-authority"]("POST", "/api/v1/crises", warn).status_code == 201


def test_an_act_under_way_does_not_follow_a_pause(exercise):
    """It passed the door before the pause, and writes after it."""
    exercise.prepare(people={})
    exercise.act("start")
    by = party_of(exercise, "first-authority")
    exercise.act("pause")
    with pytest.raises(ConflictError, match="does not run now"):
        signals.share(signal_in(value=hex_value(3), exercise=True), by=by, now=NOON)
    assert not Signal.objects.exists()
    exercise.act("resume")
    shared = signals.share(signal_in(value=hex_value(3), exercise=True), by=by, now=NOON)
    exercise.act("pause")
    provider = party_of(exercise, "big-videos")
    report = report_of(outcome(shared.id, count=1))
    assert signals.report_outcomes(report, by=provider, now=NOON).counted == 1


def test_a_bot_plays_the_second_person_who_confirms_its_order(exercise, bots):
    order = {
        "to": party_of(exercise, "small-pictures").name,
        "annex": cast.ANNEX_1
        | {"home_state": "EE", "home_contact": "not known here"}
        | {"signed_on": datetime.now(UTC).date().isoformat()},
        "emergency": "EXERCISE. The event is under way.",
        "emergency_ground": "ongoing_events",
        "exercise": True,
    }
    draft = json.loads(bots["first-authority"]("POST", "/api/v1/orders", order).content)
    issued = bots["first-authority"]("POST", f"/api/v1/orders/{draft['id']}/issue")
    assert issued.status_code == 200, issued.content
    confirm = f"/api/v1/orders/{draft['id']}/confirm"
    assert bots["second-authority"]("POST", confirm).status_code == 404
    assert bots["small-pictures"]("POST", confirm).status_code in {403, 404}
    assert bots["first-authority"]("POST", confirm).status_code == 204
    assert bots["first-authority"]("POST", confirm).status_code == 409  # once
    confirmed = Entry.objects.get(kind="order.confirmed")
    assert (confirmed.detail["through"], confirmed.exercise) == ("bot:second-person", True)


def test_no_key_of_a_real_party_confirms_an_order(exercise):
    world = exercise.world
    cast.name_competent(world)
    uid = cast.draft(world, exercise=True).id
    refused = Machine(world.key())("POST", f"/api/v1/orders/{uid}/confirm")
    assert refused.status_code == 403
    assert "a person does it at the desk" in json.loads(refused.content)["detail"]


def test_no_drill_reaches_a_bot_and_no_reminder(exercise):
    exercise.prepare(people={})
    provider = party_of(exercise, "paste-corner")
    drills.start(None, by=None, now=NOON)
    later = NOON + 2 * DRILL_EVERY
    assert drills.remind_due(later) == 1
    with pytest.raises(InvalidError, match="exists for an exercise only"):
        drills.start([provider.name], by=None, now=later)
    assert Alert.objects.filter(kind="drill").exists()
    assert not Alert.objects.filter(party__exercise=True).exists()


def test_the_doors_of_bots():
    for door, is_open in DOORS.items():
        method, path = door.split(" ")
        if is_open:
            check_bot_door(method, path)
        else:
            with pytest.raises(ProblemError):
                check_bot_door(method, path)


def test_no_copy_of_a_real_order_or_decision_goes_to_an_agency_that_a_bot_plays(exercise):
    world = exercise.world
    exercise.prepare(people={})
    cast.name_competent(world)
    cast.inform(world)
    uid = cast.issue(world, copy_to_europol=True).id
    cast.examine(world, uid)
    cast.decide(world, uid, "uphold")
    assert [copy.sent_to for copy in AgencyCopy.objects.all()] == [world.agency]
    assert [copy.sent_to for copy in DecisionCopy.objects.all()] == [world.agency]
    Party.objects.filter(pk=world.agency.pk).update(kind="observer")
    draft = cast.draft(world, copy_to_europol=True).id
    doubts = drafts.lint(draft, viewer=world.authority, now=NOON)
    assert "copy_to_europol" in [doubt.field for doubt in doubts]


def test_no_bot_is_asked_for_a_second_look_at_what_is_real(exercise):
    world = exercise.world
    exercise.prepare(people={})
    Party.objects.filter(pk=world.agency.pk).update(kind="observer")
    folder = signal_in(kind="url", value="https://bad.example/video/12/", reach="folder")
    real, drill = (
        signals.share(folder.model_copy(update={"exercise": mark}), by=world.big_provider, now=NOON)
        for mark in (False, True)
    )
    rows = {row.exercise: row for row in Approval.objects.all()}
    assert {real.state, drill.state} == {"waiting"}
    assert {party.name for party in approvals.nearest_lookers(rows[False])} == {
        "be-crisis-centre",
        "fr-referral-unit",
    }
    assert party_of(exercise, "referral-unit") in approvals.lookers(rows[True])
    exercise.act("end")
    assert party_of(exercise, "referral-unit") not in approvals.lookers(rows[True])


def test_an_agency_that_a_bot_plays_is_no_second_agency_for_a_suspension(exercise):
    exercise.prepare(people={})
    assert suspension_facts(exercise.world.big_provider, lifts=False).agencies == 1


def test_no_identity_of_a_bot_is_in_a_real_collection(exercise, bots):  # noqa: ARG001  # they are there
    """A member of another hub would take a bot for a party."""
    crisis, _ = real_side(exercise.world)
    while builder.follow_ledger(NOON):
        pass
    viewer = exercise.world.authority
    offered = stix.collections(viewer=viewer, scopes=frozenset(Scope), now=NOON)
    authors = {
        collection.alias: {
            row.shared_by.name
            for row in stix.stored_objects(collection, viewer=viewer).filter(type="identity")
        }
        for collection in offered
    }
    bot = party_of(exercise, "big-videos").name
    assert bot in authors.pop("exercises")
    assert len(authors) > 1
    assert [alias for alias, names in authors.items() if bot in names] == []
    assert f"crisis-{crisis.id}" in authors
