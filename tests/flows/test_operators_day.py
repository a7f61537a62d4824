# SPDX-License-Identifier: Apache-2.0
"""The day of a provider of one person, by keyboard: held uploads, and what waits at the hub."""

import re

import pytest
from playwright.sync_api import expect

from tests.flows.conftest import NARROW, WIDE, until
from tests.flows.test_review_hub import busy, part  # noqa: F401 - a fixture
from tests.flows.test_review_page import CAT, PARTY, faults, heard, hold, press, sign_in

pytestmark = [pytest.mark.flow, pytest.mark.browser]

DECISIONS = [("b", "Blocked: 1."), ("l", "Let pass: 1.")]
WITH_REASON = [("w", "Blocked: 1."), ("d", "Let pass and disputed: 1."), ("e", "Escalated: 1.")]


def say_why(page):
    page.keyboard.type("I looked at it.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "phone"])
def test_one_person_answers_what_came_in_a_day(busy, chromium, viewport):  # noqa: F811
    agent = busy.agent(PARTY, review="lock_min = 5\nblind_check_percent = 0")
    uploads = {f"upload {number}": CAT + bytes([number]) for number in range(5)}
    hold(busy, agent, uploads)
    page = sign_in(busy, agent, chromium, name="Anna", viewport=viewport)
    expect(page.get_by_text("5 held")).to_be_visible()
    decided = []
    for key, done in DECISIONS + WITH_REASON:
        if not decided:
            press(page, "n")
        decided.append(page.get_by_role("heading", level=1).inner_text())
        press(page, key)
        if (key, done) in WITH_REASON:
            say_why(page)
        expect(page.get_by_text(done)).to_be_visible()
        assert faults(page) == []
    assert sorted(decided) == sorted(uploads)
    press(page, "q")
    expect(page.get_by_text("1 held")).to_be_visible()  # the escalated one
    until(lambda: heard(busy, decided[0])[-1] == ("content.block", "reviewer"))
    until(lambda: heard(busy, decided[1])[-1] == ("content.release", "reviewer"))

    press(page, "f")
    with busy.client(PARTY) as provider:
        provider.get(f"/api/v1/orders/{busy.told['order']}")  # opened at the desk: its hour runs
    press(page, "r")
    expect(part(page, "Removal orders").get_by_text(re.compile(r"\b5\d min"))).to_be_visible()
    expect(part(page, "Complaints").get_by_text("1 waiting")).to_be_visible()
    part(page, "Referrals").get_by_role("rowheader").get_by_role("link").press("Enter")
    press(page, "a")
    page.keyboard.type("We removed")
    page.get_by_role("button", name="Send the answer").press("Enter")
    expect(page.get_by_text("Answered: RF-BE-")).to_be_visible()
    expect(page.get_by_text("No referral waits.")).to_be_visible()
    assert faults(page) == []
    assert page.troubles == []
