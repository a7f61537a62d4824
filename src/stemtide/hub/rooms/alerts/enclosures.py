# SPDX-License-Identifier: Apache-2.0
"""Build the attachments of an alert about a request: the request as JSON, and sealed documents.

This runs in the sending thread, outside every transaction: a document takes half a second. The page
behind a link serves the same files.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from uuid import UUID

from django.utils import translation
from pydantic import BaseModel

from stemtide.hub.platform.documents import hub_seal
from stemtide.hub.platform.documents.forms import (
    LANGUAGES,
    file_name,
    form_json,
    form_pdf,
    referral_pdf,
    said_plainly,
)
from stemtide.hub.platform.documents.letters import information_pdf
from stemtide.hub.platform.documents.seal_notes import SealNotes
from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.alerts.channels.channel import Attachment, OutgoingAlert
from stemtide.hub.rooms.alerts.rules.alerts import Channel
from stemtide.hub.rooms.alerts.texts import notes as words_notes
from stemtide.hub.rooms.alerts.texts.notes import Note
from stemtide.hub.rooms.orders.reads import orders
from stemtide.hub.rooms.orders.rules.entries import author_of
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import contacts, parties
from stemtide.hub.rooms.referrals.reads import referrals
from stemtide.protocol.files.progress import to_csv
from stemtide.protocol.law.forms import form
from stemtide.protocol.messages.referrals import AssessIn, ReferralOut

MOST_IN_ONE = 500
"""Referrals of a batch that are sent with its alert; receivers fetch the others."""

_JSON, _PDF, _SIGNATURE = "application/json", "application/pdf", "application/pkcs7-signature"
_CSV = "text/csv"


_LASTING_FIELDS = {
    *("id", "reference", "sender", "sent_at"),
    *(AssessIn.model_fields.keys() - {"crisis", "signals", "again"}),
}
"""Fields of a referral that never change: what was assessed, who sent it and when."""


@dataclass(frozen=True, slots=True)
class EnclosedRequest:
    """The request that an alert carries. name: of its files; draws: renders the document, if any.

    author:  of a form of the law: the party whose own seal it gets; "" for letters.

    keeps:   returns its lasting content as bytes that never change, for proof.
    is_drawn: whether the document goes out with the mail.
    lists:   returns a batch as CSV.
    notes:   key facts to show at once, in the active language.
    """

    name: str
    request: dict[str, object]
    keeps: Callable[[], bytes]
    draws: Callable[[SealNotes], bytes] | None = None
    author: str = ""
    is_drawn: bool = True
    lists: Callable[[], bytes] | None = None
    notes: tuple[Note, ...] = ()

    @property
    def digest(self) -> str:
        """Return the SHA-256 of its lasting content, in hex."""
        return hashlib.sha256(self.keeps()).hexdigest()


def attach(outgoing: OutgoingAlert) -> OutgoingAlert:
    """Return the alert with its request. A mail gets files, a webhook JSON, the page nothing.

    raises: SealFileError.
    """
    if outgoing.channel is Channel.PAGE:
        return outgoing
    with translation.override(outgoing.language):
        enclosure = request_of(outgoing)
        if enclosure is None:
            return outgoing
        if outgoing.channel is Channel.WEBHOOK:
            return replace(outgoing, request=enclosure.request)
        files = _files(enclosure, outgoing)
    return replace(outgoing, request=enclosure.request, files=files, notes=enclosure.notes)


def request_of(outgoing: OutgoingAlert) -> EnclosedRequest | None:
    """Return the request of an alert; None if it has none, or its party may no longer see it."""
    build = _BUILDERS.get(outgoing.subject.partition(":")[0])
    if build is None:
        return None
    try:
        return build(outgoing, parties.party(outgoing.party))
    except NotFoundError:  # the alert alone goes out
        return None


def _files(request: EnclosedRequest, outgoing: OutgoingAlert) -> tuple[Attachment, ...]:
    """Return the files of a mail: JSON with its signature, and the sealed document."""
    content = json.dumps(request.request, ensure_ascii=False, indent=2).encode()
    files = list(signed(f"{request.name}.json", content, outgoing=outgoing))
    if request.draws is not None and request.is_drawn:
        files.append(paper(request, outgoing=outgoing))
    if request.lists is not None:
        files += signed(f"{request.name}.csv", request.lists(), outgoing=outgoing, media_type=_CSV)
    return tuple(files)


def signed(
    name: str, content: bytes, *, outgoing: OutgoingAlert, media_type: str = _JSON
) -> tuple[Attachment, Attachment]:
    """Return a file and its signature. raises: SealFileError."""
    signature = hub_seal.signed(content, now=outgoing.now)
    return (
        Attachment(name, content, media_type),
        Attachment(f"{name}.p7s", signature, _SIGNATURE),
    )


def paper(request: EnclosedRequest, *, outgoing: OutgoingAlert) -> Attachment:
    """Return the sealed document of a request that has one. raises: SealFileError."""
    if request.draws is None:
        raise ValueError("this request has no paper")
    if request.author:
        pdf = hub_seal.sealed_form(
            request.draws, author=request.author, reason=request.name, now=outgoing.now
        )
    else:
        pdf = hub_seal.sealed(request.draws(SealNotes()), reason=request.name, now=outgoing.now)
    return Attachment(f"{request.name}.pdf", pdf, _PDF)


def _order(outgoing: OutgoingAlert, party: Party) -> EnclosedRequest | None:
    """Build the request for a removal order: Annex I, or the answer to it, Annex II or III."""
    order = orders.order(_uid(outgoing), viewer=party, now=outgoing.now)
    language = order.language if order.language[:2] in LANGUAGES else outgoing.language
    name, values, annex = file_name(order.reference), order.annex, "tco-annex-1"
    if outgoing.kind in {"order_executed", "order_suspended"} and order.answers:
        latest = order.answers[-1]
        row = orders.find(order.id, viewer=party)
        values = orders.answer_head(row) | latest.values
        annex, language = latest.form, outgoing.language
        name = f"{name}-{annex.removeprefix('tco-')}"

    def make(write: Callable[..., bytes], **more: SealNotes) -> bytes:
        return write(
            form(annex),
            values,
            language=language,
            reference=order.reference,
            is_exercise=order.exercise,
            entered=order.entry,
            **more,
        )

    is_addressee = order.addressee == party.name
    return EnclosedRequest(
        name,
        _plain(order),
        lambda: make(form_json),
        draws=lambda notes: make(form_pdf, seals=notes),
        author=author_of(order, annex),
        is_drawn=outgoing.kind in _DRAWN,
        notes=words_notes.order_notes(order) if is_addressee else words_notes.copy_notes(order),
    )


def _information(outgoing: OutgoingAlert, party: Party) -> EnclosedRequest | None:
    """Build the request for the information that a provider gets before its first order."""
    informations = orders.informations(viewer=party)
    information = next(
        (candidate for candidate in informations if candidate.id == _uid(outgoing)), None
    )
    if information is None:
        return None
    return EnclosedRequest(
        "information",
        _plain(information),
        lambda: information.model_dump_json(indent=2).encode(),
        draws=lambda _: information_pdf(information, titles=_titles(), language=outgoing.language),
        notes=(
            words_notes.ask_note(*_sender(information.sent_by, party=party, outgoing=outgoing)),
        ),
    )


def _referral(outgoing: OutgoingAlert, party: Party) -> EnclosedRequest | None:
    """Build the request for a referral, for its provider alone."""
    referral = referrals.referral(_uid(outgoing), viewer=party)
    if referral.provider != party.name:
        return None
    sender = _sender(referral.sender, party=party, outgoing=outgoing)
    return EnclosedRequest(
        referral.reference,
        _plain(referral),
        lambda: referral.model_dump_json(include=_LASTING_FIELDS, indent=2).encode(),
        draws=lambda _: _letter(referral, language=outgoing.language),
        is_drawn=outgoing.kind in _DRAWN,
        notes=words_notes.referral_notes(*sender),
    )


def _batch(outgoing: OutgoingAlert, party: Party) -> EnclosedRequest | None:
    """Build the request for the referrals of a batch to one provider, as JSON and CSV only."""
    uid = _uid(outgoing)
    filters = referrals.Filters(batch=uid, provider=party.name)
    page = referrals.referrals(viewer=party, filters=filters, limit=MOST_IN_ONE)
    if not page.referrals:
        return None

    @cache
    def lasting() -> list[dict[str, object]]:
        whole = referrals_of(uid, party=party)
        return [referral.model_dump(mode="json", include=_LASTING_FIELDS) for referral in whole]

    sender = _sender(page.referrals[0].sender, party=party, outgoing=outgoing)
    return EnclosedRequest(
        "referrals",
        {"batch": str(uid), **_plain(page)},
        lambda: json.dumps({"batch": str(uid), "referrals": lasting()}, indent=2).encode(),
        lists=lambda: to_csv([_cells(row) for row in lasting()]).encode("utf-8-sig"),
        notes=words_notes.referral_notes(*sender),
    )


def referrals_of(batch: UUID, *, party: Party) -> list[ReferralOut]:
    """Return all referrals of a batch to a party, in the order of their references."""
    filters, collected, after, more = (
        referrals.Filters(batch=batch, provider=party.name),
        [],
        0,
        True,
    )
    while more:
        page = referrals.referrals(
            viewer=party, filters=filters, after=after, limit=referrals.MAX_PAGE
        )
        collected += page.referrals
        after, more = page.next, page.more
    return collected


def _cells(referral: Mapping[str, object]) -> dict[str, object]:
    """Return a referral as a row of a table that people open."""
    labels = referral["labels"]
    names = ("reference", "sent_at", "url", "content_type", "language", "terms", "reason")
    cells = {name: "" if referral[name] is None else str(referral[name]) for name in names}
    return {**cells, "labels": " ".join(map(str, labels)) if isinstance(labels, list) else ""}


def _sender(name: str, *, party: Party, outgoing: OutgoingAlert) -> tuple[str, ...]:
    """Return the title of a request's sender, and the first address where it can be reached now."""
    sender = parties.party(name)
    steps = contacts.ladder(sender, viewer=party, now=outgoing.now)
    reached = (steps[0].contact.address,) if steps else ()
    return (sender.title, *reached)


def _letter(referral: ReferralOut, *, language: str) -> bytes:
    """Return a referral as a PDF letter."""
    return referral_pdf(referral, titles=_titles(), title_of=said_plainly, language=language)


_DRAWN = {
    *("order", "order_copy", "order_resumed", "order_executed", "order_suspended"),
    *("referral", "referral_explained"),
}
"""Alerts whose mail includes the document; for others it is behind the link."""

_BUILDERS: Mapping[str, Callable[[OutgoingAlert, Party], EnclosedRequest | None]] = {
    "order": _order,
    "information": _information,
    "referral": _referral,
    "batch": _batch,
}
"""Builders of requests, by the type of an alert's subject."""


def _uid(outgoing: OutgoingAlert) -> UUID:
    """Return the id of an alert's subject."""
    return UUID(outgoing.subject.partition(":")[2])


def _plain(message: BaseModel) -> dict[str, object]:
    """Return a message in API format."""
    return dict(message.model_dump(mode="json"))


def _titles() -> dict[str, str]:
    """Return parties' titles by name."""
    return {other.name: other.title for other in parties.parties()}
