# SPDX-License-Identifier: Apache-2.0
"""Activation on one page: by keyboard, saved as typed; the second party confirms on a phone."""

import re

import pytest
from playwright.sync_api import expect

from tests.flows.test_crisis_access import COORDINATOR
from tests.flows.test_desk_keys import faults
from tests.flows.test_desk_sharing import officer

pytestmark = [pytest.mark.flow, pytest.mark.browser]

PHONE = {"width": 390, "height": 844}
KEYS, PAGES = 30, 3
"""At most so many keys beside the words, and pages: of old 24 clicks and 8 pages."""


class Typist:
    """Somebody at a keyboard, whose keys are counted, but for words."""

    def __init__(self, page):
        self.page, self.keys, self.pages = page, 0, 0
        page.on("framenavigated", self._count_page)

    def _count_page(self, frame):
        self.pages += frame == self.page.main_frame

    def press(self, *keys):
        for key in keys:
            self.keys += 1
            self.page.keyboard.press(key)

    def write(self, words):
        self.page.keyboard.type(words)


def raise_warning(page):
    """Raise an early warning, and record a national measure; the address of its room."""
    page.goto("/crises/new")
    page.get_by_label("What happened, in a few words").fill("Attack at the station")
    page.get_by_label("When did it happen?").fill("2026-01-01T10:00")
    page.get_by_label("Countries concerned").fill("BE, FR")
    page.get_by_label("Framework").select_option("eucp-2023")
    page.get_by_role("button", name="Raise the warning").click()
    page.wait_for_url(re.compile("/crises/[0-9a-f]"))
    page.evaluate("document.querySelector('#verb-measure').open = true")
    form = page.locator("#verb-measure-form")
    form.locator('[name="measure-country"]').select_option("BE")
    form.locator('[name="measure-measure"]').fill("referrals")
    form.locator('[name="measure-insufficient"]').fill("The hosts are abroad.")
    form.locator("button[type=submit]").click()
    page.wait_for_load_state()
    return page.url


def answer_all(typist):
    """Rate the warning and answer six tests with the keyboard alone."""
    page = typist.page
    page.get_by_label("Harm", exact=True).focus()
    typist.press("4", "Tab", "3")
    for number in range(1, 7):
        typist.press("Tab", "ArrowDown", "Tab")
        typist.write(f"Evidence {number}.")
    typist.press("Tab")
    expect(page.locator("#activation-state")).to_contain_text("Nothing is missing.")


def test_desk_a_crisis_is_rated_answered_and_proposed_on_one_page(chromium, furnished):
    page = officer(chromium, furnished.address, furnished.password, viewport=PHONE)
    room = raise_warning(page)
    typist = Typist(page)
    page.goto(f"{room}/activation")
    assert faults(page) == []
    answer_all(typist)
    assert faults(page) == []
    typist.write("It crosses borders.")
    typist.press("Tab", "Enter")
    page.wait_for_url(room)
    expect(page.locator("#block-next")).to_contain_text("It crosses borders.")
    assert (typist.keys <= KEYS, typist.pages <= PAGES) == (True, True), vars(typist)
    print(f"{typist.keys} keys, {typist.pages} pages")
    second = officer(
        chromium, furnished.address, furnished.password, who=COORDINATOR, viewport=PHONE
    )
    second.goto(f"{room}/activation")
    confirm = second.get_by_role("button", name="Confirm as the second person")
    box = confirm.bounding_box()
    assert box["y"] + box["height"] <= PHONE["height"]
    assert faults(second) == []
    confirm.press("Enter")
    expect(second.locator("#block-next")).not_to_contain_text("Confirm as the second person")
