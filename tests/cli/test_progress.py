# SPDX-License-Identifier: Apache-2.0
"""The commands of progress, against a real hub on loopback."""

import pytest

from tests.cli.conftest import run


def say(hub, *words, party="be-crisis-centre", code=0):
    key = hub.keys[party]
    said = run("progress", *words, STEMTIDE_HUB_URL=hub.address, STEMTIDE_KEY=key)
    assert said.code == code, said.err
    return said


@pytest.mark.nightly
def test_the_sum_is_told_even_of_nothing(hub, newcomer):
    [row] = say(hub, "referrals", "--json", "--by", "provider", party=newcomer).rows
    assert (row["name"], row["assessed"], row["to_removal"]["median_s"]) == ("total", 0, None)
    period = ("--from", "2026-01-01", "--to", "2026-12-31")
    assert "issued 0" in say(hub, "orders", *period, party=newcomer).out


@pytest.mark.nightly
def test_a_table_is_told(hub, newcomer):
    heading, total = say(hub, "orders", "--csv", party=newcomer).out.splitlines()
    assert heading.startswith("name,issued,received,executed")
    assert total.startswith("total,0,0,0")


def test_two_forms_are_misuse_and_a_wrong_period_is_the_hubs_answer(hub):
    assert "choose either" in say(hub, "orders", "--csv", "--json", code=2).err
    told = say(hub, "referrals", "--from", "2026-02-01", "--to", "2026-01-01", code=1)
    assert "is before from" in told.err


def test_a_yearly_report_is_told_and_written_to_files(hub, tmp_path):
    key = hub.keys["be-crisis-centre"]

    def report(*words, code=0):
        said = run("report", "tco", *words, STEMTIDE_HUB_URL=hub.address, STEMTIDE_KEY=key)
        assert said.code == code, said.err
        return said

    told = report("--year", 2025)
    assert "not known  Decisions that impose a penalty" in told.out
    assert "0  Removal orders issued in the year" in told.out
    assert "The hub counted nothing for this year." in told.err
    assert "A draft" in told.err
    rows = report("--year", 2025, "--json").rows
    assert {one["name"]: one["count"] for one in rows}["penalties"] is None
    report("--year", 2025, "--out", tmp_path / "report.pdf")
    report("--year", 2025, "--out", tmp_path / "report.csv")
    report("--year", 2025, "--out", tmp_path / "report.json")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF-")
    assert "penalties,,no,,," in (tmp_path / "report.csv").read_text("utf-8")
    assert '"tco-art-8"' in (tmp_path / "report.json").read_text("utf-8")
    told = report("--year", 2025, "--member-state", code=1).err
    assert "for authorities that it named under Article 12" in told
    assert "a draft" in report("--year", 2025, "--finish", code=1).err
    refused = report("--year", 2019, code=1).err
    assert refused == "stemtide: year: should be greater than or equal to 2022\n"
    assert "name a .pdf" in report("--year", 2025, "--out", tmp_path / "report.doc", code=2).err
