# SPDX-License-Identifier: Apache-2.0
"""Parse the [transparency] table of agent.toml: the provider's part of statements of reasons.

Without an address nothing is posted: `stemtide agent statements` writes a file for review.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlsplit

from stemtide.agent.config import values
from stemtide.agent.config.tables import ConfigError
from stemtide.client.connection import is_loopback
from stemtide.protocol.law.dsa.answers import api_address
from stemtide.protocol.law.dsa.statements import (
    TERRORIST_CATEGORY,
    TERRORIST_KEYWORD,
    StatementProblem,
    enum_values,
    lint,
)


class Ground(StrEnum):
    """The provider's ground for its blocks: its own terms, or a law."""

    TERMS = "terms"
    LAW = "law"


class Visibility(StrEnum):
    """Whether blocked content is disabled or removed."""

    DISABLED = "disabled"
    REMOVED = "removed"


class Automation(StrEnum):
    """Whether the policy decides alone, or with a person of the provider."""

    FULLY = "fully"
    PARTIALLY = "partially"


def word(enum: str) -> Callable[[object], str]:
    """Return a validator for one of the database's enums."""

    def read(value: object) -> str:
        allowed = enum_values(enum)
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}, not {value!r}")
        return str(value)

    return read


def database_address(value: object) -> str:
    """Validate the database's address. raises: ValueError if it is unsafe for a token."""
    address = values.address(value)
    parts = urlsplit(address)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ValueError(
            f"must begin with https://, not {address!r}: the token would travel readably"
        )
    return api_address(address)


@dataclass(frozen=True, slots=True)
class Transparency:
    """The provider's own part of each statement, and the address that statements are posted to.

    reference:      of the terms' section or the law's article. explanation: why the content is
                    against it. facts: replaces the agent's own text; "" for that text.
    content_type:   of content that was detected by a digest alone, such as CONTENT_TYPE_IMAGE.
    address:        of the Transparency Database; "" for none, so that nothing is posted.
    wait_s:         delay from block to statement; a block undone meanwhile is reported as ended.
    """

    ground: Annotated[Ground, 'say "terms" or "law": on what your blocks are based']
    reference: Annotated[str, "name the section of your terms, or the article of the law"]
    explanation: Annotated[
        str, "say why such content is against it, without personal data: it is public"
    ]
    territorial_scope: Annotated[
        frozenset[str],
        values.several(word("country")),
        'say where content is blocked, such as ["BE", "NL"]',
    ]
    reference_url: str = ""
    facts: str = ""
    visibility: Visibility = Visibility.DISABLED
    category: Annotated[str, word("category")] = TERRORIST_CATEGORY
    content_type: Annotated[str, word("content_type")] = "CONTENT_TYPE_OTHER"
    source_type: Annotated[str, word("source_type")] = "SOURCE_TYPE_OTHER_NOTIFICATION"
    automated_decision: Automation = Automation.FULLY
    address: Annotated[str, database_address] = ""
    token: Annotated[str, values.bearer_token] = field(default="", repr=False)
    wait_s: Annotated[float, values.seconds(0, 604_800)] = 3600.0

    @property
    def is_posting(self) -> bool:
        """Whether the agent posts by itself."""
        return bool(self.address)

    def check(self) -> None:
        """Reject settings that every statement would be rejected for. raises: ConfigError."""
        if problem := first_problem(self):
            raise ConfigError(f"transparency.{problem[0]}", problem[1])
        if self.is_posting and not self.token:
            raise ConfigError("transparency.token", "is missing; name a file with it in token_file")


def common_fields(settings: Transparency) -> dict[str, Any]:
    """Return the fields that every statement of this provider has."""
    is_law = settings.ground is Ground.LAW
    ground = "illegal_content" if is_law else "incompatible_content"
    fields: dict[str, Any] = {
        "decision_visibility": [f"DECISION_VISIBILITY_CONTENT_{settings.visibility.upper()}"],
        "decision_ground": f"DECISION_GROUND_{ground.upper()}",
        "illegal_content_legal_ground" if is_law else "incompatible_content_ground": (
            settings.reference
        ),
        f"{ground}_explanation": settings.explanation,
        "category": settings.category,
        "category_specification": [TERRORIST_KEYWORD],
        "territorial_scope": sorted(settings.territorial_scope),
        "source_type": settings.source_type,
        "automated_detection": "Yes",
        "automated_decision": f"AUTOMATED_DECISION_{settings.automated_decision.upper()}",
    }
    if settings.reference_url:
        fields["decision_ground_reference_url"] = settings.reference_url
    return fields


_SAMPLE_VALUES = {"content_date": "2026-01-01", "application_date": "2026-01-01", "puid": "0"}
_SETTING_OF = {
    "decision_ground_reference_url": "reference_url",
    "illegal_content_legal_ground": "reference",
    "incompatible_content_ground": "reference",
    "illegal_content_explanation": "explanation",
    "incompatible_content_explanation": "explanation",
    "decision_facts": "facts",
}


def first_problem(settings: Transparency) -> tuple[str, str] | None:
    """Return the first setting that makes statements invalid, and why; None if all are valid.

    Found at the start rather than with each statement.
    """
    sample: Mapping[str, object] = {
        **common_fields(settings),
        **_SAMPLE_VALUES,
        "content_type": ["CONTENT_TYPE_IMAGE"],
        "decision_facts": settings.facts or "Matched.",
    }
    problem: StatementProblem | None = next(iter(lint(sample)), None)
    return (_SETTING_OF.get(problem.name, problem.name), problem.message) if problem else None
