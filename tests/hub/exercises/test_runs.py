# SPDX-License-Identifier: Apache-2.0
"""Exercises that a hub runs: who directs them, what they may do in which state, who is told."""

from base64 import b64encode

import pytest
from django.urls import reverse

from stemtide.hub import scheduler
from stemtide.hub.platform.errors import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
    RateLimitError,
)
from stemtide.hub.rooms.alerts.models import Alert
from stemtide.hub.rooms.alerts.writes import alerts
from stemtide.hub.rooms.exercises import reads, rules, writes
from stemtide.hub.rooms.exercises.models import RunNews
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.models import ApiKey, Party
from stemtide.hub.rooms.parties.reads import competences, parties
from stemtide.hub.rooms.signals.reads import signals
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.enums.exercises import InstructionKind, RunAct, RunState
from stemtide.protocol.exercises import ObservationIn, ProgressIn, RunFileIn, RunNewsIn
from stemtide.scenarios import reader
from tests.hub.exercises.conftest import PEOPLE
from tests.world import NOON

READY, RUNNING, PAUSED, ENDED = RunState
START, PAUSE, RESUME, END = RunAct

STATES = {
    (READY, START): RUNNING,
    (READY, PAUSE): PAUSED,
    (READY, END): ENDED,
    (RUNNING, PAUSE): PAUSED,
    (RUNNING, END): ENDED,
    (PAUSED, RESUME): RUNNING,
    (PAUSED, END): ENDED,
}
"""Every act that a state allows, with the state that follows."""


class Somebody:
    def __init__(self, kind, role, name="agency"):
        self.kind, self.role, self.name = kind, role, name


def test_each_state_allows_these_acts_and_no_others():
    by = Somebody(PartyKind.AGENCY, Role.COORDINATOR)
    for state in RunState:
        for verb in RunAct:
            facts = rules.RunFacts(state, directed_by="agency")
            if (state, verb) in STATES:
                assert rules.check_act(facts, verb, by=by) is STATES[state, verb]
            else:
                with pytest.raises(ConflictError):
                    rules.check_act(facts, verb, by=by)


def test_a_real_crisis_pauses_an_exercise_in_every_state_before_its_end():
    by = Somebody(PartyKind.AGENCY, Role.COORDINATOR)
    for state in (READY, RUNNING, PAUSED):
        facts = rules.RunFacts(state, directed_by="agency")
        assert rules.check_act(facts, PAUSE, by=by, is_for_crisis=True) is PAUSED
    facts = rules.RunFacts(ENDED, directed_by="agency")
    with pytest.raises(ConflictError):
        rules.check_act(facts, PAUSE, by=by, is_for_crisis=True)


def test_the_director_is_offered_to_pause_for_a_real_crisis_until_it_is_done(exercise):
    agency, crisis = exercise.world.agency, exercise.world.warn()
    run = exercise.prepare()
    assert reads.directed_now(viewer=agency).id == run.id
    exercise.act(PAUSE)
    assert reads.directed_now(viewer=agency).id == run.id
    exercise.act(PAUSE, crisis=crisis.id)
    assert reads.directed_now(viewer=agency) is None
    alerts.raise_from_ledger(NOON)
    assert Alert.objects.filter(kind="exercise_interrupted", exercise=False).exists()
    exercise.act(RESUME)
    assert reads.directed_now(viewer=agency).id == run.id


def test_who_may_not_see_the_real_crisis_does_not_learn_its_id(exercise):
    world, crisis = exercise.world, exercise.world.warn()
    run = exercise.prepare()
    assert exercise.act(PAUSE, crisis=crisis.id).paused_for == crisis.id
    seen = {
        party.kind: reads.run(run.id, viewer=party).paused_for
        for party in (world.agency, world.authority, world.big_provider)
    }
    assert seen == {"agency": crisis.id, "authority": crisis.id, "provider": None}
    assert [row.paused_for for row in reads.runs(viewer=world.big_provider)] == [None]


def test_coordinators_of_authorities_and_agencies_direct_and_nobody_else():
    directing = {
        (kind, role)
        for kind in PartyKind
        for role in (None, *Role)
        if rules.allows(rules.check_direct, Somebody(kind, role))
    }
    assert directing == {
        (PartyKind.AUTHORITY, None),
        (PartyKind.AUTHORITY, Role.COORDINATOR),
        (PartyKind.AGENCY, None),
        (PartyKind.AGENCY, Role.COORDINATOR),
    }


