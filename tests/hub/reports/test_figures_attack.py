# SPDX-License-Identifier: Apache-2.0
"""A reader of several quarters works out no count that the rule withholds, nor does a median."""

import random
from collections import Counter, defaultdict
from typing import NamedTuple

import pytest

from stemtide.hub.rooms.reports.rules.public_figures import (
    AGES,
    ANY,
    Collected,
    Decided,
    EndedCrisis,
    Request,
    ShownBefore,
    SignalCounts,
)
from stemtide.hub.rooms.reports.rules.public_tables import publish
from stemtide.hub.rooms.reports.rules.reports import may_publish_counts
from stemtide.protocol.figures.messages import TableName
from stemtide.protocol.figures.quarters import Quarter
from tests.hub.reports.figures_reader import Reader, limits
from tests.rounds import rounds

QUARTER = Quarter(2026, 1)
SEEDS = sorted({*range(rounds(2, nightly=400)), 115, 232})
"""Of worlds. In the last two, a count of the second quarter follows from the first."""
DAYS = 91


class Shared(NamedTuple):
    """A signal of a made-up world. Days count from the first quarter; ended: None for never."""

    party: str
    labels: frozenset
    day: int
    ended: int | None
    kind: str = "pdq"
    reason: str = "mistake"


def world(chance, *, quarters=3):
    """Signals of some parties over some quarters. Some quarters and labels are nearly empty."""
    parties = [f"p{number}" for number in range(chance.randint(2, 7))]
    weights = [chance.choice([1, 1, 3, 15]) for _ in parties]
    labels = ["a", "b", "c"][: chance.randint(1, 3)]
    scale = chance.choice([10, 40, 150])
    signals = []
    for quarter in range(quarters):
        popular = [chance.choice([0, 1, 1, 5, 20]) for _ in labels]
        popular[0] += not any(popular)
        ending = chance.choice([0, 0, 0.02, 0.1, 0.5])
        for _ in range(chance.choice([0, 1, scale, scale, 2 * scale])):
            chosen = chance.choices(labels, popular, k=chance.choice([1, 1, 1, 2]))
            day = quarter * DAYS + chance.randrange(DAYS)
            party = chance.choices(parties, weights)[0]
            signals.append(
                Shared(party, frozenset(chosen), day, None, chance.choice(["pdq", "url"]))
            )
        first = quarter * DAYS
        signals = [
            signal._replace(
                ended=max(signal.day, first + chance.randrange(DAYS)),
                reason=chance.choice(["mistake", "expired"]),
            )
            if signal.ended is None and chance.random() < ending
            else signal
            for signal in signals
        ]
    return signals


def is_live(signal, at):
    return signal.day < at and (signal.ended is None or signal.ended >= at)


def age_of(signal, at):
    return next(name for name, days in AGES.items() if days is None or at - signal.day < days)


def cells(signals, quarter):
    """The parts of each count of a quarter, by the names that the reader uses."""
    since, until, at = quarter * DAYS, (quarter + 1) * DAYS, str(quarter)
    parts = defaultdict(Counter)
    for signal in signals:
        names = []
        if since <= signal.day < until:
            names += [(at, "shared"), (at, "shared", signal.kind)]
            names += [(at, "label", label) for label in signal.labels]
        if signal.ended is not None and since <= signal.ended < until:
            names += [(at, "ended"), (at, "ended", signal.reason)]
            names += [(at, "ended of", label) for label in signal.labels]
        if is_live(signal, until):
            for label in {ANY, *signal.labels}:
                names += [(at, "live", label), (at, "live", label, age_of(signal, until))]
        for name in names:
            parts[name][signal.party] += 1
    return parts


def collected(signals, quarter):
    """The counts of a quarter, as the hub collects them."""
    counts = SignalCounts()
    for name, parts in cells(signals, quarter).items():
        match name:
            case (_, "shared", kind):
                counts.by_kind[kind] = parts
            case (_, "label", label):
                counts.by_label[label] = parts
            case (_, "ended", reason):
                counts.ended[reason] = parts
            case (_, "live", label, age):
                counts.live[label, age] = parts
    for signal in signals:
        if is_live(signal, quarter * DAYS):
            for label in {ANY, *signal.labels}:
                key = (label, age_of(signal, quarter * DAYS))
                counts.live_before.setdefault(key, Counter())[signal.party] += 1
    return Collected(counts)


