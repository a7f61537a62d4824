# SPDX-License-Identifier: Apache-2.0
"""Messages about removal orders. The fields of their legal forms are data: see forms/."""

from datetime import date
from typing import Annotated, TypeAlias
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    field_validator,
)
from pydantic.json_schema import SkipJsonSchema

from stemtide.protocol.enums import ApprovalState
from stemtide.protocol.enums.orders import (
    AccessPurpose,
    AppealOutcome,
    Appellant,
    AtOnce,
    DoubtKind,
    EmergencyGround,
    EntryState,
    FinalGround,
    Measure,
    OrderChannel,
    OrderState,
    PreservationBasis,
    ReviewKind,
    ScrutinyBasis,
    ScrutinyState,
)
from stemtide.protocol.enums.referrals import ContentType, ReceiptVia
from stemtide.protocol.labels import IdeologyName
from stemtide.protocol.law.forms import MAX_LONG_TEXT
from stemtide.protocol.messages.documents import SealSeen, SealVerdict

_STRICT = ConfigDict(extra="forbid")

MAX_LINKED = 200
"""Maximum signals linked to an order."""

Value: TypeAlias = str | bool | list[str] | None
"""Value of a form field."""

Values: TypeAlias = dict[str, Value]
"""Values of a form, by field."""


class OrderIn(BaseModel):
    """A draft of a removal order: the issuer's entries in Annex I, and metadata.

    to:       the provider's name. annex: fields of form tco-annex-1, as far as they are known.
    emergency: why the provider was not informed twelve hours before its first order; "" otherwise.
               It is printed in the order, with its ground (recital 17).
    language: the tag of the order's language.
    signals:  your own signals that were shared for this content: withdrawn if the order is annulled
              or found to infringe.
    is_media_service: the account belongs to a media service, as the provider marks it or it says.
    copy_to_europol: send agencies a copy when it is issued (Art. 14(6)).
    despite:  why you issue it despite doubts of the lint; the addressee does not see it.
    """

    model_config = _STRICT

    to: str = Field(min_length=1, max_length=60)
    annex: Values = Field(default={}, max_length=60)
    emergency: str = Field(default="", max_length=2000)
    emergency_ground: EmergencyGround | None = None
    language: str = Field(default="en", min_length=2, max_length=12)
    content_type: ContentType = ContentType.OTHER
    ideology: IdeologyName | None = None
    signals: tuple[UUID, ...] = Field(default=(), max_length=MAX_LINKED)
    is_media_service: bool = False
    copy_to_europol: bool = False
    despite: str = Field(default="", max_length=1000)
    crisis: UUID | None = None
    exercise: bool = False


class DraftIn(BaseModel):
    """Changes to a draft; omitted fields stay unchanged, also single fields of the annex."""

    model_config = _STRICT

    annex: Values | None = Field(default=None, max_length=60)
    emergency: str | None = Field(default=None, max_length=2000)
    emergency_ground: EmergencyGround | None = None
    language: str | None = Field(default=None, min_length=2, max_length=12)
    content_type: ContentType | None = None
    ideology: IdeologyName | None = None
    signals: tuple[UUID, ...] | None = Field(default=None, max_length=MAX_LINKED)
    is_media_service: bool | None = None
    copy_to_europol: bool | None = None
    despite: str | None = Field(default=None, max_length=1000)


class OutsideIssuer(BaseModel):
    """An authority that issued an order and is no party of the hub.

    state:   its country, in two letters. contact: how it is reached for questions.
    """

    model_config = _STRICT

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=200)]
    state: str = Field(pattern="^[A-Z]{2}$")
    contact: str = Field(default="", max_length=500)


