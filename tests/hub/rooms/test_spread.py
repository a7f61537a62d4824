# SPDX-License-Identifier: Apache-2.0
"""What was met in a crisis: by provider, by language, over time, for those who may see it."""

from datetime import timedelta

import pytest

from stemtide.hub.desk.signals import curves
from stemtide.hub.rooms.signals.models import Sighting, SightingSpan, SignalSpan
from stemtide.hub.rooms.signals.reads import sightings as reads
from stemtide.hub.rooms.signals.rules import signals as rules
from stemtide.hub.rooms.signals.views import CurvePoint
from stemtide.hub.rooms.signals.writes import outcomes as writes_outcomes, signals as writes
from stemtide.protocol.sync.agents import OutcomeRow
from tests.rounds import at_night
from tests.world import NOON, hex_value, report_of, signal_in

pytestmark = pytest.mark.django_db

NAMES = curves.CurveNames("Spread", seen="Seen", blocked="Blocked")


@pytest.fixture
def crisis(world):
    made = world.warn()
    world.join(made, world.big_provider, world.small_provider)
    return made


@pytest.fixture
def signal(world, crisis):
    return writes.share(signal_in(crisis=crisis.id), by=world.authority, now=NOON).id


def met(signal, *, at=NOON, count=1, outcome="blocked", language=None):
    return OutcomeRow(
        signal=signal, outcome=outcome, count=count, first_at=at, last_at=at, language=language
    )


def report(*rows, by, now=NOON + timedelta(days=3)):
    writes_outcomes.report_outcomes(report_of(*rows), by=by, now=now)


@pytest.mark.parametrize(
    ("after", "ends", "minutes"),
    [
        (timedelta(0), timedelta(minutes=5), 5),
        (timedelta(minutes=4, seconds=59), timedelta(minutes=5), 5),
        (timedelta(minutes=5), timedelta(minutes=10), 5),
        (timedelta(hours=23, minutes=59), timedelta(hours=24), 5),
        (timedelta(hours=24), timedelta(hours=25), 60),
        (timedelta(hours=30, minutes=59), timedelta(hours=31), 60),
    ],
)
def test_spans_are_of_five_minutes_in_the_first_day_and_then_of_hours(after, ends, minutes):
    assert rules.span_of(NOON + after, since=NOON) == (NOON + ends, minutes)


@at_night
def test_a_curve_adds_up_what_was_met_and_what_of_it_is_blocked(world, crisis, signal):
    report(met(signal, count=3), met(signal, count=1, outcome="held"), by=world.big_provider)
    report(met(signal, at=world.at(minutes=7), count=4), by=world.small_provider)
    report(met(signal, count=1, outcome="reversed"), by=world.small_provider)
    assert reads.curve(crisis.id, viewer=world.agency) == [
        CurvePoint(world.at(minutes=5), seen=4, blocked=3),
        CurvePoint(world.at(minutes=10), seen=8, blocked=6),
    ]


@at_night
def test_what_a_clock_that_runs_ahead_reports_counts_as_of_now(world, crisis, signal):
    report(met(signal, at=NOON + timedelta(days=9000)), by=world.big_provider, now=NOON)
    (point,) = reads.curve(crisis.id, viewer=world.agency)
    assert point.at == world.at(minutes=5)


def test_signals_of_no_crisis_count_in_hours_of_their_own(world):
    loose = world.share(value=hex_value(5)).id
    report(met(loose), met(loose, at=world.at(minutes=59)), by=world.big_provider)
    assert not SightingSpan.objects.exists()
    assert [(span.ends_at, span.count) for span in SignalSpan.objects.all()] == [
        (world.at(hours=1), 2)
    ]


def test_a_curve_holds_nothing_of_a_signal_that_is_held_back(world, crisis, signal):
    body = signal_in(
        value=hex_value(6), crisis=crisis.id, tlp="red", audience=("eu-referral-unit", "big-video")
    )
    red = writes.share(body, by=world.authority, now=NOON).id
    report(met(signal, count=2), met(red, count=50), by=world.big_provider)
    totals = {
        party.name: reads.curve(crisis.id, viewer=party)[-1].seen
        for party in (world.authority, world.agency, world.big_provider, world.small_provider)
    }
    assert totals == {
        "be-crisis-centre": 52,
        "eu-referral-unit": 52,
        "big-video": 52,
        "small-forum": 2,
    }


def test_providers_see_themselves_and_all_together(world, crisis, signal):
    report(met(signal, count=2), by=world.big_provider)
    report(met(signal, count=5), by=world.small_provider)
    for party, names in (
        (world.agency, ["small-forum", "big-video"]),
        (world.consortium, ["small-forum", "big-video"]),
        (world.big_provider, ["big-video"]),
        (world.authority, ["small-forum", "big-video"]),
    ):
        table = reads.table(crisis.id, viewer=party)
        assert [one.name for one in table.providers] == names
        assert table.total.blocked == 7


@at_night
def test_languages_are_counted_the_most_frequent_first_and_the_unsaid_last(world, crisis, signal):
    report(
        met(signal, count=2, language="nl"),
        met(signal, count=3, language="pt-BR"),
        met(signal, count=9),
        by=world.big_provider,
    )
    table = reads.table(crisis.id, viewer=world.agency)
    assert [(one.name, one.outcomes.blocked) for one in table.languages] == [
        ("pt-br", 3),
        ("nl", 2),
        ("", 9),
    ]


