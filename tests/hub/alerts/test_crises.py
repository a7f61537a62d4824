# SPDX-License-Identifier: Apache-2.0
"""Alerts along the life of a crisis: nobody is told who has not joined, but of an invitation."""

import pytest

from stemtide.hub.rooms.alerts.models import Alert, Delivery
from stemtide.hub.rooms.alerts.texts import alerts as texts
from stemtide.hub.rooms.alerts.writes import alerts as writes
from stemtide.hub.rooms.crises.writes import (
    crises,
    moves as writes_moves,
    participants as writes_joining,
)
from stemtide.hub.rooms.parties.writes import contacts as writes_contacts
from stemtide.hub.rooms.signals.writes import outcomes as writes_outcomes, signals
from stemtide.hub.rooms.situation.writes import situation
from stemtide.protocol.messages.crises import (
    CountriesIn,
    InviteIn,
    OptionalReasonIn,
    PartyIn,
    ProposalIn,
    ReasonIn,
    TriageIn,
)
from stemtide.protocol.messages.signals import OpinionIn
from stemtide.protocol.messages.situation import MessageIn
from tests.rounds import rounds
from tests.world import NOON, outcome, report_of


def raise_all(now=NOON):
    while writes.raise_from_ledger(now):
        pass


def open_to(party):
    """The kinds of alert that a party is still asked to answer."""
    return sorted(Alert.objects.filter(party=party, state="open").values_list("kind", flat=True))


def told(party):
    return sorted(Alert.objects.filter(party=party).values_list("kind", flat=True))


def invite(world, crisis, *parties):
    body = InviteIn(parties=tuple(one.name for one in parties))
    by = world.actor(world.agency, role="duty_officer")
    writes_joining.invite(crisis.id, body=body, by=by, now=NOON)


@pytest.fixture
def crisis(world):
    return world.warn()


def test_an_invitation_reaches_the_invited_alone(world, crisis):
    invite(world, crisis, world.big_provider)
    raise_all()
    assert told(world.big_provider) == ["invitation"]
    assert told(world.small_provider) == []


@pytest.mark.parametrize("verb", ["join", "decline"])
def test_answering_an_invitation_in_the_room_is_an_answer(world, crisis, verb):
    invite(world, crisis, world.big_provider, world.small_provider)
    raise_all()
    by = world.actor(world.big_provider, role="duty_officer")
    if verb == "join":
        writes_joining.join(crisis.id, by=by, now=NOON)
    else:
        writes_joining.decline(
            crisis.id, body=OptionalReasonIn(reason="no capacity"), by=by, now=NOON
        )
    raise_all()
    assert open_to(world.big_provider) == []
    assert open_to(world.small_provider) == ["invitation"]
    assert set(
        Delivery.objects.filter(alert__party=world.big_provider).values_list("state", flat=True)
    ) == {"stopped"}


def silent():
    """The parties of which the hub says that they do not answer."""
    rows = Alert.objects.filter(kind="unanswered", state="open")
    return {row.parameters["party"] for row in rows}


def exhaust(world):
    """Let every ladder end without an answer."""
    for hours in range(1, 4):
        writes.escalate_due(world.at(hours=hours))
    raise_all(world.at(hours=4))


def post(world, crisis, party):
    body = MessageIn(kind="observation", text="We are here.", language="en")
    by = world.actor(party, role="duty_officer")
    situation.post(crisis.id, body=body, by=by, now=NOON)


def rate(world, crisis, party):
    body = TriageIn(harm=3, virality=3, outcome="monitor", reason="As seen.")
    by = world.actor(party, role="duty_officer")
    crises.triage(crisis.id, body=body, by=by, now=NOON)


@pytest.mark.parametrize("is_late", [False, True], ids=["in time", "after the ladder ended"])
@pytest.mark.parametrize("act", [post, rate][: rounds(1, nightly=None)])
def test_whoever_works_in_the_room_has_answered_the_warning(world, crisis, act, is_late):
    raise_all()
    assert open_to(world.agency) == ["early_warning"]
    if is_late:
        exhaust(world)
        assert world.agency.title in silent()
    act(world, crisis, world.agency)
    raise_all()
    exhaust(world)
    assert "early_warning" not in open_to(world.agency)
    assert silent() == {world.other_authority.title}


