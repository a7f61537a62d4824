# SPDX-License-Identifier: Apache-2.0
"""Removal orders at the desk: the draft beside its lint, the hour, the answers, the scrutiny."""

import itertools
import re
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction

from stemtide.hub.desk import times
from stemtide.hub.platform.documents import hub_seal
from stemtide.hub.platform.documents.verification import verify_pdf
from stemtide.hub.rooms.alerts.writes import alerts
from stemtide.hub.rooms.approvals.writes import approvals
from stemtide.hub.rooms.complaints.writes import complaints
from stemtide.hub.rooms.orders.models import (
    Copy,
    Information,
    Order,
    OrderAnswer,
    Preservation,
    Receipt,
    Scrutiny,
)
from stemtide.hub.rooms.orders.writes import (
    answers as writes_answers,
    entries,
    issue,
    orders as writes,
)
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.writes import competences
from stemtide.protocol.enums import Duty, Role
from stemtide.protocol.enums.referrals import ReceiptVia
from stemtide.protocol.messages.complaints import ComplaintIn, ComplaintOutcomeIn, ComplaintTakeIn
from stemtide.protocol.messages.orders import EnterIn, InformIn, OrderIn, OrderReasonIn
from tests.hub.orders.elsewhere import report
from tests.hub.papers.keys_of_parties import lay_out
from tests.orders import issue_order
from tests.rounds import at_night, few, rounds
from tests.scene import ANNEX_1
from tests.world import hex_value

pytestmark = pytest.mark.django_db
EMERGENCY = "An attack is under way."
URGENT = {"emergency": EMERGENCY, "emergency_ground": "ongoing_events"}
URL = "https://provider.example/thread/7"


@pytest.fixture
def stage(world):
    """Belgium names its authority for issuing; the provider's state its own for scrutiny."""
    world.party["provider"].country = "NL"
    world.party["provider"].save(update_fields=["country"])
    for party, duty in (("authority", Duty.ISSUE), ("neighbour", Duty.SCRUTINISE)):
        competences.name_competent(world.party[party], duty, actor="operator", now=world.now)
    return world


@pytest.fixture
def officer(stage):
    return stage.desk("authority", Role.DUTY_OFFICER)


@pytest.fixture
def moderator(stage):
    return stage.desk("provider", Role.DUTY_OFFICER)


@pytest.fixture
def examiner(stage):
    return stage.desk("neighbour", Role.DUTY_OFFICER)


def said(answer):
    return " ".join(answer.content.decode().split())


def drafted(world, **facts):
    body = OrderIn(**({"to": "provider", "annex": ANNEX_1, **URGENT} | facts))
    return writes.draft(body, by=world.actor("authority"), now=world.now).id


def issued(world, **facts):
    uid = drafted(world, **facts)
    issue_order(uid, by=world.actor("authority"), now=world.now)
    return uid


def arrived(world, uid, minutes_ago=10):
    at = world.now - timedelta(minutes=minutes_ago)
    Order.objects.filter(uid=uid).update(issued_at=at - timedelta(minutes=1))
    writes_answers.record_receipt(uid, via=ReceiptVia.WEBHOOK, at=at, now=world.now)
    return at


def as_sent(page, **changes):
    """What a browser would send of the page of a draft or an answer."""
    found = {}
    forms = [page.context[one] for one in ("form",) if page.context.get(one)]
    lines = [line.field for part in page.context.get("parts") or [] for line in _lines(part)]
    lines += [line.field for line in page.context.get("beside") or []]
    for field in lines or [one for form in forms for one in form]:
        value = field.value()
        if value in (None, "", False, []):
            continue
        shown = field.field.widget.format_value(value) if not isinstance(value, list) else value
        found[field.html_name] = "on" if value is True else shown
    found["doubt"] = [
        remark.key for remark in page.context.get("remarks") or [] if not remark.is_error
    ]
    found["at_once"] = "1" if page.context.get("at_once") else ""
    return found | changes


def _lines(part):
    return part.lines if hasattr(part, "lines") else ()


@at_night
def test_a_draft_begins_with_what_is_known_and_says_what_is_missing(officer):
    page = officer.post("/orders/new", {"to": "provider", "urls": URL}, follow=True)
    assert "Draft created. Check the fields" in said(page)
    annex = Order.objects.get().annex
    assert (annex["home_state"], annex["cross_border"], annex["urls"]) == ("NL", True, [URL])
    assert "The neighbour" in annex["home_contact"]
    assert "is missing: fill it in" in said(page)
    assert "An order with errors is saved and not issued." in said(page)
    index = 'A. Issuing State, addressee and reference <span class="mark mark--bad">1 error</span>'
    assert index in said(page)
    links = page.content.decode().split('<nav class="jumps"')[1].split("</nav>")[0]
    assert "…" not in links


@at_night
def test_the_lint_stands_beside_the_fields_after_saving(stage, officer):
    uid = drafted(stage, annex=ANNEX_1 | {"reasons": "Short."})
    page = officer.get(f"/orders/{uid}/draft")
    sent = as_sent(page, **{"annex-authority_mail": "nobody", "do": "save"})
    saved = officer.post(f"/orders/{uid}/draft", sent, follow=True)
    told = saved.content.decode()
    mail = told.split('id="field-authority_mail"')[1].split('id="field-')[0]
    assert "Error:" in mail
    assert "is not an e-mail address" in mail
    reasons = told.split('id="field-reasons"')[1].split('id="field-')[0]
    assert "Warning:" in reasons
    assert "is very short" in reasons


