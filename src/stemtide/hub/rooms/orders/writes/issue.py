# SPDX-License-Identifier: Apache-2.0
"""Write the issue of orders: ask a second person, issue, make an order a draft again.

On issue, agencies get their copies, parties with an interest in the content are notified, and
doubts are kept. Decisions 0115, 0155.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.platform.errors import ConflictError
from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.rooms.approvals.models import Approval
from stemtide.hub.rooms.approvals.reads import approvals as approvals_reads
from stemtide.hub.rooms.approvals.writes import approvals
from stemtide.hub.rooms.approvals.writes.approvals import Asking
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.orders.models import AgencyCopy, Copy, Order, OrderDoubt
from stemtide.hub.rooms.orders.reads import (
    drafts,
    interests,
    orders as reads,
    second_looks,
)
from stemtide.hub.rooms.orders.rules import lint, orders as rules, second_look
from stemtide.hub.rooms.orders.rules.findings import Doubt
from stemtide.hub.rooms.orders.writes import endings
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import competences, parties
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.writes import competences as competences_writes
from stemtide.protocol.approvals import ApproveIn, RefuseIn
from stemtide.protocol.enums import Duty
from stemtide.protocol.enums.orders import OrderState
from stemtide.protocol.law.forms import moment_of
from stemtide.protocol.messages.orders import OrderOut, OrderReasonIn
from stemtide.protocol.messages.signals import RowError
from stemtide.protocol.trust.second_look import WaitingAct

SERIES, EXERCISE_SERIES = "RO", "XRO"
"""Series of file references: an exercise leaves no gap in the real one."""


@transaction.atomic
def issue(uid: UUID, *, by: Actor, now: datetime) -> OrderOut:
    """Issue an order, or ask a second person to: in numbered steps, all or nothing.

    1. The issuer may do so.  2. The lint finds no flaw.  3. A second look is asked for.  4. The
    order waits for it; in an emergency or an active crisis it is sent before.

    raises: NotFoundError, NotAllowedError, ConflictError; FlawedError with all findings.
    source: Regulation (EU) 2021/784 Art. 3(1) to (5).
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    facts = second_looks.issue_facts(row, by=by)
    at_once = second_look.at_once(facts)
    move = "issue" if at_once else "submit"
    is_competent = competences.is_competent(by.party, Duty.ISSUE)
    after = rules.check_move(  # 1
        reads.facts(row), move, name=by.name, role=by.role, is_competent=is_competent
    )
    lint.check_lint(drafts.findings(row, viewer=by.party, now=now))  # 2
    asking = Asking(
        act=WaitingAct.ORDER,
        ref=by.ref,
        reasons=tuple(second_look.reasons(facts)),
        payload={"order": str(row.uid), "at_once": at_once or ""},
        exercise=row.exercise,
        is_done=at_once is not None,
    )
    row.approval = approvals.ask(asking, by=by.party, now=now)  # 3
    row.state = after  # 4
    row.save(update_fields=["approval", "state"])
    if at_once is not None:
        _send(row, by=by, now=now)
    lookers = approvals_reads.lookers(row.approval)
    _record("order.submitted", row, by=by, now=now, to=lookers, detail={"at_once": at_once or ""})
    return reads.describe(row, viewer=by.party, now=now)


@needs_no_entry("the room of approvals records it, and calls issue_approved()")
def confirm(uid: UUID, *, by: Actor, now: datetime) -> None:
    """Confirm an order of another person: it is issued now, or stays in effect.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    look = second_looks.open_look(uid, viewer=by.party)
    approvals.approve(look.uid, body=ApproveIn(count=1), by=by, now=now)


@needs_no_entry("the room of approvals records it, and calls end_unapproved()")
def refuse(uid: UUID, *, body: OrderReasonIn, by: Actor, now: datetime) -> None:
    """Refuse to confirm an order of another person: it is a draft again, or ends.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    look = second_looks.open_look(uid, viewer=by.party)
    approvals.refuse(look.uid, body=RefuseIn(note=body.text[:500]), by=by, now=now)


