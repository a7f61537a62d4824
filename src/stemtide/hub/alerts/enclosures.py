# SPDX-License-Identifier: Apache-2.0
"""What goes out with an alert about a request: the request as JSON, and papers under the seal.

It is made in the thread that sends, outside every transaction: a paper takes half a second. The
page of a link gives out the same.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from uuid import UUID

from django.utils import translation
from pydantic import BaseModel

from stemtide.hub.alerts import words_notes
from stemtide.hub.alerts.channels.port import Enclosed, Parcel
from stemtide.hub.alerts.rules import Channel
from stemtide.hub.alerts.words_notes import Note
from stemtide.hub.orders import reads as orders
from stemtide.hub.papers import own
from stemtide.hub.papers.documents import (
    LANGUAGES,
    form_json,
    form_pdf,
    referral_pdf,
    said_plainly,
)
from stemtide.hub.papers.letters import information_pdf
from stemtide.hub.parties import reads as parties, reads_contacts as contacts
from stemtide.hub.parties.models import Party
from stemtide.hub.parties.rules import NotFoundError
from stemtide.hub.referrals import reads as referrals
from stemtide.protocol.forms import form
from stemtide.protocol.progress_table import to_csv
from stemtide.protocol.referrals import ReferralOut

_ENCLOSER = "clock"

MOST_IN_ONE = 500
"""Referrals of one batch that travel with its alert; the others are fetched."""

_JSON, _PDF, _SIGNATURE = "application/json", "application/pdf", "application/pkcs7-signature"
_CSV = "text/csv"


_LASTING = {
    *("id", "reference", "sender", "provider", "url", "content_type", "language", "ideology"),
    *("labels", "terms", "reason", "sent_at", "exercise"),
}
"""What a referral says as long as it is there, whatever becomes of it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What an alert carries. name: of its files; draws: makes the paper, where there is one.

    keeps:   makes what it says as bytes that stay the same whatever becomes of it, for proof.
    is_drawn: whether the paper goes out with the mail.
    lists:   makes the same as CSV, of what is many.
    notes:   what is to be known at once, in the language that is active.
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
        """SHA-256 of what it says, in hex."""
        return hashlib.sha256(self.keeps()).hexdigest()


def enclose(parcel: Parcel) -> Parcel:
    """The same parcel, with what it is about. A mail gets files, a webhook JSON, the page nothing.

    raises: SealFileError.
    """
    if parcel.channel is Channel.PAGE:
        return parcel
    with translation.override(parcel.language):
        made = request_of(parcel)
        if made is None:
            return parcel
        if parcel.channel is Channel.WEBHOOK:
            return replace(parcel, request=made.request)
        files = _files(made, parcel)
    return replace(parcel, request=made.request, files=files, notes=made.notes)


def request_of(parcel: Parcel) -> Request | None:
    """The request that an alert is about; None where it is none, or its party sees it no more."""
    find = _ABOUT.get(parcel.subject.partition(":")[0])
    if find is None:
        return None
    try:
        return find(parcel, parties.party_named(parcel.party, by=_ENCLOSER))
    except NotFoundError:  # the alert alone goes out
        return None


def _files(made: Request, parcel: Parcel) -> tuple[Enclosed, ...]:
    """The files of a mail: JSON with its signature, and the paper under the seal."""
    content = json.dumps(made.request, ensure_ascii=False, indent=2).encode()
    files = list(signed(f"{made.name}.json", content, parcel=parcel))
    if made.draws is not None and made.is_drawn:
        files.append(paper(made, parcel=parcel))
    if made.lists is not None:
        files += signed(f"{made.name}.csv", made.lists(), parcel=parcel, media_type=_CSV)
    return tuple(files)


def signed(
    name: str, content: bytes, *, parcel: Parcel, media_type: str = _JSON
) -> tuple[Enclosed, Enclosed]:
    """A file, and the signature on it. raises: SealFileError."""
    signature = own.signed(content, now=parcel.now)
    return (
        Enclosed(name, content, media_type),
        Enclosed(f"{name}.p7s", signature, _SIGNATURE),
    )


def paper(made: Request, *, parcel: Parcel) -> Enclosed:
    """The paper of a request that has one, under the seal. raises: SealFileError."""
    if made.draws is None:
        raise ValueError("this request has no paper")
    pdf = own.sealed(made.draws(), reason=made.name, now=parcel.now)
    return Enclosed(f"{made.name}.pdf", pdf, _PDF)


def _order(parcel: Parcel, party: Party) -> Request | None:
    """A removal order: Annex I; or what was answered to it: Annex II or III."""
    found = orders.order(_uid(parcel), viewer=party, now=parcel.now)
    language = found.language if found.language[:2] in LANGUAGES else parcel.language
    name, values, annex = found.reference, found.annex, "tco-annex-1"
    if parcel.kind in {"order_executed", "order_suspended"} and found.answers:
        latest = found.answers[-1]
        row = orders.find(found.id, viewer=party)
        values = orders.answer_head(row, viewer=party) | latest.values
        annex, language = latest.form, parcel.language
        name = f"{found.reference}-{annex.removeprefix('tco-')}"

    def make(write: Callable[..., bytes]) -> bytes:
        return write(
            form(annex),
            values,
            language=language,
            reference=found.reference,
            is_exercise=found.exercise,
        )

    is_addressee = found.addressee == party.name
    return Request(
        name,
        _plain(found),
        lambda: make(form_json),
        draws=lambda: make(form_pdf),
        is_drawn=parcel.kind in _DRAWN,
        notes=words_notes.order_notes(found) if is_addressee else words_notes.copy_notes(found),
    )


