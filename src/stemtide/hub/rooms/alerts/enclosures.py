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

from stemtide.hub.platform.documents import hub_seal as own
from stemtide.hub.platform.documents.forms import (
    LANGUAGES,
    form_json,
    form_pdf,
    referral_pdf,
    said_plainly,
)
from stemtide.hub.platform.documents.letters import information_pdf
from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.alerts.channels.channel import Enclosed, Parcel
from stemtide.hub.rooms.alerts.rules.alerts import Channel
from stemtide.hub.rooms.alerts.texts import notes as words_notes
from stemtide.hub.rooms.alerts.texts.notes import Note
from stemtide.hub.rooms.orders.reads import orders
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import contacts, parties
from stemtide.hub.rooms.referrals.reads import referrals
from stemtide.protocol.files.progress import to_csv
from stemtide.protocol.law.forms import form
from stemtide.protocol.messages.referrals import ReferralOut

_ENCLOSER = "clock"

MOST_IN_ONE = 500
"""Referrals of a batch that are sent with its alert; receivers fetch the others."""

_JSON, _PDF, _SIGNATURE = "application/json", "application/pdf", "application/pkcs7-signature"
_CSV = "text/csv"


_LASTING = {
    *("id", "reference", "sender", "provider", "url", "content_type", "language", "ideology"),
    *("labels", "terms", "reason", "sent_at", "exercise"),
}
"""Fields of a referral that never change."""


@dataclass(frozen=True, slots=True)
class Request:
    """The request that an alert carries. name: of its files; draws: renders the document, if any.

    keeps:   returns its lasting content as bytes that never change, for proof.
    is_drawn: whether the document goes out with the mail.
    lists:   returns a batch as CSV.
    notes:   key facts to show at once, in the active language.
    """

    name: str
    request: dict[str, object]
    keeps: Callable[[], bytes]
    draws: Callable[[], bytes] | None = None
    is_drawn: bool = True
    lists: Callable[[], bytes] | None = None
    notes: tuple[Note, ...] = ()

    @property
    def digest(self) -> str:
        """Return the SHA-256 of its lasting content, in hex."""
        return hashlib.sha256(self.keeps()).hexdigest()


def enclose(parcel: Parcel) -> Parcel:
    """Return the parcel with its request. A mail gets files, a webhook JSON, the page nothing.

    raises: SealFileError.
    """
    if parcel.channel is Channel.PAGE:
        return parcel
    with translation.override(parcel.language):
        enclosure = request_of(parcel)
        if enclosure is None:
            return parcel
        if parcel.channel is Channel.WEBHOOK:
            return replace(parcel, request=enclosure.request)
        files = _files(enclosure, parcel)
    return replace(parcel, request=enclosure.request, files=files, notes=enclosure.notes)


def request_of(parcel: Parcel) -> Request | None:
    """Return the request of an alert; None if it has none, or its party may no longer see it."""
    build = _ABOUT.get(parcel.subject.partition(":")[0])
    if build is None:
        return None
    try:
        return build(parcel, parties.party_named(parcel.party, by=_ENCLOSER))
    except NotFoundError:  # the alert alone goes out
        return None


def _files(request: Request, parcel: Parcel) -> tuple[Enclosed, ...]:
    """Return the files of a mail: JSON with its signature, and the sealed document."""
    content = json.dumps(request.request, ensure_ascii=False, indent=2).encode()
    files = list(signed(f"{request.name}.json", content, parcel=parcel))
    if request.draws is not None and request.is_drawn:
        files.append(paper(request, parcel=parcel))
    if request.lists is not None:
        files += signed(f"{request.name}.csv", request.lists(), parcel=parcel, media_type=_CSV)
    return tuple(files)


def signed(
    name: str, content: bytes, *, parcel: Parcel, media_type: str = _JSON
) -> tuple[Enclosed, Enclosed]:
    """Return a file and its signature. raises: SealFileError."""
    signature = own.signed(content, now=parcel.now)
    return (
        Enclosed(name, content, media_type),
        Enclosed(f"{name}.p7s", signature, _SIGNATURE),
    )


def paper(request: Request, *, parcel: Parcel) -> Enclosed:
    """Return the sealed document of a request that has one. raises: SealFileError."""
    if request.draws is None:
        raise ValueError("this request has no paper")
    pdf = own.sealed(request.draws(), reason=request.name, now=parcel.now)
    return Enclosed(f"{request.name}.pdf", pdf, _PDF)