def test_members_without_people_get_parties_of_the_exercise_that_end_with_it(exercise):
    run = exercise.prepare()
    cast = {member.name: member for member in run.members}
    assert {name for name, member in cast.items() if not member.is_bot} == set(PEOPLE)
    bot = Party.objects.get(name=cast["referral-unit"].party)
    assert bot.exercise
    assert bot.title.startswith("EXERCISE ")
    assert bot in parties.parties()
    exercise.keys()
    exercise.act(END)
    assert bot not in parties.parties()
    assert not ApiKey.objects.filter(party__exercise=True, revoked_at=None).exists()


def test_a_hub_runs_one_exercise_at_a_time(exercise):
    exercise.prepare()
    with pytest.raises(ConflictError, match="Livestream in two states"):
        exercise.prepare()
    exercise.act(END)
    exercise.prepare(scenario="false-alarm", people={})


def test_an_agency_ends_what_another_party_left_open(exercise):
    world = exercise.world
    by = world.actor(world.authority, role="coordinator")
    run = exercise.prepare(by=by)
    assert [row.id for row in reads.open_of_others(viewer=world.agency)] == [run.id]
    assert reads.open_of_others(viewer=world.other_authority) == []
    other = world.actor(world.other_authority, role="coordinator")
    with pytest.raises(NotFoundError):
        exercise.act(END, by=other)
    with pytest.raises(NotAllowedError):
        exercise.act(END, by=world.actor(world.agency, role="analyst"))
    with pytest.raises(NotFoundError):
        exercise.act(START)
    assert exercise.act(END).state is ENDED
    assert not ApiKey.objects.filter(party__exercise=True, revoked_at=None).exists()
    exercise.prepare()


def test_the_operator_ends_what_is_open(exercise):
    exercise.prepare()
    assert writes.end_open(actor="operator", now=NOON) == ["Livestream in two states"]
    assert writes.end_open(actor="operator", now=NOON) == []
    actors = Entry.objects.filter(kind__in=("party.left", "exercise.ended"))
    assert set(actors.values_list("actor", flat=True)) == {"operator"}
    exercise.prepare()


def test_an_exercise_without_a_player_for_a_day_ends(exercise):
    run, world = exercise.prepare(), exercise.world
    exercise.act(START)
    scheduler.run_deadlines(world.at(hours=23))
    assert reads.run(run.id, viewer=world.agency).state is RUNNING
    body = ProgressIn(minutes=1)
    writes.report(run.id, body=body, by=exercise.director(), now=world.at(hours=23))
    scheduler.run_deadlines(world.at(hours=46))
    assert reads.run(run.id, viewer=world.agency).state is RUNNING
    scheduler.run_deadlines(world.at(hours=48))
    assert reads.run(run.id, viewer=world.agency).state is ENDED
    assert world.last_entry().actor == "clock"


@pytest.mark.nightly
def test_who_prepares_many_exercises_an_hour_is_stopped(exercise):
    for _ in range(30):  # each invites two parties
        exercise.prepare()
        exercise.act(END)
    with pytest.raises(RateLimitError, match="Exercises"):
        exercise.prepare()


def test_only_agents_that_rehearse_learn_of_parties_of_an_exercise_until_its_end(exercise):
    def bots(**facts):
        page = signals.feed(0, viewer=exercise.world.big_provider, parties_after=0, **facts)
        return [party.name for party in page.parties if party.name.startswith("exercise--")]

    exercise.prepare()
    assert (bots(), len(bots(exercise=True))) == ([], 4)
    exercise.act(END)
    assert bots(exercise=True) == []


@pytest.mark.parametrize(
    ("people", "why"),
    [
        ({"nobody": "big-video"}, "there is no 'nobody'"),
        ({"big-videos": "nowhere"}, "there is no party 'nowhere'"),
        ({"big-videos": "be-crisis-centre"}, "of the kind provider"),
        ({"big-videos": "big-video", "small-pictures": "big-video"}, "plays two members"),
    ],
)
def test_a_wrong_cast_is_refused_and_nothing_is_left(exercise, people, why):
    with pytest.raises(InvalidError, match=why):
        exercise.prepare(people=people)
    assert not Party.objects.filter(exercise=True).exists()


