# SPDX-License-Identifier: Apache-2.0
"""Rules of progress: who may ask for which days, and which of everybody's figures are withheld."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import ceil
from typing import TypeVar
from zoneinfo import ZoneInfo

from stemtide.hub.platform.errors import InvalidError, NotAllowedError
from stemtide.hub.rooms.reports.rules.reports import may_publish_counts
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.orders import OrderState
from stemtide.protocol.enums.progress import ProgressOf
from stemtide.protocol.messages.progress import NamedCount, ProgressQuery, Span, Times

_Row = TypeVar("_Row")

LONGEST = timedelta(days=3660)
"""A period of figures at most: ten years."""

MOST_DAYS, MOST_WEEKS = 62, 400
"""The longest periods, in days, that are shown by day and by week; longer ones are by month."""

_ENDED: Mapping[str, str] = {
    OrderState.SUSPENDED: "not_executed",
    OrderState.WITHDRAWN: "withdrawn",
    OrderState.ANNULLED: "annulled",
}
"""Outcomes of orders that were not executed and are not open."""

_QUARTERS = {(1, 1): (3, 31), (4, 1): (6, 30), (7, 1): (9, 30), (10, 1): (12, 31)}


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject of a count. own: kinds that send or get it; whole: kinds that see all of it."""

    own: frozenset[PartyKind]
    whole: frozenset[PartyKind] = frozenset()


REFERRALS = Subject(
    own=frozenset({PartyKind.AUTHORITY, PartyKind.AGENCY, PartyKind.PROVIDER}),
    whole=frozenset({PartyKind.AGENCY}),
)
"""Agencies see every referral, as they coordinate them."""

ORDERS = Subject(own=frozenset({PartyKind.AUTHORITY, PartyKind.PROVIDER}))
"""Agencies issue no orders, and see only those that they have a copy of."""


def check_asked(query: ProgressQuery, *, subject: Subject, kind: PartyKind, today: date) -> None:
    """Check that a party may ask for these figures.

    Figures of all parties are for one past quarter, and undivided: with other periods or parts, one
    provider's figures could be computed from two answers.

    raises: InvalidError naming the field; NotAllowedError.
    """
    zone_of(query.zone)
    if query.last < query.first:
        raise InvalidError("to", "is before from: enter a later day")
    if query.last - query.first > LONGEST:
        raise InvalidError("to", "is more than ten years after from: choose a shorter period")
    if query.of is ProgressOf.OWN and kind not in subject.own:
        raise InvalidError("of", "your party has no figures of its own: use all")
    if is_exact(query, subject=subject, kind=kind):
        return
    if query.by is not None:
        raise NotAllowedError(
            "figures of all parties cannot be divided: a part with few providers could "
            "reveal the figures of one"
        )
    if not _is_past_quarter(query, today=today):
        first, last = last_quarter(today)
        raise InvalidError(
            "from",
            "figures of all parties are available for one completed quarter in UTC, such as "
            "from {first} to {last}",
            first=str(first),
            last=str(last),
        )


def is_exact(query: ProgressQuery, *, subject: Subject, kind: PartyKind) -> bool:
    """Whether figures are exact: a party's own, and all of them for those who see everything."""
    return query.of is ProgressOf.OWN or kind in subject.whole


