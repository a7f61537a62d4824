# SPDX-License-Identifier: Apache-2.0
"""What goes out with the alert of a request: real mail, real webhooks, real seals."""

import csv
import io
import json
from dataclasses import replace

import pytest

from stemtide.hub.platform.documents import hub_seal as own
from stemtide.hub.platform.documents.signatures import verify_bytes
from stemtide.hub.platform.documents.verification import verify_pdf
from stemtide.hub.rooms.alerts import enclosures, sender as sending
from stemtide.hub.rooms.alerts.channels.channel import PostOutcome, SendSettings
from stemtide.hub.rooms.alerts.models import Delivery
from stemtide.hub.rooms.alerts.reads.deliveries import Home
from stemtide.hub.rooms.alerts.rules.alerts import Channel
from stemtide.hub.rooms.alerts.sender import AlertSender
from stemtide.hub.rooms.alerts.writes import deliveries as writes_deliveries
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.orders.reads import orders as orders_reads
from stemtide.hub.rooms.referrals.reads import referrals
from stemtide.protocol.messages.documents import SealVerdict
from tests.hub.alerts.receivers import answer, parts, receiver
from tests.hub.alerts.test_mail import post, server
from tests.hub.alerts.test_requests import contact, raise_all
from tests.hub.orders import cast
from tests.hub.orders.conftest import orders  # noqa: F401  # the same cast
from tests.hub.papers.keys_of_parties import lay_out
from tests.hub.papers.papers import text_of
from tests.hub.referrals.conftest import desk, row  # noqa: F401  # the same desk
from tests.world import NOON

pytestmark = pytest.mark.django_db
HOME = Home(address="https://hub.example", languages=frozenset({"en", "nl", "fr", "de"}))
HERE = SendSettings(loopback=True)


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def outgoing_alerts(kind, channel="mail"):
    """What is due of a kind on a way."""
    found = writes_deliveries.claim_due(NOON, limit=50, home=HOME)
    return [one for one in found if (one.kind, one.channel) == (kind, channel)]


def mailed(kind):
    """The mail of a kind, as its reader's program takes it apart: words, and files by name."""
    (outgoing,) = outgoing_alerts(kind)
    with server() as inbox:
        result = sending.attempt(outgoing, post=post(inbox))
    assert result.fate is PostOutcome.SENT, result.words
    (message,) = inbox.messages
    files = {one.get_filename(): one.get_payload(decode=True) for one in message.walk()}
    del files[None]
    return message, files, result


def is_signed(files, name):
    trusted = own.hub_trust(NOON)
    seen = verify_bytes(files[f"{name}.json"], files[f"{name}.json.p7s"], own=trusted.own, now=NOON)
    return seen.is_intact and seen.trust == "own"


def test_a_provider_with_a_mail_address_alone_gets_the_order_whole(orders):  # noqa: F811
    contact(orders.small_provider, "moderator@small.example")
    made = cast.issue(orders)
    raise_all()
    message, files, result = mailed("order")
    name = made.reference
    assert set(files) == {
        "alert.json",
        "alert.json.sig",
        f"{name}.json",
        f"{name}.json.p7s",
        f"{name}.pdf",
    }
    assert message["Subject"] == f"REMOVAL ORDER {name}: one hour"
    assert result.proof == "SMTP 250 taken"
    assert is_signed(files, name)
    told = json.loads(files[f"{name}.json"])
    assert (told["urls"], told["annex"]["grounds"]) == ([cast.URL], ["a"])
    pdf = files[f"{name}.pdf"]
    assert verify_pdf(pdf, trusted=own.hub_trust(NOON), now=NOON).verdict is SealVerdict.GENUINE
    assert cast.URL in "".join(text_of(pdf).split())
    words = message.get_body(("plain",)).get_content()
    assert cast.URL not in words
    assert f"{name}.pdf" in words
    assert "https://hub.example/acknowledge/" in words


