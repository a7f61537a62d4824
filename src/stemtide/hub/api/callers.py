# SPDX-License-Identifier: Apache-2.0
"""Who calls, and whether their key opens this endpoint."""

from datetime import UTC, datetime
from typing import cast

from django.http import HttpRequest
from ninja.security import HttpBearer

from stemtide.hub.api import rates
from stemtide.hub.api.problems import NEEDS_KEY, ProblemError
from stemtide.hub.parties import reads as parties
from stemtide.hub.parties.reads import Caller
from stemtide.protocol.problems import ProblemType
from stemtide.protocol.words import Scope


def now() -> datetime:
    """The time, read at the door."""
    return datetime.now(UTC)


def known(token: str, request: HttpRequest, *, is_counted: bool = True) -> Caller:
    """Who calls with a key, and the request counted for it: every door asks here.

    is_counted: False for a second look at what was counted already.

    raises: UnknownKeyError; ProblemError with 429 where the key or its party used up what it has.
    """
    found = parties.caller(token, now=now())
    if is_counted:
        rates.count(request, found)
    return found


def check_scope(caller: Caller, scope: Scope | None) -> None:
    """Refuse a key that does not open an endpoint. scope: None where any key does.

    raises: ProblemError.
    """
    if scope is not None and scope not in caller.scopes:
        raise ProblemError(
            ProblemType.NOT_ALLOWED,
            f"this key lacks the scope {scope}: ask whoever runs the hub for a key that has it",
        )


class Key(HttpBearer):
    """An API key in the Authorization header, with the scope that the endpoint needs."""

    openapi_description = "st_<prefix>_<secret>, as made by `stemtide key new`."

    def __init__(self, scope: Scope | None = None, *, is_counted: bool = True) -> None:
        super().__init__()
        self.scope = scope
        self.is_counted = is_counted

    def authenticate(self, request: HttpRequest, token: str) -> Caller:
        """Who calls. raises: UnknownKeyError, ProblemError where the scope is missing."""
        caller = known(token, request, is_counted=self.is_counted)
        check_scope(caller, self.scope)
        return caller


def called(request: HttpRequest, scope: Scope, *, is_counted: bool = True) -> Caller:
    """Who calls an address that is not ninja's.

    raises: UnknownKeyError, ProblemError where no key is given or its scope is missing.
    """
    found: Caller | None = Key(scope, is_counted=is_counted)(request)
    if found is None:
        raise ProblemError(ProblemType.UNAUTHENTICATED, NEEDS_KEY)
    return found


def caller_of(request: HttpRequest) -> Caller:
    """Who calls, as the endpoint's key said."""
    return cast("Caller", request.auth)  # type: ignore[attr-defined]  # set by ninja
