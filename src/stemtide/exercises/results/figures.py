# SPDX-License-Identifier: Apache-2.0
"""Compute measures from the record of an exercise. Pure. docs/use/exercises.md explains each."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stemtide.exercises.results.record import RecordedEntry, RunRecord, UploadedCopy
from stemtide.scenarios.measures import MEASURES, MeasureMethod, Unit
from stemtide.scenarios.schema import Objective

HOUR_MIN = 60.0
"""Minutes in which a removal order must be answered. source: Regulation (EU) 2021/784 Art. 3(3)."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure and its value. entries: numbers of the ledger entries that it was computed from.

    party: of which alone; "" for all. value: None if it never happened, or nothing was to measure.
    """

    measure: str
    party: str
    unit: Unit
    value: float | None
    entries: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ObjectiveResult:
    """An objective, its figure, and whether it is met. A figure without a value meets nothing."""

    objective: Objective
    figure: Figure

    @property
    def is_met(self) -> bool:
        """Whether the value is within the bounds."""
        value, objective = self.figure.value, self.objective
        if value is None:
            return False
        is_low = objective.at_least is not None and value < objective.at_least
        is_high = objective.at_most is not None and value > objective.at_most
        return not is_low and not is_high


_Value = tuple[float | None, Iterable[RecordedEntry]]


def compute(measure: str, record: RunRecord, *, party: str = "") -> Figure:
    """Compute a measure, of one party or of all."""
    definition = MEASURES[measure]
    if definition.way is MeasureMethod.OWN:
        value, entries = _OWN[measure](record, party)
    else:
        entries = record.of_kinds(definition.kinds, party=party)
        if definition.way is MeasureMethod.FIRST:
            value, entries = _first(entries)
        else:
            value = float(sum(entry.count for entry in entries))
    rounded = None if value is None else round(value, 1)
    numbers = tuple(sorted({entry.number for entry in entries}))
    return Figure(measure, party, definition.unit, rounded, numbers)


OF_PROVIDERS = (
    *("time_to_join", "time_to_first_match", "copies_matched", "spread_blocked", "false_matches"),
)
"""Measures that are also computed of each provider alone."""


def compute_all(record: RunRecord) -> list[Figure]:
    """Compute all measures: of all together, and of each provider those about providers."""
    overall = [compute(measure, record) for measure in MEASURES]
    of_providers = [
        compute(measure, record, party=provider)
        for measure in OF_PROVIDERS
        for provider in record.providers()
    ]
    return [*overall, *of_providers]


def judge(record: RunRecord) -> list[ObjectiveResult]:
    """Return the result of each objective, in the order of the scenario."""
    return [
        ObjectiveResult(objective, compute(objective.measure, record, party=objective.party))
        for objective in record.scenario.objectives
    ]


def _first(entries: list[RecordedEntry]) -> _Value:
    """Return the time of the first entry; None without one."""
    return (entries[0].at_min, entries[:1]) if entries else (None, [])


def _percent(part: int, whole: int) -> float | None:
    """Return a share in percent; None of nothing."""
    return 100 * part / whole if whole else None


def _time_to_join(record: RunRecord, party: str) -> _Value:
    """Return when the last invited party joined; None while one has not."""
    invited: set[object] = set()
    invitations = record.of_kinds({"participant.invited"})
    for entry in invitations:
        names = entry.detail.get("parties")
        invited |= set(names) if isinstance(names, list) else set()
    if party:
        invited &= {party}
    joined = {entry.actor: entry for entry in record.of_kinds({"participant.joined"})}
    entries = [joined[str(name)] for name in sorted(map(str, invited)) if str(name) in joined]
    if not invited or len(entries) < len(invited):
        return None, [*invitations, *entries]
    return max(entry.at_min for entry in entries), [*invitations, *entries]


def _reports(record: RunRecord, copies: Iterable[UploadedCopy]) -> list[RecordedEntry]:
    """Return the reports of agents at the minutes of these copies."""
    moments = {(copy.provider, copy.at_min) for copy in copies}
    reports = record.of_kinds({"outcomes.reported"})
    return [entry for entry in reports if (entry.actor, entry.at_min) in moments]


def _time_to_first_match(record: RunRecord, party: str) -> _Value:
    """Return when the last of the providers with copies had its first match."""
    copies = [copy for copy in record.copies if not copy.is_harmless]
    providers = [party] if party else sorted({copy.provider for copy in copies})
    firsts = [
        next((copy for copy in copies if copy.provider == provider and copy.is_match), None)
        for provider in providers
    ]
    matched = [copy for copy in firsts if copy is not None]
    entries = _reports(record, matched)
    if not matched or len(matched) < len(providers):
        return None, entries
    return max(copy.at_min for copy in matched), entries


def _time_to_pass_on_lead(record: RunRecord, party: str) -> _Value:
    """Return the minutes from the first lead until it was passed on."""
    for reported in record.of_kinds({"lead.reported"}):
        for forwarded in record.of_kinds({"lead.forwarded"}, party=party):
            if forwarded.subject == reported.subject:
                return forwarded.at_min - reported.at_min, [reported, forwarded]
        return None, [reported]
    return None, []


def _referrals_answered(record: RunRecord, party: str) -> _Value:
    """Return how many of the referrals were answered. party: the provider."""
    sent = [
        entry
        for entry in record.of_kinds({"referral.sent", "referrals.sent"})
        if not party or entry.party == party
    ]
    answered = record.of_kinds({"referral.answered"}, party=party)
    subjects = {entry.subject for entry in answered}
    return _percent(len(subjects), sum(entry.count for entry in sent)), [*sent, *answered]


def _orders_in_their_hour(record: RunRecord, party: str) -> _Value:
    """Return how many of the orders were answered within an hour. party: the provider."""
    issued = [
        entry for entry in record.of_kinds({"order.issued"}) if not party or entry.party == party
    ]
    answers = record.of_kinds({"order.executed", "order.suspended"})
    in_time = [
        answer
        for order in issued
        for answer in answers
        if answer.subject == order.subject and answer.at_min - order.at_min <= HOUR_MIN
    ]
    subjects = {entry.subject for entry in in_time}
    return _percent(len(subjects), len(issued)), [*issued, *in_time]


def _copies_matched(record: RunRecord, party: str) -> _Value:
    """Return how many of the copies after their first signal were matched."""
    copies = record.copies_after_share(party=party)
    matched = [copy for copy in copies if copy.is_match]
    return _percent(len(matched), len(copies)), _reports(record, matched)


def _variants_covered(record: RunRecord, party: str) -> _Value:
    """Return how many variants were matched at every upload after their first signal."""
    copies = record.copies_after_share(party=party)
    variants = {(copy.content, copy.variant) for copy in copies}
    missed = {(copy.content, copy.variant) for copy in copies if not copy.is_match}
    entries = _reports(record, (copy for copy in copies if copy.is_match))
    return _percent(len(variants - missed), len(variants)), entries


def _spread_blocked(record: RunRecord, party: str) -> _Value:
    """Return how many copies of a spread were blocked. party: by the samples at this provider."""
    spread = record.spread
    if spread is None or not spread.points:
        return None, []
    samples = [row for row in spread.samples if not party or row.provider == party]
    moments = {(row.provider, row.at_min) for row in samples if row.is_match}
    reports = [
        entry
        for entry in record.of_kinds({"outcomes.reported"})
        if (entry.actor, entry.at_min) in moments
    ]
    if party:
        matched = sum(row.weight for row in samples if row.is_match)
        return _percent(matched, sum(row.weight for row in samples)), reports
    return _percent(spread.points[-1].stopped, spread.points[-1].at_agents), reports


def _copy_hours_spared(record: RunRecord, _party: str) -> _Value:
    """Return how much less long copies were visible than in the same spread without agents."""
    if record.spread is None or not record.spread.points:
        return None, []
    last = record.spread.points[-1]
    return _percent(last.visible_min_without - last.visible_min, last.visible_min_without), []


def _false_matches(record: RunRecord, party: str) -> _Value:
    """Return how many copies of harmless content were matched."""
    false = [
        copy
        for copy in record.copies
        if copy.is_harmless and copy.is_match and (not party or copy.provider == party)
    ]
    return float(len(false)), _reports(record, false)


_OWN: dict[str, Callable[[RunRecord, str], _Value]] = {
    "time_to_join": _time_to_join,
    "time_to_first_match": _time_to_first_match,
    "time_to_pass_on_lead": _time_to_pass_on_lead,
    "referrals_answered": _referrals_answered,
    "orders_in_their_hour": _orders_in_their_hour,
    "copies_matched": _copies_matched,
    "variants_covered": _variants_covered,
    "spread_blocked": _spread_blocked,
    "copy_hours_spared": _copy_hours_spared,
    "false_matches": _false_matches,
}
