# SPDX-License-Identifier: Apache-2.0
"""Signing in as a person meets it: an invitation, codes from an app, a passkey, in a browser."""

import re
import time
from urllib.parse import urlsplit

import httpx
import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from stemtide.exercises import cast
from stemtide.hub.rooms.parties.rules.people import FAILURES
from tests.cli.conftest import run
from tests.flows import beginnings
from tests.flows.conftest import RunningHub

pytestmark = [pytest.mark.flow, pytest.mark.browser]

REQUIRED = {"STEMTIDE_SECOND_FACTOR": "required"}
EMAIL, PASSWORD = "night@coordinator.example", "lantern over water"


def code(secret, *, steps=0):
    """The code that an app shows, or will show after some steps of 30 seconds."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


@pytest.fixture(scope="module")
def strict_hub(tmp_path_factory):
    """A hub that asks for a second factor."""
    hub = RunningHub(tmp_path_factory.mktemp("hub"), environment=REQUIRED)
    yield hub
    hub.process.stop()


@pytest.fixture
def strict(strict_hub, _own_settings):
    """The address at localhost of a hub that asks for a second factor, and an invitation's link."""
    strict_hub.begin(beginnings.of_cast("demo"))
    address = f"http://localhost:{urlsplit(strict_hub.process.address).port}"
    words = ["person", "add", EMAIL, "--party", cast.COORDINATOR, "--role", "coordinator"]
    said = run(*words, "--data-dir", strict_hub.folder, "--address", address, **REQUIRED)
    assert said.code == 0, said.err
    return address, said.out.strip()


@pytest.fixture
def page(chromium, strict):
    context = chromium.new_context(base_url=strict[0], viewport={"width": 320, "height": 700})
    made = context.new_page()
    made.complaints = complaints = []
    made.on("pageerror", lambda error: complaints.append(str(error)))
    made.on("console", lambda one: complaints.append(one.text) if one.type == "error" else None)
    yield made
    # What htmx says of a stream that ends because its page is left.
    assert [one for one in complaints if one != "[object Event]"] == []
    context.close()


def check_access(page):
    """No fault of WCAG that axe can see, and nothing to scroll sideways for."""
    rules = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
    found = Axe().run(page, options={"runOnly": rules, "resultTypes": ["violations"]})
    assert found.response["violations"] == [], found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def accept(page, link):
    page.goto(link)
    check_access(page)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Repeat the password").fill(PASSWORD)
    page.get_by_role("button", name="Set password").click()
    expect(page.get_by_text("Password set")).to_be_visible()


def type_password(page):
    check_access(page)
    page.get_by_label("Mail address").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def sign_out(page):
    page.locator("#menu > summary").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("heading", name="Sign in to the crisis desk")).to_be_visible()


def test_from_an_invitation_to_the_desk_by_password_and_code(page, strict):
    accept(page, strict[1])
    type_password(page)
    expect(page.get_by_text("Your role needs a second factor")).to_be_visible()
    check_access(page)
    page.goto("/")
    expect(page).to_have_url(re.compile("/you$"))
    page.get_by_role("link", name="Set up app").click()
    page.get_by_text("I cannot scan it").click()
    secret = page.locator("code").inner_text()
    check_access(page)
    page.get_by_label("Code from the app").fill(code(secret))
    page.get_by_role("button", name="Set up").click()
    expect(page.locator(".account__codes code")).to_have_count(10)
    paper = page.locator(".account__codes code").first.inner_text()
    check_access(page)
    page.get_by_role("link", name="To the board").click()
    expect(page.locator("#board")).to_be_attached()
    sign_out(page)
    type_password(page)
    check_access(page)
    page.get_by_label("Code from your app").fill(code(secret, steps=1))
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#board")).to_be_attached()
    sign_out(page)
    type_password(page)
    page.get_by_label("Code from your app").fill(paper)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#board")).to_be_attached()


def lock(hub):
    """Type wrong passwords, as somebody elsewhere who knows the address."""
    with httpx.Client(base_url=hub, timeout=60) as stranger:
        for _ in range(FAILURES):
            token = stranger.get("/sign-in").text.partition('csrfmiddlewaretoken" value="')[2][:64]
            fields = {"username": EMAIL, "password": "wrong", "csrfmiddlewaretoken": token}
            answer = stranger.post("/sign-in", data=fields)
    assert answer.status_code == 429


def test_a_passkey_opens_the_desk_without_a_password_and_so_past_a_lock(page, strict):
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    device = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
    }
    made = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": device})
    accept(page, strict[1])
    type_password(page)
    page.get_by_role("link", name="Add a passkey").click()
    check_access(page)
    page.get_by_label("Name of the passkey").fill("Night desk")
    page.get_by_role("button", name="Add passkey").click()
    expect(page.locator(".account__codes code")).to_have_count(10)
    page.get_by_role("link", name="To the board").click()
    sign_out(page)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator("#board")).to_be_attached()
    page.goto("/you")
    expect(page.get_by_text("Night desk").first).to_be_visible()
    expect(page.get_by_text("with a passkey").first).to_be_visible()
    check_access(page)
    sign_out(page)
    type_password(page)
    page.get_by_role("button", name="Use a passkey instead").click()
    expect(page.locator("#board")).to_be_attached()
    lock(strict[0])
    page.reload()
    expect(page.locator("#board")).to_be_attached()
    sign_out(page)
    type_password(page)
    expect(page.get_by_text("you cannot sign in with a password or a code")).to_be_visible()
    check_access(page)
    page.complaints.clear()  # the browser's own line about the status 429
    page.get_by_role("link", name="Back to the sign-in page").click()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator("#board")).to_be_attached()
    sign_out(page)
    held = devtools.send("WebAuthn.getCredentials", made)["credentials"]
    assert len(held) == 1
    devtools.send("WebAuthn.setUserVerified", made | {"isUserVerified": False})
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_text("The passkey did not work").first).to_be_visible()


def test_a_page_that_is_open_learns_that_its_sitting_was_ended(page, strict, strict_hub):
    accept(page, strict[1])
    type_password(page)
    page.get_by_role("link", name="Set up app").click()
    page.get_by_text("I cannot scan it").click()
    page.get_by_label("Code from the app").fill(code(page.locator("code").inner_text()))
    page.get_by_role("button", name="Set up").click()
    page.get_by_role("link", name="To the board").click()
    expect(page.locator("#live")).to_have_class(re.compile("live--on"))
    said = run("person", "sign-out", EMAIL, "--data-dir", strict_hub.folder)
    assert said.code == 0, said.err
    expect(page).to_have_url(re.compile(r"/sign-in(\?|$)"), timeout=60_000)
    # Whether the stream asks once more, and is refused, before it ends is a matter of luck.
    page.complaints[:] = [one for one in page.complaints if "403 (Forbidden)" not in one]
