# SPDX-License-Identifier: Apache-2.0
"""Timeline and report of a crisis at the desk, also as PDF."""

from datetime import UTC, datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in, writers_only
from stemtide.hub.desk.error_messages import error_text
from stemtide.hub.desk.labels import figure
from stemtide.hub.desk.ledger_sentences import ENTRY_PHRASES
from stemtide.hub.desk.reports import timeline as timeline_rows
from stemtide.hub.desk.reports.page import page
from stemtide.hub.desk.situation.views import room_of
from stemtide.hub.platform.errors import ConflictError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.platform.postgresql.replica import reads_replica
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import party_titles
from stemtide.hub.rooms.reports import paper
from stemtide.hub.rooms.reports.reads import reports as reads, timeline as timeline_reads
from stemtide.hub.rooms.reports.rules import reports as rules
from stemtide.hub.rooms.reports.writes import reports as writes
from stemtide.protocol.law.frameworks import framework

ROWS = 100
"""Entries on one page of the timeline."""


def _refs() -> dict[str, str]:
    """Return titles of actors by their ledger reference."""
    fixed_titles = {"clock": _("The hub"), "operator": _("The hub's operator")}
    titles = {party.ref: party.title for party in parties.parties()}
    return titles | fixed_titles | {"withheld": _("withheld")}


@require_safe
@signed_in
@reads_replica
def timeline(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show a page of the timeline, oldest first, with the forms to download it."""
    after, thing = request.GET.get("after", ""), request.GET.get("thing", "")
    start = int(after) if after.isdigit() and len(after) < 19 else 0  # noqa: PLR2004  # 64 bits
    viewer, by = request.user.party, actor_of(request)
    page_out = timeline_reads.timeline(
        uid, viewer=viewer, after=start, limit=ROWS, things=timeline_rows.things_of(thing)
    )
    crisis = crises.crisis(uid, viewer=viewer)
    context = {
        "now": datetime.now(UTC),
        "crisis": crisis,
        "rows": timeline_rows.rows(
            page_out.entries,
            titles=_refs(),
            framework=framework(crisis.framework),
            with_alerts=bool(thing),
        ),
        "next": page_out.next if page_out.more else None,
        "after": start,
        "thing": thing,
        "things": [(name, title) for name, (title, _kinds) in timeline_rows.SUBJECTS.items()],
        "may_export": allows(rules.check_export, kind=by.kind, role=by.role),
    }
    return render(request, "desk/timeline.html", context)


@require_POST
@signed_in
def export(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Download the whole timeline as JSON or PDF. The ledger records it."""
    file_format = "pdf" if request.POST.get("as") == "pdf" else "json"
    try:
        export_out = writes.export_timeline(
            uid, as_=file_format, by=actor_of(request), now=datetime.now(UTC)
        )
    except ConflictError as error:
        messages.error(request, error_text(error))
        return redirect("crisis-timeline", uid=uid)
    if file_format == "json":
        body: bytes = export_out.model_dump_json(indent=1).encode()
        return _file(body, name=f"timeline-{uid}.json", media_type="application/json")
    pdf = paper.timeline_pdf(
        export_out,
        titles=_refs(),
        acts={kind: str(act) for kind, act in ENTRY_PHRASES.items()},
    )
    return _file(pdf, name=f"timeline-{uid}.pdf", media_type="application/pdf")


def _file(body: bytes, *, name: str, media_type: str) -> HttpResponse:
    """Return a response that downloads a file."""
    response = HttpResponse(body, content_type=media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_safe
@signed_in
def of_crisis(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Redirect to the latest report of a crisis, or show the button to open one."""
    viewer, by = request.user.party, actor_of(request)
    latest = reads.latest(uid, viewer=viewer)
    if latest is not None:
        return redirect("report", uid=latest.id)
    open_facts = reads.open_facts(uid, viewer=viewer)
    room_of(request, uid)
    context = {
        "crisis": crises.crisis(uid, viewer=viewer),
        "may_open": allows(
            rules.check_open, kind=by.kind, name=by.party.name, role=by.role, **open_facts
        ),
    }
    return render(request, "desk/report_none.html", context)


@require_POST
@signed_in
@writers_only
def open_report(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Open a report, or the next version of a published one."""
    try:
        report_out = writes.open_report(
            uid, by=actor_of(request), now=datetime.now(UTC), title_of=figure
        )
    except ConflictError as error:
        messages.error(request, error_text(error))
        return redirect("crisis-report", uid=uid)
    return redirect("report", uid=report_out.id)


@require_safe
@signed_in
@reads_replica
def published(request: SignedInRequest) -> HttpResponse:
    """List all published reports that the reader may see."""
    context = {
        "now": datetime.now(UTC),
        "reports": reads.reports(viewer=request.user.party),
        "titles": party_titles(),
    }
    return render(request, "desk/reports.html", context)


@require_safe
@signed_in
def report(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show one report, which can be printed from the browser."""
    return page(request, uid)


@require_safe
@signed_in
def report_pdf(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Download the report as PDF."""
    report_out = reads.report(uid, viewer=request.user.party)
    pdf = paper.report_pdf(report_out, titles=party_titles(), title_of=figure)
    return _file(pdf, name=f"report-{uid}.pdf", media_type="application/pdf")
