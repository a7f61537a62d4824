# SPDX-License-Identifier: Apache-2.0
"""Triage matrices as data: the outcome of a warning by harm and virality."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stemtide.protocol.enums import TriageOutcome

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class TriageError(ValueError):
    """A matrix is inconsistent, or there is no such matrix."""


class TriageMatrix(BaseModel):
    """A triage matrix. matrix: a row for each level of harm, a column for each level of virality.

    because: an explanation of each outcome, in a sentence.
    """

    model_config = _FROZEN

    name: str
    title: str
    source: str
    harm: tuple[str, ...] = Field(min_length=2)
    virality: tuple[str, ...] = Field(min_length=2)
    matrix: tuple[tuple[TriageOutcome, ...], ...]
    because: dict[TriageOutcome, str]

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Require a complete matrix, with no outcome milder than at less harm or virality."""
        if len(self.matrix) != len(self.harm):
            raise ValueError(f"matrix: has {len(self.matrix)} rows for {len(self.harm)} of harm")
        for harm, row in enumerate(self.matrix):
            if len(row) != len(self.virality):
                raise ValueError(f"matrix: row {harm} has {len(row)} cells, not a full row")
            for virality, outcome in enumerate(row):
                less = [self.matrix[harm - 1][virality]] if harm else []
                less += [row[virality - 1]] if virality else []
                if any(milder.rank > outcome.rank for milder in less):
                    raise ValueError(
                        f"matrix: harm {harm}, virality {virality} is milder than less"
                    )
        if missing := set(TriageOutcome) - set(self.because):
            raise ValueError(f"because: says nothing of {', '.join(sorted(missing))}")
        return self

    def rate(self, *, harm: int, virality: int) -> TriageOutcome:
        """Return the outcome in the matrix.

        raises: TriageError naming the axis whose level does not exist.
        """
        for axis, level, levels in (
            ("harm", harm, self.harm),
            ("virality", virality, self.virality),
        ):
            if not 0 <= level < len(levels):
                raise TriageError(f"{axis}: goes from 0 to {len(levels) - 1}")
        return self.matrix[harm][virality]

    def explain(self, *, harm: int, virality: int) -> str:
        """Explain the cell that applies, and its consequence. raises: TriageError."""
        outcome = self.rate(harm=harm, virality=virality)
        return (
            f"Harm {harm} ({self.harm[harm]}) and virality {virality} ({self.virality[virality]}):"
            f" this cell of the matrix {self.name} says {outcome.replace('_', ' ')}."
            f" {self.because[outcome]}"
        )


@cache
def triages() -> dict[str, TriageMatrix]:
    """Return all matrices by name."""
    return _read(files("stemtide.protocol.law").joinpath("triage.toml").read_text("utf-8"))


def _read(text: str) -> dict[str, TriageMatrix]:
    """Parse the matrices.

    raises: TriageError naming the file, the matrix and the error.
    """
    by_name = {}
    for name, row in tomllib.loads(text).items():
        try:
            by_name[name] = TriageMatrix.model_validate(row | {"name": name})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            message = first["msg"].removeprefix("Value error, ")
            raise TriageError(
                f"triage.toml, {name}: {where} {message}".replace(":  ", ": ")
            ) from error
    return by_name
