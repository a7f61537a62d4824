# SPDX-License-Identifier: Apache-2.0
"""Tasks of the desk by the shortest way, with their pages and steps counted (tests/flows/steps.py).

Others are counted where they are played: sharing in test_desk_sharing.py, activation, hand-over and
report in test_desk_activation.py, a new party in test_desk_first_run.py.
"""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.flows.conftest import NARROW, WIDE
from tests.flows.steps import BY_KEYBOARD, MOST, Steps, check
from tests.flows.test_crisis_access import OFFICER, PROVIDER
from tests.flows.test_desk_sharing import officer

pytestmark = [pytest.mark.flow, pytest.mark.browser]

DOCS = Path(__file__).parents[2] / "docs/use/desk.md"
PROVIDERS = ("provider", "rival", "archive")
REASON = "It praises the attack and calls on others to repeat it."


@pytest.fixture
def begin(chromium, furnished):
    """Sign somebody in, on the page where a task begins."""

    def begin_task(path, *, who=OFFICER, viewport=WIDE):
        page = officer(chromium, furnished.address, furnished.password, who=who, viewport=viewport)
        steps = Steps(page)
        steps.begin(path.format(**furnished.parts))
        return steps

    return begin_task


def test_desk_the_table_in_the_documentation_is_what_is_counted():
    row = r"^\| ([A-Z][^|]+) \| .*? \| (\d+) \| (\d+) \| (\d*) \|$"
    rows = re.findall(row, DOCS.read_text("utf-8"), re.MULTILINE)
    counted = {task: (int(pages), int(steps)) for task, pages, steps, _ in rows}
    keys = {task: int(steps) for task, _, _, steps in rows if steps}
    assert counted == MOST
    assert keys == {task: steps for task, (_, steps) in BY_KEYBOARD.items()}


def test_desk_a_cluster_is_referred_to_three_providers(begin):
    steps = begin("/crises/{crisis}/content/{signal}")
    steps.follow("Refer it to a provider")
    steps.fill(reason=REASON)
    for provider in PROVIDERS:
        if provider != PROVIDERS[0]:
            steps.follow("Refer the same content elsewhere")
        steps.fill(provider=provider, url=f"https://{provider}.example/watch/9")
        steps.press_button("Send it to the provider")
        expect(steps.page.get_by_text("Sent. The provider decides")).to_be_visible()
        expect(steps.page.get_by_role("link", name="its room")).to_be_visible()
    check("Refer a cluster to three providers", steps)


def test_desk_a_cluster_is_referred_to_three_providers_by_keyboard(begin):
    steps = begin("/crises/{crisis}/content/{signal}")
    for provider in PROVIDERS:
        steps.press("f")
        expect(steps.page.locator("main [name=provider]")).to_be_focused()
        steps.press(f"(The {provider})", "Tab", f"(https://{provider}.example/watch/8)")
        if provider == PROVIDERS[0]:
            steps.press("Tab", f"({REASON})", "Shift+Tab")
        steps.press("Enter")
        expect(steps.page.get_by_text("Sent. The provider decides")).to_be_visible()
    check("Refer a cluster to three providers", steps, most=BY_KEYBOARD)


def test_desk_an_order_is_issued_from_a_signal(begin):
    steps = begin("/signals/{signal}")
    steps.follow("Order its removal")
    steps.fill(to="provider", urls="https://provider.example/thread/8")
    steps.press_button("Create the draft")
    steps.click(steps.page.get_by_label("(a) it incites others"))
    steps.fill(annex__reasons=REASON, annex__file_number="2026/115")
    steps.click(steps.page.locator("[name=confirm]"))
    steps.press_button("Issue the order")
    expect(steps.page.get_by_text("Issued at once.")).to_be_visible()
    check("Issue an order from a signal", steps)


def test_desk_an_order_is_answered_on_a_phone(begin):
    steps = begin("/", who=PROVIDER, viewport=NARROW)
    steps.follow("1 order")
    steps.follow("Confirm removal")
    steps.click(steps.page.get_by_label("the terrorist content has been removed"))
    steps.fill(annex__authorised_person="A. Moderator")
    steps.press_button("Send Annex II")
    expect(steps.page.get_by_text("Answered by Annex II.")).to_be_visible()
    assert steps.page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    check("Answer an order on a phone", steps)


def test_desk_an_order_is_found_by_its_number(begin):
    steps = begin("/")
    steps.press("/", "(RO-BE-2026-00001)")
    expect(steps.page.locator("#palette [role=listbox]")).to_have_attribute("aria-busy", "false")
    steps.press("Enter")
    expect(steps.page.get_by_role("heading", level=1)).to_have_text("RO-BE-2026-00001")
    for most in (MOST, BY_KEYBOARD):
        check("Find an order by its number", steps, most=most)


def test_desk_a_signal_is_withdrawn_and_another_by_keyboard(begin):
    steps = begin("/signals/{signal}")
    steps.fill(withdraw__reason="mistake")
    steps.press_button("Withdraw this signal")
    expect(steps.page.get_by_text("Withdrawn. Agents forget it")).to_be_visible()
    check("Withdraw a signal", steps)
    steps.page.goto("/signals")
    steps.page.locator("tbody a").first.click()
    steps.page.wait_for_url("**/signals/*-*")
    steps.reset()
    steps.press("w", "(shared by mistake)", "Tab", "Tab", "Enter")
    expect(steps.page.get_by_text("Withdrawn. Agents forget it")).to_be_visible()
    check("Withdraw a signal", steps, most=BY_KEYBOARD)
