# SPDX-License-Identifier: Apache-2.0
from uuid import uuid4

import pytest

from stemtide.hub.rooms.signals.reads import outliers as reads_outliers, signals as reads
from stemtide.protocol.enums import Opinion, Role, SignalState
from tests.hub.desk.conftest import PDQ
from tests.hub.desk.test_board import text
from tests.rounds import at_night, few
from tests.world import approve_all

WITHDRAW = {"withdraw-reason": "mistake", "withdraw-note": ""}
OPINION = {"dispute-text": "It is the evening news."}

# party, role, may withdraw a signal of the authority, may give an opinion
ROLES = [
    ("authority", Role.ANALYST, True, True),
    ("authority", Role.DUTY_OFFICER, True, True),
    ("authority", Role.COORDINATOR, True, True),
    ("authority", Role.ADMINISTRATOR, True, True),
    ("authority", Role.OBSERVER, False, False),
    ("authority", Role.DATA_PROTECTION_OFFICER, False, False),
    ("agency", Role.COORDINATOR, True, True),
    ("agency", Role.DATA_PROTECTION_OFFICER, False, False),
    ("neighbour", Role.DUTY_OFFICER, False, True),
    ("provider", Role.ANALYST, False, True),
    ("provider", Role.OBSERVER, False, False),
    ("observer", Role.ADMINISTRATOR, False, False),
    ("observer", Role.OBSERVER, False, False),
]


@pytest.mark.parametrize(("party", "role", "withdraws", "_opines"), few((0, 9), of=ROLES))
def test_who_may_withdraw_is_offered_it_and_others_are_refused(
    world, party, role, withdraws, _opines
):
    uid = world.share(tlp="green")
    desk = world.desk(party, role)
    offered = "Withdraw this signal" in text(desk.get(f"/signals/{uid}"))
    answer = desk.post(f"/signals/{uid}/withdraw", WITHDRAW)
    state = reads.signal(uid, viewer=world.party["authority"]).state
    assert offered is withdraws
    assert answer.status_code == (302 if withdraws else 403)
    assert state is (SignalState.WITHDRAWN if withdraws else SignalState.LIVE)


@pytest.mark.parametrize(("party", "role", "_withdraws", "opines"), few((4, 9), of=ROLES))
def test_who_may_judge_is_offered_it_and_others_are_refused(world, party, role, _withdraws, opines):
    uid = world.share(tlp="green")
    desk = world.desk(party, role)
    offered = "Why is it wrong?" in text(desk.get(f"/signals/{uid}"))
    answer = desk.post(f"/signals/{uid}/do/dispute", OPINION)
    given = reads.signal(uid, viewer=world.party["authority"]).opinions
    assert offered is opines
    assert answer.status_code == (302 if opines else 403)
    assert [(one.party, one.opinion) for one in given] == (
        [(party, Opinion.DISPUTE)] if opines else []
    )


def test_a_withdrawal_is_confirmed_on_the_page(world):
    uid = world.share()
    page = world.desk("authority").post(f"/signals/{uid}/withdraw", WITHDRAW, follow=True)
    assert "Withdrawn. Agents forget it" in text(page)
    assert "shared by mistake" in text(page)
    assert "Withdraw this signal" not in text(page)


@pytest.mark.parametrize(
    ("change", "says"),
    few(
        (1,),
        of=[
            ({"withdraw-reason": ""}, "This field is required."),
            ({"withdraw-reason": "boredom"}, "is not one of the available choices"),
            ({"withdraw-note": "x" * 501}, "at most 500 characters"),
        ],
    ),
)
def test_a_withdrawal_that_is_not_filled_in_changes_nothing(world, change, says):
    uid = world.share()
    page = world.desk("authority").post(f"/signals/{uid}/withdraw", WITHDRAW | change)
    assert page.status_code == 422
    assert says in text(page)
    assert 'aria-invalid="true"' in page.content.decode()
    assert reads.signal(uid, viewer=world.party["authority"]).state is SignalState.LIVE


@at_night
def test_a_dispute_needs_a_reason_of_ones_own_words(world):
    uid = world.share()
    page = world.desk("provider").post(f"/signals/{uid}/do/dispute", {"dispute-text": " "})
    assert page.status_code == 422
    assert reads.signal(uid, viewer=world.party["authority"]).opinions == []
    assert "This field is required." in text(page)


@pytest.mark.parametrize(
    ("path", "form"), few((0,), of=[("withdraw", WITHDRAW), ("do/dispute", OPINION)])
)
def test_what_no_longer_matches_is_not_changed_again(world, path, form):
    uid = world.share()
    world.withdraw(uid)
    page = world.desk("authority").post(f"/signals/{uid}/{path}", form, follow=True)
    assert "this signal was withdrawn" in text(page)


