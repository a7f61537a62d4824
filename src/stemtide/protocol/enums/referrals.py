# SPDX-License-Identifier: Apache-2.0
"""Enums of referrals and holds. docs/glossary.md explains the terms."""

from enum import StrEnum


class ReferralState(StrEnum):
    """State of a referral. Moves between states are data: machines/referral.toml."""

    ASSESSED = "assessed"
    HELD = "held"
    NOT_REFERRED = "not_referred"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    NEEDS_CONTEXT = "needs_context"
    REMOVED = "removed"
    DISABLED = "disabled"
    GEO_BLOCKED = "geo_blocked"
    REFUSED = "refused"
    NOT_FOUND = "not_found"
    REINSTATED = "reinstated"
    WITHDRAWN = "withdrawn"


class HoldState(StrEnum):
    """State of a hold. Moves between states are data: machines/hold.toml."""

    PLACED = "placed"
    LIFTED = "lifted"
    EXPIRED = "expired"


class ContentType(StrEnum):
    """Type of content at a URL."""

    VIDEO = "video"
    IMAGE = "image"
    AUDIO = "audio"
    TEXT = "text"
    DOCUMENT = "document"
    LIVE_STREAM = "live_stream"
    ARCHIVE = "archive"
    LINKS = "links"
    ACCOUNT = "account"
    GROUP = "group"
    OTHER = "other"


class Answer(StrEnum):
    """Response of a provider to a referral, which does not bind it."""

    REMOVED = "removed"
    DISABLED = "disabled"
    GEO_BLOCKED = "geo_blocked"
    REFUSED = "refused"
    NOT_FOUND = "not_found"
    NEEDS_CONTEXT = "needs_context"


class RefusalReason(StrEnum):
    """Reason of a provider for leaving referred content where it is."""

    WITHIN_TERMS = "within_terms"
    NEWS_OR_EDUCATION = "news_or_education"
    COUNTER_SPEECH = "counter_speech"
    NOT_OURS = "not_ours"
    NO_GROUNDS_GIVEN = "no_grounds_given"
    UNDER_COMPLAINT = "under_complaint"
    OTHER = "other"


class DropReason(StrEnum):
    """Reason for not referring assessed content."""

    LAWFUL = "lawful"
    WITHIN_TERMS = "within_terms"
    INVESTIGATION = "investigation"
    DUPLICATE = "duplicate"
    GONE = "gone"
    ORDERED = "ordered"
    OTHER = "other"


class TakeBackReason(StrEnum):
    """Reason for withdrawing a sent referral."""

    MISTAKE = "mistake"
    NOT_VIOLATING = "not_violating"
    CONTEXT = "context"
    DUPLICATE = "duplicate"
    ORDERED = "ordered"
    OTHER = "other"


class HoldReason(StrEnum):
    """Reason for not acting on content yet, without details of the case."""

    INVESTIGATION = "investigation"
    OPERATION = "operation"
    THREAT_TO_LIFE = "threat_to_life"
    EVIDENCE = "evidence"
    VICTIM = "victim"


class ReceiptVia(StrEnum):
    """Channel by which a request first reached its addressee."""

    API = "api"
    DESK = "desk"
    WEBHOOK = "webhook"
    MAIL = "mail"
    LINK = "link"


class FindingKind(StrEnum):
    """Kind of finding of the search before sending."""

    OWN = "own"
    REFERRED = "referred"
    SIMILAR = "similar"
    HELD = "held"


class RowOutcome(StrEnum):
    """Result of a row of a batch, or of its dry run."""

    SENT = "sent"
    HELD = "held"
    DUPLICATE = "duplicate"
    REFERRED_BY_OTHERS = "referred_by_others"
    UNKNOWN_PROVIDER = "unknown_provider"
    BAD_URL = "bad_url"
    INVALID = "invalid"
