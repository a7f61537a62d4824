# SPDX-License-Identifier: Apache-2.0
"""One operation of the agent as its OpenAPI document describes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

BYTES: dict[str, Any] = {"type": "string", "format": "binary"}
"""The schema of a body that is content."""

Body = type[BaseModel] | dict[str, Any]
"""A message, or a schema written out."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a path or a query."""

    name: str
    schema: dict[str, Any]
    what: str
    place: str = "query"
    is_required: bool = False

    def row(self) -> dict[str, Any]:
        """As OpenAPI writes it."""
        return {
            "name": self.name,
            "in": self.place,
            "required": self.is_required,
            "description": self.what,
            "schema": self.schema,
        }


@dataclass(frozen=True, slots=True)
class Operation:
    """A route and what stands about it in the document.

    name:    the operationId.
    bodies:  what may be sent, by media type.
    answer:  a type that msgspec knows, several whose fields are put together, or a schema; None
             for an answer without a body.
    others:  further media types of the answer, with their schemas.
    errors:  statuses of refusals, told as a problem document, or in HMA's shape where is_hma.
    is_open: answered without the token.
    """

    method: str
    path: str
    name: str
    summary: str
    answer: Any
    parameters: tuple[Parameter, ...] = ()
    bodies: Mapping[str, Body] = field(default_factory=dict)
    is_body_needed: bool = True
    status: int = 200
    media_type: str = "application/json"
    others: dict[str, Any] = field(default_factory=dict)
    errors: tuple[int, ...] = ()
    is_hma: bool = False
    is_open: bool = False


def text(*, pattern: str = "", most: int = 0, least: int = 0) -> dict[str, Any]:
    """The schema of a text."""
    limits = {"pattern": pattern, "maxLength": most, "minLength": least}
    return {"type": "string"} | {name: limit for name, limit in limits.items() if limit}


def one_of(*words: str) -> dict[str, Any]:
    """The schema of one of some words."""
    return {"type": "string", "enum": [*words]}


def in_path(name: str, schema: dict[str, Any], what: str) -> Parameter:
    """A parameter of a path."""
    return Parameter(name, schema, what, place="path", is_required=True)
