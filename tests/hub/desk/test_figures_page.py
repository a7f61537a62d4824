# SPDX-License-Identifier: Apache-2.0
"""The public figures as page and files: without an account, in four languages."""

import csv
import hashlib
import io
import json
from datetime import timedelta

import pytest
from django.test import Client

from stemtide.hub.rooms.reports.models import PublishedFigures
from stemtide.hub.rooms.reports.writes.public_figures import publish_due
from tests.hub.reports.quarter import DUE, Quarter
from tests.rounds import at_night
from tests.world import make_world


@pytest.fixture
def figures(db):  # noqa: ARG001  # the tables must be there
    """A hub with the figures of a busy quarter, and of the one after it."""
    quarter = Quarter(make_world())
    quarter.share_some()
    for provider in quarter.providers:
        for hours in (0.5, 3, 30):
            quarter.refer(provider, hours=hours)
    publish_due(DUE)
    publish_due(DUE + timedelta(days=92))


def get(path="", **query):
    return Client().get(f"/figures{path}", query)


def page(**query):
    answer = get(**query)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.django_db
def test_a_hub_without_figures_says_when_the_first_ones_come():
    shown = page(language="en")
    assert "There are no figures yet. The first figures are published on" in shown


@at_night
@pytest.mark.usefixtures("figures")
def test_a_stranger_reads_the_latest_quarter_and_chooses_another():
    assert "Public figures, 2027-Q1" in page(language="en")
    shown = page(quarter="2026-Q4", language="en")
    assert "Referrals, by answer" in shown
    assert "withheld" in shown
    assert "stemtide report check 2026-Q4 --hub http://testserver" in shown
    assert get(quarter="2025-Q1").status_code == 404
    assert get(quarter="0000-Q1").status_code == 404


@at_night
@pytest.mark.usefixtures("figures")
def test_the_page_sets_no_cookie_and_needs_no_script():
    answer = get()
    assert not answer.cookies
    assert "<script" not in answer.content.decode()
    assert answer.headers["Content-Language"]


@pytest.mark.usefixtures("figures")
def test_the_json_is_what_the_ledger_has_the_digest_of():
    answer = get("/2026-Q4.json")
    row = PublishedFigures.objects.order_by("first")[0]
    assert hashlib.sha256(answer.content).hexdigest() == row.digest
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert json.loads(answer.content)["format"] == "stemtide-figures/1"
    assert get("/quarters").content.decode().split() == ["2027-Q1", "2026-Q4"]


@at_night
@pytest.mark.usefixtures("figures")
def test_the_csv_has_each_count_once_and_no_formula():
    answer = get("/2026-Q4.csv")
    lines = list(csv.DictReader(io.StringIO(answer.content.decode())))
    (removed,) = (
        line for line in lines if (line["table"], line["row"]) == ("referrals_by_answer", "removed")
    )
    assert (removed["count"], removed["withheld"]) == ("15", "no")
    hidden = [line for line in lines if line["withheld"] == "yes"]
    assert hidden
    assert {line["count"] for line in hidden} == {""}


@at_night
@pytest.mark.usefixtures("figures")
@pytest.mark.parametrize("path", ["/2025-Q1.json", "/x.csv", "/2026-Q4/proof", "/x/proof"])
def test_what_is_not_there_is_a_problem_document(path):
    answer = get(path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("application/problem+json")


@at_night
@pytest.mark.usefixtures("figures")
def test_the_two_public_pages_link_to_each_other():
    assert 'href="/transparency?language=en"' in page(language="en")
    other = Client().get("/transparency", {"language": "en"}).content.decode()
    assert 'href="/figures?language=en"' in other
