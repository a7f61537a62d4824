# SPDX-License-Identifier: Apache-2.0
"""Problem documents: the one format of errors of hub and agent.

source: RFC 9457.
"""

from enum import StrEnum

from pydantic import BaseModel

MEDIA_TYPE = "application/problem+json"

WHOLE = "body"
"""Field name for errors of the body as a whole."""


class ProblemType(StrEnum):
    """The type of a problem. The value is the last part of the problem's type URI."""

    INVALID = "invalid"
    MALFORMED = "malformed"
    UNAUTHENTICATED = "unauthenticated"
    NOT_ALLOWED = "not-allowed"
    NOT_FOUND = "not-found"
    WRONG_METHOD = "wrong-method"
    NOT_ACCEPTABLE = "not-acceptable"
    TOO_SLOW = "too-slow"
    CONFLICT = "conflict"
    GONE = "gone"
    TOO_LARGE = "too-large"
    WRONG_MEDIA_TYPE = "wrong-media-type"
    REFUSED_AND_ROUTED = "refused-and-routed"
    NOT_READY = "not-ready"
    TOO_MANY = "too-many"
    INTERNAL = "internal"


TITLES: dict[ProblemType, tuple[int, str]] = {
    ProblemType.MALFORMED: (400, "The request cannot be read"),
    ProblemType.UNAUTHENTICATED: (401, "A valid API key is needed"),
    ProblemType.NOT_ALLOWED: (403, "This party may not do that"),
    ProblemType.NOT_FOUND: (404, "There is no such thing here"),
    ProblemType.WRONG_METHOD: (405, "This address does not take this method"),
    ProblemType.NOT_ACCEPTABLE: (406, "This cannot be answered as asked for"),
    ProblemType.TOO_SLOW: (408, "The request arrived too slowly"),
    ProblemType.CONFLICT: (409, "It contradicts what is already there"),
    ProblemType.GONE: (410, "It is no longer here"),
    ProblemType.TOO_LARGE: (413, "The request is too large"),
    ProblemType.WRONG_MEDIA_TYPE: (415, "This kind of body is not understood"),
    ProblemType.INVALID: (422, "Something in the request is not valid"),
    ProblemType.REFUSED_AND_ROUTED: (422, "This belongs to another channel and was not stored"),
    ProblemType.TOO_MANY: (429, "Too much of this at once"),
    ProblemType.INTERNAL: (500, "Something went wrong here"),
    ProblemType.NOT_READY: (503, "Not ready yet"),
}
"""Status and title of each problem."""


class FieldProblem(BaseModel):
    """An error in one field.

    field: a path such as "signals.3.value"; row: the row's number in a bulk, from 0.
    """

    field: str
    message: str
    row: int | None = None


class Problem(BaseModel):
    """A problem document (RFC 9457 section 3) with the fields that are wrong.

    retry_after_s: seconds until the request may be repeated; null if waiting does not help, or if
    the time is unknown.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    errors: list[FieldProblem] = []
    retry_after_s: int | None = None


def problem(
    which: ProblemType,
    detail: str,
    *,
    instance: str | None = None,
    errors: list[FieldProblem] | None = None,
    retry_after_s: int | None = None,
) -> Problem:
    """Return a problem document. detail: should name the thing and the remedy."""
    status, title = TITLES[which]
    return Problem(
        type=f"/problems/{which}",
        title=title,
        status=status,
        detail=detail,
        instance=instance,
        errors=errors or [],
        retry_after_s=retry_after_s,
    )
