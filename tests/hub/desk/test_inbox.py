# SPDX-License-Identifier: Apache-2.0
"""A provider's inbox: orders apart from referrals, answers to one and to many, what is known."""

import re
from datetime import timedelta

import pytest

from stemtide.hub.rooms.alerts.writes import alerts
from stemtide.hub.rooms.crises.models import Participation
from stemtide.hub.rooms.crises.writes import moves as writes_moves, participants as writes_joining
from stemtide.hub.rooms.orders.writes import answers as order_answers, orders
from stemtide.hub.rooms.parties.reads.competences import is_competent
from stemtide.hub.rooms.parties.writes import competences
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.referrals.writes import (
    answers as writes_answers,
    batches as writes_batches,
    referrals as writes,
)
from stemtide.protocol.enums import Duty, Role
from stemtide.protocol.enums.referrals import ReceiptVia
from stemtide.protocol.messages.batches import BatchIn, BatchRowIn, RowsIn
from stemtide.protocol.messages.crises import CloseIn, InviteIn
from stemtide.protocol.messages.orders import OrderIn
from stemtide.protocol.messages.referrals import AnswerIn, AssessIn, SendIn, TakeBackIn
from tests.orders import issue_order
from tests.rounds import at_night, few
from tests.scene import ANNEX_1

pytestmark = pytest.mark.django_db
URL = "https://video.example/watch?v=1"
NOTHING = "No referral waits for you."


@pytest.fixture
def officer(world):
    return world.desk("provider", Role.DUTY_OFFICER)


def said(answer):
    return " ".join(answer.content.decode().split())


def block(answer, name):
    """What stands in one block of a page, without its tags."""
    html = answer.content.decode()
    start = html.index(f'id="block-{name}"')
    marks = ('id="block-', 'id="referrals-title"', "</main>")
    end = min(at for one in marks if (at := html.find(one, start + 9)) > 0)
    return " ".join(re.sub(r"<[^>]+>", " ", html[start:end]).split())


def refer(world, by="authority", now=None, **facts):
    body = {"url": URL, "provider": "provider", "labels": ["incitement"], "reason": "It incites."}
    how = SendIn(despite="Ours shows the place.")
    return writes.refer(
        AssessIn(**(body | facts)), assessment=how, by=world.actor(by), now=now or world.now
    )


def batch(world, count, name="Action day"):
    by = world.actor("authority")
    made = writes_batches.open_batch(BatchIn(name=name), by=by, now=world.now)
    rows = tuple(
        BatchRowIn(
            number=one,
            url=f"https://video.example/clip/{one}",
            provider="provider",
            labels="incitement",
            reason="It incites.",
        )
        for one in range(1, count + 1)
    )
    writes_batches.add_rows(made.id, body=RowsIn(rows=rows), by=by, now=world.now)
    return made


def issue(world, minutes_ago=0, **facts):
    """An order of the authority that its provider has received."""
    party = world.party["authority"]
    if not is_competent(party, Duty.ISSUE):
        competences.name_competent(party, Duty.ISSUE, actor="operator", now=world.now)
    by, at = world.actor("authority"), world.now - timedelta(minutes=minutes_ago)
    annex = ANNEX_1 | {"urls": [f"https://provider.example/thread/{minutes_ago}"]} | facts
    body = OrderIn(
        to="provider",
        annex=annex,
        emergency="An attack is under way.",
        emergency_ground="ongoing_events",
    )
    uid = orders.draft(body, by=by, now=at).id
    made = issue_order(uid, by=by, now=at)
    order_answers.record_receipt(uid, via=ReceiptVia.WEBHOOK, at=at, now=at)
    return made


def state_of(made):
    return Referral.objects.get(uid=made.id).state


def act(client, made, verb, **fields):
    sent = {f"{verb}-{name}": value for name, value in fields.items()}
    return client.post(f"/inbox/referrals/{made.id}/do/{verb}", sent, follow=True)