@pytest.mark.nightly
def test_a_file_that_was_altered_on_the_way_is_found_out(orders):  # noqa: F811
    contact(orders.small_provider)
    made = cast.issue(orders)
    raise_all()
    _, files, _ = mailed("order")
    name = made.reference
    files[f"{name}.json"] = files[f"{name}.json"].replace(b"thread/7", b"thread/8")
    assert not is_signed(files, name)
    at = len(files[f"{name}.pdf"]) // 2
    pdf = bytearray(files[f"{name}.pdf"])
    pdf[at] ^= 1
    found = verify_pdf(bytes(pdf), trusted=own.hub_trust(NOON), now=NOON)
    assert found.verdict is SealVerdict.CHANGED


@pytest.mark.nightly
def test_an_order_is_drawn_in_its_own_language_and_the_mail_in_the_readers(orders):  # noqa: F811
    point = contact(orders.small_provider)
    point.languages = ["de"]
    point.save()
    cast.issue(orders, language="fr", exercise=False)
    raise_all()
    message, files, _ = mailed("order")
    pdf = next(one for name, one in files.items() if name.endswith(".pdf"))
    assert "Injonction de retrait" in text_of(pdf)
    assert message["Subject"].startswith(("ENTFERNUNGSANORDNUNG", "REMOVAL ORDER"))


@pytest.mark.nightly
def test_each_document_has_the_seal_of_the_party_that_it_is_from(orders, settings, tmp_path):  # noqa: F811
    settings.DATA_DIR = tmp_path
    issuer, provider = orders.authority.name, orders.small_provider.name
    lay_out(tmp_path, settings, **{issuer: {}, provider: {}, orders.other_authority.name: {}})
    for party in (orders.small_provider, orders.authority, orders.other_authority):
        contact(party, f"{party.name}@one.example")
    made = cast.issue(orders)
    raise_all()
    sent = seals_of_documents()
    cast.receive(made.id)
    cast.execute(orders, made.id)
    raise_all()
    sent |= seals_of_documents()
    assert sent["order"] == sent["order_copy"] == [issuer, ""]
    assert sent["order_executed"] == [provider, ""]


def seals_of_documents():
    """Whose own keys sealed the documents that are due, by kind; "" for the hub."""
    due = writes_deliveries.claim_due(NOON, limit=50, home=HOME)
    sent = {}
    for outgoing in due:
        for file in enclosures.attach(outgoing).files:
            if file.name.endswith(".pdf"):
                found = verify_pdf(file.content, trusted=own.hub_trust(NOON), now=NOON)
                sent[outgoing.kind] = [seal.party for seal in found.seals]
    return sent


@pytest.mark.nightly
def test_the_home_authority_gets_the_copy_whole(orders):  # noqa: F811
    contact(orders.other_authority, "tco@fr.example")
    made = cast.issue(orders)
    raise_all()
    _, files, _ = mailed("order_copy")
    assert f"{made.reference}.pdf" in files
    assert is_signed(files, made.reference)


@pytest.mark.parametrize(
    ("kind", "annex", "said"),
    [
        ("order_suspended", "annex-3", "The thread has 900 messages."),
        ("order_executed", "annex-2", "A. Moderator"),
    ],
)
@pytest.mark.nightly
def test_the_issuer_gets_annex_ii_and_iii_on_paper(orders, kind, annex, said):  # noqa: F811
    contact(orders.authority)
    made = cast.issue(orders)
    cast.receive(made.id)
    {"annex-3": cast.suspend, "annex-2": cast.execute}[annex](orders, made.id)
    raise_all()
    _, files, _ = mailed(kind)
    told = text_of(files[f"{made.reference}-{annex}.pdf"])
    assert said in told
    assert made.reference in told


def test_the_information_before_a_first_order_is_a_letter(orders):  # noqa: F811
    contact(orders.small_provider)
    raise_all()
    _, files, _ = mailed("order_information")
    assert is_signed(files, "information")
    told = " ".join(text_of(files["information.pdf"]).split())
    assert "this is no removal order" in told
    assert "Orders come by webhook and mail" in told
    assert "2026-11-24 11:00:00 UTC" in told  # twelve hours after it was given


