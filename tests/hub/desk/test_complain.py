# SPDX-License-Identifier: Apache-2.0
"""The pages of whoever was hit: no account, no cookie, one complaint a link, nobody named."""

import pytest
from django.test import Client

from stemtide.hub.rooms.complaints.models import Complaint
from stemtide.hub.rooms.complaints.reads import complaints as reads
from stemtide.hub.rooms.complaints.writes import complaints as writes
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.protocol.messages.complaints import (
    ComplaintLinkIn,
    ComplaintOutcomeIn,
    ComplaintTakeIn,
)
from tests import scene
from tests.rounds import at_night

pytestmark = pytest.mark.django_db
WORDS = "This is my own report for the evening news."


@pytest.fixture
def link(world):
    """Make links of the provider, each for a decision of its own."""
    signal = world.share()

    def make(reference="case-1", **facts):
        plain = {"basis": "signal", "ground": signal, "measure": "blocked", "acted_at": world.now}
        body = ComplaintLinkIn(reference=reference, **(plain | facts))
        made = reads.link(body, by=world.actor("provider"), home="", now=world.now)
        return made.link

    return make


@pytest.fixture
def uploader():
    """A browser that knows nothing; the site's own protection against forgery is on."""
    return Client(enforce_csrf_checks=True)


def said(answer):
    return " ".join(answer.content.decode().split())


def complain(client, path, **facts):
    return client.post(path, {"text": WORDS, "language": "en"} | facts)


def decide(world, *, is_upheld, **facts):
    (row,) = reads.complaints(viewer=world.party["provider"])
    by = world.actor("provider")
    writes.take(row.id, body=ComplaintTakeIn(reviewed_by="mod-1"), by=by, now=world.now)
    plain = {
        "exemption": "none",
        "reasons": "We looked at it <b>again</b>.",
        "reviewed_by": "mod-1",
    }
    body = ComplaintOutcomeIn(is_upheld=is_upheld, **(plain | facts))
    writes.decide(row.id, body=body, by=by, now=world.now)


def test_a_link_shows_what_was_done_and_who_is_asked_and_writes_nothing(link, uploader):
    page = uploader.get(link())
    assert page.status_code == 200
    for told in ("The provider", "not published", "case-1", "never a program alone"):
        assert told in said(page)
    assert "The authority" not in said(page)
    assert not Complaint.objects.exists()


def test_an_uploader_complains_and_is_told_where_it_stands(link, uploader):
    path = link()
    sent = complain(uploader, path, language="nl")
    assert (sent.status_code, sent.headers["Location"]) == (302, path)
    page = uploader.get(path)
    assert "It has arrived" in said(page)
    row = Complaint.objects.get()
    assert (row.state, row.language) == ("filed", "nl")
    assert WORDS not in row.text
    code = page.context["code"]
    assert "It has arrived" in said(uploader.post("/complain", {"code": code.lower()}))


def test_no_cookie_is_set_and_no_address_is_told_on(link, uploader):
    path = link()
    for page in (uploader.get(path), complain(uploader, path), uploader.get("/complain")):
        assert not page.cookies
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert "no-store" in page.headers["Cache-Control"]


def test_a_second_complaint_with_the_same_link_adds_nothing(link, uploader):
    path = link()
    complain(uploader, path)
    again = complain(uploader, path, text="Something else that I say now.")
    assert again.status_code == 302
    assert Complaint.objects.count() == 1


@at_night
@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"text": ""}, "required"),
        ({"text": "Too short"}, "at least 10"),
        ({"text": "x" * 4001}, "at most 4000"),
        ({"language": "klingon"}, "Select a valid choice"),
    ],
)
def test_what_does_not_fit_is_said_beside_its_field(link, uploader, facts, told):
    page = complain(uploader, link(), **facts)
    assert page.status_code == 422
    assert told in said(page)
    assert not Complaint.objects.exists()


def test_what_looks_like_personal_data_is_asked_about_before_it_is_sent(link, uploader):
    path, text = link(), "Ask me at piet@example.org: it is the news."
    page = complain(uploader, path, text=text)
    assert page.status_code == 422
    assert "a mail address" in said(page)
    assert not Complaint.objects.exists()
    complain(uploader, path, text=text, insists="text")
    assert Complaint.objects.count() == 1


def test_a_rejection_is_read_with_its_reasons_and_the_ways_that_are_left(world, link, uploader):
    path = link()
    complain(uploader, path)
    decide(world, is_upheld=False)
    page = said(uploader.get(path))
    assert "We looked at it &lt;b&gt;again&lt;/b&gt;." in page
    assert "out-of-court dispute settlement" in page
    assert "Withdraw your complaint" not in page