def test_an_empty_inbox_says_so_for_orders_and_for_referrals(officer):
    page = said(officer.get("/inbox"))
    assert "No removal order waits for you." in page
    assert NOTHING in page


@at_night
def test_only_a_provider_has_an_inbox_and_is_led_to_it(world, officer):
    authority = world.desk("authority", Role.DUTY_OFFICER)
    assert authority.get("/inbox").status_code == 403
    assert '/inbox"' not in said(authority.get("/"))
    assert '/inbox"' in said(officer.get("/"))
    assert '/referrals"' not in said(officer.get("/"))


@at_night
def test_the_bar_counts_orders_and_new_referrals_apart(world, officer):
    made = refer(world)
    issue(world)
    page = said(officer.get("/"))
    assert re.search(r"waits--binding\">\s*1 order\s*<", page)
    assert re.search(r"waits--voluntary\">\s*1 new\s*<", page)
    act(officer, made, "acknowledge")
    page = said(officer.get("/board/_blocks"))
    assert "1 order" in page
    assert "1 new" not in page


@at_night
def test_orders_stand_above_with_the_hour_that_ends_first_on_top(world, officer):
    refer(world)
    late, later = issue(world, minutes_ago=70), issue(world, minutes_ago=10)
    page = officer.get("/inbox")
    told = block(page, "orders")
    assert told.index(late.reference) < told.index(later.reference)
    assert "over by 00:10:" in told
    assert told.count("the hour has passed") == 1
    assert re.search(r"00:(49:\d\d|50:00)", told)
    html = page.content.decode()
    assert html.index('id="block-orders"') < html.index('id="block-referrals"')


@at_night
def test_no_word_of_a_referral_stands_among_orders_nor_the_other_way_round(world, officer):
    refer(world)
    issue(world)
    page = officer.get("/inbox")
    assert "eferral" not in block(page, "orders")
    assert "order" not in block(page, "referrals")
    assert "mark--voluntary" in page.content.decode()
    assert "mark--binding" in page.content.decode()


@at_night
def test_what_is_decided_leaves_the_inbox_and_is_found_when_asked_for(world, officer):
    made = refer(world)
    act(officer, made, "answer", answer="removed")
    assert NOTHING in said(officer.get("/inbox"))
    assert made.reference in said(officer.get("/inbox?state=decided"))
    assert made.reference in said(officer.get("/inbox?state=removed"))
    assert made.reference in said(officer.get(f"/inbox?reference={made.reference}"))
    assert "No referrals match this filter." in said(officer.get("/inbox?state=refused"))
    assert officer.get("/inbox?state=nonsense&page=x&orders=all").status_code == 200


def test_opening_a_referral_is_its_receipt_unless_one_only_reads(world, officer):
    made = refer(world)
    world.desk("provider", Role.OBSERVER).get(f"/inbox/referrals/{made.id}")
    assert Referral.objects.get().received_at is None
    officer.get("/inbox")
    assert Referral.objects.get().received_at is None
    officer.get(f"/inbox/referrals/{made.id}")
    assert Referral.objects.get().received_via == "desk"


@pytest.mark.parametrize(
    ("fields", "state"),
    few(
        (0,),
        of=[
            ({"answer": "removed"}, "removed"),
            ({"answer": "disabled"}, "disabled"),
            ({"answer": "geo_blocked", "countries": "be, NL"}, "geo_blocked"),
            ({"answer": "refused", "reason": "news_or_education"}, "refused"),
            ({"answer": "refused", "reason": "other", "note": "It is a film."}, "refused"),
            ({"answer": "not_found"}, "not_found"),
            ({"answer": "needs_context", "question": "Which scene?"}, "needs_context"),
        ],
    ),
)
def test_each_answer_is_given_from_the_page(world, officer, fields, state):
    made = refer(world)
    page = act(officer, made, "answer", reference="T-1907", **fields)
    assert "Answered. The sender sees it at once." in said(page)
    row = Referral.objects.get()
    assert (row.state, row.provider_reference) == (state, "T-1907")
    assert row.countries == (["BE", "NL"] if state == "geo_blocked" else [])
    authority = world.desk("authority", Role.DUTY_OFFICER)
    assert "answered a referral" in said(authority.get(f"/referrals/{made.id}"))


