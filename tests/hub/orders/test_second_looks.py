# SPDX-License-Identifier: Apache-2.0
"""An order waits for a second person, or is issued at once and ends unless one confirms it."""

import pytest

from stemtide.hub.platform.errors import ConflictError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.alerts.models import Alert
from stemtide.hub.rooms.alerts.rules.alerts import AlertState
from stemtide.hub.rooms.alerts.writes import alerts
from stemtide.hub.rooms.approvals.writes import approvals
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.orders.reads import orders as reads
from stemtide.hub.rooms.orders.writes import endings, issue, orders as writes
from stemtide.hub.rooms.parties.writes import competences
from stemtide.hub.rooms.signals.models import Signal
from stemtide.protocol.enums import Duty, Role
from stemtide.protocol.enums.orders import AtOnce, OrderState
from stemtide.protocol.messages.orders import DraftIn, OrderReasonIn
from tests.hub.orders import cast
from tests.hub.orders.cast import after
from tests.rounds import rounds
from tests.world import NOON, suspend

pytestmark = pytest.mark.django_db
URGENT = {"emergency": "The stream runs.", "emergency_ground": "ongoing_events"}
ASKER, SECOND = "person:9001", "person:9002"
NO = OrderReasonIn(text="It is the evening news.")


def officer(world, party=None, *, ref=SECOND, role="duty_officer"):
    return world.actor(party, role=role, ref=ref)


def submit(world, **facts):
    """An order that a person of the authority asked to issue."""
    uid = cast.draft(world, **facts).id
    issue.issue(uid, by=officer(world, ref=ASKER), now=NOON)
    return uid


def read(world, uid, *, now=NOON):
    return reads.order(uid, viewer=world.authority, now=now)


def kinds(uid):
    """The ledger's entries of an order: what, and by whom."""
    rows = Entry.objects.filter(subject=f"order:{uid}").order_by("number")
    return [(row.kind, row.detail.get("through", row.actor)) for row in rows]


# Waiting


def test_an_order_waits_for_a_second_person_and_nobody_else_sees_it(orders):
    uid = submit(orders)
    waits = read(orders, uid)
    assert (waits.state, waits.reference, waits.issued_at) == (OrderState.SUBMITTED, "", None)
    assert waits.second_look.asked_by == ASKER
    assert waits.confirm_due_at == waits.second_look.expires_at == after(24 * 60)
    for party in set(orders.everyone) - {orders.authority, orders.agency}:
        with pytest.raises(NotFoundError):
            reads.order(uid, viewer=party, now=NOON)
    assert reads.inbox(viewer=orders.small_provider) == []


def test_a_second_person_sends_it_and_its_date_is_that_moment(orders):
    uid = submit(orders)
    issue.confirm(uid, by=officer(orders), now=after(30))
    sent = read(orders, uid)
    assert (sent.state, sent.issued_at) == (OrderState.ISSUED, after(30))
    assert sent.annex["issued_at"] == after(30).isoformat()
    assert (sent.reference, sent.confirm_due_at) == ("RO-BE-2026-00001", None)
    assert [copy.sent_at for copy in sent.copies] == [after(30)]
    cast.receive(uid, at=after(31))
    assert read(orders, uid).due_at == after(31 + 60)
    assert kinds(uid)[1:4] == [
        ("order.submitted", ASKER),
        ("order.issued", SECOND),
        ("order.copied", SECOND),
    ]


def test_who_asked_does_not_confirm_nor_does_a_key_or_an_analyst(orders):
    uid = submit(orders)
    for by in (
        officer(orders, ref=ASKER),
        orders.actor(orders.authority),
        officer(orders, role="analyst"),
    ):
        with pytest.raises(NotAllowedError):
            issue.confirm(uid, by=by, now=NOON)
    assert read(orders, uid).state is OrderState.SUBMITTED


