# SPDX-License-Identifier: Apache-2.0
"""What `make test` takes of long and of repeated tests, and `make nightly` in full.

A test takes fewer rounds or cases in `make test` (`rounds`, `few`, `some_of`). Long tests are
marked `pytest.mark.nightly`, which CONTRIBUTING.md explains. Of thousands of
short tests, each takes little, and all of them take long: those that show more of what others of
their file show are marked `at_night`. What `make test` keeps is who may see and do what, what no
act may lose, locks, wire formats, the main way through each feature, and a refusal of each kind.
"""

import os
from collections.abc import Iterable
from math import ceil
from typing import TypeVar

import pytest

Rounds = TypeVar("Rounds")
Case = TypeVar("Case")
NIGHTLY = "STEMTIDE_NIGHTLY"
"""The environment variable that `make nightly` sets to 1."""

at_night = pytest.mark.nightly
"""A short test of what others of its file, or of another file, show as well."""

on_sqlite = pytest.mark.further_case
"""A test that `make test` runs on SQLite alone, because it takes long on PostgreSQL."""


def rounds(quick: Rounds, *, nightly: Rounds) -> Rounds:
    """Return how many rounds, examples or cases a test takes in this run; or which of them."""
    return nightly if os.environ.get(NIGHTLY) == "1" else quick


def few(places: tuple[int, ...], *, of: Iterable[Case]) -> list[Case]:
    """Return the cases at these places, which differ in kind; in `make nightly` all of them."""
    cases = list(of)
    return rounds([cases[place] for place in places], nightly=cases)


def some_of(count: int, cases: Iterable[Case]) -> list[Case]:
    """Return at most so many cases; in `make nightly` all of them.

    These lie far apart, because neighbours in such lists resemble each other.
    """
    every = list(cases)
    return rounds(every[:: ceil(len(every) / count)], nightly=every)
