# SPDX-License-Identifier: Apache-2.0
"""The desk as a person meets it: a real hub, a real browser, nothing from elsewhere."""

import re

import pytest
from playwright.sync_api import expect

from stemtide.exercises import cast
from tests.flows.conftest import NARROW, WIDE, digest, row

pytestmark = [pytest.mark.flow, pytest.mark.browser]


class Desk:
    """A page of a browser, and everything that went wrong or went elsewhere on it."""

    def __init__(self, chromium, house, **more):
        self.house = house
        self.context = chromium.new_context(base_url=house.hub.address, **more)
        self.page = self.context.new_page()
        self.asked, self.complaints = [], []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)

    def _hear(self, message):
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def sign_in(self, password=None):
        self.page.goto("/")
        expect(self.page.get_by_label("Mail address")).to_be_focused()
        self.page.get_by_label("Mail address").fill(self.house.email)
        self.page.get_by_label("Password", exact=True).fill(password or self.house.password)
        self.page.get_by_role("button", name="Sign in").click()

    def is_live(self):
        expect(self.page.get_by_text("live", exact=True).first).to_be_visible()
        expect(self.page.locator("#live")).to_have_class(re.compile("live--on"))

    @property
    def elsewhere(self):
        return [url for url in self.asked if not url.startswith(self.house.hub.address)]


@pytest.fixture
def open_desk(chromium, house):
    desks = []

    def open_one(**more):
        desks.append(Desk(chromium, house, **{"viewport": WIDE} | more))
        return desks[-1]

    yield open_one
    for desk in desks:
        desk.context.close()


def content(page, label):
    """The link of a piece of content on the board, by its label."""
    return page.locator("tr.signal").filter(has_text=label).locator(".signal__name a")


def test_a_signal_appears_on_the_board_without_a_reload(house, open_desk):
    desk = open_desk()
    desk.sign_in()
    desk.is_live()
    expect(desk.page.get_by_text("Nothing is shared that your party may see.")).to_be_visible()
    house.share([row(digest(), labels=["manifesto"])])
    expect(content(desk.page, "Manifesto")).to_be_visible()
    expect(desk.page.locator("#figure-live")).to_have_text("1")
    assert desk.complaints == []
    assert desk.elsewhere == []
    assert desk.asked.count(f"{house.hub.address}/") == 2  # before and after signing in


def test_an_agent_and_its_outcomes_appear_on_the_board(house, open_desk):
    desk = open_desk()
    desk.sign_in()
    desk.is_live()
    party = cast.PROVIDERS[0]
    agent = house.agent(party)
    expect(desk.page.get_by_text("connected", exact=True)).to_be_visible()
    value = digest()
    house.share([row(value)])
    house.caught_up(agent)
    house.match(agent, [{"ref": "upload-1", "sha256": value}])
    expect(desk.page.locator("#figure-blocked")).to_have_text("1")
    expect(desk.page.locator("#figure-behind")).to_contain_text("0")
    assert desk.complaints == []


def test_a_signal_is_withdrawn_from_its_page(house, open_desk):
    (shared,) = house.share([row(digest(), labels=["manifesto"])])["signals"]
    desk = open_desk()
    desk.sign_in()
    content(desk.page, "Manifesto").click()
    desk.page.get_by_label("Why do you withdraw it?").select_option("mistake")
    desk.page.get_by_role("button", name="Withdraw this signal").click()
    expect(desk.page.get_by_text("Withdrawn. Agents forget it")).to_be_visible()
    told = house.authority.get(f"/api/v1/signals/{shared['id']}").json()
    assert (told["state"], told["withdraw_reason"]) == ("withdrawn", "mistake")
    assert desk.complaints == []


def test_the_board_says_when_the_hub_is_gone_and_comes_back_with_it(house, open_desk):
    desk = open_desk()
    desk.sign_in()
    desk.is_live()
    house.hub.kill()
    expect(desk.page.locator("#live")).to_have_text(
        re.compile(r"reconnecting . figures from \d\d:\d\d:\d\d UTC")
    )
    house.restart_hub()
    expect(desk.page.locator("#live")).to_have_text("live")
    house.share([row(digest(), labels=["manifesto"])])
    expect(content(desk.page, "Manifesto")).to_be_visible()


def test_focus_stays_where_it_was_while_the_board_changes(house, open_desk):
    house.share([row(digest(), labels=["manifesto"])])
    desk = open_desk()
    desk.sign_in()
    desk.is_live()
    content(desk.page, "Manifesto").focus()
    house.share([row(digest(), labels=["livestream"])])
    expect(content(desk.page, "Livestream")).to_be_visible()
    expect(content(desk.page, "Manifesto")).to_be_focused()


def test_a_session_that_ended_leads_the_board_to_the_sign_in(open_desk):
    desk = open_desk()
    desk.sign_in()
    desk.is_live()
    other = desk.context.new_page()
    other.goto("/")
    other.get_by_role("button", name="Sign out").click()
    expect(desk.page.get_by_label("Password", exact=True)).to_be_visible()


def test_a_wrong_password_is_told_in_words(open_desk):
    desk = open_desk()
    desk.sign_in(password="not the password")
    expect(desk.page.get_by_role("alert")).to_contain_text("Wrong mail address or password")


def test_everything_works_without_javascript(house, open_desk):
    house.share([row(digest(), labels=["manifesto"])])
    desk = open_desk(java_script_enabled=False)
    desk.sign_in()
    expect(desk.page.get_by_role("link", name="Reload it every 15 seconds")).to_be_visible()
    content(desk.page, "Manifesto").click()
    desk.page.locator("#verb-dispute-name").click()
    desk.page.get_by_label("Why is it wrong?").fill("It is the evening news.")
    desk.page.get_by_role("button", name="Dispute", exact=True).click()
    expect(desk.page.get_by_text("Your agents stop acting on it")).to_be_visible()
    expect(desk.page.get_by_text("disputes it", exact=True)).to_be_visible()


def test_no_page_is_wider_than_a_narrow_screen(house, open_desk):
    (shared,) = house.share([row(digest())])["signals"]
    house.agent()
    desk = open_desk(viewport=NARROW)
    desk.page.goto("/sign-in")
    widths = widths_of(desk.page)
    desk.sign_in()
    for path in ("/", f"/signals/{shared['id']}", "/nowhere"):
        desk.page.goto(path)
        widths += widths_of(desk.page)
    assert widths == [NARROW["width"]] * 8


def widths_of(page):
    """How wide a page is in light and in dark."""
    widths = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        widths.append(page.evaluate("document.documentElement.scrollWidth"))
    return widths
