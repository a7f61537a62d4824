# SPDX-License-Identifier: Apache-2.0
"""A link in a mail, for whoever has nothing else: what it shows, what it does, when it ends."""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from stemtide.hub.platform.documents import hub_seal as own
from stemtide.hub.platform.documents.signatures import verify_bytes
from stemtide.hub.platform.documents.verification import verify_pdf
from stemtide.hub.platform.errors import ConflictError, NotFoundError
from stemtide.hub.rooms.alerts import links, sender as sending
from stemtide.hub.rooms.alerts.models import Alert, Delivery, Receipt
from stemtide.hub.rooms.alerts.writes import (
    alerts as writes,
    deliveries as writes_deliveries,
)
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.orders.reads import orders as orders_reads
from stemtide.hub.rooms.orders.writes import endings as writes_endings
from stemtide.hub.rooms.referrals.reads import referrals
from stemtide.hub.rooms.referrals.writes import referrals as referring
from stemtide.hub.rooms.requests import reads as request_reads, writes as by_link
from stemtide.protocol.messages.documents import SealVerdict
from stemtide.protocol.messages.orders import OrderAnswerIn, OrderReasonIn, ScrutinyIn
from stemtide.protocol.messages.referrals import AnswerIn, TakeBackIn
from tests.hub.alerts.test_enclosures import HOME, own_folder  # noqa: F401  # the same seal
from tests.hub.alerts.test_mail import post, server
from tests.hub.alerts.test_requests import WORDS, contact, raise_all
from tests.hub.orders import cast
from tests.hub.orders.cast import after
from tests.hub.orders.conftest import orders  # noqa: F401  # the same cast
from tests.hub.papers.papers import text_of
from tests.hub.referrals.conftest import desk, row  # noqa: F401  # the same desk
from tests.rounds import rounds
from tests.world import NOON, suspend

pytestmark = pytest.mark.django_db
FOREVER = NOON + timedelta(days=3650)


def token_of(kind, *, until=FOREVER):
    """The link in the mail of an alert."""
    letter = Delivery.objects.filter(alert__kind=kind, channel="mail").latest("pk")
    return links.make_token(letter.uid, until=until)


def ordered(world, **facts):
    """An order to a provider that has a mail address alone."""
    contact(world.small_provider, "moderator@small.example")
    made = cast.issue(world, **facts)
    raise_all()
    return made


def referred(desk):  # noqa: F811
    contact(desk.world.big_provider)
    made = desk.refer()
    raise_all()
    return made


def page_of(token, **how):
    return Client(enforce_csrf_checks=True).get(reverse("receipt", args=[token]), **how)


def fetched(token, what):
    return Client().get(reverse("receipt-file", args=[token, what]))


# The mail


def mail_of(kind):
    """The words of a mail, as a real server took it."""
    found = writes_deliveries.claim_due(NOON, limit=50, home=HOME)
    (outgoing,) = [one for one in found if (one.kind, one.channel) == (kind, "mail")]
    with server() as inbox:
        assert sending.attempt(outgoing, post=post(inbox)).fate == "sent"
    (message,) = inbox.messages
    return message.get_body(("plain",)).get_content().replace("\r\n", "\n")


@pytest.mark.nightly
def test_the_mail_of_an_order_says_the_clock_and_whom_to_ask_and_how_to_answer(orders):  # noqa: F811
    ordered(orders)
    told = mail_of("order")
    assert "It binds." in told
    assert "Deadline: One hour from receipt." in told
    assert "Contact: Belgian Crisis Centre, +32 2 555 01 23, duty@crisis.example" in told
    assert "send Annex II or Annex III of the Regulation to: duty@crisis.example, +32 2" in told
    assert "the link works until 2026-12-01 12:00 UTC" in told
    assert cast.URL not in told


def test_the_mail_of_a_referral_says_that_no_clock_runs_and_whom_to_ask(desk):  # noqa: F811
    contact(desk.world.authority, "duty@crisis.example")
    referred(desk)
    told = mail_of("referral")
    assert "no removal order" in told
    assert "Deadline: None runs. A referral is voluntary" in told
    assert "Contact: Belgian Crisis Centre, duty@crisis.example" in told


