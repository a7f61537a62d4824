# SPDX-License-Identifier: Apache-2.0
"""Messages about referrals: voluntary, under the provider's own terms, and never an order."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from stemtide.protocol.labels import IdeologyName, LabelName
from stemtide.protocol.situation import Language
from stemtide.protocol.words_referrals import (
    Answer,
    ContentType,
    DropReason,
    FindingKind,
    HoldReason,
    ReceiptVia,
    ReferralState,
    RefusalReason,
    TakeBackReason,
)

_ORDERS = ConfigDict(extra="forbid", frozen=True)

MAX_URL_CHARS = 4096
"""Characters of an address that is referred."""

MAX_SIGNALS = 100
"""Signals that one referral names."""

MAX_WORDS = 2000
"""Characters of a reason, a question or a context."""

Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class AssessIn(BaseModel):
    """Content that was looked at, to be referred to one provider or not.

    terms:   the clause of the provider's own terms that it breaks, as the provider calls it.
    reason:  why; it travels to the provider and must hold no personal data.
    signals: fingerprints of the same content, that the sender may see.
    again:   refer an address anew that was referred and answered before: it came back.
    """

    model_config = _ORDERS

    provider: str = Field(min_length=1, max_length=60)
    url: str = Field(min_length=1, max_length=MAX_URL_CHARS)
    content_type: ContentType = ContentType.OTHER
    language: Language | None = None
    ideology: IdeologyName | None = None
    labels: tuple[LabelName, ...] = Field(min_length=1, max_length=8, fail_fast=True)
    terms: str = Field(default="", max_length=300)
    reason: str = Field(min_length=3, max_length=MAX_WORDS)
    crisis: UUID | None = None
    signals: tuple[UUID, ...] = Field(default=(), max_length=MAX_SIGNALS, fail_fast=True)
    again: bool = False
    exercise: bool = False


class SendIn(BaseModel):
    """Send an assessed referral.

    despite:  why it is sent although another authority has referred the same address.
    override: the emergency for which it does not wait for a hold. Both stand in the ledger as
              acts; whose hold it is, is told.
    """

    model_config = _ORDERS

    despite: str = Field(default="", max_length=500)
    override: str = Field(default="", max_length=500)


class DropIn(BaseModel):
    """Decide not to refer."""

    model_config = _ORDERS

    reason: DropReason
    note: str = Field(default="", max_length=500)


class TakeBackIn(BaseModel):
    """Withdraw a referral that was sent.

    signals: withdraw the linked signals that the sender shares as well, so that agents undo what
             they did because of them.
    """

    model_config = _ORDERS

    reason: TakeBackReason
    note: str = Field(default="", max_length=500)
    signals: bool = False


class AnswerIn(BaseModel):
    """A provider's answer.

    measure_at: when the content was removed, disabled or blocked; now where nothing is said.
    countries:  of geo_blocked: where it is blocked, alpha-2.
    reason:     of refused. note: in words, without personal data; needed where reason is "other".
    question:   of needs_context: what the provider must know to decide.
    reference:  how the provider calls the case.
    """

    model_config = _ORDERS

    answer: Answer
    measure_at: AwareDatetime | None = None
    countries: tuple[Country, ...] = Field(default=(), max_length=250, fail_fast=True)
    reason: RefusalReason | None = None
    note: str = Field(default="", max_length=MAX_WORDS)
    question: str = Field(default="", max_length=MAX_WORDS)
    reference: str = Field(default="", max_length=100)

    @model_validator(mode="after")
    def _fits_together(self) -> "AnswerIn":
        """Each answer says what it needs, and nothing of another."""
        _needs(self.answer is Answer.GEO_BLOCKED, "countries", given=bool(self.countries))
        _needs(self.answer is Answer.REFUSED, "reason", given=self.reason is not None)
        _needs(self.answer is Answer.NEEDS_CONTEXT, "question", given=bool(self.question.strip()))
        if self.reason is RefusalReason.OTHER and not self.note.strip():
            raise ValueError('note: say in words why, as the reason is "other"')
        if self.measure_at is not None and self.answer not in MEASURES:
            raise ValueError("measure_at: only removed, disabled and geo_blocked have it")
        return self


MEASURES = frozenset({Answer.REMOVED, Answer.DISABLED, Answer.GEO_BLOCKED})
"""Answers that say that something was done to the content."""


def _needs(is_it: bool, field: str, *, given: bool) -> None:  # noqa: FBT001  # which of two: a claim
    """Refuse a field that the answer lacks, or that belongs to another answer."""
    if is_it and not given:
        raise ValueError(f"{field}: this answer needs it")
    if given and not is_it:
        raise ValueError(f"{field}: belongs to another answer: leave it out")


class AcknowledgeIn(BaseModel):
    """Say that a person has the referral. reference: how the provider calls the case."""

    model_config = _ORDERS

    reference: str = Field(default="", max_length=100)


class ReinstateIn(BaseModel):
    """Say that referred content is there again, as removing it was wrong."""

    model_config = _ORDERS

    note: str = Field(default="", max_length=500)


class ContextIn(BaseModel):
    """What a provider asked for; the referral is sent again with it."""

    model_config = _ORDERS

    context: str = Field(min_length=3, max_length=MAX_WORDS)


class QuestionOut(BaseModel):
    """A provider's question, and what it was told."""

    question: str
    asked_at: AwareDatetime
    context: str
    given_at: AwareDatetime | None


