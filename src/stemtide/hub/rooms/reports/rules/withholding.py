# SPDX-License-Identifier: Apache-2.0
"""Withhold counts of linked tables, so that no sum or difference discloses one party's figure.

Cells are linked by equations, such as "the total is the sum of its rows". Readers know the
equations, and all cells that are shown:

1 A cell that would disclose one party's figure alone is withheld (`may_publish_counts`).
2 An equation gives away the sum of its withheld cells. While that sum would disclose one party's
  figure, the smallest shown cell of the equation is withheld as well, its total last.
3 An equation with withheld cells on both sides gives away a difference only.
4 This goes on until no equation gives anything away: a cell can be in several equations.

Decision 0195.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from stemtide.hub.rooms.reports.rules.reports import may_publish_counts

Key = tuple[str, ...]
"""The name of a cell: its subject, and its row and column."""


@dataclass(frozen=True, slots=True)
class Tally:
    """A count, and the share of each party in it.

    parts: what the rule looks at. It is the count itself, but where a thing concerns several
           parties.
    """

    number: int = 0
    parts: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, parts: Mapping[str, int]) -> "Tally":
        """Return the count of things of which each concerns one party."""
        counter = Counter(parts)
        return cls(counter.total(), counter)

    def __add__(self, other: "Tally") -> "Tally":
        """Return the sum of two counts."""
        return Tally(self.number + other.number, self.parts + other.parts)

    def __sub__(self, other: "Tally") -> "Tally":
        """Return what is left of a count without a part of it."""
        return Tally(self.number - other.number, self.parts - other.parts)

    @property
    def is_safe(self) -> bool:
        """Whether the count discloses no party's figure."""
        return may_publish_counts(list(self.parts.values()))


def total_of(tallies: Iterable[Tally]) -> Tally:
    """Return the sum of counts."""
    return sum(tallies, Tally())


@dataclass(frozen=True, slots=True)
class Equation:
    """Cells of which those on the left add up to those on the right."""

    left: tuple[Key, ...]
    right: tuple[Key, ...]


class Sheet:
    """Cells with their equations, and which of them are withheld.

    cells: counts by name.
    """

    def __init__(self) -> None:
        self.cells: dict[Key, Tally] = {}
        self.withheld: set[Key] = set()
        self._fixed: set[Key] = set()
        self._equations: list[Equation] = []

    def add(self, key: Key, tally: Tally) -> None:
        """Add a cell that is published if it may be."""
        self.cells[key] = tally

    def add_fixed(self, key: Key, tally: Tally, *, is_known: bool) -> None:
        """Add a cell that is not published here, but that equations name.

        is_known: readers have it from elsewhere. Otherwise they can only compute it.
        """
        self.cells[key] = tally
        self._fixed.add(key)
        if not is_known:
            self.withheld.add(key)

    def link(self, left: Iterable[Key], right: Iterable[Key]) -> None:
        """Add an equation between cells."""
        self._equations.append(Equation(tuple(left), tuple(right)))

    def withhold(self) -> None:
        """Withhold cells until nothing is given away."""
        published = self.cells.keys() - self._fixed
        self.withheld |= {key for key in published if not self.cells[key].is_safe}
        is_changed = True
        while is_changed:
            is_changed = False
            for equation in self._equations:
                victim = self._victim(equation)
                if victim is not None:
                    self.withheld.add(victim)
                    is_changed = True

    def count(self, key: Key) -> int | None:
        """Return the count of a cell to publish; None if it is withheld."""
        return None if key in self.withheld else self.cells[key].number

    def _victim(self, equation: Equation) -> Key | None:
        """Return the cell to withhold so that an equation gives less away; None if it is safe."""
        left = [key for key in equation.left if key in self.withheld]
        right = [key for key in equation.right if key in self.withheld]
        if (left and right) or total_of(self.cells[key] for key in left + right).is_safe:
            return None
        cells = (*equation.left, *equation.right)
        shown = [key for key in cells if key not in self.withheld | self._fixed]
        shown = [key for key in shown if self.cells[key].number]
        totals = set(equation.left)
        return min(
            shown, key=lambda key: (key in totals, self.cells[key].number, key), default=None
        )
