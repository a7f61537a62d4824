# SPDX-License-Identifier: Apache-2.0
"""Removal orders at the desk: the lists with their clocks, and the page of each, for all sides."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.complaints import reads_redress
from stemtide.hub.complaints.rules import check_read
from stemtide.hub.desk import entries, rechecks
from stemtide.hub.desk.annex_forms import ShownSection, sections
from stemtide.hub.desk.order_clocks import deadlines, steps
from stemtide.hub.desk.order_offers import ACTS, Offer, form_of, offers
from stemtide.hub.desk.order_words import PHRASES
from stemtide.hub.desk.people import SignedInRequest, actor_of, signed_in, writing
from stemtide.hub.desk.refusals import in_words, without_field
from stemtide.hub.desk.situation import titles_of
from stemtide.hub.orders import reads, reads_decisions, reads_home, rules, writes_answers
from stemtide.hub.orders.rules import Side
from stemtide.hub.parties import reads_competences as competences
from stemtide.hub.parties.reads import Actor
from stemtide.hub.parties.rules import ConflictError, InvalidError
from stemtide.protocol.forms import form
from stemtide.protocol.orders import AnswerOut, OrderOut
from stemtide.protocol.words import Duty, PartyKind
from stemtide.protocol.words_orders import OrderState
from stemtide.protocol.words_referrals import ReceiptVia

_SIDES = {
    PartyKind.AUTHORITY: (Side.ISSUER,),
    PartyKind.PROVIDER: (Side.ADDRESSEE,),
}
"""Which lists of orders a kind of party has; copies are a list of their own."""


@dataclass(frozen=True, slots=True)
class Told:
    """One answer as it is read. paper: its name among the papers of the order."""

    paper: str
    answer: AnswerOut
    sections: list[ShownSection]


@require_safe
@signed_in
def orders(request: SignedInRequest) -> HttpResponse:
    """The orders of the reader's party, those first whose clock runs."""
    return render(request, "desk/orders/orders.html", _list_facts(request))


@require_safe
@signed_in
def orders_blocks(request: SignedInRequest) -> HttpResponse:
    """The same lists, to swap in."""
    return render(request, "desk/orders/_orders_blocks.html", _list_facts(request))


