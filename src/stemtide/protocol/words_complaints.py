# SPDX-License-Identifier: Apache-2.0
"""The words of complaints, each once. docs/glossary.md explains them."""

from enum import StrEnum


class ComplaintBasis(StrEnum):
    """What the decision complained of rests on."""

    SIGNAL = "signal"
    REFERRAL = "referral"
    ORDER = "order"
    OWN = "own"


class Restriction(StrEnum):
    """What was done to the content, mildest first."""

    HELD = "held"
    RESTRICTED = "restricted"
    BLOCKED = "blocked"
    REMOVED = "removed"


class ComplaintState(StrEnum):
    """Where a complaint stands: the states of machines/complaint.toml."""

    FILED = "filed"
    IN_REVIEW = "in_review"
    UPHELD = "upheld"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class RedressState(StrEnum):
    """Where what was asked of somebody stands: the states of machines/redress.toml."""

    ASKED = "asked"
    KEPT = "kept"
    GRANTED = "granted"
    ACCEPTED = "accepted"
    MOOT = "moot"


class Exemption(StrEnum):
    """Why content is no terrorist content in its context, or that none of it applies.

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
    """What an upheld complaint found to be wrong.

    content: this content alone; what the decision rests on stands.
    ground:  what the decision rests on: a wrong signal is wrong wherever it matches.
    """

    CONTENT = "content"
    GROUND = "ground"
