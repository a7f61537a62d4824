# SPDX-License-Identifier: Apache-2.0
"""A provider's moderator tries a match at the review page: by keyboard, also on a phone."""

import hashlib

import httpx
import pytest
from playwright.sync_api import expect

from tests.flows.conftest import NARROW, WIDE
from tests.flows.test_review_page import CAT, PARTY, faults, hold, press, sign_in

pytestmark = [pytest.mark.flow, pytest.mark.browser]


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "phone"])
def test_a_moderator_tries_a_match_by_keyboard(house, chromium, viewport):
    agent = house.agent(PARTY, review="lock_min = 5")
    hold(house, agent, {"cat": CAT})
    httpx.post(f"{agent.address}/banks", json={"name": "OURS", "action": "block"}, timeout=60)
    item = {"kind": "sha256", "value": hashlib.sha256(CAT).hexdigest(), "reason": "the cat"}
    httpx.post(f"{agent.address}/banks/OURS/items", json=item, timeout=60)
    scheme = "dark" if viewport is NARROW else "light"
    page = sign_in(house, agent, chromium, name="Anna", viewport=viewport, color_scheme=scheme)
    press(page, "t")
    expect(page.get_by_role("heading", level=1)).to_have_text("Try a match")
    assert faults(page) == []
    press(page, "a")
    expect(page.locator("#file")).to_be_focused()
    page.locator("#file").set_input_files(
        {"name": "cat.png", "mimeType": "image/png", "buffer": CAT}
    )
    page.get_by_role("button", name="Try it").press("Enter")
    expect(page.get_by_role("heading", name="It would be blocked")).to_be_visible()
    expect(page.get_by_text("own bank OURS").first).to_be_visible()
    assert faults(page) == []
    page.get_by_label("Or web address").fill("https://example.com/a-page")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Nothing would happen")).to_be_visible()
    assert faults(page) == []
    assert page.troubles == []
