# SPDX-License-Identifier: Apache-2.0
"""Who calls, and whether their key opens this endpoint."""

from datetime import UTC, datetime
from typing import cast

from django.http import HttpRequest
from ninja.security import HttpBearer

from stemtide.hub.api.problems import NEEDS_KEY, ProblemError
from stemtide.hub.parties import reads as parties
from stemtide.hub.parties.reads import Caller
from stemtide.protocol.problems import ProblemType
from stemtide.protocol.words import Scope


def now() -> datetime:
    """The time, read at the door."""
    return datetime.now(UTC)


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

    def __init__(self, scope: Scope | None = None) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> Caller:  # noqa: ARG002  # ninja's
        """Who calls. raises: UnknownKeyError, ProblemError where the scope is missing."""
        caller = parties.caller(token, now=now())
        check_scope(caller, self.scope)
        return caller


def called(request: HttpRequest, scope: Scope) -> Caller:
    """Who calls an address that is not ninja's.

    raises: UnknownKeyError, ProblemError where no key is given or its scope is missing.
    """
    found: Caller | None = Key(scope)(request)
    if found is None:
        raise ProblemError(ProblemType.UNAUTHENTICATED, NEEDS_KEY)
    return found


def caller_of(request: HttpRequest) -> Caller:
    """Who calls, as the endpoint's key said."""
    return cast("Caller", request.auth)  # type: ignore[attr-defined]  # set by ninja
