# SPDX-License-Identifier: Apache-2.0
"""Messages about complaints: a provider's link for one decision, what is said, what is decided."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from stemtide.protocol.words_complaints import (
    ComplaintBasis,
    ComplaintFinding,
    ComplaintState,
    Exemption,
    RedressState,
    Restriction,
)

_ORDERS = ConfigDict(extra="forbid", frozen=True)

MIN_WORDS = 10
"""Characters that say nothing yet."""

MAX_WORDS = 4000
"""Characters that somebody has to say why, and a provider to answer."""

Reference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,119}$")]
"""A provider's own name of a decision: opaque, without an at sign, so that it is no address."""

Hand = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,79}$")]
"""A provider's own name of whoever decided: opaque as well, and no address."""

Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
"""A language as its tag says it. source: RFC 5646, its primary part."""


class ComplaintLinkIn(BaseModel):
    """One decision of a provider that somebody may complain of. Nothing in it about a user.

    reference:    the provider's own name of the decision; one complaint for each.
    basis:        what it rests on; ground: the id of that signal, referral or order.
    acted_at:     when the provider acted. acted_by: who decided, as its own tools name them.
    is_automatic: no person looked before it was done.
    """

    model_config = _ORDERS

    reference: Reference
    basis: ComplaintBasis
    ground: UUID | None = None
    measure: Restriction
    acted_at: AwareDatetime
    acted_by: Hand | None = None
    is_automatic: bool = False
    exercise: bool = False


class ComplaintLinkOut(BaseModel):
    """A link for the statement of reasons. It opens the page to complain on until expires_at."""

    reference: str
    link: str
    token: str
    expires_at: AwareDatetime


class ComplaintIn(ComplaintLinkIn):
    """A complaint that reached the provider in its own way, filed on the uploader's behalf."""

    text: str = Field(min_length=MIN_WORDS, max_length=MAX_WORDS)
    language: Language = "en"


class ComplaintOutcomeIn(BaseModel):
    """What a reviewer decides.

    exemption:   the context that makes the content lawful; "none" where no such context does.
    finding:     upheld only: what was wrong. ground: the signal itself.
    reasons:     for the uploader, who reads them as they stand.
    note:        for whoever asked for the measure: no personal data.
    reviewed_by: who reviewed, as the provider's own tools name them; needed from a machine.
    """

    model_config = _ORDERS

    is_upheld: bool
    exemption: Exemption
    finding: ComplaintFinding | None = None
    reasons: str = Field(min_length=MIN_WORDS, max_length=MAX_WORDS)
    note: str = Field(default="", max_length=500)
    reviewed_by: Hand | None = None


class ComplaintTakeIn(BaseModel):
    """Take a complaint up. reviewed_by: who does, as the provider's own tools name them."""

    model_config = _ORDERS

    reviewed_by: Hand | None = None


class RedressIn(BaseModel):
    """What is answered to that: keep it and say why, or take it back. No personal data."""

    model_config = _ORDERS

    keep: bool
    reason: str = Field(default="", max_length=500)


class ComplaintOut(BaseModel):
    """A complaint as the provider whose decision it is about reads it.

    number:  the provider's own count. due_at: when the uploader must know the outcome.
    text, reasons: empty once erased_at is set.
    redress: where what was asked of asked_of stands; None: nothing was asked of anybody.
    seal:    with the text it gives the digest that the ledger keeps; see docs.
    """

    id: UUID
    number: str
    state: ComplaintState
    reference: str
    basis: ComplaintBasis
    ground: UUID | None
    measure: Restriction
    acted_at: AwareDatetime
    acted_by: str | None
    is_automatic: bool
    exercise: bool
    text: str
    language: str
    filed_at: AwareDatetime
    due_at: AwareDatetime
    taken_at: AwareDatetime | None
    reviewer: str | None
    decided_at: AwareDatetime | None
    exemption: Exemption | None
    finding: ComplaintFinding | None
    reasons: str
    note: str
    redress: RedressState | None
    asked_of: str | None
    answer: str
    answered_at: AwareDatetime | None
    erase_due: AwareDatetime
    erased_at: AwareDatetime | None
    seal: str


class ComplaintFiledOut(BaseModel):
    """A complaint that was just filed. code: what the uploader asks with where it stands."""

    complaint: ComplaintOut
    code: str


class RedressOut(BaseModel):
    """What a complaint asks of whoever asked for the measure: nothing of what the uploader said.

    basis, ground: what it is about. is_upheld: False where the provider obeys, and has doubts.
    """

    id: UUID
    basis: ComplaintBasis
    ground: UUID
    provider: str
    is_upheld: bool
    measure: Restriction
    exemption: Exemption
    note: str
    state: RedressState
    asked_at: AwareDatetime
    answer: str
    answered_at: AwareDatetime | None
    exercise: bool


class StandingOut(BaseModel):
    """Where a complaint stands, as whoever complained reads it. Nobody is named but the provider.

    state: None where nobody has complained yet.
    """

    provider: str
    reference: str
    measure: Restriction
    basis: ComplaintBasis
    acted_at: AwareDatetime
    is_automatic: bool
    exercise: bool
    state: ComplaintState | None = None
    filed_at: AwareDatetime | None = None
    due_at: AwareDatetime | None = None
    decided_at: AwareDatetime | None = None
    reasons: str = ""
    is_erased: bool = False
