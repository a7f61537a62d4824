# SPDX-License-Identifier: Apache-2.0
"""An order from paper as people live it, beside one that was made here: to finality and figures."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from stemtide.exercises import cast
from tests.flows.conftest import until
from tests.flows.test_order_story import (
    URL,
    answer_by_annex_two,
    issue,
    orders,
    stage,  # noqa: F401  # the same stage
)
from tests.hub.papers.papers import plain

pytestmark = [pytest.mark.flow, pytest.mark.browser]

REFERENCE = "BE/2026/114"


def test_an_order_from_paper_lives_beside_one_made_here(stage, tmp_path):  # noqa: F811
    made = issue(stage, URL, emergency="An attack is under way.")
    answer_by_annex_two(stage, made)
    entered = enter_by_the_provider(stage, tmp_path)
    confirmed_by_its_issuer(stage, entered)
    answer_by_annex_two(stage, entered)
    stage.issuer.says("#block-order-times", "What was removed is preserved until")
    examined_by_the_home_state(stage, entered)
    final_at_last(stage, entered)
    assert orders(stage) == [("executed", 0, None)] * 2
    counted_once(stage)
    assert {one.email: one.complaints for one in stage.people if one.complaints} == {}


def enter_by_the_provider(stage, folder):  # noqa: F811
    """The moderator enters what came by PERCI twenty minutes ago; nothing is blocked by it."""
    file = folder / "order.pdf"
    file.write_bytes(plain(REFERENCE))
    page = stage.moderator.page
    stage.moderator.goto("/orders")
    page.get_by_role("link", name="Enter an order that was made elsewhere").click()
    page.locator("[name=document]").set_input_files(file)
    page.locator("[name=reference]").fill(REFERENCE)
    page.locator("[name=issuer]").select_option(cast.AUTHORITY)
    page.locator("[name=channel]").select_option("perci")
    page.locator("[name=issued_at]").fill(ago(30))
    page.locator("[name=received_at]").fill(ago(20))
    page.locator("[name=annex-urls]").fill(f"{URL}?part=9")
    page.get_by_text("Other fields of Annex I").click()
    page.locator("[name=annex-redress_deadline]").fill("60 days from receipt")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("heading", name="Compare it with the document")).to_be_visible()
    page.locator("[name=confirm]").check()
    page.get_by_role("button", name="Enter the order").click()
    stage.moderator.says("main", "Entered. The hour runs")
    stage.moderator.says("#block-order-hour", "Time left of the hour")
    stage.moderator.says("#block-order-hour", "not confirmed by the other side")
    path = page.url.removeprefix(stage.house.hub.address)
    stage.moderator.goto(path)
    ((received, due),) = stage.house.rows(
        "SELECT received_at, due_at FROM orders_order WHERE is_entered"
    )
    hour = datetime.fromisoformat(due) - datetime.fromisoformat(received)
    assert hour == timedelta(hours=1)
    assert stage.house.rows("SELECT count(*) FROM orders_order_signals") == [(0,)]
    return path


def confirmed_by_its_issuer(stage, path):  # noqa: F811
    stage.issuer.goto("/orders")
    stage.issuer.says("#block-orders", "entered by hand")
    stage.issuer.goto(path)
    stage.issuer.fill_verb("confirm-entry").click()
    stage.issuer.says("main", "Confirmed. It counts for both sides.")
    stage.moderator.says("#block-order-hour", "confirmed by both sides")
    until(lambda: stage.heard("entry_answered"))


def examined_by_the_home_state(stage, path):  # noqa: F811
    stage.examiner.goto("/orders")
    stage.examiner.page.locator(f"main a[href='{path}']").click()
    stage.examiner.says("main", "entered by hand")
    stage.examiner.fill_verb("examine", reasons="It may be the evening news.").click()
    stage.examiner.fill_verb("uphold", text="It is no news: it incites.").click()
    stage.moderator.says("#block-order-told", "no infringement found")


def final_at_last(stage, path):  # noqa: F811
    """The deadline for appeal passes: the issuer records that the order is final."""
    with closing(sqlite3.connect(stage.house.running.database, timeout=30)) as database, database:
        database.execute(
            "UPDATE orders_order SET appeal_until = date('now', '-3 days') WHERE is_entered"
        )
    stage.issuer.goto(path)
    button = stage.issuer.fill_verb("finalise")
    stage.issuer.page.locator("[name=finalise-confirm]").check()
    button.click()
    stage.issuer.says("main", "Recorded. The authorities")


def counted_once(stage):  # noqa: F811
    """Each side's report of the year counts both orders, once."""
    year = datetime.now(UTC).year
    for person, title in (
        (stage.moderator, "Removal orders received in the year Not asked for by the article. 2 "),
        (stage.issuer, "Removal orders issued in the year 2 "),
    ):
        person.goto(f"/progress/yearly?year={year}")
        words = " ".join(person.page.locator("main").text_content().split())
        assert title in words


def ago(minutes):
    return f"{datetime.now(UTC) - timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S}"
