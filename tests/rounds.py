# SPDX-License-Identifier: Apache-2.0
"""How often a test repeats itself: a few rounds in `make test`, many in `make nightly`."""

import os

NIGHTLY = "STEMTIDE_NIGHTLY"
"""The environment variable that `make nightly` sets to 1."""


def rounds(quick: int, *, nightly: int) -> int:
    """Return how many rounds, examples or cases a test takes in this run."""
    return nightly if os.environ.get(NIGHTLY) == "1" else quick
