# SPDX-License-Identifier: Apache-2.0
"""Enums that several messages share. docs/glossary.md explains the terms."""

from enum import StrEnum
from functools import cached_property


class PartyKind(StrEnum):
    """Kind of organisation that takes part in the protocol."""

    AUTHORITY = "authority"
    AGENCY = "agency"
    PROVIDER = "provider"
    CONSORTIUM = "consortium"
    OBSERVER = "observer"


class Standing(StrEnum):
    """Standing of a party among the members. Only the word of members and trusted ones counts."""

    NEW = "new"
    MEMBER = "member"
    TRUSTED = "trusted"
    SUSPENDED = "suspended"


class Role(StrEnum):
    """Role of a person in their party."""

    DUTY_OFFICER = "duty_officer"
    ANALYST = "analyst"
    COORDINATOR = "coordinator"
    DATA_PROTECTION_OFFICER = "data_protection_officer"
    OBSERVER = "observer"
    ADMINISTRATOR = "administrator"


class Scope(StrEnum):
    """Permission of an API key, in addition to the limits of its party."""

    FEED_READ = "feed:read"
    SIGNALS_WRITE = "signals:write"
    FEEDBACK_WRITE = "feedback:write"
    CRISES_WRITE = "crises:write"
    METRICS_READ = "metrics:read"
    LEADS_WRITE = "leads:write"
    REQUESTS_READ = "requests:read"
    REFERRALS_WRITE = "referrals:write"
    ORDERS_WRITE = "orders:write"
    ANSWERS_WRITE = "answers:write"
    COMPLAINTS_WRITE = "complaints:write"
    WEBHOOKS_MANAGE = "webhooks:manage"
    PARTIES_WRITE = "parties:write"
    EXERCISES_RUN = "exercises:run"
    RETENTION_MANAGE = "retention:manage"
    PRIVATE_MATCH = "private:match"


class Duty(StrEnum):
    """Task for which a Member State designates an authority.

    source: Regulation (EU) 2021/784 Art. 12(1)(a) to (d), in this order.
    """

    ISSUE = "issue"
    SCRUTINISE = "scrutinise"
    MEASURES = "measures"
    PENALTIES = "penalties"


class Severity(StrEnum):
    """Severity of content, mildest first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @cached_property
    def rank(self) -> int:
        """Rank from 0, mildest first."""
        return list(Severity).index(self)


class Provenance(StrEnum):
    """Maker of the content. Frameworks focus on perpetrators; victims need protection."""

    PERPETRATOR = "perpetrator"
    ACCOMPLICE = "accomplice"
    BYSTANDER = "bystander"
    VICTIM = "victim"
    MEDIA = "media"
    UNKNOWN = "unknown"


class Reach(StrEnum):
    """Range of a URL signal, narrowest first."""

    ADDRESS = "address"
    FOLDER = "folder"
    HOST = "host"


class ApprovalState(StrEnum):
    """State of an approval: of an act that needs a second look by another person."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    TAKEN_BACK = "taken_back"
    EXPIRED = "expired"


class SignalState(StrEnum):
    """State of a signal. Only a live one matches.

    waiting: it is not shared before somebody has given it a second look. Only its sharer, and those
    who may decide, know of it.
    """

    WAITING = "waiting"
    LIVE = "live"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class DryRunOutcome(StrEnum):
    """Result that a row of a bulk would have, according to a dry run."""

    CREATED = "created"
    WAITING = "waiting"
    EXISTING = "existing"
    REFUSED = "refused"


class WithdrawReason(StrEnum):
    """Reason for withdrawing a signal."""

    MISTAKE = "mistake"
    NOT_VIOLATING = "not_violating"
    CONTEXT = "context"
    COMPLAINT_UPHELD = "complaint_upheld"
    ORDER_ANNULLED = "order_annulled"
    SUPERSEDED = "superseded"
    UNCONFIRMED = "unconfirmed"
    OTHER = "other"


class Opinion(StrEnum):
    """A party's opinion of a signal."""

    AGREE = "agree"
    DISPUTE = "dispute"
    SEEN = "seen"


class Action(StrEnum):
    """Action of a provider on content, mildest first. The hub never chooses it."""

    LOG = "log"
    HOLD = "hold"
    BLOCK = "block"

    @cached_property
    def rank(self) -> int:
        """Rank from 0, mildest first."""
        return list(Action).index(self)


class Outcome(StrEnum):
    """Outcome of matched content, as reported to the hub: counts only, never users."""

    BLOCKED = "blocked"
    HELD = "held"
    LOGGED = "logged"
    REVERSED = "reversed"


OUTCOME_OF = {
    Action.BLOCK: Outcome.BLOCKED,
    Action.HOLD: Outcome.HELD,
    Action.LOG: Outcome.LOGGED,
}