@at_night
def test_saving_changes_nothing_that_was_not_touched(stage, officer):
    uid = drafted(stage)
    before = Order.objects.get(uid=uid).annex
    sent = as_sent(officer.get(f"/orders/{uid}/draft"), do="save")
    assert officer.post(f"/orders/{uid}/draft", sent).status_code == 302
    after = Order.objects.get(uid=uid)
    assert (after.annex, after.emergency) == (before, EMERGENCY)


@at_night
def test_an_order_is_issued_only_by_somebody_who_says_that_they_read_it(stage, officer):
    uid = drafted(stage)
    sent = as_sent(officer.get(f"/orders/{uid}/draft"), do="issue")
    unread = officer.post(f"/orders/{uid}/draft", sent, follow=True)
    assert "Saved, but not issued" in said(unread)
    done = officer.post(f"/orders/{uid}/draft", sent | {"confirm": "1"}, follow=True)
    assert "Issued at once. It ends unless" in said(done)
    row = Order.objects.get(uid=uid)
    assert (row.state, row.reference[:3]) == ("issued", "RO-")
    assert officer.get(f"/orders/{uid}/draft").status_code == 302


def informed(world, **facts):
    """The provider was informed the day before, so that no order needs an emergency."""
    body = InformIn(to="provider", text="Orders come by webhook; you have one hour.")
    writes.inform(body, by=world.actor("authority"), now=world.now - timedelta(days=1))
    return drafted(world, emergency="", emergency_ground=None, **facts)


def test_an_order_waits_for_a_second_person_who_reads_all_of_it(stage, officer, moderator):
    uid = informed(stage)
    page = officer.get(f"/orders/{uid}/draft")
    assert "A second person confirms it before it is sent." in said(page)
    sent = as_sent(page, do="issue", confirm="1")
    done = said(officer.post(f"/orders/{uid}/draft", sent, follow=True))
    assert "It is sent once a second person confirms it" in done
    assert f'action="/orders/{uid}/do/confirm"' not in done
    assert "waits for a second person" in said(officer.get("/orders"))
    assert moderator.get(f"/orders/{uid}").status_code == 404
    second = stage.desk("authority", Role.COORDINATOR)
    look = Order.objects.get(uid=uid).approval
    assert second.get(f"/approvals/{look.uid}").url == f"/orders/{uid}"
    waits = said(second.get(f"/orders/{uid}"))
    assert "Submitted by" in waits
    assert ANNEX_1["reasons"] in waits
    unread = second.post(f"/orders/{uid}/do/confirm", {})
    assert unread.status_code == 422
    confirmed = second.post(f"/orders/{uid}/do/confirm", {"confirm-confirm": "1"}, follow=True)
    assert "Confirmed. The order is in effect." in said(confirmed)
    assert Order.objects.get(uid=uid).state == "issued"


def _answers(client, page, act):
    """Get a page again and again; somebody acts before its first query, before a later one …

    Each answer is read as if nobody had acted before: the database is put back.
    """
    for number in itertools.count(step=rounds(8, nightly=1)):
        passed = itertools.count()

        def act_between(execute, *arguments, passed=passed, number=number):
            if next(passed) == number:
                act()
            return execute(*arguments)

        with transaction.atomic():
            with connection.execute_wrapper(act_between):
                answer = client.get(page)
            transaction.set_rollback(True)
        if next(passed) <= number:
            return
        yield answer


@at_night
@pytest.mark.parametrize("decide", ["confirm", "refuse"])
def test_a_page_that_is_read_while_the_order_is_decided_is_whole(stage, officer, decide):
    uid = informed(stage)
    sent = as_sent(officer.get(f"/orders/{uid}/draft"), do="issue", confirm="1")
    officer.post(f"/orders/{uid}/draft", sent)
    second = stage.desk("authority", Role.COORDINATOR)
    person = get_user_model().objects.get(pk=second.session["_auth_user_id"])
    actor = Actor(person.party, person.ref, Role.COORDINATOR)
    acts = {
        "confirm": lambda: issue.confirm(uid, by=actor, now=stage.now),
        "refuse": lambda: issue.refuse(
            uid, body=OrderReasonIn(text="It is the news."), by=actor, now=stage.now
        ),
    }
    answers = list(_answers(second, f"/orders/{uid}/_blocks", acts[decide]))
    assert len(answers) >= 5
    assert {answer.status_code for answer in answers} == {200}


@at_night
def test_a_second_person_refuses_with_reasons_and_it_is_a_draft_again(stage, officer):
    uid = informed(stage)
    sent = as_sent(officer.get(f"/orders/{uid}/draft"), do="issue", confirm="1")
    officer.post(f"/orders/{uid}/draft", sent)
    second = stage.desk("authority", Role.COORDINATOR)
    second.post(f"/orders/{uid}/do/refuse", {"refuse-text": "It is the evening news."})
    page = said(officer.get(f"/orders/{uid}"))
    assert "It is the evening news." in page
    assert "A second person refused it" in page
    assert "Edit the draft" in page


@at_night
def test_an_order_that_waits_is_taken_back_at_the_desk(stage, officer):
    uid = informed(stage)
    sent = as_sent(officer.get(f"/orders/{uid}/draft"), do="issue", confirm="1")
    officer.post(f"/orders/{uid}/draft", sent)
    done = officer.post(f"/orders/{uid}/do/recall", {}, follow=True)
    assert "Returned to draft." in said(done)


