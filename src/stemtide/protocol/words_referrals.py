# SPDX-License-Identifier: Apache-2.0
"""The words of referrals and holds, each once. docs/glossary.md explains them."""

from enum import StrEnum


class ReferralState(StrEnum):
    """Where a referral stands. machines/referral.toml says what leads where."""

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
    """Where a hold stands. machines/hold.toml says what leads where."""

    PLACED = "placed"
    LIFTED = "lifted"
    EXPIRED = "expired"


class ContentType(StrEnum):
    """What kind of content an address leads to."""

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
    """What a provider answers to a referral: freely, for it is bound to nothing."""

    REMOVED = "removed"
    DISABLED = "disabled"
    GEO_BLOCKED = "geo_blocked"
    REFUSED = "refused"
    NOT_FOUND = "not_found"
    NEEDS_CONTEXT = "needs_context"


class RefusalReason(StrEnum):
    """Why a provider leaves referred content where it is."""

    WITHIN_TERMS = "within_terms"
    NEWS_OR_EDUCATION = "news_or_education"
    COUNTER_SPEECH = "counter_speech"
    NOT_OURS = "not_ours"
    NO_GROUNDS_GIVEN = "no_grounds_given"
    UNDER_COMPLAINT = "under_complaint"
    OTHER = "other"


class DropReason(StrEnum):
    """Why assessed content is not referred."""

    LAWFUL = "lawful"
    WITHIN_TERMS = "within_terms"
    INVESTIGATION = "investigation"
    DUPLICATE = "duplicate"
    GONE = "gone"
    ORDERED = "ordered"
    OTHER = "other"


class TakeBackReason(StrEnum):
    """Why a sent referral is withdrawn."""

    MISTAKE = "mistake"
    NOT_VIOLATING = "not_violating"
    CONTEXT = "context"
    DUPLICATE = "duplicate"
    ORDERED = "ordered"
    OTHER = "other"


class HoldReason(StrEnum):
    """Why content should not be acted on yet. It says no more of a case than that."""

    INVESTIGATION = "investigation"
    OPERATION = "operation"
    THREAT_TO_LIFE = "threat_to_life"
    EVIDENCE = "evidence"
    VICTIM = "victim"


class ReceiptVia(StrEnum):
    """By which way a request reached its addressee first."""

    API = "api"
    DESK = "desk"
    WEBHOOK = "webhook"
    MAIL = "mail"
    LINK = "link"


class FindingKind(StrEnum):
    """What a search before sending found."""

    OWN = "own"
    REFERRED = "referred"
    SIMILAR = "similar"
    HELD = "held"


class RowOutcome(StrEnum):
    """What became of one row of a batch, or would become of it."""

    SENT = "sent"
    HELD = "held"
    DUPLICATE = "duplicate"
    REFERRED_BY_OTHERS = "referred_by_others"
    UNKNOWN_PROVIDER = "unknown_provider"
    BAD_URL = "bad_url"
    INVALID = "invalid"
