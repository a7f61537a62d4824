# SPDX-License-Identifier: Apache-2.0
"""A director in one browser runs an exercise on a hub in use; people in others play in it."""

import re

import pytest
from playwright.sync_api import expect

from stemtide.exercises import processes
from tests.flows import beginnings
from tests.flows.conftest import WIDE, House, until
from tests.flows.test_desk_sharing import officer

pytestmark = [pytest.mark.flow, pytest.mark.browser]

WARNING = {"name": "Fire at a harbour", "countries": ["BE", "FR"]}
VIDEOS = "duty@big-videos.example"
TO_THE_END_MS = 900_000
THREAT = "EXERCISE. A comment announces an attack this evening, in the second state."


class Rehearsal:
    """A hub with its parties, the player as a process, and people in browsers."""

    def __init__(self, chromium, house, folder):
        self.chromium, self.house, self.folder = chromium, house, folder
        self.player = None
        self.director = self.person(house.email)

    def person(self, email):
        address = self.house.hub.address
        return officer(self.chromium, address, self.house.password, who=email, viewport=WIDE)

    def prepare(self, scenario, *, speed, **people):
        """Prepare an exercise at the desk; its control room."""
        page = self.director
        page.goto("/exercises")
        page.get_by_role("link", name=f"Prepare {scenario}").click()
        page.get_by_label("Speed").fill(str(speed))
        for member, party in people.items():
            page.locator(f"[name=member-{member.replace('_', '-')}]").select_option(party)
        page.get_by_role("button", name="Prepare the exercise").click()
        page.wait_for_url(re.compile("/exercises/[0-9a-f]{8}-"))
        return page.url

    def start(self):
        """Start the player, and then the exercise."""
        command = [processes.command(), "exercise", "play", "--hub", self.house.hub.address]
        key = {"STEMTIDE_KEY": self.house.told["player"]}
        running = processes.Running("the player", command, self.folder / "player.log", key)
        with running.log.open("ab") as log:
            running.process = running.launch(log)
        self.player = running
        expect(self.director.get_by_text("player connected")).to_be_visible()
        self.director.get_by_role("button", name="Start").click()

    def result(self):
        """What the player printed at its end."""
        text = self.player.process.stdout.read().decode()
        assert self.player.process.wait() == 0, self.player.tail()
        return text

    def close(self):
        if self.player is not None:
            self.player.stop()
        self.house.close()


@pytest.fixture
def rehearsal(chromium, tmp_path, running_hub, _own_settings):
    house = House(tmp_path, beginning=beginnings.of_cast("rehearsal"), hub=running_hub)
    rehearsal = Rehearsal(chromium, house, tmp_path)
    yield rehearsal
    rehearsal.close()


def step(page, title):
    """The row of a step on the time line."""
    return page.locator("tr", has=page.get_by_role("rowheader", name=title))


def test_exercise_a_director_injects_pauses_for_what_is_real_and_ends(rehearsal):
    director, french = rehearsal.director, rehearsal.person("duty@french.example")
    control = rehearsal.prepare("False alarm", speed=60, second_authority="fr-crisis-centre")
    french.goto("/exercises")
    french.get_by_role("link", name="False alarm").click()
    expect(french.get_by_text("Crisis Centre of the second state").first).to_be_visible()
    rehearsal.start()
    director.get_by_role("button", name="Inject now: theatre answers").click()
    expect(french.get_by_text("it is from a play of last year")).to_be_visible()
    expect(step(director, "theatre answers")).to_contain_text("done")

    real = rehearsal.house.authority.post("/api/v1/crises", json=WARNING).json()["id"]
    director.goto(f"/crises/{real}")
    director.get_by_role("button", name="Pause it: this crisis is REAL").click()
    expect(director).to_have_url(control)
    expect(director.get_by_role("alert")).to_contain_text("REAL: paused for a real crisis")
    expect(french.get_by_role("alert")).to_contain_text("REAL")
    french.goto("/alerts")
    told = french.get_by_role("article").filter(has_text="REAL: the exercise is paused")
    expect(told).to_be_visible()
    expect(told.get_by_text("Exercise", exact=True)).to_have_count(0)

    director.get_by_label("Observation", exact=True).fill("Both teams stopped at once.")
    director.get_by_role("button", name="Note").click()
    expect(director.locator("#control")).to_contain_text("Both teams stopped at once.")
    director.get_by_role("button", name="Resume").click()
    director.get_by_label("For good").check()
    director.get_by_role("button", name="End the exercise").click()
    expect(director.get_by_text("Its bots can no longer act")).to_be_visible()
    assert "objectives met" in rehearsal.result()
    bots = "SELECT count(*) FROM parties_apikey k JOIN parties_party p ON p.id = k.party_id"
    live = f"{bots} WHERE p.exercise AND k.revoked_at IS NULL"
    assert rehearsal.house.rows(live) == [(0,)]
    assert rehearsal.house.ledger_has_no_gap()


