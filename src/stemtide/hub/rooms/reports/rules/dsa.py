# SPDX-License-Identifier: Apache-2.0
"""Rules of DSA transparency reports: who makes one, for which periods, and when it can be finished.

source: Regulation (EU) 2022/2065 Art. 15 and 24; Implementing Regulation (EU) 2024/2835.
"""

from datetime import UTC, datetime

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import allows, check_person_may_write
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.law.dsa.checks import check_form
from stemtide.protocol.law.dsa.figures import ReportForm
from stemtide.protocol.law.dsa.report import DsaReport
from stemtide.protocol.law.dsa.template import Period, due_year, template

__all__ = [
    "allows",
    "check_finish",
    "check_form_sound",
    "check_party",
    "check_write",
    "due_year",
    "period_asked",
    "years",
]


def check_party(kind: PartyKind) -> None:
    """Check that a party makes such reports. Each sees its own only. raises: NotAllowedError."""
    if kind is not PartyKind.PROVIDER:
        raise NotAllowedError(
            "transparency reports under Regulation (EU) 2022/2065 are made by providers"
        )


def check_write(*, kind: PartyKind, role: Role | None) -> None:
    """Check that a person may write into the report of their party. raises: NotAllowedError."""
    check_party(kind)
    check_person_may_write(role)


def years(*, now: datetime) -> list[int]:
    """Return the years that may have a report, latest first."""
    return list(range(now.astimezone(UTC).year, template().first_year - 1, -1))


def period_asked(year: int, half: int, *, now: datetime) -> Period:
    """Return a period. raises: InvalidError for one before the template or after this year."""
    possible = years(now=now)
    if year not in possible:
        raise InvalidError(
            "year",
            "there is no report for {year}: ask for a year from {first} to {last}",
            year=str(year),
            first=str(possible[-1]),
            last=str(possible[0]),
        )
    if half not in (0, 1, 2):
        raise InvalidError("half", "must be 0 for the whole year, or 1 or 2")
    return Period(year, half)


def check_form_sound(form: ReportForm, *, period: Period) -> None:
    """Check what people add. raises: InvalidError naming sheet, row and column."""
    for fault in check_form(form, period=period):
        raise InvalidError(fault.place.address, template().sentence(fault.says), **fault.facts)


def check_finish(report: DsaReport, *, number: int, change: str) -> None:
    """Check that a report can become a version that is never changed.

    number: of the version. A later one says what changed, why, and by which method.

    raises: ConflictError, InvalidError.
    source: Implementing Regulation (EU) 2024/2835 Annex II, Part I, point 5.
    """
    if not report.is_over:
        raise ConflictError("the period is not over: finish the report after its last day")
    if report.faults:
        raise ConflictError("the report has faults: mend them first")
    if number > 1 and not change.strip():
        raise InvalidError("change", "say what changed since the version before, why, and how")
