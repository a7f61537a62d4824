# SPDX-License-Identifier: Apache-2.0
"""Messages about batches of referrals: a Referral Action Day, row by row."""

from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from stemtide.protocol.enums.referrals import RowOutcome

_STRICT = ConfigDict(extra="forbid", frozen=True)

MAX_ROWS_AT_ONCE = 1000
"""Maximum rows of a request."""

MAX_ROWS = 20_000
"""Maximum rows of a batch."""


class BatchIn(BaseModel):
    """A new batch. Opening it again under the same name returns the existing batch."""

    model_config = _STRICT

    name: str = Field(min_length=3, max_length=120)
    crisis: UUID | None = None
    exercise: bool = False


class BatchRowIn(BaseModel):
    """A row of a batch, as a file has it. Values are not validated here: each row gets its result.

    number: its position in the file, from 1; a row that was sent before is not sent again.
    """

    model_config = _STRICT

    number: int = Field(ge=1, le=MAX_ROWS)
    url: str = Field(default="", max_length=10_000)
    provider: str = Field(default="", max_length=200)
    reason: str = Field(default="", max_length=10_000)
    labels: str = Field(default="", max_length=1000)
    terms: str = Field(default="", max_length=1000)
    language: str = Field(default="", max_length=100)
    ideology: str = Field(default="", max_length=100)
    content_type: str = Field(default="", max_length=100)


ROW_COLUMNS = tuple(name for name in BatchRowIn.model_fields if name != "number")
"""Columns of a file of rows. Each is a field of an assessment (AssessIn)."""


class RowsIn(BaseModel):
    """Rows to add to a batch. again: also refer URLs that were referred and answered before."""

    model_config = _STRICT

    rows: tuple[BatchRowIn, ...] = Field(min_length=1, max_length=MAX_ROWS_AT_ONCE, fail_fast=True)
    again: bool = False


class CheckRowsIn(BaseModel):
    """Rows for a dry run: nothing is sent, and each row gets the result that it would have."""

    model_config = _STRICT

    rows: tuple[BatchRowIn, ...] = Field(min_length=1, max_length=MAX_ROWS, fail_fast=True)
    again: bool = False
    crisis: UUID | None = None
    exercise: bool = False


class BatchRowOut(BaseModel):
    """The result of a row, or of its dry run. message: the error and its remedy."""

    number: int
    url: str
    provider: str
    outcome: RowOutcome
    message: str
    referral: UUID | None
    reference: str


class RowsOut(BaseModel):
    """The results of rows, in the order sent."""

    rows: list[BatchRowOut]


class RowPage(BaseModel):
    """A page of a batch's rows by number. next: the number to continue after."""

    rows: list[BatchRowOut]
    next: int
    more: bool


class BatchOut(BaseModel):
    """A batch, as its sender or an agency reads it. outcomes: number of rows per outcome."""

    id: UUID
    name: str
    sender: str
    crisis: UUID | None
    exercise: bool
    opened_at: AwareDatetime
    rows: int
    outcomes: dict[RowOutcome, int]