def test_a_key_asks_and_a_person_confirms(orders):
    uid = cast.draft(orders).id
    asked = issue.issue(uid, by=orders.actor(orders.authority), now=NOON)
    assert asked.state is OrderState.SUBMITTED
    issue.confirm(uid, by=officer(orders), now=NOON)
    assert read(orders, uid).state is OrderState.ISSUED


def test_what_is_flawed_by_now_is_not_sent_and_goes_on_waiting(orders):
    until = {"non_disclosure": True, "non_disclosure_until": after(60).isoformat()}
    uid = submit(orders, annex=until)
    with pytest.raises(ConflictError, match="errors by now"):
        issue.confirm(uid, by=officer(orders), now=after(61))
    assert read(orders, uid).state is OrderState.SUBMITTED


def test_who_lost_its_competence_while_it_waited_issues_nothing(orders):
    uid = submit(orders)
    competences.end_competence(orders.authority, Duty.ISSUE, actor="operator", now=NOON)
    with pytest.raises(NotAllowedError, match="no longer in the register"):
        issue.confirm(uid, by=officer(orders), now=NOON)


def test_a_suspended_authority_sends_nothing_that_waited(orders):
    uid = submit(orders)
    suspend(orders.authority, agency=orders.agency)
    with pytest.raises((ConflictError, NotAllowedError)):
        issue.confirm(uid, by=officer(orders), now=NOON)


def taken_back(world, uid):
    endings.withdraw(uid, body=NO, by=world.actor(world.authority), now=after(1))


def refused(world, uid):
    issue.refuse(uid, body=NO, by=officer(world), now=after(1))


def expired(world, uid):  # noqa: ARG001  # all are called alike
    assert approvals.expire_due(after(24 * 60 - 1)) == 0
    assert approvals.expire_due(after(24 * 60)) == 1


@pytest.mark.parametrize(
    ("end", "through"),
    [(refused, SECOND), (taken_back, "key:be-crisis-centre"), (expired, "clock")][
        : rounds(1, nightly=None)
    ],
)
def test_an_order_that_is_not_confirmed_is_a_draft_again(orders, end, through):
    uid = submit(orders)
    with pytest.raises(ConflictError, match="return it to draft"):
        writes.change(uid, body=DraftIn(language="fr"), by=officer(orders), now=NOON)
    end(orders, uid)
    draft = read(orders, uid)
    assert (draft.state, draft.reference, draft.confirm_due_at) == (OrderState.DRAFTED, "", None)
    assert kinds(uid)[-1] == ("order.recalled", through)
    writes.change(uid, body=DraftIn(language="fr"), by=officer(orders), now=after(2))
    issue.issue(uid, by=officer(orders, ref=ASKER), now=after(2))
    issue.confirm(uid, by=officer(orders), now=after(3))
    assert read(orders, uid).language == "fr"


# At once


def test_an_order_of_an_emergency_is_sent_before_and_confirmed_after(orders):
    uid = submit(orders, **URGENT)
    sent = read(orders, uid)
    assert (sent.state, sent.second_look.at_once) == (OrderState.ISSUED, AtOnce.EMERGENCY)
    assert sent.confirm_due_at == after(120)
    cast.receive(uid, at=after(1))
    issue.confirm(uid, by=officer(orders), now=after(50))
    confirmed = read(orders, uid)
    assert (confirmed.state, confirmed.confirm_due_at) == (OrderState.RECEIVED, None)
    approvals.expire_due(after(121))
    assert read(orders, uid).state is OrderState.RECEIVED


@pytest.mark.nightly
def test_in_an_active_crisis_of_the_authority_no_order_waits(orders):
    crisis = orders.activate()
    sent = read(orders, submit(orders, crisis=crisis.id))
    assert (sent.state, sent.second_look.at_once) == (OrderState.ISSUED, AtOnce.CRISIS)


def test_in_a_crisis_that_is_not_active_it_waits(orders):
    crisis = orders.warn()
    assert read(orders, submit(orders, crisis=crisis.id)).state is OrderState.SUBMITTED