@pytest.mark.nightly
def test_a_mail_speaks_the_language_of_its_reader_throughout(orders):  # noqa: F811
    point = contact(orders.small_provider, "moderator@small.example")
    point.languages = ["nl"]
    point.save()
    cast.issue(orders)
    raise_all()
    told = mail_of("order")
    assert "Op de desk:" in told
    assert "At the desk:" not in told


@pytest.mark.nightly
def test_of_an_exercise_no_clock_runs(orders):  # noqa: F811
    cast.inform(orders, exercise=True)
    ordered(orders, exercise=True)
    assert "Deadline: It is an exercise: no time limit has any effect." in mail_of("order")


# The page


def test_to_open_a_link_or_fetch_its_files_is_no_receipt(orders):  # noqa: F811
    made = ordered(orders)
    token = token_of("order")
    page = page_of(token)
    assert page.status_code == 200
    for what in ("paper", "content", "signature"):
        assert fetched(token, what).status_code == 200
    Client().head(reverse("receipt", args=[token]))
    found = orders_reads.order(made.id, viewer=orders.authority, now=NOON)
    assert (found.received_at, found.receipts) == (None, [])
    assert not Receipt.objects.exists()


def test_the_page_of_an_order_has_its_papers_and_no_address_of_content(orders):  # noqa: F811
    made = ordered(orders)
    page = page_of(token_of("order"))
    told = page.content.decode()
    assert cast.URL not in told
    assert f"{made.reference}.pdf" in told
    assert "Belgian Crisis Centre, +32 2 555 01 23" in told
    assert (page["Referrer-Policy"], page["Cache-Control"]) == ("no-referrer", "no-store")
    assert page["X-Robots-Tag"] == "noindex, nofollow"


@pytest.mark.nightly
def test_the_page_of_an_order_shows_whether_it_is_authentic_without_an_account(orders):  # noqa: F811
    ordered(orders)
    told = page_of(token_of("order")).content.decode()
    assert "No authority of this name is published for Art. 12(1)(a)." in " ".join(told.split())
    assert own.certificate(NOON).fingerprint in told
    assert "/documents/verify" not in told  # it needs an account


def test_its_files_are_sealed_and_signed_and_say_the_same(orders):  # noqa: F811
    made = ordered(orders)
    token = token_of("order")
    pdf, told, signature = (fetched(token, one) for one in ("paper", "content", "signature"))
    trusted = own.hub_trust(NOON)
    now = datetime.now(UTC)
    assert verify_pdf(pdf.content, trusted=trusted, now=now).verdict is SealVerdict.GENUINE
    seen = verify_bytes(told.content, signature.content, own=trusted.own, now=now)
    assert (seen.is_intact, seen.trust) == (True, "own")
    assert json.loads(told.content)["values"]["urls"] == [cast.URL]
    assert cast.URL in "".join(text_of(pdf.content).split())
    assert pdf["Content-Disposition"] == f'attachment; filename="{made.reference}.pdf"'
    assert fetched(token, "receipt").status_code == 404  # nobody has it yet
    assert fetched(token, "passwords").status_code == 404


def test_the_button_records_what_lay_behind_the_link(orders):  # noqa: F811
    made = ordered(orders)
    token = token_of("order")
    shown = hashlib.sha256(fetched(token, "content").content).hexdigest()
    done = Client(enforce_csrf_checks=True).post(reverse("receipt", args=[token]))
    assert (done.status_code, shown in done.content.decode()) == (200, True)
    assert Receipt.objects.get().shown == shown
    assert Entry.objects.get(kind="alert.acknowledged").detail["shown"] == shown
    found = orders_reads.order(made.id, viewer=orders.authority, now=NOON)
    assert [one.via for one in found.receipts] == ["link"]
    assert found.due_at == found.received_at + timedelta(hours=1)
    later = hashlib.sha256(fetched(token, "content").content).hexdigest()
    assert later == shown  # what becomes of an order changes nothing in what was shown


