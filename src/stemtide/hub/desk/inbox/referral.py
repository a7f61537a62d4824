# SPDX-License-Identifier: Apache-2.0
"""One referral at its provider: the request, related information, and the answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk import ledger_sentences, rechecks
from stemtide.hub.desk.actions import (
    Action,
    ActorFacts,
    Offer,
    action_table,
    available,
    by_name,
    itself_blocked,
    itself_if,
    only_later,
    perform,
    sent_offer,
)
from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in, writers_only
from stemtide.hub.desk.inbox.forms import AcknowledgeForm, AnswerForm, ReinstateForm
from stemtide.hub.desk.referrals.steps import steps_of
from stemtide.hub.platform.permissions import WRITING_ROLES, allows
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.parties.reads.parties import Actor, party_titles
from stemtide.hub.rooms.referrals.reads import inbox, referrals as reads
from stemtide.hub.rooms.referrals.reads.inbox import Met, SaidBefore
from stemtide.hub.rooms.referrals.rules import referrals as rules
from stemtide.hub.rooms.referrals.writes import answers as writes
from stemtide.protocol.enums import Outcome
from stemtide.protocol.enums.referrals import Answer, ReceiptVia
from stemtide.protocol.messages.crises import CrisisOut
from stemtide.protocol.messages.referrals import ReferralOut


@dataclass(frozen=True, slots=True)
class Related:
    """Information that helps to answer. crisis: None if there is none that the viewer may see."""

    met: Met
    before: SaidBefore | None
    crisis: CrisisOut | None


@require_safe
@signed_in
def referral(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show one referral. Opened by somebody who acts for the provider, it counts as received."""
    by, now = actor_of(request), datetime.now(UTC)
    referral_out = reads.referral(uid, viewer=by.party)
    if referral_out.provider != by.name:
        return redirect("referral", uid=uid)
    may_receive = request.method == "GET" and by.role in WRITING_ROLES
    if may_receive and referral_out.received_at is None:
        writes.record_receipt(uid, provider=by.party, via=ReceiptVia.DESK, at=now, by=by)
    return render(request, "desk/inbox/referral.html", _context(request, uid))


