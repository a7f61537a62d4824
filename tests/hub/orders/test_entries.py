# SPDX-License-Identifier: Apache-2.0
"""Orders that were made elsewhere: who enters one, its clock, and the word of the other side."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pydantic import ValidationError

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.orders.models import EnteredDocument, Order
from stemtide.hub.rooms.orders.reads import (
    drafts,
    entries as reads_entries,
    finality as reads_final,
    home,
    orders as reads,
)
from stemtide.hub.rooms.orders.rules import entries as rules
from stemtide.hub.rooms.orders.writes import (
    answers,
    deadlines,
    endings,
    entries as writes,
    finality,
    orders as writes_drafts,
)
from stemtide.hub.rooms.parties.writes import competences
from stemtide.hub.rooms.rechecks import writes as rechecks
from stemtide.hub.rooms.rechecks.models import Recheck
from stemtide.protocol.enums import Duty
from stemtide.protocol.enums.orders import EntryState, OrderState
from stemtide.protocol.enums.referrals import ReceiptVia
from stemtide.protocol.messages.orders import (
    OrderIn,
    OrderReasonIn,
    OutsideIssuer,
    ScrutinyIn,
)
from tests.hub.orders import cast
from tests.hub.orders.cast import URL, after
from tests.hub.orders.elsewhere import OUTSIDE, enter, keep, report
from tests.rounds import rounds

pytestmark = pytest.mark.django_db
WRONG = OrderReasonIn(text="We have no such file.")


def act(world, write, uid, party, *, at=None, **facts):
    return write(uid, by=world.actor(party), now=at or after(5), **facts)


# Who enters


def test_a_provider_enters_an_order_whose_hour_began_at_its_true_receipt(orders):
    entered = enter(orders)
    assert (entered.state, entered.reference) == (OrderState.RECEIVED, "BE/2026/7")
    assert (entered.issued_by, entered.addressee) == ("be-crisis-centre", "small-forum")
    assert (entered.issued_at, entered.received_at) == (after(-30), after(-20))
    assert entered.due_at == after(40)
    assert (entered.entry.entered_by, entered.entry.entered_at) == ("small-forum", after(0))
    assert (entered.entry.state, entered.entry.waits_for) == ("waiting", "be-crisis-centre")
    assert entered.is_cross_border
    assert orders.ledger_kinds() == ["order.entered", "order.copied"]


def test_an_order_may_be_overdue_when_it_is_entered(orders):
    entered = enter(orders, issued_at=after(-100), received_at=after(-90))
    assert entered.due_at == after(-30)
    deadlines.note_due(after(1))
    assert reads.order(entered.id, viewer=orders.small_provider, now=after(1)).missed_at == after(1)


def test_an_authority_enters_an_order_that_it_issued_elsewhere(orders):
    entered = enter(orders, orders.authority)
    assert (entered.issued_by, entered.entry.waits_for) == ("be-crisis-centre", "small-forum")
    assert orders.last_entry().detail["parties"] == ["fr-referral-unit"]


@pytest.mark.parametrize("who", ["agency", "consortium", "observer"])
def test_no_other_party_enters_orders(orders, who):
    with pytest.raises(NotAllowedError, match="only the provider that received an order"):
        keep(orders, getattr(orders, who))


def test_an_authority_that_was_not_named_for_issuing_enters_none(orders):
    with pytest.raises(NotAllowedError, match="not in the register for issuing"):
        keep(orders, orders.other_authority)


@pytest.mark.parametrize(
    ("who", "role", "may"),
    [
        ("small_provider", "analyst", True),
        ("small_provider", "observer", False),
        ("authority", "duty_officer", True),
        ("authority", "analyst", False),
    ],
)
def test_a_person_enters_what_their_role_allows(orders, who, role, may):
    if may:
        assert enter(orders, getattr(orders, who), role=role).entry.state == "waiting"
        return
    with pytest.raises(NotAllowedError):
        enter(orders, getattr(orders, who), role=role)


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"to": "big-video"}, "to"),
        ({"issuer": ""}, "issuer"),
        ({"issuer": "be-crisis-centre", "outside_issuer": OUTSIDE}, "issuer"),
        ({"issuer": "nobody"}, "issuer"),
        ({"issuer": "eu-referral-unit"}, "issuer"),
        ({"outside_issuer": OUTSIDE | {"name": "belgian Crisis Centre"}}, None),
    ],
)
def test_a_provider_enters_its_own_orders_and_names_their_issuer(orders, facts, field):
    with pytest.raises(InvalidError) as refused:
        enter(orders, **facts)
    assert refused.value.field == (field or "outside_issuer.name")


def test_an_authority_enters_its_own_orders_alone(orders):
    for facts, field in (({"issuer": "fr-referral-unit"}, "issuer"), ({"to": ""}, "to")):
        with pytest.raises(InvalidError) as refused:
            enter(orders, orders.authority, **facts)
        assert refused.value.field == field
    with pytest.raises(InvalidError, match="not a provider"):
        enter(orders, orders.authority, to="rights-watch")


def test_an_authority_that_is_no_party_is_written_by_name_and_state(orders):
    entered = enter(orders, outside_issuer=OUTSIDE)
    assert (entered.issued_by, entered.entry.waits_for) == ("Polizeipräsidium Nord", "")
    assert entered.entry.outside_issuer.state == entered.annex["issuing_state"] == "DE"
    assert [copy.to for copy in entered.copies] == ["fr-referral-unit"]
    assert cast.execute(orders, entered.id).state == "executed"
    body = ScrutinyIn(basis="own_initiative", reasons="It may be a news report.")
    examined = act(orders, endings.open_scrutiny, entered.id, orders.other_authority, body=body)
    assert examined.scrutinies[0].state == "opened"


@pytest.mark.parametrize("name", ["  ", " A", "A\t"])
def test_the_name_of_an_authority_counts_without_the_spaces_around_it(name):
    with pytest.raises(ValidationError, match="at least 2 characters"):
        OutsideIssuer.model_validate(OUTSIDE | {"name": name})
    assert OutsideIssuer.model_validate(OUTSIDE | {"name": " LKA "}).name == "LKA"


# Bad input


@pytest.mark.parametrize(
    ("facts", "field", "says"),
    [
        ({"received_at": after(6)}, "received_at", "in the future"),
        ({"issued_at": after(6), "received_at": after(7)}, "issued_at", "in the future"),
        ({"issued_at": after(-10)}, "received_at", "before the issue of the order"),
        ({"issued_at": after(-10_000_000)}, "issued_at", "before 7 June 2022"),
        ({"annex": {}}, "annex.urls", "is missing"),
        ({"annex": {"urls": [" "]}}, "annex.urls", "is missing"),
        ({"annex": {"urls": [URL], "reference": "X"}}, "annex.reference", "filled in by the hub"),
        ({"reference": "  "}, "reference", "is empty"),
        ({"reference": "BE \x1b[2J"}, "reference", "unreadable characters"),
        (
            {"outside_issuer": OUTSIDE | {"name": "Polizei\nNord"}},
            "outside_issuer.name",
            "unreadable characters",
        ),
        ({"document": uuid4()}, "document", "send the PDF again"),
    ][:: rounds(3, nightly=1)],
)
def test_what_makes_no_sense_is_refused_with_its_remedy(orders, facts, field, says):
    with pytest.raises(InvalidError, match=says) as refused:
        enter(orders, **facts)
    assert refused.value.field == field
    assert not Order.objects.exists()


def test_an_order_that_lacks_fields_is_entered_as_it_is_on_paper(orders):
    entered = enter(orders, annex={"urls": ["see the attached list"], "reasons": "Incitement."})
    assert entered.urls == ["see the attached list"]
    assert cast.suspend(orders, entered.id).state == "suspended"


def test_a_file_that_nobody_can_read_is_refused_and_a_broken_seal_is_not(orders):
    with pytest.raises(InvalidError, match="without a password"):
        keep(orders, verdict="unreadable", why="it is encrypted")
    kept = keep(orders, pdf=b"%PDF-1.7 changed", verdict="changed")
    entered = enter(orders, document=kept.id)
    assert (entered.document.verdict, entered.due_at) == ("changed", after(40))


def test_a_document_of_another_party_is_none_of_ours(orders):
    kept = keep(orders, orders.big_provider)
    with pytest.raises(InvalidError, match="belongs to another order"):
        enter(orders, document=kept.id)


def test_a_document_is_encrypted_and_read_by_the_sides_alone(orders):
    entered = enter(orders, pdf=b"%PDF-1.7 the words of the order")
    stored = bytes(EnteredDocument.objects.get().ciphertext)
    assert b"words" not in stored
    row = reads.find(entered.id, viewer=orders.authority)
    assert reads_entries.content_of(row) == ("order.pdf", b"%PDF-1.7 the words of the order")
    with pytest.raises(NotFoundError):
        reads.find(entered.id, viewer=orders.big_provider)


def test_a_document_that_its_key_does_not_decrypt_is_found(orders):
    enter(orders)
    good = EnteredDocument.objects.get()
    assert list(reads_entries.damaged_documents()) == []
    other = keep(orders, pdf=b"%PDF-1.7 other")
    EnteredDocument.objects.filter(uid=other.id).update(ciphertext=b"no cipher")
    third = keep(orders, pdf=b"%PDF-1.7 third")
    EnteredDocument.objects.filter(uid=third.id).update(ciphertext=bytes(good.ciphertext))
    assert list(reads_entries.damaged_documents()) == [other.id, third.id]


def test_documents_without_an_order_are_deleted(orders):
    for number in range(12):
        keep(orders, pdf=b"%PDF-1.7 " + str(number).encode(), now=after(number))
    assert EnteredDocument.objects.count() == writes.UNUSED
    enter(orders, now=after(15))
    assert writes.drop_unused(after(60 * 24 + 20)) == writes.UNUSED - 1
    assert EnteredDocument.objects.count() == 1


def test_a_file_that_is_too_large_is_refused():
    large = report(b"").model_copy(update={"size_bytes": 9 << 20})
    with pytest.raises(InvalidError, match="larger than"):
        rules.check_document(large)


# Duplicates


def test_the_same_order_is_entered_once(orders):
    first = enter(orders)
    for again in (
        {},
        {"reference": " be/2026/7 "},
        {"reference": "another", "pdf": b"%PDF-1.7 BE/2026/7"},
    ):
        with pytest.raises(ConflictError, match=f"already: BE/2026/7 .order {first.id}"):
            enter(orders, **again)
    with pytest.raises(ConflictError, match=str(first.id)):
        enter(orders, orders.authority)
    assert enter(orders, outside_issuer=OUTSIDE, pdf=b"%PDF-1.7 of others").id != first.id
    with pytest.raises(ConflictError):
        enter(orders, outside_issuer=OUTSIDE, pdf=b"%PDF-1.7 of others, again")


def test_an_authority_blocks_no_other_one_and_learns_nothing_of_its_orders(orders):
    competences.name_competent(orders.other_authority, Duty.ISSUE, actor="operator", now=after(0))
    enter(orders, orders.other_authority, pdf=b"%PDF-1.7 of Belgium", reference="FR/1")
    assert enter(orders, orders.authority, pdf=b"%PDF-1.7 of Belgium").reference == "BE/2026/7"
    with pytest.raises(ConflictError, match="already: BE/2026/7"):
        enter(orders, orders.authority, pdf=b"%PDF-1.7 of Belgium", reference="BE/2026/8")


@pytest.mark.nightly
def test_an_order_that_was_made_here_is_not_entered(orders):
    made = cast.issue(orders)
    with pytest.raises(ConflictError, match=str(made.id)):
        enter(orders, reference=made.reference, issued_at=after(-1), received_at=after(0))


@pytest.mark.nightly
def test_an_entry_takes_no_reference_from_the_issuer(orders):
    enter(orders, reference="RO-BE-2026-00001")
    assert cast.issue(orders).reference == "RO-BE-2026-00001"


# The other side


def test_the_issuer_confirms_and_then_acts_as_on_its_own_order(orders):
    entered = enter(orders)
    seen_by_issuer = reads.order(entered.id, viewer=orders.authority, now=after(1))
    assert seen_by_issuer.moves == ["confirm_entry", "dispute_entry"]
    with pytest.raises(ConflictError, match="small-forum entered this order by hand: confirm"):
        act(orders, endings.withdraw, entered.id, orders.authority, body=WRONG)
    confirmed = act(orders, writes.confirm, entered.id, orders.authority)
    assert (confirmed.entry.state, confirmed.entry.waits_for) == ("confirmed", "")
    assert "withdraw" in confirmed.moves
    assert orders.last_entry().detail["parties"] == ["small-forum"]
    with pytest.raises(ConflictError, match="has confirmed"):
        act(orders, writes.void, entered.id, orders.small_provider, body=WRONG)


def test_an_issuer_that_does_not_recognise_an_order_ends_it(orders):
    entered = enter(orders)
    cast.execute(orders, entered.id)
    ended = act(orders, writes.dispute, entered.id, orders.authority, at=after(30), body=WRONG)
    assert (ended.state, ended.entry.state) == ("undone", "disputed")
    assert ended.end_reason.startswith(writes.UNRECOGNISED)
    assert orders.ledger_kinds()[-2:] == ["entry.disputed", "order.withdrawn"]
    with pytest.raises(ConflictError, match="says that it did not issue"):
        enter(orders, pdf=b"%PDF-1.7 once more")
    assert enter(orders, orders.authority, pdf=b"%PDF-1.7 ours after all").entry.state == "waiting"


def test_the_word_of_a_provider_stops_no_hour(orders):
    entered = enter(orders, orders.authority)
    disputed = act(orders, writes.dispute, entered.id, orders.small_provider, body=WRONG)
    assert (disputed.state, disputed.due_at) == ("received", after(40))
    assert disputed.entry.note == WRONG.text
    with pytest.raises(ConflictError, match="disputed this order already"):
        act(orders, writes.dispute, entered.id, orders.small_provider, body=WRONG)
    assert act(orders, writes.confirm, entered.id, orders.small_provider).entry.note == ""


def test_no_hour_is_missed_by_the_word_of_an_authority_alone(orders):
    entered = enter(orders, orders.authority)
    assert deadlines.note_due(after(50)) == 0
    act(orders, writes.confirm, entered.id, orders.small_provider, at=after(51))
    assert deadlines.note_due(after(52)) == 1


def test_an_answer_confirms_what_the_authority_entered(orders):
    entered = enter(orders, orders.authority)
    answered = cast.execute(orders, entered.id)
    assert answered.entry.state == "confirmed"
    assert not answered.answers[0].was_late
    assert orders.ledger_kinds()[-3:] == [
        "entry.confirmed",
        "order.executed",
        "preservation.started",
    ]


def test_who_entered_an_order_wrongly_takes_it_back_and_enters_it_again(orders):
    entered = enter(orders)
    ended = act(orders, writes.void, entered.id, orders.small_provider, body=WRONG)
    assert (ended.state, ended.entry.state) == ("withdrawn", "voided")
    assert orders.ledger_kinds()[-2:] == ["entry.voided", "order.withdrawn"]
    assert sorted(orders.last_entry().detail["parties"]) == ["be-crisis-centre", "fr-referral-unit"]
    for write, more in ((writes.confirm, {}), (writes.dispute, {"body": WRONG})):
        with pytest.raises(ConflictError, match="small-forum has taken this order back"):
            act(orders, write, entered.id, orders.authority, **more)
    assert enter(orders).id != entered.id


@pytest.mark.parametrize("write", ["confirm", "dispute", "void"])
@pytest.mark.parametrize("who", ["other_authority", "big_provider"])
def test_others_say_nothing_about_an_entry(orders, write, who):
    entered = enter(orders)
    body = {} if write == "confirm" else {"body": WRONG}
    with pytest.raises((NotAllowedError, NotFoundError)):
        act(orders, getattr(writes, write), entered.id, getattr(orders, who), **body)


def test_nobody_confirms_an_order_that_was_made_here(orders):
    made = cast.issue(orders)
    with pytest.raises(ConflictError, match="was made here"):
        act(orders, writes.confirm, made.id, orders.authority)


# What one side's word must not change for others


def test_a_forged_entry_names_no_authority_to_others_and_fills_in_no_draft(orders):
    entered = enter(orders, annex={"urls": [URL], "authority_mail": "forged@small-forum.example"})
    assert drafts.standing(URL, viewer=orders.agency).parties == []
    made = writes_drafts.draft(
        OrderIn(to="small-forum"), by=orders.actor(orders.authority), now=after(1)
    )
    assert "authority_mail" not in made.annex
    row = Order.objects.get(uid=made.id)
    assert drafts.is_first(row, viewer=orders.authority)
    act(orders, writes.confirm, entered.id, orders.authority)
    assert drafts.standing(URL, viewer=orders.agency).parties == ["be-crisis-centre"]
    assert not drafts.is_first(row, viewer=orders.authority)


def test_an_authority_gains_nothing_by_its_own_entry(orders):
    overseer = orders.other_authority
    competences.name_competent(overseer, Duty.MEASURES, actor="operator", now=after(0))
    entered = enter(
        orders, orders.authority, annex={"urls": [URL], "redress_deadline": "60 days from receipt"}
    )
    made = writes_drafts.draft(
        OrderIn(to="small-forum"), by=orders.actor(orders.authority), now=after(1)
    )
    row = Order.objects.get(uid=made.id)
    assert drafts.is_first(row, viewer=orders.authority)
    later = after(60 * 24 * 70)
    act(orders, finality.finalise, entered.id, orders.authority, at=later)
    [seen] = reads_final.final_orders(viewer=overseer, now=later)
    assert (len(seen.orders), seen.in_twelve_months) == (1, 0)
    act(orders, writes.confirm, entered.id, orders.small_provider, at=later)
    assert not drafts.is_first(row, viewer=orders.authority)
    [seen] = reads_final.final_orders(viewer=overseer, now=later)
    assert (len(seen.orders), seen.in_twelve_months) == (1, 1)


def test_the_hub_visits_no_address_by_the_word_of_one_side(orders):
    entered = enter(orders)
    cast.execute(orders, entered.id)
    rechecks.follow_requests(after(21))
    assert not Recheck.objects.exists()
    act(orders, writes.confirm, entered.id, orders.authority, at=after(22))
    rechecks.follow_requests(after(23))
    assert [row.url for row in Recheck.objects.all()] == [URL]


def test_an_entry_has_no_signals_and_keeps_no_secret_longer_than_the_law(orders):
    hushed = {"non_disclosure": True, "non_disclosure_until": "2099-01-01T00:00:00+00:00"}
    entered = enter(orders, annex={"urls": [URL]} | hushed)
    assert entered.signals == []
    assert entered.secret_until <= after(-30) + timedelta(weeks=12)


def test_a_final_order_was_confirmed_first(orders):
    entered = enter(orders, annex={"urls": [URL], "redress_deadline": "60 days from receipt"})
    later = after(60 * 24 * 70)
    with pytest.raises(ConflictError, match="confirm first"):
        act(orders, finality.finalise, entered.id, orders.authority, at=later)
    act(orders, writes.confirm, entered.id, orders.authority)
    final = act(orders, finality.finalise, entered.id, orders.authority, at=later)
    assert final.finality.final_on is not None


def test_an_issuer_is_asked_whether_an_order_is_final_once_it_has_confirmed_it(orders):
    old = {"issued_at": after(-60 * 24 * 90), "received_at": after(-60 * 24 * 90)}
    terms = {"urls": [URL], "redress_deadline": "60 days from receipt"}
    entered = enter(orders, annex=terms, **old)
    cast.execute(orders, entered.id)
    deadlines.note_due(after(30))
    assert "appeal.expired" not in orders.ledger_kinds()
    act(orders, writes.confirm, entered.id, orders.authority, at=after(31))
    deadlines.note_due(after(32))
    assert orders.last_entry().kind == "appeal.expired"


def test_receipts_here_do_not_move_the_hour(orders):
    entered = enter(orders)
    assert answers.record_receipt(entered.id, via=ReceiptVia.DESK, at=after(3), now=after(3))
    assert reads.order(entered.id, viewer=orders.authority, now=after(3)).due_at == after(40)


def test_the_words_of_the_states_of_an_entry():
    assert {*EntryState} == {"waiting", "confirmed", "disputed", "voided"}


@pytest.mark.nightly
def test_more_entered_orders_cost_a_list_of_copies_no_more_queries(orders):
    def queries():
        with CaptureQueriesContext(connection) as caught:
            assert home.copies(viewer=orders.other_authority, now=after(1))
        return len(caught)

    enter(orders)
    alone = queries()
    for number in range(3):
        enter(orders, reference=f"BE/2026/{number + 10}")
    assert queries() == alone
