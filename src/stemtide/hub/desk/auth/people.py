# SPDX-License-Identifier: Apache-2.0
"""Authentication of desk pages: signed-in requests, second factors, roles, error pages."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django_htmx.http import HttpResponseClientRedirect

from stemtide.hub.desk.auth.sessions import organisation_of
from stemtide.hub.desk.error_messages import error_text
from stemtide.hub.desk.forms import DeskForm
from stemtide.hub.platform.errors import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
    RateLimitError,
)
from stemtide.hub.platform.permissions import check_person_may_write
from stemtide.hub.rooms.parties.reads import parties, people
from stemtide.hub.rooms.parties.reads.parties import Actor, Someone
from stemtide.hub.rooms.parties.rules.people import needs_second_factor
from stemtide.logs import note_party
from stemtide.protocol.enums import Role

_TYPED_LETTERS = 15
"""A text of several words that is shorter is quickly typed again."""

_SECRETS = ("password", "secret")
"""Parts of the names of fields that are never shown again."""

_Params = ParamSpec("_Params")
_Out = TypeVar("_Out")


class SignedInRequest(HttpRequest):
    """A request of a person who is signed in."""

    user: Someone


_View = Callable[Concatenate[SignedInRequest, _Params], HttpResponse]


def actor_of(request: SignedInRequest) -> Actor:
    """Return the signed-in person as the actor of a write."""
    return parties.actor(request.user)


def carry_out(
    request: SignedInRequest,
    act: Callable[[], _Out],
    *,
    done: str | Callable[[_Out], str],
    form: DeskForm | None = None,
) -> bool:
    """Call a write and show on the next page whether it succeeded.

    done: the message, or a function that returns it for what the write returned.
    form: with text that a person typed; it shows why the write refuses it, so that it can be shown
          again.

    returns: False if the form shows a refusal.
    raises: ConflictError if the person typed text, which the error page then shows.
    """
    try:
        out = act()
    except InvalidError as error:
        if form is not None:
            form.add_refusal(error)
            return False
        messages.error(request, error_text(error))
    except ConflictError as error:
        if typed_texts(request):
            raise
        messages.error(request, error_text(error))
    else:
        messages.success(request, done if isinstance(done, str) else done(out))
    return True


def signed_in(
    view: _View[_Params],
) -> Callable[Concatenate[HttpRequest, _Params], HttpResponseBase]:
    """Require sign-in and the role's second factor; turn refusals of rooms into error pages."""
    return _guarded(view, with_factor=True)


def signed_in_without_factor(
    view: _View[_Params],
) -> Callable[Concatenate[HttpRequest, _Params], HttpResponseBase]:
    """Require sign-in only, for the pages on which a second factor is set up."""
    return _guarded(view, with_factor=False)


def lacks_factor(request: HttpRequest, person: Someone) -> bool:
    """Whether somebody must set up a second factor before anything else.

    Not if they signed in through an organisation whose identity provider asks for one.
    """
    if not settings.SECOND_FACTOR_REQUIRED or not needs_second_factor(Role(person.role)):
        return False
    signed_in_by = next(
        (
            organisation
            for organisation in settings.ORGANISATIONS
            if organisation.id == organisation_of(request)
        ),
        None,
    )
    if signed_in_by is not None and signed_in_by.asks_second_factor:
        return False
    return not people.has_second_factor(viewer=person)


def _guarded(
    view: _View[_Params], *, with_factor: bool
) -> Callable[Concatenate[HttpRequest, _Params], HttpResponseBase]:
    """Wrap a view in the checks of sign-in, and in error pages for refusals."""

    @wraps(view)
    def guarded(
        request: HttpRequest, /, *args: _Params.args, **named: _Params.kwargs
    ) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _to_sign_in(request)
        note_party(request.user.party.name)
        if with_factor and lacks_factor(request, request.user):
            return _redirect_page(request, "you")
        try:
            return view(cast("SignedInRequest", request), *args, **named)
        except NotFoundError as error:
            raise Http404(error_text(error)) from error
        except NotAllowedError as error:
            raise PermissionDenied(error_text(error)) from error
        except RateLimitError as error:
            response = _refusal_page(request, error, status=429)
            response.headers["Retry-After"] = str(error.retry_after_s)
            return response
        except ConflictError as error:
            return _refusal_page(request, error, status=409)

    return guarded


def typed_texts(request: HttpRequest) -> list[str]:
    """Return the texts of a form that a person seems to have typed: those of several words."""
    return [
        text
        for name, texts in request.POST.lists()
        for text in map(str, texts)
        if not any(word in name for word in _SECRETS)
        and len(text) >= _TYPED_LETTERS
        and len(text.split()) > 1
    ]


def _refusal_page(request: HttpRequest, error: Exception, *, status: int) -> HttpResponse:
    """Return the page that says why an act is refused, with the text that was typed for it."""
    context = {"exception": error_text(error), "typed_texts": typed_texts(request)}
    return render(request, f"{status}.html", context, status=status)


def writers_only(view: _View[_Params]) -> _View[_Params]:
    """Require a role that may act for its party."""

    @wraps(view)
    def guarded(
        request: SignedInRequest, /, *args: _Params.args, **named: _Params.kwargs
    ) -> HttpResponse:
        check_person_may_write(Role(request.user.role))
        return view(request, *args, **named)

    return guarded


def _to_sign_in(request: HttpRequest) -> HttpResponseBase:
    """Redirect to the sign-in page and back; from a fragment, redirect the whole page."""
    if request.headers.get("HX-Request"):
        return HttpResponseClientRedirect(resolve_url("sign-in"))
    return_url = request.get_full_path() if request.method == "GET" else resolve_url("board")
    return redirect_to_login(return_url)


def _redirect_page(request: HttpRequest, page: str) -> HttpResponseBase:
    """Redirect to a page; from a fragment, redirect the whole page."""
    if request.headers.get("HX-Request"):
        return HttpResponseClientRedirect(resolve_url(page))
    return redirect(page)
