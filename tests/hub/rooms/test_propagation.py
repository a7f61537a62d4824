# SPDX-License-Identifier: Apache-2.0
"""When signals reached agents, how soon they matched, and who may see it."""

import csv
import io
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from stemtide.hub.platform.errors import InvalidError, NotFoundError
from stemtide.hub.rooms.ledger.models import Follower
from stemtide.hub.rooms.parties.models import Agent, Party
from stemtide.hub.rooms.parties.writes import parties
from stemtide.hub.rooms.propagation import reads, rules, writes
from stemtide.hub.rooms.propagation.models import PositionBatch, PropagationDay
from stemtide.hub.rooms.propagation.reads import ReachedPosition
from stemtide.hub.rooms.signals.writes import signals
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.propagation import PropagationStage
from stemtide.protocol.files.propagation import days_csv, recipients_csv
from stemtide.protocol.messages.signals import WithdrawIn
from stemtide.protocol.sync.agents import AgentStatusIn, EarlierUploads
from tests.rounds import at_night, some_of
from tests.world import NOON, add_member, hex_value, outcome, report_of, signal_in, suspend

DELIVERED, APPLIED = PropagationStage.DELIVERED, PropagationStage.APPLIED
DAY = NOON.date()


def later(seconds: float):
    return NOON + timedelta(seconds=seconds)


def add_agent(party, name="a1", *, at=NOON, exercise=False):
    status = AgentStatusIn(version="1", position=0, signals=0, started_at=at, exercise=exercise)
    parties.report_status(name, by=party, status=status, now=at)
    Agent.objects.filter(party=party).update(key=f"key-{party.pk}")


def reach(stage, party, position, seconds, *, name="a1"):
    """Store that an agent reached a position so many seconds after noon."""
    at = later(seconds)
    name = name if stage is APPLIED else f"key-{party.pk}"
    writes.store_positions(stage, [ReachedPosition(party.pk, name, position, at)], now=at)
    if stage is APPLIED:
        Agent.objects.filter(party=party, name=name).update(position=position, last_seen_at=at)


@pytest.fixture
def crowd(world):
    """Agents of all parties that receive what the authority shares, but for the observer."""
    parties_with_agents = [party for party in world.everyone if party.kind != "observer"]
    for party in parties_with_agents:
        add_agent(party)
    return parties_with_agents


def stages_of(found):
    return {row.stage: (row.count, row.of, row.p50_s, row.p99_s) for row in found.sums or ()}


def recipient_of(found, party):
    return next(row for row in found.recipients if row.party == party.name)


def test_an_agency_sees_when_each_agent_had_a_signal(world, crowd):
    shared = world.share()
    reach(DELIVERED, world.big_provider, shared.position, 0.25)
    reach(APPLIED, world.big_provider, shared.position, 0.5)
    reach(APPLIED, world.small_provider, shared.position, 4)

    found = reads.signal_propagation(shared.id, viewer=world.agency)

    big, small = (
        recipient_of(found, party) for party in (world.big_provider, world.small_provider)
    )
    assert (big.delivered_at, big.applied_at) == (later(0.25), later(0.5))
    assert (small.delivered_at, small.applied_at) == (later(4), later(4))
    assert stages_of(found)[APPLIED] == (2, len(crowd), 0.5, 4.0)
    assert recipient_of(found, world.consortium).applied_at is None


@at_night
@pytest.mark.usefixtures("crowd")
def test_a_position_before_that_of_the_signal_says_nothing(world):
    world.share(value=hex_value(2))
    shared = world.share()
    reach(APPLIED, world.big_provider, shared.position - 1, 1)
    found = reads.signal_propagation(shared.id, viewer=world.agency)
    row = recipient_of(found, world.big_provider)
    assert (row.applied_at, row.is_applied) == (None, False)