def _order(parcel: Parcel, party: Party) -> Request | None:
    """Build the request for a removal order: Annex I, or the answer to it, Annex II or III."""
    order = orders.order(_uid(parcel), viewer=party, now=parcel.now)
    language = order.language if order.language[:2] in LANGUAGES else parcel.language
    name, values, annex = order.reference, order.annex, "tco-annex-1"
    if parcel.kind in {"order_executed", "order_suspended"} and order.answers:
        latest = order.answers[-1]
        row = orders.find(order.id, viewer=party)
        values = orders.answer_head(row, viewer=party) | latest.values
        annex, language = latest.form, parcel.language
        name = f"{order.reference}-{annex.removeprefix('tco-')}"

    def make(write: Callable[..., bytes]) -> bytes:
        return write(
            form(annex),
            values,
            language=language,
            reference=order.reference,
            is_exercise=order.exercise,
        )

    is_addressee = order.addressee == party.name
    return Request(
        name,
        _plain(order),
        lambda: make(form_json),
        draws=lambda: make(form_pdf),
        is_drawn=parcel.kind in _DRAWN,
        notes=words_notes.order_notes(order) if is_addressee else words_notes.copy_notes(order),
    )


def _information(parcel: Parcel, party: Party) -> Request | None:
    """Build the request for the information that a provider gets before its first order."""
    informations = orders.informations(viewer=party)
    information = next(
        (candidate for candidate in informations if candidate.id == _uid(parcel)), None
    )
    if information is None:
        return None
    return Request(
        "information",
        _plain(information),
        lambda: information.model_dump_json(indent=2).encode(),
        draws=lambda: information_pdf(information, titles=_titles(party), language=parcel.language),
        notes=(words_notes.ask_note(*_sender(information.sent_by, party=party, parcel=parcel)),),
    )


def _referral(parcel: Parcel, party: Party) -> Request | None:
    """Build the request for a referral, for its provider alone."""
    referral = referrals.referral(_uid(parcel), viewer=party)
    if referral.provider != party.name:
        return None
    sender = _sender(referral.sender, party=party, parcel=parcel)
    return Request(
        referral.reference,
        _plain(referral),
        lambda: referral.model_dump_json(include=_LASTING, indent=2).encode(),
        draws=lambda: _letter(referral, party=party, language=parcel.language),
        is_drawn=parcel.kind in _DRAWN,
        notes=words_notes.referral_notes(*sender),
    )


def _batch(parcel: Parcel, party: Party) -> Request | None:
    """Build the request for the referrals of a batch to one provider, as JSON and CSV only."""
    uid = _uid(parcel)
    filters = referrals.Filters(batch=uid, provider=party.name)
    page = referrals.referrals(viewer=party, filters=filters, limit=MOST_IN_ONE)
    if not page.referrals:
        return None

    @cache
    def lasting() -> list[dict[str, object]]:
        whole = referrals_of(uid, party=party)
        return [referral.model_dump(mode="json", include=_LASTING) for referral in whole]

    sender = _sender(page.referrals[0].sender, party=party, parcel=parcel)
    return Request(
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


def _sender(name: str, *, party: Party, parcel: Parcel) -> tuple[str, ...]:
    """Return the title of a request's sender, and the first address where it can be reached now."""
    sender = parties.party_named(name, by=_ENCLOSER)
    steps = contacts.ladder(sender, viewer=party, now=parcel.now)
    reached = (steps[0].contact.address,) if steps else ()
    return (sender.title, *reached)


def _letter(referral: ReferralOut, *, party: Party, language: str) -> bytes:
    """Return a referral as a PDF letter."""
    return referral_pdf(referral, titles=_titles(party), said=said_plainly, language=language)


_DRAWN = {
    *("order", "order_copy", "order_resumed", "order_executed", "order_suspended"),
    *("referral", "referral_explained"),
}
"""Alerts whose mail includes the document; for others it is behind the link."""

_ABOUT: Mapping[str, Callable[[Parcel, Party], Request | None]] = {
    "order": _order,
    "information": _information,
    "referral": _referral,
    "batch": _batch,
}
"""Builders of requests, by the type of an alert's subject."""


def _uid(parcel: Parcel) -> UUID:
    """Return the id of a parcel's subject."""
    return UUID(parcel.subject.partition(":")[2])


def _plain(message: BaseModel) -> dict[str, object]:
    """Return a message in API format."""
    return dict(message.model_dump(mode="json"))


def _titles(party: Party) -> dict[str, str]:
    """Return parties' titles by name."""
    return {other.name: other.title for other in parties.parties(viewer=party)}
