# SPDX-License-Identifier: Apache-2.0
"""Deliveries at the desk: arrived, failed and why; dead letters, to retry or to drop."""

from datetime import UTC, datetime
from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, carry_out, signed_in
from stemtide.hub.desk.forms import DeskForm
from stemtide.hub.desk.officer import personal
from stemtide.hub.rooms.alerts.reads import deliveries as reads
from stemtide.hub.rooms.alerts.reads.deliveries import DeliveryRow
from stemtide.hub.rooms.alerts.rules import alerts as rules
from stemtide.hub.rooms.alerts.rules.alerts import DeliveryState, allows
from stemtide.hub.rooms.alerts.writes import deliveries as writes
from stemtide.hub.rooms.parties.reads.parties import party_titles
from stemtide.protocol.enums import PartyKind, Role


class DropDeliveryForm(DeskForm):
    """Drop a dead delivery, with a reason."""

    free_texts = frozenset({"reason"})

    reason = forms.CharField(
        label=gettext_lazy("Reason for discarding it"), max_length=rules.REASON_LENGTH
    )


@require_safe
@signed_in
def deliveries(request: SignedInRequest) -> HttpResponse:
    """List the deliveries that the party may see; ?state=dead shows dead letters only."""
    requested = request.GET.get("state", "")
    state = DeliveryState(requested) if requested in set(DeliveryState) else None
    viewer = request.user.party
    dead = reads.deliveries(viewer=viewer, state=DeliveryState.DEAD)
    rows = reads.deliveries(viewer=viewer, state=state)
    context = {
        "now": datetime.now(UTC),
        "dead": [(row, _may_resolve(row, request=request)) for row in dead],
        "rows": [row for row in rows if row.state is not DeliveryState.DEAD],
        "titles": party_titles(),
        "form": DropDeliveryForm(),
    }
    return render(request, "desk/alerts/deliveries.html", context)


@require_POST
@signed_in
def retry(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Retry a dead delivery."""
    carry_out(
        request,
        lambda: writes.retry(uid, by=actor_of(request), now=datetime.now(UTC)),
        done=_("The hub tries to deliver it again now."),
    )
    return redirect("deliveries")


@require_POST
@signed_in
def drop(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Drop a dead delivery."""
    form = DropDeliveryForm(request.POST)
    if not form.is_valid():
        return personal.show_again(request, form)
    reason = form.cleaned_data["reason"]
    if not carry_out(
        request,
        lambda: writes.drop(uid, reason=reason, by=actor_of(request), now=datetime.now(UTC)),
        done=_("Delivery discarded. Your reason is in the ledger."),
        form=form,
    ):
        return personal.show_again(request, form)
    return redirect("deliveries")


def _may_resolve(row: DeliveryRow, *, request: SignedInRequest) -> bool:
    """Whether the signed-in person may retry or drop the delivery."""
    user = request.user
    return allows(
        rules.check_resolve,
        kind=PartyKind(user.party.kind),
        role=Role(user.role),
        is_own=row.is_own,
    )
