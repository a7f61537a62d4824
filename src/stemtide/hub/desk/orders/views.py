# SPDX-License-Identifier: Apache-2.0
"""Removal orders at the desk: the lists with their deadlines, and the page of each order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk import ledger_sentences, rechecks
from stemtide.hub.desk.actions import Offer, available, perform, sent_offer
from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in, writers_only
from stemtide.hub.desk.error_messages import fill_template
from stemtide.hub.desk.labels.orders import LABELS
from stemtide.hub.desk.orders.annex_forms import ShownSection, language, sections
from stemtide.hub.desk.orders.deadlines import deadlines, hour_context, steps
from stemtide.hub.desk.orders.forms import DraftExtrasForm
from stemtide.hub.desk.orders.offers import ORDER_ACTIONS, PRESERVATION_BLOCK, OpenMoves
from stemtide.hub.desk.orders.remarks import LintRemark, lint_remarks
from stemtide.hub.platform.permissions import allows, check_may_read_complaints
from stemtide.hub.rooms.complaints.reads import redress
from stemtide.hub.rooms.orders.reads import (
    authenticity,
    decisions,
    doubts,
    drafts,
    entries,
    finality,
    home,
    orders as reads,
    second_looks,
)
from stemtide.hub.rooms.orders.rules import orders as rules
from stemtide.hub.rooms.orders.rules.finality import since
from stemtide.hub.rooms.orders.rules.orders import Side
from stemtide.hub.rooms.orders.writes import answers
from stemtide.hub.rooms.parties.reads import competences, people
from stemtide.hub.rooms.parties.reads.parties import Actor, party_titles
from stemtide.protocol.enums import ApprovalState, Duty, PartyKind
from stemtide.protocol.enums.orders import OrderState
from stemtide.protocol.enums.referrals import ReceiptVia
from stemtide.protocol.law.forms import form
from stemtide.protocol.messages.orders import AnswerOut, OrderOut, PreservationOut, SecondLookOut

_SIDES = {
    PartyKind.AUTHORITY: (Side.ISSUER,),
    PartyKind.PROVIDER: (Side.ADDRESSEE,),
}
"""The lists of orders by kind of party; copies are a separate list."""


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One answer for display. paper: its name in the URLs of the order's documents."""

    paper: str
    answer: AnswerOut
    sections: list[ShownSection]


@dataclass(frozen=True, slots=True)
class SecondLookBlock:
    """What the page says of the second look.

    drafted_by, asked_by, decided_by: people and keys of the reader's own party; "" of others.
    is_alone: the authority has nobody else who may decide, so other bodies may confirm it.
    """

    look: SecondLookOut
    is_waiting: bool
    is_alone: bool
    drafted_by: str
    asked_by: str
    decided_by: str
    remarks: list[LintRemark]


@require_safe
@signed_in
def orders(request: SignedInRequest) -> HttpResponse:
    """List the orders of the reader's party, those with a running deadline first."""
    return render(request, "desk/orders/orders.html", _list_context(request))


@require_safe
@signed_in
def orders_blocks(request: SignedInRequest) -> HttpResponse:
    """Render the lists, for HTMX to swap in."""
    return render(request, "desk/orders/_orders_blocks.html", _list_context(request))


