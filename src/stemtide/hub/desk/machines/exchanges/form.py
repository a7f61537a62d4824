# SPDX-License-Identifier: Apache-2.0
"""Propose an exchange with another hub at the desk. Its secret is never shown again."""

from datetime import UTC, datetime
from typing import cast

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in
from stemtide.hub.desk.error_messages import error_text
from stemtide.hub.desk.forms import DeskForm
from stemtide.hub.desk.labels import LABELS
from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.rooms.exchanges.reads import proposals as reads
from stemtide.hub.rooms.exchanges.rules.proposals import OF_THIS_MACHINE
from stemtide.hub.rooms.exchanges.writes import proposals as writes
from stemtide.hub.rooms.exchanges.writes.exchanges import NewExchange
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.interop.exchanges import Terms
from stemtide.protocol.enums import Direction, ExchangeKind


class ExchangeForm(DeskForm):
    """A new exchange."""

    name = forms.CharField(
        label=gettext_lazy("Short name"),
        help_text=gettext_lazy("Lower-case letters, digits and hyphens, such as partner-taxii."),
        max_length=40,
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Protocol"),
        choices=[
            item for item in LABELS["exchange-kind"].items() if item[0] not in OF_THIS_MACHINE
        ],
    )
    address = forms.CharField(
        label=gettext_lazy("Address"),
        help_text=gettext_lazy(
            "A public https address: of the TAXII collection, the StopNCII interface, the MISP"
            " feed, the privacy group of ThreatExchange, the hash list of Tech Against Terrorism"
            " or the live stream of OpenCTI."
        ),
        max_length=300,
        widget=forms.TextInput(attrs={"inputmode": "url", "spellcheck": "false"}),
    )
    party = forms.ChoiceField(
        label=gettext_lazy("Party that shares its signals"),
        help_text=gettext_lazy(
            "A party that only this exchange uses: it has no people and no keys."
        ),
    )
    direction = forms.ChoiceField(
        label=gettext_lazy("Direction"), choices=list(LABELS["direction"].items())
    )
    inside = forms.BooleanField(label=gettext_lazy("Also send TLP:AMBER signals"), required=False)
    account = forms.CharField(
        label=gettext_lazy("User name (optional)"),
        help_text=gettext_lazy("Without it, the secret is sent as a token."),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    secret = forms.CharField(
        label=gettext_lazy("Password, token or keys (optional)"),
        help_text=gettext_lazy("Stored encrypted, and never shown again."),
        max_length=4000,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    minutes = forms.IntegerField(
        label=gettext_lazy("Interval in minutes"), min_value=1, max_value=1440, initial=5
    )
    confidence = forms.IntegerField(
        label=gettext_lazy("Highest confidence (0 to 100)"),
        min_value=0,
        max_value=100,
        initial=50,
    )
    most_a_day = forms.IntegerField(
        label=gettext_lazy("New signals a day, at most"),
        min_value=1,
        max_value=10_000_000,
        initial=200_000,
    )
    exercise = forms.BooleanField(
        label=gettext_lazy("Mark all its signals as an exercise"), required=False
    )

    def __init__(self, by: Actor, data: object = None) -> None:
        super().__init__(data)  # type: ignore[arg-type]  # of a request
        parties = reads.nameable(by=by)
        cast("forms.ChoiceField", self.fields["party"]).choices = [
            ("", gettext_lazy("Choose a party")),
            *((name, f"{title} ({name})") for name, title in parties),
        ]
        self.has_parties = bool(parties)

    def draft(self) -> NewExchange:
        """Return the settings of the exchange. Call it on a valid form."""
        fields = self.cleaned_data
        return NewExchange(
            name=fields["name"],
            kind=ExchangeKind(fields["kind"]),
            address=fields["address"],
            account=fields["account"],
            secret=fields["secret"],
            direction=Direction(fields["direction"]),
            inside=fields["inside"],
            every_s=60 * fields["minutes"],
        )

    def terms(self) -> Terms:
        """Return the terms on which its records are taken. Call it on a valid form."""
        names = ("confidence", "most_a_day", "exercise")
        return Terms(**{name: self.cleaned_data[name] for name in names})


@sensitive_post_parameters("secret")
@sensitive_variables()
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new(request: SignedInRequest) -> HttpResponse:
    """Show and save the form for an exchange, which a second person confirms."""
    by, now = actor_of(request), datetime.now(UTC)
    form = ExchangeForm(by, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            proposed = writes.propose(
                form.draft(), terms=form.terms(), party=form.cleaned_data["party"], by=by, now=now
            )
        except InvalidError as error:
            form.add_refusal(error)
        except ConflictError as error:
            form.add_error("name", error_text(error))
        else:
            messages.success(request, _("Proposed. Another person must confirm within 24 hours."))
            return redirect("exchange", name=proposed.name)
    status = 422 if form.errors else 200
    return render(request, "desk/machines/exchange_new.html", {"form": form}, status=status)