@at_night
@pytest.mark.usefixtures("crowd")
def test_a_signal_that_moved_in_the_feed_is_timed_by_its_share(world):
    shared = world.share()
    reach(APPLIED, world.big_provider, shared.position, 1)
    signals.withdraw(
        shared.id, body=WithdrawIn(reason="mistake"), by=world.authority, now=later(60)
    )
    reach(APPLIED, world.big_provider, shared.position + 1, 63)
    found = reads.signal_propagation(shared.id, viewer=world.agency)
    row = recipient_of(found, world.big_provider)
    assert (row.applied_at, row.withdrawn_at) == (later(1), later(63))
    assert stages_of(found)[PropagationStage.WITHDRAWN][2] == 3.0


@pytest.mark.usefixtures("crowd")
def test_first_match_act_and_release_are_those_that_a_party_reported(world):
    shared = world.share()
    rows = [
        outcome(shared.id, "logged", at=later(5)),
        outcome(shared.id, "blocked", at=later(9)),
        outcome(shared.id, "reversed", at=later(20)),
    ]
    for row in rows:
        signals.report_outcomes(report_of(row), by=world.big_provider, now=later(30))
    row = recipient_of(reads.signal_propagation(shared.id, viewer=world.agency), world.big_provider)
    assert (row.matched_at, row.acted_at, row.released_at) == (later(5), later(9), later(20))


def more_providers():
    """Two providers more."""
    names = ("third-provider", "fourth-provider")
    return [add_member(name, title=name, kind="provider") for name in names]


def shown_to(viewer, signal):
    """What a party sees of the outcomes at others."""
    sums = reads.other_outcomes(signal.id, viewer=viewer).sums
    return {row.outcome.value: row.parties for row in sums}


@at_night
def test_outcomes_of_others_are_numbers_of_parties_from_three_on(world):
    shared = world.share()
    others = [world.small_provider, *more_providers()]
    for at, party in enumerate([world.big_provider, *others[:2]]):
        rows = [outcome(shared.id, "blocked", at=later(at)), outcome(shared.id, "held", at=NOON)]
        for row in rows:
            signals.report_outcomes(report_of(row), by=party, now=later(9))
    two_others = {"blocked": None, "held": None, "logged": None, "reversed": None}
    assert shown_to(world.big_provider, shared) == two_others
    assert shown_to(world.authority, shared) == two_others | {"blocked": 3, "held": 3}
    signals.report_outcomes(
        report_of(outcome(shared.id, "blocked", at=NOON)), by=others[2], now=later(9)
    )
    assert shown_to(world.big_provider, shared) == two_others | {"blocked": 3}
    assert shown_to(world.authority, shared)["blocked"] == 4


@at_night
def test_outcomes_of_others_count_an_owner_once_and_a_suspended_party_never(world):
    shared = world.share()
    reporting = [world.big_provider, world.small_provider, *more_providers()]
    for party in reporting:
        row = outcome(shared.id, "blocked", at=NOON)
        signals.report_outcomes(report_of(row), by=party, now=later(9))
    assert shown_to(world.authority, shared)["blocked"] == 4
    Party.objects.filter(pk__in=[party.pk for party in reporting[:2]]).update(group="one-owner")
    assert shown_to(world.authority, shared)["blocked"] == 3
    world.big_provider.refresh_from_db()
    assert shown_to(world.big_provider, shared)["blocked"] is None
    suspend(reporting[-1], agency=world.agency)
    assert shown_to(world.authority, shared)["blocked"] is None


def test_outcomes_of_a_signal_that_a_party_may_not_see_are_not_shown(world):
    shared = world.share(tlp="red", audience=(world.big_provider.name,))
    with pytest.raises(NotFoundError):
        reads.other_outcomes(shared.id, viewer=world.small_provider)


