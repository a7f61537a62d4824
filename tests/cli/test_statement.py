# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from tests.protocol.test_dsa import SOUND


@pytest.fixture
def statements(tmp_path):
    path = tmp_path / "statements.jsonl"
    rows = [SOUND | {"puid": f"p{number}"} for number in range(101)]
    rows[7] |= {"decision_facts": "Posted by jan@example.org."}
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_a_lint_says_row_and_field_and_never_the_words(stemtide, statements):
    told = stemtide("statement", "lint", "--json", statements)
    assert told.code == 1
    assert [(row["row"], row["field"]) for row in told.rows] == [(8, "decision_facts")]
    assert "mail address at character 11 to 25" in told.rows[0]["message"]
    assert "jan@example.org" not in told.out + told.err
    assert "101 statements, 1 with problems" in told.err


def test_sound_statements_are_written_in_batches_and_the_others_named(
    stemtide, statements, tmp_path
):
    out = tmp_path / "out"
    told = stemtide("statement", "batch", statements, "--out", out)
    [first] = out.glob("*.json")
    assert told.code == 1
    assert len(json.loads(first.read_text())["statements"]) == 100
    assert "row 8  decision_facts: holds a mail address" in told.out
    assert "100 statements written, 1 left out. Nothing was sent anywhere." in told.err


def test_batches_are_not_mixed_with_older_ones(stemtide, statements, tmp_path):
    (tmp_path / "statements-0001.json").write_text("{}")
    told = stemtide("statement", "batch", statements, "--out", tmp_path)
    assert told.code == 2
    assert "has batches already" in told.err


def test_a_sound_file_ends_well(stemtide, tmp_path):
    path = tmp_path / "one.json"
    path.write_text(json.dumps([SOUND]))
    assert stemtide("statement", "lint", path).code == 0


@pytest.mark.parametrize(("name", "text"), [("a.xml", "<a/>"), ("a.json", "{"), ("none.csv", None)])
def test_what_is_no_file_of_statements_is_misuse(stemtide, tmp_path, name, text):
    if text is not None:
        (tmp_path / name).write_text(text)
    told = stemtide("statement", "lint", tmp_path / name)
    assert told.code == 2
    assert name in told.err
