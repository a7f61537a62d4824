# SPDX-License-Identifier: Apache-2.0
"""The DSA transparency report of one's own party: what is missing, what people add, versions."""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import groupby
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in, writers_only
from stemtide.hub.desk.error_messages import fill_template
from stemtide.hub.desk.progress.dsa_forms import FinishForm, PeriodForm, ReportFields
from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.platform.postgresql.replica import reads_replica
from stemtide.hub.rooms.reports.reads import dsa as reads
from stemtide.hub.rooms.reports.rules import dsa as rules
from stemtide.hub.rooms.reports.writes import dsa as writes
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.files.dsa_report import MEDIA_TYPES, to_file
from stemtide.protocol.law.dsa.figures import ReportCounts, middle
from stemtide.protocol.law.dsa.template import Period, file_name, template
from stemtide.protocol.law.dsa.versions import DsaReportOut


@require_safe
@signed_in
def dsa(request: SignedInRequest) -> HttpResponse:
    """Show the report of a period, as a page or a download; by default of the one that is due."""
    now = datetime.now(UTC)
    rules.check_party(PartyKind(request.user.party.kind))
    query = _query_form(request.GET, now=now)
    if not query.is_valid():
        return render(request, "desk/progress/dsa.html", {"asked": query}, status=422)
    if (as_ := request.GET.get("as", "")) in MEDIA_TYPES:
        return _file(request, query, as_=as_, now=now)
    report = _report(request, query, now=now)
    return _page(request, report, query=query, fields=ReportFields.of(report))


@require_POST
@signed_in
@writers_only
def write(request: SignedInRequest) -> HttpResponse:
    """Save what people add to a report."""
    now = datetime.now(UTC)
    rules.check_party(PartyKind(request.user.party.kind))
    query = _query_form(request.POST, now=now)
    if not query.is_valid():
        return render(request, "desk/progress/dsa.html", {"asked": query}, status=422)
    report = _report(request, query, now=now)
    fields = ReportFields.of(report, data=request.POST)
    if (form := fields.form()) is not None:
        try:
            writes.write_form(
                form, year=query.year, half=query.half_year, by=actor_of(request), now=now
            )
        except InvalidError as error:
            fields.add_refusal(error)
        else:
            messages.success(request, _("Written."))
            return _to_page(query)
    return _page(request, report, query=query, fields=fields, status=422)


@require_POST
@signed_in
@writers_only
def finish(request: SignedInRequest) -> HttpResponse:
    """Finish the report as a version that never changes."""
    now = datetime.now(UTC)
    rules.check_party(PartyKind(request.user.party.kind))
    query = _query_form(request.POST, now=now)
    if not query.is_valid():
        return render(request, "desk/progress/dsa.html", {"asked": query}, status=422)
    form = FinishForm(request.POST)
    if form.is_valid():
        try:
            writes.finish_version(
                change=form.cleaned_data["change"],
                year=query.year,
                half=query.half_year,
                by=actor_of(request),
                now=now,
            )
        except (ConflictError, InvalidError) as error:
            form.add_refusal(error)
        else:
            messages.success(request, _("The version is finished."))
            return _to_page(query)
    report = _report(request, query, now=now)
    fields = ReportFields.of(report)
    return _page(request, report, query=query, fields=fields, finishing=form, status=422)


def _counted(request: SignedInRequest, period: Period) -> list[tuple[str, str, str]]:
    """Return what the hub counted in a period, and in the one before."""
    this, earlier = (
        _figures(reads.facts_of(span, viewer=request.user.party))
        for span in (period, period.earlier)
    )
    return [(title, value, earlier[title]) for title, value in this.items()]


def _figures(facts: ReportCounts) -> dict[str, str]:
    """Return counted facts by their title."""
    orders, complaints, blocks = facts.orders or (), facts.complaints, facts.blocks
    hours = middle(order.effect_hours for order in orders)
    figures: dict[str, int | str] = {
        _("Removal orders received"): len(orders),
        _("Web addresses in them"): sum(order.items for order in orders),
        _("Median hours to give effect to them"): "-" if hours is None else f"{hours:.2f}",
        _("Uploads that agents blocked"): blocks.blocked if blocks else 0,
        _("Blocks undone"): blocks.undone if blocks else 0,
        _("Complaints about restrictions"): complaints.filed if complaints else 0,
        _("Decisions reversed after a complaint"): complaints.reversed if complaints else 0,
    }
    return {
        title: value if isinstance(value, str) else _grouped(value)
        for title, value in figures.items()
    }


def _grouped(number: int) -> str:
    """Return a whole number with thin spaces between thousands."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _to_page(query: PeriodForm) -> HttpResponse:
    """Return to the page of the period."""
    return redirect(f"{reverse('progress-dsa')}?{_query(query)}")


def _query(query: PeriodForm) -> str:
    return urlencode({"year": query.year, "half": query.half_year})


def _query_form(parameters: Mapping[str, object], *, now: datetime) -> PeriodForm:
    """Return the query form for a period; by default the year that is due next."""
    due = rules.due_year(now.date())
    query = parameters if "year" in parameters else {"year": due, "half": 0}
    return PeriodForm(query, years=rules.years(now=now))


@reads_replica
def _report(request: SignedInRequest, query: PeriodForm, *, now: datetime) -> DsaReportOut:
    return reads.dsa_report(query.year, query.half_year, viewer=request.user.party, now=now)


def _file(request: SignedInRequest, query: PeriodForm, *, as_: str, now: datetime) -> HttpResponse:
    """Return a version as a download, or the draft of the report."""
    number, made_at = query.version, now
    if number:
        tables, made_at = reads.version_tables(
            query.year, query.half_year, number, viewer=request.user.party
        )
    else:
        tables = _report(request, query, now=now).report.tables
    response = HttpResponse(to_file(tables, as_, made_at=made_at), content_type=MEDIA_TYPES[as_])
    name = file_name(Period(query.year, query.half_year), number)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.{as_}"'
    return response


def _page(
    request: SignedInRequest,
    report: DsaReportOut,
    *,
    query: PeriodForm,
    fields: ReportFields,
    finishing: FinishForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """Render the report as a page."""
    missing = [
        (sheet, list(cells))
        for sheet, cells in groupby(report.report.missing, key=lambda cell: cell.sheet)
    ]
    context = {
        "asked": query,
        "found": report,
        "missing": missing,
        "faults": [
            (fault.place.address, fill_template(template().sentence(fault.says), fault.facts))
            for fault in report.report.faults
        ],
        "counted": _counted(request, Period(report.year, report.half)),
        "fields": fields,
        "finishing": finishing or FinishForm(),
        "next_version": len(report.versions) + 1,
        "query": _query(query),
        "files": tuple(MEDIA_TYPES),
        "template": template(),
        "has_yearly": True,
        "has_dsa": True,
        "what": "dsa",
        "may_write": allows(
            rules.check_write,
            kind=PartyKind(request.user.party.kind),
            role=Role(request.user.role),
        ),
    }
    return render(request, "desk/progress/dsa.html", context, status=status)
