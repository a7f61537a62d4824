# SPDX-License-Identifier: Apache-2.0
"""Complaints at the desk: the queue, the page of each with what follows, links for uploaders.

What a complaint asks of others has pages of its own: redress.py. Media is shown on neither:
decision 0058.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stemtide.hub.complaints import (
    reads,
    reads_grounds as grounds,
    reads_redress,
    rules,
    writes,
    writes_redress,
)
from stemtide.hub.complaints.rules import ComplaintFacts
from stemtide.hub.desk import complaint_grounds, entries
from stemtide.hub.desk.complain_forms import SPOKEN
from stemtide.hub.desk.complaint_forms import FileForm, LinkForm, RejectForm, UpholdForm
from stemtide.hub.desk.people import SignedInRequest, actor_of, carry_out, signed_in, writing
from stemtide.hub.desk.refusals import in_words, without_field
from stemtide.hub.desk.situation import titles_of
from stemtide.hub.desk.situation_forms import OrderForm
from stemtide.hub.parties.reads import Actor
from stemtide.hub.parties.rules import (
    ConflictError,
    InvalidError,
    allows,
    check_person_may_write,
)
from stemtide.protocol.complaints import ComplaintTakeIn
from stemtide.protocol.machines import machine
from stemtide.protocol.words import PartyKind
from stemtide.protocol.words_complaints import ComplaintBasis, ComplaintState, RedressState


@require_safe
@signed_in
def complaints(request: SignedInRequest) -> HttpResponse:
    """What waits for a decision, what is asked of the reader's party, and what is over."""
    by = actor_of(request)
    rules.check_read(by.role)
    waiting = machine("complaint").open_states
    rows = reads.complaints(viewer=by.party)
    asked = reads_redress.asked(viewer=by.party)
    facts = {
        "now": datetime.now(UTC),
        "titles": titles_of(request),
        "waiting": [row for row in rows if row.state in waiting],
        "decided": [row for row in rows if row.state not in waiting],
        "asked": [one for one in asked if one.state is RedressState.ASKED],
        "answered": [one for one in asked if one.state is not RedressState.ASKED],
        "reviews": by.kind is PartyKind.PROVIDER,
        "may_file": allows(rules.check_link, kind=by.kind, role=by.role),
    }
    return render(request, "desk/complaints/complaints.html", facts)


