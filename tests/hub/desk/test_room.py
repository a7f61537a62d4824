# SPDX-License-Identifier: Apache-2.0
"""The room of a crisis: who sees the page, which forms stand on it, and what they do."""

import re
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from stemtide.hub.desk.crises import blocks as room_blocks
from stemtide.hub.rooms.crises.reads import life as reads_life
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.protocol.enums import JoinState, Role
from tests.hub.desk.conftest import PDQ
from tests.hub.desk.test_board import text
from tests.rounds import at_night

pytestmark = pytest.mark.django_db
ACT = re.compile(r'action="/crises/[0-9a-f-]+/do/([a-z-]+)"')


@pytest.fixture(autouse=True)
def _nothing_made_before():
    room_blocks.block_cache.clear()


def forms(page):
    """The acts whose forms stand on a page, each once."""
    return set(ACT.findall(page.content.decode()))


def life(world, uid):
    return reads_life.life(uid, viewer=world.party["agency"])


# Who sees it, and which forms stand on it: written out, by party, role and stage

CHECKS = {"answer", "measure", "widen"}
AROUND = {"mirror"}
ROLES = {"take-role", "give-role"}
WARNING = {
    ("authority", Role.DUTY_OFFICER): {"triage", "close", "invite"} | CHECKS | AROUND | ROLES,
    ("authority", Role.COORDINATOR): {"triage", "close", "invite"} | CHECKS | AROUND | ROLES,
    ("authority", Role.ANALYST): {"triage"} | CHECKS | AROUND | ROLES,
    ("authority", Role.ADMINISTRATOR): {"triage"} | CHECKS | AROUND | ROLES,
    ("authority", Role.DATA_PROTECTION_OFFICER): set(),
    ("authority", Role.OBSERVER): set(),
    ("agency", Role.DUTY_OFFICER): {"triage", "close", "invite"} | CHECKS | AROUND | ROLES,
    ("agency", Role.ANALYST): {"triage"} | CHECKS | AROUND | ROLES,
    ("neighbour", Role.DUTY_OFFICER): {"join"},
    ("neighbour", Role.ANALYST): set(),
    ("provider", Role.DUTY_OFFICER): None,
    ("observer", Role.DUTY_OFFICER): None,
}
INVITED = {
    ("authority", Role.DUTY_OFFICER): {"triage", "close", "invite", "uninvite"}
    | CHECKS
    | AROUND
    | ROLES,
    ("provider", Role.DUTY_OFFICER): {"join", "decline"},
    ("provider", Role.COORDINATOR): {"join", "decline"},
    ("provider", Role.ANALYST): set(),
    ("provider", Role.OBSERVER): set(),
    ("rival", Role.DUTY_OFFICER): None,
    ("observer", Role.DUTY_OFFICER): None,
}
LIVE = {
    ("authority", Role.DUTY_OFFICER): (
        {"keep", "deescalate", "propose-close", "invite"} | CHECKS | AROUND | ROLES
    ),
    ("authority", Role.ANALYST): CHECKS | AROUND | ROLES,
    ("agency", Role.COORDINATOR): (
        {"keep", "deescalate", "propose-close", "invite"} | CHECKS | AROUND | ROLES
    ),
    ("provider", Role.DUTY_OFFICER): {"leave"} | ROLES,
    ("provider", Role.ANALYST): ROLES,
    ("neighbour", Role.DUTY_OFFICER): {"join"},
    ("rival", Role.DUTY_OFFICER): None,
    ("observer", Role.DUTY_OFFICER): None,
}


def check(world, uid, table):
    for (party, role), wanted in table.items():
        page = world.desk(party, role).get(f"/crises/{uid}")
        if wanted is None:
            assert page.status_code == 404, (party, role)
        else:
            assert page.status_code == 200, (party, role)
            assert forms(page) == wanted, (party, role)


@at_night
def test_what_stands_on_the_page_of_a_warning(world):
    check(world, world.crisis(), WARNING)