def test_what_nobody_confirms_ends_after_two_hours_and_all_sides_are_told(orders):
    signal = orders.share()
    uid = submit(orders, **URGENT, signals=(signal.id,))
    cast.receive(uid, at=after(1))
    assert approvals.expire_due(after(119)) == 0
    assert approvals.expire_due(after(120)) == 1
    ended = reads.order(uid, viewer=orders.small_provider, now=after(120))
    assert (ended.state, ended.ended_at, ended.due_at) == ("withdrawn", after(120), None)
    assert ended.is_unconfirmed
    assert "No second person of the authority confirmed" in ended.end_reason
    entry = Entry.objects.get(kind="order.withdrawn")
    assert (entry.actor, entry.detail["unconfirmed"]) == ("clock", True)
    assert entry.detail["parties"] == ["small-forum", "fr-referral-unit", "be-crisis-centre"]
    assert Entry.objects.filter(kind="signal.withdrawn").exists()


@pytest.mark.parametrize("is_confirmed", [True, False])
def test_who_sent_an_order_alone_and_ends_it_releases_no_more_than_by_withdrawals(
    orders, monkeypatch, is_confirmed
):
    """is_confirmed: a second person saw it, and the law ends its signals with it."""
    place = "stemtide.hub.rooms.signals.writes.mass_ends.is_beyond"
    monkeypatch.setattr(place, lambda *_act, **_by: True)
    signal = orders.share()
    uid = submit(orders, **URGENT, signals=(signal.id,))
    if is_confirmed:
        issue.confirm(uid, by=officer(orders), now=after(1))
    endings.withdraw(uid, body=NO, by=officer(orders, ref=ASKER), now=after(2))
    row = Signal.objects.get(uid=signal.id)
    released, held = ("withdrawn", False), ("live", True)
    assert (row.state, row.is_disputed) == (released if is_confirmed else held)


def test_what_was_executed_is_to_be_reinstated(orders):
    uid = submit(orders, **URGENT)
    cast.receive(uid, at=after(1))
    cast.execute(orders, uid)
    approvals.expire_due(after(120))
    ended = reads.order(uid, viewer=orders.small_provider, now=after(121))
    assert ended.state == OrderState.UNDONE
    assert ended.moves == ["reinstate", "note_access", "preserve"]


def test_a_second_person_who_refuses_ends_it_at_once_with_their_reasons(orders):
    uid = submit(orders, **URGENT)
    refused(orders, uid)
    ended = reads.order(uid, viewer=orders.small_provider, now=after(1))
    assert (ended.state, ended.is_unconfirmed) == ("withdrawn", True)
    assert ended.end_reason.endswith(NO.text)
    assert kinds(uid)[-1] == ("order.withdrawn", SECOND)


@pytest.mark.nightly
def test_what_its_issuer_withdraws_waits_for_nobody_any_more(orders):
    uid = submit(orders, **URGENT)
    taken_back(orders, uid)
    ended = read(orders, uid)
    assert (ended.state, ended.is_unconfirmed, ended.confirm_due_at) == ("withdrawn", False, None)
    assert approvals.expire_due(after(500)) == 0
    with pytest.raises(ConflictError, match="taken_back"):
        issue.confirm(uid, by=officer(orders), now=after(2))


@pytest.mark.nightly
def test_a_finding_of_scrutiny_ends_the_second_look_too(orders):
    uid = submit(orders, **URGENT)
    reads.order(uid, viewer=orders.other_authority, now=NOON)
    cast.receive(uid, at=after(1))
    cast.examine(orders, uid)
    cast.decide(orders, uid, "announce", "infringe")
    assert approvals.expire_due(after(500)) == 0
    assert read(orders, uid).state is OrderState.ANNULLED


