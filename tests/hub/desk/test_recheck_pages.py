# SPDX-License-Identifier: Apache-2.0
"""Re-checks at the desk: gone, still there, came back, uploaded again; a visit now."""

import re
from datetime import timedelta

import pytest

from stemtide.egress.probe import Probe
from stemtide.hub.rooms.alerts.writes import alerts
from stemtide.hub.rooms.orders.writes import answers as order_answers
from stemtide.hub.rooms.rechecks import rules, writes as rechecks
from stemtide.hub.rooms.rechecks.models import Recheck
from stemtide.hub.rooms.referrals.writes import answers as writes_answers
from stemtide.protocol.enums import Role
from stemtide.protocol.messages.orders import OrderAnswerIn
from stemtide.protocol.messages.referrals import AnswerIn
from tests.hub.desk.test_inbox import issue, refer, said
from tests.hub.orders.cast import ANNEX_2
from tests.rounds import at_night

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(world):
    return world.desk("authority", Role.DUTY_OFFICER)


def removed(world, **facts):
    """A referral whose provider said, hours ago, that it removed the content; its re-check."""
    at = world.now - timedelta(hours=20)
    made = refer(world, now=at, **facts)
    by = world.actor("provider")
    writes_answers.answer(made.id, body=AnswerIn(answer="removed"), by=by, now=at)
    while rechecks.follow_requests(at):
        pass
    return made, Recheck.objects.get(referral__uid=made.id)


def visit(row, *, hours, status):
    """Take the visit that is due some hours after the answer, and note what it saw."""
    at = Recheck.objects.get(pk=row.pk).since + timedelta(hours=hours)
    Recheck.objects.filter(pk=row.pk).update(next_at=at)
    (errand,) = [one for one in rechecks.claim_due(at, limit=9) if one.uid == row.uid]
    seen = Probe(row.url, status=status, content_type="video/mp4", size_bytes=4096)
    rechecks.note(errand, response=seen, finding=rules.judge(seen, url=row.url), now=at)


def test_both_sides_see_on_the_referrals_page_what_each_visit_saw(world, officer):
    made, row = removed(world)
    assert "Not checked yet." in said(officer.get(f"/referrals/{made.id}"))
    visit(row, hours=1, status=404)
    visit(row, hours=2, status=503)
    visit(row, hours=3, status=200)
    provider = world.desk("provider", Role.DUTY_OFFICER)
    for page in (officer.get(f"/referrals/{made.id}"), provider.get(f"/inbox/referrals/{made.id}")):
        told = said(page)
        assert "came back" in told
        assert "status 404" in told
        assert told.index("the address answers") < told.index("the server is busy")
        assert told.index("the server is busy") < told.index("the server says that nothing is")


@at_night
def test_what_never_went_is_still_there(world, officer):
    made, row = removed(world)
    visit(row, hours=1, status=200)
    told = said(officer.get(f"/referrals/{made.id}"))
    assert "still there" in told
    assert "came back" not in told.lower()


@at_night
def test_either_side_asks_for_a_visit_once(world, officer):
    made, row = removed(world)
    visit(row, hours=1, status=404)
    page = f"/referrals/{made.id}"
    assert "Check now" in said(officer.get(page))
    done = officer.post(f"/rechecks/{row.uid}/visit", {"back": "request"}, follow=True)
    assert done.redirect_chain[-1][0] == page
    assert "The hub visits the address within seconds." in said(done)
    assert f'action="/rechecks/{row.uid}/visit"' not in said(done)
    again = officer.post(f"/rechecks/{row.uid}/visit", follow=True)
    assert again.redirect_chain[-1][0] == f"/rechecks/{row.uid}"
    assert "a visit is already due" in said(again)


@at_night
def test_an_agency_reads_and_asks_for_none(world):
    made, row = removed(world)
    agency = world.desk("agency", Role.COORDINATOR)
    assert "Check now" not in said(agency.get(f"/referrals/{made.id}"))
    assert agency.post(f"/rechecks/{row.uid}/visit").status_code == 403