class EnterIn(BaseModel):
    """An order that was made elsewhere, as its addressee or its issuer enters it.

    document:    the id of its PDF, from POST /order-documents.
    issuer:      the authority's name, if it is a party; empty for yourself, or if
                 outside_issuer describes it.
    to:          the provider's name; empty for yourself.
    issued_at, received_at: the true times, as the order and its channel show them.
    annex:       fields of form tco-annex-1, as far as they are on paper. urls is required.
    """

    model_config = _STRICT

    document: UUID
    reference: str = Field(min_length=1, max_length=100)
    issuer: str = Field(default="", max_length=60)
    outside_issuer: OutsideIssuer | None = None
    to: str = Field(default="", max_length=60)
    channel: OrderChannel
    issued_at: AwareDatetime
    received_at: AwareDatetime
    annex: Values = Field(max_length=60)
    language: str = Field(default="en", min_length=2, max_length=12)
    content_type: ContentType = ContentType.OTHER
    ideology: IdeologyName | None = None
    exercise: bool = False


class InformIn(BaseModel):
    """Inform a provider of procedures and deadlines before its first order: Art. 3(2)."""

    model_config = _STRICT

    to: str = Field(min_length=1, max_length=60)
    text: str = Field(min_length=20, max_length=MAX_LONG_TEXT)
    exercise: bool = False


class OrderAnswerIn(BaseModel):
    """A response to an order: the fields of Annex II or III that the provider fills in."""

    model_config = _STRICT

    annex: Values = Field(max_length=60)


class OrderReasonIn(BaseModel):
    """The reason or clarification for an act on an order."""

    model_config = _STRICT

    text: str = Field(min_length=3, max_length=MAX_LONG_TEXT)


class SecrecyIn(BaseModel):
    """Extend the non-disclosure to the content provider. until: at most 12 weeks in all."""

    model_config = _STRICT

    until: AwareDatetime
    reason: str = Field(min_length=3, max_length=2000)


class ScrutinyIn(BaseModel):
    """Request scrutiny of an order, or open one.

    informed_at: for a content provider: when they were told of the removal or received the order.
    """

    model_config = _STRICT

    basis: ScrutinyBasis
    reasons: str = Field(min_length=3, max_length=MAX_LONG_TEXT)
    informed_at: AwareDatetime | None = None


NOT_FOR_REVIEW = (
    "is no review of this order: only ongoing administrative or judicial review proceedings prolong"
    " preservation (Art. 6(2)). For an investigation ask the provider for access to what is"
    " preserved (Art. 6(1)(b)), or use national law"
)
"""Message for other reasons than review proceedings, with the provisions that apply instead."""


class PreserveIn(BaseModel):
    """Request longer preservation of removed content, for ongoing review proceedings.

    proceedings:    administrative or judicial. No other reason prolongs preservation.
    reviewed_by:    the authority or court that conducts them.
    reviewed_since: the day on which they began.
    reference:      their file number.
    court:          the court that requests it; empty if you request it yourself.

    source: Regulation (EU) 2021/784 Art. 6(2).
    """

    model_config = _STRICT

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
        """Refuse other values, with the provisions that apply to them."""
        if not isinstance(value, str) or value not in {*ReviewKind}:
            raise ValueError(NOT_FOR_REVIEW)
        return ReviewKind(value)

    @field_validator("reason")
    @classmethod
    def _check_reason(cls, value: str | None) -> None:
        """Refuse the free-text reason of older clients, which proceedings has replaced."""
        if value is not None:
            raise ValueError(
                "was replaced by proceedings, reviewed_by and reviewed_since, as only ongoing"
                " review proceedings prolong preservation (Art. 6(2)): leave it out and name them;"
                " for an investigation use Art. 6(1)(b) or national law"
            )


class PreservationIn(BaseModel):
    """Record that content is preserved by another law than Art. 6, which begins by itself.

    basis:     e_evidence for a European Preservation Order (EPOC-PR), or national.
    authority: the office that ordered it. reference: its file number.
    since:     when the provider received the order. Its 60 days run from then.
    until:     for national law; an EPOC-PR has its own end.
    law:       the provision of national law, such as "Art. 39ter Code of Criminal Procedure".

    source: Regulation (EU) 2023/1543 Art. 11(1), and national law.
    """

    model_config = _STRICT

    basis: PreservationBasis
    authority: str = Field(min_length=2, max_length=200)
    reference: str = Field(min_length=2, max_length=200)
    since: AwareDatetime
    until: AwareDatetime | None = None
    law: str = Field(default="", max_length=200)


