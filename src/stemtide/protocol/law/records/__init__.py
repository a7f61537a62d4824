# SPDX-License-Identifier: Apache-2.0
"""Records of processing activities as data: what the rules of retention do not say."""

from datetime import date
from functools import cache
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.records import DataCategory, SecurityMeasure, SubjectCategory
from stemtide.protocol.enums.rights import DataLaw
from stemtide.protocol.law.retention import RowClass
from stemtide.protocol.law.toml_files import read_toml, toml_texts

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class RecordsError(ValueError):
    """The rules are inconsistent."""


class RecordLaw(BaseModel):
    """The provision that asks for records. asks_profiling: also for the use of profiling."""

    model_config = _FROZEN

    name: DataLaw
    source: str = Field(min_length=10)
    asks_profiling: bool = False


class ActivityRule(BaseModel):
    """What a record says of a class of rows.

    written_by: kinds of party that answer for such rows.
    recipients: kinds of party that get them, unless the purpose names its readers.
    """

    model_config = _FROZEN

    name: RowClass
    written_by: frozenset[PartyKind] = Field(min_length=1)
    subjects: tuple[SubjectCategory, ...] = Field(min_length=1)
    data: tuple[DataCategory, ...] = Field(min_length=1)
    recipients: frozenset[PartyKind]
    measures: tuple[SecurityMeasure, ...] = ()


class Records(BaseModel):
    """A version of the rules. measures: those that hold for all activities."""

    model_config = _FROZEN

    name: str
    title: str
    dated: date
    measures: tuple[SecurityMeasure, ...]
    laws: dict[DataLaw, RecordLaw]
    activities: dict[RowClass, ActivityRule]

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Require that every law and every class of rows is there."""
        for names, rows in ((DataLaw, self.laws), (RowClass, self.activities)):
            if missing := {str(name) for name in names} - {str(name) for name in rows}:
                raise ValueError(f"there is no {', '.join(sorted(missing))}")
        return self


@cache
def records() -> Records:
    """Return the latest version. raises: RecordsError."""
    versions = [
        read_toml(
            Records,
            text,
            name=name,
            noun="records",
            error=RecordsError,
            named=["laws", "activities"],
        )
        for name, text in toml_texts(__name__)
    ]
    return max(versions, key=lambda version: version.dated)
