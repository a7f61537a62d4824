# SPDX-License-Identifier: Apache-2.0
"""Sign-in and sign-out: password and second factor, passkey, or an organisation's provider."""

from datetime import UTC, datetime
from urllib.parse import urlencode

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from stemtide.hub.desk.auth import sessions
from stemtide.hub.desk.error_messages import field_error_text
from stemtide.hub.desk.forms import DeskForm
from stemtide.hub.platform.errors import InvalidError, NotFoundError
from stemtide.hub.rooms.parties.reads import people
from stemtide.hub.rooms.parties.writes import people as people_writes, sessions as sessions_writes

_WRONG = gettext_lazy("Wrong mail address or password. Try again.")


class SignInForm(AuthenticationForm):
    """Mail address and password. The error never says which of the two is wrong."""

    error_messages = {"invalid_login": _WRONG, "inactive": _WRONG}

    def __init__(self, request: HttpRequest | None = None, **fields: object) -> None:
        super().__init__(request, **fields)
        self.fields["username"].label = gettext_lazy("Mail address")
        self.fields["username"].widget.input_type = "email"
        self.fields["username"].widget.attrs["autocomplete"] = "username"

    def clean_username(self) -> str:
        """Return the mail address in lower case: the stored form."""
        return str(self.cleaned_data["username"]).strip().lower()


class SignIn(LoginView):
    """The sign-in page. Too many wrong passwords lock it for a while (django-axes)."""

    template_name = "desk/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get(self, request: HttpRequest, *args: object, **named: object) -> HttpResponse:
        """Show the form; with ?language=, set the language cookie and reload."""
        language = request.GET.get("language", "")
        if language not in dict(settings.LANGUAGES):
            return super().get(request, *args, **named)
        query = {"next": request.GET["next"]} if request.GET.get("next") else {}
        response = redirect(f"{request.path}?{urlencode(query)}" if query else request.path)
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=settings.LANGUAGE_COOKIE_AGE,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
        return response

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Go on to the second factor, if the person has one."""
        person = form.get_user()
        response: HttpResponse = perform_password_login(
            self.request,
            {"username": person.email},
            Login(user=person, redirect_url=self.get_success_url()),
        )
        return response

    def get_context_data(self, **context: object) -> dict[str, object]:
        """Add the organisations to sign in through, and the languages."""
        return super().get_context_data(**context) | {
            "organisations": settings.ORGANISATIONS,
            "languages": settings.LANGUAGES,
        }


class SignOut(LogoutView):
    """Sign out: ends the desk session; by POST only."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, *args: object, **named: object) -> HttpResponse:
        """End the desk session, and Django's."""
        number = sessions.number(request)
        if number is not None and request.user.is_authenticated:
            sessions_writes.end_session(number, person=request.user, now=datetime.now(UTC))
        return super().post(request, *args, **named)


class InvitedForm(DeskForm):
    """Set a first password, typed twice."""

    password = forms.CharField(
        label=gettext_lazy("Password"),
        help_text=gettext_lazy("At least 12 characters. Common passwords are refused."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=gettext_lazy("Repeat the password"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_again(self) -> str:
        """Refuse two different passwords."""
        if self.cleaned_data["again"] != self.cleaned_data.get("password"):
            raise forms.ValidationError(_("The passwords do not match."))
        return str(self.cleaned_data["again"])


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def invited(request: HttpRequest, secret: str) -> HttpResponse:
    """Show where the link of an invitation leads: set a password, then sign in with it."""
    now = datetime.now(UTC)
    invitation = people.invited(secret, now=now)
    if invitation is None:
        return render(request, "desk/invited_refused.html", status=404)
    form = InvitedForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            people_writes.accept_invitation(secret, password=form.cleaned_data["password"], now=now)
        except InvalidError as error:
            form.add_error("password", field_error_text(error))
        except NotFoundError:
            return render(request, "desk/invited_refused.html", status=404)
        else:
            messages.success(request, _("Password set. Sign in with it."))
            return redirect("sign-in")
    context = {"form": form, "invited": invitation}
    return render(request, "desk/invited.html", context, status=422 if form.errors else 200)
