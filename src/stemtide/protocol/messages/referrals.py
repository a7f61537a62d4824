# SPDX-License-Identifier: Apache-2.0
"""Messages about referrals: voluntary requests under the provider's own terms, never orders."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from stemtide.protocol.enums.referrals import (
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
from stemtide.protocol.labels import IdeologyName, LabelName
from stemtide.protocol.messages.situation import Language

_STRICT = ConfigDict(extra="forbid", frozen=True)

MAX_URL_CHARS = 4096
"""Maximum characters of a referred URL."""

MAX_SIGNALS = 100
"""Maximum signals of a referral."""

MAX_WORDS = 2000
"""Maximum characters of a reason, a question or a context."""

Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class AssessIn(BaseModel):
    """An assessment of content, to be referred to a provider or not.

    terms:   the clause of the provider's terms that it violates, as the provider calls it.
    reason:  sent to the provider; must not contain personal data.
    signals: fingerprints of the same content, which the sender may see.
    again:   refer a URL again that was referred and answered before, as the content came back.
    """

    model_config = _STRICT

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

    despite:  the reason for sending it although another authority referred the same URL.
    override: the emergency for which it does not wait for a hold. Both are recorded in the ledger;
              the holder is notified.
    """

    model_config = _STRICT

    despite: str = Field(default="", max_length=500)
    override: str = Field(default="", max_length=500)


class DropIn(BaseModel):
    """Decide not to refer."""

    model_config = _STRICT

    reason: DropReason
    note: str = Field(default="", max_length=500)


class TakeBackIn(BaseModel):
    """Withdraw a referral that was sent.

    signals: also withdraw the linked signals that the sender shares, so that agents undo what they
             did because of them.
    """

    model_config = _STRICT

    reason: TakeBackReason
    note: str = Field(default="", max_length=500)
    signals: bool = False


class AnswerIn(BaseModel):
    """A provider's response.

    measure_at: when the content was removed, disabled or blocked; defaults to now.
    countries:  of geo_blocked: where it is blocked, alpha-2.
    reason:     of refused. note: free text without personal data; required if reason is "other".
    question:   of needs_context: what the provider needs to know for a decision.
    reference:  the provider's own case number.
    """

    model_config = _STRICT

    answer: Answer
    measure_at: AwareDatetime | None = None
    countries: tuple[Country, ...] = Field(default=(), max_length=250, fail_fast=True)
    reason: RefusalReason | None = None
    note: str = Field(default="", max_length=MAX_WORDS)
    question: str = Field(default="", max_length=MAX_WORDS)
    reference: str = Field(default="", max_length=100)

    @model_validator(mode="after")
    def _check_fields(self) -> "AnswerIn":
        """Require the fields of the response, and refuse those of other responses."""
        _require_only_if(
            self.answer is Answer.GEO_BLOCKED, "countries", has_value=bool(self.countries)
        )
        _require_only_if(self.answer is Answer.REFUSED, "reason", has_value=self.reason is not None)
        _require_only_if(
            self.answer is Answer.NEEDS_CONTEXT, "question", has_value=bool(self.question.strip())
        )
        if self.reason is RefusalReason.OTHER and not self.note.strip():
            raise ValueError('note: say in words why, as the reason is "other"')
        if self.measure_at is not None and self.answer not in MEASURES:
            raise ValueError("measure_at: only removed, disabled and geo_blocked have it")
        return self


MEASURES = frozenset({Answer.REMOVED, Answer.DISABLED, Answer.GEO_BLOCKED})
"""Responses that report a measure on the content."""


def _require_only_if(is_it: bool, field: str, *, has_value: bool) -> None:  # noqa: FBT001  # which of two: a claim
    """Refuse a field that the response lacks, or that belongs to another response."""
    if is_it and not has_value:
        raise ValueError(f"{field}: this answer needs it")
    if has_value and not is_it:
        raise ValueError(f"{field}: belongs to another answer: leave it out")


class AcknowledgeIn(BaseModel):
    """Confirm that a person has the referral. reference: the provider's own case number."""

    model_config = _STRICT

    reference: str = Field(default="", max_length=100)


class ReinstateIn(BaseModel):
    """Report that referred content was put back, as removing it was wrong."""

    model_config = _STRICT

    note: str = Field(default="", max_length=500)


class ContextIn(BaseModel):
    """Context that a provider asked for; the referral is sent again with it."""

    model_config = _STRICT

    context: str = Field(min_length=3, max_length=MAX_WORDS)


class QuestionOut(BaseModel):
    """A provider's question, and the context given in reply."""

    question: str
    asked_at: AwareDatetime
    context: str
    given_at: AwareDatetime | None


class ReferralOut(BaseModel):
    """A referral, as its sender, its addressee or an agency reads it.

    assessed_at … override: for the sender only; the addressee gets None or "".
    standing: whether somebody still has to act on it.
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
    """A page of referrals in the order of creation. next: the number to continue after."""

    referrals: list[ReferralOut]
    next: int
    more: bool


class SearchIn(BaseModel):
    """A search before sending a referral. provider: "" for all providers."""

    model_config = _STRICT

    url: str = Field(min_length=1, max_length=MAX_URL_CHARS)
    provider: str = Field(default="", max_length=60)
    signals: tuple[UUID, ...] = Field(default=(), max_length=MAX_SIGNALS, fail_fast=True)
    exercise: bool = False


class Finding(BaseModel):
    """A finding of the search before sending: its kind and the party to ask, no more.

    is_open: somebody still has to act on it. contact: how to reach its party.
    referral, reference, state: only for the caller's own referrals. until, reason: of a hold.
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
    """The findings, and what would happen to a referral now.

    canonical: the canonical spelling of the URL that was searched for.
    is_held:   it would wait for a hold.  needs_despite: it would need a reason to be sent.
    """

    canonical: str
    findings: list[Finding]
    is_held: bool
    needs_despite: bool
