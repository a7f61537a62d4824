# SPDX-License-Identifier: Apache-2.0
"""Rules of yearly reports: who publishes which, for which years, and when a year begins and ends.

source: Regulation (EU) 2021/784 Art. 7 and 8.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import allows, check_person_may_write
from stemtide.hub.rooms.reports.rules.progress import zone_of
from stemtide.hub.rooms.signals.rules.signals import check_impersonal
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.law.yearly import (
    FigureDefinition,
    PartDefinition,
    YearlyForm,
    YearlyKind,
    YearlyLineIn,
    report_definition,
)

__all__ = [
    "Counted",
    "Year",
    "allows",
    "check_finish",
    "check_lines",
    "check_write",
    "due_year",
    "form_for",
    "forms_for",
    "to_write",
    "year_asked",
    "years",
]

MAX_LINE = 10_000
"""Maximum characters of a text in a report."""

MAX_COUNT = 1_000_000_000
"""The largest count that is accepted."""

FIRST_YEAR = 2022
"""The Regulation applies since 7 June 2022.

source: Regulation (EU) 2021/784 Art. 24.
"""

_FORMS = {
    PartyKind.PROVIDER: (YearlyForm.ART_7,),
    PartyKind.AUTHORITY: (YearlyForm.ART_8, YearlyForm.ART_21),
}


@dataclass(frozen=True, slots=True)
class Year:
    """The year of a report, in UTC: from since (inclusive) to until (exclusive).

    number: the year itself.

    is_over: it is counted to its end. is_exercise: exercises are counted, and nothing else.
    """

    since: datetime
    until: datetime
    is_over: bool
    is_exercise: bool
    number: int


@dataclass(frozen=True, slots=True)
class Counted:
    """A count, or a measured number, and its pieces."""

    count: int | float
    pieces: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def summed(cls, pieces: Iterable[str]) -> "Counted":
        """Return a count whose pieces add up to it."""
        counts = Counter(pieces)
        return cls(counts.total(), counts)


def forms_for(kind: PartyKind) -> tuple[YearlyForm, ...]:
    """Return the reports that a kind of party makes, its own first."""
    return _FORMS.get(kind, ())


def form_for(kind: PartyKind, form: YearlyForm | None = None) -> YearlyForm:
    """Return the report that a kind of party makes. Agencies issue no orders and get none.

    form: the report that it asks for; None for its own.

    raises: NotAllowedError.
    """
    if kind not in _FORMS:
        raise NotAllowedError(
            "yearly reports under Regulation (EU) 2021/784 are for providers (Article 7) and"
            " authorities (Article 8): read the figures of progress instead"
        )
    if form is not None and form not in _FORMS[kind]:
        raise NotAllowedError("your party does not make this report: leave out its form")
    return form or _FORMS[kind][0]


def due_year(form: YearlyForm, *, today: date) -> int:
    """Return the year whose report is to be made next. Article 8 sets no date: as Article 21."""
    late = report_definition(form).due(today.year - 1) or date(today.year, 4, 1)
    return today.year - 1 if today < late else today.year


def year_asked(year: int, *, zone: str, now: datetime, is_exercise: bool) -> Year:
    """Return a year of a report as a zone counts its days; the current one ends now.

    raises: InvalidError for a year before the Regulation, or after this one.
    """
    there = zone_of(zone)
    this_year = now.astimezone(there).year
    if not FIRST_YEAR <= year <= this_year:
        raise InvalidError(
            "year",
            "there is no report for {year}: ask for a year from {first} to {last}",
            year=str(year),
            first=str(FIRST_YEAR),
            last=str(this_year),
        )
    since = datetime(year, 1, 1, tzinfo=there).astimezone(UTC)
    end = datetime(year + 1, 1, 1, tzinfo=there).astimezone(UTC)
    return Year(
        since=since,
        until=min(end, now.astimezone(UTC)),
        is_over=end <= now,
        is_exercise=is_exercise,
        number=year,
    )


def years(*, zone: str, now: datetime) -> list[int]:
    """Return the years that may have a report, latest first."""
    return list(range(now.astimezone(zone_of(zone)).year, FIRST_YEAR - 1, -1))


def to_write(form: YearlyForm) -> list[tuple[PartDefinition, FigureDefinition]]:
    """Return the figures that the hub does not count, with their part. Their party writes them."""
    parts = report_definition(form).parts
    return [(part, figure) for part in parts for figure in part.figures if not figure.is_known]


def check_write(*, kind: PartyKind, role: Role | None) -> None:
    """Check that a person may write into the report of their party. raises: NotAllowedError."""
    form_for(kind)
    check_person_may_write(role)


def check_finish(*, is_whole: bool, number: int, change: str) -> None:
    """Check that a version of a report may be finished: it is whole, and says what it changes.

    raises: ConflictError, InvalidError.
    """
    if not is_whole:
        raise ConflictError(
            "the report is a draft: finish it when the year is over and every figure that the"
            " article asks for is there"
        )
    if number > 1 and not change.strip():
        raise InvalidError("change", "is missing: a later version says what it changes, and why")


def check_lines(form: YearlyForm, lines: Mapping[str, YearlyLineIn]) -> None:
    """Check that written figures fit the form and name nobody: everybody reads the report.

    raises: InvalidError naming the figure.
    """
    figures = {figure.name: figure for _, figure in to_write(form)}
    for name, line in lines.items():
        if name not in figures:
            raise InvalidError(name, "is not a figure of this report that people enter")
        _check_line(figures[name], line)


def _check_line(figure: FigureDefinition, line: YearlyLineIn) -> None:
    """Check a line against its figure. raises: InvalidError."""
    if figure.kind is YearlyKind.COUNT and line.text:
        raise InvalidError(figure.name, "must be a number")
    if figure.kind is YearlyKind.WORDS and line.count is not None:
        raise InvalidError(figure.name, "must be text, not a number")
    if line.count is not None and not 0 <= line.count <= MAX_COUNT:
        raise InvalidError(figure.name, "must be 0 or more")
    if len(line.text) > MAX_LINE:
        raise InvalidError(
            figure.name, "is too long: write at most {most} characters", most=f"{MAX_LINE:,}"
        )
    check_impersonal(line.text, field=figure.name)
