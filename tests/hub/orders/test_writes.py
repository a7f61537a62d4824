# SPDX-License-Identifier: Apache-2.0
from datetime import timedelta
from uuid import uuid4

import pytest

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.orders.reads import drafts as reads_drafts, orders as reads
from stemtide.hub.rooms.orders.rules.lint import FlawedError
from stemtide.hub.rooms.orders.writes import (
    answers as writes_answers,
    deadlines as writes_due,
    endings as writes_endings,
    issue,
    orders as writes,
    preservation as writes_preserving,
)
from stemtide.hub.rooms.signals.reads import signals
from stemtide.protocol.enums.orders import OrderState
from stemtide.protocol.enums.referrals import ReceiptVia
from stemtide.protocol.messages.orders import (
    AccessIn,
    DraftIn,
    OrderAnswerIn,
    OrderIn,
    OrderReasonIn,
    SecrecyIn,
)
from tests.hub.orders import cast
from tests.hub.orders.cast import ANNEX_3, after
from tests.orders import issue_order
from tests.rounds import rounds
from tests.world import NOON, hex_value

pytestmark = pytest.mark.django_db
WORDS = OrderReasonIn(text="The message is number 417.")


def act(world, write, uid, party, *, at=NOON, **facts):
    return write(uid, by=world.actor(party), now=at, **facts)


# Drafting


def test_a_draft_begins_with_what_is_known(orders):
    body = OrderIn(to="small-forum")
    made = writes.draft(body, by=orders.actor(orders.authority), now=NOON)
    assert made.state is OrderState.DRAFTED
    assert made.annex["home_state"] == "FR"
    assert made.annex["cross_border"] is made.annex["copy_sent"] is True
    assert made.annex["home_contact"].startswith("French Referral Unit")
    assert made.annex["signed_on"] == "2026-11-24"
    assert made.reference == ""
    assert orders.ledger_kinds() == ["order.drafted"]


def test_a_second_draft_takes_over_who_the_authority_is(orders):
    cast.draft(orders, to="big-video", annex={"home_contact": "tco@home.example"})
    made = writes.draft(OrderIn(to="big-video"), by=orders.actor(orders.authority), now=after(5))
    assert made.annex["home_contact"] == "tco@home.example"
    assert made.annex["authority_phone"] == "+32 2 555 01 23"
    assert made.annex["home_state"] == "IE"
    assert "file_number" not in made.annex
    assert "urls" not in made.annex


def test_an_agency_refers_and_never_orders(orders):
    with pytest.raises(NotAllowedError, match="an agency cannot issue orders"):
        writes.draft(OrderIn(to="small-forum"), by=orders.actor(orders.agency), now=NOON)


@pytest.mark.parametrize("who", ["small_provider", "consortium", "observer"])
def test_who_is_no_authority_issues_no_orders(orders, who):
    with pytest.raises(NotAllowedError, match="only authorities can issue removal orders"):
        writes.draft(OrderIn(to="big-video"), by=orders.actor(getattr(orders, who)), now=NOON)


def test_an_authority_that_was_not_named_for_it_issues_no_orders(orders):
    with pytest.raises(NotAllowedError, match=r"not in the register .*Art. 12\(1\)\(a\)"):
        writes.draft(OrderIn(to="big-video"), by=orders.actor(orders.other_authority), now=NOON)


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"to": "be-crisis-centre"}, "to"),
        ({"to": "nobody"}, "to"),
        ({"crisis": uuid4()}, "crisis"),
        ({"signals": (uuid4(),)}, "signals"),
        ({"annex": {"reference": "RO-2026-00001"}}, "annex.reference"),
        ({"annex": {"fine": "4 %"}}, "annex.fine"),
        ({"annex": {"grounds": ["z"]}}, "annex.grounds"),
        ({"annex": {"cross_border": "yes"}}, "annex.cross_border"),
        ({"annex": {"reasons": "x" * 5001}}, "annex.reasons"),
        ({"annex": {"urls": ["https://a.example/"] * 51}}, "annex.urls"),
    ],
)
def test_a_draft_that_cannot_be_kept_names_the_field(orders, facts, field):
    body = OrderIn.model_validate({"to": "small-forum"} | facts)
    with pytest.raises(InvalidError) as refused:
        writes.draft(body, by=orders.actor(orders.authority), now=NOON)
    assert refused.value.field == field
    assert orders.ledger_kinds() == []


