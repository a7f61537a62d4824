# SPDX-License-Identifier: Apache-2.0
"""The desk by keyboard: the search over the page, rows, letters that open forms, and undo."""

import base64

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.flows.steps import BY_KEYBOARD, Steps, check
from tests.flows.test_crisis_access import NARROW, RULES, WIDE
from tests.flows.test_desk_sharing import officer, saved, scene

pytestmark = [pytest.mark.flow, pytest.mark.browser]


COPY_PICTURE = """
async (text) => {
  const content = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const picture = new Blob([content], {type: "image/png"});
  await navigator.clipboard.write([new ClipboardItem({"image/png": picture})]);
}
"""


def faults(page):
    """What axe finds wrong, with the elements."""
    found = Axe().run(page, options={"runOnly": RULES}).response["violations"]
    return [(fault["id"], [node["html"][:120] for node in fault["nodes"]]) for fault in found]


def test_desk_a_referral_is_found_and_opened_by_keys_alone(chromium, furnished):
    page = officer(chromium, furnished.address, furnished.password, viewport=WIDE)
    page.goto("/referrals")
    reference = page.locator("tbody th a").first.inner_text().split()[0]
    page.goto("/crises")
    page.get_by_role("link", name="Raise an early warning").focus()
    page.keyboard.press("Control+k")
    field = page.locator("#palette [role=combobox]")
    expect(field).to_be_focused()
    page.keyboard.type(reference.lower())
    option = page.locator("#palette-referrals-1")
    expect(option).to_have_attribute("aria-selected", "true")
    assert field.get_attribute("aria-activedescendant") == option.get_attribute("id")
    assert faults(page) == []
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", name="Search everywhere")).to_have_attribute(
        "aria-selected", "true"
    )
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Raise an early warning")).to_be_focused()
    page.keyboard.press("/")
    expect(field).to_have_value(reference.lower())
    page.keyboard.type(reference)
    expect(page.locator("#palette [role=listbox]")).to_have_attribute("aria-busy", "false")
    expect(option).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(reference)


def test_desk_rows_and_forms_are_reached_by_letters(chromium, furnished):
    page = officer(chromium, furnished.address, furnished.password, viewport=WIDE)
    page.goto("/referrals")
    links = page.locator("tbody > tr").filter(has=page.locator("a")).locator("a")
    for key, row in (("j", 0), ("j", 1), ("k", 0)):
        page.keyboard.press(key)
        expect(page.locator("tbody > tr").nth(row).locator("a").first).to_be_focused()
    assert links.count() > 1
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Refer content")
    assert faults(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(page).to_have_url(f"{furnished.address}/referrals/new")
    page.locator("main textarea").first.focus()
    page.keyboard.type("/?jn")
    assert page.locator("main textarea").first.input_value() == "/?jn"


def test_desk_a_row_is_selected_and_acted_upon_by_keys(chromium, furnished):
    page = officer(chromium, furnished.address, furnished.password, viewport=WIDE)
    page.goto(f"/crises/{furnished.parts['crisis']}/content")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_text("1 selected")).to_be_visible()
    page.get_by_role("button", name="Withdraw").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Withdraw")
    assert faults(page) == []


def test_desk_the_first_act_of_a_room_is_within_five_tabs(chromium, furnished):
    page = officer(chromium, furnished.address, furnished.password, viewport=WIDE)
    page.goto(f"/crises/{furnished.parts['crisis']}")
    for key in ("Tab", "Enter", "Tab"):  # the link to the content comes first
        page.keyboard.press(key)
    expect(page.locator("main").get_by_role("link", name="Share", exact=True)).to_be_focused()


def test_desk_a_picture_is_pasted_shared_and_undone_with_three_keys(chromium, furnished):
    page = officer(chromium, furnished.address, furnished.password, viewport=NARROW)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    steps = Steps(page)
    steps.begin(f"/crises/{furnished.parts['crisis']}")
    page.evaluate(COPY_PICTURE, base64.b64encode(saved(scene(seed=9), "PNG")).decode())
    steps.press("Control+v")
    expect(page.get_by_role("button", name="Share", exact=True)).to_be_focused()
    steps.press("Enter")
    expect(page.get_by_role("heading", name="1 signal is live")).to_be_visible()
    check("Share a picture into a crisis", steps, most=BY_KEYBOARD)
    steps.reset()
    steps.press("u")
    expect(page.get_by_text("Withdrawn: 1 signal.")).to_be_visible()
    check("Undo it", steps, most=BY_KEYBOARD)


def test_desk_letters_are_switched_off_in_the_profile_and_the_search_key_stays(chromium, furnished):
    page = officer(chromium, furnished.address, furnished.password, viewport=NARROW)
    page.goto("/you/preferences")
    box = page.get_by_label("Use single letters as keyboard shortcuts")
    box.uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.locator("h1").click()
    page.keyboard.press("/")
    page.keyboard.press("?")
    expect(page.locator("dialog[open]")).to_have_count(0)
    page.keyboard.press("Control+k")
    expect(page.locator("#palette [role=combobox]")).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    page.keyboard.press("Escape")
    box.check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
