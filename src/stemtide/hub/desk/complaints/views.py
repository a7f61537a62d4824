# SPDX-License-Identifier: Apache-2.0
"""Complaints at the desk: the queue, the page of each complaint, links for uploaders.

Redress that a complaint asks of other parties has its own pages: redress.py. Neither shows media:
decision 0058.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stemtide.hub.desk import ledger_sentences
from stemtide.hub.desk.actions import (
    Action,
    ActorFacts,
    Offer,
    action_table,
    available,
    by_name,
    itself_blocked,
    itself_if,
    only_later,
    perform,
    sent_offer,
    why_not,
)
from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in, writers_only
from stemtide.hub.desk.complaints import grounds as complaint_grounds
from stemtide.hub.desk.complaints.forms import (
    ComplaintLinkForm,
    FileComplaintForm,
    RejectForm,
    ReviewForm,
    TakeForm,
    UpholdForm,
)
from stemtide.hub.desk.labels.languages import LANGUAGE_NAMES
from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.platform.permissions import (
    allows,
    check_may_read_complaints,
    check_person_may_write,
)
from stemtide.hub.rooms.complaints.reads import (
    complaints as reads,
    grounds,
    redress as redress_reads,
)
from stemtide.hub.rooms.complaints.rules import complaints as rules, redress as redress_rules
from stemtide.hub.rooms.complaints.rules.redress import RedressFacts
from stemtide.hub.rooms.complaints.writes import complaints as writes, redress as redress_writes
from stemtide.hub.rooms.complaints.writes.reading import note_complaint_read
from stemtide.hub.rooms.parties.reads.parties import party_titles
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.complaints import ComplaintBasis, ComplaintState, RedressState
from stemtide.protocol.law.machines import machine


@require_safe
@signed_in
def complaints(request: SignedInRequest) -> HttpResponse:
    """List complaints that wait for a decision, redress asked of the party, and closed ones."""
    by = actor_of(request)
    check_may_read_complaints(by.role)
    waiting = machine("complaint").open_states
    rows = reads.complaints(viewer=by.party)
    requests = redress_reads.requests(viewer=by.party)
    context = {
        "now": datetime.now(UTC),
        "titles": party_titles(),
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
    check_may_read_complaints(actor_of(request).role)
    return _page(request, uid)


@require_POST
@signed_in
@writers_only
def act(request: SignedInRequest, uid: UUID, verb: str) -> HttpResponse:
    """Take up or decide a complaint, or accept why another party keeps its signal."""
    row = reads.find(uid, viewer=request.user.party)
    offer = sent_offer(request, _ACTIONS, verb, basis=ComplaintBasis(row.basis))
    if not perform(request, offer, uid):
        return _page(request, uid, refused=offer)
    return redirect("complaint", uid=uid)


@dataclass(frozen=True, slots=True)
class _PageFacts(ActorFacts):
    """The facts of a complaint. redress: of what its author was asked; None if nothing was."""

    redress: RedressFacts | None

    def may_accept(self, state: RedressState) -> bool:
        """Whether the actor may accept, in a state, why another party keeps its signal."""
        if self.redress is None:
            return False
        facts, by = replace(self.redress, state=state), self.by
        return allows(redress_rules.check_accept, facts, name=by.name, role=by.role)


def _may_accept(page: _PageFacts) -> bool:
    """Whether the actor may accept now why another party keeps its signal."""
    return page.redress is not None and page.may_accept(page.redress.state)


def _accepts_later(page: _PageFacts) -> str:
    """Return in which later state the actor may accept it."""
    if page.redress is None or not page.may_accept(RedressState.KEPT):
        return ""
    return only_later("redress", page.redress.state, "accept")


def _may_decide(page: ActorFacts) -> bool:
    """Whether the actor may decide a complaint now, in one way at least."""
    is_open = page.facts.state is ComplaintState.IN_REVIEW
    return is_open and allows(check_person_may_write, page.by.role)


def _may_reject(page: ActorFacts) -> bool:
    """Whether the actor may reject a complaint: not if it is about their own decision."""
    return _may_decide(page) and not rules.own_hand(page.facts, page.by.ref)


def _bound(page: ActorFacts) -> str:
    """Return that an order forbids to uphold a complaint that the actor may decide."""
    return why_not(rules.check_unbound, page.facts) if _may_decide(page) else ""


def _not_taken(page: ActorFacts) -> str:
    """Return that a reviewer takes up a complaint before deciding it."""
    is_ahead = allows(rules.check_take, page.facts, name=page.by.name, role=page.by.role)
    is_filed = page.facts.state is ComplaintState.FILED
    return _("Take up the complaint first.") if is_filed and is_ahead else ""


_DECIDED = gettext_lazy("Decided. The person who complained can now read your answer.")
_ACTIONS = action_table(
    Action(
        "take",
        TakeForm,
        writes.take,
        gettext_lazy("It is yours. Decide it when you have looked."),
        itself_if(
            lambda page: allows(rules.check_take, page.facts, name=page.by.name, role=page.by.role)
        ),
    ),
    Action(
        "uphold",
        UpholdForm,
        writes.decide,
        _DECIDED,
        itself_if(lambda page: _may_decide(page) and not _bound(page)),
        title=gettext_lazy("Uphold the complaint"),
        blocked=itself_blocked(lambda page: _bound(page) or _not_taken(page)),
    ),
    Action(
        "reject",
        RejectForm,
        writes.decide,
        _DECIDED,
        itself_if(_may_reject),
        title=gettext_lazy("Reject the complaint"),
        blocked=itself_blocked(_not_taken),
    ),
    Action(
        "accept",
        ReviewForm,
        redress_writes.accept,
        gettext_lazy("Accepted. Your dispute is withdrawn, and agents act on the signal again."),
        itself_if(_may_accept),
        title=gettext_lazy("Accept their reason"),
        blocked=itself_blocked(_accepts_later),
    ),
)


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
    status = 422 if form.errors else 200
    return render(request, "desk/complaints/new.html", {"form": form}, status=status)


def _page(request: SignedInRequest, uid: UUID, *, refused: Offer | None = None) -> HttpResponse:
    """Render the page, with forms for the allowed actions; 422 if a form was refused."""
    by = actor_of(request)
    row = reads.find(uid, viewer=by.party)
    complaint_out = reads.describe(row)
    complaint_facts = reads.facts(row, viewer=by.party)
    redress_facts = redress_reads.facts(row) if complaint_out.redress else None
    page = _PageFacts(complaint_facts, by, redress_facts)
    all_offers = available(_ACTIONS.values(), page, refused=refused, basis=complaint_out.basis)
    offers = by_name(all_offers)
    now = datetime.now(UTC)
    is_open = complaint_out.state in machine("complaint").open_states
    context = {
        "now": now,
        "titles": party_titles(),
        "complaint": complaint_out,
        "written_in": LANGUAGE_NAMES.get(complaint_out.language, complaint_out.language),
        "is_late": is_open and complaint_out.due_at < now,
        "is_open": is_open,
        "is_own": complaint_out.reviewer == by.ref,
        "is_colleague": (complaint_out.reviewer or "").startswith("person:"),
        "follows": grounds.effects_of(row, viewer=by.party) if is_open else None,
        "offers": offers,
        "all_offers": all_offers,
        "may_only_uphold": _may_decide(page) and "reject" not in offers,
        "binds": complaint_facts.binds,
        "entries": ledger_sentences.about(row.ref, viewer=by.party),
        **complaint_grounds.ground(complaint_out.basis, complaint_out.ground, by=by, now=now),
    }
    note_complaint_read(complaint_out, by=by, now=now)
    status = 422 if refused else 200
    return render(request, "desk/complaints/complaint.html", context, status=status)


def _initial_from_query(request: SignedInRequest) -> dict[str, str]:
    """Return the form's initial values from the query string (a signal's page links here)."""
    return {name: request.GET.get(name, "")[:120] for name in ("basis", "ground", "measure")}
