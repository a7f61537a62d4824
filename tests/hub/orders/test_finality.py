# SPDX-License-Identifier: Apache-2.0
import uuid
from datetime import date, timedelta

import pytest
from django.db import connection

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.rooms.orders.models import Finality, Order
from stemtide.hub.rooms.orders.reads import finality as reads, orders as reads_orders
from stemtide.hub.rooms.orders.writes import deadlines as writes_due, finality as writes
from stemtide.hub.rooms.parties.writes import competences
from stemtide.protocol.enums import Duty
from stemtide.protocol.enums.orders import OrderState
from stemtide.protocol.enums.referrals import ReceiptVia
from stemtide.protocol.law.appeals import appeal_until, term_of
from stemtide.protocol.messages.orders import AppealDeadlineIn, AppealDecisionIn, AppealIn
from tests.hub.orders import cast
from tests.world import NOON

pytestmark = pytest.mark.django_db

LAST = date(2027, 1, 25)
"""60 days after 24 November 2026 are Saturday 23 January; the Monday after."""
AFTER = NOON + timedelta(days=64)


def received(orders, **facts):
    uid = cast.issue(orders, **facts).id
    cast.receive(uid)
    cast.execute(orders, uid)
    return uid


def oversee(orders):
    competences.name_competent(orders.other_authority, Duty.MEASURES, actor="operator", now=NOON)


def appeal(orders, uid, *, party=None, at=None, **facts):
    plain = {"lodged_by": "provider", "kind": "judicial", "body": "Council of State"}
    body = AppealIn.model_validate(plain | {"lodged_on": "2026-12-01"} | facts)
    by = orders.actor(party or orders.small_provider)
    return writes.record_appeal(uid, body=body, by=by, now=at or NOON + timedelta(days=8))


def decide(orders, told, outcome, *, at=None):
    text = "Decided by the court."
    body = AppealDecisionIn(outcome=outcome, decided_on="2027-01-10", text=text)
    by, now = orders.actor(orders.authority), at or NOON + timedelta(days=50)
    return writes.decide_appeal(told.id, told.finality.appeals[-1].id, body=body, by=by, now=now)


def finalise(orders, uid, *, at=AFTER):
    return writes.finalise(uid, by=orders.actor(orders.authority), now=at)


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("60 days from receipt", "60 days"),
        ("One month, starting from the notification of the order", "1 months"),
        ("binnen drie maanden na ontvangst", "3 months"),
        ("deux mois à compter de la notification", "2 months"),
        ("einen Monat nach Zustellung", "1 months"),
        ("2 Wochen ab Erhalt", "2 weeks"),
        ("60 days from the date of issue", None),
        ("30 jours ouvrables", None),
        ("30 days, or 60 days from abroad", None),
        ("0 days", None),
        ("see Article 12", None),
        ("30 days (Article 7)", None),
        ("", None),
    ],
)
def test_only_a_single_term_from_receipt_is_computed(text, term):
    found = term_of(text)
    assert (f"{found.count} {found.unit}" if found else None) == term


def test_a_term_in_months_ends_on_the_last_day_and_never_on_a_weekend():
    at = NOON.replace(month=1, day=31, year=2027)
    assert appeal_until("one month from receipt", received_at=at) == date(2027, 3, 1)
    assert appeal_until("4 days", received_at=NOON) == date(2026, 11, 30)


def test_the_last_day_for_appeal_is_computed_at_receipt_and_corrected_by_the_issuer(orders):
    uid = received(orders)
    told = reads_orders.order(uid, viewer=orders.small_provider, now=NOON)
    assert (told.finality.appeal_until, told.finality.entered_by) == (LAST, "")
    body = AppealDeadlineIn(until=LAST + timedelta(days=1))
    by = orders.actor(orders.authority)
    told = writes.set_appeal_deadline(uid, body=body, by=by, now=NOON)
    assert told.finality.entered_by == "be-crisis-centre"
    cast.receive(uid, at=NOON - timedelta(minutes=1), via=ReceiptVia.MAIL)
    row = Order.objects.get(uid=uid)
    assert row.appeal_until == LAST + timedelta(days=1)
    with pytest.raises(NotAllowedError):
        writes.set_appeal_deadline(uid, body=body, by=orders.actor(orders.small_provider), now=NOON)


def test_an_order_is_not_final_before_the_deadline_and_its_home_authority_is_told(orders):
    oversee(orders)
    uid = received(orders)
    with pytest.raises(ConflictError, match="runs until 2027-01-25"):
        finalise(orders, uid, at=NOON + timedelta(days=62))
    told = finalise(orders, uid)
    assert (told.finality.final_on, told.finality.ground) == (LAST + timedelta(days=1), "expiry")
    assert [notice.to for notice in told.finality.sent] == ["fr-referral-unit"]
    assert orders.ledger_kinds()[-2:] == ["order.finalised", "finality.communicated"]
    assert orders.last_entry().detail["parties"] == ["fr-referral-unit"]
    with pytest.raises(ConflictError, match="already final"):
        finalise(orders, uid)


