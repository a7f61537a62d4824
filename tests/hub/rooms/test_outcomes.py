# SPDX-License-Identifier: Apache-2.0
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection

from stemtide.hub.platform.errors import NotAllowedError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.signals.models import CountedReport, Sighting, SightingSpan
from stemtide.hub.rooms.signals.reads import sightings as reads_sightings, signals as reads
from stemtide.hub.rooms.signals.rules import signals as rules
from stemtide.hub.rooms.signals.writes import signals as writes
from stemtide.protocol.enums import Outcome, PartyKind
from stemtide.protocol.messages.signals import WithdrawIn
from tests.rounds import at_night, on_sqlite
from tests.world import NOON, hex_value, outcome, report_of


def report(world, *rows, by=None, uid=None):
    body = report_of(*rows, report=uid)
    return writes.report_outcomes(body, by=by or world.big_provider, now=NOON)


@pytest.mark.parametrize(
    ("kind", "may"),
    [
        (PartyKind.AUTHORITY, False),
        (PartyKind.AGENCY, False),
        (PartyKind.PROVIDER, True),
        (PartyKind.CONSORTIUM, False),
        (PartyKind.OBSERVER, False),
    ],
)
def test_who_may_report(kind, may):
    assert allows(rules.check_report, kind=kind) is may


def test_only_providers_report_outcomes(world):
    shared = world.share()
    with pytest.raises(NotAllowedError, match="only providers"):
        report(world, outcome(shared.id), by=world.agency)


def test_outcomes_are_added_up_and_their_span_widens(world):
    shared = world.share()
    report(world, outcome(shared.id, count=2, at=world.at(hours=2)))
    report(world, outcome(shared.id, count=3, at=world.at(hours=1)))
    report(
        world,
        outcome(shared.id, count=4, at=world.at(hours=3)),
        outcome(shared.id, count=5, at=world.at(hours=2)),
    )
    row = Sighting.objects.get()
    assert row.count == 14
    assert (row.first_at, row.last_at) == (world.at(hours=1), world.at(hours=3))


def test_outcomes_are_kept_apart_by_provider_and_kind(world):
    shared = world.share()
    report(world, outcome(shared.id, "blocked"), outcome(shared.id, "held"))
    report(world, outcome(shared.id, "blocked"), by=world.small_provider)
    assert Sighting.objects.count() == 3


def test_a_report_is_recorded_with_its_totals(world):
    shared = world.share(exercise=True)
    unknown = uuid4()
    out = report(
        world,
        outcome(shared.id, "blocked", count=2),
        outcome(shared.id, "held", count=5),
        outcome(shared.id, "blocked", count=1),
        outcome(unknown, count=100),
    )
    assert (out.counted, out.is_repeat) == (8, False)
    assert [one.signal for one in out.rejected] == [unknown]
    entry = world.last_entry()
    assert (entry.kind, entry.actor) == ("outcomes.reported", "party:big-video")
    assert entry.detail == {"blocked": 3, "held": 5, "signals": 1, "rejected": 1}
    assert entry.exercise


def test_a_report_sent_again_is_counted_once(world):
    shared, uid = world.share(), uuid4()
    report(world, outcome(shared.id, count=7), uid=uid)
    again = report(world, outcome(shared.id, count=7), uid=uid)
    assert (again.counted, again.is_repeat) == (0, True)
    assert Sighting.objects.get().count == 7
    assert world.ledger_kinds() == ["signal.shared", "outcomes.reported"]


def test_two_providers_may_use_one_report_id(world):
    shared, uid = world.share(), uuid4()
    report(world, outcome(shared.id), uid=uid)
    assert not report(world, outcome(shared.id), uid=uid, by=world.small_provider).is_repeat


def test_a_report_sent_many_times_at_once_is_counted_once(committed_world):
    world = committed_world
    shared, uid = world.share(), uuid4()

    def send(_):
        try:
            return report(world, outcome(shared.id, count=3), uid=uid)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        outs = list(pool.map(send, range(8)))
    assert sorted(one.is_repeat for one in outs) == [False] + [True] * 7
    assert sum(one.counted for one in outs) == 3
    assert Sighting.objects.get().count == 3
    assert CountedReport.objects.count() == 1