@needs_no_lock("approvals calls it, with the lock")
@transaction.atomic
def issue_approved(look: Approval, now: datetime) -> list[RowError]:
    """Issue an order that a second person has confirmed, by the rules of now.

    raises: NotAllowedError; ConflictError, also if the lint finds errors by now.
    """
    row = _order_of(look)
    by = _decider(look, row=row)
    is_competent = competences.is_competent(row.issuer, Duty.ISSUE)
    facts = reads.facts(row)
    name = row.issuer.name
    after = rules.check_move(facts, "confirm", name=name, role=None, is_competent=is_competent)
    if any(finding.is_error for finding in drafts.findings(row, viewer=row.issuer, now=now)):
        raise ConflictError("this order has errors by now: return it to draft, and correct it")
    row.state = after
    _send(row, by=by, now=now)
    return []


@needs_no_lock("approvals calls it, with the lock")
@transaction.atomic
def keep_approved(look: Approval, now: datetime) -> list[RowError]:
    """Record that a second person confirmed an order that was issued at once."""
    row = _order_of(look)
    _record("order.confirmed", row, by=_decider(look, row=row), now=now)
    return []


@transaction.atomic
def end_unapproved(look: Approval, now: datetime) -> None:
    """Make an order that nobody confirmed a draft again; end it if it was issued at once."""
    row = _order_of(look)
    is_own = look.decided_by is not None and look.decided_by.pk == row.issued_by_id
    by = _decider(look, row=row) if is_own else None
    if row.state == OrderState.SUBMITTED:
        row.state = rules.check_clock(reads.facts(row), "recall")
        row.save(update_fields=["state"])
        detail: dict[str, object] = {"why": look.state}
        _record("order.recalled", row, by=by, now=now, detail=detail)
    else:
        endings.end_unconfirmed(row, by=by, note=look.note, now=now)


def _send(row: Order, *, by: Actor, now: datetime) -> None:
    """Send an order, in numbered steps.

    1. It gets its reference; from now on its form does not change.  2. Authorities of the
    provider's state get their copies, and agencies theirs.  3. Parties that order or hold the same
    content are notified, and so is the issuer.  4. The doubts of the lint are kept.

    source: Regulation (EU) 2021/784 Art. 3(1) to (5), Art. 4(1).
    """
    issuer = row.issuer
    row.is_first = drafts.is_first(row, viewer=issuer)
    row.is_cross_border = row.annex.get("cross_border") is True
    series = EXERCISE_SERIES if row.exercise else SERIES
    row.reference = competences_writes.next_state_reference(issuer, series, now=now)  # 1
    row.issued_at = now
    if row.annex.get("non_disclosure"):
        row.secret_until = moment_of(row.annex.get("non_disclosure_until"))
    row.save()
    homes = _copy(row, now=now)  # 2
    _record("order.issued", row, by=by, now=now, to=[row.addressee])
    for home in homes:
        _record("order.copied", row, by=by, now=now, to=[home])
    _send_to_agencies(row, by=by, now=now)
    _tell_interested(row, by=by, now=now)  # 3
    _keep_doubts(row, by=by, now=now)  # 4


def _copy(row: Order, *, now: datetime) -> list[Party]:
    """Send copies to the authorities of the provider's state that examine orders; return them."""
    if not row.is_cross_border:
        return []
    state = str(row.annex.get("home_state"))
    authorities = competences.competent(state, Duty.SCRUTINISE)
    homes = [authority for authority in authorities if authority.pk != row.issued_by_id]
    Copy.objects.bulk_create(Copy(order=row, sent_to=home, sent_at=now) for home in homes)
    return homes


def _keep_doubts(row: Order, *, by: Actor, now: datetime) -> None:
    """Keep the doubts of an order that is being issued, with its issuer's reason.

    The ledger has their kinds and the reason, and no address: Art. 3 names no doubts.
    """
    findings = drafts.findings(row, viewer=row.issuer, now=now)
    doubts = [finding for finding in findings if isinstance(finding, Doubt)]
    if not doubts:
        return
    OrderDoubt.objects.bulk_create(
        OrderDoubt(
            order=row,
            kind=doubt.kind,
            field=doubt.field,
            template=doubt.template,
            facts={name: _stored(value) for name, value in doubt.facts.items()},
        )
        for doubt in doubts
    )
    detail: dict[str, object] = {
        "doubts": sorted({doubt.kind.value for doubt in doubts}),
        "reason": row.despite,
    }
    _append("order.doubted", row, by=by, now=now, detail=detail)


