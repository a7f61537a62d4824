# SPDX-License-Identifier: Apache-2.0
"""The one place where errors become problem documents (RFC 9457)."""

import logging
from collections.abc import Iterable, Sequence
from typing import Self

from django.core.exceptions import RequestDataTooBig
from django.db import DataError, InterfaceError, OperationalError
from django.http import HttpResponse
from ninja.errors import AuthenticationError
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stemtide.hub.api.tongues import OURS, Tongue
from stemtide.hub.orders.rules_lint import FlawedError
from stemtide.hub.papers.verifying import AnotherDocumentError
from stemtide.hub.parties.rules import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
    TooManyError,
    UnknownKeyError,
)
from stemtide.hub.signals.rules import BulkRefusedError
from stemtide.hub.snapshots.keeping import BusyError
from stemtide.hub.snapshots.making import GoneError
from stemtide.hub.vitals import vitals
from stemtide.hub.wake import NoStreamLeftError, WakesClosedError
from stemtide.protocol.labels import RefusedLabelError
from stemtide.protocol.problems import (
    WHOLE,
    FieldProblem,
    Problem,
    ProblemType,
    problem,
)
from stemtide.protocol.problems_found import field_problem, summary, without_echoes
from stemtide.protocol.signals import RowError

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
    BusyError: ProblemType.NOT_READY,
    InvalidError: ProblemType.INVALID,
    BulkRefusedError: ProblemType.INVALID,
    FlawedError: ProblemType.INVALID,
    TooManyError: ProblemType.TOO_MANY,
    AnotherDocumentError: ProblemType.TOO_MANY,
    RefusedLabelError: ProblemType.REFUSED_AND_ROUTED,
    DataError: ProblemType.INVALID,
    OverflowError: ProblemType.INVALID,
    RequestDataTooBig: ProblemType.TOO_LARGE,
    OperationalError: ProblemType.NOT_READY,
    InterfaceError: ProblemType.NOT_READY,
    WakesClosedError: ProblemType.NOT_READY,
    NoStreamLeftError: ProblemType.NOT_READY,
}
"""Which problem each error of the rooms is. What is not here says nothing about us."""

DETAILS: dict[type[Exception], str] = {
    AuthenticationError: NEEDS_KEY,
    DataError: "a number, a time or a text lies outside what can be kept: check them",
    OverflowError: "a number or a time lies outside what can be kept: check them",
    BusyError: "snapshots are being made just now: ask again in a few seconds",
    RequestDataTooBig: f"a body holds at most {MAX_BODY_BYTES} bytes: send it in smaller parts",
    OperationalError: "the hub's database does not answer: try again in a few seconds",
    InterfaceError: "the hub's database does not answer: try again in a few seconds",
    WakesClosedError: "the hub is stopping: connect again in a few seconds",
    NoStreamLeftError: "the hub has as many streams open as it may have: connect again later, or"
    " ask whoever runs it for more (STEMTIDE_STREAMS)",
}
"""What is said where an error's own words are not for the caller."""

BY_STATUS: dict[int, tuple[ProblemType, str]] = {
    400: (
        ProblemType.MALFORMED,
        "the hub cannot read this: check address, body and Host (STEMTIDE_ALLOWED_HOSTS)",
    ),
    404: (ProblemType.NOT_FOUND, "there is no such address: see /api/v1/openapi.json"),
    405: (ProblemType.WRONG_METHOD, "this address does not take that method"),
    413: (ProblemType.TOO_LARGE, DETAILS[RequestDataTooBig]),
}
"""What is said of answers that come from below our routes."""

_RETRY_AFTER_S = 2


class ProblemError(Exception):
    """Something that the door itself finds wrong."""

    def __init__(
        self, which: ProblemType, detail: str, *, errors: Sequence[FieldProblem] = ()
    ) -> None:
        super().__init__(detail)
        self.problem = problem(which, detail, errors=list(errors))

    @classmethod
    def of(cls, found: Problem) -> Self:
        """The error of a problem that is told already."""
        error = cls(ProblemType(found.type.rpartition("/")[2]), found.detail)
        error.problem = found
        return error


