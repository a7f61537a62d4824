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
    page.wait_for_url("**/hub")
    desk = busy.hub.address
    for title, where, words in (
        ("Removal orders", f"{desk}/orders/{told['order']}", "not opened yet"),
        ("Referrals", f"{page.url}/referral?id={told['referral']}", f"{URL}?part=2"),
        (
            "Complaints",
            f"{desk}/complaints/{told['complaint']}",
            "removed, because of your own decision",
        ),
        ("Crisis invitations", f"{desk}/crises/{told['crisis']}", "BE, FR"),
    ):
        block = part(page, title)
        expect(block.get_by_text("1 waiting")).to_be_visible()
        expect(block.get_by_text(words)).to_be_visible()
        link = block.get_by_role("rowheader").get_by_role("link")
        assert link.evaluate("link => link.href") == where
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
        expect(part(page, title).get_by_role("link", name="Keys")).to_be_visible()
    expect(part(page, PARTS[3]).get_by_role("link")).to_have_text("Attack at the harbour")
    assert faults(page) == []
    busy.hub.kill()
    press(page, "r")
    expect(page.get_by_text("The hub could not be asked")).to_be_visible()
    assert faults(page) == []
    press(page, "q")
    expect(page.get_by_text("Nothing is held.")).to_be_visible()


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "phone"])
def test_a_referral_and_an_invitation_are_answered_by_keyboard(busy, chromium, viewport):
    agent = busy.agent(PARTY, review="lock_min = 5")
    page = sign_in(busy, agent, chromium, name="Anna", viewport=viewport, color_scheme="dark")
    press(page, "f")
    part(page, "Referrals").get_by_role("rowheader").get_by_role("link").press("Enter")
    expect(page.get_by_text("It praises the attack.")).to_be_visible()
    assert faults(page) == []
    press(page, "a")
    expect(page.get_by_label("What you did")).to_be_focused()
    page.keyboard.type("We leave")
    page.get_by_role("button", name="Send the answer").press("Enter")
    expect(page.get_by_text("reason: this answer needs it")).to_be_visible()
    assert faults(page) == []
    expect(page.get_by_label("What you did")).to_have_value("refused")
    page.get_by_label("Why you leave it").select_option("news_or_education")
    page.get_by_label("Note").fill("It is the evening news.")
    page.get_by_role("button", name="Send the answer").press("Enter")
    expect(page.get_by_text("Answered: RF-BE-")).to_be_visible()
    expect(page.get_by_text("No referral waits.")).to_be_visible()
    told = busy.authority.get(f"/api/v1/referrals/{busy.told['referral']}").json()
    assert (told["state"], told["refusal_reason"]) == ("refused", "news_or_education")
    assert told["answer_note"] == "It is the evening news."

    page.get_by_role("button", name="Join Attack at the harbour").press("Enter")
    expect(page.get_by_text("Joined: Attack at the harbour.")).to_be_visible()
    expect(page.get_by_text("No invitation waits.")).to_be_visible()
    assert faults(page) == []
    with busy.client(PARTY) as provider:
        (crisis,) = provider.get("/api/v1/crises").json()
    assert crisis["your_state"] == "joined"


def test_what_the_key_may_not_answer_is_said_and_changes_nothing(busy, chromium):
    busy.keys[PARTY] = busy.told["few"]
    agent = busy.agent(PARTY, review="lock_min = 5")
    page = sign_in(busy, agent, chromium, name="Anna", viewport=NARROW)
    press(page, "f")
    page.get_by_role("button", name="Decline Attack at the harbour").press("Enter")
    expect(page.get_by_text("The hub did not take it")).to_be_visible()
    expect(page.get_by_text("crises:write").first).to_be_visible()
    expect(part(page, PARTS[3]).get_by_text("1 waiting")).to_be_visible()
    page.goto(f"{page.url}/referral?id={busy.told['referral']}")
    expect(page.get_by_text("The hub could not be asked")).to_be_visible()
    told = busy.authority.get(f"/api/v1/referrals/{busy.told['referral']}").json()
    assert told["state"] == "sent"