@require_safe
@signed_in
def order(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """One order. To its addressee this is the receipt, and to an authority that of its copy."""
    by, now = actor_of(request), datetime.now(UTC)
    found = reads.order(uid, viewer=by.party, now=now)
    if request.method == "GET":
        note_arrival(found, by=by, now=now)
    return _page(request, uid)


@require_safe
@signed_in
def order_blocks(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """The parts of the page, to swap in. Whoever asks for them alone has the order as well."""
    by, now = actor_of(request), datetime.now(UTC)
    if request.method == "GET":
        note_arrival(reads.order(uid, viewer=by.party, now=now), by=by, now=now)
    return render(request, "desk/orders/_order_blocks.html", _facts(request, uid))


@require_POST
@signed_in
@writing
def act(request: SignedInRequest, uid: UUID, verb: str) -> HttpResponse:
    """Acknowledge, clear up, withdraw, examine, decide, preserve: one act by its form."""
    if verb not in ACTS:
        raise Http404
    by, now = actor_of(request), datetime.now(UTC)
    reads.find(uid, viewer=by.party)
    asked, sent = ACTS[verb], form_of(verb, request.POST)
    is_done = False
    if sent.is_valid():
        try:
            is_done = asked.do(uid, form=sent, by=by, now=now)
        except InvalidError as error:
            sent.add_error(
                error.field if error.field in sent.fields else None, without_field(error)
            )
        except ConflictError as error:
            messages.error(request, in_words(error))
            return redirect("order", uid=uid)
    if not is_done:
        sent.mark_errors()
        return _page(request, uid, wrong=Offer(verb, asked, sent, is_open=True))
    messages.success(request, str(asked.done))
    return redirect("orders") if verb == "discard" else redirect("order", uid=uid)


def note_arrival(found: OrderOut, *, by: Actor, now: datetime) -> None:
    """Record that an order, or a copy of it, was opened at the desk; each once.

    source: decision 0055 on what counts as receipt.
    """
    if found.issued_at is None:
        return
    via = ReceiptVia.DESK
    if found.addressee == by.name and all(receipt.via is not via for receipt in found.receipts):
        writes_answers.record_receipt(found.id, via=via, at=now, now=now, by=by)
    if any(copy.to == by.name and copy.received_at is None for copy in found.copies):
        writes_answers.receive_copy(found.id, by=by, now=now)


def _page(request: SignedInRequest, uid: UUID, *, wrong: Offer | None = None) -> HttpResponse:
    """The page of an order. wrong: an act that came back."""
    facts = _facts(request, uid, wrong=wrong)
    return render(request, "desk/orders/order.html", facts, status=422 if wrong else 200)


def _facts(request: SignedInRequest, uid: UUID, *, wrong: Offer | None = None) -> dict[str, object]:
    """What the page of an order shows."""
    by, now = actor_of(request), datetime.now(UTC)
    found = reads.order(uid, viewer=by.party, now=now)
    row = reads.find(uid, viewer=by.party)
    moves = reads.moves(row, by=by, now=now)
    side = rules.side_of(reads.facts(row, viewer=by.party), name=by.name)
    annex = form("tco-annex-1")
    return {
        "now": now,
        "titles": titles_of(request),
        "order": found,
        "reference": row.shown_reference,
        "side": side,
        "moves": moves,
        "is_draft": found.state is OrderState.DRAFTED,
        "is_over": found.due_at is not None and now > found.due_at,
        "from_memory": annex.from_memory,
        "sections": sections(annex, found.annex),
        "stopped_at": found.answers[-1].answered_at
        if found.state is OrderState.SUSPENDED and found.answers
        else None,
        "taken_s": None if found.minutes_taken is None else found.minutes_taken * 60,
        "answers": [
            Told(f"answer-{number}", one, sections(form(one.form), one.values))
            for number, one in enumerate(found.answers, start=1)
        ][::-1],
        "deadlines": deadlines(found),
        "steps": steps(found, titles=titles_of(request)),
        "offers": offers(moves, is_issuer=side is Side.ISSUER, wrong=wrong),
        "asked": reads_redress.of_order(uid, viewer=by.party)
        if rules.allows(check_read, by.role)
        else [],
        "rechecks": rechecks.of_request(request, order=uid),
        "entries": entries.in_words(reads.history(uid, viewer=by.party), viewer=by.party),
    }


def _list_facts(request: SignedInRequest) -> dict[str, object]:
    """What the lists show."""
    by, now = actor_of(request), datetime.now(UTC)
    wanted = request.GET.get("state", "")
    state = next((order_state for order_state in OrderState if order_state.value == wanted), None)
    is_issuing = competences.is_competent(by.party, Duty.ISSUE, viewer=by.party)
    draft = rules.allows(rules.check_draft, kind=by.kind, is_competent=is_issuing, role=by.role)
    copies = reads_home.copies(viewer=by.party, now=now)
    return {
        "now": now,
        "titles": titles_of(request),
        "kind": by.kind,
        "asked": wanted if state else "",
        "states": PHRASES["order"].items(),
        "lists": [
            (side, rows)
            for side in _SIDES.get(by.kind, ())
            if (rows := reads.orders(viewer=by.party, side=side, state=state))
            or side is not Side.ISSUER
            or is_issuing
        ],
        "copies": [copy for copy in copies if state in {None, copy.order.state}],
        "decisions": reads_decisions.decisions(viewer=by.party),
        "may_draft": draft,
        "is_issuing": is_issuing,
        "is_examining": competences.is_competent(by.party, Duty.SCRUTINISE, viewer=by.party),
    }
