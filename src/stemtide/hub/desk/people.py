# SPDX-License-Identifier: Apache-2.0
"""Who stands at the desk: signing in and out, and what every page asks before it answers."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView, redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.translation import gettext_lazy as _
from django_htmx.http import HttpResponseClientRedirect

from stemtide.hub.parties.reads import Someone
from stemtide.hub.parties.rules import NotAllowedError, NotFoundError, check_person_may_write
from stemtide.protocol.words import Role

_Rest = ParamSpec("_Rest")


class SignedInRequest(HttpRequest):
    """A request of somebody who signed in."""

    user: Someone


_View = Callable[Concatenate[SignedInRequest, _Rest], HttpResponse]


class SignInForm(AuthenticationForm):
    """Mail address and password. What is wrong with a pair is never said."""

    error_messages = {
        "invalid_login": _("This mail address and password do not belong together. Try again."),
        "inactive": _("This mail address and password do not belong together. Try again."),
    }

    def __init__(self, request: HttpRequest | None = None, **fields: object) -> None:
        super().__init__(request, **fields)
        self.fields["username"].label = _("Mail address")
        self.fields["username"].widget.input_type = "email"
        self.fields["username"].widget.attrs["autocomplete"] = "username"

    def clean_username(self) -> str:
        """Addresses are kept in lower case."""
        return str(self.cleaned_data["username"]).strip().lower()


class SignIn(LoginView):
    """The page to sign in on. Too many wrong passwords lock it for a while (django-axes)."""

    template_name = "desk/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True


class SignOut(LogoutView):
    """Ends the session; by POST only."""

    http_method_names = ["post"]


def signed_in(view: _View[_Rest]) -> Callable[Concatenate[HttpRequest, _Rest], HttpResponseBase]:
    """Let only those in who signed in, and give refusals of the rooms their pages."""

    @wraps(view)
    def guarded(
        request: HttpRequest, /, *args: _Rest.args, **named: _Rest.kwargs
    ) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _to_sign_in(request)
        try:
            return view(cast("SignedInRequest", request), *args, **named)
        except NotFoundError as error:
            raise Http404(str(error)) from error
        except NotAllowedError as error:
            raise PermissionDenied(str(error)) from error

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
    back = request.get_full_path() if request.method == "GET" else resolve_url("board")
    if request.headers.get("HX-Request"):
        return HttpResponseClientRedirect(resolve_url("sign-in"))
    return redirect_to_login(back)
