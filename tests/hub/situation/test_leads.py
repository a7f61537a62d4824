# SPDX-License-Identifier: Apache-2.0
from datetime import datetime, timedelta, timezone
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.situation.models import Lead
from stemtide.hub.rooms.situation.reads import leads as reads
from stemtide.hub.rooms.situation.rules import leads as rules
from stemtide.hub.rooms.situation.writes import leads as writes
from stemtide.hub.scheduler import run_once
from stemtide.protocol.enums import LeadState, PartyKind, Role
from stemtide.protocol.messages.situation import LeadCloseIn, LeadIn, LeadPassIn
from tests.hub.situation.conftest import LEAD
from tests.hub.situation.test_log import NO, YES, allowed
from tests.rounds import rounds
from tests.world import NOON


def receive(room, lead, party="authority", role="analyst"):
    return writes.receive_lead(lead.id, by=room.actor(party, role), now=room.world.at(minutes=4))


def pass_on(room, lead, to="", party="authority", role="duty_officer"):
    body = LeadPassIn(to=to)
    return writes.pass_on_lead(lead.id, body=body, by=room.actor(party, role), now=NOON)


def close(room, lead, party="authority"):
    body = LeadCloseIn(outcome="threat_averted")
    return writes.close_lead(lead.id, body=body, by=room.actor(party), now=NOON)


@pytest.mark.parametrize(
    ("kind", "role", "may"),
    [
        ("provider", "analyst", YES),
        ("provider", "duty_officer", YES),
        ("provider", "coordinator", YES),
        ("provider", "administrator", YES),
        ("provider", "observer", NO),
        ("provider", "data_protection_officer", NO),
        ("provider", None, YES),
        ("consortium", "analyst", YES),
        ("authority", "analyst", YES),
        ("agency", "analyst", YES),
        ("observer", "duty_officer", NO),
    ],
)
def test_who_may_report_a_lead(kind, role, may):
    kind, role = PartyKind(kind), role and Role(role)
    assert may is allowed(rules.check_report, kind=kind, role=role)


@pytest.mark.parametrize(
    ("state", "receive", "pass_on", "close"),
    [
        ("reported", YES, NO, NO),
        ("received", NO, YES, YES),
        ("passed_on", NO, NO, YES),
        ("closed", NO, NO, NO),
    ],
)
def test_how_a_lead_moves(state, receive, pass_on, close):
    facts = rules.LeadFacts(
        state=LeadState(state), sent_by="big-video", recipients=frozenset({"be"})
    )
    me = {"name": "be", "kind": PartyKind.AUTHORITY, "role": Role.DUTY_OFFICER}
    checks = (rules.check_receive, rules.check_pass_on, rules.check_close)
    assert [allowed(check, facts, **me) for check in checks] == [receive, pass_on, close]


@pytest.mark.parametrize(
    ("name", "kind", "role", "receive", "close"),
    [
        ("be", "authority", "duty_officer", YES, YES),
        ("be", "authority", "analyst", YES, NO),
        ("be", "authority", "data_protection_officer", NO, NO),
        ("be", "authority", None, YES, YES),
        ("eu", "agency", "coordinator", YES, YES),
        ("fr", "authority", "duty_officer", NO, NO),
        ("big-video", "provider", "duty_officer", NO, NO),
    ],
)
def test_who_moves_a_lead_on(name, kind, role, receive, close):
    kind, role = PartyKind(kind), role and Role(role)
    said = [
        allowed(
            check,
            rules.LeadFacts(state=state, sent_by="big-video", recipients=frozenset({"be"})),
            name=name,
            kind=kind,
            role=role,
        )
        for check, state in (
            (rules.check_receive, LeadState.REPORTED),
            (rules.check_close, LeadState.RECEIVED),
        )
    ]
    assert said == [receive, close]