@pytest.mark.nightly
def test_an_order_still_reaches_a_suspended_provider_which_answers_by_the_link(orders):  # noqa: F811
    suspend(orders.small_provider, agency=orders.agency)
    made = ordered(orders)
    warned = Alert.objects.filter(party=orders.small_provider)
    assert set(warned.values_list("kind", flat=True)) == {
        *("suspended", "order", "order_information"),
    }
    token = token_of("order")
    assert made.reference in page_of(token).content.decode()
    assert (
        Client(enforce_csrf_checks=True).post(reverse("receipt", args=[token])).status_code == 200
    )
    found = orders_reads.order(made.id, viewer=orders.authority, now=NOON)
    assert [one.via for one in found.receipts] == ["link"]


def test_a_referral_still_reaches_a_suspended_provider(desk):  # noqa: F811
    suspend(desk.world.big_provider, agency=desk.world.agency)
    referred(desk)
    assert Delivery.objects.filter(alert__kind="referral", channel="mail").exists()


@pytest.mark.nightly
def test_the_receipt_is_a_sealed_paper_that_both_sides_can_hold_against_the_file(orders):  # noqa: F811
    made = ordered(orders)
    token = token_of("order")
    Client().post(reverse("receipt", args=[token]))
    paper = fetched(token, "receipt")
    told = "".join(text_of(paper.content).split())
    assert Receipt.objects.get().shown in told
    assert "SmallForum" in told
    assert made.reference in told
    again = Client().post(reverse("receipt", args=[token]))
    assert (again.status_code, "acknowledged it" in again.content.decode()) == (409, True)


def test_a_link_to_a_drill_has_no_files(world):
    from stemtide.hub.rooms.alerts.writes import drills as writes_drills

    contact(world.big_provider)
    writes_drills.start([world.big_provider.name], by=None, now=NOON)
    token = token_of("drill")
    assert "Documents" not in page_of(token).content.decode()
    Client().post(reverse("receipt", args=[token]))
    assert Receipt.objects.get().shown == ""
    for what in ("paper", "content", "receipt"):
        assert fetched(token, what).status_code == 404


@pytest.mark.nightly
def test_the_page_speaks_the_language_of_its_reader(orders):  # noqa: F811
    ordered(orders)
    told = page_of(token_of("order"), headers={"accept-language": "fr"}).content.decode()
    assert '<html lang="fr"' in told


@pytest.mark.nightly
def test_the_copy_at_the_home_authority_is_received_by_its_link(orders):  # noqa: F811
    contact(orders.other_authority, "tco@fr.example")
    made = cast.issue(orders)
    raise_all()
    token = token_of("order_copy")
    found = request_reads.alert_behind(token, now=NOON)
    assert found.may == ()  # what a home authority decides, it decides at the desk
    by_link.acknowledge_as_shown(token, now=after(4))
    told = orders_reads.order(made.id, viewer=orders.authority, now=after(4))
    assert told.copies[0].received_at == after(4)


# When nothing is left, and when the time is over


@pytest.mark.nightly
def test_a_withdrawn_order_says_so_and_what_follows(orders):  # noqa: F811
    made = ordered(orders)
    token = token_of("order")
    by = orders.actor(orders.authority)
    writes_endings.withdraw(made.id, body=WORDS, by=by, now=after(5))
    raise_all()
    told = page_of(token).content.decode()
    assert "has no effect any more" in told
    assert WORDS.text in told
    assert Client().post(reverse("receipt", args=[token])).status_code == 409
    assert not Receipt.objects.exists()


@pytest.mark.nightly
def test_an_executed_order_says_that_nothing_is_left(orders):  # noqa: F811
    made = ordered(orders)
    cast.receive(made.id)
    cast.execute(orders, made.id)
    raise_all()
    assert "executed already" in page_of(token_of("order")).content.decode()


@pytest.mark.nightly
def test_an_order_undone_after_it_was_executed_is_to_be_reinstated(orders):  # noqa: F811
    made = ordered(orders)
    cast.receive(made.id)
    cast.execute(orders, made.id)
    by = orders.actor(orders.authority)
    writes_endings.withdraw(made.id, body=WORDS, by=by, now=after(30))
    raise_all()
    assert "put the content back" in page_of(token_of("order")).content.decode()
    by_link.act_on_order(token_of("order_ended"), "reinstate", body=None, now=after(40))
    found = orders_reads.order(made.id, viewer=orders.authority, now=after(40))
    assert (found.state, found.reinstated_at) == ("reinstated", after(40))