class LongerPreservationIn(BaseModel):
    """Extend a preservation that was recorded by PreservationIn, as its law allows.

    until, reference: for national law: the new end, and the decision that extends it.
    production: for an EPOC-PR: the reference of the request for production that followed (Annex V);
                the data are then preserved until they are produced. Without it: 30 days more, once.

    source: Regulation (EU) 2023/1543 Art. 11(1) and (2), and national law.
    """

    model_config = _STRICT

    until: AwareDatetime | None = None
    reference: str = Field(default="", max_length=200)
    production: str = Field(default="", max_length=200)


class AccessIn(BaseModel):
    """Record an access to preserved content. who: an office, not a person.

    preservation: by which of the order's preservations; that of Art. 6 if it is left out.
    """

    model_config = _STRICT

    preservation: UUID | None = None
    purpose: AccessPurpose
    who: str = Field(min_length=2, max_length=200)
    reference: str = Field(default="", max_length=200)


class AppealIn(BaseModel):
    """Record an appeal against an order, as its issuer or its addressee.

    lodged_by: a role; a content provider is never named.
    kind:      administrative (reconsideration, redress to an authority) or judicial.
    body:      the authority or court that hears it. lodged_on: the day on which it was lodged.

    source: Regulation (EU) 2021/784 Art. 9.
    """

    model_config = _STRICT

    lodged_by: Appellant
    kind: ReviewKind
    body: str = Field(min_length=2, max_length=200)
    lodged_on: date
    reference: str = Field(default="", max_length=200)


class AppealDecisionIn(BaseModel):
    """Record, as the issuer, how an appeal ended. text: the decision in short; both sides read it.

    overturned: the order loses its effect. closed: withdrawn, inadmissible or never lodged.
    """

    model_config = _STRICT

    outcome: AppealOutcome
    decided_on: date
    text: str = Field(min_length=3, max_length=MAX_LONG_TEXT)


class AppealDeadlineIn(BaseModel):
    """Correct, as the issuer, the last day for appeal that was computed from Section G."""

    model_config = _STRICT

    until: date


class AppealOut(BaseModel):
    """An appeal against an order. entered_by: the party that recorded it."""

    id: UUID
    lodged_by: Appellant
    kind: ReviewKind
    body: str
    lodged_on: date
    reference: str
    entered_by: str
    entered_at: AwareDatetime
    outcome: AppealOutcome
    decided_on: date | None
    decision: str


class FinalNoticeOut(BaseModel):
    """The time at which an authority of the home State was told that an order is final."""

    to: str
    sent_at: AwareDatetime


class FinalityOut(BaseModel):
    """Appeals against an order, and whether it is final.

    appeal_until: the last day for appeal; null if nobody knows it. entered_by: the party that
                  entered it; empty if it was computed from Section G.
    final_on:     the day from which it is final; null if it is not.
    sent:         which authorities that oversee specific measures were told, when.

    source: Regulation (EU) 2021/784 Art. 3(9).
    """

    appeal_until: date | None
    entered_by: str
    appeals: list[AppealOut]
    final_on: date | None
    ground: FinalGround | None
    recorded_at: AwareDatetime | None
    sent: list[FinalNoticeOut]


class FinalOrderOut(BaseModel):
    """A final order, without its content. sent_at: when the reader was told; null if it was not.

    entered_by: who entered it by hand, if it was made elsewhere; empty otherwise.
    """

    id: UUID
    reference: str
    issued_by: str
    entered_by: str
    issued_at: AwareDatetime
    received_at: AwareDatetime
    final_on: date
    ground: FinalGround
    sent_at: AwareDatetime | None
    exercise: bool


class FinalOrdersOut(BaseModel):
    """The final orders against one provider, latest first.

    in_twelve_months: how many became final in the last twelve months, without exercises and orders
                      that their issuer entered by hand and the provider has not confirmed. Whether
                      the provider is exposed is decided by people (Art. 5(4)).
    """

    provider: str
    in_twelve_months: int
    orders: list[FinalOrderOut]