def test_exercise_two_people_play_a_livestream_in_two_states_to_the_end(rehearsal):
    """At speed 30 it takes six minutes; bots play the other four parties."""
    director = rehearsal.director
    french, videos = rehearsal.person("duty@french.example"), rehearsal.person(VIDEOS)
    people = {"second_authority": "fr-crisis-centre", "big_videos": "big-videos"}
    rehearsal.prepare("Livestream in two states", speed=30, **people)
    for page in (french, videos):
        page.goto("/exercises")
        page.get_by_role("link", name="Livestream in two states").click()
    rehearsal.start()
    expect(videos.get_by_text("An officer on duty sees a live stream")).to_be_visible()
    join(french)
    director.get_by_label("Message").fill("EXERCISE. Who has seen the film elsewhere?")
    director.get_by_role("button", name="Post").click()
    room = french.url
    button = french.get_by_role("button", name="Confirm as the second person")
    until(lambda: reloaded(french, room) and button.count(), tries=1200)
    button.click()
    expect(french.get_by_text("Who has seen the film elsewhere?").first).to_be_visible()
    join(videos)
    report_threat(videos)
    french.goto("/leads")
    french.get_by_role("link", name="Big Videos").first.click()
    french.get_by_role("button", name="Confirm receipt").click()
    french.get_by_role("button", name="Pass it on").click()
    expect(director.get_by_role("heading", name="Minute 180 of 180")).to_be_visible(
        timeout=TO_THE_END_MS
    )
    assert "objectives met" in rehearsal.result()
    director.reload()
    for title in (
        *("second authority joins", "confirm Crisis Centre of the second state"),
        *("big videos joins", "pass on threat"),
    ):
        expect(step(director, title).first).to_contain_text("people did it")
    for text in ("The protocol is active within", "The threat to life is passed on within"):
        expect(director.get_by_role("listitem").filter(has_text=text)).to_contain_text("met")


def reloaded(page, address):
    """Open a page anew; True."""
    page.goto(address)
    return True


def join(page):
    """Join the crisis of the exercise, once somebody has invited the party."""
    button = page.get_by_role("button", name="Join this crisis")
    link = page.get_by_role("link", name="EXERCISE: attack streamed live")

    def is_invited():
        page.goto("/crises")
        if link.count():
            link.first.click()
            page.wait_for_load_state()
        return button.count()

    until(is_invited, tries=1200)
    button.click()
    expect(button).to_have_count(0)


def report_threat(page):
    """Report the threat to life, as part of the crisis that is open."""
    page.goto(f"/leads/new?crisis={page.url.rpartition('/')[2]}")
    page.get_by_label("How much is known?").select_option("high_specific")
    page.get_by_role("checkbox").first.check()
    page.locator("[name=country]").fill("FR")
    page.get_by_label("What you know").fill(THREAT)
    page.get_by_label("Why you think that a life is in danger").fill("It names a place.")
    page.locator("[name=callback]").fill("+32 2 555 0199")
    page.get_by_label("This is an exercise").check()
    page.get_by_role("button", name="Report it").click()
    page.wait_for_url(re.compile("/leads/[0-9a-f]{8}"))
