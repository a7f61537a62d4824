# SPDX-License-Identifier: Apache-2.0
"""Complaints at the desk: the queue and its clock, what follows, deciding, looking again."""

import re

import pytest

from stemtide.hub.desk.labels import label_title
from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.alerts.writes import alerts
from stemtide.hub.rooms.complaints.models import Complaint
from stemtide.hub.rooms.complaints.reads import complaints as reads
from stemtide.hub.rooms.complaints.writes import complaints as writes
from stemtide.hub.rooms.referrals.reads import referrals
from stemtide.hub.rooms.referrals.writes import answers as writes_answers, referrals as referring
from stemtide.hub.rooms.signals.models import Signal
from stemtide.protocol.enums import Role
from stemtide.protocol.messages.complaints import ComplaintIn, ComplaintTakeIn
from stemtide.protocol.messages.referrals import AnswerIn, AssessIn, SendIn
from tests import scene
from tests.rounds import at_night
from tests.world import hex_value

pytestmark = pytest.mark.django_db
WORDS = "This is my own report for the evening news."
REASONS = "It reports on the attack and shows none of it."
RIGHT = {"uphold-exemption": "news", "uphold-finding": "content", "uphold-reasons": REASONS}
LINK = {"reference": "case-9", "basis": "own", "measure": "removed"}
WRONG = RIGHT | {"uphold-finding": "ground", "uphold-note": "It shows a fire brigade."}


@pytest.fixture
def reviewer(world):
    return world.desk("provider", Role.DUTY_OFFICER)


@pytest.fixture
def sharer(world):
    return world.desk("authority", Role.DUTY_OFFICER)


def said(answer):
    return " ".join(answer.content.decode().split())


def file(world, **facts):
    """A complaint about what the provider did because of a signal of the authority."""
    plain = {
        "reference": "case-1",
        "basis": "signal",
        "ground": facts["ground"] if "ground" in facts else world.share(),
        "measure": "blocked",
        "acted_at": world.now,
        "text": WORDS,
    }
    body = ComplaintIn(**(plain | facts))
    made = writes.file_for(body, by=world.actor("provider"), now=world.now)
    return made.complaint


def page_of(complaint):
    return f"/complaints/{complaint.id}"


def taken(world, client, **facts):
    """A complaint that the client's person took up; the address of its page."""
    page = page_of(file(world, **facts))
    client.post(f"{page}/do/take")
    return page


def state(uid=None):
    row = Complaint.objects.get(uid=uid) if uid else Complaint.objects.get()
    return row.state, row.redress


def test_the_queue_is_empty_and_says_how_it_fills(reviewer):
    page = said(reviewer.get("/complaints"))
    assert "No complaints to decide." in page
    assert "Put a complaint link into each statement of reasons" in page
    assert "No requests to reconsider." in page


def test_the_queue_shows_what_is_due_soonest_first_and_what_is_overdue(world, reviewer):
    first, second = file(world), file(world, reference="case-2", basis="own", ground=None)
    Complaint.objects.filter(uid=second.id).update(due_at="2020-01-01T00:00:00Z")
    page = said(reviewer.get("/complaints"))
    assert page.index(second.number) < page.index(first.number)
    assert page.count("overdue") == 1
    assert "due <time" in page


def test_a_page_shows_words_and_facts_and_no_media(world, reviewer):
    page = said(reviewer.get(taken(world, reviewer, language="nl")))
    for told in (
        WORDS,
        "Nederlands",
        label_title("livestream"),
        "The authority",
        "case-1",
        "two weeks",
    ):
        assert told in page
    assert not re.search("<(img|video|audio)", page)


def test_words_are_text_and_never_code(world, reviewer):
    page = said(reviewer.get(taken(world, reviewer, text="<script>alert(1)</script> news")))
    assert "&lt;script&gt;alert(1)&lt;/script&gt; news" in page


@at_night
def test_what_follows_is_said_before_it_is_decided(world, reviewer):
    page = said(reviewer.get(taken(world, reviewer)))
    assert "1 signal of others is disputed: your agent undoes what it did" in page
    assert "The authority is asked to look again" in page
    own = world.share(by="provider", value=hex_value(2))
    page = said(reviewer.get(taken(world, reviewer, reference="case-2", ground=own)))
    assert "1 signal of yours is withdrawn" in page
    assert "is asked to look again" not in page


