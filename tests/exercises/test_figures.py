# SPDX-License-Identifier: Apache-2.0
"""Figures of an exercise: each is what a reader would count in the ledger by hand."""

import csv
import io

import pytest

from stemtide.exercises.results import figures, files
from stemtide.exercises.results.record import RecordedEntry, RunRecord, UploadedCopy
from stemtide.scenarios import reader
from stemtide.scenarios.measures import MEASURES
from tests.cli.conftest import run
from tests.exercises.stored_results import result, result_file

SCENARIO = reader.read("livestream-in-two-states")
ENTRIES = (
    ("crisis.warned", "first-authority", "crisis:1", {}, 4),
    ("participant.invited", "referral-unit", "crisis:1", {"parties": ["big-videos", "x"]}, 9),
    ("participant.joined", "big-videos", "crisis:1", {}, 12),
    ("signals.shared", "first-authority", "party:first-authority", {"count": 4}, 15),
    ("signal.shared", "second-authority", "signal:5", {}, 16),
    ("lead.reported", "big-videos", "lead:1", {}, 20),
    ("lead.forwarded", "second-authority", "lead:1", {"inside": False}, 31),
    ("order.issued", "first-authority", "order:1", {"party": "party:small-pictures"}, 40),
    ("order.issued", "first-authority", "order:2", {"party": "party:big-videos"}, 41),
    ("order.executed", "small-pictures", "order:1", {}, 100),
    ("order.executed", "big-videos", "order:2", {}, 102),
    ("referrals.sent", "referral-unit", "batch:1", {"count": 3, "party": "party:big-videos"}, 50),
    ("referral.answered", "big-videos", "referral:1", {}, 60),
    ("outcomes.reported", "big-videos", "report:1", {"logged": 2}, 70),
    ("outcomes.reported", "small-pictures", "report:2", {"logged": 1}, 80),
)
COPIES = (
    ("big-videos", "stream", "untouched", False, False, 6),  # before its first signal
    ("big-videos", "stream", "untouched", False, True, 70),
    ("big-videos", "stream", "recut", False, False, 70),
    ("big-videos", "news-report", "untouched", True, True, 70),
    ("small-pictures", "stream", "untouched", False, True, 80),
    ("small-pictures", "news-report", "untouched", True, False, 80),
)


def record(entries=ENTRIES, copies=COPIES):
    return RunRecord(
        SCENARIO,
        tuple(
            RecordedEntry(number, kind, actor, subject, detail, float(at_min))
            for number, (kind, actor, subject, detail, at_min) in enumerate(entries, start=1)
        ),
        tuple(
            UploadedCopy(float(at_min), "step", provider, content, variant, is_harmless, is_match)
            for provider, content, variant, is_harmless, is_match, at_min in copies
        ),
        {"stream": 15.0},
    )


@pytest.mark.parametrize(
    ("measure", "party", "value", "entries"),
    [
        ("time_to_warn", "", 4, (1,)),
        ("time_to_warn", "second-authority", None, ()),
        ("time_to_join", "", None, (2, 3)),
        ("time_to_join", "big-videos", 12, (2, 3)),
        ("signals_shared", "", 5, (4, 5)),
        ("time_to_first_signal", "second-authority", 16, (5,)),
        ("time_to_pass_on_lead", "", 11, (6, 7)),
        ("orders_in_their_hour", "", 50, (8, 9, 10)),
        ("orders_in_their_hour", "big-videos", 0, (9,)),
        ("referrals_answered", "", 33.3, (12, 13)),
        ("referrals_answered", "small-pictures", None, ()),
        ("time_to_first_match", "", 80, (14, 15)),
        ("copies_matched", "", 66.7, (14, 15)),
        ("copies_matched", "small-pictures", 100, (15,)),
        ("variants_covered", "", 50, (14, 15)),
        ("false_matches", "", 1, (14,)),
        ("false_matches", "small-pictures", 0, ()),
        ("activations", "", 0, ()),
        ("time_to_close", "", None, ()),
    ],
)
def test_a_figure_is_computed_from_the_entries_that_it_names(measure, party, value, entries):
    figure = figures.compute(measure, record(), party=party)
    assert (figure.value, figure.entries) == (value, entries)


def test_every_measure_can_be_computed_of_nothing():
    empty = record(entries=(), copies=())
    values = {measure: figures.compute(measure, empty).value for measure in MEASURES}
    assert set(values.values()) == {None, 0.0}


def test_an_objective_without_a_value_is_missed():
    results = {result.figure.measure: result for result in figures.judge(record())}
    assert results["time_to_warn"].is_met
    assert not results["time_to_join"].is_met  # somebody never joined
    assert not results["false_matches"].is_met  # at most 0, and there is 1


def test_the_table_has_a_row_for_each_objective_and_figure_with_its_entries():
    content = result(
        objectives=[files.objective_row(row) for row in figures.judge(record())],
        figures=[files.figure_row(row) for row in figures.compute_all(record())],
    )
    rows = list(csv.DictReader(io.StringIO(files.table(content))))
    assert len(rows) == len(content.objectives) + len(content.figures)
    assert rows[0]["measure"] == "time_to_warn"
    assert (rows[0]["value"], rows[0]["is_met"], rows[0]["entries"]) == ("4.0", "True", "1")


WARNED = {"measure": "time_to_warn", "party": "", "unit": "minutes", "entries": []}


def test_a_comparison_shows_only_what_differs(tmp_path):
    paths = [
        result_file(tmp_path, f"{number}.json", figures=[WARNED | {"value": number}])
        for number in (9, 4, 4)
    ]
    done = run("exercise", "compare", *paths)
    assert (done.code, done.out) == (0, "time until the early warning: 9 min → 4 min → 4 min\n")
    done = run("exercise", "compare", *paths[1:], "--json")
    assert (done.code, done.out) == (0, "")


def test_results_of_two_scenarios_are_not_compared(tmp_path):
    paths = [result_file(tmp_path, f"{name}.json", scenario=name) for name in ("a", "b")]
    done = run("exercise", "compare", *paths)
    assert (done.code, done.out) == (1, "")
    assert "different scenarios: a, b: name results of one" in done.err


def test_a_file_that_is_no_result_is_named(tmp_path):
    path = tmp_path / "odd.json"
    path.write_text("[1]", "utf-8")
    done = run("exercise", "compare", path, path)
    assert done.code == 1
    assert "odd.json is no result of stemtide exercise run: name a result.json" in done.err
