# SPDX-License-Identifier: Apache-2.0
"""Write orders that were made elsewhere: keep the document, enter, confirm, dispute, take back.

An entered order shares and links no signal: it changes nothing at other parties' agents.

source: decision 0151.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from stemtide.hub.platform import encryption
from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.platform.retention.columns import retention_columns
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.orders.models import (
    Copy,
    EnteredDocument,
    EnteredOrder,
    Order,
    OrderAddress,
)
from stemtide.hub.rooms.orders.reads import drafts, entries, orders as reads
from stemtide.hub.rooms.orders.rules import entries as rules
from stemtide.hub.rooms.orders.writes import endings, hour
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import competences
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals.rules.signals import uuid_at
from stemtide.protocol.enums import Duty
from stemtide.protocol.enums.orders import EntryState, OrderState
from stemtide.protocol.law.retention import RowClass
from stemtide.protocol.messages.documents import Verification
from stemtide.protocol.messages.orders import EnterIn, OrderDocumentOut, OrderOut, OrderReasonIn

UNUSED = 10
"""Documents of a party that may wait for their order; older ones are deleted."""

KEPT_UNUSED = timedelta(days=1)

MISTAKEN = "Entered by mistake"
"""Begins the reason of the end of an order that was taken back by who entered it."""

UNRECOGNISED = "The authority says that it did not issue this order"
"""Begins the reason of the end of an order that its issuer disputes."""


@needs_no_entry("a document alone is no order; the order's entry has its SHA-256")
@transaction.atomic
def keep_document(
    pdf: bytes, *, name: str, report: Verification, by: Actor, now: datetime
) -> OrderDocumentOut:
    """Keep the PDF of an order that was made elsewhere, encrypted, until the order is entered.

    report: of entries.verify() on it, called outside of the transaction.

    raises: NotAllowedError, InvalidError.
    """
    ledger.lock_ledger()
    entries.check_may_enter(by)
    rules.check_document(report)
    row = EnteredDocument.objects.create(
        uid=uuid_at(now),
        kept_by=by.party,
        kept_at=now,
        name="".join(letter for letter in name if letter.isprintable())[-200:],
        ciphertext=encryption.box(entries.USE).encrypt(pdf),
        sha256=report.sha256,
        size_bytes=report.size_bytes,
        verdict=report.verdict,
        values=rules.readable(report),
        seals=[seal.model_dump(mode="json") for seal in report.seals],
    )
    unused = EnteredDocument.objects.filter(entry=None, kept_by=by.party)
    latest = unused.order_by("-kept_at", "-pk").values_list("pk", flat=True)[:UNUSED]
    unused.exclude(pk__in=list(latest)).delete()
    return entries.describe_document(row)


@needs_no_entry("no order was entered with these documents")
@needs_no_lock("each is deleted once, whoever does it")
@transaction.atomic
def drop_unused(now: datetime) -> int:
    """Delete documents with which no order was entered; return how many."""
    old = EnteredDocument.objects.filter(entry=None, kept_at__lt=now - KEPT_UNUSED)
    return old.delete()[0]


@transaction.atomic
def enter(body: EnterIn, *, by: Actor, now: datetime) -> OrderOut:
    """Enter an order that was made elsewhere, in numbered steps, all or nothing.

    1. Who enters it is a side of it.  2. Its times and fields make sense.  3. It is new here.
    4. Its hour runs from the true moment of receipt; it may be over.  5. Authorities of the
    provider's State get copies, and the other side is asked to confirm it.

    raises: NotAllowedError, InvalidError, ConflictError, RateLimitError.
    """
    ledger.lock_ledger()
    checked = entries.checked(body, by=by, now=now)  # 1, 2, 3
    issuer, addressee, document = checked.issuer, checked.addressee, checked.document
    body = checked.body
    row = _create(body, issuer=issuer, addressee=addressee, document=document, by=by, now=now)
    hour.arrive(row, at=min(body.received_at, now))  # 4
    detail: dict[str, object] = {
        "state": OrderState(row.state).value,
        "channel": body.channel.value,
        "at": body.received_at.isoformat(),
        "document": document.sha256,
    }
    others = [party for party in (issuer, addressee) if party not in (None, by.party)]
    _record("order.entered", row, by=by, now=now, to=others, detail=detail)
    for home in _copy(row, now=now):  # 5
        _record("order.copied", row, by=by, now=now, to=[home])
    return reads.describe(row, viewer=by.party, now=now)


@transaction.atomic
def confirm(uid: UUID, *, by: Actor, now: datetime) -> OrderOut:
    """Say, as the other side, that an order that was entered by hand is right.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    rules.check_other_side(reads.facts(row), name=by.name, role=by.role)
    _confirm(row, by=by, now=now)
    return reads.describe(row, viewer=by.party, now=now)


@needs_no_lock("the answer has the lock")
@transaction.atomic
def confirm_by_answer(row: Order, *, by: Actor, now: datetime) -> None:
    """Confirm an order that its provider answers, if it did not enter or confirm it."""
    entry = row.entered
    if entry and entry.entered_by_id != by.party.pk and entry.state != EntryState.CONFIRMED:
        _confirm(row, by=by, now=now)