def test_a_scenario_is_one_that_ships_and_never_a_path(exercise):
    with pytest.raises(InvalidError, match="known are"):
        exercise.prepare(scenario="/etc/passwd")


def test_everything_about_a_run_is_marked_as_an_exercise_but_a_pause_for_what_is_real(exercise):
    crisis = exercise.world.warn()
    before = Entry.objects.latest("number").number
    exercise.prepare()
    exercise.act(START)
    exercise.keys()
    exercise.act(PAUSE, crisis=crisis.id)
    exercise.act(RESUME)
    exercise.act(END)
    entries = Entry.objects.filter(number__gt=before)
    assert set(entries.filter(exercise=False).values_list("kind", flat=True)) == {
        "exercise.interrupted"
    }


def test_the_parties_that_play_are_invited_and_told_that_a_crisis_is_real(exercise):
    crisis = exercise.world.warn()
    exercise.prepare()
    exercise.act(PAUSE, crisis=crisis.id)
    alerts.raise_from_ledger(NOON)
    rows = Alert.objects.filter(kind__startswith="exercise")
    told = {(row.kind, row.party.name, row.exercise) for row in rows}
    assert told == {
        *(("exercise_prepared", party, True) for party in PEOPLE.values()),
        *(("exercise_interrupted", party, False) for party in PEOPLE.values()),
    }


def test_an_exercise_does_not_pause_for_another_exercise(exercise):
    crisis = exercise.world.warn(exercise=True)
    exercise.prepare()
    with pytest.raises(InvalidError):
        exercise.act(PAUSE, crisis=crisis.id)


def test_the_player_reports_and_gets_what_the_director_asks_for(exercise):
    run = exercise.prepare()
    step = {"name": "press-call", "act": "tell", "state": "due", "at_min": 50}
    exercise.report(steps=[step])
    facts = {"by": exercise.director(), "now": NOON}
    writes.instruct(run.id, InstructionKind.INJECT, step="press-call", **facts)
    writes.instruct(run.id, InstructionKind.SPEED, speed=30, **facts)
    play = exercise.report()
    assert [given.kind for given in play.instructions] == ["inject", "speed"]
    assert play.run.speed == 30
    done = {"id": play.instructions[0].id, "outcome": "done"}
    assert len(exercise.report(carried_out=[done]).instructions) == 1


def test_an_instruction_names_a_step_or_bot_that_there_is(exercise):
    run = exercise.prepare()
    exercise.report(steps=[{"name": "warn", "act": "warn", "state": "done"}])
    facts = {"by": exercise.director(), "now": NOON}
    with pytest.raises(InvalidError):
        writes.instruct(run.id, InstructionKind.SKIP, step="nothing", **facts)
    with pytest.raises(ConflictError):
        writes.instruct(run.id, InstructionKind.SKIP, step="warn", **facts)
    with pytest.raises(InvalidError):
        writes.instruct(run.id, InstructionKind.SAY, member="big-videos", text="x", **facts)
    with pytest.raises(InvalidError):
        writes.instruct(run.id, InstructionKind.SAY, member="referral-unit", text=" ", **facts)


def test_news_reach_the_party_that_plays_and_nobody_else(exercise):
    run, world = exercise.prepare(), exercise.world
    body = RunNewsIn(to=("big-videos", "referral-unit"), kind="tip", text="EXERCISE.", at_min=2)
    exercise.act(PAUSE)
    with pytest.raises(ConflictError):
        writes.bring_news(run.id, body=body, by=exercise.director(), now=NOON)
    exercise.act(RESUME)
    writes.bring_news(run.id, body=body, by=exercise.director(), now=NOON)
    assert [news.text for news in reads.news(run.id, viewer=world.big_provider)] == ["EXERCISE."]
    assert reads.news(run.id, viewer=world.authority) == []
    with pytest.raises(NotFoundError):
        reads.news(run.id, viewer=world.small_provider)