def test_a_lead_goes_to_the_authority_of_its_country(room):
    lead = room.lead(country="BE")
    assert (lead.addressed_to, lead.copied_to, lead.state) == ("be-crisis-centre", None, "reported")


def test_a_lead_without_a_country_goes_to_the_agency_and_home(room):
    lead = room.lead("small_provider", country="")
    assert (lead.addressed_to, lead.copied_to) == ("eu-referral-unit", "fr-referral-unit")


def test_who_gets_a_copy_of_a_lead_reads_it(room):
    lead = room.lead("small_provider", country="")
    assert reads.lead(lead.id, viewer=room.world.other_authority) == lead
    assert reads.leads(viewer=room.world.other_authority) == [lead]
    assert reads.leads(viewer=room.world.authority) == []


def test_a_lead_without_a_country_from_where_no_authority_is_goes_to_the_agency_alone(room):
    lead = room.lead("big_provider", country="")
    assert (lead.addressed_to, lead.copied_to) == ("eu-referral-unit", None)
    lead = room.lead("consortium", country="", bases=("voluntary",))
    assert lead.copied_to is None


@pytest.mark.parametrize(
    ("candidates", "to", "country", "words"),
    [
        (["a", "b"], "", "BE", "choose a or b"),
        (["a", "b"], "c", "BE", "'c' is no authority of BE"),
        ([], "c", "", "is no agency"),
        ([], "", "SE", "leave the country out"),
        ([], "", "", "call the police"),
    ],
)
def test_an_address_that_does_not_fit_is_said_with_its_remedy(candidates, to, country, words):
    with pytest.raises(InvalidError, match=words):
        rules.choose(candidates, to=to, country=country)


def test_one_of_several_authorities_is_chosen_by_name():
    assert rules.choose(["a", "b"], to="b", country="BE") == "b"


@pytest.mark.parametrize(
    ("kind", "bases", "words"),
    [
        ("provider", ("voluntary",), "names its duty"),
        ("authority", ("tco_14_5",), "write voluntary"),
        ("provider", ("dsa_18", "dsa_18"), "twice"),
    ],
)
def test_a_basis_fits_its_sender(kind, bases, words):
    with pytest.raises(InvalidError, match=words):
        rules.check_lead(bases, kind=PartyKind(kind), country="", posted_at=None)


def test_a_country_is_a_country_and_a_time_has_a_zone():
    with pytest.raises(InvalidError, match="country"):
        rules.check_lead(("dsa_18",), kind=PartyKind.PROVIDER, country="XX", posted_at=None)
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(InvalidError, match="time zone"):
        rules.check_lead(("dsa_18",), kind=PartyKind.PROVIDER, country="BE", posted_at=naive)


@pytest.mark.parametrize(
    ("party", "sees"),
    [
        ("big_provider", YES),
        ("authority", YES),
        ("agency", YES),
        ("other_authority", NO),
        ("small_provider", NO),
        ("consortium", NO),
        ("observer", NO),
    ][:: rounds(2, nightly=1)],
)
def test_a_lead_is_seen_by_sender_addressee_and_agency_alone(room, party, sees):
    lead = room.lead(crisis=room.crisis.id)
    viewer = getattr(room.world, party)
    row = reads.find_lead(lead.id, viewer=room.world.agency)
    facts = reads.lead_facts(row)
    assert rules.may_see(facts, name=viewer.name, kind=PartyKind(viewer.kind)) is sees
    assert bool(reads.leads(viewer=viewer)) is sees
    assert bool(reads.of_crisis(room.crisis.id, viewer=viewer)) is sees
    if not sees:
        with pytest.raises(NotFoundError):
            reads.lead(lead.id, viewer=viewer)


