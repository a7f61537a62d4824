# SPDX-License-Identifier: Apache-2.0
"""Removal orders as people live them: obeyed, stopped, examined and undone, and unconfirmed."""

import re
import sqlite3
from contextlib import closing
from datetime import datetime

import pytest
from playwright.sync_api import expect

from stemtide.exercises import cast, provider
from tests.flows import beginnings
from tests.flows.conftest import House, digest, row, until
from tests.flows.duty import Person

pytestmark = [pytest.mark.flow, pytest.mark.browser]

PARTY = cast.PROVIDERS[0]
HOME = "ie-media-commission"
URL = "https://big-videos.example/watch/7"

ANNEX_1 = {
    "contact_point": "tco@big-videos.example",
    "reasons": "It praises the attack of this morning and calls on others to repeat it.",
    "authority_type": "law_enforcement",
    "representative": "Head of unit",
    "file_number": "2026/114",
    "authority_address": "Rue Ducale 53, 1000 Brussels",
    "authority_phone": "+32 2 555 01 23",
    "authority_mail": "duty@crisis.example",
    "signature": "Head of unit",
    "feedback_contact": "duty@crisis.example",
    "redress_authority": "Reconsideration by the Crisis Centre",
    "redress_body": "Council of State, Brussels",
    "redress_deadline": "60 days from receipt",
    "redress_link": "https://law.example/tco",
}
OF_THIS_ORDER = ("contact_point", "reasons", "file_number")
"""What an authority writes anew in each order; the rest is known from its last one."""


class Stage:
    """Hub, agent, the provider's webhook, and four people on duty, each in a browser."""

    def __init__(self, chromium, folder, hub):
        self.webhook = provider.Receiver()
        beginning = beginnings.of_cast("orders", self.webhook.start())
        self.house = House(folder, beginning=beginning, hub=hub)
        self.webhook.secret = self.house.told["secret"]
        self.issuer, self.moderator, self.examiner, self.second = self.people = [
            Person(chromium, self.house, f"{name}@{party}.example").sign_in()
            for name, party in (
                *[("night", party) for party in (cast.AUTHORITY, PARTY, HOME)],
                ("second", cast.AUTHORITY),
            )
        ]

    def heard(self, kind):
        """What the provider's webhook heard of one kind."""
        return [one["data"] for one in self.webhook.heard if one["type"] == f"alert.{kind}"]

    def close(self):
        for one in self.people:
            one.context.close()
        self.house.close()
        self.webhook.stop()


@pytest.fixture
def stage(chromium, tmp_path, running_hub):
    made = Stage(chromium, tmp_path, running_hub)
    yield made
    made.close()


def test_orders_are_obeyed_stopped_undone_and_end_where_nobody_confirms_them(stage):
    obeyed_within_the_hour(stage)
    stopped_by_annex_three(stage)
    examined_and_undone(stage)
    ended_as_nobody_confirmed_it(stage)
    assert stage.house.ledger_has_no_gap()
    assert {one.email: one.complaints for one in stage.people if one.complaints} == {}


def obeyed_within_the_hour(stage):
    """Issued at once, confirmed after, delivered by webhook, acknowledged, answered by Annex II."""
    for one in (stage.moderator, stage.examiner):
        one.goto("/orders")
    path = issue(stage, URL, emergency="An attack is under way.")
    (order,) = until(lambda: stage.heard("order"))
    assert order["request"]["annex"]["urls"] == [URL]
    confirm(stage, path)
    assert stage.house.rows("SELECT state FROM approvals_approval") == [("approved",)]
    stage.moderator.says("#block-orders", "received: the hour runs")
    stage.issuer.says("#block-order-hour", "Time left of the hour")
    stage.issuer.says("#block-order-times", "its webhook answered")
    stage.examiner.says("#block-orders", "72 hours from when you open it")
    stage.moderator.page.get_by_role("link", name="RO-").first.click()
    stage.moderator.fill_verb("acknowledge").click()
    stage.moderator.says("main", "Acknowledged. Its hour goes on.")
    stage.issuer.says("#block-order-times", "acknowledged")
    answer_by_annex_two(stage, path)
    stage.issuer.says("#block-order-hour", "From receipt to the measure")
    stage.issuer.says("#block-order-told", "the terrorist content has been removed")
    stage.issuer.says("#block-order-times", "What was removed is preserved until")
    assert orders(stage) == [("executed", 0, None)]