def test_a_withdrawn_referral_says_so(desk):  # noqa: F811
    made = referred(desk)
    body = TakeBackIn(reason="mistake")
    referring.take_back(made.id, body=body, by=desk.actor(), now=NOON)
    raise_all()
    assert "nothing is asked of you any more" in page_of(token_of("referral")).content.decode()


def test_an_expired_link_gives_nothing_out_and_is_sent_anew_to_the_same_address(orders):  # noqa: F811
    made = ordered(orders)
    token = token_of("order", until=NOON)
    page = page_of(token)
    assert page.status_code == 410
    assert made.reference not in page.content.decode()
    for what in ("paper", "content", "signature", "receipt"):
        assert fetched(token, what).status_code == 404
    with pytest.raises(NotFoundError):
        by_link.acknowledge_as_shown(token, now=after(1))
    done = Client(enforce_csrf_checks=True).post(reverse("receipt-renew", args=[token]))
    assert (done.status_code, "on its way" in done.content.decode()) == (200, True)
    letter = Delivery.objects.filter(alert__kind="order", channel="mail").latest("pk")
    assert (letter.state, letter.point.address) == ("queued", "moderator@small.example")
    again = Client().post(reverse("receipt-renew", args=[token]))
    assert (again.status_code, "already been sent" in again.content.decode()) == (409, True)
    assert Entry.objects.filter(kind="link.renewed").count() == 1


@pytest.mark.nightly
def test_a_new_link_goes_nowhere_where_nothing_is_left_or_nobody_reads(orders):  # noqa: F811
    made = ordered(orders)
    token = token_of("order", until=NOON)
    later = after(60)
    letter = Delivery.objects.filter(alert__kind="order", channel="mail").get()
    letter.point.removed_at = NOON
    letter.point.save()
    with pytest.raises(NotFoundError):
        by_link.send_new_link(token, now=later)
    assert page_of(token).status_code == 404
    letter.point.removed_at = None
    letter.point.save()
    by = orders.actor(orders.authority)
    writes_endings.withdraw(made.id, body=WORDS, by=by, now=after(5))
    raise_all()
    with pytest.raises(ConflictError, match="nothing left"):
        by_link.send_new_link(token, now=later)
    assert "Nothing waits" in page_of(token).content.decode()


def test_a_link_opens_nothing_once_its_contact_point_is_removed(orders):  # noqa: F811
    made = ordered(orders)
    token = token_of("order")
    letter = Delivery.objects.filter(alert__kind="order", channel="mail").get()
    letter.point.removed_at = NOON
    letter.point.save()
    assert page_of(token).status_code == fetched(token, "paper").status_code == 404
    body = OrderAnswerIn(annex=cast.ANNEX_2)
    for act in (
        lambda: by_link.acknowledge_as_shown(token, now=after(5)),
        lambda: by_link.act_on_order(token, "execute", body=body, now=after(5)),
    ):
        with pytest.raises(NotFoundError):
            act()
    found = orders_reads.order(made.id, viewer=orders.authority, now=after(5))
    assert (found.state, found.receipts) == ("issued", [])


def test_two_that_press_at_once_are_told_who_was_first(orders):  # noqa: F811
    ordered(orders)
    token = token_of("order")
    by_link.acknowledge_as_shown(token, now=after(1))
    with pytest.raises(ConflictError):
        writes.acknowledge_by_link(token, now=after(1))
    assert Receipt.objects.count() == 1


# Answers without an account


@pytest.mark.nightly
def test_an_order_is_answered_by_annex_ii_through_its_link(orders):  # noqa: F811
    made = ordered(orders)
    token = token_of("order")
    assert set(request_reads.alert_behind(token, now=after(5)).may) == {
        "execute",
        "suspend",
        "ask_scrutiny",
    }
    by_link.act_on_order(token, "execute", body=OrderAnswerIn(annex=cast.ANNEX_2), now=after(25))
    found = orders_reads.order(made.id, viewer=orders.authority, now=after(25))
    assert (found.state, found.received_at) == ("executed", after(25))
    assert [one.via for one in found.receipts] == ["link"]
    assert Alert.objects.get(kind="order").state == "acknowledged"
    hand = Entry.objects.get(kind="order.executed").detail["through"]
    assert hand.startswith("delivery:")