def _information(parcel: Parcel, party: Party) -> Request | None:
    """What a provider is told before its first order."""
    known = orders.informations(viewer=party)
    found = next((one for one in known if one.id == _uid(parcel)), None)
    if found is None:
        return None
    return Request(
        "information",
        _plain(found),
        lambda: found.model_dump_json(indent=2).encode(),
        draws=lambda: information_pdf(found, titles=_titles(party), language=parcel.language),
        notes=(words_notes.ask_note(*_sender(found.sent_by, party=party, parcel=parcel)),),
    )


def _referral(parcel: Parcel, party: Party) -> Request | None:
    """A referral, to its provider alone."""
    found = referrals.referral(_uid(parcel), viewer=party)
    if found.provider != party.name:
        return None
    asked = _sender(found.sender, party=party, parcel=parcel)
    return Request(
        found.reference,
        _plain(found),
        lambda: found.model_dump_json(include=_LASTING, indent=2).encode(),
        draws=lambda: _letter(found, party=party, language=parcel.language),
        is_drawn=parcel.kind in _DRAWN,
        notes=words_notes.referral_notes(*asked),
    )


def _batch(parcel: Parcel, party: Party) -> Request | None:
    """The referrals of a batch to one provider: as JSON alone, for nobody reads 2,000 letters."""
    uid = _uid(parcel)
    filters = referrals.Filters(batch=uid, provider=party.name)
    page = referrals.referrals(viewer=party, filters=filters, limit=MOST_IN_ONE)
    if not page.referrals:
        return None

    @cache
    def lasting() -> list[dict[str, object]]:
        whole = referrals_of(uid, party=party)
        return [one.model_dump(mode="json", include=_LASTING) for one in whole]

    asked = _sender(page.referrals[0].sender, party=party, parcel=parcel)
    return Request(
        "referrals",
        {"batch": str(uid), **_plain(page)},
        lambda: json.dumps({"batch": str(uid), "referrals": lasting()}, indent=2).encode(),
        lists=lambda: to_csv([_cells(one) for one in lasting()]).encode("utf-8-sig"),
        notes=words_notes.referral_notes(*asked),
    )


def referrals_of(batch: UUID, *, party: Party) -> list[ReferralOut]:
    """All referrals of a batch that went to a party, in the order of their references."""
    filters, found, after, more = referrals.Filters(batch=batch, provider=party.name), [], 0, True
    while more:
        page = referrals.referrals(
            viewer=party, filters=filters, after=after, limit=referrals.MAX_PAGE
        )
        found += page.referrals
        after, more = page.next, page.more
    return found


def _cells(said: Mapping[str, object]) -> dict[str, object]:
    """A referral as a row of a table that people open."""
    labels = said["labels"]
    names = ("reference", "sent_at", "url", "content_type", "language", "terms", "reason")
    told = {name: "" if said[name] is None else str(said[name]) for name in names}
    return {**told, "labels": " ".join(map(str, labels)) if isinstance(labels, list) else ""}


def _sender(name: str, *, party: Party, parcel: Parcel) -> tuple[str, ...]:
    """Who sent a request, and the first place where its addressee may reach them now."""
    sender = parties.party_named(name, by=_ENCLOSER)
    steps = contacts.ladder(sender, viewer=party, now=parcel.now)
    reached = (steps[0].contact.address,) if steps else ()
    return (sender.title, *reached)


def _letter(found: ReferralOut, *, party: Party, language: str) -> bytes:
    """A referral on paper."""
    return referral_pdf(found, titles=_titles(party), said=said_plainly, language=language)


_DRAWN = {
    *("order", "order_copy", "order_resumed", "order_executed", "order_suspended"),
    *("referral", "referral_explained"),
}
"""Alerts whose mail brings the paper; of the others it lies behind the link."""

_ABOUT: Mapping[str, Callable[[Parcel, Party], Request | None]] = {
    "order": _order,
    "information": _information,
    "referral": _referral,
    "batch": _batch,
}
"""What is enclosed, by what stands before the colon of an alert's subject."""


def _uid(parcel: Parcel) -> UUID:
    """The id of what a parcel is about."""
    return UUID(parcel.subject.partition(":")[2])


def _plain(message: BaseModel) -> dict[str, object]:
    """A message as the API says it."""
    return dict(message.model_dump(mode="json"))


def _titles(party: Party) -> dict[str, str]:
    """Parties' titles by name."""
    return {one.name: one.title for one in parties.parties(viewer=party)}
