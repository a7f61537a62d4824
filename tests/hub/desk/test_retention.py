# SPDX-License-Identifier: Apache-2.0
"""The pages of retention: what is erased when, and how an officer stops or extends that."""

from datetime import timedelta
from uuid import uuid4

import pytest

from stemtide.hub.desk import times
from stemtide.hub.rooms.retention.models import LegalHold, RetentionChange
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.writes import signals
from stemtide.protocol.enums import Role
from tests.rounds import at_night
from tests.world import signal_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(world):
    return world.desk("authority", Role.DATA_PROTECTION_OFFICER)


@pytest.fixture
def uid(world):
    body = signal_in(expires_at=world.now + timedelta(days=10))
    return signals.share(body, by=world.party["authority"], now=world.now).id


def text(answer):
    return answer.content.decode()


def test_an_officer_holds_a_signal_and_lifts_the_hold(officer, uid):
    page = f"/retention/signal/{uid}"
    done = officer.post(f"{page}/hold", {"hold-reason": "A court asked."}, follow=True)
    assert "On hold. It is not erased before your party lifts the hold." in text(done)
    assert "A court asked." in text(officer.get(page))
    assert "a legal hold" in text(officer.get("/retention?stopped"))
    officer.post(f"{page}/lift", {"lift-reason": "The court has decided."})
    assert LegalHold.objects.get().lift_reason == "The court has decided."


def hold_and_lift(officer, uid):
    page = f"/retention/signal/{uid}"
    officer.post(f"{page}/hold", {"hold-reason": "A court asked."})
    before = text(officer.get(page))
    sent = {"lift-reason": "The court has decided."}
    return before, text(officer.post(f"{page}/lift", sent, follow=True))


def test_the_page_warns_before_the_lift_of_an_overdue_row(world, officer, uid):
    Signal.objects.update(erase_due=world.now)
    before, after = hold_and_lift(officer, uid)
    assert "If you lift the hold, this is erased in 7 days" in before
    assert "unless somebody puts it on hold before" in after
    assert "Not erased before" in after


def test_a_lift_before_the_date_says_the_date(officer, uid):
    before, after = hold_and_lift(officer, uid)
    assert "If you lift the hold" not in before
    day = Signal.objects.get(uid=uid).erase_due.date()
    assert f"Lifted. It is erased on {day} at the latest." in after


def test_a_lift_says_that_something_else_stops_the_erasure(world, officer, uid):
    LegalHold.objects.create(
        uid=uuid4(),
        row_class="signal",
        row=uid,
        party=world.party["rival"],
        placed_at=world.now,
    )
    assert "Something else still stops the erasure" in hold_and_lift(officer, uid)[1]


def test_an_agency_is_offered_a_hold_and_no_extension(world, uid):
    page = text(world.desk("agency", Role.DATA_PROTECTION_OFFICER).get(f"/retention/signal/{uid}"))
    assert "Put on hold" in page
    assert "extend-until" not in page


def test_an_officer_extends_a_signal_by_a_day_and_a_reason(officer, uid):
    before = Signal.objects.get(uid=uid).erase_due
    sent = {"extend-until": before.date().isoformat(), "extend-reason": "An appeal."}
    officer.post(f"/retention/signal/{uid}/extend", sent)
    assert Signal.objects.get(uid=uid).erase_due > before
    assert RetentionChange.objects.get().reason == "An appeal."


@at_night
def test_pages_say_when_a_live_signal_stops_matching(officer, uid):
    day = times.day(Signal.objects.get(uid=uid).expires_at)
    for path in ("/retention", f"/retention/signal/{uid}", f"/signals/{uid}"):
        assert "Stops matching on" in text(officer.get(path))
        assert day in text(officer.get(path))


def test_a_form_without_a_reason_changes_nothing(officer, uid):
    told = officer.post(f"/retention/signal/{uid}/hold", {}, follow=True)
    assert told.status_code == 422
    assert "This field is required." in text(told)
    assert not LegalHold.objects.exists()


def test_what_is_no_class_is_not_there(officer, uid):
    assert officer.get(f"/retention/party/{uid}").status_code == 404
    assert officer.post(f"/retention/signal/{uid}/burn").status_code == 404


def test_the_signals_page_says_why_it_is_kept(officer, uid):
    assert "police work, by national law" in text(officer.get(f"/signals/{uid}"))
