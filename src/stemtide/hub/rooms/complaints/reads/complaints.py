# SPDX-License-Identifier: Apache-2.0
"""Read complaints, for the provider's reviewers and for complainants."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from cryptography.fernet import InvalidToken
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.complaints import encryption
from stemtide.hub.rooms.complaints.encryption import Ticket
from stemtide.hub.rooms.complaints.models import Complaint
from stemtide.hub.rooms.complaints.reads import grounds
from stemtide.hub.rooms.complaints.rules import complaints as rules
from stemtide.hub.rooms.complaints.rules.complaints import ComplaintFacts
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.enums.complaints import (
    ComplaintBasis,
    ComplaintFinding,
    ComplaintState,
    Exemption,
    RedressState,
    Restriction,
)
from stemtide.protocol.law.machines import machine
from stemtide.protocol.messages.complaints import (
    ComplaintLinkIn,
    ComplaintLinkOut,
    ComplaintOut,
    ComplaintStatusOut,
)

COMPLAINANT = "complainant"
"""Who complains, wherever the hub must name them: it knows no more of them."""

AT_ONCE = 200
"""Complaints in one list."""


def link(decision: ComplaintLinkIn, *, by: Actor, home: str, now: datetime) -> ComplaintLinkOut:
    """Return a link for the statement of reasons of a decision. Nothing is stored before its use.

    home: the hub's own address.
    raises: NotAllowedError for all but providers; InvalidError naming the field.
    """
    rules.check_link(kind=by.kind, role=by.role)
    grounds.ground(decision, party=by.party, now=now)
    expires_at = rules.link_ends(now).replace(microsecond=0)
    token = encryption.make_link(Ticket(by.name, decision, expires_at))
    return ComplaintLinkOut(
        reference=decision.reference,
        link=f"{home}/complain/{token}",
        token=token,
        expires_at=expires_at,
    )


def complaints(*, viewer: Party, is_open: bool | None = None) -> list[ComplaintOut]:
    """Return a party's complaints: waiting ones first, soonest due on top; at most 200."""
    rows = _own(viewer)
    waiting = machine("complaint").open_states
    if is_open is not None:
        rows = rows.filter(state__in=waiting) if is_open else rows.exclude(state__in=waiting)
    over = Case(
        When(state__in=waiting, then=Value(0)), default=Value(1), output_field=IntegerField()
    )
    listed = rows.annotate(over=over).order_by("over", "due_at", "pk")[:AT_ONCE]
    return [describe(row) for row in listed]


def complaint(uid: UUID, *, viewer: Party) -> ComplaintOut:
    """Return a complaint about a decision of the viewer.

    raises: NotFoundError, also for a complaint about another party's decision.
    """
    return describe(find(uid, viewer=viewer))


def find(uid: UUID, *, viewer: Party) -> Complaint:
    """Return the row of a complaint, for writes.

    raises: NotFoundError, also for a complaint about another party's decision.
    """
    row = _own(viewer).filter(uid=uid).first()
    if row is None:
        raise NotFoundError("there is no complaint {uid} that your party may see", uid=uid)
    return row


def by_number(number: str, *, viewer: Party) -> list[ComplaintOut]:
    """Return a party's complaints with a number, or about the decision with this reference."""
    rows = _own(viewer)
    numbered = [*rows.filter(number=number), *rows.filter(reference=number)[:AT_ONCE]]
    return [describe(row) for row in numbered]


def of_ground(uid: UUID, *, viewer: Party) -> list[ComplaintOut]:
    """Return a party's complaints about one signal, referral or order, oldest first."""
    about = Q(signal__uid=uid) | Q(referral__uid=uid) | Q(order__uid=uid)
    rows = _own(viewer).filter(about)[:AT_ONCE]
    return [describe(row) for row in rows]


def facts(row: Complaint, *, viewer: Party) -> ComplaintFacts:
    """Return the facts that the rules need of a complaint."""
    return ComplaintFacts(
        state=ComplaintState(row.state),
        party=row.party.name,
        basis=ComplaintBasis(row.basis),
        own_hands=frozenset(_own_hands(row, viewer=viewer)),
        binds=row.order is not None and row.order.ended_at is None,
    )


@needs_no_viewer("everybody who has the code may read it")
def state_of(code: str) -> ComplaintStatusOut:
    """Return the state of the complaint that a code belongs to.

    raises: NotFoundError for a code that goes with none.
    """
    return _tell(find_by_code(code))


@needs_no_viewer("everybody who has the code may read it")
def find_by_code(code: str) -> Complaint:
    """Return the row that a code belongs to, for writes. by: its holder, as the ledger names them.

    raises: NotFoundError.
    """
    row = _rows().filter(code_hash=encryption.hash_code(code)).first()
    if row is None:
        raise NotFoundError(
            "no complaint has this code: check the code, or open the link that you received"
        )
    return row