@pytest.mark.nightly
def test_a_later_word_on_an_order_comes_as_json_alone(orders):  # noqa: F811
    contact(orders.small_provider)
    made = cast.issue(orders)
    cast.receive(made.id)
    from stemtide.hub.rooms.orders.writes import endings as writes_endings
    from tests.hub.alerts.test_requests import WORDS

    writes_endings.withdraw(made.id, body=WORDS, by=orders.actor(orders.authority), now=NOON)
    raise_all()
    _, files, _ = mailed("order_ended")
    assert f"{made.reference}.pdf" not in files
    assert json.loads(files[f"{made.reference}.json"])["state"] == "withdrawn"


def test_a_referral_comes_whole_and_never_as_an_order(desk):  # noqa: F811
    contact(desk.world.big_provider)
    made = desk.refer()
    raise_all()
    message, files, _ = mailed("referral")
    assert "voluntary" in message["Subject"]
    assert is_signed(files, made.reference)
    told = " ".join(text_of(files[f"{made.reference}.pdf"]).split())
    assert "VOLUNTARY: this is a referral, not a removal order" in told
    assert "Incitement" in told


def test_a_batch_comes_as_a_table_and_as_json_and_on_no_paper(desk):  # noqa: F811
    contact(desk.world.big_provider)
    desk.add(desk.open(), [row(number) for number in range(1, 6)])
    raise_all()
    _, files, _ = mailed("referrals")
    assert "referrals.pdf" not in files
    assert len(json.loads(files["referrals.json"])["referrals"]) == 5
    assert is_signed(files, "referrals")
    found = list(csv.DictReader(io.StringIO(files["referrals.csv"].decode("utf-8-sig"))))
    assert [one["url"] for one in found] == [row(number).url for number in range(1, 6)]
    assert found[0]["reference"].startswith("RF-")
    assert found[0]["labels"]


@pytest.mark.nightly
def test_the_table_of_a_batch_holds_also_what_its_json_leaves_out(desk, monkeypatch):  # noqa: F811
    monkeypatch.setattr(enclosures, "MOST_IN_ONE", 2)
    monkeypatch.setattr(enclosures.referrals, "MAX_PAGE", 2)  # so that there are several pages
    contact(desk.world.big_provider)
    desk.add(desk.open(), [row(number) for number in range(1, 6)])
    raise_all()
    _, files, _ = mailed("referrals")
    assert len(json.loads(files["referrals.json"])["referrals"]) == 2
    assert len(files["referrals.csv"].decode("utf-8-sig").splitlines()) == 6


@pytest.mark.nightly
def test_the_sender_of_a_referral_gets_no_copy_of_its_own(desk):  # noqa: F811
    contact(desk.world.authority)
    made = desk.refer()
    desk.answer(made, "needs_context", question="Which part?")
    raise_all()
    _, files, _ = mailed("referral_question")
    assert set(files) == {"alert.json", "alert.json.sig"}


@pytest.mark.nightly
def test_what_an_order_is_gone_from_is_sent_without_it(orders):  # noqa: F811
    contact(orders.small_provider)
    cast.issue(orders)
    raise_all()
    (outgoing,) = outgoing_alerts("order")
    assert enclosures.attach(replace(outgoing, party=orders.big_provider.name)).files == ()
    assert enclosures.attach(replace(outgoing, channel=Channel.PAGE)).request is None


def test_a_seal_that_cannot_be_used_fails_the_delivery_and_loses_nothing(orders, settings):  # noqa: F811
    contact(orders.small_provider)
    cast.issue(orders)
    raise_all()
    (outgoing,) = outgoing_alerts("order")
    settings.SEAL_FILE = "/nowhere/seal.p12"
    with server() as inbox:
        result = sending.attempt(outgoing, post=post(inbox))
    assert result.fate is PostOutcome.FAILED
    assert inbox.messages == []


class Dispatch:
    """Sends all that is due of one kind, as the clock does, and waits."""

    def __init__(self, post_, now=NOON):
        self._sending = AlertSender(post=post_, home=HOME, now=lambda: now, jitter=lambda: 0.5)

    def send(self, kind, channel):
        for outgoing in outgoing_alerts(kind, channel):
            self._sending.run(outgoing)
        self._sending.close()