def last_quarter(today: date) -> tuple[date, date]:
    """Return the first and last day of the last quarter that is over."""
    month = 3 * ((today.month - 1) // 3) + 1
    last = date(today.year, month, 1) - timedelta(days=1)
    return date(last.year, last.month - 2, 1), last


def _is_past_quarter(query: ProgressQuery, *, today: date) -> bool:
    """Whether a period is one whole quarter, in UTC, and over."""
    ends = _QUARTERS.get((query.first.month, query.first.day))
    is_whole = ends == (query.last.month, query.last.day) and query.first.year == query.last.year
    return is_whole and query.zone == "UTC" and query.last < today


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its name. raises: InvalidError."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:  # KeyError: no time zone of that name
        raise InvalidError(
            "zone", "{zone!r} is not a time zone: write one such as Europe/Brussels", zone=name[:60]
        ) from error


def bounds(query: ProgressQuery) -> tuple[datetime, datetime]:
    """Return the start and the end of a period in UTC.

    A day begins at its midnight in the zone; days on which clocks change are shorter or longer.
    """
    zone = zone_of(query.zone)
    after = query.last + timedelta(days=1)
    since = datetime.combine(query.first, time(), tzinfo=zone)
    return since.astimezone(UTC), datetime.combine(after, time(), tzinfo=zone).astimezone(UTC)


def spans(first: date, last: date) -> Iterator[tuple[date, date]]:
    """Return a period in days, weeks from Monday on, or months: first and last day of each."""
    days = (last - first).days + 1
    start = first
    while start <= last:
        if days <= MOST_DAYS:
            end = start
        elif days <= MOST_WEEKS:
            end = start + timedelta(days=6 - start.weekday())
        else:
            end = (start.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        end = min(end, last)
        yield start, end
        start = end + timedelta(days=1)


def spans_of(
    query: ProgressQuery, began: Iterable[tuple[datetime, bool, bool]], *, is_sender: bool
) -> list[Span]:
    """Return the parts of a period with the counts of each.

    began: of each request when it began, whether it was sent, whether its content was removed.
    """
    zone = zone_of(query.zone)
    whole: Counter[date] = Counter()
    sent: Counter[date] = Counter()
    gone: Counter[date] = Counter()
    for at, is_sent, is_gone in began:
        day = at.astimezone(zone).date()
        whole[day] += 1
        sent[day] += is_sent
        gone[day] += is_gone
    parts = []
    for first, last in spans(query.first, query.last):
        within = [day for day in whole if first <= day <= last]
        parts.append(
            Span(
                first=first,
                assessed=sum(whole[day] for day in within) if is_sender else None,
                begun=sum(sent[day] for day in within),
                removed=sum(gone[day] for day in within),
            )
        )
    return parts


def group_by_name(
    rows: Iterable[_Row], named: Callable[[_Row], str]
) -> list[tuple[str, list[_Row]]]:
    """Return rows grouped by name, the largest group first."""
    groups: dict[str, list[_Row]] = {}
    for row in rows:
        groups.setdefault(named(row), []).append(row)
    return sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))


def largest_first(counts: Mapping[str, int]) -> list[NamedCount]:
    """Return counts with their names, the largest first."""
    items = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [NamedCount(name=name, count=count) for name, count in items]


def due_period(today: date) -> tuple[date, date]:
    """Return the first and last day that pages open on: the year before until its reports are due.

    source: Regulation (EU) 2021/784 Art. 21(1): by 31 March.
    """
    if today <= date(today.year, 3, 31):
        return date(today.year - 1, 1, 1), date(today.year - 1, 12, 31)
    return date(today.year, 1, 1), today


def times(durations: Sequence[timedelta]) -> Times:
    """Return exact median and 90th percentile. Durations below zero count as zero."""
    if not durations:
        return Times(count=0, median_s=None, p90_s=None)
    ordered = sorted(max(duration.total_seconds(), 0.0) for duration in durations)
    half = len(ordered) // 2
    middle = ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
    ninetieth = ordered[ceil(len(ordered) * 9 / 10) - 1]
    return Times(count=len(ordered), median_s=middle, p90_s=ninetieth)


def order_outcome(state: str, *, is_executed: bool) -> str:
    """Return the outcome of an issued order. An executed one stays so, also when it is undone."""
    return "executed" if is_executed else _ENDED.get(state, "open")


def grounds_in(annexes: Iterable[Mapping[str, object]]) -> set[str]:
    """Return the grounds of Annex III that some answers to one order name."""
    grounds_named: set[str] = set()
    for annex in annexes:
        grounds = annex.get("grounds")
        if isinstance(grounds, str):
            grounds_named.add(grounds)
        elif isinstance(grounds, list):
            grounds_named.update(map(str, grounds))
    return grounds_named


def withheld(parts: Mapping[str, Counter[str]]) -> set[str]:
    """Return the parts of a sum that are withheld, with "" for the sum itself.

    parts: by the name of the part, how many of it each provider has.

    1. Each part that alone would disclose one provider's figure.
    2. The sum of the withheld parts can be computed from the rest: while it would disclose one
       provider's figure, the smallest published part is withheld as well.
    3. If that does not help, the sum is withheld.
    """
    whole = sum(parts.values(), Counter[str]())
    hidden = {name for name, counts in parts.items() if not _may_tell(counts)}
    if not _may_tell(whole):
        return hidden | {""}
    shown = sorted(
        (name for name in parts if parts[name].total()), key=lambda part: parts[part].total()
    )
    while hidden and not _may_tell(sum((parts[part] for part in hidden), Counter[str]())):
        hidden.add(next(part for part in shown if part not in hidden))
    return hidden


def _may_tell(counts: Counter[str]) -> bool:
    return may_publish_counts(list(counts.values()))
