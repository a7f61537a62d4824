# SPDX-License-Identifier: Apache-2.0
"""The yearly report of one's own party: its figures, and the texts that people add."""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in, writers_only
from stemtide.hub.desk.error_messages import field_error_text
from stemtide.hub.desk.progress.dsa_forms import FinishForm
from stemtide.hub.desk.progress.yearly_forms import LinesForm, YearForm
from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.platform.postgresql.replica import reads_replica
from stemtide.hub.rooms.reports import paper
from stemtide.hub.rooms.reports.reads import member_state, yearly as yearly_reads
from stemtide.hub.rooms.reports.rules import yearly as rules
from stemtide.hub.rooms.reports.writes import yearly as yearly_writes
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.files.yearly import yearly_csv
from stemtide.protocol.law.yearly import YearlyForm, YearlyReport

FILES = ("pdf", "csv", "json")
"""File formats of the download."""


@require_safe
@signed_in
def yearly(request: SignedInRequest) -> HttpResponse:
    """Show the report of a year, as a page or a download."""
    now, zone = datetime.now(UTC), timezone.get_current_timezone_name()
    query = _query_form(request, request.GET, now=now)
    if not query.is_valid():
        return render(request, "desk/progress/yearly.html", {"asked": query}, status=422)
    if (as_ := request.GET.get("as", "")) in FILES:
        return _file(request, query, as_=as_, now=now, zone=zone)
    report = _report(request, query, now=now, zone=zone)
    return _page(request, report, query=query, lines=LinesForm(form=query.form, report=report))


@require_POST
@signed_in
@writers_only
def write(request: SignedInRequest) -> HttpResponse:
    """Save the figures and texts that the hub cannot count."""
    now, zone = datetime.now(UTC), timezone.get_current_timezone_name()
    query_form = _query_form(request, request.POST, now=now)
    if not query_form.is_valid():
        return render(request, "desk/progress/yearly.html", {"asked": query_form}, status=422)
    lines = LinesForm(request.POST, form=query_form.form)
    year, is_exercise = query_form.year, query_form.is_exercise
    if lines.is_valid():
        try:
            yearly_writes.write_lines(
                year,
                lines=lines.lines(),
                by=actor_of(request),
                now=now,
                zone=zone,
                is_exercise=is_exercise,
                form=query_form.form,
            )
        except InvalidError as error:
            lines.add_error(error.field, field_error_text(error))
        else:
            messages.success(request, _("Written."))
            return _to_page(query_form)
    report = _report(request, query_form, now=now, zone=zone)
    return _page(request, report, query=query_form, lines=lines, status=422)


@require_POST
@signed_in
@writers_only
def finish(request: SignedInRequest) -> HttpResponse:
    """Finish the report as a version that never changes."""
    now, zone = datetime.now(UTC), timezone.get_current_timezone_name()
    query = _query_form(request, request.POST, now=now)
    if not query.is_valid():
        return render(request, "desk/progress/yearly.html", {"asked": query}, status=422)
    finishing = FinishForm(request.POST)
    if finishing.is_valid():
        try:
            yearly_writes.finish_version(
                query.year,
                change=finishing.cleaned_data["change"],
                by=actor_of(request),
                now=now,
                zone=zone,
                is_exercise=query.is_exercise,
                form=query.form,
            )
        except (ConflictError, InvalidError) as error:
            finishing.add_refusal(error)
        else:
            messages.success(request, _("The version is finished."))
            return _to_page(query)
    report = _report(request, query, now=now, zone=zone)
    lines = LinesForm(form=query.form, report=report)
    return _page(request, report, query=query, lines=lines, finishing=finishing, status=422)


def _to_page(query: YearForm) -> HttpResponse:
    """Return to the page of the year."""
    return redirect(f"{reverse('progress-yearly')}?{_query(query)}")


def _query(query: YearForm) -> str:
    """Return the query string of a report."""
    exercise = {"exercise": "on"} if query.is_exercise else {}
    return urlencode({"year": query.year, "form": query.form.value} | exercise)


def _query_form(
    request: SignedInRequest, parameters: Mapping[str, object], *, now: datetime
) -> YearForm:
    """Return the query form for a year; by default the one whose report is due next."""
    zone = timezone.get_current_timezone_name()
    kind = PartyKind(request.user.party.kind)
    own = rules.form_for(kind)
    is_registered = allows(member_state.check_state, request.user.party)
    forms = [
        form for form in rules.forms_for(kind) if form is not YearlyForm.ART_21 or is_registered
    ]
    years = rules.years(zone=zone, now=now)
    requested = str(parameters.get("form", own))
    form = next((form for form in forms if form == requested), own)
    default = {"year": rules.due_year(form, today=timezone.localdate(now)), "form": requested}
    return YearForm(
        {"form": own} | dict(parameters.items()) if "year" in parameters else default,
        years=years,
        forms=forms,
    )


@reads_replica
def _report(request: SignedInRequest, query: YearForm, *, now: datetime, zone: str) -> YearlyReport:
    """Return the requested report."""
    return yearly_reads.yearly(
        query.year,
        viewer=request.user.party,
        now=now,
        zone=zone,
        is_exercise=query.is_exercise,
        form=query.form,
    )


def _page(
    request: SignedInRequest,
    report: YearlyReport,
    *,
    query: YearForm,
    lines: LinesForm,
    finishing: FinishForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """Render the report as a page."""
    context = {
        "asked": query,
        "found": report,
        "before": {} if lines.errors else _before(request, query),
        "lines": lines,
        "files": FILES,
        "query": _query(query),
        "finishing": finishing or FinishForm(),
        "next_version": len(report.versions) + 1,
        "is_return": report.form is YearlyForm.ART_21,
        "has_yearly": True,
        "has_dsa": request.user.party.kind == PartyKind.PROVIDER,
        "what": "yearly",
        "may_write": allows(
            rules.check_write,
            kind=PartyKind(request.user.party.kind),
            role=Role(request.user.role),
        ),
    }
    return render(request, "desk/progress/yearly.html", context, status=status)


def _before(request: SignedInRequest, query: YearForm) -> dict[str, int | float]:
    """Return the counts of the year before by figure, as far as they are known."""
    now, zone = datetime.now(UTC), timezone.get_current_timezone_name()
    if query.year - 1 not in rules.years(zone=zone, now=now):
        return {}
    report = yearly_reads.yearly(
        query.year - 1,
        viewer=request.user.party,
        now=now,
        zone=zone,
        is_exercise=query.is_exercise,
        form=query.form,
    )
    figures = (figure for part in report.parts for figure in part.figures)
    return {figure.name: figure.count for figure in figures if figure.count is not None}


def _file(
    request: SignedInRequest, query: YearForm, *, as_: str, now: datetime, zone: str
) -> HttpResponse:
    """Return the draft of the report, or a finished version, as a download."""
    party, number = request.user.party, query.version
    report = (
        yearly_reads.version(
            query.year, number, viewer=party, form=query.form, is_exercise=query.is_exercise
        )
        if number
        else _report(request, query, now=now, zone=zone)
    )
    if as_ == "pdf":
        response = HttpResponse(
            paper.yearly_pdf(report, title=party.title), content_type="application/pdf"
        )
    elif as_ == "csv":
        response = HttpResponse(yearly_csv(report), content_type="text/csv")
    else:
        response = HttpResponse(report.model_dump_json(indent=2), content_type="application/json")
    name = f"{report.form}-{report.year}" + (f"-v{number}" if number else "")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.{as_}"'
    return response
