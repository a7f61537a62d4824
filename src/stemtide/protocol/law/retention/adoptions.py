# SPDX-License-Identifier: Apache-2.0
"""Messages about adoptions: which signals of a crisis stay after it, and on which basis."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import AdoptionAnswer, Provenance
from stemtide.protocol.enums.retention import LegalBasis

_STRICT = ConfigDict(extra="forbid", frozen=True)

MAX_SIGNALS = 1000
"""The most signals that a message names. A filter has no limit."""

_PartyName = Annotated[str, StringConstraints(min_length=1, max_length=60)]
_Label = Annotated[str, StringConstraints(min_length=1, max_length=60)]


class UnadoptIn(BaseModel):
    """Undo adoptions of your party: of named signals, or of all that fit a label and a sharer."""

    model_config = _STRICT

    signals: tuple[UUID, ...] = Field(default=(), max_length=MAX_SIGNALS, fail_fast=True)
    label: _Label | None = None
    shared_by: _PartyName | None = None

    @model_validator(mode="after")
    def _check_any(self) -> "UnadoptIn":
        """Refuse a message that chooses nothing."""
        if not (self.signals or self.label or self.shared_by):
            raise ValueError("give signals, label or shared_by")
        return self


class AdoptIn(UnadoptIn):
    """Adopt signals of a crisis: named ones, or all that fit a label and a sharer.

    legal_basis: of your party; by default that of its kind.
    """

    legal_basis: LegalBasis | None = None


class AdoptionAnswerIn(BaseModel):
    """The answer to the question which signals of a crisis stay. none is an answer, too."""

    model_config = _STRICT

    adopt: AdoptionAnswer
    legal_basis: LegalBasis | None = None


class AdoptionRowOut(BaseModel):
    """A live signal of a crisis, and whether it stays.

    name: its title, its address or the beginning of its value.
    suggested_by: the labels, or the provenance, for which it is pre-selected; empty if it is not.
    ends_at: when it stops matching.
    is_new:  it came or changed after the last answer.
    """

    id: UUID
    kind: Kind
    name: str
    labels: list[str]
    provenance: Provenance
    shared_by: str
    shared_at: AwareDatetime
    suggested_by: list[str]
    adopted_by: str | None
    adopted_at: AwareDatetime | None
    legal_basis: LegalBasis | None
    ends_at: AwareDatetime | None
    is_new: bool


class AdoptionOut(BaseModel):
    """Which live signals of a crisis stay after it. Sums and rows are of those that you may see.

    is_answered: a leading party has answered. is_current: and no signal came or changed since.
    ends_at:   when signals end that nobody adopted; null while the crisis is open.
    suggested: pre-selected signals that nobody has adopted. live: all, the adopted ones as well.
    next:      give it as after to read on; null at the end.
    """

    crisis: UUID
    is_answered: bool
    is_current: bool
    ends_at: AwareDatetime | None
    live: int
    suggested: int
    adopted: int
    rows: list[AdoptionRowOut]
    next: UUID | None
