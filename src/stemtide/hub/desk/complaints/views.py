# SPDX-License-Identifier: Apache-2.0
"""Complaints at the desk: the queue, the page of each complaint, links for uploaders.

Redress that a complaint asks of other parties has its own pages: redress.py. Neither shows media:
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

from stemtide.hub.desk import ledger_sentences
from stemtide.hub.desk.auth.people import (
    SignedInRequest,
    actor_of,
    carry_out,
    signed_in,
    writers_only,
)
from stemtide.hub.desk.complaints import grounds as complaint_grounds
from stemtide.hub.desk.complaints.forms import (
    ComplaintLinkForm,
    FileComplaintForm,
    RejectForm,
    UpholdForm,
)
from stemtide.hub.desk.complaints.public_forms import WRITING_LANGUAGES
from stemtide.hub.desk.error_messages import error_text
from stemtide.hub.desk.forms import MessageForm
from stemtide.hub.desk.party_titles import titles_of
from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.platform.permissions import allows, check_person_may_write
from stemtide.hub.rooms.complaints.reads import (
    complaints as reads,
    grounds,
    redress as redress_reads,
)
from stemtide.hub.rooms.complaints.rules import complaints as rules
from stemtide.hub.rooms.complaints.rules.complaints import ComplaintFacts
from stemtide.hub.rooms.complaints.writes import complaints as writes, redress as redress_writes
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.complaints import ComplaintBasis, ComplaintState, RedressState
from stemtide.protocol.law.machines import machine
from stemtide.protocol.messages.complaints import ComplaintTakeIn


@require_safe
@signed_in
def complaints(request: SignedInRequest) -> HttpResponse:
    """List complaints that wait for a decision, redress asked of the party, and closed ones."""
    by = actor_of(request)
    rules.check_read(by.role)
    waiting = machine("complaint").open_states
    rows = reads.complaints(viewer=by.party)
    requests = redress_reads.requests(viewer=by.party)
    context = {
        "now": datetime.now(UTC),
        "titles": titles_of(request),
        "waiting": [row for row in rows if row.state in waiting],
        "decided": [row for row in rows if row.state not in waiting],
        "asked": [redress for redress in requests if redress.state is RedressState.ASKED],
        "answered": [redress for redress in requests if redress.state is not RedressState.ASKED],
        "reviews": by.kind is PartyKind.PROVIDER,
        "may_file": allows(rules.check_link, kind=by.kind, role=by.role),
    }
    return render(request, "desk/complaints/complaints.html", context)


@require_safe
@signed_in
def complaint(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show one complaint."""
    rules.check_read(actor_of(request).role)
    return _page(request, uid)


@require_POST
@signed_in
@writers_only
def act(request: SignedInRequest, uid: UUID, verb: str) -> HttpResponse:
    """Take up or decide a complaint, or accept why another party keeps its signal."""
    by, now = actor_of(request), datetime.now(UTC)
    row = reads.find(uid, viewer=by.party)
    if verb in _DECISIONS:
        form = _DECISIONS[verb](request.POST, prefix=verb, basis=ComplaintBasis(row.basis))
        return _decide(request, uid, verb=verb, form=form)
    formless: dict[str, tuple[Callable[[], object], str]] = {
        "take": (
            lambda: writes.take(uid, body=ComplaintTakeIn(), by=by, now=now),
            _("It is yours. Decide it when you have looked."),
        ),
        "accept": (
            lambda: redress_writes.accept(uid, by=by, now=now),
            _("Accepted. Your dispute is taken back, and agents act on the signal again."),
        ),
    }
    if verb not in formless:
        raise Http404
    write, done = formless[verb]
    carry_out(request, write, done=done)
    return redirect("complaint", uid=uid)


_DECISIONS: dict[str, type[UpholdForm] | type[RejectForm]] = {
    "uphold": UpholdForm,
    "reject": RejectForm,
}
"""The forms of decisions, by their verbs."""


