# SPDX-License-Identifier: Apache-2.0
"""Results and scenarios as files: what is added to them, and what others send is checked."""

import csv
import json
from pathlib import Path

import pytest

from stemtide.exercises.results import stored
from stemtide.scenarios import reader
from tests.cli.conftest import run
from tests.exercises.stored_results import RESULT, result_file
from tests.rounds import rounds


def exercise(*words):
    return run("exercise", *words)


@pytest.mark.nightly
def test_an_action_is_added_listed_as_overdue_and_done(tmp_path):
    path = result_file(tmp_path)
    add = ("action", "add", path, "Renew the list", "--owner", "crisis-centre")
    assert exercise(*add, "--due", "2001-01-02").out == "1\n"
    assert exercise(*add, "--due", "2999-01-02").out == "2\n"
    rows = exercise("action", "list", path, "--overdue", "--json").rows
    assert [(row["number"], row["state"], row["owner"]) for row in rows] == [
        (1, "overdue", "crisis-centre")
    ]
    [listed] = exercise("list", "--results", tmp_path, "--json").rows
    assert (listed["met"], listed["open_actions"], listed["overdue_actions"]) == (1, 2, 1)
    assert "Overdue: action 1" in exercise("list", "--results", tmp_path).out
    compared = exercise("compare", path, path).out.splitlines()
    states = [line.split(":")[0] for line in compared]
    assert states == ["Overdue", "Overdue", "Open", "Open"]
    assert exercise("action", "done", path, 1).code == 0
    assert stored.read(path).actions[0].done_on is not None
    again = exercise("action", "done", path, 1)
    assert (again.code, "action 1 is done since" in again.err) == (1, True)
    missing = exercise("action", "done", path, 7)
    assert (missing.code, "there is no action 7; there are 1, 2" in missing.err) == (1, True)


def test_a_refused_change_leaves_the_result_as_it_was(tmp_path):
    path = result_file(tmp_path)
    before = path.read_bytes()
    for words, message in (
        (("action", "add", path, "x", "--owner", "a b c", "--due", "2026-12-01"), "text:"),
        (
            ("action", "add", path, "Do it", "--owner", "me", "--due", "2026-12-01", "--private"),
            "owner of the cast: crisis-centre, big-videos",
        ),
        (("note", "add", path, "Seen", "--at-min", 121, "--by", "An observer"), "minute 120"),
        (
            ("note", "add", path, "Seen", "--at-min", 1, "--by", "An observer", "--about", "x"),
            "there is no party x",
        ),
        (("note", "add", path, "\x1b[2Jx", "--at-min", 1, "--by", "An observer"), "text:"),
    ):
        done = exercise(*words)
        assert (done.code, message in done.err) == (1, True), done.err
    assert path.read_bytes() == before


def test_pages_follow_what_was_added(tmp_path):
    path = result_file(tmp_path)
    exercise("note", "add", path, "The line was busy", "--at-min", 3, "--by", "An observer")
    assert exercise("report", path).code == 0
    assert "The line was busy" in (tmp_path / "debrief.html").read_text("utf-8")
    assert {file.name for file in tmp_path.iterdir()} == {
        *("result.json", "figures.csv", "report.pdf", "debrief.html"),
        *("party-big-videos.html", "party-crisis-centre.html"),
    }


def test_a_result_goes_to_another_state_without_what_concerns_one_party(tmp_path):
    path = result_file(tmp_path)
    assert exercise("export", path, "--to", tmp_path / "out.json").code == 0
    text = (tmp_path / "out.json").read_text("utf-8")
    assert "there is no order" not in text
    done = exercise("import", tmp_path / "out.json", "--to", tmp_path / "in")
    assert done.out.strip().endswith("livestream-in-two-states-2026-11-29-0800-seed-1.json")
    assert stored.read(tmp_path / "in" / done.out.strip().rpartition("/")[2]).is_common
    again = exercise("import", tmp_path / "out.json", "--to", tmp_path / "in")
    assert (again.code, "exists: remove it, or name another" in again.err) == (1, True)


SCENARIOS = list(reader.shipped())


