# SPDX-License-Identifier: Apache-2.0
"""One person sets an agent up in a browser, with nothing but a hub's address and a key."""

import hashlib
import json

import httpx
import pytest
from playwright.sync_api import expect

from stemtide.exercises import cast
from tests import forks
from tests.flows.conftest import NARROW, WIDE, row, until
from tests.flows.test_review_page import CAT, SHARER, faults, press

pytestmark = [pytest.mark.flow, pytest.mark.browser]

PARTY = cast.PROVIDERS[0]


class Terminal:
    """stemtide agent start, on a machine that has no settings yet."""

    def __init__(self, folder):
        words = ["stemtide", "agent", "start", "--set-up", "--config", str(folder / "agent.toml")]
        with (folder / "log").open("wb") as log:
            self._process = forks.ForkedProcess(
                [*words, "--json"], environment={"HOME": str(folder)}, log=log
            )

    def line(self):
        line = b""
        while not line.endswith(b"\n"):
            more = self._process.stdout.read(1)
            assert more, line
            line += more
        return json.loads(line)

    def close(self):
        self._process.terminate()
        self._process.wait(60)
        self._process.stdout.close()


@pytest.fixture
def terminal(tmp_path):
    folder = tmp_path / "machine"
    folder.mkdir()
    terminal = Terminal(folder)
    yield terminal
    terminal.close()


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "phone"])
def test_one_person_sets_up_reviews_and_decides_by_keyboard(house, chromium, terminal, viewport):
    scheme = "dark" if viewport is NARROW else "light"
    context = chromium.new_context(viewport=viewport, color_scheme=scheme)
    page = context.new_page()
    page.goto(terminal.line()["set_up"])
    expect(page.get_by_label("The hub's address")).to_be_focused()
    assert faults(page) == []
    page.keyboard.type(house.hub.address)
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The hub does not know this key")).to_be_visible()
    assert faults(page) == []
    expect(page.get_by_label("The hub's address")).to_have_value(house.hub.address)
    expect(page.get_by_label("The agent's key")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type(house.keys[PARTY])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("The agent is set up")
    expect(page.get_by_text("your policy would say: block")).to_be_visible()
    image = page.get_by_role("img", name="The test picture")
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 240
    assert faults(page) == []
    page.get_by_role("button", name="Start the agent").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("The agent starts now")
    assert faults(page) == []

    agent = terminal.line()["url"]
    page.get_by_role("link", name="Open the review page").press("Enter")
    expect(page.get_by_label("Your name")).to_be_focused()
    page.keyboard.type("Anna")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing is held.")).to_be_visible()
    with house.client(SHARER) as sharer:
        facts = row(hashlib.sha256(CAT).hexdigest())
        assert sharer.post("/api/v1/signals/bulk", json={"signals": [facts]}).is_success

    def is_held():
        files = {"file": ("upload", CAT)}
        told = httpx.post(f"{agent}/match", files=files, data={"ref": "cat"}, timeout=60)
        return told.is_success and told.json()["items"][0]["decision"]["action"] == "hold"

    until(is_held)
    press(page, "n")
    expect(page.get_by_role("heading", level=1)).to_have_text("cat")
    press(page, "b")
    expect(page.get_by_text("Blocked: 1.")).to_be_visible()