def test_an_upheld_complaint_says_so(world, link, uploader):
    path = link()
    complain(uploader, path)
    decide(world, is_upheld=True, exemption="news", finding="content")
    assert "You were right" in said(uploader.get(path))


def test_a_complaint_is_taken_back_by_its_link_after_a_tick(link, uploader):
    path = link()
    complain(uploader, path)
    unsure = uploader.post(path, {"withdraw": "1"})
    assert unsure.status_code == 422
    assert "Tick this box" in said(unsure)
    uploader.post(path, {"withdraw": "1", "confirm": "on"})
    assert "You withdrew your complaint" in said(uploader.get(path))
    assert Entry.objects.filter(kind="complaint.withdrawn", actor="complainant").count() == 1


def test_a_complaint_is_taken_back_by_its_code(link, uploader):
    path = link()
    complain(uploader, path)
    code = uploader.get(path).context["code"]
    gone = uploader.post("/complain", {"code": code, "withdraw": "1", "confirm": "on"})
    assert "You withdrew your complaint" in said(gone)
    again = uploader.post("/complain", {"code": code, "withdraw": "1", "confirm": "on"})
    assert "You withdrew your complaint" in said(again)
    assert Entry.objects.filter(kind="complaint.withdrawn").count() == 1


def test_what_was_decided_is_not_taken_back(world, link, uploader):
    path = link()
    complain(uploader, path)
    code = uploader.get(path).context["code"]
    decide(world, is_upheld=False)
    sure = {"withdraw": "1", "confirm": "on"}
    assert uploader.post(path, sure).status_code == 302
    page = uploader.post("/complain", sure | {"code": code})
    assert "The service keeps to its decision" in said(page)
    assert Complaint.objects.get().state == "rejected"


def test_erased_words_are_said_to_be_so(world, link, uploader):
    path = link()
    complain(uploader, path)
    decide(world, is_upheld=False)
    Complaint.objects.update(erase_due=world.now)
    writes.erase_due_words(world.now)
    page = said(uploader.get(path))
    assert "The text was erased" in page
    assert "We looked at it" not in page


def test_a_link_of_an_exercise_says_so(link, uploader):
    path = link(basis="own", ground=None, exercise=True)
    assert "Exercise" in said(uploader.get(path))


def test_a_late_answer_is_owned_up_to(link, uploader):
    path = link()
    complain(uploader, path)
    Complaint.objects.update(due_at="2020-01-01T00:00:00Z")
    assert "The two weeks are over" in said(uploader.get(path))


def test_a_link_that_is_wrong_opens_nothing_and_says_what_to_do(link, uploader):
    path = link()
    wrong = path[:-2] + ("A" if path[-2] != "A" else "B") + path[-1]
    for one in (wrong, "/complain/nonsense", "/complain/" + "a" * 3000, "/complain/\u20ac"):
        for page in (uploader.get(one), complain(uploader, one)):
            assert page.status_code == 404
            assert "This link does not work" in said(page)


def test_a_wrong_code_is_refused_and_many_of_them_wait(uploader):
    answers = [
        uploader.post("/complain", {"code": f"ABCD-EFGH-JKMN-{number:04d}"}) for number in range(31)
    ]
    assert {one.status_code for one in answers[:30]} == {422}
    assert "no complaint has this code" in said(answers[0])
    assert answers[30].status_code == 429
    assert answers[30].headers["Retry-After"] == "60"


@pytest.mark.parametrize(
    ("asked", "tag"), [("?language=nl", "nl"), ("?language=fr", "fr"), ("?language=xx", "de")]
)
def test_a_page_is_in_the_language_of_its_address_or_of_the_browser(link, uploader, asked, tag):
    page = uploader.get(link() + asked, headers={"accept-language": "de"})
    assert page.headers["Content-Language"] == tag
    assert f'<html lang="{tag}">' in said(page)
    assert page.context["form"]["language"].value() == tag


@at_night
def test_an_order_is_said_to_be_one_and_its_court_is_named(world, link, uploader):
    order = scene._orders(world)["order"]
    path = link(basis="order", ground=order, measure="removed")
    assert "An authority ordered it" in said(uploader.get(path))
    complain(uploader, path)
    decide(world, is_upheld=False)
    assert "before the courts of the Member State" in said(uploader.get(path))
