# SPDX-License-Identifier: Apache-2.0
"""Messages about removal orders. What stands in their forms is data: see forms/."""

from datetime import date
from typing import TypeAlias
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, field_validator
from pydantic.json_schema import SkipJsonSchema

from stemtide.protocol.forms import MAX_LONG_TEXT
from stemtide.protocol.labels import IdeologyName
from stemtide.protocol.words_orders import (
    AccessPurpose,
    EmergencyGround,
    Measure,
    OrderState,
    ReviewKind,
    ScrutinyBasis,
    ScrutinyState,
)
from stemtide.protocol.words_referrals import ContentType, ReceiptVia

_ORDERS = ConfigDict(extra="forbid")

MAX_LINKED = 200
"""Signals that one order names at most."""

Value: TypeAlias = str | bool | list[str] | None
"""What stands in one field of a form."""

Values: TypeAlias = dict[str, Value]
"""What stands in a form, by field."""


class OrderIn(BaseModel):
    """A draft of a removal order: what the issuer fills in of Annex I, and what goes with it.

    to:       the provider's name. annex: fields of form tco-annex-1, as far as they are known.
    emergency: why the provider was not informed twelve hours before its first order; "" otherwise.
               It stands in the order, with its ground (recital 17).
    language: the tag of the language that the order is written in.
    signals:  your own signals that were shared for this content: withdrawn if the order falls.
    """

    model_config = _ORDERS

    to: str = Field(min_length=1, max_length=60)
    annex: Values = Field(default={}, max_length=60)
    emergency: str = Field(default="", max_length=2000)
    emergency_ground: EmergencyGround | None = None
    language: str = Field(default="en", min_length=2, max_length=12)
    content_type: ContentType = ContentType.OTHER
    ideology: IdeologyName | None = None
    signals: tuple[UUID, ...] = Field(default=(), max_length=MAX_LINKED)
    crisis: UUID | None = None
    exercise: bool = False


class DraftIn(BaseModel):
    """What changes in a draft; what is not said stays, also of the annex, field by field."""

    model_config = _ORDERS

    annex: Values | None = Field(default=None, max_length=60)
    emergency: str | None = Field(default=None, max_length=2000)
    emergency_ground: EmergencyGround | None = None
    language: str | None = Field(default=None, min_length=2, max_length=12)
    content_type: ContentType | None = None
    ideology: IdeologyName | None = None
    signals: tuple[UUID, ...] | None = Field(default=None, max_length=MAX_LINKED)


class InformIn(BaseModel):
    """Tell a provider of procedures and deadlines before its first order: Art. 3(2)."""

    model_config = _ORDERS

    to: str = Field(min_length=1, max_length=60)
    text: str = Field(min_length=20, max_length=MAX_LONG_TEXT)
    exercise: bool = False


class OrderAnswerIn(BaseModel):
    """An answer to an order: the fields of Annex II or III that the provider fills in."""

    model_config = _ORDERS

    annex: Values = Field(max_length=60)


class WordsIn(BaseModel):
    """An act on an order, with its reason or its clarification in words."""

    model_config = _ORDERS

    text: str = Field(min_length=3, max_length=MAX_LONG_TEXT)


class SecrecyIn(BaseModel):
    """Extend the time in which the content provider is not told. until: at most 12 weeks in all."""

    model_config = _ORDERS

    until: AwareDatetime
    reason: str = Field(min_length=3, max_length=2000)


class ScrutinyIn(BaseModel):
    """Ask for scrutiny, or open one.

    informed_at: for a content provider: when they were told of the removal or had the order.
    """

    model_config = _ORDERS

    basis: ScrutinyBasis
    reasons: str = Field(min_length=3, max_length=MAX_LONG_TEXT)
    informed_at: AwareDatetime | None = None


NOT_FOR_REVIEW = (
    "is no review of this order: only ongoing administrative or judicial review proceedings prolong"
    " preservation (Art. 6(2)). For an investigation ask the provider for access to what is"
    " preserved (Art. 6(1)(b)), or use national law"
)
"""Why another reason than review proceedings is refused, with what applies instead."""


class PreserveIn(BaseModel):
    """Ask that what was removed is preserved longer, for review proceedings that are going on.

    proceedings:    administrative or judicial. No other reason prolongs preservation.
    reviewed_by:    the authority or court before which they are.
    reviewed_since: the day on which they began.
    reference:      their file number.
    court:          the court that asks; empty where you ask yourself.

    source: Regulation (EU) 2021/784 Art. 6(2).
    """

    model_config = _ORDERS

    until: AwareDatetime
    proceedings: ReviewKind
    reviewed_by: str = Field(min_length=2, max_length=200)
    reviewed_since: date
    reference: str = Field(min_length=2, max_length=200)
    court: str = Field(default="", max_length=200)

    reason: SkipJsonSchema[str | None] = Field(default=None, exclude=True)

    @field_validator("proceedings", mode="wrap")
    @classmethod
    def _check_proceedings(cls, value: object, _: object) -> ReviewKind:
        """Refuse what is no review with the provisions that apply to it."""
        if not isinstance(value, str) or value not in {*ReviewKind}:
            raise ValueError(NOT_FOR_REVIEW)
        return ReviewKind(value)

    @field_validator("reason")
    @classmethod
    def _check_reason(cls, value: str | None) -> None:
        """Refuse the reason in words that was asked for before proceedings were."""
        if value is not None:
            raise ValueError(
                "was replaced by proceedings, reviewed_by and reviewed_since, as only ongoing"
                " review proceedings prolong preservation (Art. 6(2)): leave it out and name them;"
                " for an investigation use Art. 6(1)(b) or national law"
            )