def test_what_agents_met_again_is_told_and_whose_only_to_those_who_may_know(world, officer):
    signal = world.share(kind="pdq")
    made, _row = removed(world, signals=(signal,))
    assert "No agent has found it since." in said(officer.get(f"/referrals/{made.id}"))
    world.outcome(signal, by="provider", count=2)
    world.outcome(signal, by="rival", count=5)
    told = said(officer.get(f"/referrals/{made.id}"))
    assert "Agents met it 7 times since." in told
    assert "The rival: 5" in told
    provider = world.desk("provider", Role.DUTY_OFFICER)
    told = said(provider.get(f"/inbox/referrals/{made.id}"))
    assert "Agents met it 7 times since." in told
    assert "The provider: 2" in told
    assert "The rival" not in told
    assert made.reference in said(officer.get("/rechecks?show=met"))


@at_night
def test_the_list_is_narrowed_to_what_came_back(world, officer):
    assert "No re-checks yet." in said(officer.get("/rechecks"))
    back, row = removed(world)
    visit(row, hours=1, status=404)
    visit(row, hours=2, status=200)
    gone, other = removed(world, url="https://video.example/watch?v=2")
    visit(other, hours=1, status=410)
    every = said(officer.get("/rechecks"))
    assert every.index(back.reference) < every.index(gone.reference)
    told = said(officer.get("/rechecks/_list?show=returned"))
    assert back.reference in told
    assert gone.reference not in told
    assert gone.reference in said(officer.get("/rechecks?show=gone"))
    assert "No re-checks match this filter." in said(officer.get("/rechecks?show=unclear"))
    assert officer.get("/rechecks?show=nonsense").status_code == 200
    assert "First seen gone" in said(officer.get(f"/rechecks/{row.uid}"))


@at_night
def test_each_address_of_an_order_has_a_re_check_on_the_orders_page(world, officer):
    urls = [f"https://provider.example/thread/{one}" for one in (7, 8)]
    made = issue(world, urls=urls)
    body = OrderAnswerIn(annex=ANNEX_2 | {"measure_at": world.now.isoformat()})
    order_answers.execute(made.id, body=body, by=world.actor("provider"), now=world.now)
    while rechecks.follow_requests(world.now):
        pass
    told = said(officer.get(f"/orders/{made.id}"))
    assert len(re.findall(r"<h2[^>]*> ?Re-check of the removal", told)) == 2
    row = Recheck.objects.get(url=urls[1])
    visit(row, hours=1, status=404)
    told = said(officer.get(f"/orders/{made.id}/_blocks"))
    assert told.count("status 404") == 1
    every = said(officer.get("/rechecks"))
    assert "mark--binding" in every
    asked = officer.post(f"/rechecks/{row.uid}/visit", {"back": "request"})
    assert asked.headers["Location"] == f"/orders/{made.id}"


@at_night
def test_an_alert_of_what_was_uploaded_again_leads_to_its_re_check(world, officer):
    signal = world.share(kind="pdq")
    _made, row = removed(world, signals=(signal,))
    world.outcome(signal, by="rival", count=5)
    while rechecks.follow_requests(world.now):
        pass
    rechecks.follow_requests(world.now)
    alerts.raise_from_ledger(world.now)
    page = said(officer.get("/alerts"))
    assert "Uploaded again: RF-" in page
    assert f'href="/rechecks/{row.uid}"' in page
    assert "first noted" in said(officer.get(f"/rechecks/{row.uid}"))


def test_a_reinstated_referral_is_not_visited_any_more(world, officer):
    made, row = removed(world)
    Recheck.objects.filter(pk=row.pk).update(ended_at=world.now, next_at=None)
    told = said(officer.get(f"/referrals/{made.id}"))
    assert "Ended" in told
    assert f'action="/rechecks/{row.uid}/visit"' not in told
    assert "the provider no longer reports that this is gone" in told