def test_a_draft_is_real_or_an_exercise_as_its_crisis_is(orders):
    crisis = orders.warn(exercise=True)
    with pytest.raises(InvalidError, match="exercise: the crisis is an exercise"):
        cast.draft(orders, crisis=crisis.id)
    made = cast.draft(orders, crisis=crisis.id, exercise=True)
    assert made.crisis == crisis.id


def test_an_order_names_signals_of_its_issuer_alone(orders):
    own, other = orders.share(), orders.share(orders.other_authority, value=hex_value(2))
    drill = orders.share(value=hex_value(3), exercise=True)
    assert cast.draft(orders, signals=(own.id,)).signals == [own.id]
    with pytest.raises(InvalidError, match="you can name only your own signals"):
        cast.draft(orders, signals=(other.id,))
    with pytest.raises(InvalidError, match="not both real or both an exercise"):
        cast.draft(orders, signals=(drill.id,))


def test_a_draft_is_changed_field_by_field_and_emptied_by_empty_values(orders):
    signal = orders.share()
    uid = cast.draft(orders).id
    body = DraftIn(
        annex={"location": "message 417", "reasons": ""},
        emergency="An attack is under way.",
        language="fr",
        content_type="video",
        ideology="jihadist",
        signals=(signal.id,),
    )
    changed = act(orders, writes.change, uid, orders.authority, body=body)
    assert changed.annex["location"] == "message 417"
    assert "reasons" not in changed.annex
    assert changed.urls == [cast.URL]
    assert (changed.language, changed.content_type, changed.ideology) == (
        *("fr", "video"),
        "jihadist",
    )
    assert changed.signals == [signal.id]
    unchanged = act(orders, writes.change, uid, orders.authority, body=DraftIn())
    assert unchanged.emergency == "An attack is under way."
    assert unchanged.signals == [signal.id]


def test_a_draft_that_is_discarded_says_nothing_any_more(orders):
    uid = cast.draft(orders).id
    gone = act(orders, writes.discard, uid, orders.authority, on_hold=())
    assert gone.state is OrderState.DISCARDED
    assert gone.urls == []
    assert "reasons" not in gone.annex
    with pytest.raises(ConflictError, match="Discarded"):
        act(orders, writes.change, uid, orders.authority, body=DraftIn())


@pytest.mark.parametrize("who", ["small_provider", "other_authority", "agency", "observer"])
def test_a_draft_does_not_exist_for_others(orders, who):
    uid = cast.draft(orders).id
    viewer = getattr(orders, who)
    with pytest.raises(NotFoundError):
        reads.order(uid, viewer=viewer, now=NOON)
    assert reads.orders(viewer=viewer) == []


# Issuing


def test_an_order_that_is_issued_has_its_reference_and_its_copies(orders):
    order = cast.issue(orders)
    assert order.state is OrderState.ISSUED
    assert order.reference == "RO-BE-2026-00001"
    assert order.is_first
    assert order.is_cross_border
    assert [one.to for one in order.copies] == ["fr-referral-unit"]
    assert order.annex["reference"] == "RO-BE-2026-00001"
    assert order.annex["issued_at"] == NOON.isoformat()
    assert order.due_at is None
    assert orders.ledger_kinds() == [
        *("order.drafted", "approval.asked", "order.submitted"),
        *("order.issued", "order.copied", "approval.approved"),
    ]
    assert cast.issue(orders).reference == "RO-BE-2026-00002"


def test_the_ledger_names_no_address_and_no_words_of_an_order(orders):
    cast.issue(orders)
    from stemtide.hub.rooms.ledger.models import Entry

    told = str(list(Entry.objects.values_list("detail", "subject", "actor")))
    assert "small-forum.example" not in told
    assert "praises" not in told