@at_night
def test_warnings_are_read_by_the_second_person_and_kept_beside_the_order(
    stage, officer, moderator, examiner
):
    channel = "https://provider.example/channel/newsroom"
    annex = ANNEX_1 | {"urls": [channel]}
    uid = informed(stage, annex=annex)
    page = officer.get(f"/orders/{uid}/draft")
    assert "looks like a profile or channel" in said(page)
    told = {"despite": "It shows nothing else.", "copy_to_europol": "on"}
    told |= {"is_media_service": "on"}
    officer.post(f"/orders/{uid}/draft", as_sent(page, **told))
    sent = as_sent(officer.get(f"/orders/{uid}/draft"), do="issue", confirm="1")
    officer.post(f"/orders/{uid}/draft", sent)
    second = stage.desk("authority", Role.COORDINATOR)
    waits = said(second.get(f"/orders/{uid}"))
    assert "hints at a protected purpose (journalistic: newsroom)" in waits
    assert "It shows nothing else." in waits
    assert "The account belongs to a media service" in waits
    assert "sent when the order is issued" in waits
    second.post(f"/orders/{uid}/do/confirm", {"confirm-confirm": "1"})
    for reader in (officer, examiner):
        kept = said(reader.get(f"/orders/{uid}"))
        assert "Issued despite warnings" in kept
        assert "It shows nothing else." in kept
        assert "Copy to Europol" in kept
    seen = said(moderator.get(f"/orders/{uid}"))
    assert "It shows nothing else." not in seen
    assert "Copy to Europol" not in seen
    assert channel in said(stage.desk("agency", Role.ANALYST).get("/orders"))


@at_night
def test_a_lone_authority_has_its_order_confirmed_by_an_agency(stage, officer):
    uid = informed(stage)
    sent = as_sent(officer.get(f"/orders/{uid}/draft"), do="issue", confirm="1")
    waits = said(officer.post(f"/orders/{uid}/draft", sent, follow=True))
    assert "Your authority has nobody else who may confirm it." in waits
    agency = stage.desk("agency", Role.COORDINATOR)
    assert "Submitted by" not in said(agency.get(f"/orders/{uid}"))
    done = agency.post(f"/orders/{uid}/do/confirm", {"confirm-confirm": "1"}, follow=True)
    assert "Confirmed. The order is in effect." in said(done)
    assert agency.get(f"/orders/{uid}").status_code == 404


@at_night
def test_the_provider_reads_why_an_order_that_nobody_confirmed_has_ended(stage, moderator):
    uid = drafted(stage)
    issue.issue(uid, by=stage.actor("authority"), now=stage.now)
    arrived(stage, uid)
    assert "waits to be confirmed" not in said(moderator.get(f"/orders/{uid}"))
    approvals.expire_due(stage.now + timedelta(hours=2))
    page = said(moderator.get(f"/orders/{uid}"))
    assert "No second person confirmed it" in page
    assert "Content that was removed may be restored." in page


@at_night
def test_the_emergency_of_recital_17_is_chosen_beside_the_form_and_stands_in_the_order(
    stage, officer, moderator
):
    uid = drafted(stage, emergency_ground=None)
    assert "which serious harm makes this an emergency" in said(officer.get(f"/orders/{uid}/draft"))
    page = officer.get(f"/orders/{uid}/draft")
    officer.post(f"/orders/{uid}/draft", as_sent(page, emergency_ground="ongoing_events"))
    issue_order(uid, by=stage.actor("authority"), now=stage.now)
    read = said(moderator.get(f"/orders/{uid}"))
    assert "depicts ongoing events resulting in harm" in read
    assert EMERGENCY in read


def test_a_flawed_order_is_not_issued_whatever_is_sent(stage, officer):
    uid = drafted(stage)
    changes = {"annex-urls": "https://provider.example/a\nnonsense", "confirm": "1", "do": "issue"}
    sent = as_sent(officer.get(f"/orders/{uid}/draft"), **changes)
    page = officer.post(f"/orders/{uid}/draft", sent, follow=True)
    assert "must be mended before this order is issued" in said(page)
    assert Order.objects.get(uid=uid).state == "drafted"


@at_night
def test_an_order_is_issued_only_if_the_page_showed_its_warnings_and_how_it_is_sent(stage, officer):
    uid = drafted(stage)
    sent = as_sent(officer.get(f"/orders/{uid}/draft"), do="issue", confirm="1")
    changes = {"annex-reasons": "Short."}, {"at_once": ""}
    for change in changes:
        page = officer.post(f"/orders/{uid}/draft", sent | change, follow=True)
        assert "something below is new" in said(page)
        sent = as_sent(page, do="issue", confirm="1")
    done = officer.post(f"/orders/{uid}/draft", sent, follow=True)
    assert "Issued at once. It ends unless" in said(done)


def test_an_analyst_writes_a_draft_and_does_not_issue_it(stage):
    analyst = stage.desk("authority", Role.ANALYST)
    uid = drafted(stage)
    page = analyst.get(f"/orders/{uid}/draft")
    assert "A duty officer issues them." in said(page)
    sent = as_sent(page, do="issue", confirm="1")
    assert analyst.post(f"/orders/{uid}/draft", sent).status_code == 403
    assert Order.objects.get(uid=uid).state == "drafted"


@at_night
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"annex-signed_on": "yesterday"}, "Enter a valid date"),
        ({"annex-authority_name": "x" * 501}, "at most 500 characters"),
        ({"annex-grounds": "z"}, "Select a valid choice"),
        ({"signals": "not-an-id"}, "This is no id of a signal"),
    ],
)
def test_what_a_draft_cannot_keep_is_said_beside_its_field(stage, officer, changes, told):
    uid = drafted(stage)
    sent = as_sent(officer.get(f"/orders/{uid}/draft"), **changes)
    page = officer.post(f"/orders/{uid}/draft", sent)
    assert page.status_code == 422
    assert told in said(page)