@pytest.mark.nightly
def test_what_nobody_confirmed_is_not_issued_at_once_again(orders):
    first = submit(orders, **URGENT)
    approvals.expire_due(after(120))
    again = submit(orders, **URGENT)
    assert read(orders, first).state == "withdrawn"
    assert read(orders, again).state is OrderState.SUBMITTED
    other = submit(orders, **URGENT, annex={"urls": ["https://small-forum.example/thread/8"]})
    assert read(orders, other).state is OrderState.ISSUED


@pytest.mark.nightly
def test_an_exercise_that_ended_makes_no_real_emergency_wait(orders):
    cast.inform(orders, exercise=True)
    submit(orders, **URGENT, exercise=True)
    approvals.expire_due(after(120))
    assert read(orders, submit(orders, **URGENT)).state is OrderState.ISSUED


# Authorities with one person


def test_an_authority_with_nobody_else_asks_the_agency_or_another_of_its_state(orders):
    uid = submit(orders)
    assert read(orders, uid).second_look.asked_by == ASKER
    seen = reads.order(uid, viewer=orders.agency, now=NOON)
    assert (seen.state, seen.second_look.asked_by) == (OrderState.SUBMITTED, None)
    issue.confirm(uid, by=officer(orders, orders.agency), now=after(5))
    assert read(orders, uid).state is OrderState.ISSUED
    assert ("order.issued", ASKER) in kinds(uid)
    with pytest.raises(NotFoundError):
        reads.order(uid, viewer=orders.agency, now=after(6))


def test_where_a_second_person_may_decide_no_other_party_sees_what_waits(orders):
    second = orders.person(orders.authority)
    uid = submit(orders)
    with pytest.raises(NotFoundError):
        reads.order(uid, viewer=orders.agency, now=NOON)
    with pytest.raises(NotFoundError):
        issue.confirm(uid, by=officer(orders, orders.agency), now=NOON)
    by = officer(orders, ref=second.ref, role=Role(second.role))
    issue.confirm(uid, by=by, now=NOON)
    assert read(orders, uid).state is OrderState.ISSUED


# Before


@pytest.mark.nightly
def test_orders_from_before_the_second_look_stay_as_they_are(orders):
    uid = cast.issue(orders).id
    Order.objects.filter(uid=uid).update(approval=None)
    old = read(orders, uid)
    assert (old.second_look, old.confirm_due_at, old.is_unconfirmed) == (None, None, False)
    taken_back(orders, uid)
    assert read(orders, uid).state == "withdrawn"


# Alerts


def alerted(kind="order_waits"):
    """The parties with an alert of a kind that is open."""
    alerts.raise_from_ledger(NOON)
    rows = Alert.objects.filter(kind=kind, state=AlertState.OPEN)
    return sorted(rows.values_list("party__name", flat=True))


def test_colleagues_are_alerted_until_somebody_decides(orders):
    orders.person(orders.authority)
    uid = submit(orders)
    assert alerted() == ["be-crisis-centre"]
    issue.confirm(uid, by=officer(orders), now=after(1))
    assert (alerted(), alerted("order")) == ([], ["small-forum"])


@pytest.mark.nightly
def test_of_an_order_at_once_colleagues_are_alerted_and_the_provider_too(orders):
    orders.person(orders.authority)
    uid = submit(orders, **URGENT)
    assert (alerted(), alerted("order")) == (["be-crisis-centre"], ["small-forum"])
    issue.confirm(uid, by=officer(orders), now=after(1))
    assert (alerted(), alerted("order")) == ([], ["small-forum"])


@pytest.mark.nightly
def test_the_end_of_an_order_that_nobody_confirmed_alerts_all_sides(orders):
    submit(orders, **URGENT)
    assert alerted() == ["be-crisis-centre", "eu-referral-unit"]
    approvals.expire_due(after(120))
    sides = ["be-crisis-centre", "fr-referral-unit", "small-forum"]
    assert (alerted(), alerted("order_ended")) == ([], sides)
