# SPDX-License-Identifier: Apache-2.0
"""What goes out with an alert about a request: the request as JSON, and papers under the seal.

It is made in the thread that sends, outside every transaction: a paper takes half a second.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from django.utils import translation
from pydantic import BaseModel

from stemtide.hub.alerts.channels.port import Enclosed, Parcel
from stemtide.hub.alerts.rules import Channel
from stemtide.hub.orders import reads as orders
from stemtide.hub.papers import own
from stemtide.hub.papers.documents import LANGUAGES, form_pdf, referral_pdf, said_plainly
from stemtide.hub.papers.letters import information_pdf
from stemtide.hub.parties import reads as parties
from stemtide.hub.parties.models import Party
from stemtide.hub.parties.rules import NotFoundError
from stemtide.hub.referrals import reads as referrals
from stemtide.protocol.forms import form
from stemtide.protocol.referrals import ReferralOut

_ENCLOSER = "clock"

MOST_IN_ONE = 500
"""Referrals of one batch that travel with its alert; the others are fetched."""

_JSON, _PDF, _SIGNATURE = "application/json", "application/pdf", "application/pkcs7-signature"


@dataclass(frozen=True, slots=True)
class _Made:
    """A request. name: of its files; draws: makes the paper, where there is one."""

    name: str
    request: dict[str, object]
    draws: Callable[[], bytes] | None = None


def enclose(parcel: Parcel) -> Parcel:
    """The same parcel, with what it is about. A mail gets files, a webhook JSON, the page nothing.

    raises: SealFileError.
    """
    find = _ABOUT.get(parcel.subject.partition(":")[0])
    if parcel.channel is Channel.PAGE or find is None:
        return parcel
    party = parties.party_named(parcel.party, by=_ENCLOSER)
    try:
        made = find(parcel, party)
    except NotFoundError:  # the party may not see it any more: the alert alone goes out
        return parcel
    if made is None:
        return parcel
    if parcel.channel is Channel.WEBHOOK:
        return replace(parcel, request=made.request)
    return replace(parcel, request=made.request, files=_files(made, parcel))


def _files(made: _Made, parcel: Parcel) -> tuple[Enclosed, ...]:
    """The files of a mail: JSON with its signature, and the paper under the seal."""
    content = json.dumps(made.request, ensure_ascii=False, indent=2).encode()
    signature = own.signed(content, now=parcel.now)
    files = [
        Enclosed(f"{made.name}.json", content, _JSON),
        Enclosed(f"{made.name}.json.p7s", signature, _SIGNATURE),
    ]
    if made.draws is not None:
        with translation.override(parcel.language):
            pdf = own.sealed(made.draws(), reason=made.name, now=parcel.now)
        files.append(Enclosed(f"{made.name}.pdf", pdf, _PDF))
    return tuple(files)


def _order(parcel: Parcel, party: Party) -> _Made | None:
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

    def draw() -> bytes:
        return form_pdf(
            form(annex),
            values,
            language=language,
            reference=found.reference,
            is_exercise=found.exercise,
        )

    has_paper = parcel.kind in {"order", "order_copy", "order_executed", "order_suspended"}
    return _Made(name, _plain(found), draw if has_paper else None)


def _information(parcel: Parcel, party: Party) -> _Made | None:
    """What a provider is told before its first order."""
    known = orders.informations(viewer=party)
    found = next((one for one in known if one.id == _uid(parcel)), None)
    if found is None:
        return None

    def draw() -> bytes:
        return information_pdf(found, titles=_titles(party), language=parcel.language)

    return _Made("information", _plain(found), draw)


def _referral(parcel: Parcel, party: Party) -> _Made | None:
    """A referral, to its provider alone."""
    found = referrals.referral(_uid(parcel), viewer=party)
    if found.provider != party.name:
        return None

    def draw() -> bytes:
        return _letter(found, party=party, language=parcel.language)

    is_paper = parcel.kind in {"referral", "referral_explained"}
    return _Made(found.reference, _plain(found), draw if is_paper else None)


def _batch(parcel: Parcel, party: Party) -> _Made | None:
    """The referrals of a batch to one provider: as JSON alone, for nobody reads 2,000 letters."""
    uid = _uid(parcel)
    filters = referrals.Filters(batch=uid, provider=party.name)
    page = referrals.referrals(viewer=party, filters=filters, limit=MOST_IN_ONE)
    request = {"batch": str(uid), **_plain(page)}
    return _Made("referrals", request) if page.referrals else None


def _letter(found: ReferralOut, *, party: Party, language: str) -> bytes:
    """A referral on paper."""
    return referral_pdf(found, titles=_titles(party), said=said_plainly, language=language)


_ABOUT: Mapping[str, Callable[[Parcel, Party], _Made | None]] = {
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
