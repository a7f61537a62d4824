# SPDX-License-Identifier: Apache-2.0
import re

import pytest
from django.db import transaction

from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.protocol.enums import Outcome, Role
from tests.hub.desk.conftest import PDQ
from tests.rounds import at_night, few

pytestmark = pytest.mark.both_databases


def text(answer):
    plain = re.sub(
        r"<(script|style).*?</\1>|<[^>]+>", " ", answer.content.decode(), flags=re.DOTALL
    )
    return re.sub(r"\s+", " ", plain)


def figure(answer, name):
    found = re.search(rf'id="figure-{name}">(.*?)</dd>', answer.content.decode(), re.DOTALL)
    return re.sub(r"<[^>]+>|\s+", " ", found[1]).split()


def test_an_empty_board_says_what_to_do_next(world):
    page = text(world.desk("authority").get("/"))
    assert "No crisis is open." in page
    assert "Nothing is shared that your party may see." in page
    assert "stemtide signal share FILE" in page
    assert "stemtide agent start" in page
    assert "No match has been reported yet." in page


def test_the_board_tells_the_story_of_a_signal(world):
    uid = world.share(by="authority", confidence=90, pap="amber", tlp="green")
    world.outcome(uid, by="provider", count=1204)
    world.outcome(uid, by="provider", outcome=Outcome.REVERSED, count=2)
    world.dispute(uid, by="agency")
    page = text(world.desk("agency").get("/"))
    for words in (
        *("Livestream", "live", "disputed", "high severity", "TLP:GREEN", "PAP:AMBER"),
        *("The authority", "90 % sure", "does not expire", "2 reversed"),
        "1 202 blocked",
    ):
        assert words in page


@pytest.mark.parametrize(
    ("viewer", "sees"),
    [
        ("authority", {"red", "amber+strict", "amber", "green", "clear"}),
        ("neighbour", {"amber+strict", "amber", "green", "clear"}),
        ("agency", {"red", "amber+strict", "amber", "green", "clear"}),
        ("provider", {"amber+strict", "amber", "green", "clear"}),
        ("observer", {"green", "clear"}),
    ],
)
@pytest.mark.parametrize("path", few((0,), of=["/", "/board/_blocks"]))
def test_each_viewer_sees_what_its_marks_let_in(world, viewer, sees, path):
    for number, tlp in enumerate(("red", "amber+strict", "amber", "green", "clear")):
        named = ["agency"] if tlp == "red" else []
        world.share(tlp=tlp, value=f"{number}{PDQ[1:]}", audience=named)
    answer = world.desk(viewer).get(path)
    assert {one.lower() for one in re.findall(r"TLP:([A-Z+]+)", text(answer))} == sees
    assert figure(answer, "live") == [str(len(sees))]


@pytest.mark.parametrize(
    ("viewer", "names", "blocked"),
    few(
        (2, 4),
        of=[
            ("authority", {"The provider", "The rival"}, "7"),
            ("agency", {"The provider", "The rival"}, "7"),
            ("provider", {"The provider"}, "7"),
            ("rival", {"The rival"}, "7"),
            ("observer", set(), "7"),
        ],
    ),
)
def test_each_viewer_sees_the_sightings_that_concern_it(world, viewer, names, blocked):
    uid = world.share(tlp="green")
    world.outcome(uid, by="provider", count=3)
    world.outcome(uid, by="rival", count=4)
    answer = world.desk(viewer).get("/")
    html = answer.content.decode()
    assert set(re.findall(r'sighting__party">([^<]+)<', html)) == names
    assert f"All providers {blocked} blocked" in text(answer)
    assert figure(answer, "blocked") == [blocked]


@pytest.mark.parametrize(
    ("viewer", "sees"),
    few(
        (2, 4),
        of=[
            ("authority", {"provider", "rival"}),
            ("agency", {"provider", "rival"}),
            ("provider", {"provider"}),
            ("rival", {"rival"}),
            ("observer", set()),
        ],
    ),
)
def test_each_viewer_sees_the_agents_that_concern_it(world, viewer, sees):
    world.agent("provider")
    world.agent("rival")
    page = world.desk(viewer).get("/").content.decode()
    assert set(re.findall(r'id="agent-(\w+)-uploads"', page)) == sees


@at_night
def test_an_agent_says_how_it_stands(world):
    world.share()
    world.share(value=f"0{PDQ[1:]}")
    world.agent("provider", position=1, seconds_ago=-60)  # none falls silent meanwhile
    world.agent("rival", position=2, seconds_ago=61)
    answer = world.desk("agency").get("/")
    page = text(answer)
    assert figure(answer, "agents") == ["1", "of", "2"]
    assert figure(answer, "behind") == ["1", "change"]
    assert "uploads · 1.2.3" in page
    assert "offline last contact 1 min ago" in page


def test_fingerprints_of_one_content_stand_in_one_row(world):
    content = "11111111-1111-4111-8111-111111111111"
    world.share(content=content)
    world.share(content=content, kind="md5", value="a" * 32)
    page = world.desk("agency").get("/").content.decode()
    assert page.count('class="signal signal--live"') == 1
    assert "MD5" in page