def test_an_exercise_takes_no_number_from_the_real_series(orders):
    cast.inform(orders, exercise=True)
    assert cast.issue(orders, exercise=True).reference == "XRO-BE-2026-00001"
    assert cast.issue(orders).reference == "RO-BE-2026-00001"


def test_an_order_with_flaws_is_not_issued_and_all_are_named(orders):
    uid = cast.draft(orders, annex={"grounds": [], "cross_border": False}).id
    with pytest.raises(FlawedError, match="4 things") as refused:
        act(orders, issue.issue, uid, orders.authority)
    assert {one.field for one in refused.value.findings} == {
        *("grounds", "cross_border"),
        *("copy_sent", "home_contact"),
    }
    assert reads.order(uid, viewer=orders.authority, now=NOON).reference == ""


def test_a_first_order_needs_twelve_hours_or_an_emergency(world):
    cast.name_competent(world)
    uid = cast.draft(world).id
    with pytest.raises(FlawedError):
        act(world, issue.issue, uid, world.authority)
    cast.inform(world, hours=11)
    with pytest.raises(FlawedError):
        act(world, issue.issue, uid, world.authority)
    act(
        world,
        writes.change,
        uid,
        world.authority,
        body=DraftIn(emergency="Attack under way.", emergency_ground="ongoing_events"),
    )
    assert act(world, issue.issue, uid, world.authority).emergency == "Attack under way."
    assert not cast.issue(world).is_first


@pytest.mark.nightly
def test_an_emergency_stands_in_the_order_with_its_ground_as_recital_17_asks(world):
    cast.name_competent(world)
    ground = {"emergency": "The stream runs.", "emergency_ground": "ongoing_events"}
    told = cast.issue(world, **ground)
    assert (told.emergency_ground, told.annex["emergency_ground"]) == ("ongoing_events",) * 2
    assert (told.annex["emergency"], told.annex["emergency_reasons"]) == (True, "The stream runs.")
    assert cast.issue(world).annex["emergency"] is False


def test_an_emergency_that_is_taken_back_takes_its_ground_along(world):
    cast.name_competent(world)
    uid = cast.draft(world, emergency="An attack.", emergency_ground="imminent_threat").id
    kept = act(world, writes.change, uid, world.authority, body=DraftIn(language="fr"))
    assert kept.emergency_ground == "imminent_threat"
    gone = act(world, writes.change, uid, world.authority, body=DraftIn(emergency=""))
    assert (gone.emergency, gone.emergency_ground) == ("", None)


def test_who_is_no_longer_named_does_not_issue_what_it_drafted(orders):
    from stemtide.hub.rooms.parties.writes import competences as writes_competences
    from stemtide.protocol.enums import Duty

    uid = cast.draft(orders).id
    writes_competences.end_competence(orders.authority, Duty.ISSUE, actor="operator", now=NOON)
    with pytest.raises(NotAllowedError, match="no longer in the register"):
        act(orders, issue.issue, uid, orders.authority)


@pytest.mark.nightly
def test_an_order_within_one_state_has_no_copy(world):
    from stemtide.hub.rooms.parties.writes import competences as writes_competences
    from stemtide.protocol.enums import Duty

    for duty in (Duty.ISSUE, Duty.SCRUTINISE):
        writes_competences.name_competent(world.other_authority, duty, actor="operator", now=NOON)
    annex = {name: one for name, one in cast.ANNEX_1.items() if name != "home_contact"}
    body = OrderIn(
        to="small-forum",
        annex=annex | {"cross_border": False, "copy_sent": False},
        emergency="An attack is under way.",
        emergency_ground="ongoing_events",
    )
    by = world.actor(world.other_authority)
    made = writes.draft(body, by=by, now=NOON)
    order = issue_order(made.id, by=by, now=NOON)
    assert order.copies == []
    assert not order.is_cross_border


# Receipt


