# SPDX-License-Identifier: Apache-2.0
"""Files and functions stay small enough to read in one go."""

import re
from pathlib import Path

from tests.house import sources

ROOT = Path(__file__).parents[2]
SOURCES = [one for one in (ROOT / "src").rglob("*.py") if "migrations" not in one.parts]
BANNED = {
    *("utils", "helpers", "common", "base", "manager", "handler", "processor", "data", "info"),
    "service",
}
NAMED_BY_DJANGO = ROOT / "src/stemtide/hub/platform/postgresql/base.py"
"""Django looks for a kind of database in a file of this name."""


def test_no_function_is_longer_than_40_lines():
    """Options and docstrings do not count: a command's are its help."""
    long = [
        f"{path.relative_to(ROOT)}:{at} {name} {lines}"
        for path in SOURCES
        for at, name, lines in sources.read(path).functions
        if lines > 40
    ]
    assert long == []


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


def test_the_lock_file_names_no_registry():
    for lock in ROOT.glob("requirements*.lock"):
        assert "://" not in lock.read_text("utf-8")
    assert not (ROOT / "uv.lock").exists()