def test_upheld_against_the_signal_it_is_disputed_and_its_sharer_asked(world, reviewer, sharer):
    page = taken(world, reviewer)
    done = reviewer.post(f"{page}/do/uphold", WRONG, follow=True)
    assert "The person who complained can now read your answer." in said(done)
    assert state() == ("upheld", "asked")
    assert Signal.objects.get().disputes == 1
    queue = said(sharer.get("/complaints"))
    assert "It shows a fire brigade." in queue


def test_upheld_for_this_content_alone_nothing_else_changes(world, reviewer):
    page = taken(world, reviewer)
    reviewer.post(f"{page}/do/uphold", RIGHT)
    assert state() == ("upheld", "")


def test_who_is_asked_reads_the_note_and_nothing_of_the_uploader(world, reviewer, sharer):
    page = taken(world, reviewer)
    reviewer.post(f"{page}/do/uphold", WRONG)
    told = said(sharer.get(f"/complaints/asked/{Complaint.objects.get().uid}"))
    assert "It shows a fire brigade." in told
    for secret in (WORDS, "case-1", REASONS):
        assert secret not in told


def test_a_sharer_takes_it_back_after_a_tick(world, reviewer, sharer):
    page = taken(world, reviewer)
    reviewer.post(f"{page}/do/uphold", WRONG)
    asked = f"/complaints/asked/{Complaint.objects.get().uid}"
    unsure = sharer.post(f"{asked}/do/grant", {})
    assert unsure.status_code == 422
    assert "Tick this box" in said(unsure)
    sharer.post(f"{asked}/do/grant", {"grant-confirm": "on"})
    assert state() == ("upheld", "granted")
    assert Signal.objects.get().state == "withdrawn"
    assert "It is over." in said(sharer.get(asked))


def test_a_sharer_keeps_it_and_the_provider_accepts_why(world, reviewer, sharer):
    page = taken(world, reviewer)
    reviewer.post(f"{page}/do/uphold", WRONG)
    asked = f"/complaints/asked/{Complaint.objects.get().uid}"
    assert sharer.post(f"{asked}/do/keep", {"keep-reason": ""}).status_code == 422
    sharer.post(f"{asked}/do/keep", {"keep-reason": "It shows the attacker's own film."})
    assert "own film" in said(reviewer.get(page))
    accepted = reviewer.post(f"{page}/do/accept", follow=True)
    assert "Your dispute is withdrawn, and agents act on the signal again." in said(accepted)
    assert Signal.objects.get().disputes == 0
    assert state() == ("upheld", "accepted")


def test_a_rejection_needs_reasons_and_is_told_in_them(world, reviewer):
    page = taken(world, reviewer)
    short = reviewer.post(f"{page}/do/reject", {"reject-reasons": "No."})
    assert short.status_code == 422
    assert "at least 10" in said(short)
    reviewer.post(f"{page}/do/reject", {"reject-reasons": "It is the attacker's film."})
    assert state() == ("rejected", "")


@at_night
@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"uphold-exemption": ""}, "required"),
        ({"uphold-reasons": "Ask piet@example.org about it."}, "looks like personal data"),
        ({"uphold-note": ""}, "explain to the requesting party what is wrong"),
        ({"uphold-note": "Call +32 2 555 01 23"}, "looks like personal data"),
    ],
)
def test_a_decision_that_does_not_fit_says_so_beside_its_field(world, reviewer, facts, told):
    page = reviewer.post(f"{taken(world, reviewer)}/do/uphold", WRONG | facts)
    assert page.status_code == 422
    assert told in said(page)
    assert 'aria-invalid="true"' in said(page)
    assert state() == ("in_review", "")


def test_an_act_that_is_none_is_not_found(world, reviewer, sharer):
    page = taken(world, reviewer)
    assert reviewer.post(f"{page}/do/nonsense").status_code == 404
    reviewer.post(f"{page}/do/uphold", WRONG)
    asked = page.replace("/complaints/", "/complaints/asked/")
    assert sharer.post(f"{asked}/do/nonsense").status_code == 404