def test_the_first_receipt_starts_the_hour_and_an_earlier_one_moves_it(orders):
    uid = cast.issue(orders).id
    assert cast.receive(uid, at=after(2), via=ReceiptVia.MAIL)
    assert cast.receive(uid, at=after(3), via=ReceiptVia.LINK)
    assert not cast.receive(uid, at=after(1), via=ReceiptVia.MAIL)
    told = writes_answers.record_receipt(
        uid, via=ReceiptVia.WEBHOOK, at=after(1), now=after(4), proof="204"
    )
    assert told
    order = reads.order(uid, viewer=orders.small_provider, now=after(5))
    assert (order.received_at, order.due_at) == (after(1), after(61))
    assert [one.via for one in order.receipts] == ["webhook", "mail", "link"]
    assert order.receipts[0].proof == "204"


@pytest.mark.parametrize(("at", "expected"), [(-5, 0), (30, 10)])
def test_an_order_is_received_neither_before_its_issue_nor_in_the_future(orders, at, expected):
    uid = cast.issue(orders).id
    writes_answers.record_receipt(uid, via=ReceiptVia.MAIL, at=after(at), now=after(10))
    order = reads.order(uid, viewer=orders.authority, now=after(10))
    assert order.received_at == after(expected)


def test_a_draft_and_a_stranger_receive_nothing(orders):
    draft, order = cast.draft(orders).id, cast.issue(orders).id
    assert not cast.receive(draft)
    by = orders.actor(orders.big_provider)
    told = writes_answers.record_receipt(order, via=ReceiptVia.API, at=NOON, now=NOON, by=by)
    assert not told
    with pytest.raises(NotFoundError):
        cast.receive(uuid4())


def test_a_home_authority_has_its_copy_once(orders):
    uid = cast.issue(orders).id
    assert act(orders, writes_answers.receive_copy, uid, orders.other_authority, at=after(7))
    assert not act(orders, writes_answers.receive_copy, uid, orders.other_authority, at=after(9))
    assert not act(orders, writes_answers.receive_copy, uid, orders.authority)
    copy = reads.order(uid, viewer=orders.other_authority, now=after(9)).copies[0]
    assert copy.scrutiny_until == after(7 + 72 * 60)


def test_acknowledging_is_a_receipt_and_not_an_answer(orders):
    uid = cast.issue(orders).id
    told = act(orders, writes_answers.acknowledge, uid, orders.small_provider, at=after(4))
    assert (told.received_at, told.due_at) == (after(4), after(64))
    assert told.acknowledged_at == after(4)
    assert told.state is OrderState.RECEIVED
    assert told.receipts[0].via == "api"
    with pytest.raises(ConflictError, match="already acknowledged"):
        act(orders, writes_answers.acknowledge, uid, orders.small_provider)


# Annex II


def test_an_order_is_executed_within_the_hour(orders):
    uid = cast.issue(orders).id
    cast.receive(uid)
    told = cast.execute(orders, uid, at=after(20))
    assert told.state is OrderState.EXECUTED
    assert (told.measure, told.minutes_taken, told.due_at) == ("removed", 20, None)
    assert not told.answers[0].was_late
    assert told.answers[0].values["reference"] == "RO-BE-2026-00001"
    assert told.preservations[0].until.date().isoformat() == "2027-05-25"
    assert orders.ledger_kinds()[-3:] == [
        *("order.received", "order.executed"),
        "preservation.started",
    ]
    assert writes_due.note_due(after(90)) == 0


def test_a_person_who_answers_has_received_the_order_at_the_desk(orders):
    uid = cast.issue(orders).id
    by = orders.actor(orders.small_provider, role="duty_officer")
    body = OrderAnswerIn(annex=cast.ANNEX_2 | {"measure": "disabled"})
    told = writes_answers.execute(uid, body=body, by=by, now=after(20))
    assert told.receipts[0].via == "desk"
    assert told.measure == "disabled"
    assert told.minutes_taken == 0


