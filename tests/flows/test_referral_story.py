# SPDX-License-Identifier: Apache-2.0
"""Referrals as people live them: one meets a hold, and a file of them is sent on an action day.

`benchmarks/referrals.py` measures an action day of 2,000 addresses: nothing here is timed.
"""

import csv
import io
import re

import pytest
from playwright.sync_api import expect

from tests.cli.conftest import run
from tests.flows.conftest import until
from tests.flows.duty import AGENCY, OFFICER, PARTY, PROVIDER, Person

pytestmark = [pytest.mark.flow, pytest.mark.browser]

URL = "https://video.example/watch?v=harbour"
OTHER_SPELLING = "HTTPS://Video.Example:443/watch?v=harbour#t=9"
WHY = "It praises the attack at the harbour and calls for another one."
HELD = 7
"""Rows of the action day, from this one on every fortieth, whose address somebody holds."""


@pytest.fixture
def people(chromium, house):
    made = [Person(chromium, house, email).sign_in() for email in (OFFICER, AGENCY, PROVIDER)]
    yield made
    assert {one.email: one.complaints for one in made if one.complaints} == {}
    for one in made:
        one.context.close()


def hold(person, url, *, hours="24"):
    """Ask at the desk that an address be left alone."""
    page = person.page
    page.goto("/referrals/holds/new")
    page.locator("[name=url]").fill(url)
    page.locator("[name=hours]").select_option(hours)
    page.locator("[name=reason]").select_option("investigation")
    page.locator("[name=contact]").fill("the duty desk, extension 12")
    page.locator("[name=case_reference]").fill("CASE-4711")
    page.get_by_role("button", name="Place the hold").click()
    expect(page.get_by_role("button", name="Lift the hold").first).to_be_visible()


def refer(person, url):
    """Fill in what was assessed, and search before anything is sent."""
    page = person.page
    page.goto("/referrals/new")
    page.locator("[name=url]").fill(url)
    page.locator("[name=provider]").select_option(PARTY)
    page.locator("[name=content_type]").select_option("video")
    page.locator("[name=labels][value=glorification]").check()
    page.locator("[name=reason]").fill(WHY)
    page.get_by_role("button", name="Check before sending").click()


def say(house, party, *words, code=0):
    """A command of a party's own system."""
    said = run(*words, STEMTIDE_HUB_URL=house.hub.address, STEMTIDE_KEY=house.keys[party])
    assert said.code == code, said.err
    return said


def test_a_referral_meets_a_hold_waits_and_is_answered_once_it_is_lifted(house, people):
    officer, agency, provider = people
    hold(agency, URL)
    refer(officer, OTHER_SPELLING)
    told = officer.page.locator("main")
    expect(told).to_contain_text("Call: the duty desk, extension 12")
    expect(told).not_to_contain_text("CASE-4711")
    expect(officer.page.get_by_role("button", name="Send it to the provider")).to_have_count(0)
    officer.page.get_by_role("button", name="Let it wait for the hold").click()
    officer.page.wait_for_url(re.compile("/referrals/[0-9a-f]{8}"))
    path = officer.page.url.removeprefix(house.hub.address)
    expect(told).to_contain_text("met a hold")
    assert provider.goto(path) == 404

    agency.goto("/referrals/holds")
    expect(agency.page.locator("main")).to_contain_text("1 referral waits")
    agency.page.get_by_role("button", name="Lift the hold").first.click()
    expect(agency.page.locator("main")).to_contain_text("lifted")

    # Nothing is sent by itself: its sender is told, and looks again.
    officer.goto("/alerts")
    expect(told).to_contain_text("hold")
    officer.goto(path)
    expect(told).to_contain_text("the hold was over")
    assert provider.goto(path) == 404
    officer.page.get_by_role("button", name="Send it to the provider").click()
    expect(told).to_contain_text("Done.")
    assert provider.goto(path) == 200
    expect(provider.page.locator("main")).to_contain_text(WHY)

    uid = path.rpartition("/")[2]
    say(house, PARTY, "referral", "acknowledge", uid, "--reference", "T-9")
    say(house, PARTY, "referral", "answer", uid, "removed")
    officer.goto(path)
    for step in ("received", "acknowledged", "answered", "T-9"):
        expect(told).to_contain_text(step)
    officer.goto("/progress?by=provider")
    expect(told).to_contain_text("Big Videos")
    expect(officer.page.locator("#steps-title").locator("xpath=../..")).to_contain_text(
        re.compile(r"removed or disabled\s*1")
    )


