# SPDX-License-Identifier: Apache-2.0
"""A crisis under trouble: a hub that dies, a session that ends, no mouse, no JavaScript."""

import re

import pytest
from playwright.sync_api import expect

from tests.flows.conftest import digest, row
from tests.flows.duty import AGENCY, OFFICER, Person

pytestmark = [pytest.mark.flow, pytest.mark.browser]

NAME = "Attack at the harbour"
WARNING = {
    "name": NAME,
    "framework": "eucp-2023",
    "happened_at": "2026-01-01T10:00:00Z",
    "countries": ["BE", "FR"],
}


@pytest.fixture
def arrive(chromium, house):
    people = []

    def one(email, **how):
        people.append(Person(chromium, house, email, **how))
        return people[-1]

    yield one
    for person in people:
        person.context.close()


@pytest.fixture
def path(house):
    """The address of a warning's room."""
    made = house.authority.post("/api/v1/crises", json=WARNING)
    assert made.status_code == 201, made.text
    return f"/crises/{made.json()['id']}"


def test_a_crisis_survives_a_lost_connection_and_a_form_keeps_what_was_written(house, arrive, path):
    officer = arrive(OFFICER).sign_in()
    officer.goto(path)
    half = officer.page.locator("[name=measure-measure]")
    officer.fill_verb("measure", measure="We asked the hosts")
    house.hub.kill()
    live = officer.page.locator("#live")
    expect(live).to_contain_text(re.compile("reconnecting"))
    expect(half).to_have_value("We asked the hosts")
    half.press_sequentially(" twice")
    house.restart_hub()
    expect(live).to_have_text("live")
    house.share([row(digest(), labels=["manifesto"], crisis=path.rpartition("/")[2])])
    officer.says("#block-clusters", "Manifesto")
    expect(half).to_have_value("We asked the hosts twice")
    officer.page.locator("[name=measure-insufficient]").fill("They are abroad.")
    officer.page.get_by_role("button", name="Record it").click()
    officer.says("#block-checks", "We asked the hosts twice")


def test_a_session_that_ended_leads_from_the_crisis_to_the_sign_in_and_back(arrive, path):
    officer = arrive(OFFICER).sign_in()
    officer.goto(path)
    other = officer.context.new_page()
    other.goto("/")
    other.get_by_role("button", name="Sign out").click()
    expect(officer.page.get_by_label("Password", exact=True)).to_be_visible()
    officer.sign_in()
    assert officer.goto(path) == 200


def tab_to(page, what, *, most=200):
    """Press Tab until something has the focus; it must be seen to have it."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if what.evaluate("one => one === document.activeElement"):
            outline = what.evaluate("one => getComputedStyle(one).outlineStyle")
            assert outline != "none", what
            return
    pytest.fail(f"Tab never comes to {what}")


def test_a_crisis_is_warned_of_answered_and_proposed_with_the_keyboard_alone(house, arrive):
    page = arrive(OFFICER).page
    page.goto("/sign-in")
    tab_to(page, page.get_by_label("Mail address"))
    page.keyboard.type(OFFICER)
    tab_to(page, page.get_by_label("Password", exact=True))
    page.keyboard.type(house.password)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.goto("/crises")
    tab_to(page, page.locator("a[href='/crises/new']").first)
    page.keyboard.press("Enter")
    page.wait_for_url("**/crises/new")
    for label, text in (
        ("What happened, in a few words", NAME),
        ("Countries concerned", "BE, FR"),
        ("What is known (optional)", "Filmed."),
    ):
        tab_to(page, page.get_by_label(label))
        page.keyboard.type(text)
    tab_to(page, page.get_by_role("button", name="Raise the warning"))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/crises/[0-9a-f]{8}"))
    for _ in range(6):
        answer(page)
    measure(page)
    summary = page.locator("#verb-propose-activate summary")
    tab_to(page, summary)
    page.keyboard.press("Enter")
    tab_to(page, page.locator("[name=propose-activate-reason]"))
    page.keyboard.type("It crosses borders.")
    tab_to(page, page.locator("#verb-propose-activate button"))
    page.keyboard.press("Enter")
    expect(page.locator("#block-next")).to_contain_text("It crosses borders.")


def answer(page):
    """Answer the first test that nobody answered."""
    open_ones = page.locator(".check", has_text="not answered")
    number = open_ones.count()
    form = open_ones.first.locator("details")
    tab_to(page, form.locator("summary"))
    page.keyboard.press("Enter")
    tab_to(page, form.get_by_role("radio").first)
    page.keyboard.press("Space")
    tab_to(page, form.locator("textarea"))
    page.keyboard.type("Two officers saw it.")
    tab_to(page, form.locator("button"))
    page.keyboard.press("Enter")
    expect(open_ones).to_have_count(number - 1)


def measure(page):
    """Record a national measure."""
    tab_to(page, page.locator("#verb-measure summary"))
    page.keyboard.press("Enter")
    tab_to(page, page.locator("[name=measure-measure]"))
    page.keyboard.type("referrals")
    tab_to(page, page.locator("[name=measure-insufficient]"))
    page.keyboard.type("hosts abroad")
    tab_to(page, page.locator("#verb-measure button"))
    page.keyboard.press("Enter")
    expect(page.locator("#block-checks")).to_contain_text("hosts abroad")


def test_a_crisis_is_warned_of_answered_and_activated_without_javascript(arrive):
    plain = {"java_script_enabled": False, "viewport": {"width": 320, "height": 700}}
    officer, agency = (arrive(one, **plain) for one in (OFFICER, AGENCY))
    for one in (officer, agency):
        one.sign_in()
    page = officer.page
    page.goto("/crises/new")
    page.get_by_label("What happened, in a few words").fill(NAME)
    page.get_by_label("Countries concerned").fill("BE, FR")
    page.get_by_label("Framework").select_option("eucp-2023")
    page.get_by_role("button", name="Raise the warning").click()
    page.wait_for_url(re.compile("/crises/[0-9a-f]{8}"))
    expect(page.get_by_role("link", name="Reload it every 15 seconds")).to_be_visible()
    for number in range(6):
        form = page.locator(".check", has_text="not answered").first.locator("details")
        form.locator("summary").click()
        form.get_by_role("radio").first.check()
        form.locator("button").click()
        officer.says("#block-checks", f"{number + 1} yes of 6")
    officer.fill_verb("measure", measure="referrals", insufficient="hosts abroad").click()
    officer.says("#block-checks", "hosts abroad")
    officer.fill_verb("propose-activate", reason="").click()
    expect(page.locator("#verb-propose-activate")).to_contain_text("This field is required.")
    officer.fill_verb("propose-activate", reason="It crosses borders.").click()
    officer.says("#block-next", "It crosses borders.")
    agency.page.goto(page.url)
    agency.page.get_by_role("button", name="Confirm as the second person").click()
    agency.says("#block-next", "De-escalate")
