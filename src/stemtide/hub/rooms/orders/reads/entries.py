# SPDX-License-Identifier: Apache-2.0
"""Read orders that were made elsewhere: their documents, and the parties that answer for them.

source: decision 0151.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from cryptography.fernet import InvalidToken
from django.db.models import F, Q
from pydantic import TypeAdapter

from stemtide.hub.platform import encryption
from stemtide.hub.platform.documents.hub_seal import hub_trust
from stemtide.hub.platform.documents.verification import verify_pdf
from stemtide.hub.platform.errors import InvalidError, NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.orders.models import EnteredDocument, EnteredOrder, Order
from stemtide.hub.rooms.orders.rules import entries as rules, orders as order_rules
from stemtide.hub.rooms.orders.rules.orders import EntryFacts
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import competences, parties
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.enums import Duty, PartyKind
from stemtide.protocol.enums.orders import EntryState, OrderChannel
from stemtide.protocol.messages.documents import SealSeen, SealVerdict, Verification
from stemtide.protocol.messages.orders import (
    EnteredOut,
    EnterIn,
    OrderDocumentOut,
    OutsideIssuer,
)

USE = "entered order"
"""Use of the key that documents are encrypted with."""

_BOTH = Q(is_entered=False) | Q(entry__state=EntryState.CONFIRMED)

BY_BOTH = _BOTH
"""Orders that count for everybody: made here, or confirmed by both sides."""

BY_ISSUER = _BOTH | (Q(entry__entered_by=F("issued_by")) & ~Q(entry__state=EntryState.VOIDED))
"""Orders that count for their issuer: it made, entered or confirmed them."""

BY_ADDRESSEE = _BOTH | Q(entry__entered_by=F("addressee"), entry__state=EntryState.WAITING)
"""Orders that count for their provider: it received them here, entered or confirmed them."""

_SEALS = TypeAdapter(list[SealSeen])


def counts_for(viewer: Party) -> Q:
    """Return the filter for orders whose figures a side may count as its own."""
    is_issuer, is_addressee = Q(issued_by=viewer), Q(addressee=viewer)
    return (is_issuer & BY_ISSUER) | (is_addressee & BY_ADDRESSEE)


@dataclass(frozen=True, slots=True)
class CheckedEntry:
    """An order that may be entered. issuer: None if it is no party."""

    body: EnterIn
    issuer: Party | None
    addressee: Party
    document: EnteredDocument


def check_may_enter(by: Actor) -> None:
    """Check that an actor may enter orders. raises: NotAllowedError."""
    is_competent = competences.is_competent(by.party, Duty.ISSUE)
    rules.check_may_enter(kind=by.kind, is_competent=is_competent, role=by.role)


def checked(body: EnterIn, *, by: Actor, now: datetime) -> CheckedEntry:
    """Return an order that an actor may enter, after all checks. The write asks it, too.

    raises: NotAllowedError, InvalidError; ConflictError for one that is here already.
    """
    check_may_enter(by)
    rules.check_sides(body, name=by.name, kind=by.kind)
    issuer, addressee = _sides(body, by=by)
    rules.check_times(issued_at=body.issued_at, received_at=body.received_at, now=now)
    rules.check_annex(body.annex)
    document = unused_document(body.document, viewer=by.party)
    reference = " ".join(body.reference.split())
    if not reference:
        raise InvalidError("reference", "is empty: enter the reference on the order")
    rules.check_printable(body)
    body = body.model_copy(update={"reference": reference})
    duplicate = _existing(
        body,
        issuer=issuer,
        addressee=addressee,
        sha256=document.sha256,
        is_issuers=issuer == by.party,
    )
    rules.check_new(duplicate)
    return CheckedEntry(body, issuer, addressee, document)


@needs_no_viewer("it looks at a file that the caller holds")
def verify(pdf: bytes, *, of: str, now: datetime) -> Verification:
    """Return the report on the seals of a PDF. The file is opened in the sandbox. of: the party.

    raises: AnotherDocumentError.
    """
    return verify_pdf(pdf, trusted=hub_trust(now), now=now, of=of)


def unused_document(uid: UUID, *, viewer: Party) -> EnteredDocument:
    """Return a document of a party that belongs to no order yet. raises: InvalidError."""
    rows = EnteredDocument.objects.defer("ciphertext").filter(uid=uid, kept_by=viewer)
    row = rows.filter(entry=None).first()
    if row is None:
        raise InvalidError(
            "document", "is not here, or belongs to another order: send the PDF again"
        )
    return row


def document_of(row: Order) -> OrderDocumentOut | None:
    """Return the facts of the document of an order; None if it was made here."""
    if not row.is_entered:
        return None
    document = EnteredDocument.objects.defer("ciphertext").filter(entry__order=row).first()
    return describe_document(document) if document is not None else None


def content_of(row: Order) -> tuple[str, bytes]:
    """Return the name and the PDF of an order's document. raises: NotFoundError."""
    document = EnteredDocument.objects.filter(entry__order=row).first()
    if document is None:
        raise NotFoundError("order {uid} was made here and has no such document", uid=row.uid)
    return document.name, encryption.box(USE).decrypt(bytes(document.ciphertext))


