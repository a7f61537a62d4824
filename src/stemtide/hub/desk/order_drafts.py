# SPDX-License-Identifier: Apache-2.0
"""Before an order leaves: begin a draft, fill Annex I in beside its lint, issue; inform before."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from http import HTTPStatus
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from stemtide.hub.desk.annex_forms import AnnexForm, Shown, known, language
from stemtide.hub.desk.forms import MarkedForm
from stemtide.hub.desk.order_forms import BeginForm, BesideForm, InformForm
from stemtide.hub.desk.people import SignedInRequest, actor_of, signed_in, writing
from stemtide.hub.desk.refusals import filled, in_words, without_field
from stemtide.hub.desk.situation import titles_of
from stemtide.hub.desk.situation_forms import uuid_or_none
from stemtide.hub.orders import reads, reads_drafts, rules, writes
from stemtide.hub.orders.rules_findings import Finding
from stemtide.hub.orders.rules_lint import FlawedError
from stemtide.hub.parties import reads as parties, reads_competences as competences
from stemtide.hub.parties.reads import Actor
from stemtide.hub.parties.rules import ConflictError, InvalidError
from stemtide.hub.referrals import reads_search as searches
from stemtide.protocol.forms import form
from stemtide.protocol.orders import OrderOut
from stemtide.protocol.referrals import Finding as Interest, SearchIn
from stemtide.protocol.words import Duty, PartyKind

BESIDE = ("emergency_ground", "language", "content_type", "ideology")
"""Facts beside the form whose change by somebody else is noticed."""

SEARCHED = 10
"""Addresses of a draft for which others' interests are looked up when its page is shown."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that the lint says, in the reader's language."""

    field: str
    said: str
    is_error: bool
    title: str


@dataclass(frozen=True, slots=True)
class Line:
    """One field to fill in, with what the lint says of it."""

    field: forms.BoundField
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One section of the form. known: fields that the hub fills in."""

    name: str
    title: str
    note: str
    known: tuple[Shown, ...]
    lines: tuple[Line, ...]


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@writing
def new(request: SignedInRequest) -> HttpResponse:
    """Begin a draft: to whom, and what. The rest is filled in with what is known."""
    by = actor_of(request)
    _check_issuer(by)
    if request.method != "POST":
        first = {one: request.GET.get(one, "")[:8000] for one in ("urls", "to", "signals")}
        first["crisis"] = str(uuid_or_none(request.GET.get("crisis")) or "")
        made = BeginForm(providers=_providers(by), initial=first)
        return render(request, "desk/orders/new.html", {"form": made})
    sent = BeginForm(request.POST, providers=_providers(by))
    body = sent.body() if sent.is_valid() else None
    if body is not None:
        try:
            begun = writes.draft(body, by=by, now=datetime.now(UTC))
        except InvalidError as error:
            _mark(sent, error)
        else:
            messages.success(request, _("Begun. What is known is filled in: look at all of it."))
            return redirect("order-draft", uid=begun.id)
    sent.mark_errors()
    return render(request, "desk/orders/new.html", {"form": sent}, status=422)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@writing
