# SPDX-License-Identifier: Apache-2.0
"""Enums of complaints. docs/glossary.md explains the terms."""

from enum import StrEnum


class ComplaintBasis(StrEnum):
    """Basis of the decision that a complaint is about."""

    SIGNAL = "signal"
    REFERRAL = "referral"
    ORDER = "order"
    OWN = "own"


class Restriction(StrEnum):
    """Measure taken on the content, mildest first."""

    HELD = "held"
    RESTRICTED = "restricted"
    BLOCKED = "blocked"
    REMOVED = "removed"


class ComplaintState(StrEnum):
    """State of a complaint, as in machines/complaint.toml."""

    FILED = "filed"
    IN_REVIEW = "in_review"
    UPHELD = "upheld"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class RedressState(StrEnum):
    """State of a request for redress, as in machines/redress.toml."""

    ASKED = "asked"
    KEPT = "kept"
    GRANTED = "granted"
    ACCEPTED = "accepted"
    MOOT = "moot"


class Exemption(StrEnum):
    """Context in which content is not terrorist content; none if no such context applies.

    source: Regulation (EU) 2021/784 Art. 1(3); evidence: our own, for records of crimes.
    """

    NEWS = "news"
    EDUCATION = "education"
    ART = "art"
    RESEARCH = "research"
    COUNTER_SPEECH = "counter_speech"
    EVIDENCE = "evidence"
    NONE = "none"


class ComplaintFinding(StrEnum):
    """Error that an upheld complaint found.

    content: in the decision on this content; its basis remains valid.
    ground:  in the basis of the decision: a wrong signal is wrong wherever it matches.
    """

    CONTENT = "content"
    GROUND = "ground"