@needs_no_viewer("the operator checks all of them")
def damaged_documents() -> Iterator[UUID]:
    """Yield the documents that cannot be decrypted, or are not those that were kept."""
    for row in EnteredDocument.objects.order_by("pk").iterator(chunk_size=1):
        try:
            pdf = encryption.box(USE).decrypt(bytes(row.ciphertext))
        except InvalidToken:
            yield row.uid
        else:
            if hashlib.sha256(pdf).hexdigest() != row.sha256:
                yield row.uid


def describe_document(row: EnteredDocument) -> OrderDocumentOut:
    """Return a document as the message of the API."""
    return OrderDocumentOut(
        id=row.uid,
        name=row.name,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        verdict=SealVerdict(row.verdict),
        seals=_SEALS.validate_python(row.seals),
        values=row.values,
    )


def describe(row: Order) -> EnteredOut | None:
    """Return how an order that was made elsewhere came here; None for one made here."""
    entry = row.entered
    if entry is None:
        return None
    outside = None
    if row.issued_by is None:
        outside = OutsideIssuer(
            name=entry.issuer_name, state=entry.issuer_state, contact=entry.issuer_contact
        )
    return EnteredOut(
        entered_by=entry.entered_by.name,
        entered_at=entry.entered_at,
        channel=OrderChannel(entry.channel),
        state=EntryState(entry.state),
        waits_for=_waits_for(row, entry),
        outside_issuer=outside,
        answered_at=entry.answered_at,
        note=entry.note,
    )


def facts(row: Order) -> EntryFacts | None:
    """Return the facts that the rules need of an entry; None for an order made here."""
    entry = row.entered
    return EntryFacts(entry.entered_by.name, EntryState(entry.state)) if entry else None


def _existing(
    body: EnterIn, *, issuer: Party | None, addressee: Party, sha256: str, is_issuers: bool
) -> Mapping[str, object] | None:
    """Return the reference and id of an order that is here already; None if it is new.

    It is the same if issuer, addressee and reference are, or if the addressee and the document are.
    One that was taken back is none. is_issuers: the issuer enters it, and may enter one
    that it disputed before. Orders of other authorities do not stop it: it may not see them.
    """
    rows = Order.objects.filter(
        addressee=addressee, exercise=body.exercise, issued_at__isnull=False
    ).exclude(entry__state=EntryState.VOIDED)
    if is_issuers:
        rows = rows.exclude(entry__state=EntryState.DISPUTED, entry__entered_by=addressee)
    same = Q(issued_by=issuer, reference__iexact=body.reference)
    if issuer is None and body.outside_issuer is not None:
        outside = body.outside_issuer
        same = Q(
            issued_by=None,
            entry__issuer_state=outside.state,
            entry__issuer_name__iexact=outside.name,
            reference__iexact=body.reference,
        )
    same_document = Q(entry__document__sha256=sha256)
    if is_issuers:
        same_document &= Q(issued_by=issuer) | Q(issued_by=None)
    row = rows.filter(same | same_document).first()
    if row is None:
        return None
    entry = row.entered
    is_disputed = entry is not None and entry.state == EntryState.DISPUTED
    return {"reference": row.reference, "id": row.uid, "is_disputed": is_disputed}


def _sides(body: EnterIn, *, by: Actor) -> tuple[Party | None, Party]:
    """Return issuer and addressee; None for an issuer that is no party. raises: InvalidError."""
    if by.kind is PartyKind.AUTHORITY:
        addressee = _party(body.to, field="to")
        order_rules.check_addressee(body.to, kind=PartyKind(addressee.kind))
        return by.party, addressee
    if body.outside_issuer is not None:
        rows = parties.parties()
        party_names = {word.casefold() for row in rows for word in (row.name, row.title)}
        rules.check_outside_name(body.outside_issuer.name, party_names=party_names)
        return None, by.party
    issuer = _party(body.issuer, field="issuer")
    if PartyKind(issuer.kind) is not PartyKind.AUTHORITY:
        raise InvalidError("issuer", "is not an authority: only authorities issue removal orders")
    return issuer, by.party


def _party(name: str, *, field: str) -> Party:
    """Return a party by its name. raises: InvalidError naming the field."""
    try:
        return parties.party(name)
    except NotFoundError as error:
        raise InvalidError.of(field, error) from error


def _waits_for(row: Order, entry: EnteredOrder) -> str:
    """Return the party that has not confirmed an order; "" if nobody has to, or can."""
    if entry.state not in {EntryState.WAITING, EntryState.DISPUTED}:
        return ""
    if entry.entered_by_id != row.addressee_id:
        return row.addressee.name
    return row.issued_by.name if row.issued_by and entry.state == EntryState.WAITING else ""