@at_night
def test_what_stands_there_for_whom_it_invited(world):
    uid = world.crisis()
    desk = world.desk("authority", Role.COORDINATOR)
    desk.post(f"/crises/{uid}/do/invite", {"target": "", "invite-parties": ["provider"]})
    check(world, uid, INVITED)


@at_night
def test_what_stands_on_the_page_of_a_live_crisis(world):
    check(world, world.crisis(active=True, joined=("provider",)), LIVE)


def test_a_stranger_gets_404_for_every_address_of_a_room(world):
    uid = world.crisis()
    stranger = world.desk("provider", Role.DUTY_OFFICER)
    for path in ("", "/_blocks", "/content", f"/content/{uuid4()}"):
        assert stranger.get(f"/crises/{uid}{path}").status_code == 404, path
    assert stranger.post(f"/crises/{uid}/do/join").status_code == 404
    assert stranger.get(f"/crises/{uuid4()}").status_code == 404


# Acts


@at_night
def test_a_crisis_is_played_from_warning_to_closure_at_the_desk(world):
    officer = world.desk("authority", Role.DUTY_OFFICER)
    other = world.desk("agency", Role.COORDINATOR)
    sent = {
        "warning-name": "Attack at the harbour",
        "warning-happened_at": "2020-01-01T10:00",
        "warning-countries": "be, NL",
        "warning-framework": "eucp-2023",
        "warning-summary": "",
    }
    answer = officer.post("/crises/new", sent)
    assert answer.status_code == 302, text(answer)
    path = answer.headers["Location"]
    uid = path.rpartition("/")[2]

    def do(desk, verb, target="", **fields):
        prefix = f"{verb}-{target}" if target else verb
        said = {f"{prefix}-{name}": value for name, value in fields.items()}
        done = desk.post(f"{path}/do/{verb}", {"target": target} | said)
        assert done.status_code == 302, text(done)

    do(officer, "triage", harm="4", virality="3")
    assert life(world, uid).triages[-1].outcome == "activate"
    for test in life(world, uid).checks:
        do(officer, "answer", test.test, answer="yes", evidence="seen")
    do(officer, "widen", countries="se, fi")
    do(officer, "measure", country="BE", measure="referrals", insufficient="hosts abroad")
    do(officer, "invite", parties=["provider"])
    do(officer, "propose-activate", reason="it spreads")
    proposal = str(life(world, uid).proposals[-1].id)
    page = officer.get(path)
    assert "confirm" not in forms(page)
    assert "withdraw" in forms(page)
    assert {"confirm", "refuse"} <= forms(other.get(path))
    do(other, "confirm", proposal)
    assert life(world, uid).activated_at
    do(world.desk("provider", Role.DUTY_OFFICER), "join")
    states = {one.party: one.state for one in life(world, uid).participants}
    assert states["provider"] is JoinState.JOINED
    do(officer, "keep", reason="variants still come", next_h="12")
    do(officer, "deescalate", reason="fewer variants")
    do(other, "resume", reason="it flares up")
    do(officer, "propose-close", reason="it is over")
    do(other, "confirm", str(life(world, uid).proposals[-1].id))
    found = life(world, uid)
    assert found.closed_at
    assert "propose-close" not in forms(officer.get(path))


@at_night
def test_one_party_activates_as_an_emergency_and_another_confirms(world):
    path = f"/crises/{world.crisis(ready=True)}"
    officer = world.desk("authority", Role.DUTY_OFFICER)
    sent = {"target": "", "propose-activate-reason": "it spreads"}
    assert officer.post(f"{path}/do/propose-activate", sent).status_code == 302
    assert "activate-now" in forms(officer.get(path))
    sent = {"target": "", "activate-now-reason": "nobody else answers"}
    assert officer.post(f"{path}/do/activate-now", sent).status_code == 302
    page = officer.get(path)
    assert "Activated as an emergency" in text(page)
    assert not {"activate-now", "confirm", "refuse"} & forms(page)
    agency = world.desk("agency", Role.COORDINATOR)
    assert {"confirm", "refuse"} <= forms(agency.get(path))
    proposal = str(life(world, path.rpartition("/")[2]).proposals[-1].id)
    assert agency.post(f"{path}/do/confirm", {"target": proposal}).status_code == 302
    assert "Activated as an emergency" not in text(agency.get(path))
    assert life(world, path.rpartition("/")[2]).activated_at


