# SPDX-License-Identifier: Apache-2.0
"""From an empty hub to a party with a person and a key, in a browser, without a shell."""

import re
import time
from urllib.parse import urlsplit

import httpx
import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests import tables
from tests.cli.conftest import run
from tests.flows.conftest import NARROW, RunningHub
from tests.flows.steps import Steps, check

pytestmark = [pytest.mark.flow, pytest.mark.browser]

PASSWORD = "lantern over water"
REQUIRED = {"STEMTIDE_SECOND_FACTOR": "required"}
RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]


@pytest.fixture
def empty_hub(tmp_path):
    """A hub that nobody has set up."""
    hub = RunningHub(tmp_path / "hub", environment=REQUIRED)
    tables.lay(hub.folder)
    hub.start()
    yield hub
    hub.process.stop()


@pytest.fixture
def page(chromium):
    context = chromium.new_context(viewport=NARROW, locale="en")
    yield context.new_page()
    context.close()


def check_access(page):
    """No fault of WCAG that axe can see, and nothing to scroll sideways for."""
    found = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]})
    assert found.response["violations"] == [], found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def printed_link(hub):
    """The link that the operator prints, at the name of this machine that passkeys accept."""
    address = f"http://localhost:{urlsplit(hub.process.address).port}"
    printed = run("hub", "set-up", "--data-dir", hub.folder, "--address", address, **REQUIRED)
    assert printed.code == 0, printed.err
    return printed.out.strip()


def set_up(page):
    """Fill in the form that makes an agency and its first coordinator."""
    page.get_by_label("Name of your organisation").fill("The Union's agency")
    page.get_by_label("Short name").fill("eu-agency")
    page.get_by_label("Your name").fill("Ada Example")
    page.get_by_label("Your mail address").fill("ada@agency.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Repeat the password").fill(PASSWORD)
    check_access(page)
    page.get_by_role("button", name="Set up the hub").click()


def sign_in(page, email):
    """Sign in with the password, and set up codes from an app."""
    page.get_by_label("Mail address").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Set up app").click()
    page.get_by_text("I cannot scan it").click()
    secret = page.locator("code").inner_text()
    code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    page.get_by_label("Code from the app").fill(code)
    page.get_by_role("button", name="Set up").click()
    page.get_by_role("link", name="To the board").click()


def open_by_search(steps, words):
    """Open a page by its name, from any page."""
    steps.page.wait_for_load_state()  # the key acts once its script is there
    steps.press("/", f"({words})")
    expect(steps.page.locator("#palette [role=listbox]")).to_have_attribute("aria-busy", "false")
    steps.press("Enter")


def add_party(steps):
    """Add a provider and invite its first person; return the link of the invitation."""
    page = steps.page
    steps.begin("/")
    open_by_search(steps, "add a party")
    reason = "Called back on the number of the register."
    page.get_by_label("How did you check").wait_for()
    check_access(page)
    steps.fill(title="Small pictures", name="small-pictures", kind="provider", reason=reason)
    steps.press_button("Add the party")
    page.get_by_label("Mail address").wait_for()
    check_access(page)
    steps.fill(name="Bo Example", email="bo@small.example")
    steps.press_button("Add and create link")
    return page.get_by_label("Link for this person").input_value()


def join(steps, link):
    """Accept an invitation. Signing in and setting up codes is not counted."""
    steps.begin(link)
    steps.write(steps.page.get_by_label("Password", exact=True), PASSWORD)
    steps.write(steps.page.get_by_label("Repeat the password"), PASSWORD)
    steps.press_button("Set password")
    steps.page.get_by_label("Mail address").wait_for()
    taken = steps.pages, steps.steps
    sign_in(steps.page, "bo@small.example")
    expect(steps.page.locator("#board")).to_be_attached()
    steps.pages, steps.steps = taken


def create_key(steps):
    """Create a key for an agent and return its text."""
    page = steps.page
    open_by_search(steps, "create a key")
    page.get_by_label("Name", exact=True).wait_for()
    check_access(page)
    steps.fill(name="agent-1")
    steps.click(page.get_by_label("read signals and crises"))
    steps.press_button("Create the key")
    page.get_by_label("Copy it into a file").wait_for()
    check_access(page)
    return page.get_by_label("Copy it into a file").input_value()


def test_an_empty_hub_is_set_up_in_a_browser(page, empty_hub, chromium):
    link = printed_link(empty_hub)
    page.goto(link)
    expect(page).to_have_url(re.compile("/set-up$"))
    set_up(page)
    expect(page.get_by_text("Your hub is set up")).to_be_visible()
    sign_in(page, "ada@agency.example")
    expect(page.locator("#board")).to_be_attached()
    assert page.goto(link).status == 404
    address = page.url.partition("/set-up")[0]
    context = chromium.new_context(viewport=NARROW, locale="en", base_url=address)
    context.add_cookies(page.context.cookies())
    agency = Steps(context.new_page())
    invited = add_party(agency)
    context.close()
    provider = chromium.new_context(viewport=NARROW, locale="en", base_url=address)
    first = Steps(provider.new_page())
    join(first, invited)
    key = create_key(first)
    check("Add a party, its person and a key", agency, first)
    answer = httpx.get(f"{address}/api/v1/whoami", headers={"Authorization": f"Bearer {key}"})
    assert answer.json()["party"] == "small-pictures"
    provider.close()
