# SPDX-License-Identifier: Apache-2.0
"""Acts of a scenario, done by an inject or a bot. docs/use/exercises.md lists them.

BY names the kinds of party that may do an act; empty for acts of the world outside, which have no
party: they bring news and copies, and stop an agent.
"""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from stemtide.protocol.enums import (
    CheckAnswer,
    LeadLevel,
    MessageKind,
    Opinion,
    PartyKind,
    ProposalAct,
    Severity,
    Urgency,
    WithdrawReason,
)
from stemtide.protocol.enums.referrals import Answer, HoldReason
from stemtide.protocol.labels import LabelName
from stemtide.protocol.places import Country

NAME_PATTERN = "^[a-z0-9]([a-z0-9-]{0,57}[a-z0-9])?$"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""A name in a scenario: lower-case letters and digits, and hyphens between them."""

Names: TypeAlias = tuple[Name, ...]
PRINTABLE_PATTERN = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$"
"""Texts are printed on terminals, so they must hold nothing that a terminal obeys: no control
character, and none that breaks a line or turns the direction of writing."""

Text = Annotated[str, StringConstraints(min_length=3, max_length=2000, pattern=PRINTABLE_PATTERN)]

_LEADING = frozenset({PartyKind.AUTHORITY, PartyKind.AGENCY})
_PROVIDERS = frozenset({PartyKind.PROVIDER})
_ALL = frozenset(PartyKind)
_WRITING = _ALL - {PartyKind.OBSERVER}


LANGUAGES = ("nl", "fr", "de")
"""Languages in which a scenario can have its news, beside English."""


class NewsKind(StrEnum):
    """Kind of news that an inject brings to parties."""

    SIGHTING = "sighting"
    TIP = "tip"
    PRESS_CALL = "press_call"
    RUMOUR = "rumour"
    LEAK = "leak"
    NEW_VARIANT = "new_variant"
    COURT_ORDER = "court_order"


class BaseAct(BaseModel):
    """An act. BY: the kinds of party that may do it; empty: the world outside."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    BY: ClassVar[frozenset[PartyKind]] = _LEADING


class Tell(BaseAct):
    """Bring news to parties by another way than the hub: a tip, a press call, a rumour.

    nl, fr, de: the text in these languages, which people read at a desk in theirs.
    """

    BY: ClassVar[frozenset[PartyKind]] = frozenset()

    act: Literal["tell"]
    kind: NewsKind
    to: Names = Field(min_length=1)
    text: Text
    nl: Text | None = None
    fr: Text | None = None
    de: Text | None = None


class UploadCopies(BaseAct):
    """Upload copies of content at providers with an agent, each variant so many times."""

    BY: ClassVar[frozenset[PartyKind]] = frozenset()

    act: Literal["upload"]
    at: Names = Field(min_length=1)
    content: Name
    variants: tuple[str, ...] = Field(default=("untouched",), min_length=1)
    copies: int = Field(default=1, ge=1, le=1000)


class SpreadCopies(BaseAct):
    """Begin a simulated spread, in which a sample of the copies reaches the agents for real.

    at: providers with an agent, the largest first. services: all, with these.
    sample: real copies at each provider, every_min minutes.
    uploads_per_min: by people who heard of the content, when their interest peaks, peak_min later.
    """

    BY: ClassVar[frozenset[PartyKind]] = frozenset()

    act: Literal["spread"]
    at: Names = Field(min_length=1, max_length=20)
    content: Name
    services: int = Field(default=1000, ge=20, le=100_000)
    every_min: float = Field(default=10, ge=1, le=240)
    sample: int = Field(default=8, ge=1, le=100)
    uploads_per_min: float = Field(default=2785, gt=0, le=10_000)
    peak_min: float = Field(default=300, ge=1, le=10_000)


class StopAgent(BaseAct):
    """Stop a provider's agent: the provider is without protection until start-agent."""

    BY: ClassVar[frozenset[PartyKind]] = frozenset()

    act: Literal["stop-agent"]
    at: Name


class StartAgent(BaseAct):
    """Start a provider's agent again after stop-agent."""

    BY: ClassVar[frozenset[PartyKind]] = frozenset()

    act: Literal["start-agent"]
    at: Name


class Warn(BaseAct):
    """Raise the early warning. A scenario has one crisis, which this act opens."""

    BY: ClassVar[frozenset[PartyKind]] = _WRITING

    act: Literal["warn"]
    title: Text
    summary: str = Field(default="", max_length=2000, pattern=PRINTABLE_PATTERN)
    countries: tuple[Country, ...] = Field(min_length=1)


class RateCrisis(BaseAct):
    """Rate harm and virality by the levels of the framework's matrix."""

    act: Literal["triage"]
    harm: int = Field(ge=0)
    virality: int = Field(ge=0)


class AnswerChecks(BaseAct):
    """Answer each test of the checklist. others: the tests that get another answer."""

    act: Literal["answer-checks"]
    answer: CheckAnswer = CheckAnswer.YES
    others: dict[str, CheckAnswer] = Field(default={})


class ConsiderMeasure(BaseAct):
    """Record a national measure, and why it does not suffice."""

    act: Literal["consider-measure"]
    country: Country
    measure: Text
    insufficient: Text


class Propose(BaseAct):
    """Propose to activate the protocol, or to close the crisis."""

    act: Literal["propose"]
    move: ProposalAct = ProposalAct.ACTIVATE
    reason: Text


class Confirm(BaseAct):
    """Confirm the proposal of another party."""

    act: Literal["confirm"]
    of: Name


class DeclineProposal(BaseAct):
    """Decline the proposal of another party."""

    act: Literal["decline-proposal"]
    of: Name
    reason: Text


