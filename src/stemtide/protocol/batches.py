# SPDX-License-Identifier: Apache-2.0
"""Messages about batches of referrals: a Referral Action Day, row by row."""

from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from stemtide.protocol.words_referrals import RowOutcome

_ORDERS = ConfigDict(extra="forbid", frozen=True)

MAX_ROWS_AT_ONCE = 1000
"""Rows that travel in one request."""

MAX_ROWS = 20_000
"""Rows of one batch."""


class BatchIn(BaseModel):
    """A batch to send rows into. Opening it again under the same name gives the one there is."""

    model_config = _ORDERS

    name: str = Field(min_length=3, max_length=120)
    crisis: UUID | None = None
    exercise: bool = False


class BatchRowIn(BaseModel):
    """One row, as a file says it: words that may be wrong, so that each row gets its own answer.

    number: its place in the file, from 1; a row that was sent before is not sent again.
    """

    model_config = _ORDERS

    number: int = Field(ge=1, le=MAX_ROWS)
    url: str = Field(default="", max_length=10_000)
    provider: str = Field(default="", max_length=200)
    reason: str = Field(default="", max_length=10_000)
    labels: str = Field(default="", max_length=1000)
    terms: str = Field(default="", max_length=1000)
    language: str = Field(default="", max_length=100)
    ideology: str = Field(default="", max_length=100)
    content_type: str = Field(default="", max_length=100)


class RowsIn(BaseModel):
    """Some rows of a batch. again: also addresses that were referred and answered before."""

    model_config = _ORDERS

    rows: tuple[BatchRowIn, ...] = Field(min_length=1, max_length=MAX_ROWS_AT_ONCE, fail_fast=True)
    again: bool = False


class CheckRowsIn(BaseModel):
    """Rows to be tried without sending any: what would become of them in such a batch."""

    model_config = _ORDERS

    rows: tuple[BatchRowIn, ...] = Field(min_length=1, max_length=MAX_ROWS, fail_fast=True)
    again: bool = False
    crisis: UUID | None = None
    exercise: bool = False


class BatchRowOut(BaseModel):
    """What became of one row, or would. message: what is wrong with it, and the remedy."""

    number: int
    url: str
    provider: str
    outcome: RowOutcome
    message: str
    referral: UUID | None
    reference: str


class RowsOut(BaseModel):
    """What became of some rows, in the order sent."""

    rows: list[BatchRowOut]


class RowPage(BaseModel):
    """Rows of a batch by number; next: the number to go on after."""

    rows: list[BatchRowOut]
    next: int
    more: bool


class BatchOut(BaseModel):
    """A batch as its sender or an agency reads it. outcomes: how many rows met each."""

    id: UUID
    name: str
    sender: str
    crisis: UUID | None
    exercise: bool
    opened_at: AwareDatetime
    rows: int
    outcomes: dict[RowOutcome, int]
