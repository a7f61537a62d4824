# SPDX-License-Identifier: Apache-2.0
"""Pictures of every page of the desk, for people to look at: all that axe looks at, and paper.

python -m tests.flows.screenshots_pages --to FOLDER [--only WORD] [--narrow | --dark | --paper]
"""

import argparse
import tempfile
from pathlib import Path

from tests.chromium import installed_chromium
from tests.flows import beginnings
from tests.flows.conftest import Furnished, RunningHub
from tests.flows.screenshots import SWITCHES, WIDE

SMALL = {"width": 320, "height": 700}


def shoot(to: Path, *, only: str, viewport: dict[str, int], scheme: str, paper: bool) -> None:
    """Take the pictures whose page's name has a word in it."""
    from playwright.sync_api import sync_playwright

    from tests.flows import test_crisis_access as access

    with tempfile.TemporaryDirectory(prefix="stemtide-pages-") as folder:
        hub, beginning = RunningHub(Path(folder)), beginnings.furnished()
        hub.begin(beginning)
        made = Furnished(hub.process.address, **beginning.told)
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=installed_chromium(), args=SWITCHES
                )
                for email, names in access.PAGES.items():
                    how = {"viewport": viewport, "color_scheme": scheme}
                    eyes = access.Eyes(browser, made, **how)
                    if email:
                        eyes.sign_in(email, made.password)
                    who = email.partition("@")[2].partition(".")[0] or "nobody"
                    paths = {f"{who}-{name}": access.where(name, made.parts) for name in names}
                    if email == access.OFFICER:
                        paths |= {f"{who}-more-{at}": one for at, one in enumerate(access.MORE)}
                    for name, path in paths.items():
                        if only in name:
                            _shoot_one(eyes.page, path, to / name, paper=paper)
                    eyes.context.close()
                browser.close()
        finally:
            hub.process.stop()


def _shoot_one(page: object, path: str, to: Path, *, paper: bool) -> None:
    """One page, on a screen or on paper."""
    page.goto(path)
    if paper:
        page.pdf(path=f"{to}.pdf", format="A4")
    else:
        page.screenshot(path=f"{to}.png", full_page=True)
    print(to)


if __name__ == "__main__":
    from stemtide.hub import boot

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--narrow", action="store_true")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--paper", action="store_true")
    asked = parser.parse_args()
    asked.to.mkdir(parents=True, exist_ok=True)
    boot.start()  # so that addresses have names; the pages come from a hub of their own
    shoot(
        asked.to,
        only=asked.only,
        viewport=SMALL if asked.narrow else WIDE,
        scheme="dark" if asked.dark else "light",
        paper=asked.paper,
    )
