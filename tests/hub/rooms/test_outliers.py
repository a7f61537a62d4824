# SPDX-License-Identifier: Apache-2.0
from datetime import timedelta
from uuid import uuid4

import pytest
from pydantic import ValidationError

from stemtide.hub.platform.errors import NotAllowedError, NotFoundError
from stemtide.hub.rooms.signals.models import Sighting, SightingSpan
from stemtide.hub.rooms.signals.reads import (
    outliers as reads_outliers,
    sightings as reads_sightings,
    signals as reads,
)
from stemtide.hub.rooms.signals.writes import outliers as writes_outliers, signals as writes
from stemtide.protocol.enums import Outcome, Role
from stemtide.protocol.sync.agents import BUCKET, Lookups, OutcomeReportIn, OutlierDecisionIn
from tests.rounds import on_sqlite
from tests.world import NOON, outcome, report_of

COUNT, DISCARD = OutlierDecisionIn(is_counted=True), OutlierDecisionIn(is_counted=False)


def report(world, *rows, lookups=None, by=None, at=NOON):
    spans = () if lookups is None else (Lookups(begins_at=at, count=lookups),)
    body = report_of(*rows).model_copy(update={"lookups": spans})
    return writes.report_outcomes(body, by=by or world.big_provider, now=NOON)


def judge(world, body, *, by=None, **more):
    (one,) = reads_outliers.outliers(viewer=world.agency)
    return writes_outliers.decide_outlier(
        one.id, body=body, by=by or world.agency, now=NOON, **more
    )


def sums(world, crisis):
    """What board, signal page, metrics, room, curve and what is told in STIX say of blocked."""
    curve = reads_sightings.curve(crisis, viewer=world.agency)
    return {
        sum(row.blocked for row in reads.sightings(viewer=world.agency)),
        reads.totals(viewer=world.agency)["outcomes_blocked"],
        reads_sightings.table(crisis, viewer=world.agency).total.blocked,
        curve[-1].blocked if curve else 0,
    }


def test_uploads_that_exceed_the_look_ups_are_in_no_sum_until_somebody_decides(world):
    crisis = world.activate().id
    uid = world.share(crisis=crisis).id
    out = report(world, outcome(uid, count=900_000), outcome(uid, "held", count=3), lookups=5)
    assert (out.counted, out.set_aside, out.rejected) == (3, 900_000, [])
    assert world.last_entry().detail["set_aside"] == 900_000
    assert sums(world, crisis) == {0}
    assert judge(world, COUNT).is_counted
    assert sums(world, crisis) == {900_000}
    assert world.last_entry().kind == "outlier.decided"
    judge(world, DISCARD)
    assert sums(world, crisis) == {0}
    judge(world, COUNT)
    judge(world, COUNT)
    assert sums(world, crisis) == {900_000}
    assert world.ledger_kinds().count("outlier.decided") == 3


@on_sqlite
def test_uploads_that_moved_on_after_they_were_counted_are_taken_away_where_they_are(world):
    crisis = world.activate().id
    uid = world.share(crisis=crisis).id
    report(world, outcome(uid, count=7), outcome(uid, "held", count=2), lookups=5)
    judge(world, COUNT)
    moved = outcome(uid, "held", count=4).model_copy(update={"was": Outcome.BLOCKED})
    report(world, moved)
    judge(world, DISCARD)
    assert {row.outcome: row.count for row in Sighting.objects.all()} == {"blocked": 0, "held": 2}
    assert sum(row.count for row in SightingSpan.objects.all()) == 2


def test_a_discarded_outlier_stays_out_and_is_told_as_such(world):
    uid = world.share().id
    report(world, outcome(uid, count=7), lookups=6)
    assert judge(world, DISCARD, actor_ref="key:ab12").is_counted is False
    assert world.last_entry().detail["through"] == "key:ab12"
    (row,) = reads_outliers.outliers(viewer=world.agency, signal=uid)
    assert (row.count, row.lookups, row.is_counted) == (7, 6, False)
    assert reads_outliers.outliers(viewer=world.agency, is_open=True) == []
    assert not Sighting.objects.exists()


@pytest.mark.parametrize("lookups", [None, 7, 1_000_000])
def test_rows_within_the_look_ups_or_of_an_agent_without_any_count(world, lookups):
    out = report(world, outcome(world.share().id, count=7), lookups=lookups)
    assert (out.counted, out.set_aside) == (7, 0)


def test_look_ups_of_all_spans_that_a_row_touches_are_added_and_unknown_ones_excuse_it(world):
    uid = world.share().id
    spans = [Lookups(begins_at=NOON + BUCKET * n, count=3) for n in range(2)]
    row = outcome(uid, count=7).model_copy(update={"last_at": NOON + BUCKET})
    for lookups, counted in [(spans, 0), (spans[:1], 7)]:
        body = report_of(row).model_copy(update={"lookups": tuple(lookups)})
        assert writes.report_outcomes(body, by=world.big_provider, now=NOON).counted == counted


def test_rows_that_move_uploads_add_none_and_are_no_outliers(world):
    uid = world.share().id
    report(world, outcome(uid, count=5))
    moved = outcome(uid, "held", count=4).model_copy(update={"was": Outcome.BLOCKED})
    out = report(world, moved, outcome(uid, "reversed", count=1), lookups=0)
    assert (out.counted, out.set_aside) == (5, 0)


def test_the_agency_and_the_sharer_decide_and_nobody_else(world):
    hidden = world.share(tlp="red", audience=("big-video",)).id
    report(world, outcome(hidden, count=7), lookups=6)
    assert reads_outliers.outliers(viewer=world.agency) == []
    (one,) = reads_outliers.outliers(viewer=world.big_provider)
    with pytest.raises(NotAllowedError, match="only the agency or the party"):
        writes_outliers.decide_outlier(one.id, body=COUNT, by=world.big_provider, now=NOON)
    for stranger in (world.small_provider, world.agency):
        with pytest.raises(NotFoundError):
            writes_outliers.decide_outlier(one.id, body=COUNT, by=stranger, now=NOON)
    with pytest.raises(NotAllowedError, match="cannot decide this"):
        writes_outliers.decide_outlier(
            one.id, body=COUNT, by=world.authority, now=NOON, role=Role.ANALYST
        )
    by_sharer = writes_outliers.decide_outlier(one.id, body=COUNT, by=world.authority, now=NOON)
    assert by_sharer.decided_by == world.authority.ref


@pytest.mark.parametrize(
    ("spans", "why"),
    [
        ([(0, -1)], "greater than or equal to 0"),
        ([(0, 1), (0, 2)], "name each span of time once"),
        ([(60, 1)], "full multiple of 5 minutes"),
        ([(0, 10**13)], "less than or equal"),
    ],
)
def test_bad_look_ups_are_refused(world, spans, why):
    lookups = [
        {"begins_at": NOON + timedelta(seconds=later), "count": count} for later, count in spans
    ]
    rows = [outcome(world.share().id)]
    with pytest.raises(ValidationError, match=why):
        OutcomeReportIn(report=uuid4(), agent="uploads", rows=rows, lookups=lookups)
