# SPDX-License-Identifier: Apache-2.0
"""Conversion of all errors to problem documents (RFC 9457)."""

import logging
from collections.abc import Iterable, Sequence
from typing import Self

from django.core.exceptions import RequestDataTooBig
from django.db import DataError, InterfaceError, OperationalError
from django.http import HttpResponse
from ninja.errors import AuthenticationError
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stemtide.hub.api.error_formats import PROBLEM_DOCUMENT, ErrorFormat
from stemtide.hub.notifier import NoStreamLeftError, NotifierClosedError
from stemtide.hub.platform.documents.verification import AnotherDocumentError
from stemtide.hub.platform.errors import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
    RateLimitError,
    UnknownKeyError,
)
from stemtide.hub.rooms.allowlists.rules import AllowlistRefusedError
from stemtide.hub.rooms.orders.rules.lint import FlawedError
from stemtide.hub.rooms.private_matching.rules import NotEvaluatedError
from stemtide.hub.rooms.signals.rules.signals import BulkRefusedError, RefusedContentError
from stemtide.hub.rooms.snapshots.builder import GoneError
from stemtide.hub.rooms.snapshots.cache import SnapshotBusyError
from stemtide.hub.vitals import vitals
from stemtide.protocol.labels import RefusedLabelError
from stemtide.protocol.messages.signals import RowError
from stemtide.protocol.problems import WHOLE, FieldProblem, Problem, ProblemType, problem
from stemtide.protocol.validation import field_problem, summary, without_echoes

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 32 * 1024 * 1024
"""The largest body of a request."""

NEEDS_KEY = "send an API key as 'Authorization: Bearer st_…'; whoever runs the hub makes them"

TYPES: dict[type[Exception], ProblemType] = {
    UnknownKeyError: ProblemType.UNAUTHENTICATED,
    AuthenticationError: ProblemType.UNAUTHENTICATED,
    NotAllowedError: ProblemType.NOT_ALLOWED,
    NotFoundError: ProblemType.NOT_FOUND,
    ConflictError: ProblemType.CONFLICT,
    GoneError: ProblemType.GONE,
    SnapshotBusyError: ProblemType.NOT_READY,
    InvalidError: ProblemType.INVALID,
    AllowlistRefusedError: ProblemType.INVALID,
    BulkRefusedError: ProblemType.INVALID,
    FlawedError: ProblemType.INVALID,
    RateLimitError: ProblemType.TOO_MANY,
    AnotherDocumentError: ProblemType.TOO_MANY,
    RefusedContentError: ProblemType.REFUSED_AND_ROUTED,
    RefusedLabelError: ProblemType.REFUSED_AND_ROUTED,
    DataError: ProblemType.INVALID,
    OverflowError: ProblemType.INVALID,
    RequestDataTooBig: ProblemType.TOO_LARGE,
    OperationalError: ProblemType.NOT_READY,
    InterfaceError: ProblemType.NOT_READY,
    NotifierClosedError: ProblemType.NOT_READY,
    NoStreamLeftError: ProblemType.NOT_READY,
    NotEvaluatedError: ProblemType.NOT_READY,
}
"""Problem type of each error. Errors that are missing here are internal and not described."""

DETAILS: dict[type[Exception], str] = {
    AuthenticationError: NEEDS_KEY,
    DataError: "a number, a time or a text lies outside what can be kept: check them",
    OverflowError: "a number or a time lies outside what can be kept: check them",
    SnapshotBusyError: "snapshots are being made just now: ask again in a few seconds",
    RequestDataTooBig: f"a body holds at most {MAX_BODY_BYTES} bytes: send it in smaller parts",
    OperationalError: "the hub's database does not answer: try again in a few seconds",
    InterfaceError: "the hub's database does not answer: try again in a few seconds",
    NotifierClosedError: "the hub is stopping: connect again in a few seconds",
    NoStreamLeftError: "the hub has as many streams open as it may have: connect again later, or"
    " ask whoever runs it for more (STEMTIDE_STREAMS)",
}
"""Message of errors whose own text is not meant for the caller."""

BY_STATUS: dict[int, tuple[ProblemType, str]] = {
    400: (
        ProblemType.MALFORMED,
        "the hub cannot read this: check address, body and Host (STEMTIDE_ALLOWED_HOSTS)",
    ),
    404: (ProblemType.NOT_FOUND, "there is no such address: see /api/v1/openapi.json"),
    405: (ProblemType.WRONG_METHOD, "this address does not take that method"),
    413: (ProblemType.TOO_LARGE, DETAILS[RequestDataTooBig]),
}
"""Problem of responses that were not made by our routes."""

_RETRY_AFTER_S = 2


