# SPDX-License-Identifier: Apache-2.0
"""Who stands at the desk: what every page asks before it answers."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django_htmx.http import HttpResponseClientRedirect

from stemtide.hub.desk.refusals import in_words
from stemtide.hub.desk.sittings import organisation_of
from stemtide.hub.parties import reads as parties, reads_people
from stemtide.hub.parties.reads import Actor, Someone
from stemtide.hub.parties.rules import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
    TooManyError,
    check_person_may_write,
)
from stemtide.hub.parties.rules_people import needs_second_factor
from stemtide.protocol.words import Role

_Rest = ParamSpec("_Rest")


class SignedInRequest(HttpRequest):
    """A request of somebody who signed in."""

    user: Someone


_View = Callable[Concatenate[SignedInRequest, _Rest], HttpResponse]


def actor_of(request: SignedInRequest) -> Actor:
    """Who stands at the desk, as writes ask it."""
    return parties.actor(request.user, viewer=request.user.party)


def carry_out(request: SignedInRequest, act: Callable[[], object], *, done: str) -> None:
    """Do something, and say on the next page how it went."""
    try:
        act()
    except (ConflictError, InvalidError) as error:
        messages.error(request, in_words(error))
    else:
        messages.success(request, done)


def signed_in(view: _View[_Rest]) -> Callable[Concatenate[HttpRequest, _Rest], HttpResponseBase]:
    """Let only those in who signed in, as surely as their role asks, and give refusals pages."""
    return _guarded(view, surely=True)


def at_the_door(view: _View[_Rest]) -> Callable[Concatenate[HttpRequest, _Rest], HttpResponseBase]:
    """As signed_in, for the pages on which somebody sets up their second factor."""
    return _guarded(view, surely=False)


def lacks_factor(request: HttpRequest, person: Someone) -> bool:
    """Whether somebody must set up a second factor before anything else.

    Not where their organisation's identity provider, through which they came, asks for one.
    """
    if not settings.SECOND_FACTOR_REQUIRED or not needs_second_factor(Role(person.role)):
        return False
    through = next(
        (
            organisation
            for organisation in settings.ORGANISATIONS
            if organisation.id == organisation_of(request)
        ),
        None,
    )
    if through is not None and through.asks_second_factor:
        return False
    return not reads_people.has_second_factor(viewer=person)


def _guarded(
    view: _View[_Rest], *, surely: bool
) -> Callable[Concatenate[HttpRequest, _Rest], HttpResponseBase]:
    """A view behind the door."""

    @wraps(view)
    def guarded(
        request: HttpRequest, /, *args: _Rest.args, **named: _Rest.kwargs
    ) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _to_sign_in(request)
        if surely and lacks_factor(request, request.user):
            return _lead(request, "you")
        try:
            return view(cast("SignedInRequest", request), *args, **named)
        except NotFoundError as error:
            raise Http404(in_words(error)) from error
        except NotAllowedError as error:
            raise PermissionDenied(in_words(error)) from error
        except TooManyError as error:
            page = render(request, "429.html", {"exception": in_words(error)}, status=429)
            page.headers["Retry-After"] = str(error.retry_after_s)
            return page
        except ConflictError as error:
            return render(request, "409.html", {"exception": in_words(error)}, status=409)

    return guarded


def writing(view: _View[_Rest]) -> _View[_Rest]:
    """Let only those roles through that act for their party."""

    @wraps(view)
    def guarded(
        request: SignedInRequest, /, *args: _Rest.args, **named: _Rest.kwargs
    ) -> HttpResponse:
        check_person_may_write(Role(request.user.role))
        return view(request, *args, **named)

    return guarded


def _to_sign_in(request: HttpRequest) -> HttpResponseBase:
    """Lead to the page to sign in on, and back; a fragment leads its whole page there."""
    if request.headers.get("HX-Request"):
        return HttpResponseClientRedirect(resolve_url("sign-in"))
    back = request.get_full_path() if request.method == "GET" else resolve_url("board")
    return redirect_to_login(back)


def _lead(request: HttpRequest, page: str) -> HttpResponseBase:
    """Lead to a page; a fragment leads its whole page there."""
    if request.headers.get("HX-Request"):
        return HttpResponseClientRedirect(resolve_url(page))
    return redirect(page)
