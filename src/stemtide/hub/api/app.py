# SPDX-License-Identifier: Apache-2.0
"""The ninja API: errors as problem documents, and additions to its OpenAPI schema."""

from typing import Any, NoReturn, TypedDict

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Router
from ninja.errors import HttpError, ValidationErrorContext
from ninja.openapi.schema import OpenAPISchema
from pydantic.json_schema import models_json_schema
from pydantic_core import ErrorDetails

from stemtide import __version__
from stemtide.hub.api import problems
from stemtide.hub.api.auth import Key
from stemtide.hub.api.bodies import take_json
from stemtide.protocol.enums import Scope
from stemtide.protocol.messages.signals import BulkIn
from stemtide.protocol.privacy.free_text import INSIST, INSIST_HEADER
from stemtide.protocol.problems import MEDIA_TYPE, Problem
from stemtide.protocol.sync.feed import FeedSignal, SnapshotHead, SnapshotTail, Wake
from stemtide.protocol.sync.signatures import Signed

SCHEMAS = "#/components/schemas/"

_EXTRA_MODELS = (Problem, BulkIn, FeedSignal, Signed, SnapshotHead, SnapshotTail, Wake)
"""Messages that no endpoint's signature names."""


PDF = {200: {"description": "A PDF", "content": {"application/pdf": {}}}}
"""The answer of an endpoint that gives paper, for its place in the schema."""

_PROBLEM = {
    "description": "What is wrong (RFC 9457)",
    "content": {MEDIA_TYPE: {"schema": {"$ref": f"{SCHEMAS}Problem"}}},
}


_HEADERS = {
    "RateLimit-Policy": {
        "description": "The policies that the request was counted under: q requests in w seconds",
        "schema": {"type": "string"},
        "example": '"reading";q=6000;w=60, "reading-party";q=24000;w=60',
    },
    "RateLimit": {
        "description": "What is left of each, the tightest first: r requests, for t more seconds",
        "schema": {"type": "string"},
        "example": '"reading";r=5999;t=60, "reading-party";r=23999;t=60',
    },
    "Retry-After": {
        "description": "After how many seconds the same may be sent again",
        "schema": {"type": "integer", "minimum": 1},
    },
}
_LIMITS = {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS}
_TOO_MANY = {
    **_PROBLEM,
    "description": "The key or its party used up what it may send (IETF,"
    " draft-ietf-httpapi-ratelimit-headers-11), or did too many acts that alert people: wait as"
    " Retry-After says",
    "headers": _LIMITS,
}


class EndpointArguments(TypedDict):
    """Decorator arguments of an endpoint for its API key and schema."""

    auth: Key
    openapi_extra: dict[str, Any]


def requires(scope: Scope | None, *others: Scope, **openapi: object) -> EndpointArguments:
    """Return the decorator arguments for a required scope (None: any key), and schema extras.

    others: scopes that do instead, for an endpoint of several sides.
    """
    either = " or ".join([scope, *others]) if scope else None
    return EndpointArguments(auth=Key(scope, *others), openapi_extra={"x-scope": either, **openapi})


class MachineApi(NinjaAPI):
    """A NinjaAPI with problem documents and strict bodies."""

    def add_router(self, prefix: str, router: Router | str, **options: Any) -> None:  # noqa: ANN401  # ninja's own
        """Mount a router whose endpoints validate their bodies in strict mode."""
        if isinstance(router, Router):
            take_json(router)
        super().add_router(prefix, router, **options)

    def validation_error_from_error_contexts(
        self, error_contexts: list[ValidationErrorContext[Any]]
    ) -> NoReturn:
        """Return pydantic's errors in path, query and body as a problem."""
        details: list[ErrorDetails] = []
        for context in error_contexts:
            # A body's paths begin with the name of the function's parameter.
            inside = 1 if context.model.__ninja_param_source__ == "body" else 0
            for error in context.pydantic_validation_error.errors(include_url=False):
                error["loc"] = error["loc"][inside:]
                details.append(error)
        raise problems.refuse(details)

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:  # noqa: ANN401  # ninja's own
        """Return the schema, with scopes, rate limit headers and problem responses added."""
        schema = super().get_openapi_schema(**options)
        _, more = models_json_schema(
            [(model, "validation") for model in _EXTRA_MODELS], ref_template=f"{SCHEMAS}{{model}}"
        )
        schema["components"]["schemas"].update(more["$defs"])
        schema["components"]["headers"] = _HEADERS
        schema["components"]["responses"] = {"TooMany": _TOO_MANY}
        for methods in schema["paths"].values():
            for operation in methods.values():
                scope = operation["x-scope"]
                key = f"Needs a key with the scope {scope}." if scope else "Any key will do."
                _refer_to_time_zones(operation)
                operation["description"] = f"{operation.get('description', '')}\n\n{key}".strip()
                answers = {
                    str(code): {
                        **response,
                        "headers": {**response.get("headers", {}), **_counted()},
                    }
                    for code, response in operation["responses"].items()
                }
                operation["responses"] = {
                    **answers,
                    "429": {"$ref": "#/components/responses/TooMany"},
                    "default": _PROBLEM,
                }
        return schema


def _refer_to_time_zones(operation: dict[str, Any]) -> None:
    """Replace the list of time zones, which ninja copies into each parameter, with a reference."""
    for parameter in operation.get("parameters", ()):
        copies = parameter["schema"].get("allOf", [])
        if any("Europe/Brussels" in copy.get("enum", ()) for copy in copies):
            parameter["schema"]["allOf"] = [{"$ref": f"{SCHEMAS}TimeZone"}]


def _counted() -> dict[str, object]:
    """Return the rate limit headers of a successful response."""
    return {name: reference for name, reference in _LIMITS.items() if name != "Retry-After"}


def answer_to(request: HttpRequest, error: Exception) -> HttpResponse:  # noqa: ARG001  # ninja's
    """Return the response to any error."""
    return problems.answer(problems.describe(error))


def machine() -> MachineApi:
    """Return an API without endpoints."""
    api = MachineApi(
        title="Stemtide hub",
        version=__version__,
        description="Share signals, follow the feed, report outcomes. See docs/use/api.md."
        " No text may contain the character U+0000. Text that looks like personal data is refused,"
        f" unless the header {INSIST_HEADER}: {INSIST} says that it is needed.",
        urls_namespace="api",
        docs_url=None,
    )
    for kind in (Exception, HttpError, *problems.TYPES):
        api.add_exception_handler(kind, answer_to)  # type: ignore[arg-type]  # only errors come
    return api
