# SPDX-License-Identifier: Apache-2.0
"""Orders that were made elsewhere at the desk: entered in two steps, marked, and answered."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from stemtide.hub.platform.documents import hub_seal
from stemtide.hub.platform.documents.forms import form_pdf
from stemtide.hub.rooms.orders.models import EnteredDocument, Order
from stemtide.hub.rooms.parties.writes import competences
from stemtide.protocol.enums import Duty, Role
from stemtide.protocol.law.forms import form
from tests.hub.papers.papers import plain, text_of
from tests.rounds import at_night, few
from tests.scene import ANNEX_1

pytestmark = pytest.mark.django_db
URL = "https://provider.example/thread/7"
PATH = "/orders/enter"


@pytest.fixture
def stage(world, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    world.party["provider"].country = "NL"
    world.party["provider"].save(update_fields=["country"])
    for party, duty in (("authority", Duty.ISSUE), ("neighbour", Duty.SCRUTINISE)):
        competences.name_competent(world.party[party], duty, actor="operator", now=world.now)
    return world


@pytest.fixture
def moderator(stage):
    return stage.desk("provider", Role.DUTY_OFFICER)


@pytest.fixture
def officer(stage):
    return stage.desk("authority", Role.DUTY_OFFICER)


def said(answer):
    return " ".join(answer.content.decode().split())


def local(minutes):
    return f"{datetime.now(UTC) - timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S}"


def sent(pdf=None, **facts):
    """What the form sends the first time."""
    file = SimpleUploadedFile("order.pdf", pdf or plain(), content_type="application/pdf")
    plain_facts = {
        "document": file,
        "reference": "BE/2026/7",
        "issuer": "authority",
        "channel": "perci",
        "issued_at": local(30),
        "received_at": local(20),
        "language": "en",
        "content_type": "video",
        "annex-urls": URL,
        "do": "check",
    }
    return plain_facts | facts


def again(first, page):
    """What the form sends the next time: the document stays where it is."""
    names = re.findall(r'name="(kept|seen)" value="([^"]+)"', page.content.decode())
    return {name: value for name, value in first.items() if name != "document"} | dict(names)


def enter(desk, **facts):
    """Check, compare, enter; returns the order."""
    first = sent(**facts)
    checked = desk.post(PATH, first)
    assert checked.status_code == 200
    done = desk.post(PATH, again(first, checked) | {"do": "enter", "confirm": "1"})
    assert done.status_code == 302
    return Order.objects.latest("pk")


@at_night
def test_the_list_leads_to_the_page_for_both_sides(moderator, officer, stage):
    for desk in (moderator, officer):
        assert f'href="{PATH}"' in desk.get("/orders").content.decode()
    for party in ("observer", "neighbour"):
        other = stage.desk(party, Role.DUTY_OFFICER)
        assert f'href="{PATH}"' not in other.get("/orders").content.decode()
        assert other.get(PATH).status_code == 403


def test_nothing_is_entered_before_it_was_compared(moderator):
    first = sent()
    checked = moderator.post(PATH, first)
    assert "Compare it with the document" in said(checked)
    assert "No seal" in said(checked)
    assert not Order.objects.exists()
    following = again(first, checked) | {"do": "enter"}
    assert "Tick this box" in said(moderator.post(PATH, following))
    changed = moderator.post(PATH, following | {"confirm": "1", "reference": "BE/2026/8"})
    assert "BE/2026/8" in said(changed)
    assert not Order.objects.exists()


@at_night
def test_an_order_that_is_entered_is_marked_wherever_it_shows(moderator, officer, stage):
    order = enter(moderator)
    page = said(moderator.get(f"/orders/{order.uid}"))
    assert "The provider entered this order, which was made elsewhere" in page
    assert "It reached the provider by: PERCI." in page
    assert "not confirmed by the other side" in page
    assert "only the document that was received is the order" in page
    examiner = stage.desk("neighbour", Role.DUTY_OFFICER)
    for desk in (moderator, officer, examiner):
        assert "entered by hand" in said(desk.get("/orders"))
    assert "entered by hand" in said(moderator.get("/inbox"))
    assert "entered by hand" in said(moderator.get(f"/orders/{order.uid}/answer/annex-2")).lower()


@at_night
def test_an_order_may_be_overdue_when_it_is_entered(moderator):
    facts = {"issued_at": local(100), "received_at": local(90)}
    checked = said(moderator.post(PATH, sent(**facts)))
    assert "The hour ended" in checked
    assert "overdue" in checked
    order = enter(moderator, **facts)
    assert "The hour has passed" in said(moderator.get(f"/orders/{order.uid}"))


@at_night
def test_a_mistake_keeps_what_was_typed_and_the_document(moderator):
    first = sent(received_at=local(-30))
    refused = moderator.post(PATH, first)
    assert refused.status_code == 422
    assert "is in the future" in said(refused)
    assert 'value="BE/2026/7"' in refused.content.decode()
    checked = moderator.post(PATH, again(first, refused) | {"received_at": local(20)})
    assert checked.status_code == 200
    assert EnteredDocument.objects.count() == 1


@pytest.mark.parametrize(
    ("pdf", "says"),
    few(
        (0,),
        of=[
            (b"no pdf at all", "without a password"),
            (b"%PDF-" + bytes(9 << 20), "larger than 8 MB"),
        ],
    ),
)
def test_a_file_that_is_no_order_is_refused(moderator, pdf, says):
    refused = moderator.post(PATH, sent(pdf))
    assert refused.status_code == 422
    assert says in said(refused)
    assert not EnteredDocument.objects.exists()


@at_night
def test_without_a_document_or_addresses_it_says_so(moderator):
    refused = moderator.post(PATH, sent(document="", **{"annex-urls": ""}))
    assert refused.status_code == 422
    assert "Choose the PDF of the order." in said(refused)
    refused = moderator.post(PATH, sent(**{"annex-urls": ""}))
    assert "is missing: enter the address of the content" in said(refused)


@at_night
def test_an_authority_elsewhere_is_named(moderator):
    refused = moderator.post(PATH, sent(issuer="-", issuer_state="G1"))
    assert "Enter the name of the authority." in said(refused)
    refused = moderator.post(PATH, sent(issuer="-", issuer_title=" P ", issuer_state="DE"))
    assert refused.status_code == 422
    assert "at least 2 characters" in str(refused.context["form"].errors["issuer_title"])
    order = enter(moderator, issuer="-", issuer_title="Polizei Nord", issuer_state="de")
    page = said(moderator.get(f"/orders/{order.uid}"))
    assert "Polizei Nord (DE)" in page
    assert "cannot confirm the order here" in page
    refused = moderator.post(
        PATH, sent(issuer="-", issuer_title="the authority", issuer_state="BE", reference="2")
    )
    assert "choose it from the list of authorities" in said(refused)


@at_night
def test_the_same_order_is_refused_with_the_one_that_is_here(moderator):
    order = enter(moderator)
    refused = moderator.post(PATH, sent())
    assert refused.status_code == 422
    assert str(order.uid) in said(refused)


@at_night
def test_the_issuer_confirms_on_the_page_of_the_order(moderator, officer):
    order = enter(moderator)
    page = officer.get(f"/orders/{order.uid}")
    assert "Withdraw the order" not in said(page).partition("What is not possible now")[0]
    done = officer.post(f"/orders/{order.uid}/do/confirm-entry", follow=True)
    assert "Confirmed. It counts for both sides." in said(done)
    assert "confirmed by both sides" in said(moderator.get(f"/orders/{order.uid}"))
    assert "Take the entry back" not in said(moderator.get(f"/orders/{order.uid}"))


@at_night
def test_an_issuer_says_that_it_issued_no_such_order(moderator, officer):
    order = enter(moderator)
    path = f"/orders/{order.uid}/do/repudiate-entry"
    words = {"repudiate-entry-text": "No such file.", "repudiate-entry-confirm": "on"}
    assert "The order has ended" in said(officer.post(path, words, follow=True))
    assert "No such file." in said(moderator.get(f"/orders/{order.uid}"))


@at_night
def test_a_provider_disputes_what_an_authority_entered_and_the_hour_goes_on(moderator, officer):
    order = enter(officer, issuer="", to="provider")
    path = f"/orders/{order.uid}/do/dispute-entry"
    words = {"dispute-entry-text": "We received nothing."}
    assert "reads your reasons" in said(moderator.post(path, words, follow=True))
    page = said(officer.get(f"/orders/{order.uid}"))
    assert "disputed by the other side" in page
    assert "Time left of the hour" in page


@at_night
def test_who_entered_an_order_takes_it_back(moderator):
    order = enter(moderator)
    path = f"/orders/{order.uid}/do/void-entry"
    words = {"void-entry-text": "The wrong file.", "void-entry-confirm": "on"}
    assert "It counts in no figure" in said(moderator.post(path, words, follow=True))


def test_the_document_is_downloaded_by_the_sides_alone(moderator, officer, stage):
    order = enter(moderator)
    got = officer.get(f"/orders/{order.uid}/document")
    assert got.content == plain()
    assert got.headers["Content-Disposition"] == 'attachment; filename="order.pdf"'
    rival = stage.desk("rival", Role.DUTY_OFFICER)
    assert rival.get(f"/orders/{order.uid}/document").status_code == 404


@at_night
def test_the_papers_of_the_order_say_that_they_are_copies(moderator):
    order = enter(moderator)
    pdf = moderator.get(f"/orders/{order.uid}/papers/annex-1.pdf").content
    words = " ".join(text_of(pdf).split())
    assert "Copy of an order that was not issued through this hub" in words
    assert "It binds" not in words
    data = moderator.get(f"/orders/{order.uid}/papers/annex-1.json").json()
    assert "entered it by hand" in data["entered"]


@at_night
def test_any_reference_makes_a_plain_file_name(moderator):
    order = enter(moderator, reference='../BE "7"; filename="x.exe')
    answer = moderator.get(f"/orders/{order.uid}/papers/annex-1.json")
    name = 'attachment; filename="BE-7-filename-x.exe-annex-1.json"'
    assert answer.headers["Content-Disposition"] == name


@at_night
def test_a_sealed_document_is_shown_as_such(moderator):
    pdf = hub_seal.sealed(plain(), reason="Order", now=datetime.now(UTC))
    assert "Genuine" in said(moderator.post(PATH, sent(pdf)))


def of_a_hub(**facts):
    """Annex I as a hub makes it, sealed by the one of this test."""
    values = ANNEX_1 | {"reference": "RO-DE-2026-00007", "issued_at": "2026-11-20T10:00:00+00:00"}
    pdf = form_pdf(
        form("tco-annex-1"), values, language="de", reference="RO-DE-2026-00007", **facts
    )
    return hub_seal.sealed(pdf, reason="Order", now=datetime.now(UTC))


@at_night
def test_what_a_hub_wrote_into_its_document_is_filled_in(moderator):
    first = sent(of_a_hub(), reference="", issued_at="", **{"annex-urls": ""})
    checked = moderator.post(PATH, first)
    page = checked.content.decode()
    assert "A hub made this document" in page
    for known in ("RO-DE-2026-00007", ANNEX_1["urls"][0], ANNEX_1["authority_mail"]):
        assert known in page
    assert 'value="2026-11-20T10:00:00"' in page
    typed = moderator.post(PATH, sent(of_a_hub(), reference="Ours"))
    assert 'value="Ours"' in typed.content.decode()


def test_nothing_is_read_from_a_document_that_this_hub_does_not_trust(moderator):
    pdf = form_pdf(form("tco-annex-1"), ANNEX_1, language="en")
    first = sent(pdf, **{"annex-urls": ""})
    refused = said(moderator.post(PATH, first))
    assert "A hub made this document" not in refused
    assert ANNEX_1["authority_mail"] not in refused


@at_night
def test_a_draft_and_a_copy_hold_nothing_to_read(moderator):
    draft = of_a_hub(is_draft=True)
    assert "A hub made this document" not in said(moderator.post(PATH, sent(draft)))
    order = enter(moderator)
    copy = moderator.get(f"/orders/{order.uid}/papers/annex-1.pdf").content
    assert "A hub made this document" not in said(moderator.post(PATH, sent(copy, reference="2")))