@at_night
def test_who_may_confirm_a_proposal_is_not_shown_the_emergency_instead(world):
    path = f"/crises/{world.crisis(ready=True)}"
    sent = {"target": "", "propose-activate-reason": "it spreads"}
    officer = world.desk("authority", Role.DUTY_OFFICER)
    assert officer.post(f"{path}/do/propose-activate", sent).status_code == 302
    agency = world.desk("agency", Role.COORDINATOR)
    assert "confirm" in forms(agency.get(path))
    assert "activate-now" not in forms(agency.get(path))
    sent = {"target": "", "activate-now-reason": "nobody else answers"}
    refused = agency.post(f"{path}/do/activate-now", sent, follow=True)
    assert "confirm that proposal instead" in text(refused)


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(world):
    uid = world.crisis()
    desk = world.desk("authority", Role.DUTY_OFFICER)
    page = desk.post(
        f"/crises/{uid}/do/triage",
        {"target": "", "triage-harm": "4", "triage-virality": "4", "triage-outcome": "as_usual"},
    )
    assert page.status_code == 422
    html = page.content.decode()
    assert "give a reason for another result" in html
    assert 'id="id_triage-reason_error"' in html
    assert 'aria-invalid="true"' in html
    assert '<option value="4" selected' in html
    assert life(world, uid).triages == []


@at_night
def test_a_form_without_its_fields_is_wrong(world):
    uid = world.crisis()
    desk = world.desk("authority", Role.DUTY_OFFICER)
    for verb in ("triage", "measure", "close", "invite", "mirror"):
        assert desk.post(f"/crises/{uid}/do/{verb}").status_code == 422, verb


def test_an_act_that_the_rules_refuse_is_refused(world):
    uid = world.crisis()
    analyst = world.desk("authority", Role.ANALYST)
    sent = {"close-reason": "nothing in it"}
    assert analyst.post(f"/crises/{uid}/do/close", sent).status_code == 403
    assert not life(world, uid).closed_at


@at_night
def test_an_act_on_what_is_not_there_is_not_found_or_told(world):
    uid = world.crisis(active=True)
    desk = world.desk("authority", Role.DUTY_OFFICER)
    assert desk.post(f"/crises/{uid}/do/nonsense").status_code == 404
    lost = desk.post(f"/crises/{uid}/do/confirm", {"target": str(uuid4())})
    assert lost.status_code == 404
    strange = desk.post(f"/crises/{uid}/do/confirm", {"target": "no id"})
    assert strange.status_code in {302, 404}


def test_a_late_form_is_told_what_happened_meanwhile(world):
    uid = world.crisis()
    desk = world.desk("authority", Role.DUTY_OFFICER)
    desk.post(f"/crises/{uid}/do/close", {"close-reason": "nothing in it"})
    sent = {"triage-harm": "1", "triage-virality": "1"}
    late = desk.post(f"/crises/{uid}/do/triage", sent, follow=True)
    assert "only a warning can be rated" in text(late)


@at_night
def test_a_provider_takes_part_by_its_own_act(world):
    uid = world.crisis()
    world.desk("authority", Role.COORDINATOR).post(
        f"/crises/{uid}/do/invite", {"target": "", "invite-parties": ["provider"]}
    )
    desk = world.desk("provider", Role.DUTY_OFFICER)
    before = text(desk.get(f"/crises/{uid}"))
    assert "Situation log" not in before
    assert "Checklist" not in before
    desk.post(f"/crises/{uid}/do/join")
    after = text(desk.get(f"/crises/{uid}"))
    assert "Situation log" in after
    assert "Checklist" in after


# Fragments


