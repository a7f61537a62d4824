# SPDX-License-Identifier: Apache-2.0
"""Middleware of the agent: authentication, allowed hosts and origins, error responses.

Every web page in a browser on the machine can reach an agent on loopback. So a request must name
the agent as its Host, and one sent by a page (it carries an Origin) must come from the agent's own
pages. If a token is set, the request must carry it too, except to the review page, which has
sessions of its own.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from stemtide.agent.config.settings import LOOPBACK_NAMES, WILDCARDS, Config
from stemtide.agent.http.match_requests import BadRequestError
from stemtide.agent.http.review import access as review
from stemtide.protocol.problems import MEDIA_TYPE, Problem, ProblemType, problem
from stemtide.protocol.slow_bodies import SlowBodyError, timed

_UNAUTHORIZED = "stemtide.stranger"
_OPEN_PATHS = frozenset({"/health", "/status"})
"""Load balancers have no token; without it these paths show little more than "live" and "ready"."""


def middleware(config: Config) -> Middleware:
    """Return the middleware in the form that Starlette takes."""
    return Middleware(AccessMiddleware, config=config)


def is_authorized(request: Request) -> bool:
    """Whether the caller sent the token, or needs none."""
    return not request.scope.get(_UNAUTHORIZED, False)


class AccessMiddleware:
    """Middleware that rejects unauthorised requests before their bodies are read."""

    def __init__(self, app: ASGIApp, config: Config) -> None:
        self._app = app
        self._token = config.token.encode()
        self._has_review = config.review.enabled
        names = set(config.allowed_hosts)
        # An agent that listens on all addresses has a token, and need not name its hosts.
        is_open = config.host in WILDCARDS and not names
        self._names = None if is_open else frozenset(LOOPBACK_NAMES | names | {config.host.lower()})

    def certainly_allows(self, scope: Scope) -> bool:
        """Whether a request is certainly allowed; False means that it needs the full check."""
        host = authorization = b""
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
            elif name == b"authorization":
                authorization = value
            elif name == b"origin":
                return False
        has_token = not self._token or hmac.compare_digest(authorization, b"Bearer " + self._token)
        return has_token and (self._names is None or _is_one_of(host, self._names))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or respond with a problem document."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope, Headers(scope=scope))
        app = problem_response(refusal) if refusal else self._app
        await app(scope, timed(receive), send)

    def _refusal(self, scope: Scope, headers: Headers) -> Problem | None:
        """Return why a request from outside is refused, or None."""
        host = headers.get("host", "")
        name = _host_name(host)
        if self._names is not None and name not in self._names:
            return problem(
                ProblemType.NOT_ALLOWED,
                f"Host: {name[:100]!r} is not this agent; ask at the address it listens at, or "
                "name the host in allowed_hosts",
            )
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            return problem(
                ProblemType.NOT_ALLOWED,
                "Origin: web pages may not ask this agent; ask from your own server",
            )
        if self._has_review and review.is_review_path(scope["path"]):
            is_link = scope["path"] in review.LINKS and scope["method"] == "GET"
            reason = review.refusal(headers, name, is_link=is_link)
            return problem(ProblemType.NOT_ALLOWED, reason) if reason else None
        return self._check_token(scope, headers)

    def _check_token(self, scope: Scope, headers: Headers) -> Problem | None:
        """Return why the token is not accepted, or None."""
        authorization = headers.get("authorization", "").encode()
        if not self._token or hmac.compare_digest(authorization, b"Bearer " + self._token):
            return None
        if hmac.compare_digest(_password(authorization), self._token):
            return None
        if scope["path"] in _OPEN_PATHS:
            scope[_UNAUTHORIZED] = True
            return None
        return problem(
            ProblemType.UNAUTHENTICATED,
            "Authorization: send Bearer and the token of agent.toml, or Basic with it as password",
        )


def _password(authorization: bytes) -> bytes:
    """Return the password of Basic auth, for clients that can only put it into the URL."""
    scheme, _, coded = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        return b""
    try:
        return base64.b64decode(coded, validate=True).partition(b":")[2]
    except binascii.Error:
        return b""


@lru_cache(maxsize=64)
def _is_one_of(host: bytes, names: frozenset[str]) -> bool:
    """Whether a Host header contains one of these names."""
    return _host_name(host.decode("latin-1")) in names


def _host_name(host: str) -> str:
    """Return the host name in a Host header, without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def problem_response(document: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Return a problem document as a response."""
    all_headers = dict(headers or {})
    if document.status == 401:  # noqa: PLR2004 - RFC 9110 section 11.6.1 asks for the header
        all_headers["WWW-Authenticate"] = "Bearer"
    return Response(
        document.model_dump_json(exclude_none=True),
        status_code=document.status,
        media_type=MEDIA_TYPE,
        headers=all_headers,
    )


async def _bad_request(_request: Request, error: Exception) -> Response:
    if not isinstance(error, BadRequestError):
        raise error
    return problem_response(problem(error.which, error.detail, errors=error.errors))


async def _http_error(request: Request, error: Exception) -> Response:
    """Respond to errors that Starlette raises: an unknown path, or a wrong method."""
    if not isinstance(error, HTTPException):
        raise error
    path = request.url.path[:200]
    if error.status_code == 405:  # noqa: PLR2004 - RFC 9110 section 15.5.6
        allowed = (error.headers or {}).get("Allow", "")
        document = problem(ProblemType.MALFORMED, f"{path} takes {allowed}, not {request.method}")
        document = document.model_copy(update={"status": 405, "title": "Another method is needed"})
        return problem_response(document, error.headers)
    detail = (
        f"{path} is not here; there are /match, /match/hash, /match/hashes, /live, /health, "
        "/metrics, /deliveries/retry and /companion, and of HMA /h, /m, /c and /status"
    )
    return problem_response(problem(ProblemType.NOT_FOUND, detail))


async def _disconnected(_request: Request, _error: Exception) -> Response:
    """Return a response for a caller that disconnected while sending; nobody reads it."""
    return Response(status_code=400)


async def _too_slow(_request: Request, error: Exception) -> Response:
    """Respond to a body that arrives too slowly, and close the connection."""
    return problem_response(problem(ProblemType.TOO_SLOW, str(error)), {"Connection": "close"})


async def _internal(_request: Request, _error: Exception) -> Response:
    """Respond to an internal error without details, which are in the log."""
    return problem_response(
        problem(ProblemType.INTERNAL, "the agent's log says what; ask again later")
    )


EXCEPTION_HANDLERS: Mapping[Any, Any] = {
    BadRequestError: _bad_request,
    HTTPException: _http_error,
    ClientDisconnect: _disconnected,
    SlowBodyError: _too_slow,
    Exception: _internal,
}
"""Exceptions and the functions that respond to them."""