class LintFinding(BaseModel):
    """A finding of the lint. field: of Annex I or the draft; is_error: it prevents issuing.

    kind: of a doubt; null for an error.
    """

    field: str
    is_error: bool
    message: str
    kind: DoubtKind | None


class ReceiptOut(BaseModel):
    """A proof that an order was received, by one channel."""

    via: ReceiptVia
    at: AwareDatetime
    proof: str


class AnswerOut(BaseModel):
    """A response to an order: tco-annex-2 or -3. resumed_at: when its ground had ended."""

    form: str
    values: Values
    answered_at: AwareDatetime
    was_late: bool
    resumed_at: AwareDatetime | None
    resumed_by: str
    clarification: str


class CopyOut(BaseModel):
    """A copy for an authority of the provider's Member State, and its deadline for scrutiny."""

    to: str
    sent_at: AwareDatetime
    received_at: AwareDatetime | None
    scrutiny_until: AwareDatetime | None


class AgencyCopySentOut(BaseModel):
    """The time at which an agency got a copy of an order."""

    to: str
    sent_at: AwareDatetime


class AgencyCopyOut(BaseModel):
    """A copy of an order as its issuer sent it to an agency, without what followed.

    source: Regulation (EU) 2021/784 Art. 14(6).
    """

    id: UUID
    reference: str
    issued_by: str
    addressee: str
    annex: Values
    content_type: ContentType
    ideology: str | None
    issued_at: AwareDatetime
    sent_at: AwareDatetime
    exercise: bool


class DoubtsOut(BaseModel):
    """The doubts with which an order was issued, for its issuer and authorities with a copy.

    doubts:  as the lint said them then. Doubts about holds are for the issuer only.
    despite: why it was issued despite them; empty if nobody said.
    """

    doubts: list[LintFinding]
    despite: str


class DecisionSentOut(BaseModel):
    """The time at which a decision of scrutiny was sent to an agency."""

    to: str
    sent_at: AwareDatetime


class ScrutinyDecisionOut(BaseModel):
    """A reasoned decision of scrutiny, as it is sent to agencies, without the order itself.

    state: upheld or infringed. by: the authority that decided.
    entered_by: who entered the order by hand, if it was made elsewhere; empty otherwise.

    source: Regulation (EU) 2021/784 Art. 4(6).
    """

    id: UUID
    reference: str
    issued_by: str
    entered_by: str
    addressee: str
    by: str
    basis: ScrutinyBasis
    state: ScrutinyState
    decision: str
    decided_at: AwareDatetime
    sent_at: AwareDatetime
    exercise: bool


class ScrutinyOut(BaseModel):
    """A scrutiny of an order. due_at: deadline of the decision. sent: to which agencies, when."""

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
    """An access to preserved content."""

    purpose: AccessPurpose
    who: str
    reference: str
    at: AwareDatetime


class PreservationOut(BaseModel):
    """Preserved content: by which law, until when, who requested an extension, who had access.

    until:       null while an EPOC-PR waits for its request for production.
    law, authority, entered_by: of other laws than Art. 6; empty for Art. 6.
    proceedings, reviewed_by, reviewed_since, court: of the last request to preserve longer by
                 Art. 6(2); null or empty if there was none.
    reference:   of those proceedings, or of the order that preserves the content.
    ended_at:    when its authority ended it before its time.
    """

    id: UUID
    basis: PreservationBasis
    law: str
    authority: str
    entered_by: str
    since: AwareDatetime
    until: AwareDatetime | None
    extended_by: str
    extended_at: AwareDatetime | None
    proceedings: ReviewKind | None
    reviewed_by: str
    reviewed_since: date | None
    reference: str
    court: str
    production: str
    ended_at: AwareDatetime | None
    destroyed_at: AwareDatetime | None
    accesses: list[AccessOut]


class SecondLookOut(BaseModel):
    """The second look at an order. Only its issuer, and parties that may give it, read this.

    at_once: why the order was issued before anybody confirmed it; null if it waits, or waited.
    asked_by: the person or key that asked; null for other parties.
    expires_at: when the order becomes a draft again, or ends, if nobody confirms it.
    note: reasons of a person who refused.
    """

    approval: UUID
    state: ApprovalState
    at_once: AtOnce | None
    asked_by: str | None
    asked_at: AwareDatetime
    expires_at: AwareDatetime
    decided_by: str | None
    decided_at: AwareDatetime | None
    note: str


