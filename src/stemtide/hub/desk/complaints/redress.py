# SPDX-License-Identifier: Apache-2.0
"""Redress at the desk: a party is asked to withdraw a measure after an upheld complaint."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.actions import (
    Action,
    ActorFacts,
    Offer,
    action_table,
    available,
    by_name,
    itself_if,
    perform,
    sent_offer,
)
from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in, writers_only
from stemtide.hub.desk.complaints import grounds
from stemtide.hub.desk.complaints.forms import GrantRedressForm, KeepMeasureForm
from stemtide.hub.platform.permissions import allows, check_may_read_complaints
from stemtide.hub.rooms.complaints.reads import redress as reads
from stemtide.hub.rooms.complaints.rules import redress
from stemtide.hub.rooms.complaints.writes import redress as redress_writes
from stemtide.hub.rooms.parties.reads.parties import party_titles


@require_safe
@signed_in
def request_page(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show a request for redress: the provider's finding, nothing of the uploader."""
    check_may_read_complaints(actor_of(request).role)
    return _page(request, uid)


@require_POST
@signed_in
@writers_only
def answer(request: SignedInRequest, uid: UUID, verb: str) -> HttpResponse:
    """Withdraw the measure, which reaches every agent, or keep it and give the reason."""
    reads.find(uid, viewer=request.user.party)
    offer = sent_offer(request, _ACTIONS, verb)
    if not perform(request, offer, uid):
        return _page(request, uid, refused=offer)
    return redirect("redress", uid=uid)


def _may(*, is_kept: bool) -> Callable[[ActorFacts], list[str]]:
    """Return a function that gives the request as target if its author may still answer it so."""
    return itself_if(
        lambda page: allows(
            redress.check_author,
            page.facts,
            is_kept=is_kept,
            name=page.by.name,
            role=page.by.role,
        )
    )


_ACTIONS = action_table(
    Action(
        "grant",
        GrantRedressForm,
        redress_writes.answer,
        gettext_lazy("Withdrawn. Agents undo their actions when they receive it."),
        _may(is_kept=False),
    ),
    Action(
        "keep",
        KeepMeasureForm,
        redress_writes.answer,
        gettext_lazy("Kept. The provider reads your reason."),
        _may(is_kept=True),
    ),
)


def _page(request: SignedInRequest, uid: UUID, *, refused: Offer | None = None) -> HttpResponse:
    """Render the page, with forms for the allowed actions; 422 if a form was refused."""
    by, now = actor_of(request), datetime.now(UTC)
    row = reads.find(uid, viewer=by.party)
    redress_out = reads.describe(row)
    page = ActorFacts(reads.facts(row), by)
    context = {
        "now": now,
        "titles": party_titles(),
        "redress": redress_out,
        "offers": by_name(available(_ACTIONS.values(), page, refused=refused)),
        **grounds.ground(redress_out.basis, redress_out.ground, by=by, now=now),
    }
    return render(request, "desk/complaints/redress.html", context, status=422 if refused else 200)
