# SPDX-License-Identifier: Apache-2.0
"""Compute the last day for appeal from the deadline that Section G of Annex I names in words.

Only a single term from receipt is computed, such as "60 days from receipt" or "un mois". Anything
else is left to people: national law may count otherwise.

source: Regulation (EU) 2021/784 Art. 3(4)(f) and (9); for periods Regulation (EEC, Euratom)
        No 1182/71 Art. 3(1), (2) and (4).
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from stemtide.protocol.law import deadlines


class TermUnit(StrEnum):
    """The unit of a term."""

    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"


@dataclass(frozen=True, slots=True)
class Term:
    """A term for appeal. count: at least 1."""

    count: int
    unit: TermUnit


_UNITS = {
    TermUnit.DAYS: "days? dag dagen jours? tage? tagen",
    TermUnit.WEEKS: "weeks? week weken semaines? wochen?",
    TermUnit.MONTHS: "months? maand maanden mois monate? monaten monats",
}
_COUNTS = {
    1: "one a een één un une ein eine einem einen einer eines",
    2: "two twee deux zwei",
    3: "three drie trois drei",
    4: "four vier quatre",
    6: "six zes sechs",
}
_OTHER_START = (
    *("issu", "publi", "dispatch", "sending", "sent", "signature", "date of the order", "working"),
    *("uitvaardig", "verzend", "werkdag", "émission", "envoi", "ouvrable", "ouvré"),
    *("erlass", "ausstellung", "absend", "werktag", "arbeitstag"),
)
"""Beginnings of words that name another start than receipt, or days that are not counted so."""

_UNIT_OF = {
    pattern: unit for unit, patterns in _UNITS.items() for pattern in patterns.lower().split()
}
_COUNT_OF = {word: count for count, words in _COUNTS.items() for word in words.split()}
_TERM = re.compile(
    rf"\b(?P<count>\d{{1,3}}|{'|'.join(_COUNT_OF)})\s+(?P<unit>{'|'.join(_UNIT_OF)})\b"
)
_SATURDAY = 5
_MAX_MONTHS = 24


def term_of(text: str) -> Term | None:
    """Return the term that a deadline names; None if there is not exactly one, from receipt."""
    lowered = text.lower()
    if any(re.search(rf"\b{start}", lowered) for start in _OTHER_START):
        return None
    terms = list(_TERM.finditer(lowered))
    numbers = re.findall(r"\d+", lowered)
    if len(terms) != 1 or len(numbers) > 1:
        return None
    written = terms[0]["count"]
    if numbers and numbers != [written]:
        return None
    count = int(written) if written.isdecimal() else _COUNT_OF[written]
    unit = next(
        unit for pattern, unit in _UNIT_OF.items() if re.fullmatch(pattern, terms[0]["unit"])
    )
    return Term(count, unit) if count else None


def appeal_until(text: str, *, received_at: datetime) -> date | None:
    """Return the last day for appeal, in UTC; None if the text names no term to compute.

    The day of receipt is not counted. A last day on a weekend becomes the Monday after; public
    holidays are not known here.
    """
    term = term_of(text)
    if term is None:
        return None
    if term.unit is TermUnit.MONTHS:
        if term.count > _MAX_MONTHS:
            return None
        last = deadlines.months_after(received_at, term.count).date()
    else:
        days = term.count * (7 if term.unit is TermUnit.WEEKS else 1)
        last = received_at.astimezone(UTC).date() + timedelta(days=days)
    return last + timedelta(days=max(0, 7 - last.weekday()) if last.weekday() >= _SATURDAY else 0)


def is_over(until: date, *, now: datetime) -> bool:
    """Whether the last day for appeal has passed everywhere on Earth."""
    return (now.astimezone(UTC) - timedelta(hours=12)).date() > until
