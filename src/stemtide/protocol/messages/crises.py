# SPDX-License-Identifier: Apache-2.0
"""Messages about crises: warnings, triage, checklists, proposals, participants and neighbours."""

from typing import Annotated
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from stemtide.protocol.enums import (
    AdoptionAnswer,
    Capacity,
    CheckAnswer,
    JoinState,
    NeighbourStatus,
    PartyKind,
    ProposalAct,
    ProposalState,
    ReviewDecision,
    Role,
    TriageOutcome,
)
from stemtide.protocol.law import frameworks
from stemtide.protocol.messages.situation import RoleOut
from stemtide.protocol.places import Country
from stemtide.protocol.texts import THREE_CHARACTERS

_STRICT = ConfigDict(extra="forbid", frozen=True)

MAX_PARTIES = 500
"""Maximum parties of an invitation."""

EventRef = Annotated[str, THREE_CHARACTERS, StringConstraints(max_length=200)]
PartyName = Annotated[str, StringConstraints(min_length=1, max_length=60)]
Reason = Annotated[str, THREE_CHARACTERS, StringConstraints(max_length=2000)]


class WarningIn(BaseModel):
    """An early warning of an event that may become a crisis.

    framework:  the newest version unless another is named.
    happened_at: when the event happened; None if not known.
    countries:  ISO 3166 alpha-2 codes of the states concerned.
    event_refs: identifiers that others use for the event, such as "gifct:2026-011"; readers of
                warnings that share one are pointed to each other.
    invite:     names of the parties that the warning is addressed to.
    """

    model_config = _STRICT

    name: str = Field(min_length=3, max_length=200)
    framework: str = Field(
        default=frameworks.newest(), json_schema_extra={"enum": list(frameworks.names())}
    )
    summary: str = Field(default="", max_length=2000)
    happened_at: AwareDatetime | None = None
    countries: tuple[Country, ...] = Field(min_length=1, max_length=50, fail_fast=True)
    event_refs: tuple[EventRef, ...] = Field(default=(), max_length=10, fail_fast=True)
    invite: tuple[PartyName, ...] = Field(default=(), max_length=MAX_PARTIES, fail_fast=True)
    exercise: bool = False


class CountriesIn(BaseModel):
    """Further countries that a crisis turns out to concern."""

    model_config = _STRICT

    countries: tuple[Country, ...] = Field(min_length=1, max_length=50, fail_fast=True)


class CheckIn(BaseModel):
    """An answer to one question of the checklist, with its evidence."""

    model_config = _STRICT

    answer: CheckAnswer
    evidence: str = Field(default="", max_length=2000)


class TriageIn(BaseModel):
    """A rating of harm and virality, by the levels of the framework's matrix.

    outcome: if other than the matrix's; needs a reason.
    close:   also close the warning, if the outcome is business as usual.
    """

    model_config = _STRICT

    harm: int = Field(ge=0, le=20)
    virality: int = Field(ge=0, le=20)
    outcome: TriageOutcome | None = None
    reason: str = Field(default="", max_length=2000)
    close: bool = False


class MeasureIn(BaseModel):
    """A national measure that was considered, and why it does not suffice."""

    model_config = _STRICT

    country: Country
    measure: Reason
    insufficient: Reason


class ProposalIn(BaseModel):
    """A proposal by the first of two people: an act and its reason.

    adopt: with a proposal to close, which signals stay after the crisis.
    """

    model_config = _STRICT

    act: ProposalAct
    reason: Reason
    adopt: AdoptionAnswer | None = None

    @model_validator(mode="after")
    def _check_adopt(self) -> "ProposalIn":
        """Refuse an answer about signals that stay with a proposal that closes nothing."""
        if self.adopt is not None and self.act is not ProposalAct.CLOSE:
            raise ValueError("adopt belongs to a proposal to close: leave it out")
        return self


class ReasonIn(BaseModel):
    """The reason for an act."""

    model_config = _STRICT

    reason: Reason


class CloseIn(ReasonIn):
    """The reason for closing a crisis. adopt: which signals stay after it."""

    adopt: AdoptionAnswer | None = None


