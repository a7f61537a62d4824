# SPDX-License-Identifier: Apache-2.0
"""How often a test repeats itself: a few rounds in `make test`, many in `make nightly`."""

import os
from typing import TypeVar

Rounds = TypeVar("Rounds")
NIGHTLY = "STEMTIDE_NIGHTLY"
"""The environment variable that `make nightly` sets to 1."""


def rounds(quick: Rounds, *, nightly: Rounds) -> Rounds:
    """Return how many rounds, examples or cases a test takes in this run; or which of them."""
    return nightly if os.environ.get(NIGHTLY) == "1" else quick