def test_an_emergency_goes_over_a_hold_and_its_holder_learns_it(house, people):
    officer, agency, provider = people
    hold(agency, URL)
    refer(officer, URL)
    officer.page.get_by_role("button", name="Let it wait for the hold").click()
    officer.page.wait_for_url(re.compile("/referrals/[0-9a-f]{8}"))
    path = officer.page.url.removeprefix(house.hub.address)
    officer.page.locator("[name=send-override]").fill("A child is shown at home, now.")
    officer.page.get_by_role("button", name="Send it to the provider").click()
    expect(officer.page.locator("main")).to_contain_text("A child is shown at home, now.")
    assert provider.goto(path) == 200
    agency.goto("/referrals/holds")
    expect(agency.page.locator("main")).to_contain_text("1 was sent over it")
    until(lambda: agency.goto("/alerts") and "emergency" in agency.page.inner_text("main").lower())


def addresses(count):
    """The addresses of an action day."""
    return [f"https://video.example/day/{number}" for number in range(count)]


def as_file(urls):
    """A file as a spreadsheet in Belgium writes it: semicolons, and a mark at its start."""
    rows = [f'{url};{PARTY};"{WHY}";glorification;nl' for url in urls]
    return "\ufeff" + "\r\n".join(["url;provider;reason;labels;language", *rows, ""])


def test_an_action_day_is_tried_sent_and_told_row_by_row(house, people, tmp_path):
    officer, agency, provider = people
    urls = addresses(240)
    held = urls[HELD::40]
    for url in held:
        made = say(house, "eu-referral-unit", "hold", "place", "--url", url, "--until", "2d",
                   "--reason", "evidence", "--contact", "the duty desk", "--json")  # fmt: skip
        assert made.rows[0]["state"] == "placed"
    file = tmp_path / "day.csv"
    file.write_text(as_file([*urls, "no address", urls[0]]), "utf-8")

    page = officer.page
    page.goto("/referrals/batches/new")
    page.locator("[name=name]").fill("Action day")
    page.locator("[name=file]").set_input_files(file)
    page.get_by_role("button", name="Check without sending").click()
    expect(page.locator("main")).to_contain_text("Nothing was sent, and nobody learnt of it.")
    assert house.rows("SELECT count(*) FROM referrals_referral") == [(0,)]
    page.get_by_role("button", name="Refer 240 addresses").click()
    expect(page.locator("main")).to_contain_text("The result of each row is below.")
    with page.expect_download() as told:
        page.get_by_role("link", name="Download CSV").click()
    rows = list(csv.DictReader(io.StringIO(told.value.path().read_text("utf-8"))))
    outcomes = [one["outcome"] for one in rows]
    assert [one for one, url in zip(outcomes, urls, strict=False) if url in held] == ["held"] * 6
    assert outcomes.count("sent") == 234
    assert (outcomes[240], outcomes[241]) == ("bad_url", "duplicate")
    assert house.rows("SELECT count(*) FROM referrals_referral") == [(240,)]

    provider.goto("/referrals")
    expect(provider.page.locator("main")).to_contain_text(urls[-1])
    expect(provider.page.locator("main")).not_to_contain_text(held[-1])
    agency.goto("/referrals/holds")
    expect(agency.page.locator("main")).to_contain_text("1 referral waits")


def test_the_command_goes_on_where_a_day_broke_off(house, tmp_path):
    file, out = tmp_path / "day.csv", tmp_path / "outcomes.csv"
    urls = addresses(1_100)
    words = ["referral", "batch", file, "--name", "Action day", "--json"]
    file.write_text(as_file(urls[:400]), "utf-8")
    tried = say(house, "be-crisis-centre", *words[:3], "--dry-run")
    assert "400 rows: 400 sent. Nothing was sent." in tried.err
    say(house, "be-crisis-centre", *words)
    house.restart_hub()
    file.write_text(as_file(urls), "utf-8")
    whole = say(house, "be-crisis-centre", *words, "--out", out)
    assert "Referring" in whole.err
    assert [one["outcome"] for one in whole.rows] == ["sent"] * 1_100
    assert len({one["reference"] for one in whole.rows}) == 1_100
    told = "SELECT count(*) FROM ledger_entry WHERE kind = 'referrals.sent'"
    assert house.rows("SELECT count(*) FROM referrals_referral") == [(1_100,)]
    assert house.rows(told) == [(4,)]  # of 400, and then of 100, 500 and 100
    assert house.ledger_has_no_gap()