def test_annex_iii_stops_the_clock_and_the_end_of_its_ground_starts_it(orders):  # noqa: F811
    made = ordered(orders)
    token = token_of("order")
    by_link.act_on_order(token, "suspend", body=OrderAnswerIn(annex=cast.ANNEX_3), now=after(10))
    found = orders_reads.order(made.id, viewer=orders.authority, now=after(10))
    assert (found.state, found.due_at) == ("suspended", None)
    by_link.act_on_order(token, "resume", body=OrderReasonIn(text="We found it."), now=after(20))
    found = orders_reads.order(made.id, viewer=orders.authority, now=after(20))
    assert (found.state, found.due_at) == ("received", after(80))


@pytest.mark.nightly
def test_a_provider_asks_for_scrutiny_by_its_link(orders):  # noqa: F811
    made = ordered(orders)
    body = ScrutinyIn(basis="provider", reasons="It is a news report.")
    by_link.act_on_order(token_of("order"), "ask_scrutiny", body=body, now=after(30))
    found = orders_reads.order(made.id, viewer=orders.authority, now=after(30))
    assert [one.basis for one in found.scrutinies] == ["provider"]


VERBS = ("reinstate", "withdraw", "resume", "issue", "announce")


@pytest.mark.parametrize("verb", VERBS[: rounds(2, nightly=None)])
def test_a_link_does_nothing_else_with_an_order(orders, verb):  # noqa: F811
    ordered(orders)
    with pytest.raises(ConflictError):
        by_link.act_on_order(token_of("order"), verb, body=None, now=after(5))
    assert not Receipt.objects.exists()  # what is refused leaves no trace


def test_the_issuers_link_acts_on_nothing(orders):  # noqa: F811
    contact(orders.authority, "duty@crisis.example")
    made = ordered(orders)
    cast.receive(made.id)
    cast.suspend(orders, made.id)
    raise_all()
    found = request_reads.alert_behind(token_of("order_suspended"), now=after(20))
    assert found.may == ()
    with pytest.raises(ConflictError):
        by_link.act_on_order(token_of("order_suspended"), "resume", body=WORDS, now=after(20))


def test_a_referral_is_answered_by_its_link(desk):  # noqa: F811
    made = referred(desk)
    token = token_of("referral")
    body = AnswerIn(answer="removed", reference="case 7")
    by_link.answer_referrals(token, uids=[made.id], body=body, now=after(9))
    found = referrals.referral(made.id, viewer=desk.world.authority)
    assert (found.state, found.received_via, found.received_at) == ("removed", "link", after(9))
    assert Alert.objects.get(kind="referral").state == "acknowledged"


def test_another_referral_is_not_answered_by_that_link(desk):  # noqa: F811
    referred(desk)
    other = desk.refer(url="https://video.example/other")
    body = AnswerIn(answer="removed")
    for uids in ([other.id], []):
        with pytest.raises(ConflictError):
            by_link.answer_referrals(token_of("referral"), uids=uids, body=body, now=after(9))
    assert referrals.referral(other.id, viewer=desk.world.authority).state == "sent"


def test_referrals_of_a_batch_are_received_and_answered_together(desk):  # noqa: F811
    contact(desk.world.big_provider)
    desk.add(desk.open(), [row(number) for number in range(1, 6)])
    raise_all()
    token = token_of("referrals")
    told = page_of(token).content.decode()
    assert re.search(r"referrals-as-shown\.json", told)
    assert fetched(token, "paper").status_code == 404
    table = fetched(token, "table").content.decode("utf-8-sig").splitlines()
    assert len(table) == 6
    assert table[0].split(",")[:3] == ["reference", "sent_at", "url"]
    assert all("https://video.example/" in one for one in table[1:])
    waiting = request_reads.alert_behind(token, now=after(1)).referrals
    assert len(waiting) == 5
    by_link.acknowledge_as_shown(token, now=after(1))
    found = referrals.referrals(viewer=desk.world.authority).referrals
    assert {(one.received_via, one.received_at) for one in found} == {("link", after(1))}
    body = AnswerIn(answer="not_found")
    some = [one.id for one in waiting[:4]]
    assert by_link.answer_referrals(token, uids=some, body=body, now=after(9)) == 4
    states = [one.state for one in referrals.referrals(viewer=desk.world.authority).referrals]
    assert sorted(states) == ["not_found"] * 4 + ["sent"]