@pytest.mark.parametrize(
    ("viewer", "recipients", "has_sums"),
    some_of(
        2,
        [
            ("agency", 6, True),
            ("authority", 1, True),  # the sharer
            ("other_authority", 1, False),
            ("big_provider", 1, False),
            ("consortium", 1, False),
        ],
    ),
)
@pytest.mark.usefixtures("crowd")
def test_single_recipients_are_for_agencies_and_themselves(world, viewer, recipients, has_sums):
    shared = world.share()
    party = getattr(world, viewer)
    found = reads.signal_propagation(shared.id, viewer=party)
    assert len(found.recipients) == recipients
    assert (found.sums is not None) is has_sums
    if viewer != "agency":
        assert {row.party for row in found.recipients} == {party.name}


@pytest.mark.usefixtures("crowd")
def test_a_sharer_sees_no_sums_over_fewer_than_three_others(world):
    names = (world.big_provider.name, world.small_provider.name)
    few = world.share(tlp="red", audience=names)
    assert reads.signal_propagation(few.id, viewer=world.authority).sums is None

    enough = world.share(value=hex_value(3), tlp="red", audience=(*names, world.consortium.name))
    assert reads.signal_propagation(enough.id, viewer=world.authority).sums is not None


@pytest.mark.usefixtures("crowd")
def test_who_may_not_see_a_signal_sees_nothing_of_it(world):
    shared = world.share(tlp="red", audience=(world.big_provider.name,))
    with pytest.raises(NotFoundError):
        reads.signal_propagation(shared.id, viewer=world.small_provider)


@at_night
@pytest.mark.usefixtures("crowd")
def test_a_suspended_party_is_no_recipient(world):
    suspend(world.big_provider, agency=world.agency)
    shared = world.share()
    found = reads.signal_propagation(shared.id, viewer=world.agency)
    assert world.big_provider.name not in {row.party for row in found.recipients}


@pytest.fixture
def summed(world, crowd):
    """A share, one agent that had it after a second, one after an hour, and the sums."""
    writes.sum_due(NOON)
    shared = world.share()
    for party in crowd:
        Agent.objects.filter(party=party).update(last_seen_at=later(3600))
    reach(DELIVERED, world.big_provider, shared.position, 0.5)
    reach(APPLIED, world.big_provider, shared.position, 1)
    reach(APPLIED, world.small_provider, shared.position, 3600)
    writes.sum_due(later(601))
    return shared


def day_rows(viewer, **query):
    rows = reads.days(DAY, DAY, viewer=viewer, **query)
    return {(row.party, row.is_sharer, row.stage): row for row in rows}


@at_night
@pytest.mark.usefixtures("summed")
def test_times_are_summed_up_by_party_and_day(world):
    rows = day_rows(world.agency)
    big = rows[world.big_provider.name, False, APPLIED]
    assert (big.count, big.late) == (1, 0)
    assert 1.0 <= big.p50_s <= 1.1
    small = rows[world.small_provider.name, False, APPLIED]
    assert (small.count, small.late, small.p50_s) == (1, 1, None)
    total, shared = rows["", False, APPLIED], rows[world.authority.name, True, APPLIED]
    assert (total.count, total.late) == (6, 5)
    assert (shared.count, shared.late) == (6, 5)


@pytest.mark.usefixtures("summed")
def test_a_party_sees_its_own_sums_alone(world):
    rows = day_rows(world.big_provider)
    assert {(party, is_sharer) for party, is_sharer, _ in rows} == {
        (world.big_provider.name, False)
    }


@at_night
@pytest.mark.usefixtures("crowd")
def test_times_are_added_once_and_after_ten_minutes(world):
    writes.sum_due(NOON)
    world.share()
    assert writes.sum_due(later(599)) == 0
    assert writes.sum_due(later(601)) == 1
    before = list(PropagationDay.objects.values_list("buckets", "late"))
    assert writes.sum_due(later(700)) == 0
    assert list(PropagationDay.objects.values_list("buckets", "late")) == before


