# SPDX-License-Identifier: Apache-2.0
"""Messages about the situation in a crisis: its log, public lines, leads to a threat to life."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from stemtide.protocol.handling import Tlp
from stemtide.protocol.words import (
    CountryGround,
    LeadBasis,
    LeadLevel,
    LeadOutcome,
    LeadState,
    LineState,
    MessageKind,
    Urgency,
    Vote,
)

_ORDERS = ConfigDict(extra="forbid", frozen=True)

Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$")]
"""A language as its tag says it: "en", "sr-Latn". source: RFC 5646 (BCP 47), the usual parts."""

MAX_TEXT = 4000
"""Characters of one message."""


class MessageIn(BaseModel):
    """A message for the situation log. It is never edited: a correction is a message of its own.

    signal, answers, corrects: what it speaks of, in the same crisis.
    audience: names of parties; where one is named, nobody else reads it. TLP:RED needs one.
    """

    model_config = _ORDERS

    kind: MessageKind
    text: str = Field(min_length=1, max_length=MAX_TEXT)
    language: Language = "en"
    tlp: Tlp = Tlp.AMBER
    urgency: Urgency = Urgency.ROUTINE
    audience: tuple[str, ...] = Field(default=(), max_length=200, fail_fast=True)
    signal: UUID | None = None
    answers: UUID | None = None
    corrects: UUID | None = None


class MessageOut(BaseModel):
    """A message as a party reads it. corrected_by: the latest correction that it may read."""

    id: UUID
    number: int
    crisis: UUID
    kind: MessageKind
    text: str
    language: str
    tlp: Tlp
    urgency: Urgency
    audience: list[str]
    signal: UUID | None
    answers: UUID | None
    corrects: UUID | None
    corrected_by: UUID | None
    pinned: bool
    posted_by: str
    posted_as: str | None
    posted_at: AwareDatetime
    exercise: bool


class LogPage(BaseModel):
    """A part of a situation log, oldest first; next: the number to go on after."""

    messages: list[MessageOut]
    next: int
    more: bool


class LineIn(BaseModel):
    """A line for the public, proposed in one or more languages.

    texts:    by language. replaces: the line that this one takes the place of once it is agreed.
    """

    model_config = _ORDERS

    texts: dict[Language, Annotated[str, Field(min_length=1, max_length=2000)]] = Field(
        min_length=1, max_length=24, json_schema_extra={"additionalProperties": False}
    )
    replaces: UUID | None = None


class VoteIn(BaseModel):
    """Agree to a line, or object and say why."""

    model_config = _ORDERS

    vote: Vote
    note: str = Field(default="", max_length=500)


class VoteOut(BaseModel):
    """What one party says to a line."""

    party: str
    vote: Vote
    note: str
    given_at: AwareDatetime


class LineOut(BaseModel):
    """A line as a party reads it. usable: it may be said in public, now."""

    id: UUID
    crisis: UUID
    state: LineState
    usable: bool
    texts: dict[str, str]
    proposed_by: str
    proposed_at: AwareDatetime
    agreed_at: AwareDatetime | None
    replaces: UUID | None
    votes: list[VoteOut]
    exercise: bool


class LeadIn(BaseModel):
    """A lead to a threat to life. One intake for two duties: state each that applies.

    country:   the one concerned, alpha-2; "" where nobody knows: it then goes to the agency.
    country_grounds: why that one is concerned; several may be true.
    to:        the name of the party it is addressed to; needed where several could be.
    posted_at: when the content was posted, with the time zone that the service recorded.
    locate:    what helps to find the person in danger or the person who threatens. Personal data
               belongs here and nowhere else, and no more of it than is needed.

    source: Regulation (EU) 2021/784 Art. 14(5) and recital 41; Regulation (EU) 2022/2065 Art. 18
            and recital 56.
    """

    model_config = _ORDERS

    level: LeadLevel
    bases: tuple[LeadBasis, ...] = Field(min_length=1, max_length=2)
    country: str = Field(default="", max_length=2)
    country_grounds: tuple[CountryGround, ...] = Field(default=(), max_length=6)
    to: str = Field(default="", max_length=60)
    facts: str = Field(min_length=10, max_length=MAX_TEXT)
    reasons: str = Field(min_length=3, max_length=2000)
    address: str = Field(default="", max_length=4096)
    posted_at: AwareDatetime | None = None
    locate: str = Field(default="", max_length=2000)
    callback: str = Field(min_length=3, max_length=300)
    crisis: UUID | None = None
    exercise: bool = False


class LeadPassIn(BaseModel):
    """Pass a lead on. to: a party of this hub; "" for the investigators of one's own state."""

    model_config = _ORDERS

    to: str = Field(default="", max_length=60)


class LeadCloseIn(BaseModel):
    """Say what became of a lead."""

    model_config = _ORDERS

    outcome: LeadOutcome


class LeadOut(BaseModel):
    """A lead as its sender, its addressee or the agency reads it.

    seal: with the words above it gives the digest that the ledger keeps; see docs.
    Everything in words is empty once erased_at is set.
    """

    id: UUID
    level: LeadLevel
    bases: list[LeadBasis]
    state: LeadState
    country: str
    country_grounds: list[CountryGround]
    sent_by: str
    addressed_to: str
    copied_to: str | None
    passed_to: str | None
    facts: str
    reasons: str
    address: str
    posted_at: AwareDatetime | None
    locate: str
    callback: str
    crisis: UUID | None
    exercise: bool
    reported_at: AwareDatetime
    received_at: AwareDatetime | None
    passed_on_at: AwareDatetime | None
    closed_at: AwareDatetime | None
    outcome: LeadOutcome | None
    erase_due: AwareDatetime
    erased_at: AwareDatetime | None
    seal: str
