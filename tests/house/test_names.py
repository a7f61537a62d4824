# SPDX-License-Identifier: Apache-2.0
"""Names say what they name, and docstrings begin with a verb."""

import ast
import re
from pathlib import Path

import pytest

from tests.house import sources
from tests.house.naming import problems

ROOT = Path(__file__).parents[2]
SOURCES = [path for path in (ROOT / "src").rglob("*.py") if "migrations" not in path.parts]
BANNED = {
    *("utils", "helpers", "common", "base", "manager", "handler", "processor", "data", "info"),
    "service",
}
NAMED_BY_DJANGO = ROOT / "src/stemtide/hub/platform/postgresql/base.py"
"""Django looks for a kind of database in a file of this name."""


def test_names_say_what_they_name_and_docstrings_begin_with_a_verb():
    problems_of_files = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in SOURCES
        for line, name in sources.read(path).problems
    ]
    assert problems_of_files == []


def test_a_file_is_named_for_what_it_holds():
    banned = [path for path in SOURCES if path.stem in BANNED and path != NAMED_BY_DJANGO]
    assert [str(path.relative_to(ROOT)) for path in banned] == []


def test_a_todo_names_an_issue():
    bare = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in SOURCES
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if re.search(r"\b(TODO|FIXME)\b", line) and not re.search(r"TODO\(#\d+\)", line)
    ]
    assert bare == []


@pytest.mark.parametrize(
    "code",
    [
        "def told(): ...",
        "def show(asked): ...",
        "def show(*, what=1): ...",
        "def show():\n    found = 1",
        "[one for one in signals]",
        "for _said in rows: ...",
        "with open() as made: ...",
    ],
)
def test_an_empty_name_is_noticed(code):
    assert problems(ast.parse(code))


@pytest.mark.parametrize(
    "code", ["class Row:\n    found: int = 0", "def show(row): ...", "row.found = 1"]
)
def test_fields_and_other_names_are_allowed(code):
    assert not problems(ast.parse(code))


@pytest.mark.parametrize("text", ["The signals.", "One crisis.", "Who may warn.", "What: a row."])
def test_a_docstring_without_a_verb_is_noticed(text):
    assert problems(ast.parse(f'def show():\n    """{text}"""'))


@pytest.mark.parametrize("text", ["Return the signals.", "Whether a party may see it."])
def test_a_docstring_with_a_verb_is_allowed(text):
    assert not problems(ast.parse(f'def show():\n    """{text}"""'))
