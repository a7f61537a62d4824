# SPDX-License-Identifier: Apache-2.0
import io
import zipfile

import openpyxl
import pytest

from tests.hub.reports.requests import order

CELL = {"sheet": "8_automated_means", "row": "own_recall", "value": 0.75}
FORM = {"provider": "Big", "service": "Big", "published": "2026-02-20", "cells": [CELL]}


@pytest.fixture
def call(world, machine):
    order(world, "executed", received=0, executed=30, addresses=2)

    def call(method="GET", path="", body=None, *, party="big_provider", query="year=2026", **more):
        caller = machine(getattr(world, party), **more)
        return caller(method, f"/api/v1/yearly/dsa{path}?{query}", body)

    return call


def test_a_provider_reads_its_report_with_what_is_missing(call):
    found = call().json()
    orders = found["report"]["tables"][2]["rows"]
    assert next(row for row in orders if row[3] == "KEYWORD_TERRORIST_CONTENT")[6:8] == [1, 2]
    assert found["report"]["due"] == "2027-02-28"
    assert {"sheet": "4_notices", "group": "notices"}.items() <= next(
        cell for cell in found["report"]["missing"] if cell["sheet"] == "4_notices"
    ).items()


def test_a_form_is_written_and_a_version_finished_and_downloaded(call):
    last_year = "year=2025"
    written = call("PUT", body=FORM, query=last_year).json()
    assert written["form"]["cells"][0]["value"] == 0.75
    finished = call("POST", "/versions", {}, query=last_year)
    assert (finished.status_code, finished.json()["versions"][0]["number"]) == (201, 1)
    answer = call(path="/file", query=f"{last_year}&version=1")
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    assert book["1_report_identification"]["D2"].value == "Big"
    assert "dsa-report-2025-v1.xlsx" in answer.headers["Content-Disposition"]
    draft = call(path="/file", query=f"{last_year}&form=zip")
    with zipfile.ZipFile(io.BytesIO(draft.content)) as archive:
        assert b",0.75," in archive.read("8_automated_means.csv")


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("", 422, "year: is missing"),
        ("year=2024", 422, "greater than or equal to 2025"),
        ("year=9998", 422, "ask for a year from 2025"),
        ("year=2026&half=3", 422, "half"),
    ],
)
def test_a_period_without_a_report_is_refused_with_the_remedy(call, query, status, says):
    for path in ("", "/file"):
        answer = call(path=path, query=query)
        assert (answer.status_code, says in answer.json()["detail"]) == (status, True)


def test_a_wrong_cell_is_named(call):
    answer = call("PUT", body={"cells": [CELL | {"value": 1.5}]})
    assert answer.status_code == 422
    assert "8_automated_means/own_recall/value: must be a number from 0" in answer.json()["detail"]


@pytest.mark.parametrize("party", ["authority", "agency", "observer"])
def test_nobody_else_reads_or_writes_one(call, party):
    asked = [call(party=party), call(path="/file", party=party), call("PUT", body={}, party=party)]
    assert [answer.status_code for answer in asked] == [403, 403, 403]


def test_a_version_that_is_not_there_is_not_found(call):
    assert call(path="/file", query="year=2026&version=1").status_code == 404


def test_a_key_needs_its_scope(call):
    assert call(scopes=["feed:read"]).status_code == 403
    assert call("PUT", body={}, scopes=["requests:read"]).status_code == 403
