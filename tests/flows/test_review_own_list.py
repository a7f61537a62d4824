# SPDX-License-Identifier: Apache-2.0
"""A provider's moderator keeps its own list at the review page: by keyboard, also on a phone."""

import hashlib
import json

import httpx
import pytest
from playwright.sync_api import expect

from tests.flows.conftest import NARROW, WIDE
from tests.flows.test_review_page import CAT, PARTY, faults, hold, press, sign_in

pytestmark = [pytest.mark.flow, pytest.mark.browser]


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "phone"])
def test_a_moderator_keeps_the_own_list_by_keyboard(house, chromium, viewport, tmp_path):
    agent = house.agent(PARTY, review="lock_min = 5")
    hold(house, agent, {"cat": CAT})
    scheme = "dark" if viewport is NARROW else "light"
    page = sign_in(house, agent, chromium, name="Anna", viewport=viewport, color_scheme=scheme)
    press(page, "o")
    expect(page.get_by_text("Nothing is on the list.")).to_be_visible()
    assert faults(page) == []

    press(page, "a")
    expect(page.get_by_label("What to list")).to_be_focused()
    page.get_by_label("Or fingerprint in hex").focus()
    page.keyboard.type(hashlib.sha256(CAT).hexdigest())
    page.get_by_label("What it is").focus()
    page.keyboard.type("the studio's cat")
    page.get_by_label("Who says that it is lawful").focus()
    page.keyboard.type("our studio")
    page.keyboard.press("Enter")
    expect(page.get_by_text("held or blocked now: 1")).to_be_visible()
    assert faults(page) == []
    page.get_by_label("Add it, and release that content").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("the studio's cat")
    expect(page.get_by_text("Released, because it is on the list now: 1.")).to_be_visible()
    expect(page.get_by_role("rowheader")).to_have_text("cat")
    assert faults(page) == []
    press(page, "e")
    page.keyboard.type("sold")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Ended. New uploads")).to_be_visible()
    assert faults(page) == []
    press(page, "r")
    expect(page.get_by_text("Put back.")).to_be_visible()

    press(page, "o")
    press(page, "j")
    expect(page.get_by_role("link", name="the studio's cat")).to_be_focused()
    assert faults(page) == []
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the list").press("Enter")
    file = tmp_path / "list.jsonl"
    download.value.save_as(file)
    assert json.loads(file.read_text("utf-8"))["reason"] == "the studio's cat"
    file.write_text(file.read_text("utf-8") + "{}\n", "utf-8")
    press(page, "i")
    page.locator("#list-file").set_input_files(file)
    page.get_by_role("button", name="Add the entries").press("Enter")
    expect(page.get_by_text("Nothing was added.")).to_be_visible()
    expect(page.get_by_text("line 2:")).to_be_visible()
    assert faults(page) == []
    assert (
        page.troubles
        == ["Failed to load resource: the server responded with a status of 400 (Bad Request)"] * 2
    )


def test_the_own_list_works_without_javascript(house, chromium):
    agent = house.agent(PARTY, review="lock_min = 5")
    page = sign_in(house, agent, chromium, name="Anna", viewport=NARROW)
    context = chromium.new_context(
        viewport=NARROW, storage_state=page.context.storage_state(), java_script_enabled=False
    )
    plain = context.new_page()
    plain.goto(page.url)
    plain.get_by_role("link", name="Own list").click()
    plain.get_by_text("Add an entry", exact=True).click()
    plain.get_by_label("File", exact=True).first.set_input_files(
        {"name": "cat.png", "mimeType": "image/png", "buffer": CAT}
    )
    plain.get_by_label("What to list").select_option("pdq")
    plain.get_by_label("What it is").fill("the studio's cat")
    plain.get_by_label("Who says that it is lawful").fill("our studio")
    plain.get_by_role("button", name="Add to the list").click()
    expect(plain.get_by_text("within 8 of 256 bits")).to_be_visible()
    (row,) = httpx.get(f"{agent.address}/allowlist", timeout=60).json()["entries"]
    assert (row["kind"], row["reason"]) == ("pdq", "the studio's cat")