@needs_no_viewer("everybody who has the link may read it")
def linked(token: str, *, now: datetime) -> ComplaintStatusOut:
    """Return the decision behind a link, and the state of its complaint if there is one.

    raises: NotFoundError, the same for a link that is wrong and one that has expired.
    """
    ticket = encryption.read_link(token, now=now)
    row = complaint_about(ticket)
    if row is not None:
        return _tell(row)
    decision = ticket.decision
    return ComplaintStatusOut(
        provider=parties.party(ticket.party).title,
        reference=decision.reference,
        measure=decision.measure,
        basis=decision.basis,
        acted_at=decision.acted_at,
        is_automatic=decision.is_automatic,
        exercise=decision.exercise,
    )


@needs_no_viewer("everybody who has the link may read it")
def link_code(token: str, *, now: datetime) -> str:
    """Return the code of a link's complaint, for a holder of the link; "" before there is one.

    raises: NotFoundError, the same for a link that is wrong and one that has expired.
    """
    ticket = encryption.read_link(token, now=now)
    if complaint_about(ticket) is None:
        return ""
    decision = ticket.decision
    return encryption.code_of(
        ticket.party, reference=decision.reference, exercise=decision.exercise
    )


@needs_no_viewer("everybody who has the link may read it")
def complaint_about(ticket: Ticket) -> Complaint | None:
    """Return the complaint about the decision of a link; None if nobody complained."""
    decision = ticket.decision
    return (
        _rows()
        .filter(party__name=ticket.party, reference=decision.reference, exercise=decision.exercise)
        .first()
    )


def describe(row: Complaint) -> ComplaintOut:
    """Return a complaint as its provider reads it, with its words decrypted."""
    return ComplaintOut(
        id=row.uid,
        number=row.number,
        state=ComplaintState(row.state),
        reference=row.reference,
        basis=ComplaintBasis(row.basis),
        ground=grounds.ground_id(row),
        measure=Restriction(row.measure),
        acted_at=row.acted_at,
        acted_by=row.acted_by or None,
        is_automatic=row.is_automatic,
        exercise=row.exercise,
        text=encryption.unseal(row.text),
        language=row.language,
        filed_at=row.filed_at,
        due_at=row.due_at,
        taken_at=row.taken_at,
        reviewer=row.reviewer or None,
        decided_at=row.decided_at,
        exemption=Exemption(row.exemption) if row.exemption else None,
        finding=ComplaintFinding(row.finding) if row.finding else None,
        reasons=encryption.unseal(row.reasons),
        note=row.note,
        redress=RedressState(row.redress) if row.redress else None,
        asked_of=row.asked_of.name if row.asked_of else None,
        answer=row.answer,
        answered_at=row.answered_at,
        erase_due=row.erase_due,
        erased_at=row.erased_at,
        seal=row.salt,
    )


def _tell(row: Complaint) -> ComplaintStatusOut:
    """Return the state of a complaint for its complainant: nothing of the signal or its sharer."""
    return ComplaintStatusOut(
        provider=row.party.title,
        reference=row.reference,
        measure=Restriction(row.measure),
        basis=ComplaintBasis(row.basis),
        acted_at=row.acted_at,
        is_automatic=row.is_automatic,
        exercise=row.exercise,
        state=ComplaintState(row.state),
        filed_at=row.filed_at,
        due_at=row.due_at,
        decided_at=row.decided_at,
        reasons=encryption.unseal(row.reasons),
        is_erased=row.erased_at is not None,
    )


def _own_hands(row: Complaint, *, viewer: Party) -> Iterable[str]:
    """Return who acted and who shared the signal, as far as provider and ledger say.

    A signal shared in bulk has no entry of its own, and so nobody who shared it.
    """
    if row.acted_by:
        yield row.acted_by
    if row.signal is None:
        return
    for entry in ledger.entries(viewer=viewer, subject=row.signal.ref, limit=AT_ONCE):
        through = entry.detail.get("through")
        if entry.kind == "signal.shared" and isinstance(through, str):
            yield through


@needs_no_viewer("it returns ids to the operator, and no words")
def damaged_complaints() -> list[UUID]:
    """Return complaints that the hub's secret does not decrypt, and erased ones that have words."""
    damaged = []
    for row in Complaint.objects.iterator():
        encrypted = [text for text in (row.text, row.reasons) if text]
        try:
            for text in encrypted:
                encryption.unseal(text)
        except InvalidToken:
            damaged.append(row.uid)
            continue
        if encrypted and row.erased_at is not None:
            damaged.append(row.uid)
    return damaged


def _rows() -> QuerySet[Complaint]:
    """Return complaints with the rows that they name."""
    return Complaint.objects.select_related(
        "party", "signal__shared_by", "referral__sender", "order__issued_by", "asked_of"
    )


def _own(viewer: Party) -> QuerySet[Complaint]:
    """Return the complaints about a party's own decisions."""
    return _rows().filter(party=viewer)