@pytest.mark.nightly
def test_an_expired_link_answers_nothing(orders):  # noqa: F811
    ordered(orders)
    token = token_of("order", until=NOON)
    annex = OrderAnswerIn(annex=cast.ANNEX_2)
    with pytest.raises(NotFoundError):
        by_link.act_on_order(token, "execute", body=annex, now=after(1))
    body = AnswerIn(answer="removed")
    with pytest.raises(NotFoundError):
        by_link.answer_referrals(token, uids=[], body=body, now=after(1))


# The forms


def form_of(token, verb):
    return Client(enforce_csrf_checks=True).get(reverse("receipt-answer", args=[token, verb]))


def sent(token, verb, **said):
    """The form sent as a browser sends it, without a cookie."""
    address = reverse("receipt-answer", args=[token, verb])
    return Client(enforce_csrf_checks=True).post(address, said)


def annexed(**said):
    return {f"annex-{name}": value for name, value in said.items()}


ANNEX_2 = annexed(
    measure="removed",
    measure_at="2026-11-24T12:20:00",
    provider_name="Small Forum SAS",
    provider_state="FR",
    authorised_person="A. Moderator",
    contact_mail="moderator@small.example",
    signed_on="2026-11-24",
)


@pytest.mark.nightly
def test_the_page_leads_to_what_may_be_answered(orders):  # noqa: F811
    ordered(orders)
    token = token_of("order")
    told = page_of(token).content.decode()
    for verb in ("execute", "suspend", "ask_scrutiny"):
        assert reverse("receipt-answer", args=[token, verb]) in told
    assert reverse("receipt-answer", args=[token, "reinstate"]) not in told
    assert "binding: to be carried out within one hour" in told
    assert "binding:" in form_of(token, "suspend").content.decode()


@pytest.mark.nightly
def test_the_form_knows_who_the_provider_is_and_names_no_address(orders):  # noqa: F811
    made = ordered(orders)
    page = form_of(token_of("order"), "execute")
    told = page.content.decode()
    assert page.status_code == 200
    for known in ("moderator@small.example", "Small Forum", 'value="FR"'):
        assert known in told
    assert cast.URL not in told
    assert page["Referrer-Policy"] == "no-referrer"
    found = orders_reads.order(made.id, viewer=orders.authority, now=NOON)
    assert found.received_at is None


def test_annex_ii_is_sent_by_its_form(orders):  # noqa: F811
    made = ordered(orders)
    token = token_of("order")
    done = sent(token, "execute", **ANNEX_2)
    assert (done.status_code, "Answered by Annex II" in done.content.decode()) == (200, True)
    found = orders_reads.order(made.id, viewer=orders.authority, now=NOON)
    assert (found.state, [one.via for one in found.receipts]) == ("executed", ["link"])
    assert found.answers[0].values["authorised_person"] == "A. Moderator"
    again = sent(token, "execute", **ANNEX_2)
    assert (again.status_code, "any more" in again.content.decode()) == (409, True)


def test_a_form_that_lacks_something_says_what_and_records_nothing(orders):  # noqa: F811
    made = ordered(orders)
    lacking = ANNEX_2 | annexed(authorised_person="")
    page = sent(token_of("order"), "execute", **lacking)
    told = page.content.decode()
    assert page.status_code == 422
    assert 'id="id_annex-authorised_person_error"' in told
    assert "A. Moderator" not in told
    assert "Small Forum SAS" in told  # what was written stays
    found = orders_reads.order(made.id, viewer=orders.authority, now=NOON)
    assert (found.state, found.received_at) == ("issued", None)


