# SPDX-License-Identifier: Apache-2.0
"""Set up a new hub in a browser, with the link that its operator printed. Decision 0130.

The page with the form has no secret in its address, so that no log of requests contains one that
still works.
"""

import time
from datetime import UTC, datetime

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from stemtide.hub.desk.auth.member_states import member_states
from stemtide.hub.desk.auth.sign_in import InvitedForm
from stemtide.hub.platform.errors import InvalidError, NotFoundError
from stemtide.hub.platform.networks import network_of
from stemtide.hub.platform.rate_windows import Limit, RatePolicy, windows
from stemtide.hub.rooms.parties.reads import set_up as reads
from stemtide.hub.rooms.parties.rules import people as rules
from stemtide.hub.rooms.parties.writes import set_up as writes

KEY = "set-up"
"""Key of the link's digest in the Django session."""

TRIES = RatePolicy("set-up", 30)
"""Wrong links a minute per network address, in each process: a link has 256 bits."""


class SetUpForm(InvitedForm):
    """The agency that runs this hub, and its first coordinator."""

    title = forms.CharField(
        label=gettext_lazy("Name of your organisation"),
        help_text=gettext_lazy("Its full name. All parties see it."),
        max_length=200,
    )
    name = forms.CharField(
        label=gettext_lazy("Short name"),
        help_text=gettext_lazy(
            "Lower-case letters, digits and hyphens, such as eu-agency. It cannot be changed later."
        ),
        max_length=60,
    )
    country = forms.ChoiceField(
        label=gettext_lazy("Member State"),
        help_text=gettext_lazy("Choose None for a body of the Union."),
        choices=member_states,
        required=False,
    )
    person = forms.CharField(label=gettext_lazy("Your name"), max_length=rules.MAX_NAME)
    email = forms.EmailField(
        label=gettext_lazy("Your mail address"),
        help_text=gettext_lazy("You sign in with it."),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username"}),
    )
    field_order = ("title", "name", "country", "person", "email")

    def write(self, secret_sha256: str, *, now: datetime) -> None:
        """Set up the hub. Call it on a valid form.

        raises: NotFoundError, InvalidError.
        """
        fields = self.cleaned_data
        writes.set_up(
            secret_sha256,
            party=writes.FirstParty(fields["name"], fields["title"], fields["country"]),
            person=writes.FirstPerson(fields["person"], fields["email"], fields["password"]),
            now=now,
        )


@sensitive_variables("secret", "digest")
@require_safe
def link(request: HttpRequest, secret: str) -> HttpResponse:
    """Open the link: remember it in the session and show the form. It changes nothing else."""
    digest = rules.digest(secret)
    if not reads.may_set_up(digest, now=datetime.now(UTC)):
        # Only wrong links are counted: a stranger cannot lock out whoever has the right one.
        network = network_of(str(request.META.get("REMOTE_ADDR", "")))
        (state,) = windows.take((Limit(TRIES, network),), now=time.monotonic())
        if state.is_over:
            return render(request, "429.html", {"exception": _("Too many tries.")}, status=429)
        return _refused(request)
    request.session.cycle_key()
    request.session[KEY] = digest
    return redirect("set-up")


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def set_up(request: HttpRequest) -> HttpResponse:
    """Show and save the form that sets up the hub, after the link was opened."""
    now, digest = datetime.now(UTC), str(request.session.get(KEY, ""))
    if not reads.may_set_up(digest, now=now):
        return _refused(request)
    form = SetUpForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            form.write(digest, now=now)
        except InvalidError as error:
            form.add_refusal(error)
        except NotFoundError:
            return _refused(request)
        else:
            request.session.flush()
            messages.success(request, _("Your hub is set up. Sign in with your password."))
            return redirect("sign-in")
    return render(request, "desk/set_up.html", {"form": form}, status=422 if form.errors else 200)


def _refused(request: HttpRequest) -> HttpResponse:
    """Say that a link does not work. A hub with a party has no such page.

    raises: Http404.
    """
    if not reads.has_no_party():
        raise Http404
    return render(request, "desk/set_up_refused.html", status=404)
