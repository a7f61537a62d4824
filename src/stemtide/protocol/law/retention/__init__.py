# SPDX-License-Identifier: Apache-2.0
"""Legal bases, purposes and retention as data: which row is kept why, and until when.

The latest version gives new rows their defaults; a row keeps the name of the version.
"""

from datetime import date, datetime
from enum import StrEnum
from functools import cache
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from stemtide.protocol.enums import PartyKind, Provenance
from stemtide.protocol.enums.retention import LegalBasis
from stemtide.protocol.law.deadlines import months_after
from stemtide.protocol.law.toml_files import read_toml, toml_texts

_FROZEN = ConfigDict(frozen=True, extra="forbid")

FILLED = " filled later"
"""Ends the rule of a row that was older than the rules."""

GIVEN = " given"
"""Ends the rule of a row whose party gave basis, purpose or date itself."""


class RetentionError(ValueError):
    """A version of the rules is inconsistent."""


class RetentionPurpose(StrEnum):
    """Purpose for which a row is kept. The data say which kinds of party may read it."""

    CONTAIN_SPREAD = "contain_spread"
    REMOVE_CONTENT = "remove_content"
    COORDINATE = "coordinate"
    THREAT_TO_LIFE = "threat_to_life"
    INVESTIGATE = "investigate"
    PRESERVE = "preserve"
    REDRESS = "redress"


class RowClass(StrEnum):
    """Class of rows that concern content or people."""

    SIGNAL = "signal"
    REFERRAL = "referral"
    ORDER = "order"
    PRESERVATION = "preservation"
    MESSAGE = "message"
    LEAD = "lead"
    COMPLAINT = "complaint"
    PREVIEW = "preview"
    RIGHTS = "rights"


class BasisRule(BaseModel):
    """A legal basis. kinds: of party that may use it."""

    model_config = _FROZEN

    name: LegalBasis
    title: str
    source: str
    kinds: frozenset[PartyKind]


class PurposeRule(BaseModel):
    """A purpose. readers: kinds of party that may read its rows; empty for no limit of its own."""

    model_config = _FROZEN

    name: RetentionPurpose
    title: str
    readers: frozenset[PartyKind] = frozenset()


class ClassRule(BaseModel):
    """The default of a class of rows.

    months:    from when a row is written until it is erased.
    after_end: months after the row's end, for rows that end; part of neither months nor expiry.
    """

    model_config = _FROZEN

    name: RowClass
    purpose: RetentionPurpose
    months: int = Field(ge=1)
    after_end: int = Field(default=0, ge=0)
    source: str = Field(min_length=10)
    bases: dict[PartyKind, LegalBasis]


class AdoptionRule(BaseModel):
    """Signals of a crisis that are pre-selected to stay after it: any of these marks is enough."""

    model_config = _FROZEN

    labels: tuple[str, ...] = Field(min_length=1)
    provenance: tuple[Provenance, ...] = ()
    source: str = Field(min_length=10)


class Retention(BaseModel):
    """A version of the rules."""

    model_config = _FROZEN

    name: str
    title: str
    dated: date
    grace_days: int = Field(ge=0)
    bases: dict[LegalBasis, BasisRule]
    purposes: dict[RetentionPurpose, PurposeRule]
    classes: dict[RowClass, ClassRule]
    adoption: AdoptionRule

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Require that the data are complete, and that each default may be used by its kind."""
        for names, rows in (
            (LegalBasis, self.bases),
            (RetentionPurpose, self.purposes),
            (RowClass, self.classes),
        ):
            if missing := {str(name) for name in names} - {str(name) for name in rows}:
                raise ValueError(f"there is no {', '.join(sorted(missing))}")
        for rule in self.classes.values():
            if without := set(PartyKind) - set(rule.bases):
                raise ValueError(f"{rule.name}: no basis of {', '.join(sorted(without))}")
            for kind, basis in rule.bases.items():
                if kind not in self.bases[basis].kinds:
                    raise ValueError(f"{rule.name}: {kind} may not use {basis}")
        return self

    def rule_of(self, row_class: RowClass, kind: PartyKind) -> str:
        """Return the name of a default, as rows keep it."""
        return f"{self.name} {row_class.value}/{kind.value}"


@cache
def versions() -> tuple[Retention, ...]:
    """Return all versions, the oldest first. raises: RetentionError."""
    return tuple(
        sorted(
            (
                read_toml(
                    Retention,
                    text,
                    name=name,
                    noun="retention",
                    error=RetentionError,
                    named=["bases", "purposes", "classes"],
                )
                for name, text in toml_texts(__name__)
            ),
            key=lambda version: version.dated,
        )
    )


def retention() -> Retention:
    """Return the latest version."""
    return versions()[-1]


def signal_term_ends(shared_at: datetime) -> datetime:
    """Return when the default term of a signal that has no end of its own is over."""
    return months_after(shared_at, retention().classes[RowClass.SIGNAL].months)


def erase_due(row_class: RowClass, *, since: datetime, ends_at: datetime | None = None) -> datetime:
    """Return when a row is erased by default.

    since: when it was written. ends_at: when it ends, if that is known; never later than its time.
    """
    rule = retention().classes[row_class]
    latest = months_after(since, rule.months)
    if not rule.after_end:
        return latest
    return after_end(row_class, min(latest, ends_at or latest))


def after_end(row_class: RowClass, ended_at: datetime) -> datetime:
    """Return when a row that ends is erased by default: once its rest after the end is over."""
    return months_after(ended_at, retention().classes[row_class].after_end)


def signal_ends(*, shared_at: datetime, erase_due: datetime) -> datetime:
    """Return when a signal that has no expiry of its own stops matching.

    It is the end of its term; later if somebody keeps it for longer. Counting back from the
    erasure alone would be up to three days early: 31 August and 28 August are both erased on the
    last day of February.
    """
    rest = retention().classes[RowClass.SIGNAL].after_end
    return max(signal_term_ends(shared_at), months_after(erase_due, -rest))
