# SPDX-License-Identifier: Apache-2.0
"""Acts that wait for a second look, at the desk: the list, one act, the decision."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.actions import (
    Action,
    Offer,
    action_table,
    available,
    perform,
    sent_offer,
    why_not,
)
from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in, writers_only
from stemtide.hub.desk.forms import MessageForm, uuid_or_none
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.approvals import rules
from stemtide.hub.rooms.approvals.reads import approvals as reads
from stemtide.hub.rooms.approvals.rules import ApprovalFacts
from stemtide.hub.rooms.approvals.writes import approvals as writes
from stemtide.hub.rooms.orders.reads import second_looks
from stemtide.hub.rooms.parties.reads.parties import Actor, party_titles
from stemtide.protocol.approvals import ApproveIn, RefuseIn
from stemtide.protocol.enums import ApprovalState

ROWS = 50
"""Acts of a page."""


class ApprovalNoteForm(MessageForm):
    """A decision with a note that may stay empty."""

    message_type = RefuseIn

    note = forms.CharField(
        label=_("Note (optional)"),
        help_text=_("The party that asked reads this. Name no person."),
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


@dataclass(frozen=True, slots=True)
class _PageFacts:
    """What the rules need of the page of an act."""

    facts: ApprovalFacts
    by: Actor
    now: datetime

    def check_approve(self) -> None:
        """Refuse an approval that the reader may not give now."""
        count, trust = self.facts.count, self.by.party.trust
        rules.check_approve(self.facts, by=self.by, trust=trust, count=count, now=self.now)

    def check_refuse(self) -> None:
        """Refuse a refusal that the reader may not give now."""
        rules.check_refuse(self.facts, by=self.by, trust=self.by.party.trust, now=self.now)


def _looks(check: Callable[[_PageFacts], None]) -> Callable[[_PageFacts], list[str]]:
    """Return a function that gives the number of things that the act does, if a rule allows."""
    return lambda page: [str(page.facts.count)] if allows(check, page) else []


def _waits(check: Callable[[_PageFacts], None]) -> Callable[[_PageFacts], dict[str, str]]:
    """Return a function that says why an open act waits for something else than this reader.

    It says so to readers who could decide the act if somebody else had asked for it.
    """

    def blocked(page: _PageFacts) -> dict[str, str]:
        of_another = replace(page, facts=replace(page.facts, ref=""))
        could_decide = allows(of_another.check_refuse)
        reason = why_not(check, page) if could_decide else ""
        return {str(page.facts.count): reason} if reason else {}

    return blocked


def _if_own(page: _PageFacts) -> list[str]:
    """Return the act if the reader may take it back."""
    return [""] if allows(rules.check_take_back, page.facts, by=page.by, now=page.now) else []


def _approve(uid: UUID, count: int, *, body: RefuseIn, by: Actor, now: datetime) -> object:
    """Approve an act that does as many things as the page said."""
    return writes.approve(uid, body=ApproveIn(count=count, note=body.note), by=by, now=now)


def _refuse(uid: UUID, count: int, *, body: RefuseIn, by: Actor, now: datetime) -> object:  # noqa: ARG001  # the page's target
    """Refuse an act."""
    return writes.refuse(uid, body=body, by=by, now=now)


ACTIONS = action_table(
    Action(
        "approve",
        ApprovalNoteForm,
        _approve,
        _("Approved."),
        _looks(_PageFacts.check_approve),
        blocked=_waits(_PageFacts.check_approve),
        title=_("Approve"),
        button=_("Approve"),
        help=_("It is done now, under the name of the party that asked."),
        target_id=int,
        is_primary=True,
    ),
    Action(
        "refuse",
        ApprovalNoteForm,
        _refuse,
        _("Refused."),
        _looks(_PageFacts.check_refuse),
        blocked=_waits(_PageFacts.check_refuse),
        title=_("Refuse"),
        button=_("Refuse"),
        help=_("It is not done. What was done at once in a crisis is undone."),
        target_id=int,
    ),
    Action(
        "take-back",
        ApprovalNoteForm,
        writes.take_back,
        _("Withdrawn."),
        _if_own,
        title=_("Withdraw it"),
        button=_("Withdraw it"),
    ),
)


@require_safe
@signed_in
def approvals(request: SignedInRequest) -> HttpResponse:
    """List what waits for a second look, or what was decided."""
    is_decided = "decided" in request.GET
    page = reads.approvals(
        viewer=request.user.party,
        state=None if is_decided else ApprovalState.WAITING,
        before=uuid_or_none(request.GET.get("before")),
        limit=ROWS,
    )
    context = {
        "now": datetime.now(UTC),
        "page": page,
        "is_decided": is_decided,
        "titles": party_titles(),
    }
    return render(request, "desk/approvals/list.html", context)


@require_safe
@signed_in
def approval(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show one act: what it does, who asked, why it waits, until when, and what you may do.

    An order is read and decided on its own page.
    """
    order = second_looks.order_of(uid, viewer=request.user.party)
    return redirect("order", uid=order) if order else _page(request, uid)


@require_POST
@signed_in
@writers_only
def act(request: SignedInRequest, uid: UUID, verb: str) -> HttpResponse:
    """Approve, refuse or take back an act."""
    reads.find(uid, viewer=request.user.party)
    offer = sent_offer(request, ACTIONS, verb)
    if not perform(request, offer, uid):
        return _page(request, uid, refused=offer)
    return redirect("approval", uid=uid)


def _page(request: SignedInRequest, uid: UUID, *, refused: Offer | None = None) -> HttpResponse:
    """Render the page of an act. refused: an action that was refused."""
    viewer, now = request.user.party, datetime.now(UTC)
    row = reads.find(uid, viewer=viewer)
    facts = _PageFacts(reads.facts(row), by=actor_of(request), now=now)
    shown = reads.describe(row, viewer=viewer)
    named = len(shown.signals) + len(shown.affected)
    context = {
        "now": now,
        "approval": shown,
        "more": shown.count - named if named else 0,
        "titles": party_titles(),
        "offers": available(ACTIONS.values(), facts, refused=refused),
    }
    status = 422 if refused else 200
    return render(request, "desk/approvals/approval.html", context, status=status)