def test_who_saves_second_is_told_and_loses_nothing_of_what_they_wrote(stage, officer):
    uid = drafted(stage)
    page = officer.get(f"/orders/{uid}/draft")
    mine = as_sent(page, seen=page.context["seen"], **{"annex-file_number": "mine"})
    theirs = mine | {"annex-file_number": "theirs"}
    assert officer.post(f"/orders/{uid}/draft", theirs).status_code == 302
    told = officer.post(f"/orders/{uid}/draft", mine)
    assert told.status_code == 422
    assert "Somebody else changed this draft while you wrote." in said(told)
    assert 'value="mine"' in told.content.decode()
    assert Order.objects.get(uid=uid).annex["file_number"] == "theirs"
    again = mine | {"seen": told.context["seen"]}
    assert officer.post(f"/orders/{uid}/draft", again).status_code == 302
    assert Order.objects.get(uid=uid).annex["file_number"] == "mine"


def test_a_draft_says_who_else_is_interested(stage, officer):
    neighbour = stage.desk("neighbour", Role.DUTY_OFFICER)
    hold = {"url": URL, "hours": "24", "reason": "evidence", "contact": "the duty desk"}
    neighbour.post("/referrals/holds/new", hold)
    page = said(officer.get(f"/orders/{drafted(stage)}/draft"))
    assert "Other parties concerned" in page
    assert "the duty desk" in page
    assert "A hold never delays an order that was received." in page


def test_a_draft_is_its_authoritys_alone_and_is_thrown_away(stage, officer, moderator, examiner):
    uid = drafted(stage)
    for other in (moderator, examiner):
        assert other.get(f"/orders/{uid}").status_code == 404
        assert other.get(f"/orders/{uid}/papers/annex-1.pdf").status_code == 404
    page = f"/orders/{uid}/do/discard"
    assert "Tick this box" in said(officer.post(page, {}))
    officer.post(page, {"discard-confirm": "on"})
    assert Order.objects.get(uid=uid).annex == {}


def test_to_its_provider_opening_an_order_is_its_receipt_and_the_list_is_not(stage, moderator):
    uid = issued(stage)
    assert "issued, not received yet" in said(moderator.get("/orders"))
    assert not Receipt.objects.exists()
    page = said(moderator.get(f"/orders/{uid}"))
    assert Receipt.objects.get().via == "desk"
    assert "received: the hour runs" in page
    assert "somebody opened it at the desk" in page
    moderator.get(f"/orders/{uid}")
    assert Receipt.objects.count() == 1


@at_night
def test_its_own_authority_receives_nothing_by_looking(stage, officer):
    uid = issued(stage)
    officer.get(f"/orders/{uid}")
    officer.get(f"/orders/{uid}/papers/annex-1.json")
    assert not Receipt.objects.exists()


@pytest.mark.parametrize("part", few((1,), of=["_blocks", "papers/annex-1.json", "answer/annex-2"]))
def test_no_way_to_the_content_leaves_no_receipt(stage, moderator, part):
    uid = issued(stage)
    assert moderator.get(f"/orders/{uid}/{part}").status_code in {200, 302}
    assert Receipt.objects.get().via == "desk"


def test_a_provider_acknowledges_and_answers_by_annex_two(stage, moderator, officer):
    uid = issued(stage)
    arrived(stage, uid)
    page = moderator.post(f"/orders/{uid}/do/acknowledge", {}, follow=True)
    assert "Acknowledged. Its hour goes on." in said(page)
    form = moderator.get(f"/orders/{uid}/answer/annex-2")
    sent = answered(form) | {"annex-measure": "removed", "annex-authorised_person": "A. Moderator"}
    sent |= {"annex-contact_mail": "tco@provider.example"}
    done = moderator.post(f"/orders/{uid}/answer/annex-2", sent, follow=True)
    assert "Answered by Annex II." in said(done)
    row = Order.objects.get(uid=uid)
    assert (row.state, row.measure, row.missed_at) == ("executed", "removed", None)
    told = said(officer.get(f"/orders/{uid}"))
    assert "the terrorist content has been removed" in told
    assert "What was removed is preserved until" in told


def answered(page):
    """What a browser would send of the form of an answer."""
    found = {}
    for field in page.context["form"]:
        value = field.value()
        if value not in (None, "", []):
            found[field.html_name] = field.field.widget.format_value(value)
    return found


@at_night
def test_an_answer_knows_who_the_provider_is_and_what_it_said_last(stage, moderator):
    first, second = issued(stage), issued(stage, annex=ANNEX_1 | {"urls": [f"{URL}8"]})
    form = moderator.get(f"/orders/{first}/answer/annex-2")
    assert form.context["form"]["provider_name"].value() == "The provider"
    sent = answered(form) | {"annex-measure": "disabled", "annex-authorised_person": "A. Moderator"}
    moderator.post(
        f"/orders/{first}/answer/annex-2", sent | {"annex-contact_mail": "tco@provider.example"}
    )
    again = moderator.get(f"/orders/{second}/answer/annex-3").context["form"]
    assert again["authorised_person"].value() == "A. Moderator"
    assert again["contact_mail"].value() == "tco@provider.example"


@at_night
def test_an_answer_that_is_not_complete_says_so_beside_its_field(stage, moderator):
    uid = issued(stage)
    page = moderator.post(f"/orders/{uid}/answer/annex-2", {})
    assert page.status_code == 422
    assert "is missing: fill it in" in said(page)
    assert not OrderAnswer.objects.exists()


def suspended(moderator, uid):
    sent = answered(moderator.get(f"/orders/{uid}/answer/annex-3"))
    sent |= {
        "annex-grounds": "insufficient_information",
        "annex-explanation": "The thread has 900 messages.",
        "annex-missing": "The number of the message.",
        "annex-authorised_person": "A. Moderator",
        "annex-contact_mail": "tco@provider.example",
        "annex-signature": "A. Moderator",
    }
    return moderator.post(f"/orders/{uid}/answer/annex-3", sent, follow=True)