@pytest.mark.parametrize(
    ("fields", "told"),
    few(
        (6,),
        of=[
            ({}, "Choose an answer."),
            ({"answer": "geo_blocked"}, "Say in which countries."),
            ({"answer": "geo_blocked", "countries": "Belgium"}, "Two letters each"),
            ({"answer": "refused"}, "Choose a reason."),
            ({"answer": "refused", "reason": "other"}, "Say in words why."),
            ({"answer": "needs_context"}, "Enter your question."),
            ({"answer": "removed", "question": "Which?"}, "belongs to another answer"),
            ({"answer": "removed", "measure_at": "2999-01-01T10:00"}, "is in the future"),
            ({"answer": "removed", "note": "Ask piet@example.org"}, "looks like personal data"),
            ({"answer": "explode"}, "Select a valid choice"),
        ],
    ),
)
def test_an_answer_that_does_not_fit_says_so_and_keeps_what_was_written(
    world, officer, fields, told
):
    made = refer(world)
    page = act(officer, made, "answer", reference="T-1907", **fields)
    assert page.status_code == 422
    assert told in said(page)
    assert 'value="T-1907"' in said(page)
    assert state_of(made) == "sent"


@at_night
def test_what_a_colleague_answered_in_the_meantime_is_told(world, officer):
    made = refer(world)
    by = world.actor("provider")
    writes_answers.answer(made.id, body=AnswerIn(answer="removed"), by=by, now=world.now)
    page = act(officer, made, "answer", answer="refused", reason="within_terms")
    assert "this referral is removed: this action is not possible now" in said(page)
    assert "this referral is removed" in said(act(officer, made, "acknowledge"))


@at_night
def test_reinstated_content_is_noted(world, officer):
    made = refer(world)
    act(officer, made, "answer", answer="removed")
    page = act(officer, made, "reinstate", note="It was the news.")
    assert "The sender is notified." in said(page)
    assert state_of(made) == "reinstated"


def test_the_sender_reads_it_on_its_own_page_and_nobody_else_at_all(world):
    made = refer(world)
    sender = world.desk("authority", Role.DUTY_OFFICER)
    assert sender.get(f"/inbox/referrals/{made.id}").headers["Location"] == f"/referrals/{made.id}"
    rival = world.desk("rival", Role.DUTY_OFFICER)
    assert rival.get(f"/inbox/referrals/{made.id}").status_code == 404
    assert act(rival, made, "answer", answer="removed").status_code == 404
    assert rival.post("/inbox/several", {"uid": made.id, "do": "acknowledge"}).status_code == 302
    assert state_of(made) == "sent"


@at_night
def test_the_form_opens_with_what_the_provider_said_of_the_address_before(world, officer):
    before = refer(world)
    done = world.now - timedelta(hours=3)
    said_then = AnswerIn(answer="disabled", measure_at=done, reference="T-1")
    by = world.actor("provider")
    writes_answers.answer(before.id, body=said_then, by=by, now=world.now)
    made = refer(world, by="neighbour")
    page = officer.get(f"/inbox/referrals/{made.id}")
    assert "what you said of this address before" in said(page)
    form = page.context["offers"]["answer"].form
    assert form.initial == {
        "answer": "disabled",
        "measure_at": done.replace(second=0, microsecond=0),
        "reason": "",
    }
    assert "T-1" not in said(page)
    assert re.search(r'value="disabled"[^>]*checked', said(page))