@at_night
@pytest.mark.usefixtures("crowd")
def test_acts_after_a_pause_are_summed_up_in_time_and_agents_are_read_once(world, monkeypatch):
    monkeypatch.setattr(reads, "_MOST_BATCHES", 1)
    writes.sum_due(NOON)
    for hours in range(3):
        at = hours * 3600
        row = signal_in(value=hex_value(hours))
        shared = signals.share(row, by=world.authority, now=later(at))
        reach(APPLIED, world.big_provider, shared.position, at + 1)
    Agent.objects.update(last_seen_at=later(7200))
    with CaptureQueriesContext(connection) as queries:
        writes.sum_due(later(7900))
    row = day_rows(world.big_provider)[world.big_provider.name, False, APPLIED]
    assert (row.count, row.late) == (3, 0)
    assert sum('FROM "parties_agent"' in query["sql"] for query in queries) == 1


@at_night
@pytest.mark.usefixtures("crowd")
def test_entries_from_before_the_first_run_are_not_summed_up(world):
    world.share()
    writes.sum_due(NOON)
    assert writes.sum_due(later(601)) == 0
    assert Follower.objects.get(name="propagation").number > 0


def test_an_agent_that_was_silent_or_came_later_is_not_late(world):
    add_agent(world.big_provider, at=later(5))
    add_agent(world.small_provider, at=NOON - timedelta(hours=1))
    writes.sum_due(NOON)
    world.share()
    writes.sum_due(later(601))
    assert not PropagationDay.objects.exists()


@at_night
@pytest.mark.usefixtures("crowd")
def test_a_bulk_counts_once_at_each_agent(world):
    writes.sum_due(NOON)
    rows = [signal_in(value=hex_value(number)) for number in range(2, 6)]
    out = signals.share_many(rows, by=world.authority, now=NOON)
    reach(APPLIED, world.big_provider, out.signals[-1].position, 2)
    writes.sum_due(later(601))
    row = day_rows(world.big_provider)[world.big_provider.name, False, APPLIED]
    assert (row.count, row.late) == (1, 0)


def test_exercises_are_summed_up_apart(world):
    for party in (world.agency, world.big_provider):
        add_agent(party, exercise=True)
    writes.sum_due(NOON)
    world.share(exercise=True)
    writes.sum_due(later(601))
    assert day_rows(world.agency) == {}
    assert day_rows(world.agency, exercise=True)


@at_night
@pytest.mark.usefixtures("summed")
def test_old_positions_and_sums_are_deleted():
    assert PositionBatch.objects.exists()
    writes.forget_old(NOON + rules.KEEP_POSITIONS + timedelta(hours=2))
    assert not PositionBatch.objects.exists()
    assert PropagationDay.objects.exists()
    writes.forget_old(NOON + rules.KEEP_DAYS + timedelta(days=1))
    assert not PropagationDay.objects.exists()


def test_days_that_make_no_sense_are_refused(world):
    with pytest.raises(InvalidError, match="before"):
        reads.days(DAY, DAY - timedelta(days=1), viewer=world.agency)
    with pytest.raises(InvalidError, match="92"):
        reads.days(DAY, DAY + timedelta(days=92), viewer=world.agency)


@at_night
def test_both_are_tables_for_spreadsheets(world, summed):
    found = reads.signal_propagation(summed.id, viewer=world.agency)
    rows = list(csv.DictReader(io.StringIO(recipients_csv(found))))
    assert {row["party"] for row in rows} == {row.party for row in found.recipients}
    days = reads.days(DAY, DAY, viewer=world.agency)
    assert len(list(csv.DictReader(io.StringIO(days_csv(days))))) == len(days)


