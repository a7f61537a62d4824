# SPDX-License-Identifier: Apache-2.0
"""The room of a crisis in real browsers: live for everybody, and kind to whoever writes in it."""

import re

import pytest
from playwright.sync_api import expect

from tests.flows import beginnings
from tests.flows.conftest import NARROW, WIDE

pytestmark = [pytest.mark.flow, pytest.mark.browser]


@pytest.fixture
def played(running_hub):
    """A hub on which a crisis was played, and the sessions of its people."""
    beginning = beginnings.played()
    running_hub.begin(beginning)
    return running_hub.process.address, beginning.told


@pytest.fixture
def page_of(chromium, played):
    address, facts = played
    contexts = []

    def open_page(who, path, **more):
        context = chromium.new_context(base_url=address, **({"viewport": WIDE} | more))
        context.add_cookies([{"name": "sessionid", "value": facts[who], "url": address}])
        contexts.append(context)
        page = context.new_page()
        page.complaints = []
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on(
            "console",
            lambda said: said.type == "error" and page.complaints.append(said.text),
        )
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()


def is_live(page):
    expect(page.locator("#live")).to_have_class(re.compile("live--on"))


def test_an_act_of_one_party_appears_at_another_without_a_reload(played, page_of):
    _, facts = played
    room = f"/crises/{facts['crisis']}"
    watching = page_of("agency", room)
    is_live(watching)
    acting = page_of("officer", f"{room}/closing")
    acting.get_by_role("button", name="Save the answer").click()
    expect(acting.get_by_text("Answered.", exact=True)).to_be_visible()
    acting.goto(room)
    is_live(acting)
    acting.get_by_text("Propose closure", exact=True).first.click()
    acting.locator("#verb-propose-close textarea").fill("The spread is over.")
    acting.get_by_role("button", name="Propose closure").click()
    expect(watching.get_by_text("The spread is over.")).to_be_visible()
    watching.get_by_role("button", name="Confirm as the second person").click()
    expect(acting.locator(".head").get_by_text("Closed", exact=True)).to_be_visible()
    assert acting.complaints == watching.complaints == []


def test_what_somebody_writes_is_not_lost_while_others_act(played, page_of):
    _, facts = played
    room = f"/crises/{facts['crisis']}"
    writing = page_of("officer", room)
    is_live(writing)
    writing.locator("#verb-deescalate-name").click()
    box = writing.locator("#verb-deescalate textarea")
    box.fill("Half a sentence")
    acting = page_of("agency", room)
    is_live(acting)
    acting.locator("#checks-fold-name").click()
    acting.locator("#verb-answer-real-world-event-name").click()
    acting.locator("#verb-answer-real-world-event input[value=no]").check()
    acting.locator("#verb-answer-real-world-event button").click()
    expect(writing.get_by_text("5 yes of 6")).to_be_visible()
    expect(box).to_have_value("Half a sentence")
    expect(box).to_be_focused()


def test_a_form_that_came_with_a_fragment_is_taken(played, page_of):
    _, facts = played
    page = page_of("officer", f"/crises/{facts['crisis']}")
    is_live(page)
    expect(page.locator("#verb-keep input[name=csrfmiddlewaretoken]")).to_have_count(1)
    page.get_by_text("Review: keep it live", exact=True).click()
    page.locator("#verb-keep textarea").fill("New variants still come.")
    page.get_by_role("button", name="Keep it live").click()
    expect(page.get_by_text("Reviewed: it stays live.")).to_be_visible()


def test_the_room_works_without_javascript(played, page_of):
    _, facts = played
    page = page_of("officer", f"/crises/{facts['crisis']}", java_script_enabled=False)
    expect(page.get_by_role("link", name="Reload it every 15 seconds")).to_be_visible()
    page.locator("#verb-deescalate-name").click()
    page.locator("#verb-deescalate textarea").fill("Fewer variants.")
    page.get_by_role("button", name="De-escalate").click()
    expect(page.get_by_text("The crisis is de-escalated.")).to_be_visible()


def test_no_page_of_a_crisis_is_wider_than_a_narrow_screen(played, page_of):
    _, facts = played
    room = f"/crises/{facts['crisis']}"
    paths = [
        *(room, f"{room}/content", f"{room}/content/{facts['signal']}", "/crises", "/crises/new"),
        *(f"/looks/{facts['revealed']}", f"/signals/{facts['preview']}/look"),
    ]
    page = page_of("officer", "/crises", viewport=NARROW)
    wide = []
    for path in paths:
        page.goto(path)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            for size in (NARROW, NARROW | {"width": 320}):
                page.set_viewport_size(size)
                width = page.evaluate("document.documentElement.scrollWidth")
                if width > size["width"]:
                    wide.append((path, scheme, size["width"], width))
    assert wide == []
