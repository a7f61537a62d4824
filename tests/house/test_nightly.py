# SPDX-License-Identifier: Apache-2.0
"""What `make test` leaves to `make nightly` is listed in CONTRIBUTING.md, file by file."""

import re
from pathlib import Path

from tests.house.test_docs import read, table

ROOT = Path(__file__).parents[2]
MARK = re.compile(r"\bmark\.nightly\b")


def test_contributing_lists_the_files_with_nightly_tests_and_why():
    marked = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("*.py")
        if path.parent.name != "house" and MARK.search(path.read_text("utf-8"))
    }
    listed = table(read("CONTRIBUTING.md"), "file")
    assert sorted(file.strip("`") for file, _ in listed) == sorted(marked)
    assert all(why for _, why in listed)
