# SPDX-License-Identifier: Apache-2.0
"""Make the pictures of docs/use/exercises.md: a real exercise with its player, in a real browser.

    python -m tests.flows.screenshots_exercise [--to FOLDER] [--all]

It takes two minutes. With --all also on a telephone, and in German.
"""

import argparse
import re
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.chromium import installed_chromium
from tests.flows import beginnings
from tests.flows.conftest import PATIENCE_MS, House, RunningHub
from tests.flows.screenshots import NARROW, ROOT, SWITCHES, WIDE
from tests.flows.test_exercise_story import VIDEOS, Rehearsal

_SPEED = 60
_TO_THERE_MS = 300_000
_MINUTE = re.compile(r"Minute (8[3-9]|9\d)")


def shoot(to: Path, *, everything: bool) -> None:
    """Take the pictures."""
    expect.set_options(timeout=PATIENCE_MS)
    with tempfile.TemporaryDirectory(prefix="stemtide-exercise-") as folder:
        hub = RunningHub(Path(folder) / "hub")
        house = House(Path(folder), beginning=beginnings.of_cast("rehearsal"), hub=hub)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=installed_chromium(), args=SWITCHES
            )
            rehearsal = Rehearsal(browser, house, Path(folder))
            try:
                _play(rehearsal, to, everything=everything)
            finally:
                rehearsal.close()
                hub.process.stop()
                browser.close()


def _play(rehearsal: Rehearsal, to: Path, *, everything: bool) -> None:
    """Play the first hour of an exercise, and look at it."""
    director, videos = rehearsal.director, rehearsal.person(VIDEOS)
    director.goto("/exercises")
    _shoot_one(director, to / "exercise-scenarios")
    director.goto("/exercises/new/livestream-in-two-states")
    if everything:
        _shoot_one(director, to / "exercise-new")
    control = rehearsal.prepare("Livestream in two states", speed=_SPEED, big_videos="big-videos")
    rehearsal.start()
    expect(director.get_by_role("heading", name=_MINUTE)).to_be_visible(timeout=_TO_THERE_MS)
    director.get_by_label("Observation", exact=True).fill("They called instead of writing.")
    director.get_by_role("button", name="Note").click()
    director.get_by_role("button", name="Pause").click()
    director.goto(control)
    videos.goto(control)
    for page, name in ((director, "control"), (videos, "playing")):
        _shoot_one(page, to / f"exercise-{name}")
        if everything:
            page.set_viewport_size(NARROW)
            _shoot_one(page, to / f"exercise-{name}-narrow")
            page.set_viewport_size(WIDE)
            page.set_extra_http_headers({"Accept-Language": "de"})
            page.goto(control)
            _shoot_one(page, to / f"exercise-{name}-german")


def _shoot_one(page: Page, to: Path) -> None:
    """Take one picture of a whole page."""
    page.wait_for_load_state()
    page.screenshot(path=f"{to}.png", full_page=True)
    print(to)


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, default=ROOT / "docs/use")
    parser.add_argument("--all", action="store_true")
    given = parser.parse_args()
    shoot(given.to, everything=given.all)


if __name__ == "__main__":
    main()