@pytest.mark.parametrize("path", ["", "/withdraw", "/do/dispute", "/do/confirm"])
def test_a_signal_that_was_not_shared_with_a_party_is_not_there_for_it(world, path):
    uid = world.share(tlp="red", audience=["agency"])
    desk = world.desk("provider")
    form = WITHDRAW | OPINION
    hidden, unknown = (
        desk.post(f"/signals/{one}{path}", form) if path else desk.get(f"/signals/{one}")
        for one in (uid, uuid4())
    )
    assert (hidden.status_code, unknown.status_code) == (404, 404)
    assert "Page not found" in text(hidden)
    assert PDQ not in text(hidden)


def test_the_page_says_what_the_marks_allow(world):
    uid = world.share(tlp="amber", pap="red", audience=["agency", "provider"])
    page = text(world.desk("agency").get(f"/signals/{uid}"))
    assert "inside the recipient" in page
    assert "Agents may only write down a match." in page
    assert "The agency, The provider" in page


@at_night
def test_the_page_shows_opinions_sightings_and_the_ledger(world):
    uid = world.share(tlp="green")
    other = world.share(tlp="green", value=f"0{PDQ[1:]}")
    world.outcome(uid, by="provider", count=5)
    world.outcome(other, by="provider", count=100)
    world.dispute(uid)
    page = text(world.desk("authority").get(f"/signals/{uid}"))
    assert "The provider disputes it" in page
    assert "It is the evening news." in page
    assert "All providers 5 blocked" in page
    assert "The authority shared a signal" in page
    assert "Someone else gave an opinion on a signal" in page


def test_a_provider_sees_its_own_sightings_of_a_signal_and_the_total(world):
    uid = world.share(tlp="green")
    world.outcome(uid, by="provider", count=5)
    world.outcome(uid, by="rival", count=8)
    page = text(world.desk("provider").get(f"/signals/{uid}"))
    assert "The rival" not in page
    assert "All providers 13 blocked" in page


def test_an_address_is_shown_and_not_linked(world):
    uid = world.share(kind="url", value="https://clips.example/watch?v=1")
    html = world.desk("authority").get(f"/signals/{uid}").content.decode()
    assert "clips.example/watch" in html
    assert 'href="https://clips.example' not in html


def test_words_of_others_are_never_markup(world):
    uid = world.share(
        tlp="green", kind="url", value="https://clips.example/<script>alert(1)</script>"
    )
    desk = world.desk("authority")
    desk.post(
        f"/signals/{uid}/do/dispute", OPINION | {"opinion-note": "<img src=x onerror=alert(1)>"}
    )
    html = desk.get(f"/signals/{uid}").content.decode() + desk.get("/").content.decode()
    assert "<img src=x" not in html
    assert "<script>alert" not in html


@at_night
def test_the_page_and_the_board_say_what_an_address_covers_and_who_made_it(world):
    uid = world.share(
        kind="url", value="https://m.bad.example/video/12", reach="host",
        ideology="right-wing", entity="The Base",
    )  # fmt: skip
    approve_all(world.party["agency"], now=world.now)
    desk = world.desk("agency")
    page, table = text(desk.get(f"/signals/{uid}")), text(desk.get("/"))
    for said in (page, table):
        assert "m.bad.example/" in said
        assert "the whole host, and those below it" in said
        assert "Right-wing extremist" in said
        assert "The Base" in said


@at_night
def test_an_address_by_itself_says_so_and_nothing_is_said_of_makers_unknown(world):
    uid = world.share(kind="url", value="https://m.bad.example/video/12")
    page = text(world.desk("agency").get(f"/signals/{uid}"))
    assert "this address alone" in page
    assert "Ideology" not in page
    assert "Listed entity" not in page


@at_night
def test_uploads_beyond_the_look_ups_are_shown_apart_until_somebody_counts_them(world):
    uid = world.share(tlp="green")
    world.outcome(uid, by="provider", count=5)
    world.outcome(uid, by="provider", count=900, lookups=7)
    desk = world.desk("agency", Role.COORDINATOR)
    said = "uploads are not counted: agent uploads reported only 7 look-ups for that time."
    assert said in text(desk.get("/"))
    page = text(desk.get(f"/signals/{uid}"))
    assert said in page
    assert "Nobody has decided yet." in page
    assert "All providers 5 blocked" in page
    (one,) = reads_outliers.outliers(viewer=world.party["agency"])
    path = f"/signals/{uid}/outliers/{one.id}"
    desk.post(path, {"decision": "perhaps"})
    assert said in text(desk.get(f"/signals/{uid}"))
    counted = text(desk.post(path, {"decision": "count"}, follow=True))
    assert "These uploads count." in counted
    assert "All providers 905 blocked" in counted
    assert said not in text(desk.get("/"))
    discarded = text(desk.post(path, {"decision": "discard"}, follow=True))
    assert "All providers 5 blocked" in discarded
    assert "Leave these uploads out" not in discarded
    assert "Count these uploads" not in text(world.desk("provider").get(f"/signals/{uid}"))


