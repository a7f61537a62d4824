# SPDX-License-Identifier: Apache-2.0
"""Withhold counts of linked tables, so that no sum or difference discloses one party's figure.

Cells are linked by equations, such as "the total is the sum of its rows". Readers know the
equations, and all cells that are shown:

1 A cell that would disclose one party's figure alone is withheld (`may_publish_counts`).
2 An equation gives away the sum of its withheld cells. While that sum would disclose one party's
  figure, the smallest shown cell of the equation is withheld as well, its total last.
3 An equation with withheld cells on both sides gives away a difference only.
4 A part of 0 is withheld beside a withheld total: it would say what few parties did not do.
5 The parts of a shown total of 0 are 0: readers know them, whether they are shown or not.
6 Several equations together may determine a cell that none of them does alone: they are solved,
  and the smallest cell beside a determined one is withheld.
7 A withheld cell that the equations determine, and that discloses nothing, is shown: readers have
  it anyway, and the figures of the next quarter must count on that.
8 This goes on until nothing is given away: a cell can be in several equations.

Decision 0195.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from stemtide.hub.rooms.reports.rules.reports import may_publish_counts

_PRIME = 2**61 - 1

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
    """Cells of which those on the left add up to those on the right.

    is_certain: whether readers know that it holds. Others may assume it.
    """

    left: tuple[Key, ...]
    right: tuple[Key, ...]
    is_certain: bool = True


class Sheet:
    """Cells with their equations, and which of them are withheld.

    cells: counts by name.
    """

    def __init__(self) -> None:
        self.cells: dict[Key, Tally] = {}
        self.withheld: set[Key] = set()
        self._zeros: set[Key] = set()
        self._derived: set[Key] = set()
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

    def link(self, left: Iterable[Key], right: Iterable[Key], *, is_certain: bool = True) -> None:
        """Add an equation between cells. is_certain: whether readers know that it holds."""
        self._equations.append(Equation(tuple(left), tuple(right), is_certain))

    def withhold(self) -> None:
        """Withhold cells until nothing is given away."""
        published = self.cells.keys() - self._fixed
        self.withheld |= {key for key in published if not self.cells[key].is_safe}
        is_changed = True
        while is_changed:
            before = len(self.withheld)
            self._zeros = self._known_zeros()
            self._derived = set()
            certain = [equation for equation in self._equations if equation.is_certain]
            self._derived = {key for key in self._solve(certain) if self.cells[key].is_safe}
            for equation in self._equations:
                self.withheld.update(self._victims(equation))
            if len(self.withheld) == before:
                self.withheld.update(self._victims_of_solution())
            is_changed = len(self.withheld) > before
        self.withheld -= self._derived - self._fixed

    def count(self, key: Key) -> int | None:
        """Return the count of a cell to publish; None if it is withheld."""
        return None if key in self.withheld else self.cells[key].number

    def _victims(self, equation: Equation) -> list[Key]:
        """Return the cells to withhold so that an equation gives less away; none if it is safe."""
        left = [key for key in equation.left if self._is_unknown(key)]
        right = [key for key in equation.right if self._is_unknown(key)]
        cells = (*equation.left, *equation.right)
        shown = [key for key in cells if self._is_published(key)]
        if len(left) == len(equation.left) == 1:
            zeros = [key for key in shown if not self.cells[key].number]
            if zeros:
                return zeros
        if (left and right) or total_of(self.cells[key] for key in left + right).is_safe:
            return []
        return self._smallest(shown, totals=equation.left)

    def _victims_of_solution(self) -> list[Key]:
        """Return the cell to withhold so that all equations together give less away."""
        for key in sorted(self._solve(self._equations)):
            if self.cells[key].is_safe:
                continue
            cells: set[Key] = set()
            for equation in self._equations:
                if key in equation.left + equation.right:
                    cells.update(equation.left, equation.right)
            near = self._smallest(filter(self._is_published, cells), totals=())
            if near or (near := self._smallest(filter(self._is_published, self.cells), totals=())):
                return near
        return []

    def _solve(self, equations: Iterable[Equation]) -> set[Key]:
        """Return the unknown cells that equations determine together."""
        return _determined(
            {key: 1 for key in equation.left if self._is_unknown(key)}
            | {key: _PRIME - 1 for key in equation.right if self._is_unknown(key)}
            for equation in equations
        )

    def _known_zeros(self) -> set[Key]:
        """Return the withheld cells that are 0 because a sum of which they are parts is."""
        sides = [(equation.left, equation.right) for equation in self._equations]
        sides += [(right, left) for left, right in sides]
        zeros: set[Key] = set()
        is_changed = True
        while is_changed:
            before = len(zeros)
            for whole, parts in sides:
                if all(self._is_zero(key, zeros) for key in whole):
                    zeros |= self.withheld.intersection(parts)
            is_changed = len(zeros) > before
        return zeros

    def _is_zero(self, key: Key, zeros: Collection[Key]) -> bool:
        """Whether readers know that a cell is 0. zeros: withheld cells of which they know it."""
        return key in zeros or (key not in self.withheld and not self.cells[key].number)

    def _is_unknown(self, key: Key) -> bool:
        """Whether readers do not know a cell at once."""
        return key in self.withheld and key not in self._zeros and key not in self._derived

    def _is_published(self, key: Key) -> bool:
        """Whether a cell is published as it stands."""
        return key not in self.withheld and key not in self._fixed

    def _smallest(self, keys: Iterable[Key], *, totals: Iterable[Key]) -> list[Key]:
        """Return the smallest cell above 0, a total only if there is no other."""
        last = set(totals)
        ordered = sorted(
            (key for key in keys if self.cells[key].number),
            key=lambda key: (key in last, self.cells[key].number, key),
        )
        return ordered[:1]


def _determined(rows: Iterable[Mapping[Key, int]]) -> set[Key]:
    """Return the cells that linear equations determine, by elimination.

    rows: the factors of the unknown cells, modulo a large prime: integers stay small, and no cell
    that rational numbers determine is missed but by a chance of one in 10^18.
    """
    solved: dict[Key, dict[Key, int]] = {}
    for equation in rows:
        row = dict(equation)
        for pivot in [key for key in row if key in solved]:
            row = _without(row, pivot, solved[pivot])
        if not row:
            continue
        pivot = min(row)
        inverse = pow(row[pivot], -1, _PRIME)
        row = {key: factor * inverse % _PRIME for key, factor in row.items()}
        for key, other in solved.items():
            if pivot in other:
                solved[key] = _without(other, pivot, row)
        solved[pivot] = row
    return {pivot for pivot, row in solved.items() if len(row) == 1}


def _without(row: Mapping[Key, int], pivot: Key, other: Mapping[Key, int]) -> dict[Key, int]:
    """Return an equation with one cell replaced by what another equation says about it."""
    factor = row.get(pivot, 0)
    keys = row.keys() | other.keys()
    mixed = {key: (row.get(key, 0) - factor * other.get(key, 0)) % _PRIME for key in keys}
    return {key: value for key, value in mixed.items() if value}
