# SPDX-License-Identifier: Apache-2.0
"""Rights of data subjects as data: which law binds a party, and how soon a request is answered."""

from datetime import UTC, date, datetime, time
from functools import cache
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.rights import DataLaw, DataRight
from stemtide.protocol.law.deadlines import end_of_day, months_after
from stemtide.protocol.law.toml_files import read_toml, toml_texts

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class RightsError(ValueError):
    """The rules are inconsistent."""


class LawRule(BaseModel):
    """A law on data protection.

    kinds: of party that it may bind. rights: the article of each right that it gives.
    months: from receipt until a request is answered. more_months: how much longer with a reason.
    """

    model_config = _FROZEN

    name: DataLaw
    title: str
    source: str = Field(min_length=10)
    kinds: frozenset[PartyKind]
    months: int = Field(ge=1)
    more_months: int = Field(ge=0)
    rights: dict[DataRight, str] = Field(min_length=1)


class Rights(BaseModel):
    """A version of the rules. defaults: the law of each kind of party."""

    model_config = _FROZEN

    name: str
    title: str
    dated: date
    defaults: dict[PartyKind, DataLaw]
    laws: dict[DataLaw, LawRule]

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Require that the data are complete, and that each default may bind its kind."""
        for names, rows in ((DataLaw, self.laws), (PartyKind, self.defaults)):
            if missing := {str(name) for name in names} - {str(name) for name in rows}:
                raise ValueError(f"there is no {', '.join(sorted(missing))}")
        for kind, law in self.defaults.items():
            if kind not in self.laws[law].kinds:
                raise ValueError(f"{law} may not bind {kind}")
        return self

    def laws_of(self, kind: str) -> list[DataLaw]:
        """Return the laws that may bind a kind of party."""
        return [law for law, rule in self.laws.items() if kind in rule.kinds]


@cache
def rights() -> Rights:
    """Return the latest version. raises: RightsError."""
    versions = [
        read_toml(Rights, text, name=name, noun="rights", error=RightsError, named=["laws"])
        for name, text in toml_texts(__name__)
    ]
    return max(versions, key=lambda version: version.dated)


def answer_due(law: DataLaw, *, received_on: date, extended: bool = False) -> datetime:
    """Return when a request must be answered: at the end of the day, in UTC.

    source: Regulation (EU) 2016/679 Art. 12(3); Regulation (EEC, Euratom) No 1182/71 Art. 3(2)(c).
    """
    rule = rights().laws[law]
    months = rule.months + (rule.more_months if extended else 0)
    received_at = datetime.combine(received_on, time(), tzinfo=UTC)
    return end_of_day(months_after(received_at, months))