@at_night
def test_annex_three_stops_the_clock_and_clarification_starts_the_hour_anew(
    stage, moderator, officer
):
    uid = issued(stage)
    arrived(stage, uid, minutes_ago=30)
    assert "The clock stands still." in said(suspended(moderator, uid))
    assert Order.objects.get(uid=uid).due_at is None
    page = said(officer.get(f"/orders/{uid}"))
    assert "suspended: a new hour starts when the ground no longer applies" in page
    assert "The number of the message." in page
    short = officer.post(f"/orders/{uid}/do/clarify", {"clarify-text": "x"})
    assert short.status_code == 422
    officer.post(f"/orders/{uid}/do/clarify", {"clarify-text": "Message 412."})
    row = Order.objects.get(uid=uid)
    assert row.state == "received"
    assert row.due_at > row.received_at + timedelta(minutes=61)
    assert "Message 412." in said(moderator.get(f"/orders/{uid}"))


def test_an_hour_that_passed_is_said_in_words(stage, moderator):
    uid = issued(stage)
    arrived(stage, uid, minutes_ago=63)
    page = said(moderator.get(f"/orders/{uid}"))
    assert "The hour has passed" in page
    assert "over by 00:03:" in page


@at_night
def test_opening_a_copy_starts_its_72_hours_and_an_order_is_examined_and_undone(
    stage, examiner, moderator, officer
):
    uid = issued(stage)
    arrived(stage, uid)
    listed = said(examiner.get("/orders"))
    assert "Your authority has drafted no order." not in listed
    assert "72 hours from when you open it" in listed
    assert "An authority with a copy may examine it until" in said(examiner.get(f"/orders/{uid}"))
    assert Copy.objects.get().received_at is not None
    examiner.post(f"/orders/{uid}/do/examine", {"examine-reasons": "It may be the news."})
    early = {"infringe-text": "It is the news.", "infringe-confirm": "on"}
    refused = examiner.post(f"/orders/{uid}/do/infringe", early, follow=True)
    assert "inform the issuer first" in said(refused)
    examiner.post(f"/orders/{uid}/do/announce", {"announce-text": "It is the news."})
    assert "an infringement was announced" in said(officer.get(f"/orders/{uid}"))
    done = examiner.post(f"/orders/{uid}/do/infringe", early, follow=True)
    assert "The order has no effect any more" in said(done)
    assert "without effect: it binds nobody any more" in said(done)
    assert Order.objects.get(uid=uid).state == "annulled"
    agency = stage.desk("agency", Role.ANALYST)
    read = said(agency.get("/orders"))
    assert "the decision, not the order" in read
    assert "It is the news." in read
    assert URL not in read
    assert agency.get(f"/orders/{uid}").status_code == 404
    assert "It is the news." in said(moderator.get(f"/orders/{uid}"))


@at_night
def test_after_72_hours_the_page_offers_no_infringement_and_names_article_4_3(stage, examiner):
    uid = issued(stage)
    arrived(stage, uid)
    examiner.get(f"/orders/{uid}")
    examiner.post(f"/orders/{uid}/do/examine", {"examine-reasons": "It may be the news."})
    Scrutiny.objects.update(due_at=stage.now - timedelta(hours=1))
    page = said(examiner.get(f"/orders/{uid}"))
    assert "an infringement can no longer be found (Art. 4(3))" in page
    assert "/do/announce" not in page
    assert "/do/uphold" in page
    refused = examiner.post(f"/orders/{uid}/do/announce", {"announce-text": "News."}, follow=True)
    assert "72 hours of your own initiative ended" in said(refused)


@at_night
def test_a_provider_asks_for_scrutiny_and_obeys_meanwhile(stage, examiner, moderator):
    uid = issued(stage)
    arrived(stage, uid)
    asked = {"ask-scrutiny-reasons": "The content is a news report."}
    page = moderator.post(f"/orders/{uid}/do/ask-scrutiny", asked, follow=True)
    assert "The order stands until it is decided." in said(page)
    assert "received: the hour runs" in said(page)
    assert "the provider asked for it" in said(examiner.get("/orders"))
    decided = {"uphold-text": "It calls for attacks: no infringement."}
    examiner.post(f"/orders/{uid}/do/uphold", decided)
    assert Scrutiny.objects.get().state == "upheld"


@at_night
def test_an_examiner_enters_the_request_of_a_content_provider(stage, examiner):
    uid = issued(stage)
    arrived(stage, uid)
    asked = {
        "examine-asked-reasons": "They say that it is art.",
        "examine-asked-informed_at": f"{stage.now - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}",
    }
    examiner.post(f"/orders/{uid}/do/examine-asked", asked)
    assert Scrutiny.objects.get().basis == "content_provider"


@at_night
def test_what_was_executed_and_taken_back_is_reinstated(stage, officer, moderator):
    uid = issued(stage)
    form = moderator.get(f"/orders/{uid}/answer/annex-2")
    sent = answered(form) | {"annex-measure": "removed", "annex-authorised_person": "A. Moderator"}
    sent |= {"annex-contact_mail": "tco@provider.example"}
    moderator.post(f"/orders/{uid}/answer/annex-2", sent)
    unsure = officer.post(f"/orders/{uid}/do/withdraw", {"withdraw-text": "A mistake."})
    assert unsure.status_code == 422
    sure = {"withdraw-text": "A mistake.", "withdraw-confirm": "on"}
    officer.post(f"/orders/{uid}/do/withdraw", sure)
    assert Order.objects.get(uid=uid).state == "undone"
    assert "put back at once what you removed" in said(moderator.get(f"/orders/{uid}"))
    moderator.post(f"/orders/{uid}/do/reinstate", {})
    assert Order.objects.get(uid=uid).state == "reinstated"


