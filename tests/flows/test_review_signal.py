# SPDX-License-Identifier: Apache-2.0
"""A provider's moderator switches a signal off at its agent alone: by keyboard, on a phone."""

import pytest
from playwright.sync_api import expect

from tests.flows.conftest import NARROW, WIDE
from tests.flows.test_review_page import CAT, PARTY, faults, hold, press, sign_in

pytestmark = [pytest.mark.flow, pytest.mark.browser]


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "phone"])
def test_a_moderator_switches_a_signal_off_by_keyboard(house, chromium, viewport):
    agent = house.agent(PARTY, review="lock_min = 5")
    hold(house, agent, {"cat": CAT})
    scheme = "dark" if viewport is NARROW else "light"
    page = sign_in(house, agent, chromium, name="Anna", viewport=viewport, color_scheme=scheme)
    press(page, "n")
    page.get_by_role("link", name="Switch it off at this agent alone").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("sha256 signal of")
    assert faults(page) == []
    press(page, "e")
    page.keyboard.type("It is a cat.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("weaken or release: 1")).to_be_visible()
    expect(page.get_by_label("Why it is wrong here")).to_have_value("It is a cat.")
    assert faults(page) == []
    page.get_by_label("Switch it off, and release").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Switch it off here").press("Enter")
    expect(page.get_by_text("Actions that changed: 1.")).to_be_visible()
    assert faults(page) == []
    press(page, "g")
    expect(page.get_by_role("heading", name="Signals switched off here")).to_be_visible()
    assert faults(page) == []
    page.get_by_role("link", name="It is a cat.").press("Enter")
    press(page, "r")
    expect(page.get_by_text("It is on again, for new uploads.")).to_be_visible()
    press(page, "q")
    expect(page.get_by_text("Nothing is held.")).to_be_visible()
    bad_request = "Failed to load resource: the server responded with a status of 400 (Bad Request)"
    assert page.troubles == [bad_request]