def answer(found: Problem, *, tongue: Tongue = OURS) -> HttpResponse:
    """A problem document as an answer, or the same in another protocol's shape."""
    given = HttpResponse(tongue.write(found), status=found.status, content_type=tongue.media_type)
    for name, value in headers(found, tongue=tongue).items():
        given.headers[name] = value
    return given


def headers(found: Problem, *, tongue: Tongue = OURS) -> dict[str, str]:
    """The headers that a problem needs besides its media type."""
    which = ProblemType(found.type.rpartition("/")[2])
    if which is ProblemType.UNAUTHENTICATED:
        return {"WWW-Authenticate": tongue.challenge}
    wait_s = _RETRY_AFTER_S if which is ProblemType.NOT_READY else found.retry_after_s
    return {"Retry-After": str(wait_s)} if wait_s else {}


def describe(error: Exception) -> Problem:
    """The problem document of any error; one that is not ours is logged and says nothing."""
    if isinstance(error, ProblemError):
        return error.problem
    which = next((TYPES[one] for one in type(error).__mro__ if one in TYPES), None)
    if which is None:
        log.error("an unexpected error at the door for machines", exc_info=error)
        return unexpected()
    if which is ProblemType.NOT_READY:
        log.warning("not ready: %s", error)
        vitals.note(error)
    detail = next((DETAILS[one] for one in type(error).__mro__ if one in DETAILS), None)
    wait_s = error.retry_after_s if isinstance(error, TooManyError) else None
    if isinstance(error, AnotherDocumentError):
        wait_s = _RETRY_AFTER_S
    return problem(which, detail or str(error), errors=_errors_of(error), retry_after_s=wait_s)


def unexpected() -> Problem:
    """The problem of which nothing may be said."""
    detail = "the hub could not do this and has noted why: try again, then tell whoever runs it"
    return problem(ProblemType.INTERNAL, detail)


def below(status: int, *, allow: str = "") -> Problem:
    """The problem of an answer that was not made by our routes. allow: the methods that work."""
    if status not in BY_STATUS:
        return unexpected()
    which, detail = BY_STATUS[status]
    return problem(which, f"{detail}: use {allow}" if allow else detail)


def refuse(errors: Iterable[ErrorDetails]) -> ProblemError:
    """What pydantic found, as a problem."""
    errors = without_echoes(errors)
    refused = next((error for error in errors if is_refused(error)), None)
    fields = [field_problem(error) for error in errors]
    which = ProblemType.REFUSED_AND_ROUTED if refused else ProblemType.INVALID
    return ProblemError(which, summary(fields), errors=fields)


def is_refused(error: ErrorDetails) -> bool:
    """Whether a field names content that belongs to another channel."""
    return isinstance(error.get("ctx", {}).get("error"), RefusedLabelError)


def row_error(error: ValidationError, *, row: int) -> RowError:
    """What is wrong with one row of a bulk: its first bad field, and the names of the others."""
    found = without_echoes(error.errors(include_url=False))
    first, *rest = [field_problem(one) for one in found]
    others = sorted({one.field for one in rest} - {first.field})
    also = f" (also wrong: {', '.join(others)})" if others else ""
    field = "" if first.field == WHOLE else first.field
    return RowError(row=row, field=field, message=f"{first.message}{also}")


def _errors_of(error: Exception) -> list[FieldProblem]:
    """The fields that an error of the rooms names."""
    if isinstance(error, InvalidError):
        return [FieldProblem(field=error.field, message=error.message)]
    if isinstance(error, FlawedError):
        return [
            FieldProblem(field=finding.field, message=finding.message) for finding in error.findings
        ]
    if isinstance(error, BulkRefusedError):
        return [
            FieldProblem(
                field=f"signals.{one.row}.{one.field}".rstrip("."),
                message=one.message,
                row=one.row,
            )
            for one in error.errors
        ]
    return []


def refused_bulk(error: BulkRefusedError, *, is_routed: bool) -> ProblemError:
    """The problem of a bulk of which nothing was stored. is_routed: it named other content."""
    which = ProblemType.REFUSED_AND_ROUTED if is_routed else ProblemType.INVALID
    return ProblemError(which, str(error), errors=_errors_of(error))