@at_night
def test_secrecy_and_preservation_are_extended_and_accesses_noted(stage, officer, moderator):
    until = (stage.now + timedelta(days=7)).isoformat()
    secret = {"non_disclosure": True, "non_disclosure_until": until}
    uid = issued(stage, annex=ANNEX_1 | secret)
    assert "The content provider is not told before" in said(officer.get(f"/orders/{uid}"))
    longer = f"{stage.now + timedelta(days=30):%Y-%m-%dT%H:%M:%S}"
    officer.post(
        f"/orders/{uid}/do/prolong",
        {"prolong-until": longer, "prolong-reason": "The arrests are due."},
    )
    assert Order.objects.get(uid=uid).secret_until > stage.now + timedelta(days=29)
    sent = answered(moderator.get(f"/orders/{uid}/answer/annex-2"))
    sent |= {"annex-measure": "removed", "annex-authorised_person": "A. Moderator"}
    sent |= {"annex-contact_mail": "tco@provider.example"}
    moderator.post(f"/orders/{uid}/answer/annex-2", sent)
    kept = str(Preservation.objects.get(order__uid=uid).uid)
    noted = {f"note-access-{kept}-purpose": "review", "target": kept}
    noted |= {f"note-access-{kept}-who": "Court of Brussels"}
    assert "Court of Brussels" in said(
        moderator.post(f"/orders/{uid}/do/note-access", noted, follow=True)
    )
    year = f"{stage.now + timedelta(days=365):%Y-%m-%dT%H:%M:%S}"
    kept = {"extend-until": year, "extend-reference": "BR 26-17", "extend-court": ""}
    kept |= {"extend-proceedings": "none", "extend-reviewed_by": "Council of State"}
    kept |= {"extend-reviewed_since": f"{stage.now:%Y-%m-%d}"}
    other = said(officer.post(f"/orders/{uid}/do/extend", kept))
    assert "Only ongoing review proceedings prolong preservation (Art. 6(2))" in other
    kept |= {"extend-proceedings": "judicial"}
    page = said(officer.post(f"/orders/{uid}/do/extend", kept, follow=True))
    assert "BR 26-17" in page
    assert "judicial review proceedings, Council of State" in page
    soon = f"{stage.now + timedelta(days=1):%Y-%m-%dT%H:%M:%S}"
    early = officer.post(f"/orders/{uid}/do/extend", kept | {"extend-until": soon})
    assert early.status_code == 422
    assert "the present end of preservation" in said(early)


@at_night
def test_a_preservation_by_another_law_is_recorded_and_extended_at_the_desk(
    stage, officer, moderator
):
    uid = issued(stage)
    sent = answered(moderator.get(f"/orders/{uid}/answer/annex-2"))
    sent |= {"annex-measure": "removed", "annex-authorised_person": "A. Moderator"}
    sent |= {"annex-contact_mail": "tco@provider.example"}
    moderator.post(f"/orders/{uid}/answer/annex-2", sent)
    epoc = {"preserve-basis": "e_evidence", "preserve-authority": "Investigating judge, Ghent"}
    epoc |= {"preserve-reference": "EP-7", "preserve-since": f"{stage.now:%Y-%m-%dT%H:%M:%S}"}
    wrong = moderator.post(f"/orders/{uid}/do/preserve", epoc | {"preserve-law": "Art. 1"})
    assert "by which an EPOC-PR ends after 60 days" in said(wrong)
    page = said(moderator.post(f"/orders/{uid}/do/preserve", epoc, follow=True))
    assert "Investigating judge, Ghent, EP-7" in page
    assert "EP-7" not in said(officer.get(f"/orders/{uid}"))
    kept = str(Preservation.objects.get(order__uid=uid, basis="e_evidence").uid)
    more = {"target": kept, f"note-extended-{kept}-production": "EPOC-8"}
    page = moderator.post(f"/orders/{uid}/do/note-extended", more, follow=True)
    assert "the data are produced : EPOC-8" in said(page).replace("produced:", "produced :")
    assert f"note-extended-{kept}-production" not in page.content.decode()
    end = {"target": kept, f"note-ended-{kept}-confirm": "on"}
    moderator.post(f"/orders/{uid}/do/note-ended", end)
    assert Preservation.objects.get(uid=kept).ended_at is not None


def test_a_provider_is_informed_before_a_first_order(stage, officer, moderator):
    page = officer.get("/orders/inform")
    text = page.context["form"]["text"].value()
    assert "Within one hour of receipt" in text
    done = officer.post("/orders/inform", {"to": "provider", "text": text}, follow=True)
    assert "An order may follow in twelve hours." in said(done)
    assert Information.objects.get().sent_to == stage.party["provider"]
    assert "The authority" in said(moderator.get("/orders/inform"))
    assert officer.post("/orders/inform", {"to": "provider", "text": "x"}).status_code == 422


@at_night
def test_alerts_lead_to_what_they_are_about(stage, officer, moderator):
    text = "Orders come by webhook and by mail; you have one hour from receipt."
    officer.post("/orders/inform", {"to": "provider", "text": text})
    uid = issued(stage)
    while alerts.raise_from_ledger(stage.now + timedelta(minutes=1)):
        pass
    page = moderator.get("/alerts").content.decode()
    assert 'href="/orders/inform"' in page
    assert f'href="/orders/{uid}"' in page
    assert not Receipt.objects.exists()


def test_whoever_may_not_issue_is_told_why(stage, moderator):
    assert moderator.get("/orders/new").status_code == 403
    neighbour = stage.desk("neighbour", Role.ANALYST)
    refused = neighbour.post("/orders/new", {"to": "provider"})
    assert refused.status_code == 403
    assert "not in the register for issuing removal orders" in said(refused)
    agency = said(stage.desk("agency", Role.COORDINATOR).get("/orders"))
    assert "Agencies send referrals, not removal orders." in agency