@at_night
def test_the_form_opens_with_what_the_agents_did_and_where_the_crisis_is(world, officer):
    crisis = world.crisis(joined=("provider",))
    signal = world.share(kind="url", value=URL)
    world.outcome(signal, by="provider", count=3)
    world.outcome(signal, by="rival", count=5)
    made = refer(world, crisis=crisis)
    page = officer.get(f"/inbox/referrals/{made.id}")
    assert "blocked: 3" in block(page, "known")
    assert "Attack at the harbour" in block(page, "known")
    form = page.context["offers"]["answer"].form.initial
    blocked_at = world.now.replace(second=0, microsecond=0)
    assert (form["answer"], form["measure_at"]) == ("removed", blocked_at)
    assert form["countries"] == "BE, NL"
    assert "what your agents did" in said(page)
    # what was filled in for another answer does not stand in the way of this one
    act(
        officer,
        made,
        "answer",
        answer="refused",
        reason="counter_speech",
        countries=form["countries"],
        measure_at=blocked_at.strftime("%Y-%m-%dT%H:%M"),
    )
    assert state_of(made) == "refused"


def test_a_crisis_that_the_provider_does_not_see_is_not_named(world, officer):
    made = refer(world, crisis=world.crisis())
    assert "Attack at the harbour" not in said(officer.get(f"/inbox/referrals/{made.id}"))


def test_a_batch_is_one_row_with_its_progress(world, officer):
    made = batch(world, 12)
    page = said(officer.get("/inbox"))
    assert "12 referrals of The authority" in page
    assert "0 of 12 decided" in page
    assert "clip/1" not in page
    assert "Action day" not in page  # its name is the sender's own
    of_batch = said(officer.get(f"/inbox/batches/{made.id}"))
    assert "clip/12" in of_batch
    assert "Action day" not in of_batch
    assert Referral.objects.filter(received_via="desk").count() == 12


@at_night
def test_all_of_a_batch_that_wait_are_acknowledged_and_answered_at_once(world, officer):
    made = batch(world, 230)
    first = Referral.objects.order_by("pk")[0]
    by = world.actor("provider")
    body = AnswerIn(answer="refused", reason="within_terms")
    writes_answers.answer(first.uid, body=body, by=by, now=world.now)
    path = f"/inbox/batches/{made.id}/do"
    assert "229 referrals acknowledged." in said(officer.post(f"{path}/acknowledge", follow=True))
    page = officer.post(f"{path}/answer", {"answer-answer": "removed"}, follow=True)
    assert "229 referrals answered." in said(page)
    assert "230 of 230 decided" in said(page)
    assert Referral.objects.filter(state="removed").count() == 229
    first.refresh_from_db()
    assert first.state == "refused"
    assert "230 of 230 decided" in said(officer.get("/inbox?state=decided"))
    assert NOTHING in said(officer.get("/inbox"))


@at_night
def test_an_answer_to_a_batch_that_does_not_fit_changes_nothing(world, officer):
    made = batch(world, 3)
    path = f"/inbox/batches/{made.id}/do/answer"
    page = officer.post(path, {"answer-answer": "refused"})
    assert page.status_code == 422
    assert "Choose a reason." in said(page)
    asked = officer.post(path, {"answer-answer": "needs_context", "answer-question": "Which?"})
    assert asked.status_code == 422
    assert set(Referral.objects.values_list("state", flat=True)) == {"sent"}


@at_night
def test_chosen_referrals_are_answered_together(world, officer):
    made = [refer(world, url=f"{URL}{one}") for one in range(4)]
    taken = TakeBackIn(reason="mistake")
    writes.take_back(made[2].id, body=taken, by=world.actor("authority"), now=world.now)
    ticked = {"uid": [str(one.id) for one in made[:3]] + ["nonsense"]}
    form = officer.post("/inbox/several", ticked | {"do": "choose"})
    assert "Answer 2 referrals" in said(form)
    assert "We need more information" not in said(form)
    wrong = officer.post("/inbox/several", ticked | {"do": "answer"})
    assert wrong.status_code == 422
    told = officer.post(
        "/inbox/several", ticked | {"do": "answer", "answer-answer": "not_found"}, follow=True
    )
    assert "2 referrals answered." in said(told)
    assert [state_of(one) for one in made] == ["not_found", "not_found", "withdrawn", "sent"]