@transaction.atomic
def dispute(uid: UUID, *, body: OrderReasonIn, by: Actor, now: datetime) -> OrderOut:
    """Say, as the other side, that an order is not right. If its issuer says so, it ends.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    after = rules.check_dispute(reads.facts(row), name=by.name, role=by.role)
    entry = _answer(row, EntryState.DISPUTED, note=body.text, now=now)
    _record("entry.disputed", row, by=by, now=now, to=[entry.entered_by])
    if after is not None:
        _end(row, after=after, reason=f"{UNRECOGNISED}: {body.text}", by=by, now=now)
    return reads.describe(row, viewer=by.party, now=now)


@transaction.atomic
def void(uid: UUID, *, body: OrderReasonIn, by: Actor, now: datetime) -> OrderOut:
    """Take back an order that was entered wrongly. It ends, and counts in no figure.

    raises: NotFoundError, NotAllowedError; ConflictError once the other side has confirmed it.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    after = rules.check_void(reads.facts(row), name=by.name, role=by.role)
    _answer(row, EntryState.VOIDED, note=body.text, now=now)
    _record("entry.voided", row, by=by, now=now)
    _end(row, after=after, reason=f"{MISTAKEN}: {body.text}", by=by, now=now)
    return reads.describe(row, viewer=by.party, now=now)


def _create(
    body: EnterIn,
    *,
    issuer: Party | None,
    addressee: Party,
    document: EnteredDocument,
    by: Actor,
    now: datetime,
) -> Order:
    """Create the rows of an entered order. It has no signals and belongs to no crisis."""
    outside = body.outside_issuer
    issuer_state = issuer.country if issuer else outside.state if outside else ""
    home = addressee.country or str(body.annex.get("home_state") or "")
    row = Order.objects.create(
        uid=uuid_at(now),
        reference=body.reference,
        is_entered=True,
        state=OrderState.ISSUED,  # hour.arrive() goes on to received
        issued_by=issuer,
        addressee=addressee,
        annex={name: value for name, value in body.annex.items() if value not in ("", None, [])},
        language=body.language,
        content_type=body.content_type,
        ideology=body.ideology or "",
        is_cross_border=bool(issuer_state and home and issuer_state != home),
        exercise=body.exercise,
        drafted_at=now,
        issued_at=min(body.issued_at, now),
        secret_until=rules.secret_until(body.annex, issued_at=body.issued_at),
        **retention_columns(RowClass.ORDER, kind=by.kind, now=now),
    )
    EnteredOrder.objects.create(
        order=row,
        document=document,
        entered_by=by.party,
        entered_at=now,
        channel=body.channel,
        issuer_name=outside.name.strip() if outside else "",
        issuer_state=outside.state if outside else "",
        issuer_contact=outside.contact.strip() if outside else "",
    )
    OrderAddress.objects.bulk_create(drafts.address_rows(row))
    return row


def _copy(row: Order, *, now: datetime) -> list[Party]:
    """Send copies to the authorities of the provider's State that examine orders; return them.

    source: Regulation (EU) 2021/784 Art. 4(1).
    """
    if not row.is_cross_border:
        return []
    home = row.addressee.country or str(row.annex.get("home_state"))
    authorities = competences.competent(home, Duty.SCRUTINISE)
    homes = [authority for authority in authorities if authority.pk != row.issued_by_id]
    Copy.objects.bulk_create(Copy(order=row, sent_to=home, sent_at=now) for home in homes)
    return homes


def _confirm(row: Order, *, by: Actor, now: datetime) -> None:
    """Record that the other side confirmed an order."""
    entry = _answer(row, EntryState.CONFIRMED, note="", now=now)
    _record("entry.confirmed", row, by=by, now=now, to=[entry.entered_by])


def _answer(row: Order, state: EntryState, *, note: str, now: datetime) -> EnteredOrder:
    """Set the state of an entry, and return it."""
    entry = row.entry
    entry.state, entry.note, entry.answered_at = state, note, now
    entry.save(update_fields=["state", "note", "answered_at"])
    return entry


def _end(row: Order, *, after: OrderState, reason: str, by: Actor, now: datetime) -> None:
    """End the effect of an order, and tell its sides and the authorities with a copy."""
    endings.end_effect(row, after=after, reason=reason, by=by, now=now)
    homes = [copy.sent_to for copy in row.copies.select_related("sent_to")]
    detail: dict[str, object] = {"entry": EntryState(row.entry.state).value}
    _record(
        "order.withdrawn",
        row,
        by=by,
        now=now,
        to=[*row.issuers, row.addressee, *homes],
        detail=detail,
    )


def _record(
    kind: str,
    row: Order,
    *,
    by: Actor,
    now: datetime,
    to: Iterable[Party | None] = (),
    detail: dict[str, object] | None = None,
) -> None:
    """Append to the ledger. to: the parties it concerns, except the actor."""
    concerned = [party for party in to if party is not None and party.pk != by.party.pk]
    detail = detail or {}
    if concerned:
        detail |= {"party": concerned[0].ref, "parties": [party.name for party in concerned]}
    ledger.append_by(kind, by=by, subject=row.ref, now=now, detail=detail, exercise=row.exercise)
