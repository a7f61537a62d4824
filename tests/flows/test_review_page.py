# SPDX-License-Identifier: Apache-2.0
"""A provider's moderator at the agent's review page: by keyboard alone, wide and on a phone."""

import hashlib
import json

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from stemtide.exercises import cast
from tests import forks
from tests.agent import streams
from tests.agent.world import picture
from tests.flows.conftest import NARROW, VIEWPORTS, WIDE, row, until
from tests.flows.test_crisis_access import RULES
from tests.rounds import rounds

pytestmark = [pytest.mark.flow, pytest.mark.browser]

PARTY, SHARER = cast.PROVIDERS[:2]
CAT = picture("chelsea.png")


def faults(page):
    """What axe finds wrong, with the elements, and whether anything is cut off."""
    page.wait_for_load_state()  # before its style is there, everything is too small
    found = Axe().run(page, options={"runOnly": RULES}).response["violations"]
    wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    return [(fault["id"], [node["html"][:200] for node in fault["nodes"]]) for fault in found] + (
        ["wider than the screen"] if wide else []
    )


def press(page, key):
    """Press a letter once the page listens."""
    expect(page.locator("html")).to_have_class("has-keys")
    page.keyboard.press(key)


def hold(house, agent, contents, **facts):
    """Have another provider share files, and the agent hold the uploads of them."""
    values = {content: hashlib.sha256(content).hexdigest() for content in contents.values()}
    rows = [row(value, **facts) for value in values.values()]
    with house.client(SHARER) as sharer:
        answer = sharer.post("/api/v1/signals/bulk", json={"signals": rows})
        assert answer.status_code == 201, answer.text
    house.caught_up(agent)
    for ref, content in contents.items():
        files = {"file": ("upload", content)}
        done = httpx.post(f"{agent.address}/match", files=files, data={"ref": ref}, timeout=60)
        assert done.json()["items"][0]["decision"]["action"] == "hold", done.text
        house.receivers[PARTY].pictures[ref] = content
    return answer.json()["signals"]


def sign_in(house, agent, chromium, *, name, viewport, **options):
    """Open a link of the command in a browser, and sign in by keyboard."""
    config = house.folder / PARTY / "agent.toml"
    port = agent.address.rsplit(":", 1)[1]
    words = ["stemtide", "agent", "review", "link", "--config", str(config), "--port", port]
    done = forks.run([*words, "--json"], environment={"HOME": str(house.folder)})
    assert done.returncode == 0, done.stderr
    context = chromium.new_context(viewport=viewport, base_url=agent.address, **options)
    page = context.new_page()
    page.troubles = []
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.on("console", lambda line: page.troubles.append(line.text) if line.type == "error" else 0)
    page.goto(json.loads(done.stdout)["link"])
    expect(page.get_by_label("Your name")).to_be_focused()
    assert faults(page) == []
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Held for review")
    return page


def heard(house, ref):
    """What the provider heard of an upload, in order."""
    events = [event for event in house.receivers[PARTY].heard if event["data"]["ref"] == ref]
    return [(event["type"], event["data"].get("decided_by")) for event in events]


@pytest.mark.parametrize("viewport", rounds(VIEWPORTS[:1], nightly=VIEWPORTS))
def test_a_moderator_decides_by_keyboard_alone(house, chromium, viewport):
    agent = house.agent(PARTY, review="pictures_per_day = 2")
    scheme = "dark" if viewport is NARROW else "light"
    page = sign_in(house, agent, chromium, name="Anna", viewport=viewport, color_scheme=scheme)
    expect(page.get_by_text("Nothing is held.")).to_be_visible()
    assert faults(page) == []
    evil = '"><img src=x onerror=document.title="hit">'
    contents = {evil: CAT + b"1", "cat": CAT, "third": CAT + b"3", "fourth": CAT + b"4"}
    (shared, *_) = hold(house, agent, contents)
    expect(page.get_by_text("4 held")).to_be_visible()  # by itself
    assert faults(page) == []

    press(page, "n")
    expect(page.get_by_role("heading", level=1)).to_contain_text("onerror")
    expect(page.get_by_text(SHARER).first).to_be_visible()
    press(page, "p")
    still = page.get_by_role("img", name="blurred and grey")
    expect(still).to_be_visible()
    expect(still).to_have_js_property("naturalWidth", 451)
    assert faults(page) == []
    press(page, "p")
    expect(page.get_by_role("img", name="small and grey")).to_be_visible()
    press(page, "d")
    expect(page.locator("#reason-dispute")).to_be_focused()
    page.keyboard.type("It is a cat.")
    assert faults(page) == []
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_text("Let pass and disputed: 1.")).to_be_visible()
    until(lambda: house.authority.get(f"/api/v1/signals/{shared['id']}").json()["opinions"])
    press(page, "b")
    expect(page.get_by_text("Blocked: 1.")).to_be_visible()
    press(page, "u")
    expect(page.get_by_text("Taken back: 1.")).to_be_visible()
    ref = page.get_by_role("heading", level=1).inner_text()
    expect(page.get_by_text("blocked by Anna (taken back)")).to_be_visible()
    press(page, "l")
    expect(page.get_by_text("Let pass: 1.")).to_be_visible()
    until(lambda: heard(house, ref)[-1] == ("content.release", "reviewer"))
    assert heard(house, ref)[-2] == ("content.hold", "reviewer")
    press(page, "e")
    page.keyboard.type("Not sure.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Escalated: 1.")).to_be_visible()
    press(page, "q")
    expect(page.get_by_text("escalated by Anna")).to_be_visible()
    assert faults(page) == []
    assert page.title().startswith("Queue")
    assert page.troubles == []
    until(lambda: heard(house, evil)[-1] == ("content.release", "reviewer"))
    assert heard(house, evil)[0] == ("content.hold", None)