@at_night
def test_papers_are_sealed_and_a_draft_says_that_it_is_none(stage, officer):
    uid = drafted(stage)
    draft = officer.get(f"/orders/{uid}/papers/annex-1.pdf")
    assert b"/ByteRange" not in draft.content
    issue_order(uid, by=stage.actor("authority"), now=stage.now)
    pdf = officer.get(f"/orders/{uid}/papers/annex-1.pdf?language=nl")
    assert pdf.headers["Content-Type"] == "application/pdf"
    assert b"/ByteRange" in pdf.content
    told = officer.get(f"/orders/{uid}/papers/annex-1.json").json()
    assert told["values"]["urls"] == ANNEX_1["urls"]
    for name in ("answer-1.pdf", "answer-0.pdf", "annex-1.exe", "annex-9.pdf"):
        assert officer.get(f"/orders/{uid}/papers/{name}").status_code == 404


@at_night
def test_no_reader_gets_the_seal_of_another_onto_a_document(stage, officer, settings, tmp_path):
    """Whoever downloads it, and whatever they ask for: it has the seal of who it is from."""
    settings.DATA_DIR = tmp_path
    far = {"days": 36_500}
    lay_out(tmp_path, settings, authority=far, neighbour=far, provider=far)
    uid = drafted(stage)
    assert b"/ByteRange" not in officer.get(f"/orders/{uid}/papers/annex-1.pdf").content
    issue_order(uid, by=stage.actor("authority"), now=stage.now)
    words = "author=neighbour&issued_by=neighbour&seal=neighbour&language=en"
    readers = {name: stage.desk(name, Role.DUTY_OFFICER) for name in ("provider", "neighbour")}
    for reader, desk in {"authority": officer, **readers}.items():
        got = desk.get(f"/orders/{uid}/papers/annex-1.pdf?{words}")
        trusted = hub_seal.hub_trust(stage.now)
        seals = verify_pdf(got.content, trusted=trusted, now=stage.now).seals
        assert [seal.party for seal in seals] == ["authority", ""], reader


@at_night
def test_an_order_that_somebody_entered_never_gets_its_issuers_seal(
    stage, moderator, settings, tmp_path
):
    """A provider could write an order in an authority's name, and have it sealed."""
    settings.DATA_DIR = tmp_path
    lay_out(tmp_path, settings, authority={"days": 36_500}, provider={"days": 36_500})
    pdf, by = b"%PDF-1.7 forged", stage.actor("provider")
    kept = entries.keep_document(pdf, name="a.pdf", report=report(pdf), by=by, now=stage.now)
    body = {"document": kept.id, "reference": "BE/1", "issuer": "authority", "channel": "mail"}
    times = {"issued_at": stage.now, "received_at": stage.now}
    entered = EnterIn.model_validate(body | times | {"annex": {"urls": [URL]}})
    uid = entries.enter(entered, by=by, now=stage.now).id
    got = moderator.get(f"/orders/{uid}/papers/annex-1.pdf")
    seals = verify_pdf(got.content, trusted=hub_seal.hub_trust(stage.now), now=stage.now).seals
    assert [(seal.trust, seal.party) for seal in seals] == [("own", "")]
    assert "made elsewhere and entered by hand" in said(moderator.get(f"/orders/{uid}"))


@at_night
def test_an_orders_page_shows_whether_it_is_authentic(
    stage, officer, moderator, settings, tmp_path
):
    settings.DATA_DIR = tmp_path
    far = {"days": 36_500}
    uid = issued(stage)
    page = said(moderator.get(f"/orders/{uid}"))
    assert "No authority of this name is published for Art. 12(1)(a)." in page
    assert "Federal prosecution service, I2-IRU" in page
    assert "no key of its own: the hub seals alone" in page
    stage.party["authority"].title = "Parquet fédéral"
    stage.party["authority"].save(update_fields=["title"])
    lay_out(tmp_path, settings, authority=far)
    page = said(officer.get(f"/orders/{uid}"))
    assert "OJ C 224, 27.6.2023, p. 10 (27 Jun 2023)" in page
    assert "Common Name: authority" in page
    settings.SEAL_FILE = "/nowhere.p12"
    assert "cannot be used at present" in said(moderator.get(f"/orders/{uid}"))


def test_an_address_of_an_order_is_never_a_link(stage, officer):
    uid = issued(stage, annex=ANNEX_1 | {"urls": [f"{URL}?<script>alert(1)</script>"]})
    page = officer.get(f"/orders/{uid}").content.decode()
    assert 'href="https://provider.example' not in page
    assert "<script>alert" not in page


@at_night
def test_an_order_begins_from_a_signal_of_ones_own(stage, officer):
    own, other = stage.share(), stage.share(by="neighbour", value=hex_value(3))
    page = officer.get(f"/signals/{own}").content.decode()
    link = re.search(r'href="(/orders/new[^"]+)"', page).group(1).replace("&amp;", "&")
    form = officer.get(link).context["form"]
    assert form["signals"].value() == str(own)
    sent = {"to": "provider", "urls": URL, "signals": form["signals"].value()}
    officer.post("/orders/new", sent)
    assert Order.objects.get().signals.get().uid == own
    assert "/orders/new?" not in officer.get(f"/signals/{other}").content.decode()
    refused = officer.post("/orders/new", sent | {"signals": str(other)})
    assert refused.status_code == 422
    assert "you can name only your own signals" in said(refused)


