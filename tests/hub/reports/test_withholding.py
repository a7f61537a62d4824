# SPDX-License-Identifier: Apache-2.0
"""What a hostile reader computes from linked tables, solved as equations with fractions."""

import random
from collections import Counter
from fractions import Fraction

import pytest

from stemtide.hub.rooms.reports.rules.public_figures import (
    AGES,
    ANY,
    Collected,
    Request,
    ShownBefore,
    SignalCounts,
)
from stemtide.hub.rooms.reports.rules.public_tables import publish
from stemtide.hub.rooms.reports.rules.reports import may_publish_counts
from stemtide.hub.rooms.reports.rules.withholding import Sheet, Tally
from stemtide.protocol.figures.messages import TableName
from stemtide.protocol.figures.quarters import Quarter
from tests.rounds import rounds

PARTIES = [f"p{n}" for n in range(7)]
QUARTER = Quarter(2026, 4)


def solved(equations, known):
    """The unknowns that equations determine. equations: coefficients by unknown; sum 0."""
    unknowns = sorted({name for row in equations for name in row if name not in known})
    columns = {name: place for place, name in enumerate(unknowns)}
    matrix = []
    for row in equations:
        line = [Fraction(0)] * (len(unknowns) + 1)
        for name, factor in row.items():
            if name in known:
                line[-1] -= factor * known[name]
            else:
                line[columns[name]] += factor
        matrix.append(line)
    pivots = 0
    for column in range(len(unknowns)):
        place = next((n for n in range(pivots, len(matrix)) if matrix[n][column]), None)
        if place is None:
            continue
        matrix[pivots], matrix[place] = matrix[place], matrix[pivots]
        pivot = [cell / matrix[pivots][column] for cell in matrix[pivots]]
        matrix = [
            pivot
            if n == pivots
            else [cell - line[column] * own for cell, own in zip(line, pivot, strict=True)]
            for n, line in enumerate(matrix)
        ]
        pivots += 1
    rows = [line for line in matrix if sum(map(bool, line[:-1])) == 1]
    return {unknowns[next(n for n, cell in enumerate(line) if cell)]: line[-1] for line in rows}


@pytest.fixture(params=range(rounds(12, nightly=200)))
def chance(request):
    return random.Random(request.param)  # noqa: S311  # the same tables each time


def requests(chance):
    """Referrals of several parties, of which some have few."""
    answers = ["removed", "disabled", "refused", "waiting"]
    weights = [chance.choice([1, 3, 20]) for _ in PARTIES]
    made = []
    for _ in range(chance.choice([30, 90, 300])):
        answer = chance.choices(answers, [9, 2, 2, 3])[0]
        took = chance.choice([60.0, 7000.0, 10**6]) if answer in {"removed", "disabled"} else None
        party = chance.choices(PARTIES, weights)[0]
        ideology = chance.choices(["jihadist", "right-wing", ""], [6, 3, 1])[0]
        made.append(Request(party, answer, ideology, chance.choice(["en", "fr", "nl"]), took))
    return made


