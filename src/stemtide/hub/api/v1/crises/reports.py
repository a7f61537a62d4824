# SPDX-License-Identifier: Apache-2.0
"""Endpoints for the record of a crisis: its timeline and its post-crisis report."""

from typing import Annotated, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import AwareDatetime, RootModel

from stemtide.hub.api.app import PDF, requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import party_titles
from stemtide.hub.rooms.reports import paper
from stemtide.hub.rooms.reports.reads import reports as reads, timeline as timeline_reads
from stemtide.hub.rooms.reports.writes import reports as writes
from stemtide.protocol.enums import Scope
from stemtide.protocol.messages.reports import (
    ActionIn,
    NoteIn,
    PublishIn,
    ReportOut,
    SectionIn,
    TimelineExport,
    TimelinePage,
)

router = Router(tags=["reports"])

_Reports = RootModel[list[ReportOut]]


@router.get(
    "/crises/{uid}/timeline",
    **requires(Scope.FEED_READ),
    response=TimelinePage,
    operation_id="read_timeline",
)
def timeline(
    request: HttpRequest,
    uid: UUID,
    *,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    limit: Annotated[int, Query(ge=1, le=timeline_reads.MAX_PAGE)] = 100,
    thing: Annotated[list[str] | None, Query(max_length=20)] = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
) -> HttpResponse:
    """List the timeline of a crisis after a ledger number, oldest first."""
    page = timeline_reads.timeline(
        uid,
        viewer=caller_of(request).party,
        after=after,
        limit=limit,
        things=thing or (),
        since=since,
        until=until,
    )
    return answer(page)


@router.post(
    "/crises/{uid}/timeline/export",
    **requires(Scope.CRISES_WRITE, responses=PDF),
    response=TimelineExport,
    operation_id="export_timeline",
)
def export(
    request: HttpRequest, uid: UUID, *, form: Literal["json", "pdf"] = "json"
) -> HttpResponse:
    """Export the complete timeline as JSON or PDF. The export is recorded in the ledger."""
    caller = caller_of(request)
    exported = writes.export_timeline(uid, as_=form, by=caller.actor, now=now())
    if form == "json":
        return answer(exported)
    titles = {party.ref: party.title for party in parties.parties()}
    return _pdf(paper.timeline_pdf(exported, titles=titles, acts={}), name=f"timeline-{uid}")


@router.post(
    "/crises/{uid}/report",
    **requires(Scope.CRISES_WRITE),
    response={201: ReportOut},
    operation_id="open_report",
)
def open_report(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Open the post-crisis report, or the next version of a published one."""
    report = writes.open_report(uid, by=caller_of(request).actor, now=now())
    return answer(report, status=201)


@router.get(
    "/crises/{uid}/report",
    **requires(Scope.FEED_READ),
    response=ReportOut,
    operation_id="read_latest_report",
)
def read_latest(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Retrieve the latest version of a crisis's report, for its participants."""
    report = reads.latest(uid, viewer=caller_of(request).party)
    if report is None:
        raise NotFoundError("this crisis has no report yet: open one")
    return answer(report)


@router.get(
    "/reports", **requires(Scope.FEED_READ), response=list[ReportOut], operation_id="list_reports"
)
def read_all(request: HttpRequest) -> HttpResponse:
    """List published reports that your party may read, latest first."""
    return answer(_Reports(reads.reports(viewer=caller_of(request).party)))


@router.get(
    "/reports/{uid}", **requires(Scope.FEED_READ), response=ReportOut, operation_id="read_report"
)
def read(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Retrieve a report with its figures."""
    return answer(reads.report(uid, viewer=caller_of(request).party))


@router.get(
    "/reports/{uid}/pdf",
    **requires(Scope.FEED_READ, responses=PDF),
    operation_id="print_report",
)
def read_pdf(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Download a report as PDF."""
    viewer = caller_of(request).party
    report = reads.report(uid, viewer=viewer)
    return _pdf(paper.report_pdf(report, titles=party_titles()), name=f"report-{uid}")


@router.put(
    "/reports/{uid}/sections/{name}",
    **requires(Scope.CRISES_WRITE),
    response=ReportOut,
    operation_id="write_section",
)
def write(request: HttpRequest, uid: UUID, name: str, body: SectionIn) -> HttpResponse:
    """Write a section."""
    by = caller_of(request).actor
    return answer(writes.write_section(uid, name=name, body=body, by=by, now=now()))


@router.post(
    "/reports/{uid}/notes",
    **requires(Scope.CRISES_WRITE),
    response={201: ReportOut},
    operation_id="add_debrief_note",
)
def note(request: HttpRequest, uid: UUID, body: NoteIn) -> HttpResponse:
    """Add a debrief note."""
    report = writes.add_note(uid, body=body, by=caller_of(request).actor, now=now())
    return answer(report, status=201)


@router.post(
    "/reports/{uid}/actions",
    **requires(Scope.CRISES_WRITE),
    response={201: ReportOut},
    operation_id="add_debrief_action",
)
def act(request: HttpRequest, uid: UUID, body: ActionIn) -> HttpResponse:
    """Add an action of the debrief."""
    report = writes.add_action(uid, body=body, by=caller_of(request).actor, now=now())
    return answer(report, status=201)


@router.post(
    "/reports/{uid}/actions/{action}/done",
    **requires(Scope.CRISES_WRITE),
    response=ReportOut,
    operation_id="complete_debrief_action",
)
def done(request: HttpRequest, uid: UUID, action: UUID) -> HttpResponse:
    """Mark an action of your party as done."""
    by = caller_of(request).actor
    return answer(writes.complete_action(uid, action=action, by=by, now=now()))


@router.post(
    "/reports/{uid}/agree",
    **requires(Scope.CRISES_WRITE),
    response=ReportOut,
    operation_id="agree_report",
)
def agree(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Agree to a report that you did not write."""
    return answer(writes.agree(uid, by=caller_of(request).actor, now=now()))


@router.post(
    "/reports/{uid}/publish",
    **requires(Scope.CRISES_WRITE),
    response=ReportOut,
    operation_id="publish_report",
)
def publish(request: HttpRequest, uid: UUID, body: PublishIn) -> HttpResponse:
    """Publish an agreed report, which freezes its figures."""
    return answer(writes.publish(uid, body=body, by=caller_of(request).actor, now=now()))


def _pdf(pdf: bytes, *, name: str) -> HttpResponse:
    """Return a PDF as a response."""
    response = HttpResponse(pdf, content_type="application/pdf")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.pdf"'
    return response
