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
from stemtide.hub.rooms.reports.rules.yearly import FIRST_YEAR
from stemtide.protocol.enums import Scope
from stemtide.protocol.law.yearly import YearlyReport
from stemtide.protocol.places import TimeZone

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
    request: HttpRequest, *, year: Year, zone: Zone = "UTC", exercise: bool = False
) -> HttpResponse:
    """Retrieve your party's report under Article 7 or 8 of Regulation (EU) 2021/784."""
    return answer(_yearly_report(request, year, zone=zone, exercise=exercise))


@router.get(
    "/yearly/tco/pdf",
    **requires(Scope.REQUESTS_READ, responses=PDF),
    operation_id="print_yearly_report",
)
def tco_pdf(
    request: HttpRequest, *, year: Year, zone: Zone = "UTC", exercise: bool = False
) -> HttpResponse:
    """Download the yearly report as a tagged PDF, marked as a draft while it is incomplete."""
    report = _yearly_report(request, year, zone=zone, exercise=exercise)
    response = HttpResponse(
        paper.yearly_pdf(report, title=caller_of(request).party.title),
        content_type="application/pdf",
    )
    response.headers["Content-Disposition"] = f'attachment; filename="{report.form}-{year}.pdf"'
    return response


def _yearly_report(request: HttpRequest, year: int, *, zone: str, exercise: bool) -> YearlyReport:
    """Return the requested report."""
    viewer = caller_of(request).party
    return yearly.yearly(year, viewer=viewer, now=now(), zone=zone, is_exercise=exercise)
