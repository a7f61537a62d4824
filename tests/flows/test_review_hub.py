# SPDX-License-Identifier: Apache-2.0
"""What waits for a provider at a real hub, on its agent's review page: wide and on a phone."""

import json

import pytest
from playwright.sync_api import expect

from tests.flows import beginnings
from tests.flows.conftest import NARROW, WIDE, House
from tests.flows.test_review_page import PARTY, faults, press, sign_in
from tests.hub.orders.cast import ANNEX_1

pytestmark = [pytest.mark.flow, pytest.mark.browser]

URL = "https://big-videos.example/watch/7"
PARTS = ["Removal orders", "Referrals", "Complaints", "Crisis invitations"]


@pytest.fixture
def busy(tmp_path):
    """A hub at which four things wait for a provider."""
    house = House(tmp_path, beginning=beginnings.of_cast("waiting", URL, json.dumps(ANNEX_1)))
    yield house
    house.close()


def part(page, title):
    return page.locator("section.block").filter(has=page.get_by_role("heading", name=title))


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "phone"])
def test_a_moderator_sees_what_waits_at_the_hub_with_its_clocks(busy, chromium, viewport):
    agent = busy.agent(PARTY, review="lock_min = 5")
    scheme = "dark" if viewport is NARROW else "light"
    page = sign_in(busy, agent, chromium, name="Anna", viewport=viewport, color_scheme=scheme)
    told, order = busy.told, f"/api/v1/orders/{busy.told['order']}"
    press(page, "f")
    for title, where, words in (
        ("Removal orders", f"orders/{told['order']}", "not opened yet"),
        ("Referrals", f"inbox/referrals/{told['referral']}", f"{URL}?part=2"),
        ("Complaints", f"complaints/{told['complaint']}", "removed, because of your own decision"),
        ("Crisis invitations", f"crises/{told['crisis']}", "BE, FR"),
    ):
        block = part(page, title)
        expect(block.get_by_text("1 waiting")).to_be_visible()
        expect(block.get_by_text(words)).to_be_visible()
        link = block.get_by_role("rowheader").get_by_role("link")
        assert link.get_attribute("href") == f"{busy.hub.address}/{where}"
    assert faults(page) == []
    assert page.troubles == []
    assert busy.authority.get(order).json()["received_at"] is None  # a list is no receipt
    referral = busy.authority.get(f"/api/v1/referrals/{told['referral']}").json()
    assert referral["received_via"] == "api"

    with busy.client(PARTY) as provider:
        provider.get(order)
    press(page, "r")
    block = part(page, "Removal orders")
    expect(block.get_by_text("to be executed")).to_be_visible()
    expect(block.get_by_text("59 min")).to_be_visible()
    assert faults(page) == []


def test_the_page_names_the_scope_that_is_missing_and_a_hub_that_is_away(busy, chromium):
    busy.keys[PARTY] = busy.told["few"]
    agent = busy.agent(PARTY, review="lock_min = 5")
    page = sign_in(busy, agent, chromium, name="Anna", viewport=NARROW)
    press(page, "f")
    for title, scope in zip(PARTS[:3], ["requests:read"] * 2 + ["complaints:write"], strict=True):
        expect(part(page, title).get_by_text(f"lacks the scope {scope}")).to_be_visible()
    expect(part(page, PARTS[3]).get_by_text("Attack at the harbour")).to_be_visible()
    assert faults(page) == []
    busy.hub.kill()
    press(page, "r")
    expect(page.get_by_text("The hub could not be asked")).to_be_visible()
    assert faults(page) == []
    press(page, "q")
    expect(page.get_by_text("Nothing is held.")).to_be_visible()