def test_an_answer_about_somebody_is_refused_and_a_second_one_too(world, reviewer, sharer):
    page = taken(world, reviewer)
    reviewer.post(f"{page}/do/uphold", WRONG)
    asked = page.replace("/complaints/", "/complaints/asked/")
    named = sharer.post(f"{asked}/do/keep", {"keep-reason": "Ask piet@example.org about it."})
    assert named.status_code == 422
    assert "looks like personal data" in said(named)
    sharer.post(f"{asked}/do/keep", {"keep-reason": "It shows the attack."})
    again = sharer.post(f"{asked}/do/keep", {"keep-reason": "It still does."}, follow=True)
    assert "it is kept and cannot become kept" in said(again)
    watcher = world.desk("authority", Role.DATA_PROTECTION_OFFICER)
    assert "Your role answers nothing for your party." in said(watcher.get(asked))


def test_whoever_acted_may_admit_it_and_not_deny_it(world, reviewer):
    ref = f"person:{reviewer.session['_auth_user_id']}"
    page = taken(world, reviewer, acted_by=ref)
    shown = said(reviewer.get(page))
    assert "only a colleague may find" in shown
    assert "Reject the complaint" not in shown
    denied = reviewer.post(f"{page}/do/reject", {"reject-reasons": "It was right, I say."})
    assert denied.status_code == 403
    reviewer.post(f"{page}/do/uphold", RIGHT)
    assert state() == ("upheld", "")


@at_night
def test_a_colleague_takes_it_over(world, reviewer):
    page = taken(world, reviewer)
    colleague = world.desk("provider", Role.ANALYST)
    assert "a colleague at this desk" in said(colleague.get(page))
    colleague.post(f"{page}/do/take")
    assert "a colleague at this desk" in said(reviewer.get(page))


def test_what_is_decided_offers_nothing_more(world, reviewer):
    page = taken(world, reviewer)
    reviewer.post(f"{page}/do/reject", {"reject-reasons": "It is the attacker's film."})
    again = reviewer.post(f"{page}/do/uphold", RIGHT, follow=True)
    assert "it is rejected and cannot become upheld" in said(again)
    assert "Uphold the complaint" not in said(again)


def test_an_order_binds_and_its_issuer_reads_the_doubts(world, reviewer, sharer):
    order = scene._orders(world)["order"]
    page = taken(world, reviewer, basis="order", ground=order, measure="removed")
    shown = said(reviewer.get(page))
    assert "A removal order binds you while it has its effect." in shown
    assert f'action="{page}/do/uphold"' not in shown
    reasons = {"reject-reasons": "An order binds us: the court is named above."}
    reviewer.post(f"{page}/do/reject", reasons | {"reject-note": "It is a news programme."})
    assert state() == ("rejected", "asked")
    told = said(sharer.get(f"/complaints/asked/{Complaint.objects.get().uid}"))
    assert "the provider has doubts" in told


def test_a_referral_that_was_acted_on_is_reinstated(world, reviewer):
    body = AssessIn(
        provider="provider",
        url="https://video.example/watch?v=9",
        labels=["incitement"],
        reason="It calls for an attack.",
    )
    sent = referring.refer(body, assessment=SendIn(), by=world.actor("authority"), now=world.now)
    said_so = AnswerIn(answer="removed")
    writes_answers.answer(sent.id, body=said_so, by=world.actor("provider"), now=world.now)
    page = taken(world, reviewer, basis="referral", ground=sent.id, measure="removed")
    assert "The referral is marked as reinstated" in said(reviewer.get(page))
    reviewer.post(f"{page}/do/uphold", RIGHT)
    found = referrals.referral(sent.id, viewer=world.party["authority"])
    assert found.state == "reinstated"


@at_night
def test_a_decision_of_ones_own_asks_nobody(world, reviewer):
    page = taken(world, reviewer, basis="own", ground=None)
    shown = said(reviewer.get(page))
    assert "Nothing but the provider's own decision." in shown
    assert "What was wrong?" not in shown
    reviewer.post(f"{page}/do/uphold", {k: v for k, v in RIGHT.items() if "finding" not in k})
    assert state() == ("upheld", "")


@at_night
def test_a_signal_that_is_seen_no_more_is_said_to_be_so(world, reviewer):
    page = taken(world, reviewer)
    Signal.objects.update(tlp="red")
    assert "Your party may not see it any more." in said(reviewer.get(page))