class CheckAnswer(StrEnum):
    """Answer to a question of an activation checklist."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class JoinState(StrEnum):
    """Participation of a party in a crisis. Only the party itself can join."""

    LEADS = "leads"
    INVITED = "invited"
    JOINED = "joined"
    DECLINED = "declined"
    LEFT = "left"
    UNINVITED = "uninvited"


class Capacity(StrEnum):
    """Capacity in which a party takes part in a crisis."""

    AFFECTED = "affected"
    SUPPORTING = "supporting"
    OBSERVER = "observer"


class ProposalAct(StrEnum):
    """Act that needs two people."""

    ACTIVATE = "activate"
    CLOSE = "close"


class AdoptionAnswer(StrEnum):
    """Answer to the question which signals of a crisis stay after it.

    suggested: those that are pre-selected. all: every live one. none: no more than were adopted.
    """

    SUGGESTED = "suggested"
    ALL = "all"
    NONE = "none"


class ProposalState(StrEnum):
    """State of a proposal."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class TriageOutcome(StrEnum):
    """Outcome of a triage, mildest first."""

    AS_USUAL = "as_usual"
    MONITOR = "monitor"
    ACTIVATE = "activate"

    @cached_property
    def rank(self) -> int:
        """Rank from 0, mildest first."""
        return list(TriageOutcome).index(self)


class ReviewDecision(StrEnum):
    """Decision of a review of a live crisis. The last is recorded by the hub for a stage change."""

    KEEP = "keep"
    DEESCALATE = "deescalate"
    MOVED = "moved"


class ArrivalState(StrEnum):
    """What became of a neighbour's message about an activation."""

    ENTERED = "entered"
    WAITING = "waiting"
    """No crisis here shares a name of its event: a person enters it."""
    REFUSED = "refused"


class NeighbourStatus(StrEnum):
    """Status of another mechanism's activation, as reported to us."""

    UNCONFIRMED = "unconfirmed"
    ACTIVE = "active"
    ENDED = "ended"


class MessageKind(StrEnum):
    """Kind of a message in the situation log."""

    OBSERVATION = "observation"
    QUESTION = "question"
    ANSWER = "answer"
    DECISION = "decision"
    PRESERVE = "preserve"
    DO_NOT_REMOVE = "do_not_remove"
    MEDIA_LINE = "media_line"
    TECHNICAL = "technical"
    HASHTAGS = "hashtags"


class Urgency(StrEnum):
    """Urgency of reading, least first."""

    ROUTINE = "routine"
    SOON = "soon"
    NOW = "now"


class PublicStatementState(StrEnum):
    """State of a public statement. Only an agreed one may be used."""

    PROPOSED = "proposed"
    AGREED = "agreed"
    OBJECTED = "objected"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


class Vote(StrEnum):
    """A party's vote on a proposed public statement."""

    AGREE = "agree"
    OBJECT = "object"


class LeadLevel(StrEnum):
    """Degree of knowledge about a threat to life, least first.

    source: Tech Against Terrorism, policy on threats to life: capability only, intent only, both
            without place, victim or time, both with one of them.
    """

    LOW = "low"
    MEDIUM = "medium"
    HIGH_UNSPECIFIC = "high_unspecific"
    HIGH_SPECIFIC = "high_specific"

    @cached_property
    def rank(self) -> int:
        """Rank from 0, least first."""
        return list(LeadLevel).index(self)


class LeadBasis(StrEnum):
    """Basis of reporting a lead: one of two duties of providers, or none."""

    TCO_14_5 = "tco_14_5"
    DSA_18 = "dsa_18"
    VOLUNTARY = "voluntary"


class CountryGround(StrEnum):
    """Reason why a lead concerns a country.

    source: Regulation (EU) 2022/2065 Art. 18(2) for the first three; Regulation (EU) 2021/784
            recital 41 for the others.
    """

    OFFENCE = "offence"
    SUSPECT = "suspect"
    VICTIM = "victim"
    OFFENDER_NATIONALITY = "offender_nationality"
    VICTIM_NATIONALITY = "victim_nationality"
    TARGET = "target"


class LeadState(StrEnum):
    """State of a lead."""

    REPORTED = "reported"
    RECEIVED = "received"
    PASSED_ON = "passed_on"
    CLOSED = "closed"


class LeadOutcome(StrEnum):
    """Outcome of a lead."""

    THREAT_AVERTED = "threat_averted"
    UNDER_INVESTIGATION = "under_investigation"
    NO_THREAT = "no_threat"
    DUPLICATE = "duplicate"
    NOT_OURS = "not_ours"


class ReportState(StrEnum):
    """State of a post-crisis report."""

    DRAFT = "draft"
    AGREED = "agreed"
    PUBLISHED = "published"


class ReportAudience(StrEnum):
    """Audience of a published report. public: every party, which may pass it on to anyone."""

    ROOM = "room"
    PARTIES = "parties"
    PUBLIC = "public"


class NoteTopic(StrEnum):
    """Topic of a debrief note."""

    WENT_WELL = "went_well"
    WENT_BADLY = "went_badly"
    IDEA = "idea"


class ExchangeKind(StrEnum):
    """Protocol of the other side of an exchange."""

    TAXII = "taxii"
    STOPNCII = "stopncii"
    MISP_FEED = "misp-feed"
    MISP = "misp"
    THREATEXCHANGE = "threatexchange"
    TCAP = "tcap"
    TX_FILE = "tx-file"
    OPENCTI = "opencti"


class Direction(StrEnum):
    """Direction of records in an exchange."""

    PULL = "pull"
    PUSH = "push"
    BOTH = "both"