def test_a_lead_is_received_passed_on_and_closed_with_its_times(room):
    lead = room.lead()
    assert receive(room, lead).received_at == room.world.at(minutes=4)
    assert pass_on(room, lead, to="fr-referral-unit").passed_to == "fr-referral-unit"
    assert reads.lead(lead.id, viewer=room.world.other_authority).state == "passed_on"
    done = close(room, lead, party="other_authority")
    assert (done.state, done.outcome) == ("closed", "threat_averted")
    kinds = ["lead.reported", "lead.received", "lead.forwarded", "lead.closed"]
    assert room.world.ledger_kinds()[-4:] == kinds


def test_a_lead_is_passed_to_investigators_outside_the_hub(room):
    lead = room.lead()
    receive(room, lead)
    assert pass_on(room, lead).passed_to is None


@pytest.mark.parametrize("to", ["big-video", "be-crisis-centre", "nobody-here"])
def test_a_lead_is_passed_on_to_another_authority_or_agency_alone(room, to):
    lead = room.lead()
    receive(room, lead)
    with pytest.raises(InvalidError, match="to:"):
        pass_on(room, lead, to=to)


def test_who_only_sees_a_lead_does_not_move_it(room):
    lead = room.lead()
    with pytest.raises(NotAllowedError, match="the addressees"):
        receive(room, lead, party="big_provider")
    receive(room, lead)
    with pytest.raises(ConflictError, match="already received"):
        receive(room, lead, party="agency")


def test_the_ledger_holds_no_word_of_a_lead_and_names_no_crisis(room):
    lead = room.lead(crisis=room.crisis.id)
    receive(room, lead)
    entries = list(Entry.objects.filter(subject=f"lead:{lead.id}"))
    told = str([(one.detail, one.actor, one.subject) for one in entries])
    assert len(entries) == 2
    assert {one.crisis for one in entries} == {None}
    assert not any(LEAD[name] in told for name in ("facts", "reasons", "locate", "callback"))
    others = ledger.entries(viewer=room.world.small_provider, after=entries[0].number - 1)
    assert others[0].actor == ledger.WITHHELD


def test_the_digest_proves_what_was_reported_until_it_is_erased(room):
    lead = room.lead()
    entry = Entry.objects.get(kind="lead.reported")
    names = ("facts", "reasons", "address", "locate", "callback")
    words = {name: getattr(lead, name) for name in names}
    assert rules.seal_digest(words, salt=lead.seal) == entry.detail["digest"]
    assert (
        rules.seal_digest(words | {"facts": "Another."}, salt=lead.seal) != entry.detail["digest"]
    )


def test_the_clock_erases_the_words_and_keeps_the_proof(room):
    lead = room.lead()
    receive(room, lead)
    assert close(room, lead).erase_due == NOON + rules.ERASE_AFTER_CLOSURE
    assert run_once(NOON + timedelta(days=29)).erased == 0
    assert run_once(NOON + timedelta(days=31)).erased == 1
    assert run_once(NOON + timedelta(days=31)).erased == 0
    after = reads.lead(lead.id, viewer=room.world.authority)
    assert (after.facts, after.locate, after.callback, after.seal) == ("", "", "", "")
    assert (after.level, after.outcome, after.posted_at) == (
        "high_specific",
        "threat_averted",
        None,
    )
    assert Entry.objects.filter(kind="lead.reported").exists()
    assert "lead.erased" in room.world.ledger_kinds()


def test_a_lead_that_nobody_closes_is_erased_too(room):
    room.lead()
    assert writes.erase_due_leads(NOON + rules.ERASE_AFTER) == 1


def test_a_clock_that_comes_second_erases_nothing(room):
    room.lead()
    later = NOON + rules.ERASE_AFTER
    assert [writes.erase_due_leads(later), writes._erase_some(later, except_for=())] == [1, 0]


def test_a_late_closure_does_not_keep_words_longer():
    late = NOON + timedelta(days=170)
    assert rules.erase_due(NOON, closed_at=late) == NOON + rules.ERASE_AFTER


