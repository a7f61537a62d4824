# SPDX-License-Identifier: Apache-2.0
"""Names and shapes of HMA's routes, and its errors."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from stemtide.agent.http.match_requests import BadRequestError, invalid, read_body
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.problems import ProblemType

SIGNAL_TYPES = {
    "pdq": Kind.PDQ,
    "md5": Kind.MD5,
    "video_md5": Kind.MD5,
    "sha256": Kind.SHA256,
    "video_sha256": Kind.SHA256,
    "url": Kind.URL,
}
"""Signal types that can be looked up by their value."""

TYPES_OF = {
    "photo": {"pdq": Kind.PDQ, "md5": Kind.MD5, "sha256": Kind.SHA256},
    "video": {
        "video_md5": Kind.MD5,
        "video_sha256": Kind.SHA256,
        **{kind.value: kind for kind in (Kind.VIDEO, Kind.AUDIO, Kind.GOP)},
    },
}
"""Content types, with the signal types of each."""

ENABLED, DISABLED = 1, 0
"""HMA's disable_until_ts of a content that is enabled, and of one that is switched off."""

_MAX_JSON = 64 * 1024
_STATUS = {
    ProblemType.TOO_LARGE: 413,
    ProblemType.NOT_READY: 503,
    ProblemType.NOT_ALLOWED: 403,
    ProblemType.NOT_FOUND: 404,
}

Endpoint = Callable[[Request], Awaitable[Response]]


def with_hma_errors(handle: Endpoint) -> Endpoint:
    """Wrap an endpoint so that its errors have HMA's shape."""

    async def answer(request: Request) -> Response:
        try:
            return await handle(request)
        except BadRequestError as error:
            status = _STATUS.get(error.which, 400)
            return JSONResponse({"message": error.detail}, status_code=status)

    answer.__doc__ = handle.__doc__
    return answer


def bank_row(name: str, ratio: float = 1.0) -> dict[str, Any]:
    """Return a bank in HMA's format."""
    return {"name": name, "matching_enabled_ratio": ratio}


async def read_object(request: Request) -> dict[str, Any]:
    """Read a small JSON object from the body. raises: BadRequestError."""
    body = await read_body(request, _MAX_JSON)
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequestError(ProblemType.MALFORMED, "body: send JSON") from error
    if not isinstance(payload, dict):
        raise invalid("body", "must be a JSON object")
    return payload


def required(body: dict[str, Any], name: str) -> str:
    """Return a field that must be text. raises: BadRequestError."""
    value = body.get(name)
    if not isinstance(value, str) or not value or not is_unicode(value):
        raise invalid(name, "is missing: it must be text")
    return value


def is_unicode(text: str) -> bool:
    """Whether a text has no half of a surrogate pair, which JSON can write and no file has."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def not_allowed(detail: str) -> BadRequestError:
    """Return the error about something that is refused."""
    return BadRequestError(ProblemType.NOT_ALLOWED, detail)