def test_a_signal_that_a_provider_may_not_see_is_rejected_like_an_unknown_one(world):
    hidden = world.share(tlp="red", audience=("small-forum",))
    out = report(world, outcome(hidden.id), outcome(unknown := uuid4()))
    assert {one.signal for one in out.rejected} == {hidden.id, unknown}
    assert len({one.message for one in out.rejected}) == 1
    assert (out.counted, Sighting.objects.count()) == (0, 0)


def test_a_reversal_counts_after_the_withdrawal_that_caused_it(world):
    shared = world.share()
    report(world, outcome(shared.id, count=2))
    writes.withdraw(
        shared.id, body=WithdrawIn(reason="complaint_upheld"), by=world.authority, now=NOON
    )
    assert report(world, outcome(shared.id, "reversed", count=2)).counted == 2


def counts(signal=None):
    rows = Sighting.objects.filter(signal__uid=signal) if signal else Sighting.objects.all()
    return {row.outcome: row.count for row in rows if row.count}


def moved(signal, was, to, count=1, **more):
    return outcome(signal, to, count=count).model_copy(update={"was": Outcome(was)} | more)


def test_an_upload_counts_once_on_its_way_from_block_over_hold_to_release(world):
    uid = world.share().id
    report(world, outcome(uid, count=3))
    report(world, moved(uid, "blocked", "held", count=3))
    assert counts() == {"held": 3}
    out = report(world, moved(uid, "held", "reversed", count=2))
    assert counts() == {"held": 1, "reversed": 2}
    assert out.counted == 2
    assert world.last_entry().detail["held_to_reversed"] == 2
    row = reads.sightings(viewer=world.agency)[0]
    assert (row.blocked, row.held, row.reversed) == (0, 1, 2)


def test_one_report_may_count_an_upload_and_move_it_twice(world):
    uid = world.share().id
    rows = [moved(uid, "blocked", "held"), moved(uid, "held", "reversed"), outcome(uid)]
    report(world, *rows)
    assert counts() == {"reversed": 1}


def test_an_upload_moves_to_the_signal_that_decides_now(world):
    first, second = world.share().id, world.share(value=hex_value(2)).id
    report(world, outcome(first, "held"))
    report(world, moved(second, "held", "blocked", was_signal=first))
    assert (counts(first), counts(second)) == ({}, {"blocked": 1})


def test_more_uploads_than_count_there_do_not_move(world):
    uid = world.share().id
    report(world, outcome(uid, count=2))
    assert report(world, moved(uid, "blocked", "reversed", count=1000)).counted == 2
    assert counts() == {"reversed": 2}
    other = moved(uid, "blocked", "held", was_signal=world.share(value=hex_value(3)).id)
    assert report(world, other, by=world.small_provider).counted == 0


@on_sqlite
def test_what_an_older_agent_reverses_twice_is_one_upload(world):
    """It says "reversed" for block to hold, and again for hold to release."""
    uid = world.share(crisis=world.activate().id).id
    report(world, outcome(uid, count=3), outcome(uid, "held"))
    report(world, outcome(uid, "reversed", count=3))
    report(world, outcome(uid, "reversed", count=3))
    assert counts() == {"reversed": 4}
    spans = {row.outcome: row.count for row in SightingSpan.objects.filter(count__gt=0)}
    assert spans == {"reversed": 4}


@at_night
def test_a_moved_upload_stays_in_the_curve_where_it_was_met(world):
    crisis = world.activate()
    uid = world.share(crisis=crisis.id).id
    report(world, outcome(uid, count=3))
    before = reads_sightings.version(crisis.id, viewer=world.agency)
    report(world, moved(uid, "blocked", "held"))
    (point,) = reads_sightings.curve(crisis.id, viewer=world.agency)
    assert (point.seen, point.blocked) == (3, 2)
    assert reads_sightings.version(crisis.id, viewer=world.agency) != before
    table = reads_sightings.table(crisis.id, viewer=world.agency)
    assert (table.total.total, table.languages[0].outcomes.total) == (3, 3)


def test_rows_of_a_signal_count_at_most_a_million_uploads_a_minute(world):
    absurd, full = world.share().id, world.share(value=hex_value(2)).id
    out = report(
        world,
        outcome(absurd, count=1_000_000_000),
        outcome(absurd, "held"),
        outcome(full, count=1_000_000),
    )
    assert [one.signal for one in out.rejected] == [absurd]
    assert "at most 1,000,000 are believed" in out.rejected[0].message
    assert (out.counted, counts(absurd)) == (1_000_000, {})
    assert reads.sightings(viewer=world.agency)[0].blocked == 1_000_000
    assert world.last_entry().detail["rejected"] == 1