def test_a_measure_after_the_hour_is_late_and_taken_all_the_same(orders):
    uid = cast.issue(orders).id
    cast.receive(uid)
    assert writes_due.note_due(after(59)) == 0
    assert writes_due.note_due(after(61)) == 1
    assert writes_due.note_due(after(62)) == 0
    told = cast.execute(orders, uid, at=after(75))
    assert told.answers[0].was_late
    assert told.missed_at == after(61)
    assert "order.missed" in orders.ledger_kinds()


@pytest.mark.nightly
def test_what_was_done_in_time_and_told_later_is_not_late(orders):
    uid = cast.issue(orders).id
    cast.receive(uid)
    body = OrderAnswerIn(annex=cast.ANNEX_2 | {"measure_at": after(50).isoformat()})
    by = orders.actor(orders.small_provider)
    told = writes_answers.execute(uid, body=body, by=by, now=after(80))
    assert not told.answers[0].was_late
    assert told.minutes_taken == 50


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"measure": "ignored"}, "annex.measure"),
        ({"measure_at": None}, "annex.measure_at"),
        ({"measure_at": after(200).isoformat()}, "annex.measure_at"),
        ({"received_at": NOON.isoformat()}, "annex.received_at"),
        ({"contact_mail": "call us"}, "annex.contact_mail"),
    ][:: rounds(2, nightly=1)],
)
def test_an_annex_ii_that_is_not_right_is_not_taken(orders, change, field):
    uid = cast.issue(orders).id
    cast.receive(uid)
    with pytest.raises(InvalidError) as refused:
        cast.execute(orders, uid, **change)
    assert refused.value.field == field


# Annex III


def test_a_ground_of_annex_iii_stops_the_clock_and_clarification_starts_it_anew(orders):
    uid = cast.issue(orders).id
    cast.receive(uid)
    told = cast.suspend(orders, uid, at=after(10))
    assert (told.state, told.due_at) == (OrderState.SUSPENDED, None)
    assert writes_due.note_due(after(500)) == 0
    told = act(orders, writes_answers.resume, uid, orders.authority, at=after(100), body=WORDS)
    assert (told.state, told.due_at) == (OrderState.RECEIVED, after(160))
    assert told.answers[0].clarification == "The message is number 417."
    assert told.answers[0].resumed_by == "be-crisis-centre"
    told = cast.execute(orders, uid, at=after(130))
    assert told.minutes_taken == 40
    assert not told.answers[1].was_late


def test_only_the_provider_says_when_an_impossibility_is_over(orders):
    uid = cast.issue(orders).id
    cast.suspend(orders, uid, grounds=["impossibility"], missing=None)
    with pytest.raises(ConflictError, match="only the provider can end"):
        act(orders, writes_answers.resume, uid, orders.authority, body=WORDS)
    told = act(orders, writes_answers.resume, uid, orders.small_provider, at=after(30), body=WORDS)
    assert told.due_at == after(90)
    assert orders.last_entry().detail["parties"] == ["be-crisis-centre"]


@pytest.mark.nightly
def test_an_order_may_be_executed_while_its_clock_stands_still(orders):
    uid = cast.issue(orders).id
    cast.receive(uid)
    cast.suspend(orders, uid, at=after(10))
    told = cast.execute(orders, uid, at=after(300))
    assert told.state is OrderState.EXECUTED
    assert told.minutes_taken == 10
    assert told.answers[0].resumed_at == after(300)


def test_an_annex_iii_after_the_hour_is_late(orders):
    uid = cast.issue(orders).id
    cast.receive(uid)
    assert cast.suspend(orders, uid, at=after(61)).answers[0].was_late


def test_manifest_errors_are_named(orders):
    uid = cast.issue(orders).id
    with pytest.raises(InvalidError, match=r"annex.errors: is missing"):
        cast.suspend(orders, uid, grounds=["manifest_error"], missing=None)
    told = cast.suspend(
        orders, uid, grounds=["manifest_error"], missing=None, errors="It is another forum's."
    )
    assert told.answers[0].values["errors"] == "It is another forum's."
    assert ANNEX_3["grounds"] == ["insufficient_information"]


