# SPDX-License-Identifier: Apache-2.0
"""An agent fills in the transparency report of its provider, with no hub at all."""

import csv
import json
import sqlite3
from datetime import UTC, date, datetime, timedelta

import openpyxl
import pytest

from stemtide.agent.outbox import restrictions
from stemtide.agent.store.database import Store
from stemtide.protocol.law.dsa.figures import BlockCounts
from tests.cli.conftest import run

MARCH = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
WHOLE_YEAR = {"begins": date(2026, 1, 1), "ends": date(2026, 12, 31)}
TOML = """
name = "uploads"
hub_url = "http://127.0.0.1:1"
key = "stk_0000000000000000_0000000000000000000000000000000000000000000"
data_dir = "{folder}"

[transparency]
ground = "terms"
reference = "Terms of use, section 4"
explanation = "Terrorist content is not allowed here."
territorial_scope = ["NL", "BE"]
"""
FORM = """
provider = "Example BV"
service = "Example"
published = 2027-02-20
complete = ["own_terms"]

[[cells]]
sheet = "4_notices"
row = "7a"
column = "received"
value = 12
"""


@pytest.fixture
def folder(tmp_path):
    """Return the folder of an agent that blocked three pieces of content in March."""
    (tmp_path / "agent.toml").write_text(TOML.format(folder=tmp_path))
    with Store(tmp_path) as store, store.write() as tx:
        for ref in ("a", "b", "c"):
            restrictions.begin(tx, ref=ref, kinds=["sha256"], now=MARCH)
        restrictions.end(tx, ref="b", now=MARCH + timedelta(hours=2))
    return tmp_path


def report(folder, *words):
    return run("agent", "report", "dsa", "--config", folder / "agent.toml", *words)


def test_counts_stay_when_what_they_count_is_forgotten(folder):
    with Store(folder) as store, store.write() as tx:
        restrictions.forget(tx, before=MARCH + timedelta(days=30), keep_owed=False)
        assert tx.execute("SELECT count(*) FROM restrictions").fetchone() == (0,)
    assert restrictions.count_days(folder, **WHOLE_YEAR) == BlockCounts(blocked=3, undone=1)


def test_a_block_counts_on_the_day_it_began_also_when_it_is_undone_later(folder):
    days = [(day, day) for day in (date(2026, 3, 1), date(2026, 3, 2))]
    first, second = (
        restrictions.count_days(folder, begins=begins, ends=ends) for begins, ends in days
    )
    assert (first.undone, second) == (1, BlockCounts(blocked=0, undone=0))


def test_content_that_is_released_twice_is_undone_once(folder):
    with Store(folder) as store, store.write() as tx:
        restrictions.end(tx, ref="b", now=MARCH + timedelta(hours=3))
    assert restrictions.count_days(folder, **WHOLE_YEAR).undone == 1


def test_a_file_of_an_older_agent_counts_what_it_remembers(folder):
    with sqlite3.connect(folder / "agent.db") as old:
        old.execute("DROP TABLE restriction_days")
    old.close()
    with Store(folder):
        pass
    assert restrictions.count_days(folder, **WHOLE_YEAR) == BlockCounts(blocked=3, undone=1)


def test_the_command_writes_the_template_with_counts_and_what_people_added(folder):
    (folder / "form.toml").write_text(FORM)
    outcome = report(
        folder, "--year", "2026", "--form", folder / "form.toml", "--out", folder / "x"
    )
    assert outcome.code == 0, outcome.err
    with (folder / "x" / "6_own_initiative_TC.csv").open(encoding="utf-8", newline="") as file:
        rows = {
            row["Category of incompatibility with the provider's terms and conditions"]: row
            for row in csv.DictReader(file)
        }
    terrorist = rows["KEYWORD_TERRORIST_CONTENT"]
    assert terrorist["Visibility restriction Disable"] == "3"
    assert rows["KEYWORD_PHISHING"]["Visibility restriction Disable"] == "0"
    assert rows["KEYWORD_PHISHING"]["Monetary restriction Other"] == ""
    assert "12" in (folder / "x" / "4_notices.csv").read_text("utf-8")


def test_a_version_that_is_there_is_not_written_over(folder):
    words = ("--year", "2026", "--out", folder / "report.xlsx")
    assert report(folder, *words).code == 0
    before = (folder / "report.xlsx").read_bytes()
    again = report(folder, *words)
    assert (again.code, "is there already" in again.err) == (2, True)
    assert (folder / "report.xlsx").read_bytes() == before
    assert "8_automated_means" in openpyxl.load_workbook(folder / "report.xlsx").sheetnames


def test_without_a_file_to_write_what_is_missing_is_listed(folder):
    outcome = report(folder, "--year", "2026", "--json")
    rows = [json.loads(line) for line in outcome.out.splitlines()]
    assert {"sheet": "1_report_identification", "row": "service"}.items() <= rows[1].items()
    assert "To be published by 2027-02-28" in outcome.err


def test_a_form_with_a_fault_writes_nothing_and_names_the_cell(folder):
    (folder / "form.toml").write_text(FORM.replace("12", "-1"))
    outcome = report(
        folder, "--year", "2026", "--form", folder / "form.toml", "--out", folder / "x"
    )
    assert outcome.code == 1
    assert "4_notices, row 7a, column received: must be a whole number" in outcome.err
    assert not (folder / "x").exists()


def test_a_form_that_is_not_one_names_the_field(folder):
    (folder / "form.toml").write_text("serviec = 'Example'")
    outcome = report(folder, "--year", "2026", "--form", folder / "form.toml")
    assert (outcome.code, "serviec" in outcome.err) == (2, True)