def test_the_time_of_posting_keeps_its_zone(room):
    posted = datetime(2026, 11, 24, 9, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    lead = room.lead(posted_at=posted)
    found = reads.lead(lead.id, viewer=room.world.authority).posted_at
    assert found.isoformat() == "2026-11-24T09:30:00+05:30"


def test_the_gravest_open_lead_stands_first(room):
    levels = ["low", "high_specific", "medium", "high_unspecific"]
    made = {level: room.lead(level=level) for level in levels}
    receive(room, made["high_specific"])
    close(room, made["high_specific"])
    found = [one.level for one in reads.leads(viewer=room.world.authority)]
    assert found == ["high_unspecific", "medium", "low", "high_specific"]
    closed = reads.leads(viewer=room.world.authority, is_open=False)
    still = reads.leads(viewer=room.world.authority, is_open=True)
    assert (len(closed), len(still)) == (1, 3)


def test_a_lead_belongs_to_a_crisis_as_real_as_itself(room):
    with pytest.raises(InvalidError, match="exercise"):
        room.lead(crisis=room.crisis.id, exercise=True)
    with pytest.raises(InvalidError, match="no crisis"):
        room.lead(crisis=uuid4())
    drill = room.world.warn(name="A rehearsal", exercise=True, invite=("big-video",))
    with pytest.raises(InvalidError, match="the crisis is an exercise"):
        room.lead(crisis=drill.id)


def test_nobody_hides_anothers_lead_behind_many_of_their_own(room):
    for _ in range(reads.AT_ONCE + 2):
        room.lead(level="high_specific")
    other = room.lead("small_provider", level="low")
    found = reads.leads(viewer=room.world.agency, limit=reads.AT_ONCE + 1)
    assert len(found) == reads.AT_ONCE + 1
    assert found[-1].id == other.id


def test_the_database_holds_no_word_of_a_lead(room):
    lead = room.lead()
    row = Lead.objects.filter(uid=lead.id).values().get()
    assert not any(LEAD[name] in str(row) for name in ("facts", "reasons", "locate", "callback"))
    assert lead.facts == reads.lead(lead.id, viewer=room.world.authority).facts == LEAD["facts"]


@pytest.mark.nightly
@pytest.mark.django_db(transaction=True)
def test_leads_from_before_are_encrypted_and_the_step_can_be_taken_back(committed_world):
    provider = committed_world.actor(committed_world.big_provider, role="analyst")
    lead = writes.report_lead(LeadIn(**LEAD), by=provider, now=NOON)
    call_command("migrate", "situation", "0001", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT facts, callback FROM situation_lead")
        assert cursor.fetchone() == (LEAD["facts"], LEAD["callback"])

    call_command("migrate", verbosity=0)

    assert LEAD["facts"] not in Lead.objects.get(uid=lead.id).facts
    assert reads.lead(lead.id, viewer=committed_world.big_provider).callback == LEAD["callback"]


def test_a_lead_under_a_secret_that_was_lost_does_not_hide_the_others(room, settings):
    room.lead()
    settings.SECRET_KEY = "another secret, as the first one was lost"
    room.lead(facts="Somebody said where and when.")
    before, after = sorted(
        reads.leads(viewer=room.world.authority), key=lambda lead: lead.facts.startswith("Somebody")
    )
    assert "earlier secret of the hub" in before.facts
    assert after.facts == "Somebody said where and when."


def test_all_grounds_of_article_18_2_and_recital_41_are_kept_for_a_country(room):
    grounds = ["offence", "suspect", "victim", "offender_nationality", "victim_nationality"]
    lead = room.lead(country="BE", country_grounds=[*grounds, "target"])
    assert lead.country_grounds == [*grounds, "target"]


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"country": "", "country_grounds": ["victim"]}, "need a country"),
        ({"country": "BE", "country_grounds": ["victim", "victim"]}, "contain one ground twice"),
    ],
)
def test_grounds_are_of_a_country_and_named_once(room, facts, words):
    with pytest.raises(InvalidError, match=f"country_grounds: {words}"):
        room.lead(**facts)
