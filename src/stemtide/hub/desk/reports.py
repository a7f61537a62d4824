# SPDX-License-Identifier: Apache-2.0
"""What stays of a crisis, at the desk: its timeline, its report, and both on paper."""

from datetime import UTC, datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.crises import reads as crises
from stemtide.hub.desk.entries import ACTS
from stemtide.hub.desk.people import SignedInRequest, actor_of, signed_in, writing
from stemtide.hub.desk.refusals import in_words
from stemtide.hub.desk.report_page import page
from stemtide.hub.desk.situation import room_of, titles_of
from stemtide.hub.desk.words import figure
from stemtide.hub.parties import reads as parties
from stemtide.hub.parties.rules import ConflictError
from stemtide.hub.reports import paper, reads, reads_timeline, rules, writes
from stemtide.protocol.reports import TimelineEntry

ROWS = 100
"""Entries on one page of the timeline."""


def _refs(request: SignedInRequest) -> dict[str, str]:
    """Parties' titles by how the ledger names them."""
    own = {"clock": _("The hub's clock"), "operator": _("The hub's operator")}
    found = {party.ref: party.title for party in parties.parties(viewer=request.user.party)}
    return found | own | {"withheld": _("withheld")}


@require_safe
@signed_in
def timeline(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """A page of the timeline, oldest first, and the forms to take it along."""
    after, thing = request.GET.get("after", ""), request.GET.get("thing", "")
    start = int(after) if after.isdigit() and len(after) < 19 else 0  # noqa: PLR2004  # 64 bits
    viewer, by = request.user.party, actor_of(request)
    found = reads_timeline.timeline(
        uid, viewer=viewer, after=start, limit=ROWS, things=[thing] if thing else ()
    )
    refs = _refs(request)
    facts = {
        "now": datetime.now(UTC),
        "crisis": crises.crisis(uid, viewer=viewer),
        "rows": [_line(entry, refs=refs) for entry in found.entries],
        "next": found.next if found.more else None,
        "after": start,
        "thing": thing,
        "things": _things(),
        "may_export": rules.allows(rules.check_export, kind=by.kind, role=by.role),
    }
    return render(request, "desk/timeline.html", facts)


def _things() -> list[str]:
    """What entries of a crisis can be about."""
    return [
        *("crisis", "check", "signal", "signals", "opinion", "outcomes", "message", "line"),
        *("participant", "proposal", "report", "action", "timeline"),
    ]


def _line(entry: TimelineEntry, *, refs: dict[str, str]) -> dict[str, object]:
    """An entry in words."""
    return {
        "entry": entry,
        "who": refs.get(entry.actor, entry.actor),
        "act": str(ACTS.get(entry.kind, entry.kind)),
        "facts": ", ".join(f"{name} {_plain(value)}" for name, value in entry.detail.items()),
    }


def _plain(value: object) -> str:
    """A fact as a word."""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


@require_POST
@signed_in
def export(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Take the whole timeline along: JSON or PDF. The ledger notes it."""
    as_ = "pdf" if request.POST.get("as") == "pdf" else "json"
    try:
        found = writes.export_timeline(uid, as_=as_, by=actor_of(request), now=datetime.now(UTC))
    except ConflictError as error:
        messages.error(request, in_words(error))
        return redirect("crisis-timeline", uid=uid)
    if as_ == "json":
        body: bytes = found.model_dump_json(indent=1).encode()
        return _file(body, name=f"timeline-{uid}.json", media_type="application/json")
    made = paper.timeline_pdf(
        found, titles=_refs(request), acts={kind: str(act) for kind, act in ACTS.items()}
    )
    return _file(made, name=f"timeline-{uid}.pdf", media_type="application/pdf")


def _file(body: bytes, *, name: str, media_type: str) -> HttpResponse:
    """Something to keep."""
    answer = HttpResponse(body, content_type=media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@require_safe
@signed_in
def of_crisis(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """The latest report of a crisis, or the button to open one."""
    viewer, by = request.user.party, actor_of(request)
    found = reads.latest(uid, viewer=viewer)
    if found is not None:
        return redirect("report", uid=found.id)
    opens = reads.open_facts(uid, viewer=viewer)
    room_of(request, uid)
    facts = {
        "crisis": crises.crisis(uid, viewer=viewer),
        "may_open": rules.allows(
            rules.check_open, kind=by.kind, name=by.party.name, role=by.role, **opens
        ),
    }
    return render(request, "desk/report_none.html", facts)


@require_POST
@signed_in
@writing
def open_report(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Open a report, or the next version of a published one."""
    try:
        made = writes.open_report(uid, by=actor_of(request), now=datetime.now(UTC))
    except ConflictError as error:
        messages.error(request, in_words(error))
        return redirect("crisis-report", uid=uid)
    return redirect("report", uid=made.id)


@require_safe
@signed_in
def published(request: SignedInRequest) -> HttpResponse:
    """All published reports that the reader may read."""
    facts = {
        "now": datetime.now(UTC),
        "reports": reads.reports(viewer=request.user.party),
        "titles": titles_of(request),
    }
    return render(request, "desk/reports.html", facts)


@require_safe
@signed_in
def report(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show one report; it also prints as it stands."""
    return page(request, uid)


@require_safe
@signed_in
def report_pdf(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """The report on paper."""
    found = reads.report(uid, viewer=request.user.party)
    made = paper.report_pdf(found, titles=titles_of(request), said=figure)
    return _file(made, name=f"report-{uid}.pdf", media_type="application/pdf")