@pytest.mark.nightly
def test_a_party_that_took_part_after_its_ladder_ended_is_not_said_to_be_silent(world, crisis):
    invite(world, crisis, world.big_provider)
    raise_all()
    exhaust(world)
    assert world.big_provider.title in silent()
    world.join(crisis, world.big_provider)
    raise_all()
    assert silent() == {world.other_authority.title}  # the agency invited: it is at work


@pytest.mark.nightly
def test_an_act_just_before_the_end_of_a_ladder_is_an_answer(world, crisis):
    raise_all()
    post(world, crisis, world.agency)
    for hours in range(1, 4):
        writes.escalate_due(world.at(hours=hours))
    raise_all()
    assert world.agency.title not in silent()


@pytest.mark.nightly
def test_what_a_machine_reports_answers_no_alert(world):
    crisis = world.warn()
    world.join(crisis, world.small_provider)
    world.answer_all(crisis)
    world.decide(crisis, "activate")
    shared = world.share(crisis=crisis.id)
    raise_all()
    writes_outcomes.report_outcomes(
        report_of(outcome(shared.id)), by=world.small_provider, now=NOON
    )
    raise_all()
    assert open_to(world.small_provider) == ["activated"]
    post(world, crisis, world.small_provider)
    raise_all()
    assert open_to(world.small_provider) == []


@pytest.mark.usefixtures("crisis")
@pytest.mark.nightly
def test_an_alert_that_is_acknowledged_late_ends_what_was_said_of_it(world):
    raise_all()
    exhaust(world)
    row = Alert.objects.get(party=world.agency, kind="early_warning")
    writes.acknowledge(row.uid, by=world.actor(world.agency, role="duty_officer"), now=NOON)
    raise_all()
    assert world.agency.title not in silent()


@pytest.mark.nightly
def test_an_invitation_that_is_taken_back_asks_nobody_any_more(world, crisis):
    invite(world, crisis, world.big_provider)
    raise_all()
    by = world.actor(world.agency, role="duty_officer")
    body = PartyIn(party=world.big_provider.name)
    writes_joining.uninvite(crisis.id, body=body, by=by, now=NOON)
    raise_all()
    assert open_to(world.big_provider) == []


def test_an_observer_hears_nothing_of_a_crisis_that_it_may_not_see_yet(world, crisis):
    invite(world, crisis, world.observer)
    raise_all()
    assert told(world.observer) == []


def test_activation_is_told_to_those_who_joined_and_not_to_those_who_only_were_invited(world):
    crisis = world.warn()
    world.join(crisis, world.small_provider)
    invite(world, crisis, world.big_provider)
    world.answer_all(crisis)
    world.decide(crisis, "activate")
    raise_all()
    assert "activated" in told(world.small_provider)
    assert told(world.big_provider) == ["invitation"]
    assert told(world.consortium) == []
    assert told(world.observer) == []


def test_a_proposal_waits_for_a_second_person_also_of_the_same_party(world, crisis):
    world.answer_all(crisis)
    body = ProposalIn(act="activate", reason="as seen")
    by = world.actor(world.agency, role="duty_officer")
    writes_moves.propose(crisis.id, body=body, by=by, now=NOON)
    raise_all()
    assert "proposal" in open_to(world.agency)
    assert "proposal" in open_to(world.authority)
    row = Alert.objects.filter(kind="proposal").first()
    assert row.parameters["act"] == "activate"
    assert "proposal" not in told(world.other_authority)


@pytest.mark.nightly
def test_an_emergency_activation_waits_for_a_second_party_and_its_end_is_told(world, crisis):
    world.join(crisis, world.other_authority)
    world.answer_all(crisis)
    why = ReasonIn(reason="nobody else answers")
    by = world.actor(role="duty_officer")
    writes_moves.activate_now(crisis.id, body=why, by=by, now=NOON)
    raise_all()
    for party in (world.agency, world.other_authority):
        assert {"proposal", "activated"} <= set(open_to(party))
    writes_moves.note_due(world.at(hours=6))
    raise_all()
    for party in (world.agency, world.other_authority):
        assert not {"proposal", "activated"} & set(open_to(party))
        assert "lapsed" in told(party)


