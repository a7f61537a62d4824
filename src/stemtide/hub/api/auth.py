# SPDX-License-Identifier: Apache-2.0
"""Authentication and authorisation by API key."""

from datetime import UTC, datetime
from typing import cast

from django.http import HttpRequest
from ninja.security import HttpBearer

from stemtide.hub.api import rate_limits
from stemtide.hub.api.bot_doors import acts_in_exercise, check_bot_door
from stemtide.hub.api.client_certificates import certificate_of
from stemtide.hub.api.problems import NEEDS_KEY, ProblemError
from stemtide.hub.rooms.exercises import reads as exercises
from stemtide.hub.rooms.parties.reads import parties, suspensions
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.logs import note_party
from stemtide.protocol.enums import Scope
from stemtide.protocol.problems import ProblemType


def now() -> datetime:
    """Return the current time."""
    return datetime.now(UTC)


def authenticate_key(token: str, request: HttpRequest, *, is_counted: bool = True) -> Caller:
    """Authenticate a key and count the request: all interfaces for programs use this.

    is_counted: False to skip the count, for a request that was counted already.

    raises: UnknownKeyError; SuspendedError, whose text gives the reason and a contact;
            ProblemError with 429 if the key or its party exceeds its rate limit, and with 403 for
            what a bot does not need; ConflictError for an act of a bot while its exercise does
            not run.
    """
    caller = parties.caller(token, now=now(), certificate=certificate_of(request))
    note_party(caller.party.name)
    if is_counted:
        rate_limits.count(request, caller)
    suspensions.check_not_suspended(caller.party)
    if caller.party.exercise:
        check_bot_door(request.method or "", request.path)
        if acts_in_exercise(request.method or "", request.path):
            exercises.check_bot_acts(caller.party)
    return caller


def check_scope(caller: Caller, scope: Scope | None, *others: Scope) -> None:
    """Refuse a key without the scope of an endpoint. scope: None if any key will do.

    others: scopes that do instead, for an endpoint of several sides.

    raises: ProblemError.
    """
    if scope is not None and caller.scopes.isdisjoint({scope, *others}):
        either = " or ".join([scope, *others])
        raise ProblemError(
            ProblemType.NOT_ALLOWED,
            f"this key lacks the scope {either}: ask whoever runs the hub for a key that has it",
        )


class Key(HttpBearer):
    """An API key in the Authorization header, with the scope that the endpoint requires."""

    openapi_description = "st_<prefix>_<secret>, as made by `stemtide key new`."

    def __init__(self, scope: Scope | None = None, *others: Scope, is_counted: bool = True) -> None:
        super().__init__()
        self.scope, self.others = scope, others
        self.is_counted = is_counted

    def authenticate(self, request: HttpRequest, token: str) -> Caller:
        """Authenticate a key. raises: UnknownKeyError; ProblemError if the scope is missing."""
        caller = authenticate_key(token, request, is_counted=self.is_counted)
        check_scope(caller, self.scope, *self.others)
        return caller


def authenticate_request(request: HttpRequest, scope: Scope, *, is_counted: bool = True) -> Caller:
    """Authenticate the caller of a view outside ninja.

    raises: UnknownKeyError; ProblemError if the key or its scope is missing.
    """
    caller: Caller | None = Key(scope, is_counted=is_counted)(request)
    if caller is None:
        raise ProblemError(ProblemType.UNAUTHENTICATED, NEEDS_KEY)
    return caller


def caller_of(request: HttpRequest) -> Caller:
    """Return the caller that the endpoint's key authenticated."""
    return cast("Caller", request.auth)  # type: ignore[attr-defined]  # set by ninja
