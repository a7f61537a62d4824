# SPDX-License-Identifier: Apache-2.0
"""Requests of data subjects: what is due when; note, extend, answer."""

from datetime import UTC, datetime
from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stemtide.hub.desk.actions import Action, Offer, action_table, available, perform, sent_offer
from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in
from stemtide.hub.desk.error_messages import error_text
from stemtide.hub.desk.forms import MessageForm, uuid_or_none
from stemtide.hub.desk.labels import LABELS
from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.platform.permissions import check_may_see_rights_requests
from stemtide.hub.rooms.rights import reads, rules, writes
from stemtide.protocol.law.rights import rights
from stemtide.protocol.law.rights.messages import (
    RightsAnswerIn,
    RightsExtensionIn,
    RightsRequestIn,
    RightsRequestOut,
)


class DayField(forms.DateField):
    """A day without a time."""

    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class RightsRequestForm(MessageForm):
    """A request that reached the party. law: only where more than one may bind it."""

    message_type = RightsRequestIn
    reference = forms.CharField(
        label=_("Your reference"),
        help_text=_("The number of your own file. Do not write a name or an address here."),
        max_length=60,
    )
    right = forms.ChoiceField(label=_("Right"))
    received_on = DayField(label=_("Received on"))
    law = forms.ChoiceField(label=_("Law"), required=False)
    exercise = forms.BooleanField(label=_("This is an exercise"), required=False)

    def __init__(self, data: object = None, *, kind: str) -> None:
        super().__init__(data)  # type: ignore[arg-type]  # of a request
        version = rights()
        laws = version.laws_of(kind)
        laws.sort(key=lambda law: law != version.defaults[kind])  # type: ignore[index]  # a StrEnum
        known_rights = {right for law in laws for right in version.laws[law].rights}
        labels = LABELS["data-right"]
        self.fields["right"].choices = [(r, labels[r]) for r in labels if r in known_rights]  # type: ignore[attr-defined]  # a ChoiceField
        self.fields["law"].choices = [(law, LABELS["data-law"][law]) for law in laws]  # type: ignore[attr-defined]  # a ChoiceField
        if len(laws) == 1:
            del self.fields["law"]

    def message_fields(self) -> dict[str, object]:
        """Return the fields of the message; no law means that of the kind of party."""
        return self.cleaned_data | {"law": self.cleaned_data.get("law") or None}


class RightsExtensionForm(MessageForm):
    """Take more time."""

    message_type = RightsExtensionIn
    reason = forms.ChoiceField(label=_("Reason"), choices=list(LABELS["rights-extension"].items()))
    informed_on = DayField(label=_("The person was informed on"))


class RightsAnswerForm(MessageForm):
    """The answer."""

    message_type = RightsAnswerIn
    outcome = forms.ChoiceField(label=_("Answer"), choices=list(LABELS["rights-outcome"].items()))
    answered_on = DayField(label=_("Sent to the person on"))


class RightsWithdrawForm(MessageForm):
    """The person wants no answer any more."""

    confirm = forms.BooleanField(label=_("The person withdrew the request."))


def _is_open(request: RightsRequestOut) -> list[str]:
    """Return the request as target if it waits for an answer."""
    return [""] if request.state in rules.OPEN_STATES else []


_ACTIONS = action_table(
    Action(
        "answer",
        RightsAnswerForm,
        writes.answer,
        _("Answer noted."),
        _is_open,
        title=_("Note the answer"),
        help=_(
            "If you refuse all or part, tell the person the reasons, and that a complaint to a"
            " supervisory authority and a court are possible."
        ),
        is_primary=True,
    ),
    Action(
        "extend",
        RightsExtensionForm,
        writes.extend,
        _("Extended."),
        lambda request: [""] if request.may_extend else [],
        title=_("Take more time"),
        help=_("Inform the person of the reason before the term ends."),
    ),
    Action(
        "withdraw",
        RightsWithdrawForm,
        writes.withdraw,
        _("Noted as withdrawn."),
        _is_open,
        title=_("Note that it was withdrawn"),
    ),
)


@require_safe
@signed_in
def requests(request: SignedInRequest) -> HttpResponse:
    """List the requests that wait, by due time, or those that are closed; ?after= is the next."""
    by, now = actor_of(request), datetime.now(UTC)
    check_may_see_rights_requests(by.role)
    is_closed = "closed" in request.GET
    after = uuid_or_none(request.GET.get("after"))
    page = reads.requests(viewer=by.party, now=now, is_open=not is_closed, after=after)
    context = {"now": now, "page": page, "is_closed": is_closed}
    return render(request, "desk/officer/rights.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new(request: SignedInRequest) -> HttpResponse:
    """Show and save the form for a request."""
    by, now = actor_of(request), datetime.now(UTC)
    check_may_see_rights_requests(by.role)
    form = RightsRequestForm(request.POST if request.method == "POST" else None, kind=by.kind)
    body = form.message() if request.method == "POST" else None
    if body is not None:
        try:
            noted = writes.note(body, by=by, now=now)
        except InvalidError as error:
            form.add_refusal(error)
        except ConflictError as error:
            form.add_error(None, error_text(error))
        else:
            return redirect("rights-request", uid=noted.id)
    status = 422 if form.errors else 200
    return render(request, "desk/officer/rights_new.html", {"form": form}, status=status)


@require_safe
@signed_in
def request_page(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show one request, and what can be done."""
    return _page(request, uid)


@require_POST
@signed_in
def act(request: SignedInRequest, uid: UUID, verb: str) -> HttpResponse:
    """Answer or extend a request, or note that it was withdrawn."""
    check_may_see_rights_requests(actor_of(request).role)
    reads.find(uid, viewer=request.user.party)
    offer = sent_offer(request, _ACTIONS, verb)
    if not perform(request, offer, uid):
        return _page(request, uid, refused=offer)
    return redirect("rights-request", uid=uid)


def _page(request: SignedInRequest, uid: UUID, *, refused: Offer | None = None) -> HttpResponse:
    """Render the page of a request. refused: an action that was sent with errors."""
    by, now = actor_of(request), datetime.now(UTC)
    check_may_see_rights_requests(by.role)
    row = reads.request(uid, viewer=by.party, now=now)
    context = {
        "now": now,
        "row": row,
        "rule": rights().laws[row.law],
        "is_waiting": row.state in rules.OPEN_STATES,
        "offers": available(_ACTIONS.values(), row, refused=refused),
    }
    status = 422 if refused else 200
    return render(request, "desk/officer/rights_request.html", context, status=status)
