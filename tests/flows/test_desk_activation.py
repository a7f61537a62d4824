# SPDX-License-Identifier: Apache-2.0
"""Activation on one page, by mouse and by keyboard; then the hand-over and the report.

The second party confirms on a phone.
"""

import re

import pytest
from playwright.sync_api import expect

from tests.flows.steps import BY_KEYBOARD, MOST, Steps, check
from tests.flows.test_crisis_access import COORDINATOR, OFFICER, WIDE
from tests.flows.test_desk_keys import faults
from tests.flows.test_desk_sharing import officer

pytestmark = [pytest.mark.flow, pytest.mark.browser]

PHONE = {"width": 390, "height": 844}
REASON = "It crosses borders."


@pytest.fixture
def begin(chromium, furnished):
    """Sign somebody in with a phone, on the page where a task begins."""

    def begin_task(path, *, who=OFFICER):
        steps = Steps(
            officer(chromium, furnished.address, furnished.password, who=who, viewport=PHONE)
        )
        steps.begin(path)
        return steps

    return begin_task


def raise_by_mouse(steps):
    """Raise a warning; its room."""
    steps.page.set_viewport_size(WIDE)
    steps.follow("Crises")
    steps.follow("Raise an early warning")
    steps.fill(warning__name="Attack at the station", warning__countries="BE, FR")
    steps.press_button("Raise the warning")
    steps.page.wait_for_url(re.compile("/crises/[0-9a-f]"))
    return steps.page.url


def propose_by_mouse(steps):
    """Rate the warning, answer six tests, record a measure, and propose the activation."""
    steps.follow("Answer everything on one page")
    steps.fill(triage__harm="4", triage__virality="3")
    tests = steps.page.locator("section[id^=test-]")
    expect(tests).to_have_count(6)
    for test in tests.all():
        steps.click(test.get_by_label("Yes"))
        steps.write(test.get_by_label("Evidence"), "Two officers saw it.")
    steps.fill(measure__measure="referrals", measure__insufficient="The hosts are abroad.")
    steps.fill(reason=REASON)
    expect(steps.page.locator("#activation-state")).to_contain_text("Nothing is missing.")
    steps.press_button("Save and propose activation")


def raise_by_keyboard(steps):
    """Raise a warning with the keyboard alone; its room."""
    steps.press("/", "(early)")
    expect(steps.page.locator("#palette [role=listbox]")).to_have_attribute("aria-busy", "false")
    steps.press("Enter")
    expect(steps.page.locator("main [name=warning-name]")).to_be_focused()
    steps.press("(Attack at the station)", "Tab", "(BE, FR)", "Enter")
    steps.page.wait_for_url(re.compile("/crises/[0-9a-f]"))
    return steps.page.url


def propose_by_keyboard(steps):
    """Do what propose_by_mouse() does, with the keyboard alone."""
    page = steps.page
    steps.press("v")
    expect(page.get_by_label("Harm", exact=True)).to_be_focused()
    steps.press("4", "Tab", "3")
    for number in range(1, 7):
        steps.press("Tab", "ArrowDown", "Tab", f"(Evidence {number}.)")
    steps.press("Tab", "Tab", "(referrals)", "Tab", "(The hosts are abroad.)", "Tab")
    expect(page.locator("#activation-state")).to_contain_text("Nothing is missing.")
    assert faults(page) == []
    steps.press(f"({REASON})", "Tab", "Enter")


def write_report(author, second, room):
    """Open the report, write what no ledger knows, and have a second party agree to all of it."""
    author.begin(room)
    author.follow("Report and debrief")
    author.press_button("Open a report")
    author.page.wait_for_url("**/reports/*")
    author.fill(text__victims="No victim is shown.", text__lessons="Call the hosts sooner.")
    author.click(author.page.get_by_role("button", name="Save").first)
    expect(author.page.get_by_text("Saved").first).to_be_visible()
    second.begin(author.page.url)
    second.press_button("Agree to this report")
    expect(second.page.get_by_text("Agreed by")).to_be_visible()


@pytest.mark.parametrize(
    ("raise_warning", "propose", "most"),
    [
        (raise_by_mouse, propose_by_mouse, MOST),
        (raise_by_keyboard, propose_by_keyboard, BY_KEYBOARD),
    ],
)
def test_desk_a_crisis_is_raised_activated_handed_over_and_reported(
    begin, raise_warning, propose, most
):
    steps = begin("/")
    room = raise_warning(steps)
    propose(steps)
    steps.page.wait_for_url(room)
    expect(steps.page.locator("#block-next")).to_contain_text(REASON)
    second = begin(f"{room}/activation", who=COORDINATOR)
    confirm = second.page.get_by_role("button", name="Confirm as the second person")
    box = confirm.bounding_box()
    assert box["y"] + box["height"] <= PHONE["height"]
    assert faults(second.page) == []
    second.click(confirm)
    expect(second.page.locator("#block-next")).not_to_contain_text("Confirm as the second person")
    check("Raise a warning and activate it", steps, second, most=most)
    if most is BY_KEYBOARD:
        return
    steps.begin(room)
    steps.follow("Hand-over")
    expect(steps.page.get_by_role("heading", level=1)).to_have_text("Hand-over")
    expect(steps.page.locator("main")).to_contain_text("activated the protocol")
    check("Hand over a shift", steps)
    write_report(steps, second, room)
    check("Write the post-crisis report", steps, second)
