# SPDX-License-Identifier: Apache-2.0
"""stemtide exercise: what it prints, and how it exits."""

import json

from tests.cli.conftest import run


def test_list_names_the_scenarios_that_ship():
    rows = run("exercise", "list", "--json").rows
    assert [row["name"] for row in rows][:2] == ["copies-over-a-thousand-services", "false-alarm"]
    assert all(row["objectives"] > 3 for row in rows)


def test_check_prints_one_object_a_problem_and_exits_with_1(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('title = "Mine"\ncolour = "red"\n', "utf-8")
    done = run("exercise", "check", path, "false-alarm", "--json")
    *problems, good = map(json.loads, done.out.splitlines())
    assert done.code == 1
    assert {"file": "mine.toml", "table": "", "key": "cast", "message": "is missing: add it"} in (
        problems
    )
    assert good == {"file": "false-alarm", "name": "false-alarm", "is_good": True}


def test_a_result_that_cannot_be_written_is_refused_before_the_run(tmp_path):
    (tmp_path / "out").write_text("in the way", "utf-8")
    words = ("national-only", "--speed", "1e6", "--folder", tmp_path / "hub")
    done = run("exercise", "run", *words, "--out", tmp_path / "out")
    assert (done.code, f"{tmp_path}/out cannot be used" in done.err) == (1, True)
    assert not (tmp_path / "hub").exists()


def test_a_folder_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way", "utf-8")
    words = ("national-only", "--bots", "all", "--folder", tmp_path / "file" / "hub")
    done = run("exercise", "run", *words)
    assert (done.code, f"{tmp_path}/file" in done.err, "None" in done.err) == (1, True, False)


def test_the_operator_ends_the_open_exercise_and_learns_that_there_is_none(tmp_path):
    done = run("exercise", "end", "--data-dir", tmp_path)
    assert (done.code, "no exercise is open" in done.err) == (1, True)
