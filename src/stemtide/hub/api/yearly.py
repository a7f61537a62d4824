# SPDX-License-Identifier: Apache-2.0
"""Endpoints for yearly reports: what the law asks a provider or an authority to publish."""

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from stemtide.hub.api.bodies import answer
from stemtide.hub.api.callers import caller_of, now
from stemtide.hub.api.machine import PDF, needs
from stemtide.hub.reports import paper, reads_yearly
from stemtide.hub.reports.rules_yearly import FIRST_YEAR
from stemtide.protocol.places import TimeZone
from stemtide.protocol.words import Scope
from stemtide.protocol.yearly import YearlyReport

router = Router(tags=["progress"])

Year = Annotated[int, Query(ge=FIRST_YEAR, le=9998, description="The year of the report.")]
Zone = Annotated[
    TimeZone, Query(max_length=60, description="Where its days begin: Europe/Brussels.")
]


@router.get(
    "/yearly/tco",
    **needs(Scope.REQUESTS_READ),
    response=YearlyReport,
    operation_id="read_yearly_report",
)
def tco(
    request: HttpRequest, *, year: Year, zone: Zone = "UTC", exercise: bool = False
) -> HttpResponse:
    """Your party's report under Article 7 or 8 of Regulation (EU) 2021/784, from its own rows."""
    return answer(_found(request, year, zone=zone, exercise=exercise))


@router.get(
    "/yearly/tco/pdf",
    **needs(Scope.REQUESTS_READ, responses=PDF),
    operation_id="print_yearly_report",
)
def tco_pdf(
    request: HttpRequest, *, year: Year, zone: Zone = "UTC", exercise: bool = False
) -> HttpResponse:
    """The same on paper: a tagged PDF, a draft while something is missing."""
    found = _found(request, year, zone=zone, exercise=exercise)
    made = HttpResponse(
        paper.yearly_pdf(found, title=caller_of(request).party.title),
        content_type="application/pdf",
    )
    made.headers["Content-Disposition"] = f'attachment; filename="{found.form}-{year}.pdf"'
    return made


def _found(request: HttpRequest, year: int, *, zone: str, exercise: bool) -> YearlyReport:
    """The report that was asked for."""
    viewer = caller_of(request).party
    return reads_yearly.yearly(year, viewer=viewer, now=now(), zone=zone, is_exercise=exercise)