def test_only_the_issuer_makes_an_order_final(orders):
    uid = received(orders)
    for party in (orders.small_provider, orders.other_authority):
        with pytest.raises(NotAllowedError):
            writes.finalise(uid, by=orders.actor(party), now=AFTER)


def test_a_pending_appeal_keeps_an_order_from_being_final(orders):
    uid = received(orders)
    told = appeal(orders, uid)
    assert told.finality.appeals[0].entered_by == "small-forum"
    with pytest.raises(ConflictError, match="an appeal is not decided"):
        finalise(orders, uid)
    with pytest.raises(ConflictError, match="already recorded"):
        appeal(orders, uid)
    decide(orders, told, "confirmed")
    told = finalise(orders, uid, at=NOON + timedelta(days=51))
    assert (told.finality.ground, told.finality.final_on) == ("confirmed", date(2027, 1, 10))


def test_the_provider_cannot_record_the_outcome_of_its_appeal(orders):
    told = appeal(orders, received(orders))
    body = AppealDecisionIn(outcome="overturned", decided_on="2026-12-02", text="We won.")
    with pytest.raises(NotAllowedError):
        writes.decide_appeal(
            told.id,
            told.finality.appeals[0].id,
            body=body,
            by=orders.actor(orders.small_provider),
            now=AFTER,
        )


def test_an_order_that_was_overturned_has_no_effect_and_is_reinstated(orders):
    told = decide(orders, appeal(orders, received(orders)), "overturned")
    assert told.state is OrderState.UNDONE
    assert told.end_reason == "Overturned on appeal: Decided by the court."
    with pytest.raises(ConflictError, match="has no effect"):
        finalise(orders, told.id)


def test_an_appeal_that_was_lodged_in_time_after_all_ends_the_finality_and_tells_those_told(orders):
    oversee(orders)
    uid = received(orders)
    finalise(orders, uid)
    later = AFTER + timedelta(days=1)
    with pytest.raises(ConflictError, match="its issuer can record"):
        appeal(orders, uid, at=later)
    with pytest.raises(InvalidError, match="last day for appeal"):
        appeal(orders, uid, party=orders.authority, at=later, lodged_on="2027-01-26")
    told = appeal(orders, uid, party=orders.authority, at=later)
    assert told.finality.final_on is None
    assert orders.ledger_kinds()[-2:] == ["order.appealed", "finality.corrected"]
    assert orders.last_entry().detail["parties"] == ["fr-referral-unit"]
    assert reads.final_orders(viewer=orders.other_authority, now=later) == []


def test_the_clock_reminds_the_issuer_once_unless_an_appeal_is_open(orders):
    uid = received(orders)
    assert writes_due.note_due(AFTER) == 1
    assert orders.last_entry().kind == "appeal.expired"
    assert orders.last_entry().detail["parties"] == ["be-crisis-centre"]
    assert writes_due.note_due(AFTER) == 0
    Order.objects.filter(uid=uid).update(appeal_over_at=None)
    appeal(orders, uid)
    writes_due.note_due(AFTER)
    assert orders.last_entry().kind == "order.appealed"


def test_two_final_orders_are_shown_to_who_oversees_and_to_the_provider_alone(orders):
    oversee(orders)
    uids = [received(orders), received(orders), received(orders, exercise=False)]
    for uid in uids:
        finalise(orders, uid)
    Finality.objects.filter(order__uid=uids[0]).update(final_on=date(2025, 12, 1))
    now = NOON + timedelta(days=70)
    seen = reads.final_orders(viewer=orders.other_authority, now=now)
    assert [(one.provider, one.in_twelve_months, len(one.orders)) for one in seen] == [
        ("small-forum", _recount("small-forum", now), 3)
    ]
    assert seen[0].in_twelve_months == 2
    own = reads.final_orders(viewer=orders.small_provider, now=now)
    assert [len(one.orders) for one in own] == [3]
    for stranger in (orders.authority, orders.big_provider):
        assert reads.final_orders(viewer=stranger, now=now) == []


def _recount(provider, now):
    """Count final orders of the last twelve months in plain SQL, not with the code under test."""
    first = now.date().replace(year=now.year - 1)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM orders_finality f JOIN orders_order o ON o.id = f.order_id"
            " JOIN parties_party p ON p.id = o.addressee_id WHERE p.name = %s AND f.ended_at IS"
            " NULL AND o.exercise = %s AND f.final_on >= %s AND f.final_on <= %s",
            [provider, False, first, now.date()],
        )
        return cursor.fetchone()[0]


def test_exercises_are_listed_and_not_counted(orders):
    oversee(orders)
    cast.inform(orders, exercise=True)
    finalise(orders, received(orders, exercise=True))
    (seen,) = reads.final_orders(viewer=orders.other_authority, now=AFTER)
    assert (seen.in_twelve_months, seen.orders[0].exercise) == (0, True)


def test_an_unknown_appeal_is_not_found(orders):
    from stemtide.hub.platform.errors import NotFoundError

    uid = received(orders)
    body = AppealDecisionIn(outcome="closed", decided_on="2026-12-02", text="None.")
    with pytest.raises(NotFoundError):
        writes.decide_appeal(
            uid, uuid.uuid4(), body=body, by=orders.actor(orders.authority), now=AFTER
        )
