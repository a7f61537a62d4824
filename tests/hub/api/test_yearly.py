# SPDX-License-Identifier: Apache-2.0
import pytest

from tests.hub.reports.requests import order


@pytest.fixture
def read(world, machine):
    order(world, "executed", received=0, executed=20, addresses=2)

    def read(path="", party="authority", query="year=2026", **more):
        caller = machine(getattr(world, party), **more)
        return caller("GET", f"/api/v1/yearly/tco{path}?{query}")

    return read


def counts(answer):
    return {one["name"]: one["count"] for part in answer.json()["parts"] for one in part["figures"]}


def test_each_side_reads_the_report_of_its_own_article(read):
    ours, theirs = read(), read(party="big_provider")
    assert (ours.json()["form"], theirs.json()["form"]) == ("tco-art-8", "tco-art-7")
    assert counts(ours)["orders_executed"] == 1
    assert counts(theirs)["items_by_orders"] == 2
    assert counts(read(party="small_provider"))["items_by_orders"] == 0


def test_what_the_hub_does_not_know_is_null(read):
    assert counts(read())["penalties"] is None


def test_the_report_is_a_tagged_pdf(read):
    answer = read("/pdf")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert "tco-art-8-2026.pdf" in answer.headers["Content-Disposition"]
    assert answer.content.startswith(b"%PDF-")
    assert b"/StructTreeRoot" in answer.content


@pytest.mark.parametrize(
    ("party", "query", "status", "says"),
    [
        ("authority", "", 422, "year: is missing"),
        ("authority", "year=soon", 422, "year"),
        ("authority", "year=2021", 422, "greater than or equal to 2022"),
        ("authority", "year=9998", 422, "ask for a year from 2022"),
        ("authority", "year=99999999999999999999", 422, "year"),
        ("authority", "year=2026&zone=Mars", 422, "not a time zone"),
        ("agency", "year=2026", 403, "progress instead"),
        ("observer", "year=2026", 403, "progress instead"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_remedy(read, party, query, status, says):
    for path in ("", "/pdf"):
        answer = read(path, party=party, query=query)
        assert answer.status_code == status
        assert says in answer.json()["detail"]


def test_a_key_needs_its_scope(read):
    assert read(scopes=["feed:read"]).status_code == 403