# Endings


def test_an_order_that_is_withdrawn_takes_its_signals_back(orders):
    signal = orders.share()
    uid = cast.issue(orders, signals=(signal.id,)).id
    told = act(orders, writes_endings.withdraw, uid, orders.authority, at=after(5), body=WORDS)
    assert (told.state, told.ended_at) == (OrderState.WITHDRAWN, after(5))
    found = signals.signal(signal.id, viewer=orders.authority)
    assert (found.state, found.withdraw_reason) == ("withdrawn", "order_annulled")
    assert orders.ledger_kinds()[-2:] == ["signal.withdrawn", "order.withdrawn"]


def test_a_signal_that_another_order_needs_stays(orders):
    signal = orders.share()
    first = cast.issue(orders, signals=(signal.id,)).id
    cast.issue(orders, signals=(signal.id,))
    act(orders, writes_endings.withdraw, first, orders.authority, body=WORDS)
    assert signals.signal(signal.id, viewer=orders.authority).state == "live"


def test_what_was_executed_and_withdrawn_is_reinstated(orders):
    uid = cast.issue(orders).id
    cast.execute(orders, uid)
    told = act(orders, writes_endings.withdraw, uid, orders.authority, body=WORDS)
    assert told.state is OrderState.UNDONE
    assert reads.waiting(viewer=orders.small_provider) == 1
    told = act(orders, writes_answers.reinstate, uid, orders.small_provider, at=after(60))
    assert (told.state, told.reinstated_at) == (OrderState.REINSTATED, after(60))
    assert reads.waiting(viewer=orders.small_provider) == 0


def secret(world):
    annex = {"non_disclosure": True, "non_disclosure_until": after(60 * 24 * 42).isoformat()}
    return cast.issue(world, annex=annex).id


@pytest.mark.nightly
def test_a_reference_from_before_the_state_stood_in_it_stays_and_is_shown_with_it(orders):
    uid = cast.issue(orders).id
    Order.objects.filter(uid=uid).update(reference="RO-2026-00001")
    row = Order.objects.get(uid=uid)
    assert (row.reference, row.shown_reference) == ("RO-2026-00001", "RO-2026-00001 (BE)")
    assert cast.issue(orders).reference == "RO-BE-2026-00002"


@pytest.mark.nightly
def test_a_secret_order_names_redress_to_its_provider_by_article_3_4_f(orders):
    told = reads.order(secret(orders), viewer=orders.small_provider, now=NOON)
    assert told.annex["redress_authority"] == "Reconsideration by the Crisis Centre"
    assert told.annex["redress_body"] == "Council of State, Brussels"


@pytest.mark.nightly
def test_what_was_written_before_redress_was_owed_is_read_and_a_draft_is_told_what_it_lacks(orders):
    issued, draft = secret(orders), cast.draft(orders).id
    for row in Order.objects.filter(uid__in=[issued, draft]):
        row.annex = {name: one for name, one in row.annex.items() if "redress" not in name}
        row.save(update_fields=["annex"])
    read = reads.order(issued, viewer=orders.small_provider, now=NOON)
    assert (read.state, "redress_body" in read.annex) == (OrderState.ISSUED, False)
    found = reads_drafts.lint(draft, viewer=orders.authority, now=NOON)
    missing = ["redress_authority", "redress_body", "redress_deadline", "redress_link"]
    assert [finding.field for finding in found if finding.is_error] == missing


def test_secrecy_is_extended_to_twelve_weeks_at_most(orders):
    uid = secret(orders)
    most = NOON + timedelta(weeks=12)
    body = SecrecyIn(until=most, reason="The investigation goes on.")
    told = act(orders, writes_endings.prolong, uid, orders.authority, at=after(60), body=body)
    assert told.secret_until == most
    for until in (most + timedelta(seconds=1), most):
        body = SecrecyIn(until=until, reason="It goes on.")
        with pytest.raises(InvalidError, match="until: is not possible"):
            act(orders, writes_endings.prolong, uid, orders.authority, at=after(60), body=body)


