# SPDX-License-Identifier: Apache-2.0
"""Referrals, batches and holds at the desk: searched before they are sent, never like an order."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from stemtide.hub.rooms.referrals.models import Batch, Hold, Referral
from stemtide.hub.rooms.referrals.writes import referrals as writes
from stemtide.protocol.enums import Role
from stemtide.protocol.messages.referrals import AssessIn, SendIn
from tests.rounds import at_night

pytestmark = pytest.mark.django_db
URL = "https://video.example/watch?v=1"
REFERRAL = {
    "url": URL,
    "provider": "provider",
    "content_type": "video",
    "labels": ["incitement"],
    "reason": "It calls for an attack.",
}
HOLD = {"url": URL, "hours": "24", "reason": "evidence", "contact": "the duty desk"}


@pytest.fixture
def officer(world):
    return world.desk("authority", Role.DUTY_OFFICER)


def said(answer):
    return " ".join(answer.content.decode().split())


def searched(client, **facts):
    """Search first, and give what the form sends along."""
    page = client.post("/referrals/new", REFERRAL | facts | {"do": "search"})
    assert page.status_code == 200
    return REFERRAL | facts | {"searched": page.context["searched"]}


def refer(world, by="authority", despite="", **facts):
    body = AssessIn(**({key: REFERRAL[key] for key in REFERRAL} | facts))
    how = SendIn(despite=despite)
    return writes.refer(body, assessment=how, by=world.actor(by), now=world.now)


def test_a_referral_of_which_the_search_finds_nothing_is_sent_at_once(officer):
    checked = officer.post("/referrals/new", REFERRAL | {"do": "search"})
    assert "Nothing was found." in said(checked)
    assert Referral.objects.count() == 0
    sent = officer.post("/referrals/new", REFERRAL | {"do": "send"}, follow=True)
    assert "The provider decides under its own terms." in said(sent)
    assert Referral.objects.get().state == "sent"


def test_nothing_is_sent_before_its_sender_saw_what_the_search_found(world, officer):
    refer(world, "neighbour")
    first = officer.post("/referrals/new", REFERRAL | {"do": "send", "despite": "Ours."})
    assert "The neighbour" in said(first)
    form = searched(officer) | {"do": "send", "despite": "Ours."}
    refer(world, "neighbour", url=f"{URL}2")
    officer.post("/referrals/new", form | {"url": f"{URL}2"})
    own = Referral.objects.filter(sender=world.party["authority"])
    assert own.count() == 0
    officer.post("/referrals/new", form)
    assert own.get().url == URL


@at_night
def test_the_same_content_is_referred_elsewhere_with_its_fields_filled_in(world, officer):
    made = refer(world)
    assert f"/referrals/new?like={made.id}" in said(officer.get(f"/referrals/{made.id}"))
    form = officer.get(f"/referrals/new?like={made.id}").context["form"]
    filled_in = {name: form[name].value() for name in REFERRAL}
    assert filled_in == REFERRAL | {"url": None, "provider": None}
    assert world.desk("neighbour").get(f"/referrals/new?like={made.id}").status_code == 404


def test_a_page_of_a_referral_says_that_it_is_voluntary_and_when_each_step_was(world, officer):
    made = refer(world)
    page = said(officer.get(f"/referrals/{made.id}"))
    assert "voluntary: the provider decides under its own terms; it is no order" in page
    assert "sent a referral" in page
    assert "Withdraw the referral" in page


def test_an_analyst_records_and_does_not_send(world):
    analyst = world.desk("authority", Role.ANALYST)
    form = searched(analyst)
    page = analyst.post("/referrals/new", form | {"do": "search"})
    assert "Send it to the provider" not in said(page)
    assert analyst.post("/referrals/new", form | {"do": "send"}).status_code == 403
    analyst.post("/referrals/new", form | {"do": "record"})
    assert Referral.objects.get().state == "assessed"


def test_what_is_recorded_is_sent_or_dropped_from_its_page(world, officer):
    made = writes.assess(AssessIn(**REFERRAL), by=world.actor("authority"), now=world.now)
    page = f"/referrals/{made.id}"
    assert "Nothing was found." in said(officer.get(page))
    officer.post(f"{page}/do/send", {})
    assert Referral.objects.get().state == "sent"
    refused = officer.post(f"{page}/do/drop", {"drop-reason": "gone"}, follow=True)
    assert "this referral is sent" in said(refused)
    unsaid = officer.post(f"{page}/do/withdraw", {}, follow=True)
    assert unsaid.status_code == 422
    assert "This field is required." in said(unsaid)


def test_anothers_referral_is_shown_with_no_case_and_needs_a_reason(world, officer):
    refer(world, "neighbour", reason="Their secret reason.")
    form = searched(officer)
    page = officer.post("/referrals/new", form | {"do": "search"})
    assert "The neighbour" in said(page)
    assert "secret" not in said(page)
    refused = officer.post("/referrals/new", form | {"do": "send"})
    assert refused.status_code == 422
    assert "waits for its answer" in said(refused)
    officer.post("/referrals/new", form | {"do": "send", "despite": "Ours shows the place."})
    assert Referral.objects.filter(sender=world.party["authority"]).count() == 1


def test_a_hold_is_placed_met_overridden_and_lifted(world, officer):
    neighbour = world.desk("neighbour", Role.DUTY_OFFICER)
    placed = neighbour.post("/referrals/holds/new", HOLD, follow=True)
    assert "Placed." in said(placed)
    form = searched(officer)
    page = officer.post("/referrals/new", form | {"do": "search"})
    assert "Let it wait for the hold" in said(page)
    waits = officer.post("/referrals/new", form | {"do": "send"}, follow=True)
    assert "waiting for a hold" in said(waits)
    made = Referral.objects.get()
    again = officer.post(f"/referrals/{made.uid}/do/send", {}, follow=True)
    assert "the duty desk" in said(again)
    emergency = {"send-override": "A child is shown at home."}
    officer.post(f"/referrals/{made.uid}/do/send", emergency)
    assert Referral.objects.get().state == "sent"
    hold = Hold.objects.get()
    assert "1 was sent over it" in said(neighbour.get("/referrals/holds"))
    neighbour.post(f"/referrals/holds/{hold.uid}/do/extend", {"hours": "48"})
    lifted = neighbour.post(f"/referrals/holds/{hold.uid}/do/lift", {}, follow=True)
    assert "Lifted." in said(lifted)


@at_night
@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"url": ""}, "say what is to be held"),
        ({"url": "nonsense"}, "is not a web address"),
        ({"url": "", "signal": "not-an-id"}, "no id of a signal"),
        ({"contact": ""}, "required"),
    ],
)
def test_a_hold_that_does_not_fit_says_so_beside_its_field(officer, facts, told):
    page = officer.post("/referrals/holds/new", HOLD | facts)
    assert page.status_code == 422
    assert told in said(page)


@at_night
def test_a_reason_with_personal_data_that_are_needed_is_sent(officer):
    sent = {"reason": "Ask piet@example.org", "insists": "reason"}
    form = searched(officer, **sent) | {"do": "send"}
    assert officer.post("/referrals/new", form).status_code == 302


@at_night
@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"url": "nonsense"}, "is not a web address"),
        ({"reason": "Ask piet@example.org"}, "looks like personal data"),
        ({"signals": "not-an-id"}, "This is no id of a signal: not-an-id"),
        ({"labels": []}, "required"),
        ({"language": "klingon"}, "klingon is not one of the available choices"),
    ],
)
def test_a_referral_that_does_not_fit_says_so_beside_its_field(officer, facts, told):
    page = officer.post("/referrals/new", REFERRAL | facts)
    assert page.status_code == 422
    assert told in said(page)
    assert Referral.objects.count() == 0


@at_night
def test_a_question_is_answered_from_the_page(world, officer):
    made = refer(world)
    Referral.objects.update(state="needs_context")
    row = Referral.objects.get()
    row.questions.create(question="Which scene?", asked_at=world.now)
    assert "Which scene?" in said(officer.get(f"/referrals/{made.id}"))
    officer.post(f"/referrals/{made.id}/do/explain", {"explain-context": "From 2:10 on."})
    assert "From 2:10 on." in said(officer.get(f"/referrals/{made.id}"))


def test_the_list_is_narrowed_and_says_so_where_nothing_fits(world, officer):
    assert "No referrals to show." in said(officer.get("/referrals"))
    made = refer(world)
    assert made.reference in said(officer.get("/referrals?state=waiting&provider=provider"))
    empty = said(officer.get("/referrals?state=ours"))
    assert "No referrals match this filter." in empty
    assert made.reference not in empty
    assert officer.get("/referrals?page=99999999&state=nonsense&batch=x").status_code == 200


def test_a_batch_is_tried_before_it_is_sent_and_read_afterwards(officer):
    rows = "url,provider\n" + "\n".join(f"{URL}{one},provider" for one in range(5)) + "\nbad,x\n"
    form = {"name": "Action day", "label": "incitement", "reason": "It calls for attacks."}
    upload = SimpleUploadedFile("day.csv", rows.encode(), content_type="text/csv")
    tried = officer.post("/referrals/batches/new", form | {"file": upload, "do": "try"})
    assert "Nothing was sent" in said(tried)
    assert "Refer 5 addresses" in said(tried)
    assert Batch.objects.count() == 0
    again = form | {"rows": tried.context["text"], "do": "send"}
    sent = officer.post("/referrals/batches/new", again, follow=True)
    assert "Done." in said(sent)
    assert Referral.objects.filter(state="sent").count() == 5
    batch = Batch.objects.get()
    told = officer.get(f"/referrals/batches/{batch.uid}/outcomes.csv").content.decode()
    outcomes = [one["outcome"] for one in csv.DictReader(io.StringIO(told))]
    assert outcomes == ["sent"] * 5 + ["bad_url"]
    assert "Action day" in said(officer.get("/referrals/batches"))
    assert officer.get(f"/referrals?batch={batch.uid}").status_code == 200
    assert said(officer.get(f"/referrals/batches/{batch.uid}?after=4")).count("video.example") == 1


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({}, "Choose a file, or write the rows below."),
        ({"rows": "address\nx"}, "no column url"),
        ({"file": SimpleUploadedFile("a.csv", b"url\n\xff\xfe")}, "no text in UTF-8"),
        ({"name": "", "rows": "url\nx"}, "required"),
    ],
)
def test_a_file_that_is_no_batch_says_so(officer, facts, told):
    page = officer.post("/referrals/batches/new", {"name": "Action day"} | facts)
    assert page.status_code == 422
    assert told in said(page)


def test_an_address_is_never_a_link(world, officer):
    made = refer(world, url="https://video.example/<script>alert(1)</script>")
    page = officer.get(f"/referrals/{made.id}").content.decode()
    assert 'href="https://video.example' not in page
    assert "<script>alert" not in page


def test_a_reason_is_text_and_never_code(world, officer):
    made = refer(world, reason="<script>alert(1)</script> is in its title.")
    page = officer.get(f"/referrals/{made.id}").content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; is in its title." in page
    assert "<script>alert" not in page


def test_to_its_provider_opening_a_referral_is_its_receipt(world):
    made = refer(world)
    world.desk("provider", Role.OBSERVER).get(f"/referrals/{made.id}")
    assert Referral.objects.get().received_at is None
    page = world.desk("provider", Role.ANALYST).get(f"/referrals/{made.id}", follow=True)
    assert page.status_code == 200
    assert Referral.objects.get().received_via == "desk"