def published(signals, *, quarters=3):
    """The files of these quarters."""
    bodies, quarter = [], QUARTER
    for number in range(quarters):
        before = ShownBefore.of(bodies[-1] if bodies else None, is_first=not bodies)
        counts = collected(signals, number)
        bodies.append(publish(counts, quarter=quarter, head=1, before=before))
        quarter = quarter.next
    return bodies


def attack(signals):
    """Check that a reader of all quarters works out no count that discloses a party's figure."""
    parts = {name: of for number in range(3) for name, of in cells(signals, number).items()}
    reader = Reader(published(signals))
    for name, count in reader.known.items():
        of = parts.get(name, Counter())
        assert count == of.total(), name
        assert may_publish_counts(list(of.values())), name
    for name, (low, high) in limits(reader).items():
        of = parts.get(name, Counter())
        assert low <= of.total() <= high, name
        if not may_publish_counts(list(of.values())):
            assert low < high, (name, low)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_withheld_count_of_signals_follows_from_three_quarters(seed):
    attack(world(random.Random(seed)))  # noqa: S311  # the same worlds each time


def many(label, *, day, each=5, parties=6, ended=None):
    """As many signals of each of some parties."""
    names = [f"p{number}" for number in range(parties)]
    return [Shared(name, frozenset({label}), day, ended) for name in names for _ in range(each)]


def test_a_new_label_counts_as_none_before():
    """Five signals of one party ended; with the known 0 before, shared less live would say so."""
    few = [Shared("p0", frozenset({"b"}), DAYS + 1, DAYS + 2)] * 5
    attack([*many("a", day=1), *many("b", day=DAYS + 1), *few])


def test_a_withheld_total_is_not_given_away_by_the_next_quarter():
    attack([Shared("p0", frozenset({"a"}), 1, None)] * 3 + many("a", day=DAYS + 1))


def test_nothing_ended_gives_no_label_of_the_quarter_before_away():
    few = [Shared("p0", frozenset({"b"}), 1, None)] * 3
    attack([*many("a", day=1), *few, *many("b", day=DAYS + 1)])


def test_age_bands_that_are_shown_make_a_withheld_count_known():
    few = [Shared("p0", frozenset({"a"}), 1, DAYS + 5)] * 12
    attack([*many("a", day=1), *few, *many("b", day=DAYS + 1)])


def requests(*, timed):
    """Forty removals by five parties; only those of one party have a known time."""
    return [
        Request(f"p{number % 5}", "removed", "jihadist", "en", 60.0 if number % 5 < timed else None)
        for number in range(40)
    ]


@pytest.mark.parametrize(("timed", "median_s"), [(1, None), (3, None), (5, 60.0)])
def test_a_median_needs_enough_parties_whose_time_is_known(timed, median_s):
    body = publish(Collected(referrals=requests(timed=timed)), quarter=QUARTER, head=1, before=None)
    tables = {table.name: table for table in body.tables}
    assert tables[TableName.REFERRALS_BY_TIME].median_s == median_s
    (row,) = tables[TableName.REFERRALS_BY_IDEOLOGY].rows
    assert (row.count, row.median_s) == (40, median_s)


def test_a_median_of_crises_needs_enough_parties_in_those_that_were_activated():
    few = EndedCrisis("closed", frozenset({"p0", "p1"}), 3600.0)
    lapsed = [EndedCrisis("closed", frozenset(f"p{n}" for n in range(9)), None)] * 9
    body = publish(Collected(crises=[few, *lapsed]), quarter=QUARTER, head=1, before=None)
    (table,) = (table for table in body.tables if table.name == TableName.CRISES)
    (row,) = table.rows
    assert (row.count, row.median_s) == (10, None)


def test_the_median_of_decided_complaints_is_shown_where_their_count_is():
    decided = [Decided(f"p{number % 5}", "upheld", 60.0) for number in range(40)]
    body = publish(Collected(decided=decided), quarter=QUARTER, head=1, before=None)
    (table,) = (table for table in body.tables if table.name == TableName.COMPLAINTS_DECIDED)
    assert table.rows[0].median_s == 60.0
