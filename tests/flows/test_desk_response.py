# SPDX-License-Identifier: Apache-2.0
"""A role changes hands between two people, and a task is given at a desk and done on a phone."""

import pytest
from playwright.sync_api import expect

from tests.flows.test_crisis_access import NARROW, PROVIDER, WIDE
from tests.flows.test_desk_keys import faults
from tests.flows.test_desk_sharing import officer

pytestmark = [pytest.mark.flow, pytest.mark.browser]


def test_desk_a_role_changes_hands_and_a_task_is_done_on_a_phone(chromium, furnished):
    room = f"/crises/{furnished.parts['crisis']}"
    desk = officer(chromium, furnished.address, furnished.password, viewport=WIDE)
    phone = officer(chromium, furnished.address, furnished.password, who=PROVIDER, viewport=NARROW)
    desk.goto(room)
    phone.goto(room)
    media = desk.locator("#role-media")
    expect(media).to_contain_text("vacant")
    media.get_by_role("button", name="Take").click()
    expect(desk.locator("#role-media")).to_contain_text("duty_officer@authority.example")

    # The note and the offer reach the phone without a reload; the holder keeps the role till then.
    desk.locator("#verb-give-role-media-name").click()
    form = desk.locator("#verb-give-role-media-form")
    form.get_by_label("To").select_option(label="The provider")
    form.get_by_label("Note for the next holder (optional)").fill("The press call is at six.")
    form.get_by_role("button", name="Give the role").click()
    offered = phone.locator("#role-media")
    expect(offered).to_contain_text("The press call is at six.")
    expect(offered).to_contain_text("The authority")
    offered.get_by_role("button", name="Accept").click()
    expect(phone.locator("#role-media")).to_contain_text(PROVIDER)
    expect(desk.locator("#role-media .party-row__state")).to_contain_text("The provider")

    desk.locator("#verb-task-name").click()
    task = desk.locator("#verb-task-form")
    task.get_by_label("Task").fill("Agree the line in Dutch")
    task.get_by_label("Owner").select_option(label="Media liaison")
    task.get_by_label("Due", exact=True).select_option(label="in 1 hour")
    task.get_by_role("button", name="Add the task").click()
    expect(phone.locator("#block-tasks")).to_contain_text("Agree the line in Dutch")
    assert faults(desk) == []

    phone.goto("/to-do")
    phone.get_by_role("link", name="Agree the line in Dutch", exact=True).click()
    row = phone.get_by_role("listitem").filter(has_text="Agree the line in Dutch")
    assert faults(phone) == []
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    row.get_by_role("button", name="Done").click()
    expect(phone.get_by_role("button", name="Reopen")).to_be_visible()
    expect(desk.locator("#block-tasks")).not_to_contain_text("Agree the line in Dutch")
    desk.goto(f"{room}/hand-over")
    expect(desk.get_by_text("The press call is at six.")).to_be_visible()
