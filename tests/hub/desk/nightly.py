# SPDX-License-Identifier: Apache-2.0
"""What the desk leaves to `make nightly`: the tests that nightly.txt names, and cases beyond a few.

Most tests of the desk build a crisis, an order or a shared signal and read a page about it, which
takes about a second. `make test` keeps who may see and do what, one way through each feature, and
one refusal of each kind.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from tests.rounds import rounds

Case = TypeVar("Case")

LIST = Path(__file__).with_suffix(".txt")


def left_to_the_night() -> frozenset[str]:
    """Return the tests that `make test` leaves out, as "file::function"."""
    return frozenset(LIST.read_text("utf-8").split())


def few(places: tuple[int, ...], *, of: Iterable[Case]) -> list[Case]:
    """Return the cases at these places; in `make nightly` all of them."""
    cases = list(of)
    return rounds([cases[place] for place in places], nightly=cases)
