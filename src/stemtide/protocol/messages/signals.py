# SPDX-License-Identifier: Apache-2.0
"""Messages about signals: sharing, withdrawing, opinions."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from stemtide.fingerprints.kinds import (
    MATCH_WITHIN_BITS,
    MAX_VALUE_BYTES,
    SIZE_BYTES,
    FingerprintError,
    Kind,
)
from stemtide.fingerprints.values.checks import check_value
from stemtide.protocol.enums import (
    DryRunOutcome,
    Opinion,
    Provenance,
    Reach,
    Severity,
    SignalState,
    WithdrawReason,
)
from stemtide.protocol.handling import TLP_ALLOWS, Pap, Tlp
from stemtide.protocol.labels import EntityName, IdeologyName, LabelName
from stemtide.protocol.law.retention.messages import RetentionIn, RetentionOut
from stemtide.protocol.messages.situation import Language
from stemtide.protocol.trust.standing import Basis

MAX_BULK = 20_000
"""Maximum signals of a bulk request."""

MAX_BULK_VALUE_BYTES = 3 * MAX_VALUE_BYTES
"""Maximum total bytes of long values in a bulk: three of the longest, 24 MiB of hex."""

MAX_VIA = 8
"""Maximum number of hubs that a signal came through."""

MAX_URL_CHARS = 4096
"""Maximum characters of a URL that is shared as itself."""

_STRICT = ConfigDict(extra="forbid", frozen=True)

SignatureText = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{85}[AQgw]==$")]
"""A signature of Ed25519 in base64."""


class SignalIn(BaseModel):
    """A signal to share.

    value:       hex (pdq 64, sha256 64, md5 32 digits; video, audio, text and gop as long as their
                 content, up to MAX_VALUE_BYTES); for kind "url" the URL itself, which the hub
                 converts to its canonical spelling, or the 64-digit digest of that spelling.
    within_bits: maximum Hamming distance of a match with this PDQ signal, 31 at most; None: 31.
    reach:       url only: "folder" or "host" to cover everything below; None: that address alone.
    ideology:    of the content's makers, never required; entity: the terrorist entity it comes
                 from, as the list that names it does ("EU 2023/1514 II.3", or the entity's name).
    language:    of the content, as the sharer knows it; None if unknown, or if it has no words.
    content:     an id shared by all signals of one piece of content, chosen by the sharer.
    audience:    names of the parties that may see it; TLP:RED needs at least one.
    confidence:  0..100, how sure the sharer is.
    via:         ids of the hubs that it came through, first origin first; empty if it originates
                 here. A hub recognises its own signals by them (docs/decide/0074).
    retention:   legal basis, purpose and date, where the default of the party's kind is not right.
    signature:   of the sharer, with a key that it has registered (docs/decide/0203).
    """

    model_config = _STRICT

    kind: Kind
    value: str = Field(min_length=1, max_length=2 * MAX_VALUE_BYTES)
    quality: int | None = Field(default=None, ge=0, le=100)
    within_bits: int | None = Field(default=None, ge=0, le=MATCH_WITHIN_BITS)
    reach: Reach | None = None
    content: UUID | None = None
    labels: tuple[LabelName, ...] = Field(min_length=1, max_length=8, fail_fast=True)
    ideology: IdeologyName | None = None
    entity: EntityName | None = None
    language: Language | None = None
    severity: Severity
    provenance: Provenance = Provenance.UNKNOWN
    confidence: int = Field(default=80, ge=0, le=100)
    tlp: Tlp = Tlp.AMBER
    pap: Pap = Pap.GREEN
    audience: tuple[str, ...] = Field(default=(), max_length=200, fail_fast=True)
    expires_at: AwareDatetime | None = None
    crisis: UUID | None = None
    exercise: bool = False
    via: tuple[UUID, ...] = Field(default=(), max_length=MAX_VIA, fail_fast=True)
    retention: RetentionIn | None = None
    signature: SignatureText | None = None

    @model_validator(mode="after")
    def _check_fields(self) -> "SignalIn":
        """Refuse fields that the kind, the marks or the audience do not allow."""
        _check_value(self.kind, self.value)
        if self.kind is not Kind.PDQ and (self.quality, self.within_bits) != (None, None):
            raise ValueError("quality and within_bits: only pdq signals have them; leave them out")
        if self.kind is not Kind.URL and self.reach is not None:
            raise ValueError("reach: only url signals reach further; leave it out")
        if TLP_ALLOWS[self.tlp].needs_audience and not self.audience:
            raise ValueError(f"audience: TLP:{self.tlp.upper()} needs named recipients")
        return self


def is_long(kind: Kind) -> bool:
    """Whether values of this kind are as long as their content."""
    return kind not in SIZE_BYTES


def _check_value(kind: Kind, text: str) -> None:
    """Refuse a value that is not written as its kind requires. raises: ValueError."""
    if kind is Kind.URL:
        if len(text) > MAX_URL_CHARS:
            raise ValueError(
                f"value: a url has at most {MAX_URL_CHARS:,} characters, this {len(text):,}: share"
                " the digest of its canonical spelling instead"
            )
        return
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if kind in SIZE_BYTES:
        size = SIZE_BYTES[kind]
        if len(value) != size or len(text) != 2 * size:
            raise ValueError(f"value: a {kind} value is {2 * size} hex digits")
        return
    if 2 * len(value) != len(text):  # fromhex() reads over spaces
        raise ValueError(f"value: a {kind} value is hex digits, two a byte, and nothing else")
    try:
        check_value(kind, value)
    except FingerprintError as error:
        raise ValueError(f"value: no {kind} value: {error}") from error


class BulkIn(BaseModel):
    """Signals to share at once: all or none, or with ?partial=1 the valid ones."""

    model_config = _STRICT

    signals: tuple[SignalIn, ...] = Field(min_length=1, max_length=MAX_BULK, fail_fast=True)


class SharedSignal(BaseModel):
    """The result of sharing a signal. created is false if the party had shared it before.

    state: "waiting" if it does not travel before somebody gives it a second look; position is 0.
    waiting_for: why it needs a second look. A live signal has reasons if it was shared at once in
    an active crisis, and ends unless somebody confirms it.
    """

    id: UUID
    position: int
    created: bool
    state: SignalState = SignalState.LIVE
    waiting_for: list[str] = []


class BulkOut(BaseModel):
    """The result of a bulk, row by row, in the order sent; None for refused rows.

    waiting: new signals that wait for a second look; created does not count them.
    """

    created: int
    existing: int
    refused: int
    waiting: int = 0
    signals: list[SharedSignal | None]
    errors: list["RowError"] = []


class RowError(BaseModel):
    """The reason why a row of a bulk was refused."""

    row: int
    field: str
    message: str


class CheckedRow(BaseModel):
    """The result that a row of a bulk would have.

    row:     its position in the request, from 0.
    id:      the existing signal of your party; same_as: the earlier row that it repeats.
    others:  visible signals of other parties with the same value.
    waiting_for: why it would need a second look.
    field, message: why it would be refused.
    """

    row: int
    would_be: DryRunOutcome
    id: UUID | None = None
    same_as: int | None = None
    others: list[UUID] = []
    waiting_for: list[str] = []
    field: str | None = None
    message: str | None = None


class BulkCheckOut(BaseModel):
    """The result of a dry run of a bulk. Nothing was shared."""

    created: int
    existing: int
    refused: int
    waiting: int = 0
    rows: list[CheckedRow]


class WithdrawIn(BaseModel):
    """Withdraw a signal. The note must not contain personal data."""

    model_config = _STRICT

    reason: WithdrawReason
    note: str = Field(default="", max_length=500)


class TitleIn(BaseModel):
    """Give a signal a title, or take it away with an empty one. No personal data."""

    model_config = _STRICT

    title: str = Field(max_length=80)


class OpinionIn(BaseModel):
    """A party's opinion of a signal. The note must not contain personal data.

    note: required for a dispute, which must say why.
    """

    model_config = ConfigDict(
        **_STRICT,
        json_schema_extra={
            "if": {"properties": {"opinion": {"const": "dispute"}}},
            "then": {"properties": {"note": {"pattern": r"\S"}}, "required": ["note"]},
        },
    )

    opinion: Opinion
    note: str = Field(default="", max_length=500)


class QuestionIn(BaseModel):
    """Ask the sharer of a signal about it. No personal data, nothing of an upload."""

    model_config = _STRICT

    text: str = Field(min_length=1, max_length=500, pattern=r"\S")


class QuestionAnswerIn(BaseModel):
    """Answer a question about your party's signal. No personal data."""

    model_config = _STRICT

    text: str = Field(min_length=1, max_length=500, pattern=r"\S")


class SignalQuestionOut(BaseModel):
    """A question about a signal, for the party that sent it and for the sharer.

    answer: of the sharer; "" while there is none.
    """

    party: str
    text: str
    sent_at: AwareDatetime
    answer: str = ""
    answered_at: AwareDatetime | None = None


class SetAsideIn(BaseModel):
    """Set a party's dispute aside, so that it does not count elsewhere. No personal data."""

    model_config = _STRICT

    reason: str = Field(min_length=1, max_length=500, pattern=r"\S")


class DisputeAnswerIn(BaseModel):
    """Answer the agency that set your party's dispute aside. No personal data."""

    model_config = _STRICT

    text: str = Field(min_length=1, max_length=500, pattern=r"\S")


class SetAsideOut(BaseModel):
    """The decision of an agency that a dispute does not count elsewhere.

    answer: of the disputing party, for that party and agencies only; "" for others, or if none.
    dismissal: the decision on many disputes of which it is a part, for the same readers.
    """

    by: str
    reason: str
    at: AwareDatetime
    dismissal: UUID | None = None
    answer: str = ""
    answered_at: AwareDatetime | None = None


class OpinionOut(BaseModel):
    """The opinion that a party gave. set_aside: if it is a dispute that an agency set aside."""

    party: str
    opinion: Opinion
    note: str
    given_at: AwareDatetime
    set_aside: SetAsideOut | None = None


class SignalOut(BaseModel):
    """A signal, as a party that may see it reads it.

    value: complete, in hex; url: the canonical URL that a url signal covers, if the hub knows it;
    reach: "folder" or "host" if it covers more than one address; via: the hubs that it came
    through, first origin first; confirmed_by: the parties that agree with it, without its sharer.
    disputed: by as many parties, or by such ones, that automatic action stops everywhere.
    waiting_for: if its state is "waiting", why it needs a second look; if it is live, which
    withdrawal or dispute of it waits for one.
    basis: why it may lead to a block under the default policy, or why not, as far as you may see
    who supports it; null once it has ended.
    retention: why the hub keeps it, and until when; null while it waits.
    """

    id: UUID
    position: int
    state: SignalState
    kind: Kind
    value: str
    url: str | None
    quality: int | None
    within_bits: int | None
    reach: Reach | None
    content: UUID | None
    labels: list[str]
    ideology: str | None
    entity: str | None
    language: str | None = None
    severity: Severity
    provenance: Provenance
    confidence: int
    tlp: Tlp
    pap: Pap
    audience: list[str]
    disputed: bool
    crisis: UUID | None
    exercise: bool
    shared_by: str
    shared_at: AwareDatetime
    expires_at: AwareDatetime | None
    withdrawn_at: AwareDatetime | None
    withdraw_reason: WithdrawReason | None
    withdraw_note: str
    via: list[UUID] = []
    opinions: list[OpinionOut]
    confirmed_by: list[str] = []
    basis: Basis | None = None
    waiting_for: list[str] = []
    retention: RetentionOut | None = None
