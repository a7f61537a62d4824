# SPDX-License-Identifier: Apache-2.0
"""Which of the hub's thousands of short tests `make test` leaves to `make nightly`.

Each of them takes little, and all of them many minutes. `make test` keeps who may see and do what,
what no act may lose, locks, wire formats, the main way through each feature and a refusal of each
kind. What shows more of the same is marked `at_night`, and of long lists `some_of` the cases run.
"""

from collections.abc import Iterable
from math import ceil
from typing import Any

import pytest

from tests.rounds import rounds

at_night = pytest.mark.nightly
"""A test of what shorter tests of its file, or of the files that its row names, show as well."""

on_sqlite = pytest.mark.further_case
"""A test that `make test` runs on SQLite alone, because it takes long on PostgreSQL."""


def some_of(count: int, cases: Iterable[Any]) -> list[Any]:
    """Return all cases of a test in `make nightly`, and in `make test` at most so many.

    These lie far apart, because neighbours in such lists resemble each other.
    """
    every = list(cases)
    return rounds(every[:: ceil(len(every) / count)], nightly=every)