class ReferralOut(BaseModel):
    """A referral as its sender, its addressee or an agency reads it.

    assessed_at … override: the sender's own affair: None, and "" in words, to the addressee.
    standing: whether somebody still has to do something.
    """

    id: UUID
    reference: str
    state: ReferralState
    standing: bool
    sender: str
    provider: str
    url: str
    content_type: ContentType
    language: str | None
    ideology: str | None
    labels: list[str]
    terms: str
    reason: str
    crisis: UUID | None
    signals: list[UUID]
    batch: UUID | None
    exercise: bool
    assessed_at: AwareDatetime | None
    decided_at: AwareDatetime | None
    drop_reason: DropReason | None
    drop_note: str
    held_at: AwareDatetime | None
    freed_at: AwareDatetime | None
    override: str
    despite: str
    sent_at: AwareDatetime | None
    received_at: AwareDatetime | None
    received_via: ReceiptVia | None
    acknowledged_at: AwareDatetime | None
    answered_at: AwareDatetime | None
    answer: Answer | None
    measure_at: AwareDatetime | None
    countries: list[str]
    refusal_reason: RefusalReason | None
    answer_note: str
    provider_reference: str
    questions: list[QuestionOut]
    reinstated_at: AwareDatetime | None
    reinstate_note: str
    withdrawn_at: AwareDatetime | None
    take_back_reason: TakeBackReason | None
    take_back_note: str


class ReferralPage(BaseModel):
    """Some referrals, in the order in which they were made; next: the number to go on after."""

    referrals: list[ReferralOut]
    next: int
    more: bool


class SearchIn(BaseModel):
    """What is about to be referred. provider: "" for all of them."""

    model_config = _ORDERS

    url: str = Field(min_length=1, max_length=MAX_URL_CHARS)
    provider: str = Field(default="", max_length=60)
    signals: tuple[UUID, ...] = Field(default=(), max_length=MAX_SIGNALS, fail_fast=True)
    exercise: bool = False


class Finding(BaseModel):
    """One thing that a search before sending found: what kind it is and whom to ask, no more.

    is_open: somebody still has to do something about it. contact: where its party is reached.
    referral, reference, state: of the asker's own alone. until, reason: of a hold.
    """

    kind: FindingKind
    party: str
    party_title: str
    contact: str
    is_open: bool
    provider: str
    referral: UUID | None = None
    reference: str = ""
    state: ReferralState | None = None
    until: AwareDatetime | None = None
    reason: HoldReason | None = None


class ReferralSearchOut(BaseModel):
    """What was found, and what would happen to a referral now.

    canonical: the spelling under which the address was looked for.
    is_held:   it would wait for a hold.  needs_despite: it would need a reason to be sent.
    """

    canonical: str
    findings: list[Finding]
    is_held: bool
    needs_despite: bool