class KeepIn(ReasonIn):
    """A review that keeps the crisis live. next_h: hours until the next review."""

    next_h: int | None = Field(default=None, ge=1, le=1000)


class InviteIn(BaseModel):
    """Parties to invite: by name, or all of some kinds.

    reason: for the invited parties, who read it at the desk; must not contain personal data.
    """

    model_config = _STRICT

    parties: tuple[PartyName, ...] = Field(default=(), max_length=MAX_PARTIES, fail_fast=True)
    kinds: tuple[PartyKind, ...] = Field(default=(), max_length=5)
    capacity: Capacity | None = None
    reason: str = Field(default="", max_length=500)


class PartyIn(BaseModel):
    """The name of a party."""

    model_config = _STRICT

    party: PartyName


class OptionalReasonIn(BaseModel):
    """An optional reason for declining or leaving."""

    model_config = _STRICT

    reason: str = Field(default="", max_length=2000)


class LinkIn(ReasonIn):
    """Another crisis about the same event, and why they belong together."""

    crisis: UUID


class NeighbourIn(BaseModel):
    """Another mechanism's activation about the same event.

    framework, version, type: the mechanism, in its own terms; those in
    protocol/law/neighbours.toml are checked, others are kept as written.
    """

    model_config = _STRICT

    framework: str = Field(min_length=2, max_length=60)
    version: str = Field(min_length=1, max_length=40)
    type: str = Field(min_length=1, max_length=80)
    reference: str = Field(default="", max_length=200)
    status: NeighbourStatus = NeighbourStatus.UNCONFIRMED
    started_at: AwareDatetime
    ended_at: AwareDatetime | None = None


class NeighbourUpdateIn(BaseModel):
    """The new status of another mechanism's activation."""

    model_config = _STRICT

    status: NeighbourStatus
    ended_at: AwareDatetime | None = None


class ActorOut(BaseModel):
    """The actor: a party, and the role of the person. role: None for an API key.

    ref: the person or key; shown to their own party only.
    """

    party: str
    role: Role | None
    ref: str | None


class CheckOut(BaseModel):
    """A question of the checklist and its latest answer."""

    test: str
    question: str
    answer: CheckAnswer
    evidence: str
    answered_by: str | None
    answered_role: Role | None = None
    answered_ref: str | None = None
    answered_at: AwareDatetime | None


class TriageOut(BaseModel):
    """A rating. suggested: the matrix's outcome; explanation: its cell, and what follows."""

    harm: int
    virality: int
    suggested: TriageOutcome
    outcome: TriageOutcome
    explanation: str
    reason: str
    by: ActorOut
    at: AwareDatetime


class MeasureOut(BaseModel):
    """A national measure that was considered."""

    country: str
    measure: str
    insufficient: str
    by: ActorOut
    at: AwareDatetime


class ProposalOut(BaseModel):
    """A proposal and its decision.

    is_stale: the checklist was answered again since, so it cannot be confirmed.
    is_emergency: the crisis is active at once, and until expires_at if nobody confirms.
    """

    id: UUID
    act: ProposalAct
    state: ProposalState
    reason: str
    by: ActorOut
    at: AwareDatetime
    expires_at: AwareDatetime
    is_stale: bool
    is_emergency: bool = False
    decided_by: ActorOut | None
    decided_at: AwareDatetime | None
    decided_reason: str


class ReviewOut(BaseModel):
    """A review of a live crisis, due or done.

    is_prompted: people are asked whether it may calm down; is_overdue: it must be reviewed now.
    """

    since: AwareDatetime
    prompt_due: AwareDatetime
    review_due: AwareDatetime
    is_prompted: bool
    is_overdue: bool
    decision: ReviewDecision | None
    reason: str
    by: ActorOut | None
    at: AwareDatetime | None


class ParticipantOut(BaseModel):
    """A party's participation in a crisis. invited_by: the inviting party; None if uninvited.

    invite_reason: for the invited party, the inviting one and agencies; "" for others.
    """

    party: str
    title: str
    kind: PartyKind
    state: JoinState
    capacity: Capacity | None
    invited_by: str | None
    invited_at: AwareDatetime | None
    answered_at: AwareDatetime | None
    answered_role: Role | None
    reason: str
    invite_reason: str = ""


