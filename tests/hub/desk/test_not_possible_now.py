# SPDX-License-Identifier: Apache-2.0
"""Acts that only a later state allows: which pages list them, with which reason, and to whom."""

import re
from html import unescape

import pytest

from stemtide.hub.rooms.approvals.models import Approval
from stemtide.hub.rooms.complaints.models import Complaint
from stemtide.hub.rooms.parties.models import Party, SuspensionProposal
from stemtide.hub.rooms.signals.models import Dismissal
from stemtide.hub.rooms.signals.writes import allowlists
from stemtide.protocol.enums import Role
from stemtide.protocol.sync.allowlists import AllowlistIn
from tests import scene
from tests.hub.desk.test_complaints import WRONG, taken
from tests.hub.desk.test_recheck_pages import removed, visit
from tests.rounds import at_night
from tests.world import hex_value

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(world):
    """A duty officer of the agency."""
    return world.desk("agency", Role.DUTY_OFFICER)


def blocked(client, path):
    """Return the reasons on a page, by the title of the act that each forbids."""
    html = client.get(path).content.decode()
    reasons = {}
    for part in re.findall(r'<div class="not-now">.*?</div>', html, re.DOTALL):
        reason = re.search(r"Not possible now:(.*?)</p>", part, re.DOTALL)[1]
        for title in re.findall(r">([^<]+)</button>", part):
            reasons[title] = " ".join(unescape(reason).split())
    return reasons


def test_an_entry_of_the_allow_list_is_put_back_only_once_it_was_removed(world, officer):
    content = {"kind": "sha256", "value": hex_value(7), "source": "Newsroom", "reason": "its logo"}
    body, agency = AllowlistIn(entries=(content,)), world.actor("agency")
    path = f"/allowlist/{allowlists.add(body, by=agency, now=world.now).ids[0]}"
    reason = "the list has an entry of this value: remove that one first"
    assert blocked(officer, path) == {"Put it back": reason}
    assert blocked(world.desk("authority", Role.DUTY_OFFICER), path) == {}
    officer.post(f"{path}/remove", {"remove-reason": "it was wrong"})
    assert list(blocked(officer, path)) == ["Remove it"]


def test_whoever_asked_for_a_second_look_reads_that_another_person_gives_it(world):
    asking = world.desk("provider", Role.COORDINATOR)
    folder = {"kind": "url", "value": "https://site.example/a/", "reach": "folder"}
    world.share(by="provider", **folder)
    Approval.objects.update(asked_ref=f"person:{asking.session['_auth_user_id']}")
    path = f"/approvals/{Approval.objects.get().uid}"
    reason = "you asked for this yourself: another person must look at it"
    assert blocked(asking, path) == {"Approve": reason, "Refuse": reason}
    colleague = world.desk("provider", Role.DUTY_OFFICER)
    assert blocked(colleague, path) == {}
    Party.objects.filter(name="provider").update(standing="suspended")
    officer = world.desk("agency", Role.DUTY_OFFICER)
    assert list(blocked(officer, path)) == ["Approve"]
    Approval.objects.update(state="refused", decided_at=world.now)
    assert blocked(officer, path) == {}


@at_night
def test_a_decision_that_was_taken_back_says_how_to_decide_anew(world, officer):
    world.dispute(world.share())
    officer.post("/parties/provider/set-aside", {"target": "1", "set-aside-1-reason": "It is."})
    reason = "provider has no open dispute: nothing to set aside"
    coordinator = world.desk("agency", Role.COORDINATOR)
    title = "Set aside all open disputes"
    assert blocked(coordinator, "/parties/provider")[title] == reason
    path = f"/disputes/{Dismissal.objects.get().uid}"
    assert blocked(coordinator, path) == {}
    coordinator.post(f"{path}/restore")
    assert list(blocked(coordinator, path)) == ["Undo: count these disputes again"]
    assert blocked(world.desk("provider", Role.DUTY_OFFICER), path) == {}


def test_whoever_proposed_a_suspension_reads_why_they_do_not_confirm_it(world):
    coordinator = world.desk("agency", Role.COORDINATOR)
    fields = {"suspend-reason": "Spam.", "suspend-confirm": "on"}
    page = coordinator.post("/parties/provider/suspend", fields, follow=True)
    target = f"confirm-{SuspensionProposal.objects.get().uid}"
    offers = {offer.id: offer for offer in page.context["offers"]}
    assert "you cannot confirm your own proposal" in offers[target].reason
    assert not offers[target].is_folded


@at_night
def test_an_ended_signal_that_matched_too_much_is_neither_lowered_nor_cleared(world, officer):
    uid, quiet = world.share(tlp="green"), world.share(tlp="green", value=hex_value(9))
    world.report_runaway(uid, by="provider")
    decisions = {"Lower it to hold everywhere", "Clear it: its matches are right"}
    assert not decisions & set(blocked(officer, f"/signals/{uid}"))
    for signal in (uid, quiet):
        world.withdraw(signal)
    assert decisions <= set(blocked(officer, f"/signals/{uid}"))
    assert not decisions & set(blocked(officer, f"/signals/{quiet}"))
    provider = world.desk("provider", Role.DUTY_OFFICER)
    assert not decisions & set(blocked(provider, f"/signals/{uid}"))


@at_night
def test_a_visit_that_is_due_already_is_not_asked_for_again(world):
    officer = world.desk("authority", Role.DUTY_OFFICER)
    _referral, row = removed(world)
    visit(row, hours=1, status=404)
    path = f"/rechecks/{row.uid}"
    assert blocked(officer, path) == {}
    officer.post(f"{path}/visit")
    reason = "a visit is already due: look again in a minute"
    assert blocked(officer, path) == {"Check now": reason}
    assert blocked(world.desk("agency", Role.COORDINATOR), path) == {}


@at_night
def test_a_reason_is_accepted_once_there_is_one(world):
    reviewer = world.desk("provider", Role.DUTY_OFFICER)
    page = taken(world, reviewer)
    reviewer.post(f"{page}/do/uphold", WRONG)
    reason = "Possible once the state is: kept, with a reason."
    assert blocked(reviewer, page) == {"Accept their reason": reason}
    sharer = world.desk("authority", Role.DUTY_OFFICER)
    kept = {"keep-reason": "It shows the attacker's own film."}
    sharer.post(f"/complaints/asked/{Complaint.objects.get().uid}/do/keep", kept)
    assert blocked(reviewer, page) == {}


def test_a_complaint_is_not_upheld_while_an_order_binds(world):
    reviewer, order = world.desk("provider", Role.DUTY_OFFICER), scene._orders(world)["order"]
    page = taken(world, reviewer, basis="order", ground=order, measure="removed")
    reasons = blocked(reviewer, page)
    assert list(reasons) == ["Uphold the complaint"]
    assert "a removal order binds you while it has effect" in reasons["Uphold the complaint"]
