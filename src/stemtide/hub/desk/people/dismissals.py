# SPDX-License-Identifier: Apache-2.0
"""The page of a decision that set all disputes of a party aside: answer it, or take it back."""

from dataclasses import dataclass
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
    itself_blocked,
    itself_if,
    perform,
    sent_offer,
    why_not_yet,
)
from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in, writers_only
from stemtide.hub.desk.forms import MessageForm
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.parties.reads import suspensions
from stemtide.hub.rooms.parties.reads.parties import Actor, party_titles
from stemtide.hub.rooms.signals.reads import dismissals as reads
from stemtide.hub.rooms.signals.rules import disputes as rules
from stemtide.hub.rooms.signals.rules.disputes import DismissalFacts
from stemtide.hub.rooms.signals.writes import dismissals as writes
from stemtide.protocol.trust.disputes import DismissalAnswerIn


class DismissalAnswerForm(MessageForm):
    """Answer the agency that set the party's disputes aside."""

    message_type = DismissalAnswerIn
    text = forms.CharField(
        label=_("Your answer"), max_length=500, widget=forms.Textarea(attrs={"rows": 3})
    )


@dataclass(frozen=True, slots=True)
class _PageFacts:
    """What the rules need of the page of a decision."""

    facts: DismissalFacts
    by: Actor


def _check_restore(page: _PageFacts) -> None:
    """Refuse to take the decision back where the reader may not do so now."""
    rules.check_restore_many(page.facts, kind=page.by.kind, role=page.by.role)


def _if_answerable(page: _PageFacts) -> list[str]:
    """Return the decision if the reader may answer it."""
    by = page.by
    is_allowed = allows(rules.check_answer_many, page.facts, name=by.name, role=by.role)
    return [""] if is_allowed else []


ACTIONS = action_table(
    Action(
        "restore",
        MessageForm,
        writes.restore,
        _("Withdrawn. The disputes count again within seconds."),
        itself_if(lambda page: allows(_check_restore, page)),
        blocked=itself_blocked(lambda page: why_not_yet(_check_restore, page)),
        title=_("Undo: count these disputes again"),
        button=_("Count disputes again"),
    ),
    Action(
        "answer",
        DismissalAnswerForm,
        writes.answer,
        _("Answered. Only agencies and your party read it."),
        _if_answerable,
        title=_("Answer the agency"),
        button=_("Send answer"),
        help=_("You can answer once, for all of them. Only agencies and your party read it."),
        is_primary=True,
    ),
)


@require_safe
@signed_in
def dismissal(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show a decision: whose disputes, how many, why, the answers, and what the reader may do."""
    return _page(request, uid)


@require_POST
@signed_in
@writers_only
def act(request: SignedInRequest, uid: UUID, verb: str) -> HttpResponse:
    """Take a decision back, or answer it."""
    reads.find(uid, viewer=request.user.party)
    offer = sent_offer(request, ACTIONS, verb)
    if not perform(request, offer, uid):
        return _page(request, uid, refused=offer)
    return redirect("dismissal", uid=uid)


def _page(request: SignedInRequest, uid: UUID, *, refused: Offer | None = None) -> HttpResponse:
    """Render the page of a decision. refused: an action that was refused."""
    decision = reads.dismissal(uid, viewer=request.user.party)
    facts = _PageFacts(DismissalFacts.of(decision), actor_of(request))
    context = {
        "now": datetime.now(UTC),
        "decision": decision,
        "titles": party_titles(),
        "is_resting": decision.restored_at is None and decision.by in suspensions.suspended_names(),
        "offers": available(ACTIONS.values(), facts, refused=refused),
    }
    return render(request, "desk/parties/dismissal.html", context, status=422 if refused else 200)