@at_night
def test_the_page_says_why_a_signal_acts_or_does_not(world):
    uid = world.share(by="rival", tlp="green")
    desk = world.desk("agency")
    assert "no other party whose word counts has confirmed it" in text(desk.get(f"/signals/{uid}"))
    world.desk("provider").post(f"/signals/{uid}/do/confirm", {"confirm-text": ""})
    page = text(desk.get(f"/signals/{uid}"))
    assert "Can block at agents with the default policy" in page
    assert "shared by a provider, confirmed by 1 party." in page
    world.share(by="authority", tlp="green")
    assert "confirmed by 1 party, shared by 1 other party as well." in text(
        desk.get(f"/signals/{uid}")
    )
    desk.post(f"/signals/{uid}/do/dispute", OPINION)
    assert "Holds: it is disputed" in text(desk.get(f"/signals/{uid}"))


@at_night
def test_the_agency_sets_a_dispute_aside_and_the_party_answers_on_the_page(world):
    uid = world.share(tlp="green")
    world.dispute(uid, by="provider")
    agency = world.desk("agency", Role.DUTY_OFFICER)
    provider, rival = world.desk("provider"), world.desk("rival")
    assert "Set this dispute aside" not in text(
        world.desk("agency", Role.ANALYST).get(f"/signals/{uid}")
    )
    assert "Set this dispute aside" in text(agency.get(f"/signals/{uid}"))
    assert "Set this dispute aside" not in text(provider.get(f"/signals/{uid}"))
    form = {"target": "provider", "set-aside-provider-text": "The attacker filmed it."}
    assert (
        agency.post(f"/signals/{uid}/do/set-aside", form | {"target": "nobody"}).status_code == 422
    )
    done = text(agency.post(f"/signals/{uid}/do/set-aside", form, follow=True))
    assert "Set aside. The party is told" in done
    assert "The attacker filmed it." in done
    answer = {"target": "provider", "answer-provider-text": "Our lawyers looked."}
    assert "Your answer" in text(provider.get(f"/signals/{uid}"))
    assert "Answered." in text(provider.post(f"/signals/{uid}/do/answer", answer, follow=True))
    assert "Our lawyers looked." in text(agency.get(f"/signals/{uid}"))
    assert "Our lawyers looked." not in text(rival.get(f"/signals/{uid}"))
    restored = agency.post(f"/signals/{uid}/do/restore", {"target": "provider"}, follow=True)
    assert "This dispute counts again." in text(restored)
    assert agency.post(f"/signals/{uid}/do/restored", {}).status_code == 404


@at_night
def test_what_was_lowered_before_it_matched_anything_has_no_curve(world):
    uid = world.share(tlp="green")
    world.report_runaway(uid, by="provider", matches=0)
    page = text(world.desk("agency", Role.DUTY_OFFICER).get(f"/signals/{uid}"))
    assert "Agent uploads: 60 of 900 look-ups matched." in page
    assert "Until Matches Plausible" not in page


@at_night
def test_a_signal_that_matches_too_much_shows_who_says_so_and_an_agency_clears_it(world):
    uid = world.share(tlp="green")
    world.report_runaway(uid, by="provider")
    answer = world.desk("provider", Role.DUTY_OFFICER).get(f"/signals/{uid}")
    page = text(answer)
    rows = "24 Nov 2026, 12:00:00 UTC 0 0 24 Nov 2026, 12:05:00 UTC 60 2"
    assert f"Until Matches Plausible {rows}" in page
    assert "Agent uploads: 60 of 900 look-ups matched. Plausible are 29 in an hour." in page
    assert "Clear it" not in page
    desk = world.desk("agency", Role.DUTY_OFFICER)
    assert "Clear it: its matches are right" in text(desk.get(f"/signals/{uid}"))
    assert desk.post(f"/signals/{uid}/do/clear", {"clear-text": ""}).status_code == 422
    desk.post(f"/signals/{uid}/do/clear", {"clear-text": "It is the attack."})
    assert "Cleared: an agency decided" in text(desk.get(f"/signals/{uid}"))
    desk.post(f"/signals/{uid}/do/lower", {"lower-text": "It is a logo."})
    assert "Lowered: it leads to hold" in text(desk.get(f"/signals/{uid}"))


@at_night
def test_a_party_asks_the_sharer_on_the_page_and_only_the_two_read_it(world):
    uid = world.share(tlp="green")
    provider, authority = world.desk("provider"), world.desk("authority")
    rival, address = world.desk("rival"), f"/signals/{uid}"
    assert "Ask its sharer" not in text(authority.get(address))
    form = {"question-text": "Is the whole film meant?"}
    assert "Sent. Its sharer" in text(provider.post(f"{address}/do/question", form, follow=True))
    assert "Ask its sharer" not in text(provider.get(address))
    assert "Is the whole film meant?" not in text(rival.get(address))
    assert "Is the whole film meant?" in text(authority.get(address))
    answer = {"target": "provider", "answer-question-provider-text": "Only from 2:10 on."}
    assert rival.post(f"{address}/do/answer-question", answer).status_code == 404
    answered = text(authority.post(f"{address}/do/answer-question", answer, follow=True))
    assert "Answered. The party that sent" in answered
    assert "Only from 2:10 on." in text(provider.get(address))
    assert "Only from 2:10 on." not in text(rival.get(address))
    assert "Answer this question" not in text(authority.get(address))
