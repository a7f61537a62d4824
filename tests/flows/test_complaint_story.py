# SPDX-License-Identifier: Apache-2.0
"""A complaint from its link to every agent: an uploader, a reviewer and a sharer, in browsers."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from stemtide.exercises import cast
from tests.flows.conftest import NARROW, digest, row, until
from tests.flows.duty import OFFICER, PROVIDER, Person

pytestmark = [pytest.mark.flow, pytest.mark.browser]

WORDS = "I am a reporter, and this is the opening of my programme of this evening."
REASONS = "It is the opening of a news programme and shows nothing of the attack."
NOTE = "The fingerprint is that of a news programme's opening."
SERVICE, OTHER = cast.PROVIDERS[:2]


@pytest.fixture
def uploader(chromium, house):
    """A telephone's browser without script, and without a history with this hub."""
    context = chromium.new_context(
        base_url=house.hub.address, viewport=NARROW, java_script_enabled=False
    )
    yield context
    context.close()


@pytest.fixture
def people(chromium, house):
    made = [Person(chromium, house, email).sign_in() for email in (PROVIDER, OFFICER)]
    yield made
    for one in made:
        one.context.close()


def test_an_uploader_complains_and_every_agent_lets_the_content_through_again(
    house, uploader, people
):
    reviewer, sharer = people
    service, other = house.agent(SERVICE), house.agent(OTHER)
    value = digest()
    (signal,) = house.share([row(value, labels=["manifesto"])])["signals"]
    for agent in (service, other):
        house.caught_up(agent)
        assert decide(house, agent, value, ref="upload-7")["action"] == "block"
    page = uploader.new_page()
    path = complain(house, page, signal["id"])
    assert uploader.cookies() == []
    uphold(reviewer)
    page.goto(path)
    expect(page.locator("main")).to_contain_text("You were right")
    expect(page.locator("main")).to_contain_text(REASONS)
    for agent in (service, other):
        house.caught_up(agent)
    assert decide(house, service, value)["action"] == "log"  # written down, and let through
    # The word of one party stops nothing elsewhere: only a second dispute or the sharer does.
    assert decide(house, other, value)["action"] == "block"
    until(lambda: released(house, SERVICE))
    assert not released(house, OTHER)
    take_back(sharer)
    house.caught_up(other)
    assert decide(house, other, value)["action"] is None
    until(lambda: released(house, OTHER))
    reviewer.goto("/complaints")
    reviewer.says("main", "withdrawn")
    keeps_no_words(house)
    assert house.ledger_has_no_gap()
    assert [one.complaints for one in people] == [[], []]


def decide(house, agent, value, **facts):
    """What an agent does with a file."""
    (answer,) = house.match(agent, [{"sha256": value} | facts])
    return answer["decision"]


def released(house, party):
    """Whether a provider heard that what it blocked goes free."""
    heard = [(one["type"], one["data"]["ref"]) for one in house.receivers[party].heard]
    return ("content.release", "upload-7") in heard


def complain(house, page, signal):
    """The service tells its uploader, with a link; they open it and complain; the link's path."""
    body = {
        "reference": "upload-7",
        "basis": "signal",
        "ground": signal,
        "measure": "blocked",
        "acted_at": datetime.now(UTC).isoformat(),
        "is_automatic": True,
    }
    with house.client(SERVICE) as client:
        made = client.post("/api/v1/complaint-links", json=body).json()
    path = made["link"].removeprefix(house.hub.address)
    page.goto(path)
    expect(page.locator("main")).to_contain_text("A program. No person looked before.")
    expect(page.locator("main")).not_to_contain_text("Crisis Centre")
    page.get_by_label("Why was it wrong?").fill(f"{WORDS} Ask me: piet@example.org")
    page.get_by_role("button", name="Send the complaint").click()
    expect(page.locator("main")).to_contain_text("This looks like personal data: a mail address.")
    page.get_by_label("Why was it wrong?").fill(WORDS)
    page.get_by_role("button", name="Send the complaint").click()
    expect(page.locator("main")).to_contain_text("It has arrived")
    code = page.locator(".answer__code").inner_text()
    page.goto("/complain")
    page.get_by_label("Your code").fill(code.lower())
    page.get_by_role("button", name="Show status").click()
    expect(page.locator("main")).to_contain_text("It has arrived")
    return path


def uphold(reviewer):
    """The service's reviewer is alerted, takes it up, and finds the signal wrong."""
    page = reviewer.page

    def alerted():
        page.goto("/alerts")
        return page.get_by_role("link", name="Somebody complains of a decision of yours").count()

    until(alerted)
    page.get_by_role("link", name="Somebody complains of a decision of yours").click()
    expect(page.locator("main")).to_contain_text(WORDS)
    page.get_by_role("button", name="Start the review").click()
    reviewer.says("main", "1 signal of others is disputed")
    page.get_by_label("Context of the content").select_option("news")
    page.get_by_label("it is wrong for all content").check()
    page.get_by_label("Your answer to the uploader").first.fill(REASONS)
    page.get_by_label("Note to the party that shared").fill(NOTE)
    page.get_by_role("button", name="Uphold the complaint").click()
    reviewer.says("main", "Decided. The person who complained can now read your answer.")


def take_back(sharer):
    """Who shared the signal is asked, reads the note and nothing more, and withdraws it."""
    page = sharer.page
    sharer.goto("/complaints")
    page.get_by_role("link", name="a signal").click()
    sharer.says("main", NOTE)
    for secret in (WORDS, REASONS, "upload-7"):
        expect(page.locator("main")).not_to_contain_text(secret)
    page.get_by_label("Withdraw: every agent undoes").check()
    page.get_by_role("button", name="Withdraw").click()
    sharer.says("main", "Withdrawn. Agents undo their actions when they receive it.")


def keeps_no_words(house):
    """Whoever has the database reads neither what was complained nor what was answered."""
    kept = [one.read_bytes() for one in house.running.folder.glob("hub.sqlite3*")]
    assert len(kept) > 1
    for words in (WORDS, REASONS):
        assert not any(words.encode() in one for one in kept)
    assert any(NOTE.encode() in one for one in kept)