def test_erased_words_leave_the_facts(world, reviewer):
    page = taken(world, reviewer)
    Complaint.objects.update(erase_due=world.now)
    writes.erase_due_words(world.now)
    shown = said(reviewer.get(page))
    assert "The text was erased" in shown
    assert WORDS not in shown


def test_a_link_is_made_at_the_desk_and_opens(reviewer):
    page = said(reviewer.post("/complaints/links/new", LINK))
    path = re.search(r"/complain/[\w-]+", page).group()
    assert "case-9" in said(reviewer.get(path))
    assert not Complaint.objects.exists()


@at_night
@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"reference": "piet@example.org"}, "match pattern"),
        ({"basis": "signal"}, "is missing: enter the id of the signal, referral or order"),
        ({"ground": "nonsense"}, "This is no id."),
        ({"acted_at": "2020-01-01T10:00"}, "the time to complain is over"),
    ],
)
def test_a_link_that_does_not_fit_says_so_beside_its_field(reviewer, facts, told):
    page = reviewer.post("/complaints/links/new", LINK | facts)
    assert page.status_code == 422
    assert told in said(page)


def test_a_complaint_by_letter_is_filed_and_its_code_passed_on(reviewer):
    facts = LINK | {"language": "nl", "text": WORDS}
    page = said(reviewer.post("/complaints/new", facts, follow=True))
    code = re.search(r"Its code is ([0-9A-Z-]{19})", page).group(1)
    assert "It has arrived" in said(reviewer.post("/complain", {"code": code}))
    again = reviewer.post("/complaints/new", facts)
    assert again.status_code == 422
    assert "already a complaint about this decision" in said(again)


@at_night
def test_what_a_complaint_is_about_leads_to_it_and_to_a_link(world, reviewer, sharer):
    signal = str(world.share())
    page, about = taken(world, reviewer, ground=signal), f"/signals/{signal}"
    shown = said(reviewer.get(about))
    assert f'href="{page}"' in shown
    assert f"/complaints/links/new?basis=signal&amp;ground={signal}" in shown
    form = reviewer.get(f"/complaints/links/new?basis=signal&ground={signal}").context["form"]
    assert (form["basis"].value(), form["ground"].value()) == ("signal", signal)
    for other in (sharer, world.desk("provider", Role.OBSERVER)):
        assert page not in said(other.get(about))


@at_night
def test_a_provider_sees_complaints_beside_referrals_and_orders(world, reviewer):
    parts = scene._referrals(world) | scene._orders(world)
    for name, where in (("referral", "referrals"), ("order", "orders")):
        page = taken(world, reviewer, reference=name, basis=name, ground=parts[name])
        shown = said(reviewer.get(f"/{where}/{parts[name]}", follow=True))
        assert f'href="{page}"' in shown


def test_observers_have_no_way_to_complaints(world):
    observer = world.desk("provider", Role.OBSERVER)
    assert "/complaints" not in said(observer.get("/"))
    assert observer.get("/complaints").status_code == 403


@at_night
def test_an_alert_leads_to_its_complaint(world, reviewer, sharer):
    signal = str(world.share())
    made = reviewer.post("/complaints/links/new", LINK | {"basis": "signal", "ground": signal})
    path = re.search(r"/complain/[\w-]+", said(made)).group()
    reviewer.post(path, {"text": WORDS, "language": "en"})
    page = page_of(reads.complaints(viewer=world.party["provider"])[0])
    alerts.raise_from_ledger(world.now)
    assert f'href="{page}"' in said(reviewer.get("/alerts"))
    reviewer.post(f"{page}/do/take")
    reviewer.post(f"{page}/do/uphold", WRONG)
    alerts.raise_from_ledger(world.now)
    asked = page.replace("/complaints/", "/complaints/asked/")
    assert f'href="{asked}"' in said(sharer.get("/alerts"))


def test_taking_up_needs_no_name_at_the_desk_and_one_from_a_machine(world, reviewer):
    page = file(world)
    with pytest.raises(InvalidError, match="reviewed_by"):
        writes.take(page.id, body=ComplaintTakeIn(), by=world.actor("provider"), now=world.now)
    reviewer.post(f"{page_of(page)}/do/take")
    (row,) = reads.complaints(viewer=world.party["provider"])
    assert row.reviewer.startswith("person:")
