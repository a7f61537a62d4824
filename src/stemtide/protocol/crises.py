# SPDX-License-Identifier: Apache-2.0
"""Messages about crises: the early warning, its checklist, activation and closure."""

from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from stemtide.protocol.words import CheckAnswer

_ORDERS = ConfigDict(extra="forbid", frozen=True)


class WarningIn(BaseModel):
    """An early warning: the first word of what may become a crisis.

    countries: ISO 3166 alpha-2 codes of the states concerned.
    """

    model_config = _ORDERS

    name: str = Field(min_length=3, max_length=200)
    framework: str = "eucp-2023"
    summary: str = Field(default="", max_length=2000)
    happened_at: AwareDatetime
    countries: tuple[str, ...] = Field(min_length=1, max_length=50, fail_fast=True)
    exercise: bool = False


class CheckIn(BaseModel):
    """An answer to one test of the checklist, with its evidence."""

    model_config = _ORDERS

    answer: CheckAnswer
    evidence: str = Field(default="", max_length=2000)


class CloseIn(BaseModel):
    """Why a crisis ends."""

    model_config = _ORDERS

    reason: str = Field(min_length=3, max_length=2000)


class CheckOut(BaseModel):
    """One test of the checklist and its latest answer."""

    test: str
    question: str
    answer: CheckAnswer
    evidence: str
    answered_by: str | None
    answered_at: AwareDatetime | None


class CrisisOut(BaseModel):
    """One crisis as a party reads it."""

    id: UUID
    name: str
    framework: str
    stage: str
    stage_title: str
    summary: str
    countries: list[str]
    exercise: bool
    opened_by: str
    happened_at: AwareDatetime
    warned_at: AwareDatetime
    activated_at: AwareDatetime | None
    closed_at: AwareDatetime | None
    checks: list[CheckOut]
