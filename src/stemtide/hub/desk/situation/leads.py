# SPDX-License-Identifier: Apache-2.0
"""Leads (reports of a threat to life) at the desk: for sender, addressees and agencies only."""

from datetime import UTC, datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stemtide.hub.desk.auth.people import (
    SignedInRequest,
    actor_of,
    carry_out,
    signed_in,
    writers_only,
)
from stemtide.hub.desk.forms import uuid_or_none
from stemtide.hub.desk.situation.forms import CloseLeadForm, LeadForm, PassLeadForm
from stemtide.hub.platform.errors import InvalidError, RateLimitError
from stemtide.hub.platform.permissions import allows, check_may_read_leads
from stemtide.hub.rooms.ledger.reads.rate_limits import check_may_alert
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import Actor, party_titles
from stemtide.hub.rooms.situation.reads import leads as reads
from stemtide.hub.rooms.situation.rules import leads as rules
from stemtide.hub.rooms.situation.writes import leads as writes
from stemtide.hub.rooms.situation.writes.reading import note_lead_read, note_leads_read
from stemtide.protocol.enums import LeadBasis, PartyKind
from stemtide.protocol.messages.situation import LeadOut

_DUTIES = (LeadBasis.TCO_14_5, LeadBasis.DSA_18)


def leads_context(request: SignedInRequest, uid: UUID) -> dict[str, object]:
    """Return the template context of a crisis' leads: only those that the reader may see."""
    by = actor_of(request)
    return {
        "now": datetime.now(UTC),
        "titles": party_titles(),
        "leads": {
            "crisis": uid,
            "rows": reads.of_crisis(uid, viewer=by.party) if may_read_leads(by) else [],
            "may_report": allows(rules.check_report, kind=by.kind, role=by.role),
        },
    }


def may_read_leads(by: Actor) -> bool:
    """Whether the person's role may read leads."""
    return allows(check_may_read_leads, by.role)


@require_safe
@signed_in
def leads_block(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Render the leads of a crisis, for HTMX to swap in."""
    return render(request, "desk/room/_leads.html", leads_context(request, uid))


def _all_context(request: SignedInRequest) -> dict[str, object]:
    """Return the template context of all leads that the reader may see."""
    by = actor_of(request)
    return {
        "now": datetime.now(UTC),
        "titles": party_titles(),
        "leads": {
            "crisis": None,
            "rows": reads.leads(viewer=by.party) if may_read_leads(by) else [],
            "may_report": allows(rules.check_report, kind=by.kind, role=by.role),
        },
    }


@require_safe
@signed_in
def leads(request: SignedInRequest) -> HttpResponse:
    """List all leads; the most urgent that nobody has received first."""
    context, by = _all_context(request), actor_of(request)
    if request.method == "GET" and may_read_leads(by):
        note_leads_read(by=by, now=datetime.now(UTC))
    return render(request, "desk/leads.html", context)


@require_safe
@signed_in
def all_block(request: SignedInRequest) -> HttpResponse:
    """Render the list of all leads, for HTMX to swap in."""
    return render(request, "desk/room/_leads.html", _all_context(request))


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@writers_only
def report(request: SignedInRequest) -> HttpResponse:
    """Show the form to report a lead, and report the lead that it sends."""
    viewer, by = request.user.party, actor_of(request)
    rules.check_report(kind=by.kind, role=by.role)
    bases = _DUTIES if viewer.kind == PartyKind.PROVIDER else (LeadBasis.VOLUNTARY,)
    recipients = [
        (party.name, party.title)
        for party in parties.parties()
        if party.kind in {PartyKind.AUTHORITY, PartyKind.AGENCY}
    ]
    if request.method != "POST":
        check_may_alert("lead.reported", viewer=viewer, now=datetime.now(UTC), is_person=True)
        crisis = uuid_or_none(request.GET.get("crisis"))
        initial = {"crisis": crisis, "exercise": request.GET.get("exercise") == "1"}
        form = LeadForm(bases=bases, parties=recipients, initial=initial)
        return render(request, "desk/lead_new.html", {"form": form})
    form = LeadForm(request.POST, bases=bases, parties=recipients)
    body = form.message()
    if body is not None:
        try:
            lead_out = writes.report_lead(body, by=by, now=datetime.now(UTC))
        except (InvalidError, RateLimitError) as error:
            form.add_refusal(error)
        else:
            messages.success(request, _("Reported. If a life is in danger now, call as well."))
            return redirect("lead", uid=lead_out.id)
    return render(request, "desk/lead_new.html", {"form": form}, status=422)


@require_safe
@signed_in
def lead(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show one lead, its deadlines, and the forms to move it on."""
    check_may_read_leads(actor_of(request).role)
    lead_out = reads.lead(uid, viewer=request.user.party)
    if request.method == "GET":
        note_lead_read(lead_out, by=actor_of(request), now=datetime.now(UTC))
    others = [
        (party.name, party.title)
        for party in parties.parties()
        if party.kind in {PartyKind.AUTHORITY, PartyKind.AGENCY}
        and party.pk != request.user.party.pk
    ]
    context = {
        "now": datetime.now(UTC),
        "titles": party_titles(),
        "lead": lead_out,
        "pass_form": PassLeadForm(parties=others),
        "close_form": CloseLeadForm(),
        **_allowed(lead_out, request=request),
    }
    return render(request, "desk/lead.html", context)


def _allowed(lead_out: LeadOut, *, request: SignedInRequest) -> dict[str, bool]:
    """Return which forms to show, by the rules that the writes enforce."""
    by = actor_of(request)
    recipients = {lead_out.addressed_to, lead_out.copied_to, lead_out.passed_to} - {None}
    facts = rules.LeadFacts(
        state=lead_out.state,
        sent_by=lead_out.sent_by,
        recipients=frozenset(recipient for recipient in recipients if recipient),
    )
    actor = {"name": by.party.name, "kind": by.kind, "role": by.role}
    return {
        "may_receive": allows(rules.check_receive, facts, **actor),
        "may_pass_on": allows(rules.check_pass_on, facts, **actor),
        "may_close": allows(rules.check_close, facts, **actor),
    }


@require_POST
@signed_in
@writers_only
def receive(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Confirm that the party has received a lead."""
    carry_out(
        request,
        lambda: writes.receive_lead(uid, by=actor_of(request), now=datetime.now(UTC)),
        done=_("Received. Its sender sees that you have it."),
    )
    return redirect("lead", uid=uid)


@require_POST
@signed_in
@writers_only
def pass_on(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Pass a lead on to a party that can act."""
    form = PassLeadForm(request.POST, parties=[(name, name) for name in party_titles()])
    body = form.message()
    if body is None:
        return redirect("lead", uid=uid)
    carry_out(
        request,
        lambda: writes.pass_on_lead(uid, body=body, by=actor_of(request), now=datetime.now(UTC)),
        done=_("Passed on."),
    )
    return redirect("lead", uid=uid)


@require_POST
@signed_in
@writers_only
def close(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Close a lead with its outcome."""
    form = CloseLeadForm(request.POST)
    body = form.message()
    if body is None:
        messages.error(request, _("Choose an outcome."))
        return redirect("lead", uid=uid)
    carry_out(
        request,
        lambda: writes.close_lead(uid, body=body, by=actor_of(request), now=datetime.now(UTC)),
        done=_("Closed. Its words are erased in 30 days, or before."),
    )
    return redirect("lead", uid=uid)
