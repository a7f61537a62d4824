# SPDX-License-Identifier: Apache-2.0
"""Compare results of the same scenario: improvements since an earlier exercise."""

from collections.abc import Sequence
from dataclasses import dataclass

from stemtide.exercises.results.bounds import value_text
from stemtide.exercises.results.stored import ResultError, ResultFigure, ResultFile


@dataclass(frozen=True, slots=True)
class ComparedFigure:
    """A figure in each result, in the order of the files. None: no value there."""

    measure: str
    party: str
    values: tuple[float | None, ...]

    title: str
    texts: tuple[str, ...]


def compare(results: Sequence[ResultFile]) -> list[ComparedFigure]:
    """Return figures that differ between results of one scenario, in the order of the first.

    raises: ResultError for results of several scenarios.
    """
    scenarios = sorted({result.scenario for result in results})
    if len(scenarios) > 1:
        raise ResultError(
            f"these are results of different scenarios: {', '.join(scenarios)}: name results of one"
        )
    tables = [
        {(figure.measure, figure.party): figure for figure in result.figures} for result in results
    ]
    keys = dict.fromkeys(key for table in tables for key in table)
    rows = [_compare([table.get(key) for table in tables]) for key in keys]
    return [row for row in rows if len(set(row.values)) > 1]


def _compare(figures: Sequence[ResultFigure | None]) -> ComparedFigure:
    """Return a figure of each result. None: a result does not have it."""
    first = next(figure for figure in figures if figure is not None)
    return ComparedFigure(
        first.measure,
        first.party,
        tuple(figure.value if figure else None for figure in figures),
        title=f"{first.title}, {first.party}" if first.party else first.title,
        texts=tuple(value_text(figure) if figure else "never" for figure in figures),
    )
