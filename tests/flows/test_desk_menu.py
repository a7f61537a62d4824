# SPDX-License-Identifier: Apache-2.0
"""The menu on a phone: opened, walked and closed with the keyboard, without JavaScript."""

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.flow, pytest.mark.browser]

OFFICER = "duty_officer@authority.example"


@pytest.fixture
def page(chromium, furnished):
    context = chromium.new_context(
        base_url=furnished.address,
        viewport={"width": 320, "height": 700},
        java_script_enabled=False,
    )
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_label("Mail address").fill(OFFICER)
    page.get_by_label("Password", exact=True).fill(furnished.password)
    page.get_by_role("button", name="Sign in").click()
    page.locator("#menu").wait_for()
    yield page
    context.close()


def test_desk_menu_on_a_phone_needs_the_keyboard_alone(page):
    name = page.locator("#menu > summary")
    for _ in range(3):
        page.keyboard.press("Tab")  # the way past the bar, the board, the menu
    expect(name).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("navigation", name="All pages")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("navigation", name="All pages")).to_be_hidden()
    expect(name).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Board", exact=True)).to_be_focused()
    page.get_by_role("link", name="Leads").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Threat-to-life leads")
