# SPDX-License-Identifier: Apache-2.0
"""Moderators sign in to the agent's review page at the hub, in a browser; the hub goes away."""

import json
import re
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import expect

from tests.cli.conftest import run
from tests.flows import beginnings
from tests.flows.conftest import NARROW, VIEWPORTS, WIDE, House, until
from tests.flows.test_review_page import CAT, PARTY, faults, hold, press
from tests.rounds import rounds

pytestmark = [pytest.mark.flow, pytest.mark.browser]

ANNA, OBSERVER = f"analyst@{PARTY}.example", f"observer@{PARTY}.example"
BEN = f"duty_officer@{PARTY}.example"
BACK = "**/review/sign-in/back?*"
STRANGER = "duty_officer@be-crisis-centre.example"


@pytest.fixture
def house(tmp_path, running_hub, _own_settings):
    house = House(tmp_path, hub=running_hub, beginning=beginnings.of_cast("reviewers"))
    yield house
    house.close()


@pytest.fixture
def agent(house):
    """An agent whose people sign in at the hub, which is another site for their browsers."""
    hub = f"http://localhost:{urlsplit(house.hub.address).port}"
    review = 'sign_in = "hub"\npictures_per_day = 1'
    agent = house.agent(PARTY, extra="heartbeat_s = 0.2", review=review, hub_url=hub)
    until(lambda: house.rows("SELECT 1 FROM parties_agent"))  # it has reported its status
    return agent


def person(chromium, agent, *, viewport=WIDE, **options):
    """A browser of somebody, who has seen nothing yet."""
    context = chromium.new_context(viewport=viewport, base_url=agent.address, **options)
    page = context.new_page()
    page.troubles = []
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.on("console", lambda line: page.troubles.append(line.text) if line.type == "error" else 0)
    return page


def go_to_hub(page, house, email):
    """Go from the agent to the hub, and sign in there."""
    page.goto("/review")
    assert faults(page) == []
    page.get_by_role("link", name="Sign in at the hub").click()
    page.locator("[name=username]").fill(email)  # in any language
    page.locator("[name=password]").fill(house.password)
    page.locator("[name=password]").press("Enter")


def sign_in(page, house, email):
    go_to_hub(page, house, email)
    expect(page.get_by_role("heading", level=1)).to_have_text("Held for review")


