# SPDX-License-Identifier: Apache-2.0
"""Endpoints for the yearly reports that providers and authorities have to publish."""

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from stemtide.hub.api.app import PDF, requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.reports import paper
from stemtide.hub.rooms.reports.reads import yearly
from stemtide.hub.rooms.reports.rules import yearly as rules
from stemtide.hub.rooms.reports.rules.yearly import FIRST_YEAR
from stemtide.hub.rooms.reports.writes import yearly as writes
from stemtide.protocol.enums import PartyKind, Scope
from stemtide.protocol.law.yearly import YearlyForm, YearlyReport, YearlyVersionIn
from stemtide.protocol.places import TimeZone

Form = Annotated[
    YearlyForm | None,
    Query(description="tco-art-21 for the return of your Member State; else your own report."),
]
Version = Annotated[
    int, Query(ge=0, le=32767, description="A finished version; 0 for the report as it stands.")
]

router = Router(tags=["progress"])

Year = Annotated[int, Query(ge=FIRST_YEAR, le=9998, description="The year of the report.")]
Zone = Annotated[
    TimeZone, Query(max_length=60, description="Where its days begin: Europe/Brussels.")
]


@router.get(
    "/yearly/tco",
    **requires(Scope.REQUESTS_READ),
    response=YearlyReport,
    operation_id="read_yearly_report",
)
def tco(
    request: HttpRequest,
    *,
    year: Year,
    zone: Zone = "UTC",
    exercise: bool = False,
    form: Form = None,
    version: Version = 0,
) -> HttpResponse:
    """Retrieve your party's report (Article 7 or 8), or your State's return (Article 21)."""
    report = _yearly_report(request, year, zone=zone, exercise=exercise, form=form, version=version)
    return answer(report)


@router.post(
    "/yearly/tco/versions",
    **requires(Scope.ANSWERS_WRITE),
    response={201: YearlyReport},
    operation_id="finish_yearly_report",
)
def finish(
    request: HttpRequest,
    body: YearlyVersionIn,
    *,
    year: Year,
    zone: Zone = "UTC",
    exercise: bool = False,
    form: Form = None,
) -> HttpResponse:
    """Finish a version of the report. Nothing changes it later."""
    report = writes.finish_version(
        year,
        change=body.change,
        by=caller_of(request).actor,
        now=now(),
        zone=zone,
        is_exercise=exercise,
        form=form,
    )
    return answer(report, status=201)


@router.get(
    "/yearly/tco/pdf",
    **requires(Scope.REQUESTS_READ, responses=PDF),
    operation_id="print_yearly_report",
)
def tco_pdf(
    request: HttpRequest,
    *,
    year: Year,
    zone: Zone = "UTC",
    exercise: bool = False,
    form: Form = None,
    version: Version = 0,
) -> HttpResponse:
    """Download the yearly report as a tagged PDF, marked as a draft while it is incomplete."""
    report = _yearly_report(request, year, zone=zone, exercise=exercise, form=form, version=version)
    response = HttpResponse(
        paper.yearly_pdf(report, title=caller_of(request).party.title),
        content_type="application/pdf",
    )
    response.headers["Content-Disposition"] = f'attachment; filename="{report.form}-{year}.pdf"'
    return response


def _yearly_report(
    request: HttpRequest,
    year: int,
    *,
    zone: str,
    exercise: bool,
    form: YearlyForm | None,
    version: int,
) -> YearlyReport:
    """Return the requested report, or a finished version of it."""
    viewer = caller_of(request).party
    if version:
        own = rules.form_for(PartyKind(viewer.kind), form)
        return yearly.version(year, version, viewer=viewer, form=own, is_exercise=exercise)
    return yearly.yearly(year, viewer=viewer, now=now(), zone=zone, is_exercise=exercise, form=form)