def test_news_of_a_scenario_is_read_in_the_language_of_the_desk(exercise):
    run, world = exercise.prepare(), exercise.world
    exercise.act(START)
    injects = reader.read("livestream-in-two-states").injects
    told = next(step.do for step in injects if step.name == "threat-seen")
    for text in (told.text, "EXERCISE. Said by nobody before."):
        body = RunNewsIn(to=("big-videos",), kind="tip", text=text, at_min=2)
        writes.bring_news(run.id, body=body, by=exercise.director(), now=NOON)
    for language, translation in (("de", told.de), ("en", told.text), ("es", told.text)):
        texts = {
            row.text for row in reads.news(run.id, viewer=world.big_provider, language=language)
        }
        assert texts == {translation, "EXERCISE. Said by nobody before."}


def copies(*to, name="stream.png", content=b"\x89PNG\r\n\x1a\n of an exercise"):
    file = RunFileIn(name=name, content=b64encode(content).decode())
    return RunNewsIn(to=to, kind="copies", text="EXERCISE.", at_min=2, files=(file,))


def test_files_are_for_the_provider_that_is_to_upload_them_until_the_end(exercise):
    run, world = exercise.prepare(), exercise.world
    exercise.act(START)
    by = exercise.director()
    writes.bring_news(run.id, body=copies("big-videos"), by=by, now=NOON)
    ((file,),) = (news.files for news in reads.news(run.id, viewer=world.big_provider))
    name, content = reads.file(run.id, file.number, viewer=world.big_provider)
    assert (name, content[:4]) == ("stream.png", b"\x89PNG")
    for other in (world.authority, world.small_provider, world.agency):
        with pytest.raises(NotFoundError):
            reads.file(run.id, file.number, viewer=other)
    exercise.act(END)
    with pytest.raises(NotFoundError):
        reads.file(run.id, file.number, viewer=world.big_provider)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (copies("first-authority"), "to"),
        (copies("big-videos", name="stream.mp4"), "files"),
        (copies("big-videos", name="stream.txt", content=b"\x00\x01"), "files"),
    ],
)
def test_files_that_are_not_what_they_say_reach_nobody(exercise, body, field):
    run = exercise.prepare()
    exercise.act(START)
    with pytest.raises(InvalidError) as refused:
        writes.bring_news(run.id, body=body, by=exercise.director(), now=NOON)
    assert refused.value.field == field
    assert not RunNews.objects.exists()


def test_observations_have_the_minute_and_are_read_by_their_party_and_the_director(exercise):
    run, world = exercise.prepare(), exercise.world
    exercise.report(minutes=12.5)
    analyst = world.actor(world.big_provider, role="analyst")
    body = ObservationIn(text="They called by phone.", member="big-videos")
    note = writes.observe(run.id, body=body, by=analyst, now=NOON)
    assert (note.at_min, note.by) == (12.5, "big-video")
    assert reads.observations(run.id, viewer=world.agency) == [note]
    assert reads.observations(run.id, viewer=world.authority) == []
    observer = world.actor(world.big_provider, role="observer")
    with pytest.raises(NotAllowedError):
        writes.observe(run.id, body=body, by=observer, now=NOON)


def test_nobody_but_the_directing_party_directs_reads_keys_or_reports(exercise):
    exercise.prepare()
    other = exercise.world.actor(exercise.world.authority, role="coordinator")
    for act in (
        lambda: exercise.act(START, by=other),
        lambda: exercise.report(by=other),
        lambda: writes.renew_keys(exercise.run.id, by=other, now=NOON),
        lambda: reads.entries(exercise.run.id, after=0, viewer=other.party),
        lambda: reads.scenario(exercise.run.id, viewer=other.party),
    ):
        with pytest.raises(NotFoundError):
            act()


def test_an_authority_that_a_bot_plays_is_in_no_register(exercise):
    before = competences.register()
    exercise.prepare(people={})
    assert competences.register() == before


def test_an_agency_ends_the_exercise_of_another_party_at_the_desk(exercise, client):
    world = exercise.world
    run = exercise.prepare(by=world.actor(world.authority, role="coordinator"), people={})
    person = world.person(world.agency, role="coordinator")
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(reverse("exercises")).content.decode()
    form = reverse("exercise-act", args=[run.id, "end"])
    assert form in page
    assert client.post(form).status_code == 302  # the box is not ticked
    assert reads.run(run.id, viewer=world.authority).state is READY
    answer = client.post(form, {"confirm": "yes"})
    assert (answer.status_code, answer.headers["Location"]) == (302, reverse("exercises"))
    assert reads.run(run.id, viewer=world.authority).state is ENDED
    assert form not in client.get(reverse("exercises")).content.decode()