def test_a_fragment_holds_no_token_and_every_block_once(world):
    uid = world.crisis(active=True)
    html = world.desk("authority", Role.DUTY_OFFICER).get(f"/crises/{uid}/_blocks").content.decode()
    assert "csrfmiddlewaretoken" not in html
    ids = re.findall(r'id="(block-[a-z]+)" hx-swap-oob', html)
    assert sorted(ids) == sorted(set(ids))
    assert {"block-head", "block-next", "block-clusters", "block-moment"} <= set(ids)


@at_night
def test_every_id_on_the_page_is_there_once(world):
    uid = world.crisis(active=True, joined=("provider",))
    world.share(crisis=uid)
    html = world.desk("authority", Role.DUTY_OFFICER).get(f"/crises/{uid}").content.decode()
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert [one for one in set(ids) if ids.count(one) > 1] == []


def test_an_act_shows_in_the_next_fragment_of_everybody(world):
    uid = world.crisis()
    one, other = world.desk("authority", Role.DUTY_OFFICER), world.desk("agency")
    assert "0 yes of 6" in text(other.get(f"/crises/{uid}/_blocks"))
    test = life(world, uid).checks[0].test
    one.post(f"/crises/{uid}/do/answer", {"target": test, f"answer-{test}-answer": "yes"})
    assert "1 yes of 6" in text(other.get(f"/crises/{uid}/_blocks"))


@at_night
def test_fragments_are_made_once_for_those_who_see_the_same(world):
    uid = world.crisis(active=True)
    first = world.desk("agency", Role.ANALYST)
    second = world.desk("agency", Role.DUTY_OFFICER)
    first.get(f"/crises/{uid}/_blocks")
    second.get(f"/crises/{uid}/_blocks")
    asked = []
    for _ in range(3):  # they are made anew every few seconds, which may end between two
        with CaptureQueriesContext(connection) as queries:
            first.get(f"/crises/{uid}/_blocks")
        asked.append(len(queries))
    assert min(asked) <= 13


def test_what_a_party_may_not_see_is_not_in_what_is_kept_for_another(world):
    uid = world.crisis(active=True, joined=("provider",))
    world.share(crisis=uid, tlp="red", audience=("agency",), labels=["manifesto"])
    agency = world.desk("agency").get(f"/crises/{uid}/_blocks").content.decode()
    provider = world.desk("provider").get(f"/crises/{uid}/_blocks").content.decode()
    assert "Manifesto" in agency
    assert "Manifesto" not in provider


@at_night
def test_a_page_writes_nothing(world):
    uid = world.crisis(active=True)
    before = Entry.objects.count()
    desk = world.desk("authority", Role.DUTY_OFFICER)
    for path in ("", "/_blocks", "/content"):
        desk.get(f"/crises/{uid}{path}")
    assert Entry.objects.count() == before + 1  # the person of this test


@at_night
def test_without_javascript_the_page_reloads_where_somebody_asks_for_it(world):
    uid = world.crisis()
    desk = world.desk("authority")
    assert "Refresh" not in desk.get(f"/crises/{uid}").headers
    assert desk.get(f"/crises/{uid}?every=15").headers["Refresh"] == "15"


# Pages around it


@at_night
def test_the_list_of_crises_leads_to_the_form_for_those_who_may_warn(world):
    world.crisis()
    page = world.desk("authority").get("/crises")
    assert "Attack at the harbour" in text(page)
    assert 'href="/crises/new"' in page.content.decode()
    for party, role in (("observer", Role.DUTY_OFFICER), ("authority", Role.OBSERVER)):
        desk = world.desk(party, role)
        assert 'href="/crises/new"' not in desk.get("/crises").content.decode()
        assert desk.get("/crises/new").status_code == 403


def test_a_warning_that_is_wrong_says_where(world):
    desk = world.desk("authority", Role.DUTY_OFFICER)
    sent = {
        "warning-name": "Attack",
        "warning-happened_at": "2999-01-01T10:00",
        "warning-countries": "XX",
        "warning-framework": "eucp-2023",
    }
    page = desk.post("/crises/new", sent)
    assert page.status_code == 422
    assert "not an ISO 3166-1" in text(page)
    page = desk.post("/crises/new", sent | {"warning-countries": "BE"})
    assert "is in the future" in text(page)


