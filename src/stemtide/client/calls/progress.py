# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: progress.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from stemtide.client.call import Call, File

if TYPE_CHECKING:
    from datetime import date

    from stemtide.protocol.enums.progress import ProgressBy, ProgressOf
    from stemtide.protocol.law.dsa.figures import ReportForm
    from stemtide.protocol.law.dsa.versions import DsaReportOut, DsaVersionIn
    from stemtide.protocol.law.yearly import YearlyForm, YearlyReport, YearlyVersionIn
    from stemtide.protocol.messages.progress import OrderProgress, ReferralProgress


def download_dsa_report(
    *,
    year: int,
    half: int | None = None,
    form: Literal["xlsx", "zip"] | None = None,
    version: int | None = None,
) -> Call[File]:
    """Download a version of your transparency report as XLSX, or as CSV files in a ZIP archive.

    year: The year of the report.
    half: Half of the year, for very large services; 0: all of it.
    form: If left out: "xlsx".
    version: 0: as it stands.

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/yearly/dsa/file
    """
    return Call(
        (File,),
        "GET",
        "/api/v1/yearly/dsa/file",
        query={"year": year, "half": half, "form": form, "version": version},
    )


def finish_dsa_report(
    body: DsaVersionIn, *, year: int, half: int | None = None
) -> Call[DsaReportOut]:
    """Finish your transparency report as a version that never changes.

    year: The year of the report.
    half: Half of the year, for very large services; 0: all of it.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/yearly/dsa/versions
    """
    from stemtide.protocol.law.dsa.versions import DsaReportOut

    return Call(
        (DsaReportOut,),
        "POST",
        "/api/v1/yearly/dsa/versions",
        query={"year": year, "half": half},
        body=body,
    )


def finish_yearly_report(
    body: YearlyVersionIn,
    *,
    year: int,
    zone: str | None = None,
    exercise: bool | None = None,
    form: YearlyForm | None = None,
) -> Call[YearlyReport]:
    """Finish a version of the report. Nothing changes it later.

    year: The year of the report.
    zone: Where its days begin: Europe/Brussels. If left out: "UTC".
    form: tco-art-21 for the return of your Member State; else your own report.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/yearly/tco/versions
    """
    from stemtide.protocol.law.yearly import YearlyReport

    return Call(
        (YearlyReport,),
        "POST",
        "/api/v1/yearly/tco/versions",
        query={"year": year, "zone": zone, "exercise": exercise, "form": form},
        body=body,
    )


def print_yearly_report(
    *,
    year: int,
    zone: str | None = None,
    exercise: bool | None = None,
    form: YearlyForm | None = None,
    version: int | None = None,
) -> Call[File]:
    """Download the yearly report as a tagged PDF, marked as a draft while it is incomplete.

    year: The year of the report.
    zone: Where its days begin: Europe/Brussels. If left out: "UTC".
    form: tco-art-21 for the return of your Member State; else your own report.
    version: A finished version; 0 for the report as it stands.

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/yearly/tco/pdf
    """
    return Call(
        (File,),
        "GET",
        "/api/v1/yearly/tco/pdf",
        query={"year": year, "zone": zone, "exercise": exercise, "form": form, "version": version},
    )


def read_dsa_report(*, year: int, half: int | None = None) -> Call[DsaReportOut]:
    """Retrieve the draft of your transparency report, with what is missing and its versions.

    year: The year of the report.
    half: Half of the year, for very large services; 0: all of it.

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/yearly/dsa
    """
    from stemtide.protocol.law.dsa.versions import DsaReportOut

    return Call((DsaReportOut,), "GET", "/api/v1/yearly/dsa", query={"year": year, "half": half})


def read_order_progress(
    *,
    from_: date,
    to: date,
    by: ProgressBy | None = None,
    of: ProgressOf | None = None,
    zone: str | None = None,
    exercise: bool | None = None,
) -> Call[OrderProgress]:
    """Retrieve figures of a period's removal orders. Referrals never include them.

    from_: The first day.
    to: The last day; it is in the period.
    by: What the rows are; none: no rows.
    of: Your party's own, or everybody's of a quarter. If left out: "own".
    zone: Where days begin: Europe/Brussels. If left out: "UTC".

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/progress/orders
    """
    from stemtide.protocol.messages.progress import OrderProgress

    return Call(
        (OrderProgress,),
        "GET",
        "/api/v1/progress/orders",
        query={"from": from_, "to": to, "by": by, "of": of, "zone": zone, "exercise": exercise},
    )


def read_referral_progress(
    *,
    from_: date,
    to: date,
    by: ProgressBy | None = None,
    of: ProgressOf | None = None,
    zone: str | None = None,
    exercise: bool | None = None,
) -> Call[ReferralProgress]:
    """Retrieve figures of a period's referrals: counts, durations, reasons of refusals.

    from_: The first day.
    to: The last day; it is in the period.
    by: What the rows are; none: no rows.
    of: Your party's own, or everybody's of a quarter. If left out: "own".
    zone: Where days begin: Europe/Brussels. If left out: "UTC".

    Needs a key with the scope requests:read. raises: HubError. source: GET
    /api/v1/progress/referrals
    """
    from stemtide.protocol.messages.progress import ReferralProgress

    return Call(
        (ReferralProgress,),
        "GET",
        "/api/v1/progress/referrals",
        query={"from": from_, "to": to, "by": by, "of": of, "zone": zone, "exercise": exercise},
    )


def read_yearly_report(
    *,
    year: int,
    zone: str | None = None,
    exercise: bool | None = None,
    form: YearlyForm | None = None,
    version: int | None = None,
) -> Call[YearlyReport]:
    """Retrieve your party's report (Article 7 or 8), or your State's return (Article 21).

    year: The year of the report.
    zone: Where its days begin: Europe/Brussels. If left out: "UTC".
    form: tco-art-21 for the return of your Member State; else your own report.
    version: A finished version; 0 for the report as it stands.

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/yearly/tco
    """
    from stemtide.protocol.law.yearly import YearlyReport

    return Call(
        (YearlyReport,),
        "GET",
        "/api/v1/yearly/tco",
        query={"year": year, "zone": zone, "exercise": exercise, "form": form, "version": version},
    )


def write_dsa_form(body: ReportForm, *, year: int, half: int | None = None) -> Call[DsaReportOut]:
    """Replace what your party adds to its transparency report.

    year: The year of the report.
    half: Half of the year, for very large services; 0: all of it.

    Needs a key with the scope answers:write. raises: HubError. source: PUT /api/v1/yearly/dsa
    """
    from stemtide.protocol.law.dsa.versions import DsaReportOut

    return Call(
        (DsaReportOut,), "PUT", "/api/v1/yearly/dsa", query={"year": year, "half": half}, body=body
    )