def spanning(signal, first, last, count):
    times = {"first_at": NOON + timedelta(minutes=first), "last_at": NOON + timedelta(minutes=last)}
    return outcome(signal, count=count).model_copy(update=times)


@at_night
@pytest.mark.parametrize(
    ("spans", "most"),
    [
        ([(0, 0)], 1_000_000),
        ([(0, 4.9)], 5_000_000),
        ([(0, 0.1), (0.2, 0.3), (0, 0.5)], 1_000_000),
        ([(0, 4.9), (2, 6), (9, 9)], 8_000_000),
        ([(-900_000, 0)], 1_000_000),
        ([(-900_000, -890_000)], 1_000_000),
        ([(9, 900_000)], 1_000_000),
    ],
)
def test_each_minute_that_rows_span_allows_a_million_once(world, spans, most):
    """The signal is shared at noon, and the report comes nine minutes later."""
    uid, now = world.share().id, NOON + timedelta(minutes=9)
    rows = [spanning(uid, *one, count=1) for one in spans]
    rows[0] = rows[0].model_copy(update={"count": most - len(rows) + 2})
    too_many = report_of(*rows)
    assert writes.report_outcomes(too_many, by=world.big_provider, now=now).counted == 0
    rows[0] = rows[0].model_copy(update={"count": most - len(rows) + 1})
    assert writes.report_outcomes(report_of(*rows), by=world.big_provider, now=now).counted == most


@at_night
def test_a_long_report_counts_whole(world):
    uids = [world.share(value=hex_value(number)).id for number in range(30)]
    rows = [outcome(uids[number % 30]) for number in range(2000)]
    assert report(world, *rows).counted == 2000


@pytest.mark.parametrize(
    ("viewer", "expected"),
    [
        ("authority", [("big-video", 3), ("small-forum", 4)]),
        ("agency", [("big-video", 3), ("small-forum", 4)]),
        ("consortium", [("big-video", 3), ("small-forum", 4)]),
        ("big_provider", [("big-video", 3), ("", 7)]),
        ("small_provider", [("small-forum", 4), ("", 7)]),
        ("observer", [("", 7)]),
    ],
)
def test_who_sees_whose_sightings(world, viewer, expected):
    shared = world.share(tlp="green")
    report(world, outcome(shared.id, count=3))
    report(world, outcome(shared.id, count=4), by=world.small_provider)
    rows = reads.sightings(viewer=getattr(world, viewer))
    assert [(row.party, row.blocked) for row in rows] == expected
    assert [row.is_total for row in rows] == [not party for party, _ in expected]


def test_sightings_count_only_signals_that_the_viewer_may_see(world):
    hidden = world.share(tlp="red", audience=("big-video",))
    report(world, outcome(hidden.id, count=3))
    assert reads.sightings(viewer=world.agency) == []
    assert reads.sightings(viewer=world.observer)[0].blocked == 0
    assert reads.sightings(viewer=world.authority)[0].blocked == 3


def test_sightings_of_real_and_exercise_signals_can_be_told_apart(world):
    real, exercise = world.share(), world.share(exercise=True)
    report(world, outcome(real.id, count=1), outcome(exercise.id, "held", count=2))
    row = reads.sightings(viewer=world.agency, exercise=True)[0]
    assert (row.blocked, row.held, row.signals) == (0, 2, 1)
    row = reads.sightings(viewer=world.agency, exercise=False)[0]
    assert (row.blocked, row.held, row.signals) == (1, 0, 1)


def test_sightings_of_one_signal(world):
    first, second = world.share(), world.share(value=hex_value(2))
    report(world, outcome(first.id, count=1), outcome(second.id, count=2))
    assert [row.blocked for row in reads.sightings(viewer=world.agency, signal=second.id)] == [2]


def test_through_which_key_a_report_came_is_recorded(world):
    body = report_of(outcome(world.share().id))
    writes.report_outcomes(body, by=world.big_provider, now=NOON, actor_ref="key:ab12")
    assert world.last_entry().detail["through"] == "key:ab12"
