# SPDX-License-Identifier: Apache-2.0
"""Rules of public figures: which quarters are due, and what is counted in each.

Decision 0195.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from stemtide.protocol.enums import SignalState
from stemtide.protocol.figures.messages import FigureCell, PublicFigures, TableName
from stemtide.protocol.figures.quarters import Quarter

AFTER = timedelta(days=10)
"""Time from the end of a quarter to its figures: most requests have their answer by then."""

MOST_MISSED = 4
"""Completed quarters that are published late, after a hub was down: then rows begin to go."""

AGES: Mapping[str, int | None] = {
    "under_30_days": 30,
    "under_180_days": 180,
    "under_a_year": 365,
    "older": None,
}
"""Age bands of signals, with the first age in days that is too old for each.

None is a quarter long: else the signals shared in a quarter, without those in a band, would be
those that ended.
"""

ORDER_TIMES: Mapping[str, float] = {"within_1_hour": 3600, "within_1_day": 86_400}
REFERRAL_TIMES: Mapping[str, float] = {**ORDER_TIMES, "within_7_days": 7 * 86_400}
LATER, UNKNOWN, NEVER = "later", "unknown", "not"
"""Bands of time: seconds at most. Then: later than all of them; carried out, at a time that is not
known; and not carried out so far."""

CLOSED, LAPSED, WARNING_CLOSED = "closed", "lapsed", "warning_closed"
"""How a crisis ended: after its activation; without a second party; without an activation."""

EXPIRED = "expired"
ANY = ""
"""The row of all labels."""

Parts = Counter[str]
"""How many of something each party has."""


@dataclass(frozen=True, slots=True)
class Request:
    """A removal order or a referral. party: its provider; took_s: until removal, None if none."""

    party: str
    answer: str
    ideology: str
    language: str
    took_s: float | None


@dataclass(frozen=True, slots=True)
class Decided:
    """A decided complaint. party: the provider; took_s: from filing to the decision."""

    party: str
    outcome: str
    took_s: float


@dataclass(frozen=True, slots=True)
class EndedCrisis:
    """A crisis that ended. parties: that took part; lasted_s: from activation, if activated."""

    outcome: str
    parties: frozenset[str]
    lasted_s: float | None


@dataclass(slots=True)
class SignalCounts:
    """Counts of signals by their sharer.

    live, live_before: by label and age at the end of the quarter, and at its start; the label ANY
                       has each signal once.
    ended: by reason.
    """

    by_kind: dict[str, Parts] = field(default_factory=dict)
    by_label: dict[str, Parts] = field(default_factory=dict)
    live: dict[tuple[str, str], Parts] = field(default_factory=dict)
    live_before: dict[tuple[str, str], Parts] = field(default_factory=dict)
    ended: dict[str, Parts] = field(default_factory=dict)


@dataclass(slots=True)
class Collected:
    """The counts of a quarter, before anything is withheld.

    disputes: by outcome and disputing party. filed: complaints by basis and provider.
    """

    signals: SignalCounts = field(default_factory=SignalCounts)
    disputes: dict[str, Parts] = field(default_factory=dict)
    filed: dict[str, Parts] = field(default_factory=dict)
    decided: list[Decided] = field(default_factory=list)
    orders: list[Request] = field(default_factory=list)
    referrals: list[Request] = field(default_factory=list)
    crises: list[EndedCrisis] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ShownBefore:
    """Which counts of live signals of the quarter before are withheld from readers.

    hidden: labels, and ANY for the total; None where nothing was published. A label without a row
            had no signals, and readers know that.
    """

    hidden: frozenset[str] | None

    @classmethod
    def of(cls, body: PublicFigures | None, *, is_first: bool) -> "ShownBefore | None":
        """Return what a published quarter shows; None where all was empty before this quarter."""
        if body is None:
            return None if is_first else cls(hidden=None)
        (live,) = (table for table in body.tables if table.name is TableName.LIVE)
        hidden = {row.name for row in live.rows if _is_hidden(row.count, row.cells)}
        if _is_hidden(live.total, live.columns):
            hidden.add(ANY)
        return cls(hidden=frozenset(hidden))

    def hides(self, label: str) -> bool:
        """Whether readers do not know how many signals with a label were live."""
        return self.hidden is None or label in self.hidden


def _is_hidden(count: int | None, cells: Iterable[FigureCell]) -> bool:
    """Whether readers know neither a count nor all cells that add up to it."""
    return count is None and any(cell.count is None for cell in cells)


def due_quarters(*, first_act: datetime, now: datetime) -> list[Quarter]:
    """Return the completed quarters whose figures are due, oldest first.

    first_act: when the ledger began.
    """
    due: list[Quarter] = []
    quarter = Quarter.of(now.date()).before
    while len(due) < MOST_MISSED and quarter.until > first_act:
        if quarter.until + AFTER <= now:
            due.insert(0, quarter)
        quarter = quarter.before
    return due


def next_date(now: datetime) -> date:
    """Return the day on which the figures of the quarter that ended last, or runs, are due."""
    ended = Quarter.of(now.date()).before
    due = ended.until + AFTER
    return (due if due > now else ended.next.until + AFTER).date()


def first_date(*, first_act: datetime) -> date:
    """Return the day of a hub's first figures."""
    return (Quarter.of(first_act.date()).until + AFTER).date()


def age_starts(until: datetime) -> list[tuple[str, datetime | None]]:
    """Return the age bands with the first moment of sharing in each; None for the last one."""
    return [
        (name, None if days is None else until - timedelta(days=days))
        for name, days in AGES.items()
    ]


def time_band(took_s: float | None, *, bands: Mapping[str, float]) -> str:
    """Return the band of the duration of what was carried out."""
    if took_s is None:
        return UNKNOWN
    return next((name for name, most_s in bands.items() if took_s <= most_s), LATER)


def dispute_outcome(*, state: SignalState, is_disputed: bool, is_set_aside: bool) -> str:
    """Return the outcome of a dispute that a party opened.

    state: of the signal. is_disputed: whether the party still disputes it. is_set_aside: whether an
    agency decided that the dispute does not count elsewhere.
    """
    if state is SignalState.WITHDRAWN:
        return "signal_withdrawn"
    if not is_disputed:
        return "taken_back"
    if is_set_aside:
        return "set_aside"
    return "signal_expired" if state is SignalState.EXPIRED else "open"