class Close(BaseAct):
    """Close a warning that was never activated."""

    BY: ClassVar[frozenset[PartyKind]] = _WRITING

    act: Literal["close"]
    reason: Text


class Deescalate(BaseAct):
    """Move an active crisis to de-escalation."""

    act: Literal["deescalate"]
    reason: Text


class Invite(BaseAct):
    """Invite parties to the crisis."""

    BY: ClassVar[frozenset[PartyKind]] = _WRITING

    act: Literal["invite"]
    to: Names = Field(min_length=1)


class Join(BaseAct):
    """Accept an invitation."""

    BY: ClassVar[frozenset[PartyKind]] = _ALL

    act: Literal["join"]


class Post(BaseAct):
    """Write a message in the situation log."""

    BY: ClassVar[frozenset[PartyKind]] = _WRITING

    act: Literal["post"]
    kind: MessageKind
    text: Text
    urgency: Urgency = Urgency.ROUTINE


class ShareContent(BaseAct):
    """Share fingerprints of content. in_crisis: as part of the crisis."""

    BY: ClassVar[frozenset[PartyKind]] = _WRITING

    act: Literal["share"]
    content: Name
    labels: tuple[LabelName, ...] = Field(min_length=1, max_length=8)
    severity: Severity = Severity.CRITICAL
    confidence: int = Field(default=95, ge=0, le=100)
    in_crisis: bool = True


class Opine(BaseAct):
    """Give an opinion of every signal that an earlier act shared."""

    BY: ClassVar[frozenset[PartyKind]] = _WRITING

    act: Literal["opine"]
    of: Name
    opinion: Opinion
    note: str = Field(default="", max_length=500, pattern=PRINTABLE_PATTERN)


class Withdraw(BaseAct):
    """Withdraw every signal that an earlier act of the same party shared."""

    BY: ClassVar[frozenset[PartyKind]] = _WRITING

    act: Literal["withdraw"]
    of: Name
    reason: WithdrawReason


class ReportLead(BaseAct):
    """Report a lead on a threat to life to an authority."""

    BY: ClassVar[frozenset[PartyKind]] = _PROVIDERS

    act: Literal["report-lead"]
    to: Name
    level: LeadLevel
    country: Country
    facts: Annotated[
        str, StringConstraints(min_length=10, max_length=2000, pattern=PRINTABLE_PATTERN)
    ]


class ReceiveLead(BaseAct):
    """Confirm that a person has read a lead."""

    act: Literal["receive-lead"]
    of: Name


class PassOnLead(BaseAct):
    """Pass a lead on to the investigators of one's own state."""

    act: Literal["pass-on-lead"]
    of: Name


class PlaceHold(BaseAct):
    """Ask that an address be left alone for some hours."""

    act: Literal["hold"]
    content: Name
    hours: int = Field(default=6, ge=1, le=72)
    reason: HoldReason


class Refer(BaseAct):
    """Refer addresses to a provider. count: so many, in one batch if more than one."""

    act: Literal["refer"]
    to: Name
    content: Name
    count: int = Field(default=1, ge=1, le=20_000)
    labels: tuple[LabelName, ...] = Field(min_length=1, max_length=8)
    reason: Text


class AnswerReferrals(BaseAct):
    """Acknowledge and answer the open referrals of an earlier act, at most so many."""

    BY: ClassVar[frozenset[PartyKind]] = _PROVIDERS

    act: Literal["answer-referrals"]
    of: Name
    answer: Answer = Answer.REMOVED
    at_most: int = Field(default=1000, ge=1, le=1000)


class IssueOrder(BaseAct):
    """Issue a removal order for an address, as an emergency. A second person must confirm it."""

    BY: ClassVar[frozenset[PartyKind]] = frozenset({PartyKind.AUTHORITY})

    act: Literal["order"]
    to: Name
    content: Name
    reason: Text


class ConfirmOrder(BaseAct):
    """Confirm an order of one's own authority as a second person, at the desk."""

    BY: ClassVar[frozenset[PartyKind]] = frozenset({PartyKind.AUTHORITY})

    act: Literal["confirm-order"]
    of: Name


class ExecuteOrder(BaseAct):
    """Execute an order: Annex II."""

    BY: ClassVar[frozenset[PartyKind]] = _PROVIDERS

    act: Literal["execute-order"]
    of: Name


class SuspendOrder(BaseAct):
    """Answer an order that cannot be executed because of a manifest error: Annex III."""

    BY: ClassVar[frozenset[PartyKind]] = _PROVIDERS

    act: Literal["suspend-order"]
    of: Name
    error: Text


class WithdrawOrder(BaseAct):
    """Withdraw an order."""

    BY: ClassVar[frozenset[PartyKind]] = frozenset({PartyKind.AUTHORITY})

    act: Literal["withdraw-order"]
    of: Name
    reason: Text


Act: TypeAlias = Annotated[
    Tell
    | UploadCopies
    | SpreadCopies
    | StopAgent
    | StartAgent
    | Warn
    | RateCrisis
    | AnswerChecks
    | ConsiderMeasure
    | Propose
    | Confirm
    | DeclineProposal
    | Close
    | Deescalate
    | Invite
    | Join
    | Post
    | ShareContent
    | Opine
    | Withdraw
    | ReportLead
    | ReceiveLead
    | PassOnLead
    | PlaceHold
    | Refer
    | AnswerReferrals
    | IssueOrder
    | ConfirmOrder
    | ExecuteOrder
    | SuspendOrder
    | WithdrawOrder,
    Field(discriminator="act"),
]

ACTS: dict[str, type[BaseAct]] = {
    get_args(model.model_fields["act"].annotation)[0]: model for model in get_args(get_args(Act)[0])
}
"""All acts by name."""
