# SPDX-License-Identifier: Apache-2.0
"""Compare results of the same scenario: improvements since an earlier exercise."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from stemtide.exercises.results.bounds import value_text
from stemtide.exercises.scenarios.measures import MEASURES

_TOLERANT = ConfigDict(extra="ignore", frozen=True)
MAX_BYTES = 100_000_000
"""Largest file of a result."""


class ComparisonError(Exception):
    """Results cannot be compared; the message names the file and the remedy."""


class FigureRow(BaseModel):
    """A figure of a result file."""

    model_config = _TOLERANT

    measure: str
    party: str
    value: float | None


class ResultFile(BaseModel):
    """Parts of result.json that a comparison needs; later versions may have more."""

    model_config = _TOLERANT

    scenario: str
    seed: int
    figures: tuple[FigureRow, ...]


@dataclass(frozen=True, slots=True)
class ComparedFigure:
    """A figure in each result, in the order of the files. None: no value there."""

    measure: str
    party: str
    values: tuple[float | None, ...]

    @property
    def title(self) -> str:
        """Return the measure's title, with the party."""
        title = MEASURES[self.measure].title if self.measure in MEASURES else self.measure
        return f"{title}, {self.party}" if self.party else title

    def texts(self) -> list[str]:
        """Return the values for people."""
        if self.measure not in MEASURES:
            return [str(value) for value in self.values]
        return [value_text({"measure": self.measure, "value": value}) for value in self.values]


def read_result(path: Path) -> ResultFile:
    """Read a result. raises: ComparisonError."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) <= MAX_BYTES:
            return ResultFile.model_validate_json(raw)
    except OSError as error:
        raise ComparisonError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise ComparisonError(
            f"{path} is no result of stemtide exercise run: name a result.json"
        ) from error
    raise ComparisonError(f"{path} has more than {MAX_BYTES:,} bytes: name a result.json")


def compare(results: Sequence[ResultFile]) -> list[ComparedFigure]:
    """Return figures that differ between results of one scenario, in the order of the first.

    raises: ComparisonError for results of several scenarios.
    """
    scenarios = sorted({result.scenario for result in results})
    if len(scenarios) > 1:
        raise ComparisonError(
            f"these are results of different scenarios: {', '.join(scenarios)}: name results of one"
        )
    tables = [
        {(figure.measure, figure.party): figure.value for figure in result.figures}
        for result in results
    ]
    keys = dict.fromkeys(key for table in tables for key in table)
    rows = [ComparedFigure(*key, tuple(table.get(key) for table in tables)) for key in keys]
    return [row for row in rows if len(set(row.values)) > 1]