def test_two_people_and_the_budget_that_stops(house, chromium):
    agent = house.agent(PARTY, review="pictures_per_day = 1")
    hold(house, agent, {"first": CAT + b"1"}, severity="critical")
    hold(house, agent, {"second": CAT + b"2"}, severity="low")
    anna = sign_in(house, agent, chromium, name="Anna", viewport=WIDE)
    ben = sign_in(house, agent, chromium, name="Ben", viewport=WIDE)
    press(anna, "n")
    expect(anna.get_by_role("heading", level=1)).to_have_text("first")
    press(ben, "n")
    expect(ben.get_by_role("heading", level=1)).to_have_text("second")
    press(anna, "p")
    expect(anna.get_by_role("img", name="blurred and grey")).to_be_visible()
    ben.goto(anna.url.replace(anna.url.split("/s/")[1][:24], ben.url.split("/s/")[1][:24]))
    expect(ben.get_by_text("Anna has this open until")).to_be_visible()
    expect(ben.get_by_text("It is shown only to the person who has it open.")).to_be_visible()
    expect(ben.get_by_role("img")).to_have_count(0)
    assert faults(ben) == []
    stolen = ben.goto(anna.url)
    assert stolen.status == 403
    press(anna, "l")
    expect(anna.get_by_role("heading", level=1)).to_have_text("second")
    expect(anna.get_by_text("reached your limit")).to_be_visible()
    press(anna, "p")
    expect(anna.get_by_role("img")).to_have_count(0)
    assert faults(anna) == []


def test_a_colleague_looks_again_without_seeing_the_first_decision(house, chromium):
    agent = house.agent(PARTY, review="blind_check_percent = 100")
    hold(house, agent, {"first": CAT + b"1"})
    anna = sign_in(house, agent, chromium, name="Anna", viewport=WIDE)
    press(anna, "n")
    press(anna, "b")
    expect(anna.get_by_text("Nothing is held.")).to_be_visible()
    ben = sign_in(house, agent, chromium, name="Ben", viewport=NARROW)
    press(ben, "c")
    expect(ben.get_by_text("You do not see how.")).to_be_visible()
    press(ben, "p")
    expect(ben.get_by_role("img", name="blurred and grey")).to_be_visible()
    expect(ben.get_by_text("Anna")).to_have_count(0)
    assert faults(ben) == []
    press(ben, "l")
    expect(ben.get_by_text("Your colleague decided otherwise")).to_be_visible()
    expect(anna.get_by_text("reviewers disagree")).to_be_visible()  # by itself
    assert faults(anna) == []
    until(lambda: heard(house, "first")[-1] == ("content.hold", "reviewer"))


def test_it_works_without_javascript(house, chromium):
    agent = house.agent(PARTY, review="pictures_per_day = 1")
    hold(house, agent, {"first": CAT + b"1"})
    page = sign_in(house, agent, chromium, name="Anna", viewport=NARROW)
    context = chromium.new_context(
        viewport=NARROW, storage_state=page.context.storage_state(), java_script_enabled=False
    )
    plain = context.new_page()
    plain.goto(page.url)
    plain.get_by_role("link", name="Next item").click()
    plain.get_by_role("button", name="Show it").click()
    expect(plain.get_by_role("img", name="blurred and grey")).to_be_visible()
    plain.get_by_role("button", name="Block", exact=True).click()
    expect(plain.get_by_text("Blocked: 1.")).to_be_visible()
    expect(plain.get_by_text("Nothing is held.")).to_be_visible()


def test_a_film_is_looked_at_frame_by_frame_by_keyboard_on_a_phone(house, chromium):
    agent = house.agent(PARTY, review="pictures_per_day = 8")
    hold(house, agent, {"film": streams.known_film()})
    page = sign_in(house, agent, chromium, name="Anna", viewport=NARROW, color_scheme="dark")
    press(page, "n")
    expect(page.get_by_role("heading", level=1)).to_have_text("film")
    press(page, "p")
    frames = page.get_by_role("list", name="Frames of the film").get_by_role("img")
    expect(frames).to_have_count(6)
    expect(page.get_by_role("img", name="blurred and grey")).to_have_count(6)
    for image in frames.all():
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 256
    assert faults(page) == []
    press(page, "2")
    expect(page.get_by_role("img", name="small and grey")).to_have_count(1)
    assert faults(page) == []
    press(page, "p")
    expect(page.get_by_role("img", name="blurred and grey")).to_have_count(6)
    expect(page.get_by_text("2 left")).to_be_visible()
    press(page, "h")
    expect(frames).to_have_count(0)
    assert page.troubles == []
