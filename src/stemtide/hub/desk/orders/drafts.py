# SPDX-License-Identifier: Apache-2.0
"""Drafts of removal orders: begin, fill in Annex I beside its lint, issue; prior information."""

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

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in, writers_only
from stemtide.hub.desk.error_messages import error_text
from stemtide.hub.desk.forms import DeskForm, crisis_choices, initial_crisis, uuid_or_none
from stemtide.hub.desk.orders.annex_forms import AnnexForm, Shown, filled_in, language
from stemtide.hub.desk.orders.forms import DraftExtrasForm, InformForm, NewDraftForm
from stemtide.hub.desk.orders.remarks import LintRemark, finding_key, lint_remarks
from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.orders.reads import drafts, orders as reads, second_looks
from stemtide.hub.rooms.orders.rules import orders as rules
from stemtide.hub.rooms.orders.rules.lint import FlawedError
from stemtide.hub.rooms.orders.rules.second_look import at_once
from stemtide.hub.rooms.orders.writes import issue, orders as writes
from stemtide.hub.rooms.parties.reads import competences, parties
from stemtide.hub.rooms.parties.reads.parties import Actor, party_titles
from stemtide.hub.rooms.referrals.reads import search as search_reads
from stemtide.protocol.enums import Duty, PartyKind
from stemtide.protocol.enums.orders import OrderState
from stemtide.protocol.law.forms import form
from stemtide.protocol.messages.orders import OrderOut
from stemtide.protocol.messages.referrals import Finding as Interest, SearchIn

EXTRAS_CHECKED = (
    *("emergency_ground", "language", "content_type", "ideology"),
    *("is_media_service", "copy_to_europol", "despite"),
)
"""Fields outside Annex I whose change by somebody else is detected on saving."""

SEARCHED = 10
"""URLs of a draft for which other parties' interests are searched when its page is shown."""


@dataclass(frozen=True, slots=True)
class FieldLine:
    """One field to fill in, with the lint's findings about it."""

    field: forms.BoundField
    remarks: tuple[LintRemark, ...]


@dataclass(frozen=True, slots=True)
class FormSection:
    """One section of the form. filled_in: fields that the hub fills in; flaws: errors in it."""

    name: str
    title: str
    note: str
    filled_in: tuple[Shown, ...]
    lines: tuple[FieldLine, ...]
    flaws: int


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@writers_only
def new(request: SignedInRequest) -> HttpResponse:
    """Begin a draft from its addressee and content; known values are filled in."""
    by = actor_of(request)
    check_issuer(by)
    choices = crisis_choices(viewer=by.party)
    if request.method != "POST":
        names = ("urls", "to", "signals")
        initial: dict[str, object] = {name: request.GET.get(name, "")[:8000] for name in names}
        crisis = uuid_or_none(request.GET.get("crisis"))
        initial |= initial_crisis(crisis, viewer=by.party)
        form = NewDraftForm(providers=_providers(), crises=choices, initial=initial)
        return render(request, "desk/orders/new.html", {"form": form})
    form_sent = NewDraftForm(request.POST, providers=_providers(), crises=choices)
    body = form_sent.message()
    if body is not None:
        try:
            order = writes.draft(body, by=by, now=datetime.now(UTC))
        except InvalidError as error:
            form_sent.add_refusal(error)
        else:
            messages.success(
                request, _("Draft created. Check the fields that we filled in for you.")
            )
            return redirect("order-draft", uid=order.id)
    return render(request, "desk/orders/new.html", {"form": form_sent}, status=422)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@writers_only
