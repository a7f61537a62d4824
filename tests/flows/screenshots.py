# SPDX-License-Identifier: Apache-2.0
"""Make the pictures of the documentation: a real hub, a crisis played on it, a real browser.

    python -m tests.flows.screenshots [--to FOLDER] [--all]

Without --all, the pictures that docs/use shows. With it every page, wide and narrow, light and
dark, full and empty, for people to look at.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
WIDE = {"width": 1440, "height": 900}
NARROW = {"width": 360, "height": 780}
SWITCHES = ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"]


def seed() -> None:
    """Play a crisis in a fresh hub, and print the sessions of two people and the crisis' id."""
    from stemtide.hub import boot

    boot.start()
    boot.migrate()
    from tests.flows.screenshot_world import play

    print(json.dumps(play()), flush=True)


def shoot(to: Path, *, everything: bool) -> None:
    """Take the pictures."""
    from playwright.sync_api import sync_playwright

    from stemtide.exercises import processes
    from tests.chromium import installed_chromium

    with tempfile.TemporaryDirectory(prefix="stemtide-pictures-") as folder:
        told = subprocess.run(
            [sys.executable, "-m", "tests.flows.screenshots", "--seed"],
            env=os.environ | {"STEMTIDE_DATA_DIR": folder},
            check=True,
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        facts = json.loads(told.stdout)
        hub = processes.hub(Path(folder)).start()
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=installed_chromium(), args=SWITCHES
                )
                for name, wanted in pictures(facts, everything=everything).items():
                    _shoot_one(browser, hub.address, to / f"{name}.png", **wanted)
                browser.close()
        finally:
            hub.stop()


def pictures(facts: dict[str, str], *, everything: bool) -> dict[str, dict[str, object]]:
    """Which pictures there are, by name."""
    room, quiet = f"/crises/{facts['crisis']}", f"/crises/{facts['quiet']}"
    officer, guest = facts["officer"], facts["guest"]
    found: dict[str, dict[str, object]] = {
        "board-wide": {"path": "/", "as_": officer},
        "board-narrow": {"path": "/", "as_": officer, "viewport": NARROW},
        "room-wide": {"path": room, "as_": officer},
        "room-narrow": {"path": room, "as_": officer, "viewport": NARROW},
    }
    if not everything:
        return found
    pages = {
        "board": ("/", officer),
        "room": (room, officer),
        "room-quiet": (quiet, officer),
        "room-guest": (room, guest),
        "crises": ("/crises", officer),
        "warn": ("/crises/new", officer),
        "content": (f"{room}/content", officer),
        "cluster": (f"{room}/content/{facts['signal']}", officer),
        "look-new": (f"/signals/{facts['preview']}/look", officer),
        "look": (f"/looks/{facts['look']}", officer),
        "look-revealed": (f"/looks/{facts['revealed']}", officer),
        "looks": ("/looks", facts["dpo"]),
        "send": (f"/signals/{facts['signal']}/preview", officer),
        "signal": (f"/signals/{facts['signal']}", officer),
    }
    for name, (path, who) in pages.items():
        for scheme in ("light", "dark"):
            for size, viewport in (("wide", WIDE), ("narrow", NARROW)):
                found[f"{name}-{size}-{scheme}"] = {
                    "path": path,
                    "as_": who,
                    "viewport": viewport,
                    "scheme": scheme,
                    "full": True,
                }
    return found


def _shoot_one(
    browser: object,
    address: str,
    to: Path,
    *,
    path: str,
    as_: str,
    viewport: dict[str, int] | None = None,
    scheme: str = "light",
    full: bool = False,
) -> None:
    """Take one picture."""
    context = browser.new_context(base_url=address, viewport=viewport or WIDE, color_scheme=scheme)
    context.add_cookies([{"name": "sessionid", "value": as_, "url": address}])
    page = context.new_page()
    page.goto(path)
    if page.locator("#live").count():
        page.wait_for_selector("#live.live--on")
    page.screenshot(path=str(to), full_page=full)
    context.close()
    print(to)


def main() -> None:
    """Take the screenshots, or only fill a hub for them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=ROOT / "docs/use")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--seed", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.seed:
        seed()
    else:
        asked.to.mkdir(parents=True, exist_ok=True)
        shoot(asked.to, everything=asked.all)


if __name__ == "__main__":
    main()