class ProblemError(Exception):
    """An error of the HTTP layer, with its problem document."""

    def __init__(
        self, which: ProblemType, detail: str, *, errors: Sequence[FieldProblem] = ()
    ) -> None:
        super().__init__(detail)
        self.problem = problem(which, detail, errors=list(errors))

    @classmethod
    def of(cls, document: Problem) -> Self:
        """Return the error of an existing problem document."""
        error = cls(ProblemType(document.type.rpartition("/")[2]), document.detail)
        error.problem = document
        return error


def answer(document: Problem, *, error_format: ErrorFormat = PROBLEM_DOCUMENT) -> HttpResponse:
    """Return a problem document as a response, or the same in another protocol's format."""
    response = HttpResponse(
        error_format.write(document), status=document.status, content_type=error_format.media_type
    )
    for name, value in headers(document, error_format=error_format).items():
        response.headers[name] = value
    return response


def headers(document: Problem, *, error_format: ErrorFormat = PROBLEM_DOCUMENT) -> dict[str, str]:
    """Return the headers that a problem needs besides its media type."""
    which = ProblemType(document.type.rpartition("/")[2])
    if which is ProblemType.UNAUTHENTICATED:
        return {"WWW-Authenticate": error_format.challenge}
    wait_s = _RETRY_AFTER_S if which is ProblemType.NOT_READY else document.retry_after_s
    return {"Retry-After": str(wait_s)} if wait_s else {}


def describe(error: Exception) -> Problem:
    """Return the problem document of any error; unexpected ones are logged, without details."""
    if isinstance(error, ProblemError):
        return error.problem
    which = next(
        (TYPES[error_type] for error_type in type(error).__mro__ if error_type in TYPES), None
    )
    if which is None:
        log.error("an unexpected error at the door for machines", exc_info=error)
        return unexpected()
    if which is ProblemType.NOT_READY:
        log.warning("not ready: %s", error)
        vitals.record_error(error)
    detail = next(
        (DETAILS[error_type] for error_type in type(error).__mro__ if error_type in DETAILS), None
    )
    wait_s = error.retry_after_s if isinstance(error, RateLimitError) else None
    if isinstance(error, AnotherDocumentError):
        wait_s = _RETRY_AFTER_S
    return problem(which, detail or str(error), errors=_errors_of(error), retry_after_s=wait_s)


def unexpected() -> Problem:
    """Return the problem document of an unexpected error, without details."""
    detail = "the hub could not do this and has noted why: try again, then tell whoever runs it"
    return problem(ProblemType.INTERNAL, detail)


def below(status: int, *, allow: str = "") -> Problem:
    """Return the problem of a response that our routes did not make. allow: allowed methods."""
    if status not in BY_STATUS:
        return unexpected()
    which, detail = BY_STATUS[status]
    return problem(which, f"{detail}: use {allow}" if allow else detail)


def refuse(errors: Iterable[ErrorDetails]) -> ProblemError:
    """Return pydantic's errors as a problem."""
    errors = without_echoes(errors)
    refused = next((error for error in errors if is_refused(error)), None)
    fields = [field_problem(error) for error in errors]
    which = ProblemType.REFUSED_AND_ROUTED if refused else ProblemType.INVALID
    return ProblemError(which, summary(fields), errors=fields)


def is_refused(error: ErrorDetails) -> bool:
    """Whether a field has a label of content that belongs to another channel."""
    return isinstance(error.get("ctx", {}).get("error"), RefusedLabelError)


def row_error(error: ValidationError, *, row: int) -> RowError:
    """Return the error of a bulk's row: its first invalid field, and the names of the others."""
    details = without_echoes(error.errors(include_url=False))
    first, *rest = [field_problem(detail) for detail in details]
    others = sorted({field_error.field for field_error in rest} - {first.field})
    also = f" (also wrong: {', '.join(others)})" if others else ""
    field = "" if first.field == WHOLE else first.field
    return RowError(row=row, field=field, message=f"{first.message}{also}")


def _errors_of(error: Exception) -> list[FieldProblem]:
    """Return the fields that an error names."""
    if isinstance(error, InvalidError):
        return [FieldProblem(field=error.field, message=error.message)]
    if isinstance(error, FlawedError):
        return [
            FieldProblem(field=finding.field, message=finding.message) for finding in error.findings
        ]
    if isinstance(error, BulkRefusedError | AllowlistRefusedError):
        rows = "signals" if isinstance(error, BulkRefusedError) else "entries"
        return [
            FieldProblem(
                field=f"{rows}.{row_problem.row}.{row_problem.field}".rstrip("."),
                message=row_problem.message,
                row=row_problem.row,
            )
            for row_problem in error.errors
        ]
    return []


def refused_bulk(error: BulkRefusedError, *, is_routed: bool) -> ProblemError:
    """Return the problem of a refused bulk. is_routed: it has labels of another channel."""
    refused = is_routed or error.is_routed
    which = ProblemType.REFUSED_AND_ROUTED if refused else ProblemType.INVALID
    return ProblemError(which, str(error), errors=_errors_of(error))