def draft(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Edit Annex I section by section; issue it once the lint passes."""
    by, now = actor_of(request), datetime.now(UTC)
    row = reads.find(uid, viewer=by.party)
    if "change" not in reads.moves(row, by=by, now=now):
        return redirect("order", uid=uid)
    order = reads.order(uid, viewer=by.party, now=now)
    annex, extras = _forms(request, order)
    if request.method != "POST":
        return _page(request, order, annex=annex, extras=extras)
    is_valid = annex.is_valid() and extras.is_valid()
    if request.POST.get("seen", version := _version(order)) != version:
        annex.add_error(
            None,
            _(
                "Somebody else changed this draft while you wrote. Nothing of yours is saved yet:"
                " look at theirs on the page of the order, and save again if yours is to stand."
            ),
        )
        is_valid = False
    body = extras.changes(annex.written()) if is_valid else None
    if body is not None:
        try:
            writes.change(uid, body=body, by=by, now=now)
        except InvalidError as error:
            (annex if error.field.startswith("annex.") else extras).add_refusal(error)
        else:
            return _after_save(request, uid, by=by)
    return _page(request, order, annex=annex, extras=extras, status=422)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def inform(request: SignedInRequest) -> HttpResponse:
    """Inform a provider of procedures and deadlines, twelve hours before a first order to it."""
    by, now = actor_of(request), datetime.now(UTC)
    status, form = 200, None
    if request.method == "POST":
        check_issuer(by)
        form = InformForm(request.POST, providers=_providers())
        if _inform(request, form, by=by, now=now):
            return redirect("order-inform")
        status = 422
    elif is_issuer(by):
        initial = {"to": request.GET.get("to", "")[:60], "text": _default_information(by)}
        form = InformForm(providers=_providers(), initial=initial)
    context = {
        "now": now,
        "form": form,
        "titles": party_titles(),
        "rows": reads.informations(viewer=by.party),
    }
    return render(request, "desk/orders/inform.html", context, status=status)


def _inform(request: SignedInRequest, form: InformForm, *, by: Actor, now: datetime) -> bool:
    """Send the information. Return whether it was sent; the form shows why not."""
    body = form.message()
    if body is None:
        return False
    try:
        writes.inform(body, by=by, now=now)
    except InvalidError as error:
        form.add_refusal(error)
        return False
    messages.success(request, _("Sent. An order may follow in twelve hours."))
    return True


def _after_save(request: SignedInRequest, uid: UUID, *, by: Actor) -> HttpResponse:
    """Redirect after a draft was saved: back to it, or to the issued order."""
    draft_url = f"{reverse('order-draft', args=[uid])}?look=1"
    if request.POST.get("do") != "issue":
        messages.success(request, _("Saved. Only your authority can see it."))
        return redirect(draft_url)
    if not request.POST.get("confirm"):
        messages.error(
            request, _("Saved, but not issued: tick the box to confirm that you read the order.")
        )
        return redirect(draft_url)
    if not _is_as_shown(request, uid, by=by):
        messages.error(request, _("Saved, not issued: something below is new. Read it first."))
        return redirect(draft_url)
    try:
        order = issue.issue(uid, by=by, now=datetime.now(UTC))
    except (FlawedError, ConflictError) as error:
        messages.error(request, error_text(error))
        return redirect(draft_url)
    if order.state is OrderState.SUBMITTED:
        messages.success(request, _("Submitted. It is sent once a second person confirms it."))
    else:
        messages.success(
            request, _("Issued at once. It ends unless a second person confirms it in time.")
        )
    return redirect("order", uid=uid)


def _is_as_shown(request: SignedInRequest, uid: UUID, *, by: Actor) -> bool:
    """Whether the sent page showed each warning of the saved draft, and how it will be sent."""
    row = reads.find(uid, viewer=by.party)
    findings = drafts.findings(row, viewer=by.party, now=datetime.now(UTC))
    doubts = {finding_key(finding) for finding in findings if not finding.is_error}
    is_at_once = at_once(second_looks.issue_facts(row, by=by)) is not None
    shown_doubts = set(request.POST.getlist("doubt"))
    return doubts <= shown_doubts and is_at_once == bool(request.POST.get("at_once"))


def _page(
    request: SignedInRequest,
    order: OrderOut,
    *,
    annex: AnnexForm,
    extras: DraftExtrasForm,
    status: int = 200,
) -> HttpResponse:
    """Render the page of a draft."""
    by, now = actor_of(request), datetime.now(UTC)
    row = reads.find(order.id, viewer=by.party)
    findings = drafts.findings(row, viewer=by.party, now=now)
    labels = {
        name: str(field.label) for form in (annex, extras) for name, field in form.fields.items()
    }
    remarks = lint_remarks(findings, labels=labels)
    is_looked_at = bool(request.GET.get("look")) or status != HTTPStatus.OK
    context = {
        "now": now,
        "titles": party_titles(),
        "order": order,
        "seen": _version(order),
        "parts": _parts(annex, order, remarks=remarks, shown=is_looked_at),
        "beside": _lines(extras, extras.fields, remarks=remarks if is_looked_at else ()),
        "wrong": [*annex.non_field_errors(), *extras.non_field_errors()],
        "remarks": remarks,
        "flaws": sum(remark.is_error for remark in remarks),
        "doubts": sum(not remark.is_error for remark in remarks),
        "at_once": at_once(second_looks.issue_facts(row, by=by)),
        "may_issue": "issue" in reads.moves(row, by=by, now=now),
        "may_discard": "discard" in reads.moves(row, by=by, now=now),
        "from_memory": annex.annex.from_memory,
        "interests": _findings_of_others(order, by=by, now=now),
    }
    return render(request, "desk/orders/draft.html", context, status=status)


def _forms(request: SignedInRequest, order: OrderOut) -> tuple[AnnexForm, DraftExtrasForm]:
    """Return the two forms of the page, with stored values or with the request's data."""
    post_data = request.POST if request.method == "POST" else None
    initial = {
        "emergency": order.emergency,
        "emergency_ground": order.emergency_ground or "",
        "language": order.language,
        "content_type": order.content_type,
        "ideology": order.ideology or "",
        "signals": " ".join(str(signal) for signal in order.signals),
        "is_media_service": order.is_media_service,
        "copy_to_europol": order.copy_to_europol,
        "despite": order.despite,
    }
    annex = AnnexForm(post_data, annex=form("tco-annex-1"), values=order.annex, prefix="annex")
    return annex, DraftExtrasForm(post_data, initial=initial, language=order.language)


def _version(order: OrderOut) -> str:
    """Return a digest of a draft, which shows on saving whether somebody else changed it since."""
    text = order.model_dump_json(include={"annex", "emergency", *EXTRAS_CHECKED, "signals"})
    return sha256(text.encode()).hexdigest()


def _parts(
    annex: AnnexForm, order: OrderOut, *, remarks: Sequence[LintRemark], shown: bool
) -> list[FormSection]:
    """Return the sections of Annex I, to be filled in. shown: remarks stand beside the fields."""
    flawed = [remark.field for remark in remarks if remark.is_error]
    return [
        FormSection(
            name=section.name,
            title=section.title.within(language()),
            note=section.note.within(language()) if section.note else "",
            filled_in=filled_in(section, order.annex),
            lines=_lines(
                annex,
                [field.name for field in section.fields],
                remarks=remarks if shown else (),
            ),
            flaws=sum(field.name in flawed for field in section.fields),
        )
        for section in annex.annex.sections
    ]


def _lines(
    form: DeskForm, names: Iterable[str], *, remarks: Sequence[LintRemark]
) -> tuple[FieldLine, ...]:
    """Return fields of a form, each with the lint's findings about it."""
    return tuple(
        FieldLine(form[name], tuple(remark for remark in remarks if remark.field == name))
        for name in names
        if name in form.fields
    )


def _findings_of_others(order: OrderOut, *, by: Actor, now: datetime) -> list[Interest]:
    """Return other parties' interests in the content of a draft; the search leaves no trace.

    source: Regulation (EU) 2021/784 Art. 14(1).
    """
    findings: dict[object, Interest] = {}
    for url in order.urls[:SEARCHED]:
        search = SearchIn(
            url=url,
            provider=order.addressee,
            signals=tuple(order.signals),
            exercise=order.exercise,
        )
        try:
            found_here = search_reads.search(search, viewer=by.party, now=now).findings
        except InvalidError:  # not a searchable URL: the lint reports it
            continue
        findings |= {finding.model_dump_json(): finding for finding in found_here}
    return list(findings.values())


def _default_information(by: Actor) -> str:
    """Return the default text of the information that a provider gets before a first order."""
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
    """Whether the actor's authority is registered as competent to issue orders."""
    return competences.is_competent(by.party, Duty.ISSUE)


def is_issuer(by: Actor) -> bool:
    """Whether the actor may draft orders."""
    actor_facts = {"kind": by.kind, "is_competent": _may_issue(by), "role": by.role}
    return allows(rules.check_draft, **actor_facts)


def check_issuer(by: Actor) -> None:
    """Refuse actors who may not draft orders."""
    rules.check_draft(kind=by.kind, is_competent=_may_issue(by), role=by.role)


def _providers() -> list[tuple[str, str]]:
    """Return providers as (name, title)."""
    party_rows = parties.parties()
    return [(party.name, party.title) for party in party_rows if party.kind == PartyKind.PROVIDER]
