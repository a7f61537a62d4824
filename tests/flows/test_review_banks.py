# SPDX-License-Identifier: Apache-2.0
"""A provider's moderator keeps banks of their own at the review page: by keyboard, on a phone."""

import hashlib

import httpx
import pytest
from playwright.sync_api import expect

from tests.flows.conftest import NARROW, WIDE
from tests.flows.test_review_page import CAT, PARTY, faults, press, sign_in

pytestmark = [pytest.mark.flow, pytest.mark.browser]


def decide(agent, content):
    files = {"file": ("upload", content)}
    answer = httpx.post(f"{agent.address}/match", files=files, data={"ref": "cat"}, timeout=60)
    return answer.json()["items"][0]["decision"]


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "phone"])
def test_a_moderator_keeps_a_bank_by_keyboard(house, chromium, viewport):
    agent = house.agent(PARTY, review="lock_min = 5")
    house.caught_up(agent)
    scheme = "dark" if viewport is NARROW else "light"
    page = sign_in(house, agent, chromium, name="Anna", viewport=viewport, color_scheme=scheme)
    press(page, "g")
    expect(page.get_by_text("You have no banks.")).to_be_visible()
    assert faults(page) == []

    press(page, "a")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("OUR_REMOVALS")
    page.get_by_label("What is in it").focus()
    page.keyboard.type("What we removed in spring")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("OUR_REMOVALS")
    expect(page.get_by_text("A match is held for a person.")).to_be_visible()
    expect(page.get_by_text("Nothing is on the list.")).to_be_visible()
    assert faults(page) == []

    keep_item(page, agent)
    press(page, "q")
    expect(
        page.get_by_text("pdq of OUR_REMOVALS").or_(page.get_by_text("sha256 of OUR_REMOVALS"))
    ).to_be_visible()
    press(page, "n")
    expect(page.get_by_text("Item of your own")).to_be_visible()
    expect(page.get_by_text("Dispute the signal")).to_have_count(0)
    assert faults(page) == []

    press(page, "g")
    press(page, "j")
    expect(page.get_by_role("link", name="OUR_REMOVALS")).to_be_focused()
    page.keyboard.press("Enter")
    press(page, "s")
    expect(page.get_by_role("heading", level=1)).to_have_text("Settings of OUR_REMOVALS")
    page.get_by_label("A match").select_option("block")
    page.get_by_role("button", name="Save").press("Enter")
    expect(page.get_by_text("A match is blocked.")).to_be_visible()
    press(page, "s")
    press(page, "d")
    assert faults(page) == []
    page.keyboard.press("Enter")
    expect(page.get_by_text("OUR_REMOVALS is deleted.")).to_be_visible()
    assert faults(page) == []
    page.get_by_role("button", name="Put it back").press("Enter")
    expect(page.get_by_text("OUR_REMOVALS is back, with its items.")).to_be_visible()
    assert page.troubles == []


def keep_item(page, agent):
    """Add a file to the bank that is open, change the item, end it and put it back."""
    press(page, "a")
    expect(page.get_by_label("What to list")).to_be_focused()
    page.locator("#file").set_input_files(
        {"name": "cat.png", "mimeType": "image/png", "buffer": CAT}
    )
    page.get_by_label("What it is").focus()
    page.keyboard.type("the cat")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("the cat")
    expect(page.get_by_text(hashlib.sha256(CAT).hexdigest())).to_be_visible()
    expect(page.get_by_text("Also pdq")).to_be_visible()
    assert decide(agent, CAT)["action"] == "hold"
    page.reload()
    expect(page.get_by_role("rowheader")).to_have_text("cat")
    assert faults(page) == []
    press(page, "c")
    expect(page.locator("#new-reason")).to_be_focused()
    assert faults(page) == []
    press_in(page, "e")
    page.keyboard.type("It is lawful.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Ended. It matches no new uploads.")).to_be_visible()
    press(page, "r")
    expect(page.get_by_text("Put back.")).to_be_visible()


def press_in(page, key):
    """Leave the field, and press a letter."""
    page.evaluate("document.activeElement.blur()")
    press(page, key)