@pytest.mark.parametrize("name", rounds(SCENARIOS[:2], nightly=SCENARIOS))
def test_a_scenario_is_the_same_after_a_way_through_json(name, tmp_path):
    for suffix in ("json", "toml"):
        file = tmp_path / f"{name}.{suffix}"
        assert exercise("export", name, "--to", file).code == 0
        assert reader.read(str(file)) == reader.read(name)
        assert exercise("import", file, "--to", tmp_path / suffix).code == 0
        assert reader.read(str(tmp_path / suffix / f"{name}.json")) == reader.read(name)


def test_a_table_is_written_as_csv_and_a_spreadsheet_runs_none_of_it(tmp_path):
    path = result_file(tmp_path)
    add = ("action", "add", path, "=HYPERLINK(1)", "--owner", "crisis-centre", "--due")
    exercise(*add, "2026-12-01")
    for table in ("figures", "steps", "entries", "copies", "delays", "observations", "actions"):
        file = tmp_path / f"{table}.csv"
        assert exercise("export", path, "--to", file, "--table", table, "--full").code == 0
        with file.open(newline="") as opened:
            rows = list(csv.DictReader(opened))
        assert len(rows) == len(json.loads(path.read_text())[table]) + 2 * (table == "figures")
    assert rows[0]["text"] == "'=HYPERLINK(1)"
    assert exercise("export", path, "--to", tmp_path / "x.csv", "--table", "people").code == 2
    refused = exercise("export", path, "--to", tmp_path / "x.pdf")
    assert (refused.code, "written as .json or .csv, not as .pdf" in refused.err) == (1, True)


def hostile(**changes):
    return json.dumps(RESULT | changes).encode()


HOSTILE = {
    "no JSON": (b"{", "it is no JSON"),
    "no UTF-8": (b"\xff\xfe", "it is no JSON"),
    "nested": (b"[" * 200_000, "it is no JSON"),
    "a list": (b"[]", "is no scenario: write one JSON object"),
    "a path as name": (hostile(scenario="../../etc/passwd"), "scenario: "),
    "a path as party": (hostile(cast={"../x": "A party"}), "cast."),
    "escape codes": (hostile(title="\x1b[2J Livestream"), "title: "),
    "a turned direction": (hostile(title="Live\u202emaerts"), "title: "),
    "a line break": (hostile(title="Live\u2028stream"), "title: "),
    "a reaction without a name": (
        hostile(delays=[RESULT["delays"][0] | {"reaction": ""}]),
        "delays.0.reaction: ",
    ),
    "a measure without a name": (
        hostile(figures=[RESULT["figures"][0] | {"measure": ""}]),
        "figures.0.measure: ",
    ),
    "not an exercise": (hostile(exercise=False), "exercise: "),
    "a later format": (hostile(format=2), "format: "),
    "a false verdict": (
        hostile(objectives=[RESULT["objectives"][1] | {"is_met": True}]),
        "is_met does not follow from value",
    ),
    "a number that is none": (
        hostile(duration_min=1e308 * 10).replace(b"Infinity", b"1e999"),
        "duration_min: ",
    ),
    "two equal actions": (
        hostile(actions=[{"number": 1, "text": "abc", "owner": "abc", "due": "2026-01-01"}] * 2),
        "two actions have the same number",
    ),
}


@pytest.mark.parametrize("name", rounds([*HOSTILE][:6], nightly=[*HOSTILE]))
def test_a_hostile_file_is_refused_and_nothing_is_stored(name, tmp_path):
    raw, message = HOSTILE[name]
    path = tmp_path / "odd.json"
    path.write_bytes(raw)
    done = exercise("import", path, "--to", tmp_path / "in")
    assert (done.code, done.out, message in done.err) == (1, "", True), done.err
    assert done.err.replace("\n", "").isprintable()
    assert not (tmp_path / "in").exists()


def test_a_file_that_is_too_large_is_not_parsed(tmp_path):
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(stored.MAX_BYTES + 1)
    done = exercise("import", path, "--to", tmp_path / "in")
    assert (done.code, "has more than 20,000,000 bytes" in done.err) == (1, True)


def test_what_the_schema_does_not_name_is_not_stored(tmp_path):
    path = result_file(tmp_path, colour="red")
    stored_at = exercise("import", path, "--to", tmp_path / "in").out.strip()
    assert "colour" not in json.loads(Path(stored_at).read_text("utf-8"))
