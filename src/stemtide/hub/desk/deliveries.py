# SPDX-License-Identifier: Apache-2.0
"""Deliveries at the desk: what arrived, what did not and why; dead letters and their ends."""

from datetime import UTC, datetime
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.alerts import reads_deliveries as reads, rules, writes_deliveries as writes
from stemtide.hub.alerts.reads_deliveries import DeliveryRow
from stemtide.hub.alerts.rules import DeliveryState, allows
from stemtide.hub.desk.people import SignedInRequest, actor_of, carry_out, signed_in
from stemtide.hub.parties import reads as parties
from stemtide.protocol.words import PartyKind, Role


class DropForm(forms.Form):
    """Give a dead delivery up: why."""

    reason = forms.CharField(
        label=gettext_lazy("Why is it dropped?"), max_length=rules.REASON_LENGTH
    )


@require_safe
@signed_in
def deliveries(request: SignedInRequest) -> HttpResponse:
    """All deliveries that the party sees; ?state=dead: dead letters only."""
    wanted = request.GET.get("state", "")
    state = DeliveryState(wanted) if wanted in set(DeliveryState) else None
    viewer = request.user.party
    dead = reads.deliveries(viewer=viewer, state=DeliveryState.DEAD)
    found = reads.deliveries(viewer=viewer, state=state)
    facts = {
        "now": datetime.now(UTC),
        "dead": [(one, _may_resolve(one, request=request)) for one in dead],
        "rows": [one for one in found if one.state is not DeliveryState.DEAD],
        "titles": {party.name: party.title for party in parties.parties(viewer=viewer)},
        "form": DropForm(),
    }
    return render(request, "desk/alerts/deliveries.html", facts)


@require_POST
@signed_in
def retry(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Try a dead delivery again."""
    carry_out(
        request,
        lambda: writes.retry(uid, by=actor_of(request), now=datetime.now(UTC)),
        done=_("It is tried again now."),
    )
    return redirect("deliveries")


@require_POST
@signed_in
def drop(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Give a dead delivery up."""
    form = DropForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Say why it is dropped."))
        return redirect("deliveries")
    reason = form.cleaned_data["reason"]
    carry_out(
        request,
        lambda: writes.drop(uid, reason=reason, by=actor_of(request), now=datetime.now(UTC)),
        done=_("Dropped, with your reason."),
    )
    return redirect("deliveries")


def _may_resolve(row: DeliveryRow, *, request: SignedInRequest) -> bool:
    """Whether the rules let the signed-in person retry or drop it."""
    user = request.user
    return allows(
        rules.check_resolve, kind=PartyKind(user.party.kind), role=Role(user.role), own=row.is_own
    )
