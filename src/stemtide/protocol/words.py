# SPDX-License-Identifier: Apache-2.0
"""The words of the field, each once. docs/glossary.md explains them."""

from enum import StrEnum


class PartyKind(StrEnum):
    """What an organisation in the protocol is."""

    AUTHORITY = "authority"
    AGENCY = "agency"
    PROVIDER = "provider"
    CONSORTIUM = "consortium"
    OBSERVER = "observer"


class Role(StrEnum):
    """What a person does for their party."""

    DUTY_OFFICER = "duty_officer"
    ANALYST = "analyst"
    COORDINATOR = "coordinator"
    DATA_PROTECTION_OFFICER = "data_protection_officer"
    OBSERVER = "observer"
    ADMINISTRATOR = "administrator"


class Scope(StrEnum):
    """What an API key may do; it never allows more than its party may."""

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


class Duty(StrEnum):
    """For what a Member State names an authority.

    source: Regulation (EU) 2021/784 Art. 12(1)(a) to (d), in this order.
    """

    ISSUE = "issue"
    SCRUTINISE = "scrutinise"
    MEASURES = "measures"
    PENALTIES = "penalties"


class Severity(StrEnum):
    """How grave the content is, mildest first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for the mildest."""
        return list(Severity).index(self)


class Provenance(StrEnum):
    """Who made the content. Frameworks centre on perpetrators; victims need protection."""

    PERPETRATOR = "perpetrator"
    ACCOMPLICE = "accomplice"
    BYSTANDER = "bystander"
    VICTIM = "victim"
    MEDIA = "media"
    UNKNOWN = "unknown"


class Reach(StrEnum):
    """How far a signal of a web address reaches, narrowest first."""

    ADDRESS = "address"
    FOLDER = "folder"
    HOST = "host"


class SignalState(StrEnum):
    """Where a signal stands. Only a live one matches."""

    LIVE = "live"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class WouldBe(StrEnum):
    """What a dry run says of one row of a bulk: what would become of it."""

    CREATED = "created"
    EXISTING = "existing"
    REFUSED = "refused"


class WithdrawReason(StrEnum):
    """Why a signal was taken back."""

    MISTAKE = "mistake"
    NOT_VIOLATING = "not_violating"
    CONTEXT = "context"
    COMPLAINT_UPHELD = "complaint_upheld"
    ORDER_ANNULLED = "order_annulled"
    SUPERSEDED = "superseded"
    OTHER = "other"


class Opinion(StrEnum):
    """What a party that looked at a signal says of it."""

    AGREE = "agree"
    DISPUTE = "dispute"
    SEEN = "seen"


class Action(StrEnum):
    """What a provider does to content, mildest first. The hub never chooses it."""

    LOG = "log"
    HOLD = "hold"
    BLOCK = "block"

    @property
    def rank(self) -> int:
        """0 for the mildest."""
        return list(Action).index(self)


class Outcome(StrEnum):
    """What became of content that matched, as reported to the hub: counts, never users."""

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
    """An answer to one test of an activation checklist."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class JoinState(StrEnum):
    """How a party stands to a crisis. It joins by its own act, and by nobody else's."""

    LEADS = "leads"
    INVITED = "invited"
    JOINED = "joined"
    DECLINED = "declined"
    LEFT = "left"
    UNINVITED = "uninvited"


class Capacity(StrEnum):
    """As what a party takes part in a crisis."""

    AFFECTED = "affected"
    SUPPORTING = "supporting"
    OBSERVER = "observer"


class ProposalAct(StrEnum):
    """What takes two people."""

    ACTIVATE = "activate"
    CLOSE = "close"


class ProposalState(StrEnum):
    """Where a proposal stands."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class TriageOutcome(StrEnum):
    """What a triage comes to, mildest first."""

    AS_USUAL = "as_usual"
    MONITOR = "monitor"
    ACTIVATE = "activate"

    @property
    def rank(self) -> int:
        """0 for the mildest."""
        return list(TriageOutcome).index(self)


class ReviewDecision(StrEnum):
    """What a review of a live crisis comes to. The last is the hub's own note of a move."""

    KEEP = "keep"
    DEESCALATE = "deescalate"
    MOVED = "moved"


class NeighbourStatus(StrEnum):
    """How another mechanism's activation stands, as far as we were told."""

    UNCONFIRMED = "unconfirmed"
    ACTIVE = "active"
    ENDED = "ended"


class MessageKind(StrEnum):
    """What a message of the situation log is."""

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
    """How soon somebody must read it, least first."""

    ROUTINE = "routine"
    SOON = "soon"
    NOW = "now"


class LineState(StrEnum):
    """Where a public line stands. Only an agreed one may be used."""

    PROPOSED = "proposed"
    AGREED = "agreed"
    OBJECTED = "objected"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


class Vote(StrEnum):
    """What a party says to a proposed line."""

    AGREE = "agree"
    OBJECT = "object"


class LeadLevel(StrEnum):
    """How much is known of a threat to life, least first.

    source: Tech Against Terrorism, policy on threats to life: capability only, intent only, both
            without place, victim or time, both with one of them.
    """

    LOW = "low"
    MEDIUM = "medium"
    HIGH_UNSPECIFIC = "high_unspecific"
    HIGH_SPECIFIC = "high_specific"

    @property
    def rank(self) -> int:
        """0 for the least."""
        return list(LeadLevel).index(self)


class LeadBasis(StrEnum):
    """Why a lead is reported: one of two duties of providers, or nobody's duty."""

    TCO_14_5 = "tco_14_5"
    DSA_18 = "dsa_18"
    VOLUNTARY = "voluntary"


class CountryGround(StrEnum):
    """Why a country is concerned by a lead.

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
    """Where a lead stands."""

    REPORTED = "reported"
    RECEIVED = "received"
    PASSED_ON = "passed_on"
    CLOSED = "closed"


class LeadOutcome(StrEnum):
    """What became of a lead."""

    THREAT_AVERTED = "threat_averted"
    UNDER_INVESTIGATION = "under_investigation"
    NO_THREAT = "no_threat"
    DUPLICATE = "duplicate"
    NOT_OURS = "not_ours"


class ReportState(StrEnum):
    """Where a post-crisis report stands."""

    DRAFT = "draft"
    AGREED = "agreed"
    PUBLISHED = "published"


class ReportAudience(StrEnum):
    """Who reads a published report. public: every party, who may pass it on to anyone."""

    ROOM = "room"
    PARTIES = "parties"
    PUBLIC = "public"


class NoteTopic(StrEnum):
    """What a debrief note is about."""

    WENT_WELL = "went_well"
    WENT_BADLY = "went_badly"
    IDEA = "idea"


class ExchangeKind(StrEnum):
    """What the other side speaks."""

    TAXII = "taxii"
    STOPNCII = "stopncii"
    MISP_FEED = "misp-feed"


class Direction(StrEnum):
    """Which way records go."""

    PULL = "pull"
    PUSH = "push"
    BOTH = "both"