def test_a_confirmed_proposal_waits_for_nobody(world):
    world.activate()
    raise_all()
    for party in (world.agency, world.authority):
        assert not {"proposal", "early_warning"} & set(open_to(party))


@pytest.mark.nightly
def test_whoever_left_is_not_asked_any_more(world):
    writes_contacts.add_contact_point(
        world.small_provider,
        channel="mail",
        address="duty@forum.example",
        is_24_7=True,
        actor="operator",
        now=NOON,
    )
    crisis = world.warn()
    world.join(crisis, world.small_provider)
    world.answer_all(crisis)
    world.decide(crisis, "activate")
    raise_all()
    assert open_to(world.small_provider) == ["activated"]
    by = world.actor(world.small_provider, role="duty_officer")
    writes_joining.leave(crisis.id, body=OptionalReasonIn(reason="over for us"), by=by, now=NOON)
    raise_all()
    world.calm(crisis)
    raise_all()
    assert open_to(world.small_provider) == []
    assert "deescalated" not in told(world.small_provider)


@pytest.mark.nightly
def test_a_review_that_is_due_is_told_to_those_who_lead(world):
    crisis = world.activate()
    world.join(crisis, world.small_provider)
    for hours in (25, 49):
        writes_moves.note_due(world.at(hours=hours))
        raise_all(world.at(hours=hours))
    assert {"review_due", "review_overdue"} <= set(told(world.agency))
    assert {"review_due", "review_overdue"} <= set(told(world.authority))
    assert not {"review_due", "review_overdue"} & set(told(world.small_provider))
    world.calm(crisis, now=world.at(hours=50))
    raise_all(world.at(hours=50))
    assert not {"review_due", "review_overdue"} & set(open_to(world.agency))


@pytest.mark.nightly
def test_a_sharer_who_left_the_crisis_hears_of_no_dispute(world):
    crisis = world.activate()
    world.join(crisis, world.small_provider)
    shared = world.share(world.small_provider, crisis=str(crisis.id))
    by = world.actor(world.small_provider, role="duty_officer")
    writes_joining.leave(crisis.id, body=OptionalReasonIn(reason="over for us"), by=by, now=NOON)
    body = OpinionIn(opinion="dispute", note="The evening news.")
    signals.give_opinion(shared.id, body=body, by=world.agency, now=NOON)
    raise_all()
    assert "signal_disputed" not in told(world.small_provider)


def test_the_authorities_of_an_added_country_are_alerted_and_no_others(world):
    crisis = world.warn(countries=("BE",))
    raise_all()
    body, by = CountriesIn(countries=(world.other_authority.country,)), world.actor(world.agency)
    crises.widen(crisis.id, body=body, by=by, now=NOON)
    raise_all()
    assert told(world.other_authority) == ["concerned"]
    assert told(world.authority) == []
    assert told(world.agency) == ["early_warning"]
    assert told(world.big_provider) == []


def test_an_exercise_that_grows_is_told_to_nobody_outside_its_room(world):
    crisis = world.warn(countries=("BE",), exercise=True)
    body, by = CountriesIn(countries=(world.other_authority.country,)), world.actor(world.agency)
    crises.widen(crisis.id, body=body, by=by, now=NOON)
    raise_all()
    assert told(world.other_authority) == []


def test_the_reason_of_an_invitation_is_read_at_the_desk_and_in_no_mail(world, crisis):
    by = world.actor(world.agency, role="duty_officer")
    body = InviteIn(parties=(world.big_provider.name,), reason="your service\nhosts the film")
    writes_joining.invite(crisis.id, body=body, by=by, now=NOON)
    body = InviteIn(parties=(world.small_provider.name,))
    writes_joining.invite(crisis.id, body=body, by=by, now=world.at(minutes=1))
    raise_all(world.at(minutes=1))
    first, second = Alert.objects.filter(kind="invitation").order_by("pk")
    written = "They wrote: “your service hosts the film”"
    assert texts.text_at_desk("invitation", first.parameters).endswith(written)
    assert "hosts" not in texts.text("invitation", first.parameters)
    assert "wrote" not in texts.text_at_desk("invitation", second.parameters)