def _decide(
    request: SignedInRequest, uid: UUID, *, verb: str, form: UpholdForm | RejectForm
) -> HttpResponse:
    """Decide a complaint, or show the form again with its errors."""
    body = form.message()
    if body is None:
        return _page(request, uid, refused={verb: form})
    try:
        writes.decide(uid, body=body, by=actor_of(request), now=datetime.now(UTC))
    except InvalidError as error:
        form.add_refusal(error)
        return _page(request, uid, refused={verb: form})
    except ConflictError as error:
        messages.error(request, error_text(error))
    else:
        messages.success(request, _("Decided. Whoever complained reads your answer from now on."))
    return redirect("complaint", uid=uid)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new_link(request: SignedInRequest) -> HttpResponse:
    """Create a link for the statement of reasons of one decision. Nothing is stored."""
    by = actor_of(request)
    rules.check_link(kind=by.kind, role=by.role)
    form = ComplaintLinkForm(
        request.POST if request.method == "POST" else None, initial=_initial_from_query(request)
    )
    body = form.message()
    link = None
    if body is not None:
        home = settings.HUB_ADDRESS or request.build_absolute_uri("/").rstrip("/")
        try:
            link = reads.link(body, by=by, home=home, now=datetime.now(UTC))
        except InvalidError as error:
            form.add_refusal(error)
    form.mark_errors()
    context = {"form": form, "made": link}
    status = 422 if form.errors else 200
    return render(request, "desk/complaints/link_new.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new(request: SignedInRequest) -> HttpResponse:
    """File a complaint that reached the provider by other means, on the uploader's behalf."""
    by = actor_of(request)
    rules.check_link(kind=by.kind, role=by.role)
    form = FileComplaintForm(
        request.POST if request.method == "POST" else None, initial=_initial_from_query(request)
    )
    body = form.message()
    if body is not None:
        try:
            filed = writes.file_for(body, by=by, now=datetime.now(UTC))
        except (ConflictError, InvalidError) as error:
            form.add_refusal(error)
        else:
            text = _("Filed. Its code is %(code)s: pass it on, it is shown this once.")
            messages.success(request, text % {"code": filed.code})
            return redirect("complaint", uid=filed.complaint.id)
    form.mark_errors()
    status = 422 if form.errors else 200
    return render(request, "desk/complaints/new.html", {"form": form}, status=status)


def _page(
    request: SignedInRequest, uid: UUID, *, refused: dict[str, MessageForm] | None = None
) -> HttpResponse:
    """Render the page, with forms for the allowed actions; 422 if a form was refused."""
    by = actor_of(request)
    row = reads.find(uid, viewer=by.party)
    complaint_out = reads.describe(row, viewer=by.party)
    complaint_facts = reads.facts(row, viewer=by.party)
    forms: dict[str, MessageForm] = {
        "uphold": UpholdForm(prefix="uphold", basis=complaint_out.basis),
        "reject": RejectForm(prefix="reject", basis=complaint_out.basis),
        **(refused or {}),
    }
    for form in (refused or {}).values():
        form.mark_errors()
    now = datetime.now(UTC)
    is_open = complaint_out.state in machine("complaint").open_states
    context = {
        "now": now,
        "titles": titles_of(request),
        "complaint": complaint_out,
        "written_in": dict(WRITING_LANGUAGES).get(complaint_out.language, complaint_out.language),
        "is_late": is_open and complaint_out.due_at < now,
        "is_open": is_open,
        "is_own": complaint_out.reviewer == by.ref,
        "is_colleague": (complaint_out.reviewer or "").startswith("person:"),
        "follows": grounds.follows(row, viewer=by.party) if is_open else None,
        "forms": forms,
        "may": _allowed(complaint_facts, by=by, redress=complaint_out.redress),
        "binds": complaint_facts.binds,
        "entries": ledger_sentences.about(row.ref, viewer=by.party),
        **complaint_grounds.ground(complaint_out.basis, complaint_out.ground, by=by, now=now),
    }
    status = 422 if refused else 200
    return render(request, "desk/complaints/complaint.html", context, status=status)


def _allowed(facts: ComplaintFacts, *, by: Actor, redress: RedressState | None) -> dict[str, bool]:
    """Return which actions to offer, by the rules that the writes enforce."""
    may_write = by.role is None or allows(check_person_may_write, by.role)
    may_decide = may_write and facts.state is ComplaintState.IN_REVIEW
    is_own = rules.own_hand(facts, by.ref)
    return {
        "take": allows(rules.check_take, facts, name=by.name, role=by.role),
        "uphold": may_decide and not facts.binds,
        "reject": may_decide and not is_own,
        "only_uphold": may_decide and is_own,
        "accept": may_write and redress is RedressState.KEPT,
    }


def _initial_from_query(request: SignedInRequest) -> dict[str, str]:
    """Return the form's initial values from the query string (a signal's page links here)."""
    return {name: request.GET.get(name, "")[:120] for name in ("basis", "ground", "measure")}
