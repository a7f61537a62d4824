# SPDX-License-Identifier: Apache-2.0
"""A message with a mention and a link is written by keyboard, and read by who may see the link."""

import pytest
from playwright.sync_api import expect

from tests.flows.test_crisis_access import NARROW, PROVIDER, WIDE
from tests.flows.test_desk_keys import faults
from tests.flows.test_desk_sharing import officer

pytestmark = [pytest.mark.flow, pytest.mark.browser]


def test_desk_a_party_is_mentioned_and_a_signal_linked_by_keyboard(chromium, furnished):
    log = f"/crises/{furnished.parts['crisis']}/log"
    desk = officer(chromium, furnished.address, furnished.password, viewport=WIDE)
    desk.goto(log)
    field, suggestions = desk.get_by_label("Message", exact=True), desk.locator("#suggestions")
    expect(field).to_have_attribute("aria-controls", "suggestions")
    field.press_sequentially("Look, @provid")
    option = suggestions.get_by_role("option", name="The provider provider", exact=True)
    expect(option).to_be_visible()
    while field.get_attribute("aria-activedescendant") != option.get_attribute("id"):
        field.press("ArrowDown")
    assert faults(desk) == []
    field.press("Enter")
    expect(field).to_have_value("Look, @party:provider ")
    expect(suggestions).to_be_hidden()

    field.press_sequentially("#")
    expect(suggestions.get_by_role("option").first).to_be_visible()
    field.press("Escape")
    expect(suggestions).to_be_hidden()
    field.press("Backspace")
    field.press_sequentially("#")
    expect(suggestions.get_by_role("option").first).to_have_attribute("aria-selected", "true")
    field.press("Enter")
    desk.get_by_role("button", name="Write it").click()
    expect(desk.locator(".said__text").first.get_by_role("link")).to_have_count(1)

    phone = officer(chromium, furnished.address, furnished.password, who=PROVIDER, viewport=NARROW)
    phone.goto(log)
    text = phone.locator(".said__text").first
    expect(text).to_contain_text("Look, @The provider signal")
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    phone.goto("/alerts")
    expect(phone.get_by_role("link", name="You are mentioned")).to_be_visible()