@at_night
def test_moments_are_told_on_the_readers_clock_and_in_utc(stage):
    uid = issued(stage)
    at = arrived(stage, uid).astimezone(ZoneInfo("Asia/Kolkata"))
    client = stage.desk("authority", Role.COORDINATOR)
    get_user_model().objects.update(time_zone="Asia/Kolkata")
    page = said(client.get(f"/orders/{uid}"))
    due = at + timedelta(hours=1)
    assert f"{due:%H:%M:%S} IST" in page
    assert f"{due.astimezone(UTC):%H:%M:%S} UTC" in page


@at_night
def test_a_moment_that_a_moderator_types_is_of_their_own_clock(stage, moderator):
    uid = issued(stage)
    arrived(stage, uid)
    get_user_model().objects.update(time_zone="Asia/Kolkata")
    done = (stage.now - timedelta(minutes=3)).replace(microsecond=0)
    typed = f"{done.astimezone(ZoneInfo('Asia/Kolkata')):%Y-%m-%dT%H:%M:%S}"
    sent = answered(moderator.get(f"/orders/{uid}/answer/annex-2"))
    sent |= {"annex-measure": "removed", "annex-authorised_person": "A. Moderator"}
    sent |= {"annex-contact_mail": "tco@provider.example", "annex-measure_at": typed}
    moderator.post(f"/orders/{uid}/answer/annex-2", sent)
    assert Order.objects.get(uid=uid).executed_at == done


@at_night
def test_what_a_complaint_asks_of_the_issuer_stands_on_the_page_of_the_order(
    stage, officer, moderator
):
    uid = issued(stage)
    sent = answered(moderator.get(f"/orders/{uid}/answer/annex-2"))
    sent |= {"annex-measure": "removed", "annex-authorised_person": "A. Moderator"}
    moderator.post(
        f"/orders/{uid}/answer/annex-2", sent | {"annex-contact_mail": "tco@provider.example"}
    )
    facts = {"reference": "case-1", "basis": "order", "ground": uid, "measure": "removed"}
    body = ComplaintIn(**facts, acted_at=stage.now, text="It is my own report for the news.")
    by, now = stage.actor("provider"), stage.now
    filed = complaints.file_for(body, by=by, now=now).complaint.id
    complaints.take(filed, body=ComplaintTakeIn(reviewed_by="moderator-1"), by=by, now=now)
    found = ComplaintOutcomeIn(
        is_upheld=False,
        exemption="none",
        reasons="It was ordered. We asked the authority to look again.",
        note="It is the opening of a news programme.",
        reviewed_by="moderator-1",
    )
    complaints.decide(filed, body=found, by=by, now=now)
    asks = "What complaints about it ask of you"
    assert asks in said(officer.get(f"/orders/{uid}"))
    for one in (moderator, stage.desk("authority", Role.OBSERVER)):
        assert asks not in said(one.get(f"/orders/{uid}"))


@at_night
def test_what_is_no_act_and_what_is_not_open_now_is_refused(stage, officer):
    uid = issued(stage)
    assert officer.post(f"/orders/{uid}/do/nonsense", {}).status_code == 404
    page = officer.post(f"/orders/{uid}/do/clarify", {"clarify-text": "Message 4."}, follow=True)
    assert "this action is not possible now" in said(page)


@at_night
def test_the_list_is_narrowed_and_says_so_where_nothing_fits(stage, officer, moderator):
    assert "Your authority has drafted no order." in said(officer.get("/orders"))
    assert "No order was addressed to you." in said(moderator.get("/orders"))
    uid = issued(stage)
    reference = Order.objects.get(uid=uid).reference
    assert reference in said(officer.get("/orders?state=issued"))
    assert "No order is in that state." in said(officer.get("/orders?state=executed"))
    assert officer.get("/orders?state=nonsense").status_code == 200


@at_night
def test_an_appeal_is_recorded_at_the_desk_and_keeps_the_order_from_being_final(stage, officer):
    uid = drafted(stage)
    issue_order(uid, by=stage.actor("authority"), now=stage.now)
    arrived(stage, uid)
    competences.name_competent(
        stage.party["neighbour"], Duty.MEASURES, actor="operator", now=stage.now
    )
    page = said(officer.get(f"/orders/{uid}"))
    assert "computed from Section G and the receipt" in page or "Enter the last day" in page
    last_day = times.day(Order.objects.get(uid=uid).appeal_until)
    assert re.search(rf"An appeal can be lodged until</span>\s*<span>\s*{last_day}\s", page)
    today = stage.now.date().isoformat()
    sent = {"appeal-lodged_by": "provider", "appeal-kind": "judicial", "appeal-body": "The court"}
    refused = officer.post(f"/orders/{uid}/do/appeal", sent)
    assert refused.status_code == 422
    done = officer.post(f"/orders/{uid}/do/appeal", sent | {"appeal-lodged_on": today}, follow=True)
    assert "The order is not final until the appeal is decided." in said(done)
    appeal = str(Order.objects.get(uid=uid).appeals.get().uid)
    prefix = f"decide-appeal-{appeal}"
    decision = {f"{prefix}-outcome": "confirmed", f"{prefix}-decided_on": today}
    decision |= {f"{prefix}-text": "It stands.", "target": appeal}
    done = officer.post(f"/orders/{uid}/do/decide-appeal", decision, follow=True)
    assert "order confirmed" in said(done)
    done = officer.post(f"/orders/{uid}/do/finalise", {"finalise-confirm": "1"}, follow=True)
    assert "Recorded. The authorities of the provider" in said(done)
    overseer = stage.desk("neighbour", Role.DUTY_OFFICER)
    assert "confirmed on appeal" in said(overseer.get("/orders/final"))
    assert "There are no final orders" in said(officer.get("/orders/final"))