def stopped_by_annex_three(stage):
    """It waits for a second person. The clock stands still, starts anew, and it is executed."""
    path = issue(stage, f"{URL}?part=2")
    assert len(stage.heard("order")) == 1
    assert orders(stage)[-1] == ("submitted", 0, None)
    assert stage.moderator.page.goto(path).status == 404
    confirm(stage, path)
    until(lambda: len(stage.heard("order")) == 2)
    ((received, due),) = until(lambda: waiting(stage))
    assert minutes_between(received, due) == 60
    stage.issuer.says("#block-order-hour", "Time left of the hour")
    page = stage.moderator.page
    stage.moderator.goto(path)
    page.get_by_role("link", name="Cannot comply").click()
    page.get_by_label("does not contain sufficient information").check()
    fill(page, explanation="It is an hour long.", missing="From when to when?")
    fill(page, signature="A. Moderator")
    assert page.locator("[name=annex-authorised_person]").input_value() == "A. Moderator"
    page.get_by_role("button", name="Send Annex III").click()
    stage.moderator.says("main", "The clock stands still.")
    stage.issuer.says("#block-order-hour", "suspended")
    assert waiting(stage) == []
    stage.issuer.says("#block-order-told", "From when to when?")
    stage.issuer.says("#block-order-acts", "Clear up what Annex III asks")
    stage.issuer.fill_verb("clarify", text="From 2:10 on, to the end.").click()
    stage.issuer.says("main", "The hour has begun anew.")
    stage.moderator.says("#block-order-told", "From 2:10 on, to the end.")
    stage.moderator.says("#block-order-hour", "Time left of the hour")
    (received, due) = waiting(stage)[0]
    assert due > received
    answer_by_annex_two(stage, path)
    assert [state for state, _, _ in orders(stage)] == ["executed", "executed"]


def examined_and_undone(stage):
    """A copy is examined, the order falls, its signal with it, and the content is there again."""
    agent, value = stage.house.agent(PARTY), digest()
    (signal,) = stage.house.share([row(value)])["signals"]
    stage.house.caught_up(agent)
    (blocked,) = stage.house.match(agent, [{"ref": "upload-7", "sha256": value}])
    assert blocked["decision"]["action"] == "block"
    heard = stage.house.receivers[PARTY].heard
    until(lambda: heard)  # what was not heard of yet would be released without a word of it
    path = issue(stage, f"{URL}?part=3", signals=signal["id"])
    confirm(stage, path)
    answer_by_annex_two(stage, path)
    stage.examiner.goto("/orders")
    stage.examiner.page.locator(f"main a[href='{path}']").click()
    stage.examiner.fill_verb("examine", reasons="It may be the evening news.").click()
    stage.issuer.says("#block-order-told", "It may be the evening news.")
    stage.examiner.fill_verb("announce", text="It is the evening news: Article 1(3).").click()
    stage.issuer.says("#block-order-told", "an infringement was announced")
    button = stage.examiner.fill_verb("infringe", text="It is the evening news: Article 1(3).")
    stage.examiner.page.locator("[name=infringe-confirm]").check()
    button.click()
    stage.examiner.says("main", "the order has no effect any more")
    stage.issuer.says("#block-order-hour", "is no longer in effect")
    stage.moderator.says("#block-order-acts", "The content is there again")
    stage.house.caught_up(agent)
    (freed,) = stage.house.match(agent, [{"ref": "upload-8", "sha256": value}])
    assert (freed["decision"]["action"], freed["matches"]) == (None, [])
    until(lambda: len(heard) >= 2)
    told = [(one["type"], one["data"]["ref"]) for one in heard]
    assert told == [("content.block", "upload-7"), ("content.release", "upload-7")]
    stage.moderator.fill_verb("reinstate").click()
    for one in (stage.issuer, stage.examiner):
        one.says("#block-order-hour", "content reinstated")
    assert orders(stage)[-1][0] == "reinstated"
    reasons = stage.house.rows("SELECT withdraw_reason FROM signals_signal")
    assert reasons == [("order_annulled",)]


