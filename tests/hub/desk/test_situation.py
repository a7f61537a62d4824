# SPDX-License-Identifier: Apache-2.0
import re
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from stemtide.hub.rooms.crises.writes import roles
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.situation.reads import leads as reads_leads, situation as reads
from stemtide.protocol.enums import Role
from stemtide.protocol.enums.response import ResponseRole
from tests.hub.desk.test_board import text
from tests.rounds import at_night, few

LEAD = {
    "level": "high_specific",
    "bases": ["tco_14_5", "dsa_18"],
    "country": "be",
    "facts": "A man announces an attack on the market at six.",
    "reasons": "He shows a rifle.",
    "locate": "Account 4711",
    "callback": "+32 2 555 0199",
    "posted_at": "2026-11-24T09:30:00+05:30",
}
SAID = {
    "message-kind": "observation",
    "message-text": "Seen on <b>three</b> services.",
    "message-urgency": "now",
    "message-tlp": "amber",
    "message-language": "en",
}


@pytest.fixture
def crisis(world):
    return world.crisis(active=True, joined=("provider", "neighbour", "rival"))


def test_a_message_is_written_and_read_by_the_room(world, crisis):
    desk = world.desk("authority")
    answer = desk.post(f"/crises/{crisis}/log/post", SAID, follow=True)
    assert "Your message stands in the log." in text(answer)
    block = world.desk("provider").get(f"/crises/{crisis}/_log")
    assert "Seen on &lt;b&gt;three&lt;/b&gt; services." in block.content.decode()
    assert "The authority, analyst" in text(block)


@at_night
def test_a_wrong_message_is_shown_again_with_its_fault(world, crisis):
    desk = world.desk("authority")
    wrong = SAID | {"message-tlp": "red"}
    answer = desk.post(f"/crises/{crisis}/log/post", wrong)
    assert answer.status_code == 422
    assert "named recipients" in text(answer)
    assert "Seen on" in text(answer)
    bad = desk.post(f"/crises/{crisis}/log/post", SAID | {"message-language": "English"})
    assert bad.status_code == 422
    assert desk.post(f"/crises/{crisis}/log/post", {}).status_code == 422


@at_night
def test_a_question_offers_its_answer_and_a_message_its_correction(world, crisis):
    desk = world.desk("authority")
    desk.post(f"/crises/{crisis}/log/post", SAID | {"message-kind": "question"})
    said = reads.latest(crisis, viewer=world.party["authority"])[0]
    page = desk.get(f"/crises/{crisis}/log").content.decode()
    assert f"?answers={said.id}" in page
    assert f"?corrects={said.id}" in page
    desk.post(
        f"/crises/{crisis}/log/post", SAID | {"message-corrects": said.id, "message-text": "Four."}
    )
    assert "corrected later" in text(desk.get(f"/crises/{crisis}/log"))
    assert "Correct a message" in text(desk.get(f"/crises/{crisis}/log?corrects={said.id}"))
    assert "Answer a question" in text(desk.get(f"/crises/{crisis}/log?answers={said.id}"))


@at_night
def test_a_message_is_pinned_by_who_leads(world, crisis):
    world.desk("authority").post(f"/crises/{crisis}/log/post", SAID)
    said = reads.latest(crisis, viewer=world.party["authority"])[0]
    lead = world.desk("authority", Role.DUTY_OFFICER)
    lead.post(f"/crises/{crisis}/log/{said.id}/pin", {"pinned": "1"})
    assert "Pinned messages" in lead.get(f"/crises/{crisis}/log").content.decode()
    lead.post(f"/crises/{crisis}/log/{said.id}/pin", {"pinned": "0"})
    assert "Pinned messages" not in lead.get(f"/crises/{crisis}/log").content.decode()