@pytest.mark.nightly
def test_secrecy_that_is_over_or_never_was_is_not_extended(orders):
    body = SecrecyIn(until=NOON + timedelta(weeks=8), reason="The investigation goes on.")
    open_order, uid = cast.issue(orders).id, secret(orders)
    with pytest.raises(ConflictError, match="not secret"):
        act(orders, writes_endings.prolong, open_order, orders.authority, body=body)
    later = NOON + timedelta(weeks=6)
    with pytest.raises(ConflictError, match="the secrecy has ended"):
        act(orders, writes_endings.prolong, uid, orders.authority, at=later, body=body)


# Preservation


def test_what_was_removed_is_kept_longer_for_a_case_and_destroyed_after(orders):
    uid = cast.issue(orders).id
    cast.execute(orders, uid)
    until = NOON + timedelta(days=300)
    body = cast.longer(until)
    told = act(orders, writes_preserving.extend, uid, orders.authority, body=body)
    [kept] = told.preservations
    assert (kept.until, kept.extended_by) == (until, "be-crisis-centre")
    assert (kept.proceedings, kept.reviewed_by, kept.court) == ("judicial", "Council of State", "")
    access = AccessIn(purpose="prosecution", who="Federal police", reference="2026/114")
    told = act(orders, writes_preserving.note_access, uid, orders.small_provider, body=access)
    assert [one.who for one in told.preservations[0].accesses] == ["Federal police"]
    with pytest.raises(ConflictError, match="it must be preserved until"):
        act(orders, writes_preserving.note_destroyed, uid, orders.small_provider)
    told = act(orders, writes_preserving.note_destroyed, uid, orders.small_provider, at=until)
    assert told.preservations[0].destroyed_at == until
    with pytest.raises(ConflictError, match="was destroyed"):
        act(orders, writes_preserving.note_access, uid, orders.small_provider, body=access)


@pytest.mark.parametrize(
    ("since", "words"),
    [("2026-11-23", "before the issue of this order"), ("2026-11-26", "is in the future")][
        : rounds(1, nightly=None)
    ],
)
def test_under_article_6_2_only_an_ongoing_review_of_this_order_prolongs(orders, since, words):
    uid = cast.issue(orders).id
    cast.execute(orders, uid)
    body = cast.longer(NOON + timedelta(days=300), reviewed_since=since)
    with pytest.raises(InvalidError, match=f"reviewed_since: .*{words}"):
        act(orders, writes_preserving.extend, uid, orders.authority, body=body)
    assert orders.ledger_kinds()[-1] == "preservation.started"


@pytest.mark.nightly
def test_the_court_that_asks_for_longer_preservation_is_on_record_by_article_6_2(orders):
    uid = cast.issue(orders).id
    cast.execute(orders, uid)
    body = cast.longer(NOON + timedelta(days=300), court="Council of State")
    told = act(orders, writes_preserving.extend, uid, orders.other_authority, body=body)
    assert told.preservations[0].court == "Council of State"
    assert orders.last_entry().detail["asked_by"] == "court"


def test_nothing_is_preserved_before_an_order_is_executed(orders):
    uid = cast.issue(orders).id
    body = cast.longer(NOON + timedelta(days=300))
    with pytest.raises(ConflictError, match="nothing is preserved"):
        act(orders, writes_preserving.extend, uid, orders.authority, body=body)


@pytest.mark.nightly
def test_preservation_is_not_extended_to_an_earlier_day_nor_by_the_provider(orders):
    uid = cast.issue(orders).id
    cast.execute(orders, uid)
    body = cast.longer(NOON + timedelta(days=100))
    with pytest.raises(InvalidError, match="until: must be after"):
        act(orders, writes_preserving.extend, uid, orders.other_authority, body=body)
    with pytest.raises(NotAllowedError, match="an authority or a court"):
        act(orders, writes_preserving.extend, uid, orders.small_provider, body=body)