def ended_as_nobody_confirmed_it(stage):
    """Issued at once in an emergency, obeyed, confirmed by nobody: two hours later it ends."""
    path = issue(stage, f"{URL}?part=4", emergency="Another attack.", is_first=False)
    stage.issuer.says("#block-order-hour", "Issued at once: confirmation pending")
    answer_by_annex_two(stage, path)
    two_hours_later(stage)
    until(lambda: stage.heard("order_ended"))
    stage.moderator.says("#block-order-hour", "No second person confirmed it")
    stage.issuer.says("#block-order-hour", "without effect: to be reinstated")
    assert orders(stage)[-1][0] == "undone"
    stage.moderator.fill_verb("reinstate").click()
    stage.issuer.says("#block-order-hour", "content reinstated")


def two_hours_later(stage):
    """Let the time of the second look pass: the hub's own clock does the rest."""
    with closing(sqlite3.connect(stage.house.running.database, timeout=30)) as database, database:
        database.execute("UPDATE approvals_approval SET expires_at = asked_at WHERE is_done")


def confirm(stage, path):
    """The second person reads the order and confirms it."""
    stage.second.goto(path)
    button = stage.second.fill_verb("confirm")
    stage.second.page.locator("[name=confirm-confirm]").check()
    button.click()
    stage.second.says("main", "Confirmed. The order is in effect.")


def minutes_between(first, last):
    """Minutes between two moments as the database writes them."""
    begun, ended = (datetime.fromisoformat(moment) for moment in (first, last))
    return (ended - begun).total_seconds() / 60


def issue(stage, url, *, emergency="", signals="", is_first=None):
    """Draft at the desk and issue; returns the path of the order."""
    page = stage.issuer.page
    stage.issuer.goto("/orders/new")
    page.get_by_label("Provider").select_option(PARTY)
    page.get_by_label("Exact web addresses").fill(url)
    page.get_by_label("Ids of your own signals").fill(signals)
    page.get_by_role("button", name="Create the draft").click()
    is_first = bool(emergency) if is_first is None else is_first
    known = page.locator("[name=annex-authority_mail]").input_value()
    assert known == ("" if is_first else ANNEX_1["authority_mail"])
    page.get_by_label("(a) it incites others").check()
    if is_first:
        page.get_by_label("law enforcement authority").check()
    if emergency:
        page.locator("[name=emergency]").fill(emergency)
        page.locator("[name=emergency_ground]").select_option("ongoing_events")
    names = ANNEX_1 if is_first else OF_THIS_ORDER
    fill(page, **{one: ANNEX_1[one] for one in names if one != "authority_type"})
    page.get_by_role("button", name="Save and check").first.click()
    expect(page.locator("[name=confirm]")).to_be_visible()
    page.locator("[name=confirm]").check()
    page.get_by_role("button", name="Issue the order" if emergency else "Submit the order").click()
    stage.issuer.says("main", "Issued at once." if emergency else "Submitted.")
    page.wait_for_url(re.compile("/orders/[0-9a-f-]{36}$"))
    path = page.url.removeprefix(stage.house.hub.address)
    stage.issuer.goto(path)
    return path


def answer_by_annex_two(stage, path):
    """The moderator says that the content is removed."""
    page = stage.moderator.page
    stage.moderator.goto(path)
    page.get_by_role("link", name="Confirm removal").click()
    page.get_by_label("the terrorist content has been removed").check()
    fill(page, authorised_person="A. Moderator", contact_mail="tco@big-videos.example")
    page.get_by_role("button", name="Send Annex II").click()
    stage.moderator.says("main", "Answered by Annex II.")
    stage.issuer.says("#block-order-hour", "executed")


def fill(page, **fields):
    """Fill in fields of a form of the law."""
    for name, value in fields.items():
        page.locator(f"[name=annex-{name}]").fill(value)


def orders(stage):
    """All orders, oldest first: their states, late answers, and whether the hour was missed."""
    return stage.house.rows(
        "SELECT state, (SELECT count(*) FROM orders_orderanswer a"
        " WHERE a.order_id = o.id AND a.was_late), missed_at FROM orders_order o ORDER BY id"
    )


def waiting(stage):
    """Received and due, of orders whose hour runs."""
    return stage.house.rows("SELECT received_at, due_at FROM orders_order WHERE due_at IS NOT NULL")
