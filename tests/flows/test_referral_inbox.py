# SPDX-License-Identifier: Apache-2.0
"""A referral between two people: it arrives, is acknowledged, answered, re-checked, comes back.

Each sees what the other does without a reload; how soon is printed (pytest -s).
"""

import http.server
import re
import sqlite3
import threading
from contextlib import closing
from uuid import UUID

import pytest
from playwright.sync_api import expect

from tests.flows.conftest import until
from tests.flows.duty import OFFICER, PROVIDER, Duty, Person

pytestmark = [pytest.mark.flow, pytest.mark.browser]

FACTS = {
    "provider": "big-videos",
    "labels": ["incitement"],
    "reason": "It calls for an attack.",
    "content_type": "video",
}


class Film(http.server.BaseHTTPRequestHandler):
    """A provider's address: a film, or nothing where it was removed."""

    def do_GET(self):
        is_there = self.path in self.server.there
        self.send_response(200 if is_there else 404)
        body = b"\x00\x00\x00\x18ftypmp42" * 500 if is_there else b""
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        """Nothing to say."""


@pytest.fixture
def films():
    """The provider's own server. there: the paths at which a film stands."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Film)
    server.there = {"/film"}
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


class Pair(Duty):
    """An officer of an authority and one of a provider."""

    def __init__(self, chromium, house):
        self.house, self.figures = house, []
        self.officer = Person(chromium, house, OFFICER).sign_in()
        self.provider = Person(chromium, house, PROVIDER).sign_in()
        self.people = (self.officer, self.provider)


@pytest.fixture
def pair(chromium, house):
    made = Pair(chromium, house)
    yield made
    made.close()


def refer(house, url, **more):
    """The authority refers an address; the referral."""
    answer = house.authority.post("/api/v1/referrals?send=1", json=FACTS | {"url": url} | more)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_referral_goes_there_and_back_between_two_people(pair, house, films):
    url = f"http://127.0.0.1:{films.server_port}/film"
    provider, officer = pair.provider, pair.officer
    provider.goto("/inbox")
    provider.says("#block-referrals", "No referral waits for you.")
    sent = {}
    pair.act(
        "a referral arrives",
        lambda: sent.update(refer(house, url)),
        seen_by=(provider,),
        where="#block-referrals",
        text="127.0.0.1",
    )
    expect(provider.page.locator("#bar-inbox")).to_contain_text("1 new")
    officer.goto(f"/referrals/{sent['id']}")
    provider.page.get_by_role("link", name=sent["reference"]).click()
    officer.says("#block-steps", "opened at the desk")
    acknowledge = provider.page.get_by_role("button", name="Acknowledge")
    pair.act(
        "acknowledged",
        acknowledge.click,
        seen_by=(officer,),
        where="#block-marks",
        text="acknowledged",
    )
    expect(provider.page.locator("#bar-inbox")).not_to_contain_text("new")
    answer_removed(pair, films)
    re_check(pair, films)
    print(pair.told())
    assert {one.email: one.complaints for one in pair.people if one.complaints} == {}


def answer_removed(pair, films):
    """The provider removes the film, and says so; fields of other answers stay out of sight."""
    page = pair.provider.page
    page.get_by_label("We leave it online").check()
    expect(page.get_by_label("Reason for leaving it online")).to_be_visible()
    expect(page.get_by_label("Countries where it is blocked")).to_be_hidden()
    page.get_by_label("We removed it").check()
    expect(page.get_by_label("Reason for leaving it online")).to_be_hidden()
    films.there.clear()
    send = page.get_by_role("button", name="Send answer")
    pair.act("answered", send.click, seen_by=(pair.officer,), where="#block-marks", text="removed")


def re_check(pair, films):
    """Each side asks for a visit: it is gone; then it is there again, and both are told."""
    officer, provider = pair.officer, pair.provider
    officer.says("#block-rechecks", "Not checked yet.")
    officer.page.get_by_role("button", name="Check now").click()
    for one in pair.people:
        expect(one.page.locator("#block-rechecks")).to_contain_text("status 404")
        expect(one.page.locator("#block-rechecks .block__aside")).to_have_text(re.compile("gone"))
    films.there.add("/film")
    uid = UUID(pair.house.rows("SELECT uid FROM rechecks_recheck")[0][0])
    minute_later(pair.house)
    assert provider.post(f"/rechecks/{uid}/visit", back="request") == 302
    for one in pair.people:
        expect(one.page.locator("#block-rechecks .block__aside")).to_have_text(
            re.compile("came back")
        )


def minute_later(house):
    """A visit may be asked for a minute after the last: the last was longer ago, for this story."""
    path = house.running.database
    with closing(sqlite3.connect(path, timeout=30)) as database, database:
        database.execute("UPDATE rechecks_visit SET at = datetime(at, '-2 minutes')")
        database.execute("UPDATE rechecks_recheck SET taken_at = datetime(taken_at, '-2 minutes')")


def test_a_referral_action_day_is_one_row_and_is_answered_at_once(pair, house):
    provider, officer = pair.provider, pair.officer
    provider.goto("/inbox")
    opened = house.authority.post("/api/v1/batches", json={"name": "Action day"}).json()
    rows = [
        FACTS | {"number": one, "url": f"https://big-videos.example/{one}", "labels": "incitement"}
        for one in range(1, 301)
    ]
    pair.act(
        "a batch of 300 arrives",
        lambda: house.authority.post(
            f"/api/v1/batches/{opened['id']}/rows", json={"rows": rows}
        ).raise_for_status(),
        seen_by=(provider,),
        where="#block-referrals",
        text="0 of 300 decided",
    )
    expect(provider.page.locator("#bar-inbox")).to_contain_text("300 new")
    provider.page.get_by_role("link", name=re.compile("300 referrals")).click()
    provider.page.wait_for_url("**/inbox/batches/*")
    for row in provider.page.locator("input[name=uid]").all()[:3]:
        row.check()
    provider.page.get_by_role("button", name="Answer selected").click()
    provider.page.get_by_label("Nothing found at this address").check()
    provider.page.get_by_role("button", name="Send answer").click()
    provider.says("main", "3 of 300 decided")
    officer.goto(f"/referrals?batch={opened['id']}")
    provider.page.get_by_text("Give all of them one answer").click()
    provider.page.get_by_label("We disabled access to it").check()
    provider.page.get_by_role("button", name="Send it for all that wait").click()
    provider.says("main", "300 of 300 decided")
    counts = dict(house.rows("SELECT state, count(*) FROM referrals_referral GROUP BY state"))
    assert counts == {"not_found": 3, "disabled": 297}
    until(lambda: house.rows("SELECT count(*) FROM rechecks_recheck")[0][0] == 297)
    print(pair.told())
    assert {one.email: one.complaints for one in pair.people if one.complaints} == {}


def test_the_inbox_works_without_javascript(chromium, house):
    sent = refer(house, "https://big-videos.example/1")
    person = Person(chromium, house, PROVIDER, java_script_enabled=False).sign_in()
    person.page.goto("/inbox")
    person.page.get_by_role("link", name=sent["reference"]).click()
    person.page.get_by_label("We blocked it in some countries").check()
    person.page.get_by_label("Countries where it is blocked").fill("BE NL")
    person.page.get_by_role("button", name="Send answer").click()
    person.says("main", "Answered. The sender sees it at once.")
    told = house.authority.get(f"/api/v1/referrals/{sent['id']}").json()
    assert (told["state"], told["countries"]) == ("geo_blocked", ["BE", "NL"])
    person.context.close()