@require_safe
@signed_in
def order(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show one order. Opening it is the receipt of the order, or of an authority's copy."""
    by, now = actor_of(request), datetime.now(UTC)
    order_out = reads.order(uid, viewer=by.party, now=now)
    if request.method == "GET":
        note_arrival(order_out, by=by, now=now)
    return _page(request, uid)


@require_safe
@signed_in
def order_blocks(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Render the parts of the page, for HTMX. Opening them is receipt as well."""
    by, now = actor_of(request), datetime.now(UTC)
    if request.method == "GET":
        note_arrival(reads.order(uid, viewer=by.party, now=now), by=by, now=now)
    return render(request, "desk/orders/_order_blocks.html", _context(request, uid))


@require_safe
@signed_in
def final_orders(request: SignedInRequest) -> HttpResponse:
    """List final orders by provider, for the authority that oversees it and for itself.

    source: Regulation (EU) 2021/784 Art. 3(9), Art. 5(4).
    """
    by, now = actor_of(request), datetime.now(UTC)
    context = {
        "now": now,
        "titles": party_titles(),
        "kind": by.kind,
        "lists": finality.final_orders(viewer=by.party, now=now),
        "since": since(now),
        "is_overseeing": competences.is_competent(by.party, Duty.MEASURES),
    }
    return render(request, "desk/orders/final.html", context)


@require_POST
@signed_in
@writers_only
def act(request: SignedInRequest, uid: UUID, verb: str) -> HttpResponse:
    """Carry out one action on an order by its form: acknowledge, withdraw, examine and so on."""
    reads.find(uid, viewer=request.user.party)
    offer = sent_offer(request, ORDER_ACTIONS, verb)
    if not perform(request, offer, uid):
        return _page(request, uid, refused=offer)
    is_seen = allows(reads.find, uid, viewer=request.user.party)
    is_gone = verb == "discard" or not is_seen
    return redirect("orders") if is_gone else redirect("order", uid=uid)


def note_arrival(order_out: OrderOut, *, by: Actor, now: datetime) -> None:
    """Record that an order, or a copy of it, was opened at the desk; each once.

    source: decision 0055, on receipt.
    """
    if order_out.issued_at is None:
        return
    via = ReceiptVia.DESK
    if order_out.addressee == by.name and all(
        receipt.via is not via for receipt in order_out.receipts
    ):
        answers.record_receipt(order_out.id, via=via, at=now, now=now, by=by)
    if any(copy.to == by.name and copy.received_at is None for copy in order_out.copies):
        answers.receive_copy(order_out.id, by=by, now=now)


def _page(request: SignedInRequest, uid: UUID, *, refused: Offer | None = None) -> HttpResponse:
    """Render the page of an order. refused: an action that was refused."""
    context = _context(request, uid, refused=refused)
    viewer, now = request.user.party, datetime.now(UTC)
    context["authentic"] = authenticity.authenticity(uid, viewer=viewer, now=now)
    return render(request, "desk/orders/order.html", context, status=422 if refused else 200)


def _context(
    request: SignedInRequest, uid: UUID, *, refused: Offer | None = None
) -> dict[str, object]:
    """Return the template context of an order's page."""
    by, now = actor_of(request), datetime.now(UTC)
    # One row for the whole page: an order that is decided meanwhile is shown as it was before.
    row = reads.find(uid, viewer=by.party)
    order_out = reads.describe(row, viewer=by.party, now=now)
    moves = reads.moves(row, by=by, now=now)
    side = rules.side_of(reads.facts(row), name=by.name)
    annex = form("tco-annex-1")
    offers = available(
        ORDER_ACTIONS.values(), OpenMoves(moves, reads.facts(row), by=by, now=now), refused=refused
    )
    return {
        "now": now,
        "titles": party_titles(),
        "order": order_out,
        "reference": row.shown_reference,
        "side": side,
        "moves": moves,
        "is_draft": order_out.state is OrderState.DRAFTED,
        "look": _second_look(order_out, by=by, now=now),
        "doubts": [
            fill_template(doubt.template, doubt.facts)
            for doubt in doubts.kept_doubts(row, viewer=by.party)
        ],
        "from_memory": annex.from_memory,
        "sections": sections(annex, order_out.annex),
        **hour_context(order_out, now=now),
        "answers": [
            AnswerRow(f"answer-{number}", answer, sections(form(answer.form), answer.values))
            for number, answer in enumerate(order_out.answers, start=1)
        ][::-1],
        "deadlines": deadlines(order_out),
        "steps": steps(order_out, titles=party_titles()),
        "offers": [offer for offer in offers if offer.action.block != PRESERVATION_BLOCK],
        "preservations": _preservations(order_out, offers),
        "asked": redress.of_order(uid, viewer=by.party)
        if allows(check_may_read_complaints, by.role)
        else [],
        "rechecks": rechecks.of_request(request, order=uid),
        "entries": ledger_sentences.of_request(reads.history(uid, viewer=by.party)),
    }


def _preservations(
    order_out: OrderOut, offers: Sequence[Offer]
) -> list[tuple[PreservationOut, list[Offer]]]:
    """Return the preservations of an order, each with its actions."""
    return [
        (preservation, [offer for offer in offers if offer.target == str(preservation.id)])
        for preservation in order_out.preservations
    ]


def _second_look(order_out: OrderOut, *, by: Actor, now: datetime) -> SecondLookBlock | None:
    """Return the block; None for orders without a second look, and for their other sides."""
    look = order_out.second_look
    if look is None:
        return None
    row = reads.find(order_out.id, viewer=by.party)
    is_waiting = look.state is ApprovalState.WAITING
    findings = drafts.findings(row, viewer=row.issuer, now=now) if is_waiting else []
    # The row is newer than the order, and may have been decided between the two reads.
    decided_by = second_looks.decided_by(row, viewer=by.party) if look.decided_at else ""
    return SecondLookBlock(
        look=look,
        is_waiting=is_waiting,
        is_alone=second_looks.is_alone(row),
        drafted_by=_shown(second_looks.drafted_by(row, viewer=by.party), by=by),
        asked_by=_shown(look.asked_by, by=by),
        decided_by=_shown(decided_by, by=by),
        remarks=lint_remarks(findings, labels=_field_titles()),
    )


def _shown(ref: str | None, *, by: Actor) -> str:
    """Return a person or key of the reader's party for display."""
    return people.address_of(ref, viewer=by.party) if ref else ""


def _field_titles() -> dict[str, str]:
    """Return the titles of the fields of Annex I, and of those beside it, by name."""
    beside = {name: str(field.label) for name, field in DraftExtrasForm.base_fields.items()}
    annex = {field.name: field.title.within(language()) for field in form("tco-annex-1").fields}
    return annex | beside


def _list_context(request: SignedInRequest) -> dict[str, object]:
    """Return the template context of the lists."""
    by, now = actor_of(request), datetime.now(UTC)
    requested = request.GET.get("state", "")
    state = next(
        (order_state for order_state in OrderState if order_state.value == requested), None
    )
    is_issuing = competences.is_competent(by.party, Duty.ISSUE)
    may_draft = allows(rules.check_draft, kind=by.kind, is_competent=is_issuing, role=by.role)
    copies = home.copies(viewer=by.party, now=now)
    lists = [
        (side, rows)
        for side in _SIDES.get(by.kind, ())
        if (rows := reads.orders(viewer=by.party, side=side, state=state))
        or side is not Side.ISSUER
        or is_issuing
    ]
    heads = [head for _, rows in lists for head in rows]
    return {
        "now": now,
        "titles": party_titles(),
        "kind": by.kind,
        "asked": requested if state else "",
        "states": LABELS["order"].items(),
        "lists": lists,
        "addresses": reads.first_addresses(heads, viewer=by.party),
        "copies": [copy for copy in copies if state in {None, copy.order.state}],
        "decisions": decisions.decisions(viewer=by.party),
        "agency_copies": [
            (copy, sections(form("tco-annex-1"), copy.annex))
            for copy in doubts.agency_copies(viewer=by.party, limit=50)
        ],
        "may_draft": may_draft,
        "may_enter": allows(entries.check_may_enter, by),
        "is_issuing": is_issuing,
        "is_examining": competences.is_competent(by.party, Duty.SCRUTINISE),
    }