@at_night
def test_the_log_is_read_by_kind_and_page_by_page(world, crisis, monkeypatch):
    monkeypatch.setattr("stemtide.hub.desk.situation.views.ROWS", 2)
    desk = world.desk("authority")
    for n in range(3):
        desk.post(f"/crises/{crisis}/log/post", SAID | {"message-text": f"Message {n}."})
    first = text(desk.get(f"/crises/{crisis}/log"))
    assert "Message 2." in first
    assert "Message 0." not in first
    assert "Message 0." in text(desk.get(f"/crises/{crisis}/log?before=2"))
    assert "Nothing is written" in text(desk.get(f"/crises/{crisis}/log?kind=technical"))


@pytest.mark.parametrize(
    ("party", "role", "answers"),
    few(
        (4, 7),
        of=[
            ("authority", "duty_officer", (200, 302)),
            ("authority", "analyst", (200, 302)),
            ("authority", "administrator", (200, 302)),
            ("authority", "data_protection_officer", (200, 403)),
            ("authority", "observer", (200, 403)),
            ("agency", "coordinator", (200, 302)),
            ("provider", "analyst", (200, 302)),
            ("observer", "analyst", (404, 404)),
        ],
    ),
)
def test_who_reads_the_log_and_writes_into_it(world, crisis, party, role, answers):
    page, post = answers
    desk = world.desk(party, Role(role))
    assert desk.get(f"/crises/{crisis}/log").status_code == page
    assert desk.get(f"/crises/{crisis}/_log").status_code == page
    assert desk.post(f"/crises/{crisis}/log/post", SAID).status_code == post


def test_who_only_reads_is_shown_no_form(world, crisis):
    page = text(world.desk("authority", Role.DATA_PROTECTION_OFFICER).get(f"/crises/{crisis}/log"))
    assert "does not let you write" in page
    assert "Write it" not in page


def propose(desk, crisis, **more):
    said = {"line-language_0": "en", "line-text_0": "Do not share it.", "line-language_1": "nl"}
    said |= {"line-text_1": "Deel het niet.", **more}
    return desk.post(f"/crises/{crisis}/lines/propose", said, follow=True)


@at_night
def test_a_line_is_proposed_agreed_and_objected_to(world, crisis):
    mine = world.desk("authority", Role.DUTY_OFFICER)
    assert "No line may be used in public now." in text(propose(mine, crisis))
    line = reads.lines(crisis, viewer=world.party["authority"])[0]
    assert line.texts == {"en": "Do not share it.", "nl": "Deel het niet."}
    theirs = world.desk("agency", Role.DUTY_OFFICER)
    answer = theirs.post(f"/crises/{crisis}/lines/{line.id}/vote", {"vote": "agree"}, follow=True)
    assert "agreed, may be used" in text(answer)
    theirs.post(f"/crises/{crisis}/lines/{line.id}/vote", {"vote": "object", "note": "Not yet."})
    assert "Not yet." in text(mine.get(f"/crises/{crisis}/_lines"))
    again = mine.post(f"/crises/{crisis}/lines/{line.id}/vote", {"vote": "agree"}, follow=True)
    assert "your party proposed this line" in text(again)
    gone = mine.post(f"/crises/{crisis}/lines/{line.id}/withdraw", follow=True)
    assert "Withdrawn." in text(gone)


@at_night
def test_a_wrong_line_is_shown_again(world, crisis):
    desk = world.desk("authority")
    assert desk.post(f"/crises/{crisis}/lines/propose", {}).status_code == 422
    wrong = {"line-language_0": "Nederlands", "line-text_0": "Deel het niet."}
    assert desk.post(f"/crises/{crisis}/lines/propose", wrong).status_code == 422
    other = uuid4()
    assert "no public line" in text(propose(desk, crisis, **{"line-replaces": other}))


@at_night
def test_a_word_on_a_line_that_is_none_changes_nothing(world, crisis):
    mine = world.desk("authority")
    propose(mine, crisis)
    line = reads.lines(crisis, viewer=world.party["authority"])[0]
    theirs = world.desk("agency", Role.DUTY_OFFICER)
    theirs.post(f"/crises/{crisis}/lines/{line.id}/vote", {"vote": "perhaps"})
    assert reads.lines(crisis, viewer=world.party["authority"])[0].votes == []


