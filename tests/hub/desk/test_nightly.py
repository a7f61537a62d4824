# SPDX-License-Identifier: Apache-2.0
"""The list of tests that `make test` leaves out names tests that are there."""

import re
from pathlib import Path

from tests.hub.desk.nightly import LIST


def test_each_test_in_the_list_is_there_and_stands_once_in_order():
    lines = LIST.read_text("utf-8").splitlines()
    here = Path(__file__).parent
    there = {
        f"{path.name}::{name}"
        for path in here.glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    assert lines == sorted(set(lines))
    assert set(lines) <= there