@pytest.mark.parametrize("viewport", rounds(VIEWPORTS[:1], nightly=VIEWPORTS))
def test_a_moderator_signs_in_at_the_hub_and_reviews_on_without_it(
    house, agent, chromium, viewport
):
    hold(house, agent, {"first": CAT + b"1", "second": CAT + b"2"})
    page = person(chromium, agent, viewport=viewport)
    sign_in(page, house, ANNA)
    expect(page.locator(".bar__person")).to_have_text(ANNA)
    assert faults(page) == []
    house.hub.kill()
    page.reload()
    press(page, "n")
    press(page, "b")
    expect(page.get_by_text("Blocked: 1.")).to_be_visible()
    press(page, "b")
    expect(page.get_by_text("Nothing is held.")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign in at the hub").click()
    expect(page.get_by_text("does not answer (")).to_be_visible()
    assert faults(page) == []


def test_two_colleagues_are_two_people_with_a_budget_each(house, agent, chromium):
    hold(house, agent, {"only": CAT})
    anna, ben = person(chromium, agent), person(chromium, agent)
    sign_in(anna, house, ANNA)
    sign_in(ben, house, BEN)
    press(anna, "n")
    press(anna, "p")
    expect(anna.get_by_text("Pictures today: 1, 0 left")).to_be_visible()
    ben.goto(anna.url.replace(urlsplit(anna.url).path, urlsplit(ben.url).path + "/item"))
    expect(ben.get_by_text(f"{ANNA} has this open")).to_be_visible()
    expect(ben.get_by_text("Pictures today: 0, 1 left")).to_be_visible()
    again = person(chromium, agent)
    sign_in(again, house, ANNA)
    expect(again.get_by_text("Pictures today: 1, 0 left")).to_be_visible()


@pytest.mark.parametrize(
    ("email", "words"),
    [(OBSERVER, "your role (observer) cannot review"), (STRANGER, "you are signed in for")],
)
def test_others_are_told_at_the_hub_why_they_do_not_get_in(house, agent, chromium, email, words):
    page = person(chromium, agent, viewport=NARROW)
    go_to_hub(page, house, email)
    expect(page.get_by_text(re.compile(re.escape(words), re.IGNORECASE))).to_be_visible()
    assert urlsplit(page.url).path == "/openid/authorize"
    assert faults(page) == []


def test_an_answer_that_was_changed_or_used_does_not_sign_in(house, agent, chromium):
    page = person(chromium, agent, locale="de")
    page.route(BACK, lambda route: route.abort("aborted"))
    with page.expect_request(BACK) as request:
        go_to_hub(page, house, ANNA)
    answer = request.value.url
    expect(page.get_by_role("heading", level=1)).to_have_text("Bei der Prüfseite anmelden")
    assert faults(page) == []
    page.unroute(BACK)
    thief = person(chromium, agent)
    for somebody, address in (
        (thief, answer),  # another browser
        (page, re.sub("state=[^&]+", "state=other", answer)),
        (page, re.sub("code=[^&]+", "code=other", answer)),  # this one uses the sign-in up
        (page, answer),
    ):
        somebody.goto(address)
        heading = somebody.get_by_role("heading", level=1)
        expect(heading).to_have_text("You are not signed in")
        assert faults(somebody) == []
    page.get_by_role("link", name="Sign in at the hub").click()  # they are signed in there
    expect(page.get_by_role("heading", level=1)).to_have_text("Held for review")


def test_who_is_removed_at_the_hub_is_signed_out_here(house, agent, chromium):
    anna, ben = person(chromium, agent), person(chromium, agent)
    sign_in(anna, house, ANNA)
    sign_in(ben, house, BEN)
    words = ["person", "deactivate", ANNA, "--data-dir", house.running.folder]
    done = run(*words)
    assert done.code == 0, done.err
    expect(anna.get_by_role("heading", level=1)).to_have_text("Sign in to review")
    ben.reload()
    expect(ben.get_by_role("heading", level=1)).to_have_text("Held for review")
    anna.get_by_role("link", name="Sign in at the hub").click()
    expect(anna.get_by_role("heading", name="Sign in to the crisis desk")).to_be_visible()


MODERATOR = {"sub": "7", "name": "Mia Example", "groups": ["moderators"]}
CLERK = {"sub": "8", "name": "Cy Example", "groups": ["office"]}


@pytest.fixture
def other_provider():
    """An OpenID provider that is not ours: the address of oidc-provider-mock in its own process."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce"]
    for claims in (MODERATOR, CLERK):
        command += ["--user-claims", json.dumps(claims)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    address = f"http://localhost:{port}"
    until(lambda: answers(f"{address}/.well-known/openid-configuration"))
    yield address
    process.terminate()
    process.wait()


def answers(address):
    try:
        return httpx.get(address, timeout=60).is_success
    except httpx.TransportError:
        return False


def test_the_same_agent_takes_people_of_another_openid_provider(house, chromium, other_provider):
    lines = (
        *('sign_in = "openid"', "[review.openid]", f'issuer = "{other_provider}"'),
        *('client_id = "agent"', 'client_secret = "between us"'),
        *('claim = "groups"', 'value = "moderators"'),
    )
    agent = house.agent(PARTY, review="\n".join(lines))
    for button, words in (("7", "Held for review"), ("8", "it lacks groups = moderators")):
        page = person(chromium, agent)
        page.goto("/review")
        page.get_by_role("link", name="Sign in at localhost").click()
        page.get_by_role("button", name=button, exact=True).click()
        expect(page.get_by_text(words)).to_be_visible()
        assert faults(page) == []
        if button == "7":
            expect(page.locator(".bar__person")).to_have_text("Mia Example")