class EnteredOut(BaseModel):
    """An order that was made elsewhere: the party that entered it by hand, and the time.

    waits_for: the party that has not confirmed it; empty if nobody has to, or nobody here can.
    outside_issuer: the issuer, if it is no party.
    answered_at, note: when the other side disputed it, or who entered it took it back, and why.
    """

    entered_by: str
    entered_at: AwareDatetime
    channel: OrderChannel
    state: EntryState
    waits_for: str
    outside_issuer: OutsideIssuer | None
    answered_at: AwareDatetime | None
    note: str


class OrderDocumentOut(BaseModel):
    """The document of an order that was made elsewhere, and its seals.

    values: fields of Annex I that a hub wrote into it; empty if it has none, or its seal is not
            from a signer that this hub trusts.
    """

    id: UUID
    name: str
    sha256: str
    size_bytes: int
    verdict: SealVerdict
    seals: list[SealSeen]
    values: Values


class OrderOut(BaseModel):
    """A removal order, as its issuer, its addressee, or an authority with a copy reads it.

    issued_by: the issuer's name; of an order that was made elsewhere, the name of an authority
             that may be no party.
    due_at:  deadline of execution; null while it is suspended or has not begun.
    entry:   null for an order that was made here.
    confirm_due_at: until when a second person may confirm it, for its issuer; null if none has to.
    is_unconfirmed: it was issued at once and ended, because no second person confirmed it.
    doubts:  with which it was issued; null for its addressee, and before it is issued.
    agency_copies: which agencies got a copy; empty for the addressee.
    preservations: that of Art. 6 first; others only for who entered them, and for the addressee.
    moves:   moves that the reader's party may make now, by their names in the machine and the API.
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
    entry: EnteredOut | None
    document: OrderDocumentOut | None
    drafted_at: AwareDatetime
    confirm_due_at: AwareDatetime | None
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
    is_unconfirmed: bool
    second_look: SecondLookOut | None
    reinstated_at: AwareDatetime | None
    receipts: list[ReceiptOut]
    answers: list[AnswerOut]
    copies: list[CopyOut]
    scrutinies: list[ScrutinyOut]
    is_media_service: bool
    copy_to_europol: bool
    despite: str
    doubts: DoubtsOut | None
    agency_copies: list[AgencyCopySentOut]
    preservations: list[PreservationOut]
    finality: FinalityOut
    moves: list[str]


class OrderHead(BaseModel):
    """A removal order in a list, without its content.

    confirm_due_at: until when a second person may confirm it, for its issuer; null if none has to.
    entry: null for an order that was made here.
    """

    id: UUID
    reference: str
    state: OrderState
    issued_by: str
    addressee: str
    exercise: bool
    entry: EnteredOut | None
    is_cross_border: bool
    confirm_due_at: AwareDatetime | None
    issued_at: AwareDatetime | None
    received_at: AwareDatetime | None
    due_at: AwareDatetime | None
    missed_at: AwareDatetime | None
    executed_at: AwareDatetime | None
    measure: Measure | None


class InformationOut(BaseModel):
    """Information that was sent to a provider before its first order."""

    id: UUID
    sent_by: str
    to: str
    text: str
    sent_at: AwareDatetime
    order_from: AwareDatetime
    exercise: bool


class OrdersInEffectOut(BaseModel):
    """Parties that have an order in effect for a URL, by name, without details of the case.

    is_received: at least one order was received, so that no hold delays it any more.
    """

    parties: list[str]
    is_received: bool


class FormOut(BaseModel):
    """The entries of a completed form. entry: null for an order that was made here."""

    form: str
    values: Values
    exercise: bool
    entry: EnteredOut | None


class EntryOut(BaseModel):
    """A ledger entry about an order."""

    number: int
    kind: str
    actor: str
    detail: dict[str, JsonValue]
    recorded_at: AwareDatetime