@at_night
def test_a_curve_of_a_cluster_adds_up_its_own_signals_alone(world, crisis, signal):
    body = signal_in(value=hex_value(6), crisis=crisis.id)
    other = writes.share(body, by=world.authority, now=NOON).id
    report(met(signal, count=3), met(other, count=70), by=world.big_provider)
    report(met(signal, at=world.at(minutes=7), count=4, outcome="held"), by=world.small_provider)
    assert reads.cluster_curve([signal], viewer=world.agency) == [
        CurvePoint(world.at(minutes=5), seen=3, blocked=3),
        CurvePoint(world.at(minutes=10), seen=7, blocked=3),
    ]
    assert reads.cluster_curve([signal, other], viewer=world.small_provider)[-1].seen == 77


def test_a_curve_of_a_cluster_holds_nothing_of_a_signal_that_is_held_back(world, crisis, signal):
    body = signal_in(value=hex_value(6), crisis=crisis.id, tlp="red", audience=("big-video",))
    red = writes.share(body, by=world.authority, now=NOON).id
    report(met(signal, count=2), met(red, count=50, language="nl"), by=world.big_provider)
    members = [signal, red]
    assert reads.cluster_curve(members, viewer=world.big_provider)[-1].seen == 52
    assert reads.cluster_curve(members, viewer=world.agency)[-1].seen == 2
    (unsaid,) = reads.cluster_table(members, viewer=world.agency).languages
    assert (unsaid.name, unsaid.outcomes.total) == ("", 2)


@at_night
def test_languages_of_a_cluster_are_those_at_the_providers_that_one_sees(world, crisis):
    body = signal_in(crisis=crisis.id, tlp="clear")
    signal = writes.share(body, by=world.authority, now=NOON).id
    report(met(signal, count=2, language="nl"), by=world.big_provider)
    report(met(signal, count=5, language="FR"), met(signal), by=world.small_provider)
    expected = {
        "eu-referral-unit": {"fr": 5, "nl": 2, "": 1},
        "be-crisis-centre": {"fr": 5, "nl": 2, "": 1},
        "big-video": {"nl": 2},
        "small-forum": {"fr": 5, "": 1},
        world.observer.name: {},
    }
    for party in (
        world.agency,
        world.authority,
        world.big_provider,
        world.small_provider,
        world.observer,
    ):
        table = reads.cluster_table([signal], viewer=party)
        counts = {row.name: row.outcomes.total for row in table.languages}
        assert counts == expected[party.name], party.name
        assert table.total.total == 8


@at_night
def test_what_an_older_agent_reverses_moves_in_the_spans_of_the_signal(world, signal):
    report(
        met(signal, count=2), met(signal, at=world.at(minutes=7), count=2), by=world.big_provider
    )
    late = world.at(hours=2)
    report(met(signal, at=late, count=3, outcome="reversed"), by=world.big_provider)
    counts = {(span.ends_at, span.outcome): span.count for span in SignalSpan.objects.all()}
    assert counts == {
        (world.at(minutes=5), "blocked"): 1,
        (world.at(minutes=10), "blocked"): 0,
        (world.at(minutes=5), "reversed"): 1,
        (world.at(minutes=10), "reversed"): 2,
    }


@at_night
def test_spans_of_signals_are_deleted_after_a_year_and_the_sums_stay(world, signal):
    report(met(signal, count=2), met(signal, at=world.at(days=2)), by=world.big_provider)
    assert writes_outcomes.forget_spans(world.at(days=365)) == 0
    assert writes_outcomes.forget_spans(world.at(days=366)) == 1
    assert Sighting.objects.get().count == 3
    assert [point.seen for point in reads.cluster_curve([signal], viewer=world.agency)] == [1]


def test_a_drawing_rises_to_its_total_and_marks_what_happened():
    points = [CurvePoint(NOON + timedelta(minutes=5 * n), n * 100, n * 60) for n in range(1, 40)]
    drawn = curves.draw(points, names=NAMES, marks=[("first signal", NOON), ("activation", NOON)])
    assert (drawn.total, drawn.total_blocked) == (3900, 2340)
    assert drawn.seen.count("V") == 39
    assert [one.word for one in drawn.marks] == ["first signal", "activation"]
    assert drawn.marks[0].y != drawn.marks[1].y
    assert len(drawn.rows) == 12
    assert drawn.rows[-1] == points[-1]
    assert drawn.ticks_y[-1][1] <= 3900


def test_nothing_met_draws_nothing():
    assert curves.draw([], names=NAMES) is None


def test_one_point_is_drawn_as_well():
    drawn = curves.draw([CurvePoint(NOON, 1, 0)], names=NAMES)
    assert drawn.total == 1
    assert [count for _, count in drawn.ticks_y] == [0, 1]


@at_night
def test_a_cluster_counts_in_the_language_that_its_sharer_stated_where_no_provider_did(
    world, crisis
):
    body = signal_in(crisis=crisis.id, tlp="clear", language="sr-Latn")
    signal = writes.share(body, by=world.authority, now=NOON).id
    report(met(signal, count=2, language="nl"), met(signal, count=3), by=world.big_provider)
    rows = reads.cluster_table([signal], viewer=world.agency).languages
    assert [(row.name, row.outcomes.total) for row in rows] == [("sr-latn", 3), ("nl", 2)]