class AccessIn(BaseModel):
    """Note that somebody had access to what is preserved. who: an office, not a person."""

    model_config = _ORDERS

    purpose: AccessPurpose
    who: str = Field(min_length=2, max_length=200)
    reference: str = Field(default="", max_length=200)


class LintFinding(BaseModel):
    """What the lint found. field: of Annex I, or of the draft; is_error: it forbids to issue."""

    field: str
    is_error: bool
    message: str


class ReceiptOut(BaseModel):
    """One way in which an order arrived."""

    via: ReceiptVia
    at: AwareDatetime
    proof: str


class AnswerOut(BaseModel):
    """One answer: form is tco-annex-2 or tco-annex-3. resumed_at: when its ground had ended."""

    form: str
    values: Values
    answered_at: AwareDatetime
    was_late: bool
    resumed_at: AwareDatetime | None
    resumed_by: str
    clarification: str


class CopyOut(BaseModel):
    """A copy at an authority of the provider's Member State. scrutiny_until: its own initiative."""

    to: str
    sent_at: AwareDatetime
    received_at: AwareDatetime | None
    scrutiny_until: AwareDatetime | None


class DecisionSentOut(BaseModel):
    """When the decision of a scrutiny was sent to an agency."""

    to: str
    sent_at: AwareDatetime


class DecisionOut(BaseModel):
    """A reasoned decision of scrutiny, as it is sent to agencies: nothing else of the order.

    state: upheld or infringed. by: the authority that decided.

    source: Regulation (EU) 2021/784 Art. 4(6).
    """

    id: UUID
    reference: str
    issued_by: str
    addressee: str
    by: str
    basis: ScrutinyBasis
    state: ScrutinyState
    decision: str
    decided_at: AwareDatetime
    sent_at: AwareDatetime
    exercise: bool


class ScrutinyOut(BaseModel):
    """The scrutiny of an order. due_at: by when it must be decided. sent: to agencies, when."""

    id: UUID
    state: ScrutinyState
    basis: ScrutinyBasis
    by: str
    reasons: str
    opened_at: AwareDatetime
    due_at: AwareDatetime
    announced_at: AwareDatetime | None
    announcement: str
    decided_at: AwareDatetime | None
    decision: str
    was_late: bool
    sent: list[DecisionSentOut]


class AccessOut(BaseModel):
    """One access to what is preserved."""

    purpose: AccessPurpose
    who: str
    reference: str
    at: AwareDatetime


class PreservationOut(BaseModel):
    """What a provider preserves: until when, on whose request longer, who had access.

    proceedings, reviewed_by, reviewed_since, reference, court: of the last request to preserve
    longer; null or empty where nobody asked, or before proceedings were asked for.
    """

    since: AwareDatetime
    until: AwareDatetime
    extended_by: str
    proceedings: ReviewKind | None
    reviewed_by: str
    reviewed_since: date | None
    reference: str
    court: str
    destroyed_at: AwareDatetime | None
    accesses: list[AccessOut]


class OrderOut(BaseModel):
    """A removal order as its issuer, its addressee, or an authority with a copy reads it.

    due_at:  when it must have been executed; null while the clock stands still or has not begun.
    moves:   what the reader's party may do with it now, by the names of the machine and of the API.
    """

    id: UUID
    reference: str
    state: OrderState
    issued_by: str
    addressee: str
    language: str
    annex: Values
    urls: list[str]
    is_first: bool
    emergency: str
    emergency_ground: EmergencyGround | None
    is_cross_border: bool
    content_type: ContentType
    ideology: str | None
    signals: list[UUID]
    crisis: UUID | None
    exercise: bool
    drafted_at: AwareDatetime
    issued_at: AwareDatetime | None
    received_at: AwareDatetime | None
    acknowledged_at: AwareDatetime | None
    due_at: AwareDatetime | None
    missed_at: AwareDatetime | None
    executed_at: AwareDatetime | None
    answered_at: AwareDatetime | None
    measure: Measure | None
    minutes_taken: float | None
    secret_until: AwareDatetime | None
    ended_at: AwareDatetime | None
    end_reason: str
    reinstated_at: AwareDatetime | None
    receipts: list[ReceiptOut]
    answers: list[AnswerOut]
    copies: list[CopyOut]
    scrutinies: list[ScrutinyOut]
    preservation: PreservationOut | None
    moves: list[str]


class OrderHead(BaseModel):
    """A removal order in a list: enough to find it, not its content."""

    id: UUID
    reference: str
    state: OrderState
    issued_by: str
    addressee: str
    exercise: bool
    is_cross_border: bool
    issued_at: AwareDatetime | None
    received_at: AwareDatetime | None
    due_at: AwareDatetime | None
    missed_at: AwareDatetime | None
    executed_at: AwareDatetime | None
    measure: Measure | None


class InformationOut(BaseModel):
    """What a provider was told before its first order."""

    id: UUID
    sent_by: str
    to: str
    text: str
    sent_at: AwareDatetime
    order_from: AwareDatetime
    exercise: bool


class StandingOut(BaseModel):
    """Who has an order in effect for an address. parties: their names, and nothing of the case.

    is_received: whether one of them has begun its hour: no hold delays it any more.
    """

    parties: list[str]
    is_received: bool


class FormOut(BaseModel):
    """A form that was filled in, as data."""

    form: str
    values: Values
    exercise: bool


class EntryOut(BaseModel):
    """One entry of the ledger about an order."""

    number: int
    kind: str
    actor: str
    detail: dict[str, JsonValue]
    recorded_at: AwareDatetime