def test_no_figure_of_few_providers_follows_from_the_tables_of_referrals(chance):
    made = requests(chance)
    body = publish(Collected(referrals=made), quarter=QUARTER, head=1, before=None)
    tables = {table.name: table for table in body.tables}
    done = {"removed", "disabled"}
    parts: dict[tuple[str, ...], Counter] = {}
    equations, known = [], {}

    def see(key, count, chosen):
        parts[key] = Counter(request.party for request in chosen)
        if count is not None:
            known[key] = count
            assert count == len(chosen)

    total, removed, other = ("all",), ("carried_out",), ("other",)
    answer = tables[TableName.REFERRALS_BY_ANSWER]
    see(total, answer.total, made)
    for row in answer.rows:
        see(("answer", row.name), row.count, [r for r in made if r.answer == row.name])
    answers = [("answer", row.name) for row in answer.rows]
    equations.append({total: 1} | dict.fromkeys(answers, -1))
    own = [key for key in answers if key[1] in done]
    equations.append({removed: 1} | dict.fromkeys(own, -1))
    equations.append({total: 1, removed: -1, other: -1})
    times = tables[TableName.REFERRALS_BY_TIME]
    limits = {"within_1_hour": (0, 3600), "within_1_day": (3600, 86400), "later": (604800, 10**9)}
    for row in times.rows:
        low, high = limits.get(row.name, (0, 0))
        chosen = [r for r in made if r.took_s is not None and low < r.took_s <= high]
        see(("time", row.name), row.count, chosen if row.name != "not" else _rest(made, done))
    bands = [("time", row.name) for row in times.rows if row.name != "not"]
    equations.append({removed: 1} | dict.fromkeys(bands, -1))
    equations.append({other: 1, ("time", "not"): -1})
    for of, name in (
        ("ideology", TableName.REFERRALS_BY_IDEOLOGY),
        ("language", TableName.REFERRALS_BY_LANGUAGE),
    ):
        table = tables[name]
        for column in table.columns:
            chosen = [r for r in made if (r.answer in done) == (column.name == "carried_out")]
            see((column.name,), column.count, chosen)
            cells = [(of, row.name, column.name) for row in table.rows]
            equations.append({(column.name,): 1} | dict.fromkeys(cells, -1))
        for row in table.rows:
            chosen = [r for r in made if getattr(r, of) == row.name]
            see((of, row.name), row.count, chosen)
            for cell in row.cells:
                is_done = cell.name == "carried_out"
                see(
                    (of, row.name, cell.name),
                    cell.count,
                    [r for r in chosen if (r.answer in done) == is_done],
                )
            cells = [(of, row.name, cell.name) for cell in row.cells]
            equations.append({(of, row.name): 1} | dict.fromkeys(cells, -1))
        equations.append({total: 1} | dict.fromkeys([(of, row.name) for row in table.rows], -1))
    for key in [*known, *solved(equations, known)]:
        assert may_publish_counts(list(parts[key].values())), key


def _rest(made, done):
    return [r for r in made if r.answer not in done]


def spread(chance, *, least=0):
    """A count of each party; some have none."""
    return Counter({party: chance.choice([least, 1, 2, 9, 30]) for party in PARTIES})


def test_what_ended_cannot_be_computed_from_two_quarters(chance):
    """Readers know how many were live before, were shared, and are live now, also by label."""
    labels = ["incitement", "manifesto"]
    counts = SignalCounts()
    gone = {}
    for label in labels:
        was, came = spread(chance, least=9), spread(chance, least=9)
        gone[label] = Counter(dict.fromkeys(chance.sample(PARTIES, chance.randint(1, 7)), 3)) & was
        counts.live_before[label, "older"] = was
        counts.by_label[label] = came
        counts.live[label, "older"] = was + came - gone[label]
    counts.live_before[ANY, "older"] = sum(
        (counts.live_before[label, "older"] for label in labels), Counter()
    )
    counts.live[ANY, "older"] = sum((counts.live[label, "older"] for label in labels), Counter())
    counts.by_kind["pdq"] = sum(counts.by_label.values(), Counter())
    counts.ended["mistake"] = sum(gone.values(), Counter())
    before = ShownBefore(hidden=frozenset())
    body = publish(Collected(counts), quarter=QUARTER, head=1, before=before)
    tables = {table.name: table for table in body.tables}
    shared = {row.name: row.count for row in tables[TableName.SHARED_BY_LABEL].rows}
    live = {row.name: row.count for row in tables[TableName.LIVE].rows}
    for label in labels:
        if shared[label] is not None and live[label] is not None:
            assert may_publish_counts(list(gone[label].values()))
    totals = (tables[TableName.SHARED_BY_KIND].total, tables[TableName.LIVE].total)
    if None not in totals:
        assert may_publish_counts(list(counts.ended["mistake"].values()))
    assert set(AGES) == {cell.name for cell in tables[TableName.LIVE].columns}


def test_a_zero_beside_a_withheld_total_is_withheld():
    sheet = Sheet()
    sheet.add(("all",), Tally.of({"a": 3}))
    sheet.add(("removed",), Tally())
    sheet.add(("refused",), Tally.of({"a": 3}))
    sheet.link([("all",)], [("removed",), ("refused",)])
    sheet.withhold()
    assert sheet.withheld == {("all",), ("removed",), ("refused",)}


def test_a_sum_is_shown_if_what_it_hides_may_be_shown_together():
    few, many = Tally.of({"a": 12}), Tally.of(dict.fromkeys("abcde", 9))
    sheet = Sheet()
    sheet.add(("all",), few + many)
    for name, tally in (
        (("few",), few),
        (("some",), many),
    ):
        sheet.add(name, tally)
    sheet.link([("all",)], [("few",), ("some",)])
    sheet.withhold()
    assert sheet.withheld == {("few",), ("some",)}
    assert sheet.count(("all",)) == 57
