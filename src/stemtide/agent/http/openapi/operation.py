# SPDX-License-Identifier: Apache-2.0
"""Description of one operation in the agent's OpenAPI document."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

BYTES: dict[str, Any] = {"type": "string", "format": "binary"}
"""Schema of a body of raw content."""

Body = type[BaseModel] | dict[str, Any]
"""A message class, or a literal schema."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a path or a query."""

    name: str
    schema: dict[str, Any]
    description: str
    place: str = "query"
    is_required: bool = False

    def row(self) -> dict[str, Any]:
        """Return it in OpenAPI's format."""
        return {
            "name": self.name,
            "in": self.place,
            "required": self.is_required,
            "description": self.description,
            "schema": self.schema,
        }


@dataclass(frozen=True, slots=True)
class Operation:
    """A route and its description.

    name:    the operationId.
    bodies:  request bodies by media type.
    answer:  a type that msgspec knows, several whose fields are merged, or a schema; None
             for a response without a body.
    others:  further media types of the response, with their schemas.
    errors:  statuses of error responses, as problem documents, or in HMA's shape if is_hma.
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
    """Return the schema of a string."""
    limits = {"pattern": pattern, "maxLength": most, "minLength": least}
    return {"type": "string"} | {name: limit for name, limit in limits.items() if limit}


def one_of(*words: str) -> dict[str, Any]:
    """Return the schema of an enum."""
    return {"type": "string", "enum": [*words]}


def in_path(name: str, schema: dict[str, Any], description: str) -> Parameter:
    """Return a path parameter."""
    return Parameter(name, schema, description, place="path", is_required=True)