def draft(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Annex I by its sections, saved as often as one likes, and issued when its lint is content."""
    by, now = actor_of(request), datetime.now(UTC)
    row = reads.find(uid, viewer=by.party)
    if "change" not in reads.moves(row, by=by, now=now):
        return redirect("order", uid=uid)
    found = reads.order(uid, viewer=by.party, now=now)
    annex, beside = _forms(request, found)
    if request.method != "POST":
        return _show(request, found, annex=annex, beside=beside)
    is_valid = annex.is_valid() and beside.is_valid()
    if request.POST.get("seen", seen := _seen(found)) != seen:
        annex.add_error(
            None,
            _(
                "Somebody else changed this draft while you wrote. Nothing of yours is saved yet:"
                " look at theirs on the page of the order, and save again if yours is to stand."
            ),
        )
        is_valid = False
    body = beside.changes(annex.written()) if is_valid else None
    if body is not None:
        try:
            writes.change(uid, body=body, by=by, now=now)
        except InvalidError as error:
            _mark(annex if error.field.startswith("annex.") else beside, error)
        else:
            return _saved(request, uid, by=by)
    return _show(request, found, annex=annex, beside=beside, status=422)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def inform(request: SignedInRequest) -> HttpResponse:
    """Tell a provider of procedures and deadlines, twelve hours before a first order to it."""
    by, now = actor_of(request), datetime.now(UTC)
    status, sent = 200, None
    if request.method == "POST":
        _check_issuer(by)
        sent = InformForm(request.POST, providers=_providers(by))
        if _informed(request, sent, by=by, now=now):
            return redirect("order-inform")
        sent.mark_errors()
        status = 422
    elif is_issuer(by):
        first = {"to": request.GET.get("to", "")[:60], "text": _procedures(by)}
        sent = InformForm(providers=_providers(by), initial=first)
    facts = {
        "now": now,
        "form": sent,
        "titles": titles_of(request),
        "rows": reads.informations(viewer=by.party),
    }
    return render(request, "desk/orders/inform.html", facts, status=status)


def _informed(request: SignedInRequest, sent: InformForm, *, by: Actor, now: datetime) -> bool:
    """Whether the provider was told; the form says why not."""
    body = sent.body() if sent.is_valid() else None
    if body is None:
        return False
    try:
        writes.inform(body, by=by, now=now)
    except InvalidError as error:
        _mark(sent, error)
        return False
    messages.success(request, _("Sent. An order may follow in twelve hours."))
    return True


def _saved(request: SignedInRequest, uid: UUID, *, by: Actor) -> HttpResponse:
    """The draft is saved: go on with it, or issue it."""
    back = f"{reverse('order-draft', args=[uid])}?look=1"
    if request.POST.get("do") != "issue":
        messages.success(request, _("Saved. Nobody but your authority sees it."))
        return redirect(back)
    if not request.POST.get("confirm"):
        messages.error(request, _("Saved, not issued: tick the box that says that you read it."))
        return redirect(back)
    try:
        writes.issue(uid, by=by, now=datetime.now(UTC))
    except (FlawedError, ConflictError) as error:
        messages.error(request, in_words(error))
        return redirect(back)
    messages.success(request, _("Issued. It is on its way, and does not change any more."))
    return redirect("order", uid=uid)


def _show(
    request: SignedInRequest,
    found: OrderOut,
    *,
    annex: AnnexForm,
    beside: BesideForm,
    status: int = 200,
) -> HttpResponse:
    """The page of a draft."""
    by, now = actor_of(request), datetime.now(UTC)
    row = reads.find(found.id, viewer=by.party)
    findings = reads_drafts.findings(row, viewer=by.party, now=now)
    said = _remarks(findings, annex, beside)
    is_looked_at = bool(request.GET.get("look")) or status != HTTPStatus.OK
    for one in (annex, beside):
        one.mark_errors()
    facts = {
        "now": now,
        "titles": titles_of(request),
        "order": found,
        "seen": _seen(found),
        "parts": _parts(annex, found, remarks=said if is_looked_at else ()),
        "beside": _lines(beside, beside.fields, remarks=said if is_looked_at else ()),
        "wrong": [*annex.non_field_errors(), *beside.non_field_errors()],
        "remarks": said,
        "flaws": sum(one.is_error for one in said),
        "doubts": sum(not one.is_error for one in said),
        "may_issue": "issue" in reads.moves(row, by=by, now=now),
        "may_discard": "discard" in reads.moves(row, by=by, now=now),
        "from_memory": annex.annex.from_memory,
        "interests": _interests(found, by=by, now=now),
    }
    return render(request, "desk/orders/draft.html", facts, status=status)


def _forms(request: SignedInRequest, found: OrderOut) -> tuple[AnnexForm, BesideForm]:
    """The two forms of the page, as they are stored or as they were sent."""
    sent = request.POST if request.method == "POST" else None
    first = {
        "emergency": found.emergency,
        "emergency_ground": found.emergency_ground or "",
        "language": found.language,
        "content_type": found.content_type,
        "ideology": found.ideology or "",
        "signals": " ".join(str(signal) for signal in found.signals),
    }
    annex = AnnexForm(sent, annex=form("tco-annex-1"), values=found.annex, prefix="annex")
    return annex, BesideForm(sent, initial=first, language=found.language)


def _seen(found: OrderOut) -> str:
    """What a draft said when its page was made, in short: it tells whether it was changed since."""
    said = found.model_dump_json(include={"annex", "emergency", *BESIDE, "signals"})
    return sha256(said.encode()).hexdigest()


def _remarks(findings: Sequence[Finding], *among: MarkedForm) -> list[Remark]:
    """What the lint says, with the title of its field and where that stands on the page."""
    labels = {name: str(field.label) for one in among for name, field in one.fields.items()}
    return [
        Remark(
            finding.field,
            filled(finding.template, finding.facts),
            finding.is_error,
            title=labels.get(finding.field, finding.field),
        )
        for finding in findings
    ]


def _parts(annex: AnnexForm, found: OrderOut, *, remarks: Sequence[Remark]) -> list[Part]:
    """The sections of Annex I, to be filled in."""
    return [
        Part(
            name=section.name,
            title=section.title.within(language()),
            note=section.note.within(language()) if section.note else "",
            known=known(section, found.annex),
            lines=_lines(annex, [field.name for field in section.fields], remarks=remarks),
        )
        for section in annex.annex.sections
    ]


def _lines(
    asked: MarkedForm, names: Iterable[str], *, remarks: Sequence[Remark]
) -> tuple[Line, ...]:
    """Fields of a form, each with what the lint says of it."""
    return tuple(
        Line(asked[name], tuple(remark for remark in remarks if remark.field == name))
        for name in names
        if name in asked.fields
    )


def _interests(found: OrderOut, *, by: Actor, now: datetime) -> list[Interest]:
    """Who else is interested in the content of a draft: searching leaves no trace.

    source: Regulation (EU) 2021/784 Art. 14(1).
    """
    told: dict[object, Interest] = {}
    for url in found.urls[:SEARCHED]:
        wanted = SearchIn(
            url=url,
            provider=found.addressee,
            signals=tuple(found.signals),
            exercise=found.exercise,
        )
        try:
            each = searches.search(wanted, viewer=by.party, now=now).findings
        except InvalidError:  # no address that can be looked for: the lint says so
            continue
        told |= {one.model_dump_json(): one for one in each}
    return list(told.values())


def _procedures(by: Actor) -> str:
    """What a provider is told before a first order, to begin with."""
    return _(
        "%(authority)s may issue removal orders under Article 3 of Regulation (EU) 2021/784 to"
        " you. This is what you should know before the first one.\n\n"
        "An order reaches you by the ways that you named for it: your webhook, your contact"
        " point's mail, this desk. Within one hour of receipt you remove the content, or disable"
        " access to it in all Member States, and say so by the form of Annex II. Where you cannot,"
        " say so at once by the form of Annex III: the clock stands still until the ground is"
        " over.\n\n"
        "You preserve what you removed for six months. Within 48 hours of receipt you may ask the"
        " authority of your own Member State to examine an order. Each order says how it can be"
        " challenged."
    ) % {"authority": by.party.title}


def _may_issue(by: Actor) -> bool:
    """Whether somebody acts for an authority that stands in the register."""
    return competences.is_competent(by.party, Duty.ISSUE, viewer=by.party)


def is_issuer(by: Actor) -> bool:
    """Whether somebody may draft."""
    may = {"kind": by.kind, "is_competent": _may_issue(by), "role": by.role}
    return rules.allows(rules.check_draft, **may)


def _check_issuer(by: Actor) -> None:
    """Refuse all but those who may draft. raises: NotAllowedError."""
    rules.check_draft(kind=by.kind, is_competent=_may_issue(by), role=by.role)


def _mark(asked: MarkedForm, error: InvalidError) -> None:
    """Show a refusal beside its field, or above the form."""
    name = error.field.removeprefix("annex.")
    asked.add_error(name if name in asked.fields else None, without_field(error))


def _providers(by: Actor) -> list[tuple[str, str]]:
    """Providers by name and title."""
    found = parties.parties(viewer=by.party)
    return [(one.name, one.title) for one in found if one.kind == PartyKind.PROVIDER]