class NeighbourOut(BaseModel):
    """Another mechanism's activation. is_known: its types are in protocol/law/neighbours.toml.

    own_by: the party that speaks for the mechanism, if it noted or updated the activation itself.
    """

    id: UUID
    crisis: UUID
    framework: str
    version: str
    type: str
    title: str
    is_known: bool
    reference: str
    status: NeighbourStatus
    started_at: AwareDatetime
    ended_at: AwareDatetime | None
    by: ActorOut
    at: AwareDatetime
    own_by: str | None = None


class ActivationOut(BaseModel):
    """An activation about an event: a crisis of this hub, or one of another mechanism.

    crisis:     the crisis, or the crisis in which the other mechanism's activation is noted.
    neighbour:  id of the noted activation; None for a crisis.
    type:       the stage of a crisis, or the mechanism's own type.
    by:         the party that opened the crisis, or noted the activation.
    is_own:     the party that speaks for the mechanism says so itself.
    started_at: of a crisis: when it was activated, None if it is not.
    after_s:    seconds between the first activation of the event and this one.
    countries, parties: of a crisis: its countries, and the parties that joined.
    signals:    of a crisis: live signals that you may see.
    adds:       of them, those whose value is in no other crisis of the event.
    """

    crisis: UUID
    neighbour: UUID | None = None
    title: str
    type: str
    reference: str = ""
    status: NeighbourStatus
    by: str
    is_own: bool
    started_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    after_s: int | None = None
    countries: list[str] = []
    parties: list[str] = []
    signals: int = 0
    adds: int = 0


class EventOut(BaseModel):
    """All activations about one event that a party may see, the earliest first.

    What they do not agree about:

    is_ended_in_part: some have ended, and others are active.
    countries_apart: countries of some crises, but not of all.
    span_s:          seconds between the first activation and the last.
    not_own:         activations that the mechanism's own party has not confirmed.
    """

    event: UUID
    activations: list[ActivationOut]
    is_ended_in_part: bool
    countries_apart: list[str]
    span_s: int | None
    not_own: int


class RelatedCrisisOut(BaseModel):
    """Another crisis that may be about the same event.

    why: what they have in common; reason: given when they were linked by hand.
    """

    id: UUID
    name: str
    stage_title: str
    warned_at: AwareDatetime
    is_linked: bool
    why: str
    reason: str = ""


class CrisisOut(BaseModel):
    """A crisis, as a party reads it.

    event:           an id that all crises about the same event share.
    accepts_signals: in its current stage; a closed crisis accepts them until its tail ends.
    your_state:      your party's participation; None if it was not invited.
    in_room:         whether your party takes part, and so sees the situation log.
    """

    id: UUID
    name: str
    framework: str
    stage: str
    stage_title: str
    summary: str
    countries: list[str]
    exercise: bool
    opened_by: str
    event: UUID
    event_refs: list[str]
    happened_at: AwareDatetime | None
    warned_at: AwareDatetime
    activated_at: AwareDatetime | None
    deescalated_at: AwareDatetime | None
    closed_at: AwareDatetime | None
    tail_ends_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    close_reason: str
    accepts_signals: bool
    review: ReviewOut | None
    your_state: JoinState | None
    in_room: bool
    checks: list[CheckOut]


class CrisisLife(CrisisOut):
    """A crisis with its full history. Lists are oldest first; the latest triage counts.

    roles: of the response, for parties in the room.
    """

    triages: list[TriageOut]
    measures: list[MeasureOut]
    proposals: list[ProposalOut]
    reviews: list[ReviewOut]
    participants: list[ParticipantOut]
    roles: list[RoleOut]
    neighbours: list[NeighbourOut]
    alike: list[RelatedCrisisOut]


class CrisisClocks(BaseModel):
    """The times from which a crisis is counted. now: the time of this response."""

    now: AwareDatetime
    happened_at: AwareDatetime | None
    first_sighting_at: AwareDatetime | None
    warned_at: AwareDatetime
    activated_at: AwareDatetime | None
    first_signal_at: AwareDatetime | None
    last_variant_at: AwareDatetime | None
    closed_at: AwareDatetime | None
    tail_ends_at: AwareDatetime | None
