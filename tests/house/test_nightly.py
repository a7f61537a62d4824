# SPDX-License-Identifier: Apache-2.0
"""What `make test` leaves to `make nightly` is listed in tests/NIGHTLY.md, file by file.

A folder whose conftest.py chooses what is left has one row.
"""

import ast
import re
from pathlib import Path

from tests.flows.conftest import SHORT
from tests.house.test_docs import read, table

ROOT = Path(__file__).parents[2]
MARK = re.compile(r"\bmark\.nightly\b")


def test_the_page_lists_the_files_with_nightly_tests_and_why():
    marked = {
        str((path.parent if path.name == "conftest.py" else path).relative_to(ROOT))
        for path in (ROOT / "tests").rglob("*.py")
        if path.parent.name != "house" and MARK.search(path.read_text("utf-8"))
    }
    listed = table(read("tests/NIGHTLY.md"), "file")
    assert sorted(file.strip("`") for file, _ in listed) == sorted(marked)
    assert all(why for _, why in listed)


def test_each_story_of_the_short_suite_is_there():
    there = set()
    for path in (ROOT / "tests/flows").glob("test_*.py"):
        functions = ast.parse(path.read_text("utf-8")).body
        tests = {getattr(node, "name", "") for node in functions}
        there |= {path.name, *(f"{path.name}::{name}" for name in tests if name[:5] == "test_")}
    assert there >= SHORT
    assert there - SHORT, "make nightly plays more"
