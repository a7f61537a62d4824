# SPDX-License-Identifier: Apache-2.0
"""Messages about retention: why a row is kept, and until when."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from stemtide.protocol.enums.retention import LegalBasis
from stemtide.protocol.law.retention import RetentionPurpose, RowClass

_STRICT = ConfigDict(extra="forbid", frozen=True)

Reason = Annotated[str, Field(min_length=3, max_length=500, pattern=r"\S")]
"""Why somebody keeps a row otherwise than by default. No personal data."""


class RetentionIn(BaseModel):
    """A sharer's own terms for a row. A field that is left out has the default of its kind.

    until: when the signal ends. It is erased once complaints about it cannot be filed any more,
           six months later.
    """

    model_config = _STRICT

    legal_basis: LegalBasis | None = None
    purpose: RetentionPurpose | None = None
    until: AwareDatetime | None = None

    @model_validator(mode="after")
    def _check_any(self) -> "RetentionIn":
        """Refuse a message that says nothing."""
        if self.legal_basis is None and self.purpose is None and self.until is None:
            raise ValueError("give legal_basis, purpose or until, or leave retention out")
        return self


class RetentionOut(BaseModel):
    """Why a row is kept, and until when.

    until: when it is erased; null if it goes with another row.
    ends_at: when a live signal stops matching; null for others.
    rule:  the default that was applied, with its version.
    filled_later: the row is older than the rules, and got the default later.
    given: a party gave basis, purpose or date itself.
    """

    legal_basis: LegalBasis
    purpose: RetentionPurpose
    until: AwareDatetime | None
    ends_at: AwareDatetime | None = None
    rule: str
    filled_later: bool = False
    given: bool = False


class LegalHoldIn(BaseModel):
    """Stop the erasure of a row. until: when the hold ends by itself; null: when it is lifted."""

    model_config = _STRICT

    reason: Reason
    until: AwareDatetime | None = None


class LiftIn(BaseModel):
    """Lift a legal hold."""

    model_config = _STRICT

    reason: Reason


class RetentionChangeIn(BaseModel):
    """Keep a row until a later date, on another basis, or for another purpose.

    until: when it is erased.
    """

    model_config = _STRICT

    reason: Reason
    until: AwareDatetime | None = None
    legal_basis: LegalBasis | None = None
    purpose: RetentionPurpose | None = None

    @model_validator(mode="after")
    def _check_any(self) -> "RetentionChangeIn":
        """Refuse a message that changes nothing."""
        if self.legal_basis is None and self.purpose is None and self.until is None:
            raise ValueError("give until, legal_basis or purpose: nothing else can change")
        return self


class LegalHoldOut(BaseModel):
    """A running hold. by: who placed it; reason: for that party and agencies only."""

    by: str
    reason: str
    at: AwareDatetime
    until: AwareDatetime | None


class RetentionChangeOut(BaseModel):
    """A change of a row's basis, purpose or date, and why. by: the party that made it."""

    by: str
    reason: str
    at: AwareDatetime


class KeptRowOut(BaseModel):
    """A row that is kept for a time.

    kept_by: what stops its erasure, in words; empty if nothing does.
    holds:   legal holds on it. changes: of basis, purpose and date, the oldest first.
    not_before: until when a hold that was lifted still stops its erasure.
    """

    row_class: RowClass
    id: UUID
    party: str
    exercise: bool
    retention: RetentionOut | None
    kept_by: list[str] = []
    holds: list[LegalHoldOut] = []
    not_before: AwareDatetime | None = None
    changes: list[RetentionChangeOut] = []
    erased_at: AwareDatetime | None = None


class RetentionSum(BaseModel):
    """How many rows of a class are erased when.

    overdue: their date is past, and something stops it.
    held:    on a legal hold, whatever their date. next_at: the next date.
    """

    row_class: RowClass
    total: int
    overdue: int
    in_30_days: int
    in_a_year: int
    later: int
    held: int
    erased: int
    next_at: AwareDatetime | None


class RetentionOverview(BaseModel):
    """Rows that a party keeps, and until when. rows: the next ones, and all that are stopped."""

    sums: list[RetentionSum]
    rows: list[KeptRowOut]
