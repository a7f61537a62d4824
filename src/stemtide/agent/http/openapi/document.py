# SPDX-License-Identifier: Apache-2.0
"""Build the agent's OpenAPI document: GET /openapi.json.

Pydantic describes request bodies, and msgspec describes responses. A test compares the document
with the routes.

source: OpenAPI Specification 3.1.1.
"""

import inspect
from collections.abc import Iterable, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any, Literal

import msgspec
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from stemtide import __version__
from stemtide.agent.http.openapi.hma import HMA
from stemtide.agent.http.openapi.operation import Operation
from stemtide.agent.http.openapi.own import OWN
from stemtide.protocol.problems import MEDIA_TYPE, Problem

OPERATIONS: tuple[Operation, ...] = (*OWN, *HMA)
"""All operations, in the order of the document."""

_REF = "#/components/schemas/{}"
_ABOUT = """The API that a provider's own systems call on their agent. If `token` is set, every
request must send it, except `/health` and `/status`; otherwise none does. An error is a problem
document (RFC 9457), or has HMA's shape on HMA's routes."""


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    models = _models(OPERATIONS)
    schemas, refs = _schemas(OPERATIONS, models)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        path = paths.setdefault(operation.path, {})
        path[operation.method.lower()] = _row(operation, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Stemtide agent",
            "version": __version__,
            "description": inspect.cleandoc(_ABOUT),
        },
        "security": [{"bearer": []}, {"basic": []}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _models(operations: Iterable[Operation]) -> list[type[BaseModel]]:
    """Return the models of request bodies."""
    bodies = [body for operation in operations for body in operation.bodies.values()]
    return list(dict.fromkeys(body for body in bodies if not isinstance(body, dict)))


def _schemas(
    operations: Sequence[Operation], models: Sequence[type[BaseModel]]
) -> tuple[dict[str, Any], dict[int, Any]]:
    """Return all named schemas, and the schema of each type by its id: not all are hashable."""
    modes: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [
        *((model, "validation") for model in models),
        (Problem, "serialization"),
    ]
    named, read = models_json_schema(modes, ref_template=_REF.format("{model}"))
    types = [kind for operation in operations for kind in _types(operation)]
    answers, written = msgspec.json.schema_components(types, ref_template=_REF.format("{name}"))
    refs = {id(model): schema for (model, _), schema in named.items()}
    refs |= {id(kind): schema for kind, schema in zip(types, answers, strict=True)}
    return written | read["$defs"], refs


def _types(operation: Operation) -> tuple[Any, ...]:
    """Return the types that a response is made of."""
    answer = operation.answer
    if answer is None or isinstance(answer, dict):
        return ()
    return answer if isinstance(answer, tuple) else (answer,)


def _row(operation: Operation, refs: dict[int, Any]) -> dict[str, Any]:
    """Describe one operation."""
    row: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": ["HMA" if operation.is_hma else "Agent"],
        "responses": _answers(operation, refs),
    }
    if operation.is_open:
        row["security"] = [{}]
    if operation.parameters:
        row["parameters"] = [parameter.row() for parameter in operation.parameters]
    if operation.bodies:
        content = {kind: {"schema": _of(body, refs)} for kind, body in operation.bodies.items()}
        row["requestBody"] = {"required": operation.is_body_needed, "content": content}
    return row


def _answers(operation: Operation, refs: dict[int, Any]) -> dict[str, Any]:
    """Describe the possible responses."""
    content = {}
    if operation.answer is not None:
        content = {operation.media_type: {"schema": _of(operation.answer, refs)}}
    content |= {kind: {"schema": schema} for kind, schema in operation.others.items()}
    responses = {str(operation.status): _answer(operation.status, content)}
    for status in sorted({*operation.errors, *(() if operation.is_open else (401,)), 403}):
        responses[str(status)] = _answer(status, _refusal(operation, status))
    return responses


def _answer(status: int, content: dict[str, Any]) -> dict[str, Any]:
    description: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    return description | ({"content": content} if content else {})


def _refusal(operation: Operation, status: int) -> dict[str, Any]:
    """Describe an error response; the middleware always sends problem documents."""
    problem = {MEDIA_TYPE: {"schema": {"$ref": _REF.format("Problem")}}}
    if not operation.is_hma or status == HTTPStatus.UNAUTHORIZED:
        return problem
    message = {
        "type": "object",
        "properties": {"message": {"type": "string"}},
        "required": ["message"],
    }
    by_media_type = {"application/json": {"schema": message}}
    return by_media_type | problem if status == HTTPStatus.FORBIDDEN else by_media_type


def _of(kind: Any, refs: dict[int, Any]) -> Any:  # noqa: ANN401 - a type, or a schema
    if isinstance(kind, tuple):
        return {"allOf": [refs[id(part)] for part in kind]}
    return kind if isinstance(kind, dict) else refs[id(kind)]
