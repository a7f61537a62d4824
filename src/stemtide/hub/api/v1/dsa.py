# SPDX-License-Identifier: Apache-2.0
"""Endpoints for the DSA transparency reports of providers."""

from typing import Annotated, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.reports.reads import dsa as reads
from stemtide.hub.rooms.reports.writes import dsa as writes
from stemtide.protocol.enums import Scope
from stemtide.protocol.files.dsa_report import MEDIA_TYPES, to_file
from stemtide.protocol.law.dsa.figures import ReportForm
from stemtide.protocol.law.dsa.template import Period, file_name, template
from stemtide.protocol.law.dsa.versions import DsaReportOut, DsaVersionIn

router = Router(tags=["progress"])

Year = Annotated[
    int, Query(ge=template().first_year, le=9998, description="The year of the report.")
]
Half = Annotated[
    int, Query(ge=0, le=2, description="Half of the year, for very large services; 0: all of it.")
]
_FILES = {
    200: {"description": "The report", "content": {kind: {} for kind in MEDIA_TYPES.values()}}
}


@router.get(
    "/yearly/dsa",
    **requires(Scope.REQUESTS_READ),
    response=DsaReportOut,
    operation_id="read_dsa_report",
)
def read(request: HttpRequest, *, year: Year, half: Half = 0) -> HttpResponse:
    """Retrieve the draft of your transparency report, with what is missing and its versions."""
    viewer = caller_of(request).party
    return answer(reads.dsa_report(year, half, viewer=viewer, now=now()))


@router.get(
    "/yearly/dsa/file",
    **requires(Scope.REQUESTS_READ, responses=_FILES),
    operation_id="download_dsa_report",
)
def download(
    request: HttpRequest,
    *,
    year: Year,
    half: Half = 0,
    form: Literal["xlsx", "zip"] = "xlsx",
    version: Annotated[int, Query(ge=0, le=32_767, description="0: as it stands.")] = 0,
) -> HttpResponse:
    """Download a version of your transparency report as XLSX, or as CSV files in a ZIP archive."""
    viewer, made_at = caller_of(request).party, now()
    if version:
        tables, made_at = reads.version_tables(year, half, version, viewer=viewer)
    else:
        tables = reads.dsa_report(year, half, viewer=viewer, now=made_at).report.tables
    response = HttpResponse(to_file(tables, form, made_at=made_at), content_type=MEDIA_TYPES[form])
    name = file_name(Period(year, half), version)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return response


@router.put(
    "/yearly/dsa",
    **requires(Scope.ANSWERS_WRITE),
    response=DsaReportOut,
    operation_id="write_dsa_form",
)
def write(request: HttpRequest, body: ReportForm, *, year: Year, half: Half = 0) -> HttpResponse:
    """Replace what your party adds to its transparency report."""
    caller = caller_of(request)
    return answer(writes.write_form(body, year=year, half=half, by=caller.actor, now=now()))


@router.post(
    "/yearly/dsa/versions",
    **requires(Scope.ANSWERS_WRITE),
    response={201: DsaReportOut},
    operation_id="finish_dsa_report",
)
def finish(request: HttpRequest, body: DsaVersionIn, *, year: Year, half: Half = 0) -> HttpResponse:
    """Finish your transparency report as a version that never changes."""
    report = writes.finish_version(
        change=body.change, year=year, half=half, by=caller_of(request).actor, now=now()
    )
    return answer(report, status=201)