def test_a_lead_goes_from_its_sender_to_its_end(world, crisis):
    sender = world.desk("provider")
    assert "call the police first" in text(sender.get(f"/leads/new?crisis={crisis}"))
    answer = sender.post("/leads/new", LEAD | {"crisis": crisis}, follow=True)
    assert "What was reported" in text(answer)
    lead = reads_leads.leads(viewer=world.party["provider"])[0]
    assert lead.addressed_to == "authority"
    duty = world.desk("authority", Role.DUTY_OFFICER)
    assert "Confirm receipt" in text(duty.get(f"/leads/{lead.id}"))
    duty.post(f"/leads/{lead.id}/receive")
    duty.post(f"/leads/{lead.id}/pass-on", {"to": "neighbour"})
    assert "Choose an outcome." in text(duty.post(f"/leads/{lead.id}/close", {}, follow=True))
    done = duty.post(f"/leads/{lead.id}/close", {"outcome": "threat_averted"}, follow=True)
    assert "the threat was averted" in text(done)
    again = duty.post(f"/leads/{lead.id}/receive", follow=True)
    assert "already closed" in text(again)
    assert "2026-11-24T09:30:00+05:30" in text(duty.get(f"/leads/{lead.id}"))


@at_night
def test_a_text_that_comes_too_late_is_shown_to_be_copied(world):
    world.desk("provider").post("/leads/new", LEAD)
    lead = reads_leads.leads(viewer=world.party["provider"])[0]
    duty = world.desk("authority", Role.DUTY_OFFICER)
    duty.post(f"/leads/{lead.id}/receive")
    words = "The police of Lyon has <b>seen</b> it."
    facts = {"outcome": "threat_averted", "words": words, "password": "four words of mine"}
    facts["client_secret"] = "a secret of five words"
    assert duty.post(f"/leads/{lead.id}/close", facts).status_code == 302
    answer = duty.post(f"/leads/{lead.id}/close", facts)
    assert answer.status_code == 409
    page = text(answer)
    assert "already closed" in page
    assert "Your text was not saved." in page
    assert "The police of Lyon has &lt;b&gt;seen" in page
    assert "four words of mine" not in page
    assert "a secret of five words" not in page
    assert "threat_averted" not in page


@at_night
def test_a_wrong_lead_is_shown_again(world):
    desk = world.desk("provider")
    assert desk.post("/leads/new", {}).status_code == 422
    assert "is no authority" in text(desk.post("/leads/new", LEAD | {"to": "agency"}))
    assert desk.post("/leads/new", LEAD | {"posted_at": "yesterday"}).status_code == 422
    assert desk.post("/leads/new", LEAD | {"facts": "Short."}).status_code == 422


@pytest.mark.parametrize(
    ("party", "page"),
    few(
        (2, 4),
        of=[
            ("provider", 200),
            ("authority", 200),
            ("agency", 200),
            ("neighbour", 404),
            ("rival", 404),
            ("observer", 404),
        ],
    ),
)
def test_a_lead_is_not_there_for_the_others(world, crisis, party, page):
    world.desk("provider").post("/leads/new", LEAD | {"crisis": crisis})
    lead = reads_leads.leads(viewer=world.party["provider"])[0]
    desk = world.desk(party, Role.COORDINATOR)
    assert desk.get(f"/leads/{lead.id}").status_code == page
    for where in (f"/crises/{crisis}/_leads", "/leads", "/leads/_list"):
        shown = str(lead.id) in desk.get(where).content.decode()
        assert shown is (page == 200)


def test_an_observer_is_offered_no_lead_to_report(world):
    desk = world.desk("observer")
    assert "Report one" not in text(desk.get("/leads"))
    assert desk.post("/leads/new", LEAD | {"bases": ["voluntary"]}).status_code == 403


