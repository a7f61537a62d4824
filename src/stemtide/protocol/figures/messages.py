# SPDX-License-Identifier: Apache-2.0
"""The public figures of a quarter, as they are published: format stemtide-figures/1. Decision 0195.

A count is null if it is withheld.
"""

import hashlib
import json
from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

FORMAT = "stemtide-figures/1"

_STRICT = ConfigDict(frozen=True, extra="forbid")


class TableName(StrEnum):
    """Name of a table of public figures."""

    SHARED_BY_KIND = "signals_shared_by_kind"
    SHARED_BY_LABEL = "signals_shared_by_label"
    LIVE = "signals_live"
    ENDED = "signals_ended"
    DISPUTES = "disputes"
    COMPLAINTS_FILED = "complaints_filed"
    COMPLAINTS_DECIDED = "complaints_decided"
    ORDERS_BY_ANSWER = "orders_by_answer"
    ORDERS_BY_TIME = "orders_by_time"
    ORDERS_BY_IDEOLOGY = "orders_by_ideology"
    ORDERS_BY_LANGUAGE = "orders_by_language"
    REFERRALS_BY_ANSWER = "referrals_by_answer"
    REFERRALS_BY_TIME = "referrals_by_time"
    REFERRALS_BY_IDEOLOGY = "referrals_by_ideology"
    REFERRALS_BY_LANGUAGE = "referrals_by_language"
    CRISES = "crises_ended"


class FigureCell(BaseModel):
    """A count of a row, in one column."""

    model_config = _STRICT

    name: str
    count: int | None


class FigureRow(BaseModel):
    """A row of a table. median_s: the middle duration in seconds; null if unknown or withheld."""

    model_config = _STRICT

    name: str
    count: int | None
    median_s: float | None = None
    cells: list[FigureCell] = Field(default_factory=list)


class FigureTable(BaseModel):
    """A table. overlaps: a thing can be in several rows, so that rows do not add up to the total.

    columns: the totals of the columns; empty if rows are not divided further.
    """

    model_config = _STRICT

    name: TableName
    total: int | None
    median_s: float | None = None
    overlaps: bool = False
    columns: list[FigureCell] = Field(default_factory=list)
    rows: list[FigureRow] = Field(default_factory=list)


class FigureRule(BaseModel):
    """The constants of the rule that withholds counts.

    least_parties, least_count: a count of fewer parties, or a smaller one, is withheld.
    least_rest: without its two largest parts, a count is at least this share of the largest.
    """

    model_config = _STRICT

    least_parties: int
    least_count: int
    least_rest: float


class PublicFigures(BaseModel):
    """The public figures of a quarter. head: the highest entry of the ledger that they count.

    first, last: its days, both included, in UTC.
    """

    model_config = _STRICT

    format: str = FORMAT
    quarter: str
    first: date
    last: date
    head: int
    rule: FigureRule
    tables: list[FigureTable]


def to_text(figures: PublicFigures) -> str:
    """Return figures as canonical JSON: sorted keys, no spaces, a newline at the end."""
    facts = figures.model_dump(mode="json")
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"{text}\n"


def digest_of(text: str) -> str:
    """Return the SHA-256 of published figures, as the ledger has it."""
    return hashlib.sha256(text.encode()).hexdigest()