def _send_to_agencies(row: Order, *, by: Actor, now: datetime) -> None:
    """Send agencies a copy of an order that is being issued, if its issuer asked for that.

    source: Regulation (EU) 2021/784 Art. 14(6).
    """
    agencies = list(parties.agencies(exercise=row.exercise).exclude(pk=row.issuer.pk))
    if not (row.copy_to_europol and agencies):
        return
    AgencyCopy.objects.bulk_create(
        AgencyCopy(order=row, sent_to=agency, sent_at=now) for agency in agencies
    )
    detail: dict[str, object] = {
        "party": agencies[0].ref,
        "parties": [agency.name for agency in agencies],
    }
    _append("order.communicated", row, by=by, now=now, detail=detail)


def _append(kind: str, row: Order, *, by: Actor, now: datetime, detail: dict[str, object]) -> None:
    """Append to the ledger without the order's state."""
    ledger.append_by(kind, by=by, subject=row.ref, now=now, detail=detail, exercise=row.exercise)


def _stored(value: object) -> object:
    """Return a value of a message as JSON holds it."""
    if isinstance(value, datetime):
        return {"at": value.isoformat()}
    return value if isinstance(value, int) else str(value)


def _tell_interested(row: Order, *, by: Actor, now: datetime) -> None:
    """Notify the issuers of overlapping orders, and the holders of holds that the order overrides.

    The order is issued all the same.

    source: Regulation (EU) 2021/784 recital 36 and Art. 14(1).
    """
    nearby = interests.overlaps(row, viewer=by.party, now=now)
    others = {order.pk: order for order, _ in nearby.orders if order.issued_by_id != by.party.pk}
    for order in others.values():
        _note_overlap("order.overlapped", order.ref, order.issuer, row=row, by=by, now=now)
    if others:
        issuers = {order.issuer for order in others.values()}
        ledger.append(
            "order.overlapped",
            actor=CLOCK,  # the issuer must be notified too, and actors are not
            subject=row.ref,
            now=now,
            detail=_overlap_detail(by.party, issuers),
            exercise=row.exercise,
        )
    holds = {hold.pk: hold for hold, _ in nearby.holds if hold.holder_id != by.party.pk}
    for hold in holds.values():
        _note_overlap("hold.ordered", hold.ref, hold.holder, row=row, by=by, now=now)


def _note_overlap(
    kind: str, subject: str, party: Party, *, row: Order, by: Actor, now: datetime
) -> None:
    """Append to the ledger that an order meets an order or hold of another party."""
    ledger.append_by(
        kind,
        by=by,
        subject=subject,
        now=now,
        detail=_overlap_detail(party, [by.party]),
        exercise=row.exercise,
    )


def _overlap_detail(party: Party, others: Iterable[Party]) -> dict[str, object]:
    """Return the detail of such an entry: its addressee and the others."""
    names = sorted(other.name for other in others)
    return {"party": party.ref, "parties": [party.name], "others": names}


def _order_of(look: Approval) -> Order:
    """Return the order that a second look is about."""
    return Order.objects.select_related("issued_by", "addressee", "crisis").get(approval=look)


def _decider(look: Approval, *, row: Order) -> Actor:
    """Return who issues an order: the second person, or who asked if another party confirmed it.

    source: Regulation (EU) 2021/784 Art. 13(2): another body only checks, and does not decide.
    """
    is_own = look.decided_by is not None and look.decided_by.pk == row.issued_by_id
    return Actor(row.issuer, look.decided_ref if is_own else look.asked_ref)


def _record(
    kind: str,
    row: Order,
    *,
    by: Actor | None,
    now: datetime,
    to: Iterable[Party] = (),
    detail: dict[str, object] | None = None,
) -> None:
    """Append to the ledger. to: the parties it concerns. by: None for the clock."""
    concerned = list(to)
    detail = {"state": OrderState(row.state).value} | (detail or {})
    if concerned:
        detail |= {"party": concerned[0].ref, "parties": [party.name for party in concerned]}
    ledger.append_by(kind, by=by, subject=row.ref, now=now, detail=detail, exercise=row.exercise)