@at_night
def test_all_clusters_and_one_have_pages(world):
    uid = world.crisis(active=True)
    signal = world.share(crisis=uid)
    desk = world.desk("agency")
    assert "1 cluster" in text(desk.get(f"/crises/{uid}/content"))
    assert "Livestream" in text(desk.get(f"/crises/{uid}/content/{signal}"))
    assert desk.get(f"/crises/{uid}/content/{uuid4()}").status_code == 404


@at_night
def test_a_cluster_shows_distances_and_where_it_was_seen(world):
    uid = world.crisis(active=True, joined=("provider", "rival"))
    first = world.share(crisis=uid, tlp="green")
    near = f"{int(PDQ, 16) ^ 0b111:064x}"
    second = world.share(crisis=uid, tlp="green", value=near)
    world.outcome(first, by="provider", count=40)
    world.outcome(second, by="rival", count=2)
    where = f"/crises/{uid}/content/{first}"
    page = world.desk("authority", Role.DUTY_OFFICER).get(where)
    assert "3 of 256 bits" in text(page)
    assert "The provider last" in text(page)
    assert "All providers 42" in text(page)
    own = text(world.desk("provider", Role.DUTY_OFFICER).get(where))
    assert "The rival last" not in own
    assert "All providers 42" in own


@at_night
def test_a_cluster_shows_its_curve_and_its_languages_and_compares_pictures(world):
    uid = world.crisis(active=True, joined=("provider", "rival"))
    first = world.share(crisis=uid, tlp="green")
    world.share(crisis=uid, tlp="green", value=f"{int(PDQ, 16) ^ 0b11111:064x}")
    world.share(crisis=uid, tlp="green", value=f"{int(PDQ, 16) ^ 0b111:064x}")
    world.outcome(first, by="provider", count=40, language="de")
    world.outcome(first, by="rival", count=2, language="mt", outcome="held")
    where = f"/crises/{uid}/content/{first}"
    page = text(world.desk("authority", Role.DUTY_OFFICER).get(where))
    assert "Seen: 42. Blocked: 40." in page
    assert "German 40" in page
    assert "Maltese 2" in page
    pictures = page[page.index("Pictures side by side") : page.index("Those that match first")]
    assert re.findall(r"(\d+) of 256 bits", pictures) == ["0", "3", "5"]
    own = text(world.desk("rival", Role.DUTY_OFFICER).get(where))
    assert "Seen: 42. Blocked: 40." in own
    assert "Maltese 2" in own
    assert "German" not in own


@at_night
def test_a_single_picture_is_compared_with_nothing(world):
    uid = world.crisis(active=True)
    only = world.share(crisis=uid)
    page = text(world.desk("agency").get(f"/crises/{uid}/content/{only}"))
    assert "side by side" not in page
    assert "Matches and outcomes" not in page


@at_night
def test_the_curve_stands_beside_its_figures(world):
    uid = world.crisis(active=True)
    signal = world.share(crisis=uid, tlp="green")
    world.outcome(signal, by="provider", count=40)
    world.outcome(signal, by="rival", count=2)
    page = world.desk("agency").get(f"/crises/{uid}")
    assert "Seen: 42. Blocked: 42." in text(page)
    assert "The rival" in text(page)
    own = world.desk("provider").get(f"/crises/{uid}")
    assert own.status_code == 404


@at_night
def test_a_warning_at_the_desk_leaves_the_time_unknown_and_takes_the_newest_framework(world):
    officer = world.desk("authority", Role.DUTY_OFFICER)
    page = officer.get("/crises/new").content.decode()
    assert 'value="eu-ocrf-2026" selected' in page
    assert not re.search(r'name="warning-happened_at"[^>]*value=', page)
    sent = {"warning-name": "Attack", "warning-countries": "BE"}
    sent["warning-framework"] = "eu-ocrf-2026"
    opened = officer.post("/crises/new", sent, follow=True)
    assert "Event unknown" in text(opened)
    assert "Since the event unknown" in text(officer.get("/crises"))