@require_safe
@signed_in
def blocks(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Render the parts of a referral's page that change, for HTMX to swap in."""
    context = {**_context(request, uid), "is_fragment": True}
    return render(request, "desk/inbox/_referral_blocks.html", context)


@require_POST
@signed_in
@writers_only
def act(request: SignedInRequest, uid: UUID, verb: str) -> HttpResponse:
    """Acknowledge or answer a referral, or report that its content is online again."""
    if verb not in _ACTIONS:
        raise Http404
    by = actor_of(request)
    row = reads.find(uid, viewer=by.party)
    rules.check_hand(reads.facts(row), _MOVE_OF_VERB[verb], by=by)
    # All answers: the write refuses one that is no longer open, and names the referral's state.
    options = _answer_options(uid, by=by, answers=tuple(Answer)) if verb == "answer" else {}
    offer = sent_offer(request, _ACTIONS, verb, **options)
    if perform(request, offer, uid):
        return redirect("inbox-referral", uid=uid)
    context = _context(request, uid, refused=offer)
    return render(request, "desk/inbox/referral.html", context, status=422)


def _may_move(move: str) -> Callable[[ActorFacts], list[str]]:
    """Return a function that gives the referral as target if the actor may make a move."""
    return itself_if(lambda page: allows(rules.check_move, page.facts, move, by=page.by))


def _reinstated_later(page: ActorFacts) -> str:
    """Return in which later state the actor may say that the content is online again."""
    may = allows(rules.check_hand, page.facts, "reinstate", by=page.by)
    return only_later("referral", page.facts.state, "reinstate") if may else ""


_ACTIONS = action_table(
    Action(
        "acknowledge",
        AcknowledgeForm,
        writes.acknowledge,
        _("Acknowledged. The sender sees it."),
        _may_move("acknowledge"),
    ),
    Action(
        "reinstate",
        ReinstateForm,
        writes.reinstate,
        _("Recorded. The sender is notified."),
        _may_move("reinstate"),
        title=_("We reinstated the content"),
        blocked=itself_blocked(_reinstated_later),
    ),
    Action(
        "answer",
        AnswerForm,
        writes.answer,
        _("Answered. The sender sees it at once."),
        itself_if(lambda page: bool(_open_answers(page))),
    ),
)
_MOVE_OF_VERB = {"acknowledge": "acknowledge", "answer": "remove", "reinstate": "reinstate"}
"""The move of the state machine that each verb must be allowed."""


def _answer_options(uid: UUID, *, by: Actor, answers: Sequence[Answer]) -> dict[str, Any]:
    """Return the answers to choose from, and the initial values of the answer's form."""
    referral_out = reads.referral(uid, viewer=by.party)
    initial = _initial_answer(_related_to(referral_out, by=by), referral_out)
    return {"answers": answers, "initial": initial}


def _open_answers(page: ActorFacts) -> list[Answer]:
    """Return the answers that the actor may give to a referral now."""
    return [
        answer for answer in Answer if allows(rules.check_answer, page.facts, answer, by=page.by)
    ]


def _context(
    request: SignedInRequest, uid: UUID, *, refused: Offer | None = None
) -> dict[str, object]:
    """Return the template context. refused: an action that was sent with errors."""
    by, now = actor_of(request), datetime.now(UTC)
    referral_out = reads.referral(uid, viewer=by.party)
    rules.check_inbox(by.kind)
    page = ActorFacts(reads.facts(reads.find(uid, viewer=by.party)), by)
    related = _related_to(referral_out, by=by)
    initial = _initial_answer(related, referral_out)
    answer, *others = reversed(_ACTIONS.values())
    offers = available(others, page, refused=refused) + available(
        [answer], page, refused=refused, answers=_open_answers(page), initial=initial
    )
    return {
        "now": now,
        "titles": party_titles(),
        "referral": referral_out,
        "known": related,
        "is_blocked": related.met.counts.get(Outcome.BLOCKED, 0) > 0,
        "steps": steps_of(referral_out),
        "offers": by_name(offers),
        "all_offers": offers,
        "rechecks": rechecks.of_request(request, referral=uid),
        "entries": ledger_sentences.of_request(reads.history(uid, viewer=by.party)),
    }


def _related_to(referral_out: ReferralOut, *, by: Actor) -> Related:
    """Return related information that helps to answer a referral."""
    row = reads.find(referral_out.id, viewer=by.party)
    crisis = crises.crisis(referral_out.crisis, viewer=by.party) if referral_out.crisis else None
    return Related(
        met=inbox.own_outcomes(row, viewer=by.party),
        before=inbox.last_decision(row, viewer=by.party),
        crisis=crisis,
    )


def _initial_answer(related: Related, referral_out: ReferralOut) -> dict[str, object]:
    """Return initial values of the answer's form; the page says where each value comes from.

    1. The provider's earlier answer about the same URL. Not its reference: two senders with the
    same reference would learn that they ask about the same content.
    2. That its agents blocked the content, since when; and the countries of the crisis.
    3. Its own reference of this referral. An answered referral starts empty otherwise.
    """
    if referral_out.answer is not None:
        return {"reference": referral_out.provider_reference}
    initial: dict[str, object] = {}
    if related.crisis is not None:
        initial["countries"] = ", ".join(related.crisis.countries)  # 2
    if related.met.counts.get(Outcome.BLOCKED):
        initial |= {"answer": Answer.REMOVED.value, "measure_at": _to_minute(related.met.first_at)}
    if related.before is not None:  # 1
        earlier = related.before
        initial |= {
            "answer": earlier.answer.value,
            "measure_at": _to_minute(earlier.measure_at),
            "reason": earlier.reason.value if earlier.reason else "",
        }
        if earlier.countries:
            initial["countries"] = ", ".join(earlier.countries)
    if referral_out.provider_reference:  # 3
        initial["reference"] = referral_out.provider_reference
    return initial


def _to_minute(at: datetime | None) -> datetime | None:
    """Return a time without seconds: browsers send none back from a datetime field."""
    return at.replace(second=0, microsecond=0) if at else None