@pytest.mark.parametrize(
    ("role", "page"),
    few(
        (5,),
        of=[
            ("duty_officer", 200),
            ("coordinator", 200),
            ("analyst", 200),
            ("administrator", 200),
            ("data_protection_officer", 200),
            ("observer", 403),
        ],
    ),
)
def test_who_reads_a_lead_by_role(world, crisis, role, page):
    world.desk("provider").post("/leads/new", LEAD | {"crisis": crisis})
    lead = reads_leads.leads(viewer=world.party["provider"])[0]
    desk = world.desk("authority", Role(role))
    assert desk.get(f"/leads/{lead.id}").status_code == page
    for where in (f"/crises/{crisis}/_leads", "/leads", f"/search?q={lead.id}"):
        shown = f"/leads/{lead.id}" in desk.get(where).content.decode()
        assert shown is (page == 200)


@at_night
def test_searches_by_similarity_are_counted_at_the_desk_as_well(world, settings):
    settings.RATES = {"heavy": 2}
    client = world.desk("authority")
    answers = [client.get("/search", {"q": "0a" * 32}) for _ in range(3)]

    assert [one.status_code for one in answers] == [200, 200, 429]
    assert int(answers[2].headers["Retry-After"]) <= 60
    assert "Too many searches by fingerprint" in answers[2].content.decode()
    assert client.get("/search", {"q": "attack"}).status_code == 200


def test_a_message_links_what_the_reader_may_see_and_says_no_more_to_others(world, crisis):
    signal = world.share(crisis=crisis, tlp="red", audience=("provider",))
    Signal.objects.filter(uid=signal).update(title="Hidden title")
    address = f"http://testserver/signals/{signal}"
    written = SAID | {"message-text": f"<i>Look</i>: {address}, @party:provider."}
    world.desk("authority").post(f"/crises/{crisis}/log/post", written)
    sees = world.desk("provider").get(f"/crises/{crisis}/_log").content.decode()
    assert f'<a class="reference" href="/signals/{signal}">signal Hidden title</a>' in sees
    assert "&lt;i&gt;Look&lt;/i&gt;: " in sees
    assert '<span class="reference">@The provider</span>.' in sees
    other = world.desk("rival").get(f"/crises/{crisis}/_log").content.decode()
    assert "signal (not visible to your party)" in other
    assert str(signal) not in other
    assert "Hidden title" not in other


@at_night
def test_a_wrong_mention_is_an_error_near_the_field_and_the_text_is_kept(world, crisis):
    written = SAID | {"message-text": "Ask @role:lead, please."}
    answer = world.desk("authority").post(f"/crises/{crisis}/log/post", written)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Ask @role:lead, please.</textarea>" in page
    error = page.partition('id="id_message-text_error">')[2].partition("</p>")[0]
    assert "which nobody holds: mention a party, or give the role" in error


@at_night
@pytest.mark.parametrize(
    ("query", "proposed"),
    [
        ("@lea", ["@role:lead"]),
        ("@riv", ["@party:rival"]),
        ("@auth", ["@party:authority", "@person:analyst@authority.example"]),
        ("#hid", []),
        ("#", []),
        ("lead", []),
        ("", []),
    ],
)
def test_mentions_are_proposed_by_the_beginning_of_a_name(world, crisis, query, proposed):
    signal = world.share(crisis=crisis, tlp="red", audience=("provider",))
    Signal.objects.filter(uid=signal).update(title="Hidden title")
    desk = world.desk("rival" if query.startswith("#") else "authority")
    page = desk.get(f"/crises/{crisis}/log/_suggestions", {"q": query}).content.decode()
    assert sorted(re.findall('data-token="([^"]+)"', page)) == sorted(proposed)


def test_people_of_other_parties_are_never_proposed_but_the_holder_of_a_role(world, crisis):
    other = parties.actor(world.person("provider", Role.DUTY_OFFICER))
    roles.take(crisis, ResponseRole.MEDIA, by=other, now=datetime.now(UTC))
    page = world.desk("authority").get(f"/crises/{crisis}/log/_suggestions", {"q": "@"})
    assert "@provider.example" not in page.content.decode()
    assert "Media liaison The provider" in text(page)
