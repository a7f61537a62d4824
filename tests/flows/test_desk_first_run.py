# SPDX-License-Identifier: Apache-2.0
"""Setting up an empty hub in a browser, from the link that its operator printed."""

import re
import time
from urllib.parse import urlsplit

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests import tables
from tests.cli.conftest import run
from tests.flows.conftest import NARROW, RunningHub

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


def sign_in(page):
    """Sign in with the password, and set up codes from an app."""
    page.get_by_label("Mail address").fill("ada@agency.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Set up codes").click()
    page.get_by_text("It cannot be scanned").click()
    secret = page.locator("code").inner_text()
    code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    page.get_by_label("Then type the code").fill(code)
    page.get_by_role("button", name="Set up").click()
    page.get_by_role("link", name="To the board").click()


def test_an_empty_hub_is_set_up_in_a_browser(page, empty_hub):
    link = printed_link(empty_hub)
    page.goto(link)
    expect(page).to_have_url(re.compile("/set-up$"))
    set_up(page)
    expect(page.get_by_text("Your hub is set up")).to_be_visible()
    sign_in(page)
    expect(page.locator("#board")).to_be_attached()
    assert page.goto(link).status == 404
    page.goto("about:blank")