@at_night
def test_nothing_chosen_says_so(world, officer):
    refer(world)
    page = officer.post("/inbox/several", {"do": "acknowledge"}, follow=True)
    assert "Select at least one referral" in said(page)


@at_night
def test_alerts_lead_to_what_was_sent(world, officer):
    made, sent, order = refer(world), batch(world, 2), issue(world)
    alerts.raise_from_ledger(world.now)
    page = officer.get("/alerts").content.decode()
    for path in (f"/referrals/{made.id}", f"/inbox/batches/{sent.id}", f"/orders/{order.id}"):
        assert f'<a href="{path}">' in page
        assert officer.get(path, follow=True).status_code == 200


@at_night
def test_an_observer_of_the_provider_reads_and_is_offered_nothing(world):
    made = refer(world)
    observer = world.desk("provider", Role.OBSERVER)
    assert "Answer selected" not in said(observer.get("/inbox"))
    assert "Send answer" not in said(observer.get(f"/inbox/referrals/{made.id}"))
    assert act(observer, made, "answer", answer="removed").status_code == 403


@at_night
def test_an_address_in_the_inbox_is_never_a_link(world, officer):
    made = refer(world, url="https://video.example/<script>alert(1)</script>")
    for path in ("/inbox", f"/inbox/referrals/{made.id}"):
        page = officer.get(path).content.decode()
        assert 'href="https://video.example' not in page
        assert "<script>alert" not in page


def invite(world, crisis, party="provider"):
    body = InviteIn(parties=(party,))
    writes_joining.invite(crisis, body=body, by=world.actor("agency"), now=world.now)


@at_night
@pytest.mark.parametrize(("verb", "state"), [("join", "joined"), ("decline", "declined")])
def test_an_invitation_stands_in_the_inbox_until_it_is_answered(world, officer, verb, state):
    crisis = world.crisis()
    assert "Invitations to a crisis" not in said(officer.get("/inbox"))
    invite(world, crisis)
    for path in ("/inbox", "/inbox/_blocks"):
        page = said(officer.get(path))
        assert f'<a href="/crises/{crisis}">Attack at the harbour</a>' in page
        assert f'action="/crises/{crisis}/do/{verb}"' in page
    assert "1 invitation" in said(officer.get("/"))
    officer.post(f"/crises/{crisis}/do/{verb}")
    assert Participation.objects.get(party=world.party["provider"]).state == state
    assert "Invitations to a crisis" not in said(officer.get("/inbox"))


@at_night
def test_an_invitation_to_a_crisis_that_is_closed_leaves_the_inbox(world, officer):
    crisis = world.crisis()
    invite(world, crisis)
    body = CloseIn(reason="A false alarm.")
    writes_moves.close(crisis, body=body, by=world.actor("authority"), now=world.now)
    assert "Invitations to a crisis" not in said(officer.get("/inbox"))


@at_night
def test_who_may_not_answer_an_invitation_sees_it_without_buttons(world):
    crisis = world.crisis()
    invite(world, crisis)
    page = said(world.desk("provider", Role.OBSERVER).get("/inbox"))
    assert "Invitations to a crisis" in page
    assert f"/crises/{crisis}/do/" not in page


@at_night
def test_the_reason_of_an_invitation_is_read_in_the_inbox_and_in_the_room(world, officer):
    crisis = world.crisis()
    sent = {"invite-parties": ["provider"], "invite-reason": "your service hosts the film"}
    world.desk("agency", Role.DUTY_OFFICER).post(f"/crises/{crisis}/do/invite", sent)
    for path in ("/inbox", "/to-do", f"/crises/{crisis}"):
        assert "your service hosts the film" in said(officer.get(path))
    assert Participation.objects.get(party=world.party["provider"]).state == "invited"
