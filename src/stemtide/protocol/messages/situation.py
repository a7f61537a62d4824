# SPDX-License-Identifier: Apache-2.0
"""Messages about a crisis: log, public statements, leads on threats to life, roles and tasks."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from stemtide.protocol.enums import (
    CountryGround,
    LeadBasis,
    LeadLevel,
    LeadOutcome,
    LeadState,
    MessageKind,
    PublicStatementState,
    Urgency,
    Vote,
)
from stemtide.protocol.enums.response import (
    ReferenceKind,
    ResponseRole,
    TaskLinkKind,
    TaskState,
)
from stemtide.protocol.handling import Tlp

_STRICT = ConfigDict(extra="forbid", frozen=True)

Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$")]
"""A language tag such as "en" or "sr-Latn". source: RFC 5646 (BCP 47), the usual subtags."""

MAX_TEXT = 4000
"""Maximum characters of a message."""


class MessageIn(BaseModel):
    """A message for the situation log. Messages are never edited: a correction is a new message.

    text: may mention somebody (@role:lead, @party:NAME, @person:MAIL of your own party) and link to
          things of the crisis (#signal:ID, #cluster:, #referral:, #order:, #task:, with the id or
          its last 8 digits or more). Those mentioned get an alert.
    signal, answers, corrects: what it refers to, in the same crisis.
    audience: names of parties; if any is named, nobody else reads it. TLP:RED needs one.
    """

    model_config = _STRICT

    kind: MessageKind
    text: str = Field(min_length=1, max_length=MAX_TEXT)
    language: Language = "en"
    tlp: Tlp = Tlp.AMBER
    urgency: Urgency = Urgency.ROUTINE
    audience: tuple[str, ...] = Field(default=(), max_length=200, fail_fast=True)
    signal: UUID | None = None
    answers: UUID | None = None
    corrects: UUID | None = None


class ReferenceOut(BaseModel):
    """A mention or link in a message, as one party reads it.

    token: represents it in the text, such as "#signal:1". It contains no id and no name of a thing.
    id:    of a thing that the party may see; None for others. Of a cluster: of its first signal.
    name:  of the thing, the role, the party or the person; "" if the party may not read it.
    party: the party that was notified, for a role, a party or a person.
    """

    token: str
    kind: ReferenceKind
    id: UUID | None
    name: str
    party: str | None


class MessageOut(BaseModel):
    """A message as a party reads it. corrected_by: the latest correction that it may read."""

    id: UUID
    number: int
    crisis: UUID
    kind: MessageKind
    text: str
    references: list[ReferenceOut]
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
    """A page of a situation log, oldest first. next: the number to continue after."""

    messages: list[MessageOut]
    next: int
    more: bool


class PublicStatementIn(BaseModel):
    """A proposed public statement, in one or more languages.

    texts:    by language. replaces: the statement that this one replaces once it is agreed.
    """

    model_config = _STRICT

    texts: dict[Language, Annotated[str, Field(min_length=1, max_length=2000)]] = Field(
        min_length=1, max_length=24, json_schema_extra={"additionalProperties": False}
    )
    replaces: UUID | None = None


class VoteIn(BaseModel):
    """Agree to a public statement, or object with a reason."""

    model_config = _STRICT

    vote: Vote
    note: str = Field(default="", max_length=500)


class VoteOut(BaseModel):
    """A party's vote on a public statement."""

    party: str
    vote: Vote
    note: str
    given_at: AwareDatetime


class PublicStatementOut(BaseModel):
    """A public statement as a party reads it. usable: it may be used in public now."""

    id: UUID
    crisis: UUID
    state: PublicStatementState
    usable: bool
    texts: dict[str, str]
    proposed_by: str
    proposed_at: AwareDatetime
    agreed_at: AwareDatetime | None
    replaces: UUID | None
    votes: list[VoteOut]
    exercise: bool


class LeadIn(BaseModel):
    """A lead on a threat to life. One intake for two duties: state each that applies.

    country:   the country concerned, alpha-2; "" if unknown: it then goes to the agency.
    country_grounds: why that country is concerned; several may apply.
    to:        the name of the addressee; required if several parties are possible.
    posted_at: when the content was posted, with the time zone that the service recorded.
    locate:    what helps to find the person in danger or the person who threatens. Personal data
               belongs here and nowhere else, and no more of it than is needed.

    source: Regulation (EU) 2021/784 Art. 14(5) and recital 41; Regulation (EU) 2022/2065 Art. 18
            and recital 56.
    """

    model_config = _STRICT

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
    """Pass a lead on. to: a party of this hub; "" for the investigators of your own state."""

    model_config = _STRICT

    to: str = Field(default="", max_length=60)


class LeadCloseIn(BaseModel):
    """Close a lead with its outcome."""

    model_config = _STRICT

    outcome: LeadOutcome


class LeadOut(BaseModel):
    """A lead, as its sender, its addressee or the agency reads it.

    seal: with the texts above it yields the digest in the ledger; see docs. All texts are empty
    once erased_at is set.
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


MAX_NOTE = 500
"""Maximum characters of the note with which a role is handed over."""


class RoleGiveIn(BaseModel):
    """Give a role, or hand it over.

    to: the mail address of a person of your own party, or the name of another party in the room: a
        person of that party accepts.
    """

    model_config = _STRICT

    to: str = Field(min_length=1, max_length=254)
    note: str = Field(default="", max_length=MAX_NOTE)


class RoleOut(BaseModel):
    """A role of the response, and who holds it.

    party:   of the holder; None if the role is open. holder: the person's name as the room reads
             it; "" if they have entered none.
    ref:     the person, as the ledger names them; shown to their own party only.
    note:    of the person who gave or handed over the role.
    offered_to: the party that is asked to take the role; None if none is. offer_note: of the offer.
    """

    role: ResponseRole
    party: str | None = None
    holder: str = ""
    ref: str | None = None
    since: AwareDatetime | None = None
    note: str = ""
    offered_to: str | None = None
    offered_by: str | None = None
    offered_at: AwareDatetime | None = None
    offer_note: str = ""


class TaskLink(BaseModel):
    """The subject of a task. id: of a cluster the id of its first signal."""

    model_config = _STRICT

    kind: TaskLinkKind
    id: UUID


class TaskIn(BaseModel):
    """A task in the response to a crisis.

    owner: role:lead, or another role; the name of a party in the room; the mail address of a person
           of your own party; "" for your own party.
    link:  what it is about; your party must be able to see it.
    """

    model_config = _STRICT

    title: str = Field(min_length=1, max_length=200)
    due_at: AwareDatetime
    owner: str = Field(default="", max_length=254)
    link: TaskLink | None = None


class TaskMoveIn(BaseModel):
    """Change the state of a task: done, dropped, or open again."""

    model_config = _STRICT

    state: TaskState


class TaskLinkOut(BaseModel):
    """The subject of a task, for parties that may see it. title: its reference, if it has one."""

    kind: TaskLinkKind
    id: UUID
    title: str


class TaskOut(BaseModel):
    """A task as a party in the room reads it.

    role:  the role that owns it, if one does. party, owner: of the owner now; None and "" if nobody
           holds the role. ref: the person, as the ledger names them; for their own party only.
    ended_by: the party that finished or dropped it.
    """

    id: UUID
    crisis: UUID
    title: str
    state: TaskState
    due_at: AwareDatetime
    role: ResponseRole | None
    party: str | None
    owner: str
    ref: str | None
    link: TaskLinkOut | None
    given_by: str
    given_at: AwareDatetime
    ended_by: str | None
    ended_at: AwareDatetime | None
    exercise: bool