@require_safe
@signed_in
def complaint(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """One complaint as it stands."""
    rules.check_read(actor_of(request).role)
    return _page(request, uid)


@require_POST
@signed_in
@writing
def act(request: SignedInRequest, uid: UUID, verb: str) -> HttpResponse:
    """Take a complaint up, decide it, or accept why something is kept."""
    by, now = actor_of(request), datetime.now(UTC)
    row = reads.find(uid, viewer=by.party)
    if verb in _DECISIONS:
        form = _DECISIONS[verb](request.POST, prefix=verb, basis=ComplaintBasis(row.basis))
        return _decide(request, uid, verb=verb, form=form)
    plain: dict[str, tuple[Callable[[], object], str]] = {
        "take": (
            lambda: writes.take(uid, body=ComplaintTakeIn(), by=by, now=now),
            _("It is yours. Decide it when you have looked."),
        ),
        "accept": (
            lambda: writes_redress.accept(uid, by=by, now=now),
            _("Accepted. Your dispute is taken back, and agents act on the signal again."),
        ),
    }
    if verb not in plain:
        raise Http404
    do, done = plain[verb]
    carry_out(request, do, done=done)
    return redirect("complaint", uid=uid)


_DECISIONS: dict[str, type[UpholdForm] | type[RejectForm]] = {
    "uphold": UpholdForm,
    "reject": RejectForm,
}
"""The forms of decisions, by their verbs."""


def _decide(
    request: SignedInRequest, uid: UUID, *, verb: str, form: UpholdForm | RejectForm
) -> HttpResponse:
    """Decide a complaint, or show beside its fields why not."""
    body = form.order() if form.is_valid() else None
    if body is None:
        return _page(request, uid, wrong={verb: form})
    try:
        writes.decide(uid, body=body, by=actor_of(request), now=datetime.now(UTC))
    except InvalidError as error:
        _mark(form, error)
        return _page(request, uid, wrong={verb: form})
    except ConflictError as error:
        messages.error(request, in_words(error))
    else:
        messages.success(request, _("Decided. Whoever complained reads your answer from now on."))
    return redirect("complaint", uid=uid)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new_link(request: SignedInRequest) -> HttpResponse:
    """A link for the statement of reasons of one decision. Nothing is kept of it."""
    by = actor_of(request)
    rules.check_link(kind=by.kind, role=by.role)
    form = LinkForm(request.POST if request.method == "POST" else None, initial=_asked(request))
    body = form.order() if form.is_bound and form.is_valid() else None
    made = None
    if body is not None:
        home = settings.HUB_ADDRESS or request.build_absolute_uri("/").rstrip("/")
        try:
            made = reads.link(body, by=by, home=home, now=datetime.now(UTC))
        except InvalidError as error:
            _mark(form, error)
    form.mark_errors()
    facts = {"form": form, "made": made}
    status = 422 if form.errors else 200
    return render(request, "desk/complaints/link_new.html", facts, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new(request: SignedInRequest) -> HttpResponse:
    """A complaint that reached the provider in its own way, filed on the uploader's behalf."""
    by = actor_of(request)
    rules.check_link(kind=by.kind, role=by.role)
    form = FileForm(request.POST if request.method == "POST" else None, initial=_asked(request))
    body = form.order() if form.is_bound and form.is_valid() else None
    if body is not None:
        try:
            made = writes.file_for(body, by=by, now=datetime.now(UTC))
        except (ConflictError, InvalidError) as error:
            _mark(form, error)
        else:
            told = _("Filed. Its code is %(code)s: pass it on, it is shown this once.")
            messages.success(request, told % {"code": made.code})
            return redirect("complaint", uid=made.complaint.id)
    form.mark_errors()
    status = 422 if form.errors else 200
    return render(request, "desk/complaints/new.html", {"form": form}, status=status)


def _page(
    request: SignedInRequest, uid: UUID, *, wrong: dict[str, OrderForm] | None = None
) -> HttpResponse:
    """The page, with forms where the rules allow their acts; 422 where a form was wrong."""
    by = actor_of(request)
    row = reads.find(uid, viewer=by.party)
    found = reads.describe(row, viewer=by.party)
    known = reads.facts(row, viewer=by.party)
    forms: dict[str, OrderForm] = {
        "uphold": UpholdForm(prefix="uphold", basis=found.basis),
        "reject": RejectForm(prefix="reject", basis=found.basis),
        **(wrong or {}),
    }
    for form in (wrong or {}).values():
        form.mark_errors()
    now = datetime.now(UTC)
    is_open = found.state in machine("complaint").open_states
    facts = {
        "now": now,
        "titles": titles_of(request),
        "complaint": found,
        "written_in": dict(SPOKEN).get(found.language, found.language),
        "is_late": is_open and found.due_at < now,
        "is_open": is_open,
        "is_own": found.reviewer == by.ref,
        "is_colleague": (found.reviewer or "").startswith("person:"),
        "follows": grounds.follows(row, viewer=by.party) if is_open else None,
        "forms": forms,
        "may": _allowed(known, by=by, redress=found.redress),
        "binds": known.binds,
        "entries": entries.about(row.ref, viewer=by.party),
        **complaint_grounds.ground(found.basis, found.ground, by=by, now=now),
    }
    status = 422 if wrong else 200
    return render(request, "desk/complaints/complaint.html", facts, status=status)


def _allowed(known: ComplaintFacts, *, by: Actor, redress: RedressState | None) -> dict[str, bool]:
    """Which acts to offer, by the rules that the writes enforce."""
    may_write = by.role is None or allows(check_person_may_write, by.role)
    may_decide = may_write and known.state is ComplaintState.IN_REVIEW
    is_own = rules.own_hand(known, by.ref)
    return {
        "take": allows(rules.check_take, known, name=by.name, role=by.role),
        "uphold": may_decide and not known.binds,
        "reject": may_decide and not is_own,
        "only_uphold": may_decide and is_own,
        "accept": may_write and redress is RedressState.KEPT,
    }


def _asked(request: SignedInRequest) -> dict[str, str]:
    """What an address says of the decision already, as the page of a signal leads here."""
    return {name: request.GET.get(name, "")[:120] for name in ("basis", "ground", "measure")}


def _mark(form: OrderForm, error: ConflictError | InvalidError) -> None:
    """Say what was refused beside its field."""
    named = error.field if isinstance(error, InvalidError) else None
    form.add_error(named if named in form.fields else None, without_field(error))