def test_a_webhook_carries_the_order_and_its_status_starts_the_hour(orders, settings):  # noqa: F811
    settings.HUB_ADDRESS = "https://hub.example"
    with receiver(answer(202)) as to:
        contact(orders.small_provider, f"http://127.0.0.1:{to.port}/hook", channel="url")
        made = cast.issue(orders)
        raise_all()
        Dispatch(HERE).send("order", "webhook")
    told = json.loads(parts(to.requests[0])[2])["data"]
    assert told["request"]["reference"] == made.reference
    assert told["request"]["annex"]["urls"] == [cast.URL]
    found = orders_reads.order(made.id, viewer=orders.authority, now=NOON)
    assert (found.received_at, found.receipts[0].via) == (NOON, "webhook")
    assert found.receipts[0].proof == "HTTP 202"
    assert Delivery.objects.get(alert__kind="order", channel="webhook").proof == "HTTP 202"
    assert found.acknowledged_at is None


@pytest.mark.nightly
def test_a_machine_that_acknowledges_in_its_answer_acknowledges_the_order(orders):  # noqa: F811
    with receiver(answer(200, b'{"acknowledged": true}')) as to:
        contact(orders.small_provider, f"http://127.0.0.1:{to.port}/hook", channel="url")
        made = cast.issue(orders)
        raise_all()
        Dispatch(HERE).send("order", "webhook")
    found = orders_reads.order(made.id, viewer=orders.authority, now=NOON)
    assert found.acknowledged_at == NOON


def test_a_webhook_that_fails_starts_no_hour(orders):  # noqa: F811
    with receiver(answer(500)) as to:
        contact(orders.small_provider, f"http://127.0.0.1:{to.port}/hook", channel="url")
        made = cast.issue(orders)
        raise_all()
        Dispatch(HERE).send("order", "webhook")
    assert Order.objects.get(uid=made.id).received_at is None


@pytest.mark.parametrize("is_receipt", [False, True])
def test_a_mail_starts_the_hour_only_where_the_server_answers_for_the_addressee(orders, is_receipt):  # noqa: F811
    contact(orders.small_provider)
    made = cast.issue(orders)
    raise_all()
    with server() as inbox:
        Dispatch(post(inbox, mail_is_receipt=is_receipt)).send("order", "mail")
    found = orders_reads.order(made.id, viewer=orders.authority, now=NOON)
    assert [one.proof for one in found.receipts] == ["SMTP 250 taken"] * is_receipt
    assert Delivery.objects.get(alert__kind="order", channel="mail").proof == "SMTP 250 taken"


@pytest.mark.parametrize("many", [False, True])
def test_referrals_are_received_by_webhook(desk, many):  # noqa: F811
    with receiver(answer()) as to:
        contact(desk.world.big_provider, f"http://127.0.0.1:{to.port}/hook", channel="url")
        if many:
            desk.add(desk.open(), [row(number) for number in range(1, 4)])
        else:
            desk.refer()
        raise_all()
        Dispatch(HERE).send("referrals" if many else "referral", "webhook")
    found = referrals.referrals(viewer=desk.world.authority).referrals
    assert {(one.received_at, one.received_via) for one in found} == {(NOON, "webhook")}


@pytest.mark.nightly
def test_a_copy_is_received_by_webhook(orders):  # noqa: F811
    with receiver(answer()) as to:
        contact(orders.other_authority, f"http://127.0.0.1:{to.port}/hook", channel="url")
        made = cast.issue(orders)
        raise_all()
        Dispatch(HERE).send("order_copy", "webhook")
    found = orders_reads.order(made.id, viewer=orders.authority, now=NOON)
    assert found.copies[0].received_at == NOON


@pytest.mark.nightly
def test_a_mail_as_large_as_an_order_of_fifty_addresses_is_sent(orders):  # noqa: F811
    contact(orders.small_provider)
    urls = [f"https://small-forum.example/{number}/" + "a1" * 400 for number in range(50)]
    cast.issue(orders, annex={"urls": urls})
    raise_all()
    _, files, _ = mailed("order")
    pdf = next(one for name, one in files.items() if name.endswith(".pdf"))
    assert urls[49] in "".join(text_of(pdf).split())