@pytest.mark.nightly
def test_annex_iii_and_the_end_of_its_ground_are_sent_by_their_forms(orders):  # noqa: F811
    made = ordered(orders)
    token = token_of("order")
    said = annexed(**cast.ANNEX_3 | {"signed_at": "2026-11-24T12:10:00"})
    assert sent(token, "suspend", **said).status_code == 200
    found = orders_reads.order(made.id, viewer=orders.authority, now=NOON)
    assert found.state == "suspended"
    assert sent(token, "resume", text="").status_code == 422
    assert sent(token, "resume", text="We found the message.").status_code == 200
    found = orders_reads.order(made.id, viewer=orders.authority, now=NOON)
    assert (found.state, found.due_at is not None) == ("received", True)


@pytest.mark.nightly
def test_scrutiny_is_asked_for_and_content_reinstated_by_their_forms(orders):  # noqa: F811
    now = datetime.now(UTC)
    contact(orders.small_provider, "moderator@small.example")
    annex = {"signed_on": now.date().isoformat()}
    made = cast.issue(orders, now=now, annex=annex)
    while writes.raise_from_ledger(now):
        pass
    token = token_of("order")
    assert sent(token, "ask_scrutiny", reasons="It is a news report.").status_code == 200
    moment = now.strftime("%Y-%m-%dT%H:%M:%S")
    done = annexed(measure_at=moment, signed_on=now.date().isoformat())
    assert sent(token, "execute", **ANNEX_2 | done).status_code == 200
    assert sent(token, "reinstate", confirm="on").status_code == 409
    by = orders.actor(orders.authority)
    writes_endings.withdraw(made.id, body=WORDS, by=by, now=datetime.now(UTC))
    assert sent(token, "reinstate").status_code == 422  # the box is not ticked
    assert sent(token, "reinstate", confirm="on").status_code == 200
    found = orders_reads.order(made.id, viewer=orders.authority, now=datetime.now(UTC))
    assert (found.state, found.scrutinies[0].basis) == ("reinstated", "provider")


@pytest.mark.nightly
def test_a_referral_is_answered_by_its_form(desk):  # noqa: F811
    made = referred(desk)
    token = token_of("referral")
    told = form_of(token, "answer").content.decode()
    assert "Which of them?" not in told
    assert "it is no order" in told
    assert "binding:" not in told
    assert made.url not in told
    assert sent(token, "answer").status_code == 422
    assert sent(token, "answer", answer="geo_blocked").status_code == 422
    personal = {"answer": "refused", "reason": "other", "note": "Ask jane@example.org"}
    assert sent(token, "answer", **personal).status_code == 422
    done = sent(token, "answer", answer="needs_context", question="Which part?")
    assert (done.status_code, "The sender is notified" in done.content.decode()) == (200, True)
    found = referrals.referral(made.id, viewer=desk.world.authority)
    assert (found.state, found.received_via) == ("needs_context", "link")


@pytest.mark.nightly
def test_referrals_of_a_batch_are_answered_by_one_form(desk):  # noqa: F811
    contact(desk.world.big_provider)
    desk.add(desk.open(), [row(number) for number in range(1, 6)])
    raise_all()
    token = token_of("referrals")
    told = form_of(token, "answer").content.decode()
    assert "All 5 that wait" in told
    assert "needs_context" not in told  # a question is about one
    first = referrals.referrals(viewer=desk.world.authority).referrals[0]
    assert sent(token, "answer", answer="removed", which="").status_code == 422
    assert sent(token, "answer", answer="removed", which=str(first.id)).status_code == 200
    assert sent(token, "answer", answer="not_found", which="all").status_code == 200
    states = [one.state for one in referrals.referrals(viewer=desk.world.authority).referrals]
    assert states == ["removed"] + ["not_found"] * 4
    assert Alert.objects.get(kind="referrals").state == "acknowledged"


@pytest.mark.parametrize("verb", ["execute", "answer", "reinstate"][: rounds(1, nightly=None)])
def test_a_form_behind_a_link_that_is_over_or_unknown_is_not_shown(orders, verb):  # noqa: F811
    ordered(orders)
    ended = token_of("order", until=NOON)
    for page in (form_of(ended, verb), sent(ended, verb, **ANNEX_2)):
        assert (page.status_code, "expired" in page.content.decode()) == (410, True)
    assert form_of("nothing", verb).status_code == 404
    assert form_of(token_of("order"), "withdraw").status_code == 404
    assert not Receipt.objects.exists()
