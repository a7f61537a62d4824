# SPDX-License-Identifier: Apache-2.0
"""`make test` plays some of the stories of tests/flows, and `make nightly` all."""

import ast
from pathlib import Path

from tests.flows.conftest import SHORT

ROOT = Path(__file__).parents[2]


def test_each_story_of_the_short_suite_is_there():
    there = set()
    for path in (ROOT / "tests/flows").glob("test_*.py"):
        functions = ast.parse(path.read_text("utf-8")).body
        tests = {getattr(node, "name", "") for node in functions}
        there |= {path.name, *(f"{path.name}::{name}" for name in tests if name[:5] == "test_")}
    assert there >= SHORT
    assert there - SHORT, "make nightly plays more"