def test_a_withdrawn_signal_says_so(world):
    world.withdraw(world.share())
    page = text(world.desk("agency").get("/"))
    assert "withdrawn high severity" in page
    assert re.search(r"withdrawn (just now|\d+ s ago)", page)


@at_night
def test_a_crisis_stands_on_top_with_its_clocks(world):
    world.crisis(active=True, joined=("observer",))
    page = text(world.desk("observer", Role.OBSERVER).get("/"))
    assert "Active Attack at the harbour BE, NL" in page
    assert re.search(r"Since the event 02:00:\d\d", page)
    assert re.search(r"Since activation 00:00:\d\d", page)


def test_an_observer_learns_of_no_early_warning(world):
    uid = world.crisis()
    desk = world.desk("observer")
    assert "Attack at the harbour" not in text(desk.get("/"))
    assert desk.get(f"/crises/{uid}").status_code == 404


def test_the_ledger_names_nobody_whom_the_viewer_may_not_know(world):
    world.share(tlp="red", audience=["agency"])
    assert "The authority shared a signal" in text(world.desk("authority").get("/"))
    assert "Someone else shared a signal" in text(world.desk("provider").get("/"))


@at_night
def test_the_ledger_counts_what_repeats_and_leaves_alerts_out(world):
    for number in range(3):
        world.share(value=f"{number}{PDQ[1:]}")
    with transaction.atomic():
        ledger.append("alerts.raised", actor="clock", subject="position:1", now=world.now)
    page = text(world.desk("authority").get("/"))
    assert page.count("The authority shared a signal") == 1
    assert re.search(r"The authority shared a signal . 3 ", page)
    assert "alerted parties" not in page


@at_night
def test_older_content_is_on_the_next_page_of_the_board(world):
    for number in range(13):
        world.share(value=f"{number:x}{PDQ[1:]}")
    desk = world.desk("agency")
    first, second = desk.get("/"), desk.get("/board/_blocks?page=2")
    assert [text(page).count("PDQ ") for page in (first, second)] == [12, 1]
    assert f"0{PDQ[1:8]}" in text(second)
    assert 'href="/?page=2#signals-title">Older' in first.content.decode()
    assert 'href="/?page=1#signals-title">Newer' in second.content.decode()


def test_an_exercise_is_marked_as_one(world):
    world.share(exercise=True)
    assert "Exercise" in text(world.desk("agency").get("/"))


def test_only_those_who_ask_get_a_page_that_reloads_itself(world):
    desk = world.desk("agency")
    assert "Refresh" not in desk.get("/").headers
    assert desk.get("/?every=15").headers["Refresh"] == "15"
    assert "Refresh" not in desk.get("/?every=0").headers


@at_night
def test_the_figures_follow_every_change(world):
    desk = world.desk("agency")
    uid = world.share(tlp="green")
    seen = [figure(desk.get("/"), "live")]
    world.share(value=f"0{PDQ[1:]}")
    seen.append(figure(desk.get("/"), "live"))
    world.outcome(uid, by="provider", count=3)
    assert figure(desk.get("/"), "blocked") == ["3"]
    world.dispute(uid, by="agency")
    assert "1 disputed" in text(desk.get("/"))
    world.withdraw(uid)
    page = desk.get("/")
    seen.append(figure(page, "live"))
    assert seen == [["1"], ["2"], ["1"]]
    assert "0 disputed" in text(page)
    assert text(page).count("disputed") == 1
    assert "disputed" not in text(desk.get(f"/signals/{uid}"))


@at_night
def test_the_board_and_the_inbox_show_what_waits_for_a_second_look(world):
    folder = "https://bad.example/video/12/"
    world.share(by="provider", kind="url", value=folder, reach="folder", quality=None)
    for viewer, path in (("agency", "/"), ("provider", "/inbox")):
        page = text(world.desk(viewer).get(path))
        assert re.search(r"Waiting for a second look 1 Share signals \(1\) · The provider", page)
        assert "expires: 23:59" in page
        assert "your party may decide" in page
    assert "Waiting for a second look" not in text(world.desk("rival").get("/inbox"))


@at_night
@pytest.mark.parametrize(
    ("viewer", "sees"),
    [("authority", 2), ("agency", 2), ("provider", 2), ("rival", 1), ("observer", 0)],
)
def test_each_viewer_sees_the_signals_that_match_too_much_and_concern_it(world, viewer, sees):
    """The rival reported a signal of the provider, which reported one of the authority."""
    for by, reporter in (("authority", "provider"), ("provider", "rival")):
        uid = world.share(by=by, kind="sha256", value=f"{len(by)}" * 64, tlp="green")
        world.report_runaway(uid, by=reporter)
    page = world.desk(viewer).get("/").content.decode()
    assert page.count('mark--calm">reported by agents</span>') == sees


@at_night
def test_a_signal_that_matches_too_much_leaves_the_board_once_an_agency_clears_it(world):
    uid = world.share(tlp="green")
    world.report_runaway(uid, by="provider")
    desk = world.desk("agency", Role.DUTY_OFFICER)
    desk.post(f"/signals/{uid}/do/lower", {"lower-text": "It is a logo."})
    assert "PDQ holds everywhere" in text(desk.get("/"))
    desk.post(f"/signals/{uid}/do/clear", {"clear-text": "It is the attack."})
    assert "match too much" not in text(desk.get("/board/_blocks"))
