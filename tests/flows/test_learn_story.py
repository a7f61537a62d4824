# SPDX-License-Identifier: Apache-2.0
"""A new duty officer learns the protocol alone: the panel says what is next, bots do the rest."""

import re
import subprocess

import pytest
from playwright.sync_api import expect

from stemtide.exercises import processes
from tests.cli.conftest import surroundings
from tests.flows.conftest import NARROW, WIDE
from tests.flows.steps import Steps
from tests.flows.test_desk_sharing import officer

pytestmark = [pytest.mark.flow, pytest.mark.browser]

SIGN_IN = re.compile(r"Sign in as (\S+) with the password (\S+)")


@pytest.fixture
def lesson(tmp_path):
    """The running command; its first lines have the address of the desk and the sign-in."""
    words = ("exercise", "learn", "--no-browser", "--speed", "60", "--out", str(tmp_path / "out"))
    with subprocess.Popen(
        [processes.command(), *words],
        env=surroundings({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        yield command
        command.terminate()


def place_of(command):
    """The address of the desk, and how to sign in."""
    address = command.stderr.readline().strip().removeprefix("The desk: ").rstrip("/")
    return address, *SIGN_IN.match(command.stderr.readline()).groups()


def expect_step(page, number, title):
    """The panel shows this step as the next one."""
    expect(page.locator("#lesson .lesson__title")).to_have_text(f"{number}. {title}")


def warn(page, steps):
    """Raise the early warning; the address of its room."""
    expect_step(page, 1, "Raise the early warning")
    steps.follow("Open the page")
    steps.fill(warning__name="Film of an attack", warning__countries="BE, FR")
    page.get_by_label("This is an exercise.").check()
    steps.press_button("Raise the warning")
    page.wait_for_url(re.compile("/crises/[0-9a-f]"))
    return page.url


def propose(page, steps):
    """Rate, answer the checklist, record a measure and propose the activation."""
    expect_step(page, 2, "Rate it")
    steps.follow("Open the page")
    steps.fill(triage__harm="4", triage__virality="3")
    steps.press_button("Save")
    expect_step(page, 3, "Answer the checklist")
    for test in page.locator("section[id^=test-]").all():
        test.get_by_label("Yes").check()
        test.get_by_label("Evidence").fill("Two officers saw it.")
    steps.press_button("Save")
    expect_step(page, 4, "Record a national measure")
    steps.fill(measure__measure="referrals", measure__insufficient="The hosts are abroad.")
    steps.press_button("Save")
    expect_step(page, 5, "Propose the activation")
    steps.fill(reason="It crosses borders.")
    steps.press_button("Save and propose activation")


def share(page, steps):
    """Share the address that the hint names, and write in the log."""
    expect_step(page, 7, "Share the address")
    steps.follow("Open the page")
    address = "https://videos.example.org/exercise/7"
    page.get_by_label("Hashes, web addresses or a text").fill(address)
    steps.press_button("Check content")
    page.get_by_label("Perpetrator content").check()
    page.locator("main").get_by_role("button", name="Share", exact=True).click()
    expect_step(page, 8, "Tell the others")
    steps.follow("Open the page")
    page.get_by_label("Message", exact=True).fill("It is shared. Nobody knows how many saw it.")
    steps.press_button("Write it")


def test_learn_a_new_officer_is_guided_from_the_warning_to_the_end(chromium, lesson, tmp_path):
    address, email, password = place_of(lesson)
    page = officer(chromium, address, password, who=email, viewport=WIDE)
    steps = Steps(page)
    room = warn(page, steps)
    propose(page, steps)
    expect_step(page, 6, "Invite a provider")
    page.goto(room)
    page.locator("summary", has_text="Invite").first.click()
    page.get_by_label("Small Pictures").check()
    page.locator("main").get_by_role("button", name="Invite").first.click()
    share(page, steps)
    expect_step(page, 9, "De-escalate")
    page.goto(room)
    expect(page.get_by_text("Active", exact=True).first).to_be_visible()
    page.locator("#verb-deescalate-name").click()
    page.locator("#verb-deescalate textarea").fill("Nothing new for an hour.")
    page.locator("#verb-deescalate").get_by_role("button", name="De-escalate").click()
    expect(page.locator("#lesson .lesson__title")).to_have_text("You have done all steps")

    printed = [lesson.stdout.readline() for _ in range(6)]
    assert printed[-1].startswith("4 of 4 objectives met.")
    assert "4 of 4" in (tmp_path / "out/debrief.html").read_text("utf-8")
    page.set_viewport_size(NARROW)
    page.reload()
    expect(page.locator("#lesson")).to_contain_text("9 of 9 steps done")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    lesson.terminate()
    assert lesson.wait() == 0
