# SPDX-License-Identifier: Apache-2.0
"""Scenarios played by bots, with a real hub and real agents, through the command."""

import contextlib
import json
import sqlite3
import subprocess
from pathlib import Path

import pytest
from pypdfium2 import PdfDocument

from stemtide.scenarios import reader
from tests.cli.conftest import COMMAND, run_process, surroundings

OTHERS = [name for name in reader.shipped() if name != "national-only"]
BEFORE_IT_BEGINS = {
    *("party.added", "key.issued", "person.added", "standing.granted", "competence.named"),
    *("hub_key.recorded", "agent.appeared", "witness.added"),
}
"""What the hub and its agents record that belongs to no exercise."""


def play(name, *words, **environment):
    return run_process("exercise", "run", name, "--speed", "1e6", "--json", *words, **environment)


def facts(result):
    """What a run with the same seed must repeat."""
    steps = [(step["name"], step["state"], step["at_min"]) for step in result["steps"]]
    figures = [(row["measure"], row["party"], row["value"]) for row in result["figures"]]
    return steps, figures


def processes_of(folder):
    """The hubs that store their files below a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"STEMTIDE_DATA_DIR={folder}".encode() in path.read_bytes():
                found.append(path.parent.name)
    return found


def check_result(result):
    """Every objective is met, nothing was refused, and each figure names entries that exist."""
    assert [row["text"] for row in result["objectives"] if not row["is_met"]] == []
    assert [step for step in result["steps"] if step["state"] == "refused"] == []
    numbers = {entry["number"] for entry in result["entries"]}
    assert all(set(row["entries"]) <= numbers for row in result["figures"])


@pytest.mark.nightly
def test_bots_play_an_event_that_stays_national(tmp_path):
    """On the machine of a real hub: its settings are not those of the exercise."""
    real, key = tmp_path / "real.sqlite3", tmp_path / "real.key"
    settings = {"STEMTIDE_DATABASE_URL": f"sqlite:///{real}", "STEMTIDE_AGENT_PORT": "1"}
    settings["STEMTIDE_SIGNING_KEY_FILE"] = str(key)
    out = ("--folder", tmp_path / "hub", "--out", tmp_path / "out")
    done = play("national-only", *out, **settings)
    assert not real.exists()
    assert not key.exists()
    result = json.loads(done.out)
    check_result(result)
    assert done.code == 0, done.err
    figures = {row["measure"]: row["value"] for row in result["figures"] if not row["party"]}
    assert (figures["variants_covered"], figures["false_matches"]) == (100, 0)
    assert (figures["orders_issued"], figures["activations"]) == (2, 0)
    assert json.loads((tmp_path / "out/result.json").read_text("utf-8")) == result
    assert (tmp_path / "out/figures.csv").read_text("utf-8").startswith("measure,party,unit")
    report = PdfDocument(tmp_path / "out/report.pdf")
    texts = [page.get_textpage().get_text_bounded() for page in report]
    assert all("EXERCISE" in text for text in texts)
    assert "6 of 6 objectives are met." in texts[0]
    with sqlite3.connect(tmp_path / "hub/hub/hub.sqlite3") as database:
        real = database.execute("SELECT DISTINCT kind FROM ledger_entry WHERE NOT exercise")
        assert {kind for (kind,) in real} <= BEFORE_IT_BEGINS
        rows = database.execute(
            "SELECT exercise FROM crises_crisis UNION SELECT exercise FROM signals_signal"
            " UNION SELECT exercise FROM orders_order"
        )
        assert rows.fetchall() == [(1,)]
        query = "SELECT detail FROM ledger_entry WHERE kind = 'order.confirmed'"
        assert "person:" in database.execute(query).fetchone()[0]  # at the desk: no key may


def test_a_scenario_with_a_mistake_does_not_start():
    done = run_process("exercise", "run", "fire-drill")
    assert (done.code, done.out) == (2, "")
    assert "there is no such scenario" in done.err


@pytest.mark.nightly
@pytest.mark.parametrize("name", OTHERS)
def test_bots_reach_every_objective_of_a_scenario(name):
    done = play(name)
    check_result(json.loads(done.out))
    assert done.code == 0, done.err


@pytest.mark.nightly
def test_a_run_that_is_stopped_leaves_no_process(tmp_path):
    words = ("exercise", "run", "false-alarm", "--speed", "1", "--folder", tmp_path / "run")
    with subprocess.Popen([COMMAND, *words], env=surroundings({}), stderr=subprocess.PIPE) as run:
        assert b"T+" in run.stderr.readline()
        assert processes_of(tmp_path)
        run.terminate()
        assert run.wait() == 130
    assert processes_of(tmp_path) == []


@pytest.mark.nightly
def test_the_same_seed_repeats_an_exercise_and_another_does_not():
    first, second, other = (
        facts(json.loads(play("poisoned-signal", "--seed", seed).out)) for seed in (5, 5, 6)
    )
    assert first == second
    assert first != other