@pytest.mark.parametrize(
    ("kind", "viewer", "may"),
    [
        (PartyKind.AGENCY, "x", True),
        (PartyKind.AUTHORITY, "x", False),
        (PartyKind.CONSORTIUM, "x", False),
        (PartyKind.OBSERVER, "x", False),
        (PartyKind.PROVIDER, "x", False),
        (PartyKind.PROVIDER, "recipient", True),
    ],
)
def test_who_may_see_a_single_recipient(kind, viewer, may):
    assert rules.may_see_recipient(viewer, kind=kind, recipient="recipient") is may


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.0011, 0.5, 1.0, 59.9, 600.0])
def test_a_bucket_ends_at_most_ten_percent_after_what_is_in_it(seconds):
    end_s = rules.bucket_end_s(rules.bucket_of(seconds))
    assert seconds <= end_s * (1 + 1e-9)
    assert end_s <= max(seconds * 1.1, 0.001) * (1 + 1e-9)


def test_percentiles_are_by_the_nearest_rank():
    seconds = [float(number) for number in range(1, 101)]
    assert [rules.percentile(seconds, percent=percent) for percent in (50, 95, 99)] == [
        *(50.0, 95.0, 99.0)
    ]
    assert rules.percentile([7.0], percent=99) == 7.0
    assert rules.percentile([], percent=50) is None
    buckets = {"0": 9}
    assert rules.percentile_of_buckets(buckets, late=1, percent=50) == 0.001
    assert rules.percentile_of_buckets(buckets, late=1, percent=99) is None


def report_earlier(party, uid, count, *, hours_ago=2):
    """Have a party's agent report uploads that came before a signal, with an outcome."""
    since = NOON - timedelta(hours=hours_ago)
    earlier = (EarlierUploads(signal=uid, count=count, first_hour=since),)
    body = report_of(outcome(uid, "blocked", count=count)).model_copy(update={"earlier": earlier})
    signals.report_outcomes(body, by=party, now=NOON)


@at_night
@pytest.mark.usefixtures("crowd")
def test_earlier_uploads_are_summed_and_a_party_sees_single_numbers_of_its_own(world):
    shared = world.share()
    report_earlier(world.big_provider, shared.id, 5)
    report_earlier(world.big_provider, shared.id, 7)  # in place of the number before
    report_earlier(world.small_provider, shared.id, 2, hours_ago=30)
    found = reads.signal_propagation(shared.id, viewer=world.agency)
    sum_ = found.earlier
    assert (sum_.uploads, sum_.agents, sum_.since) == (9, 2, NOON - timedelta(hours=30))
    assert recipient_of(found, world.big_provider).earlier_uploads == 7
    assert "earlier_uploads" in recipients_csv(found)
    of_sharer = reads.signal_propagation(shared.id, viewer=world.authority)
    assert of_sharer.earlier is None  # two parties are too few
    own = reads.signal_propagation(shared.id, viewer=world.small_provider)
    assert own.earlier is None
    assert [(row.party, row.earlier_uploads) for row in own.recipients] == [("small-forum", 2)]


@at_night
@pytest.mark.usefixtures("crowd")
def test_earlier_uploads_of_a_signal_that_the_party_may_not_see_or_of_the_future_do_not_count(
    world,
):
    secret = world.share(value=hex_value(3), tlp="red", audience=("big-video",))
    shared = world.share()
    since = NOON - timedelta(hours=1)
    earlier = (
        EarlierUploads(signal=secret.id, count=1, first_hour=since),
        EarlierUploads(signal=shared.id, count=1, first_hour=NOON + timedelta(hours=1)),
    )
    body = report_of(outcome(shared.id, "blocked")).model_copy(update={"earlier": earlier})
    signals.report_outcomes(body, by=world.small_provider, now=NOON)
    for uid in (secret.id, shared.id):
        found = reads.signal_propagation(uid, viewer=world.big_provider)
        assert {row.earlier_uploads for row in found.recipients} <= {0}
    assert reads.signal_propagation(shared.id, viewer=world.agency).earlier.uploads == 0


def test_an_hour_is_all_that_an_agent_reports():
    with pytest.raises(ValueError, match="full hour"):
        EarlierUploads(signal=uuid4(), count=1, first_hour=NOON + timedelta(minutes=1))
