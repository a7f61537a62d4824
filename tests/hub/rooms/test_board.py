# SPDX-License-Identifier: Apache-2.0
from uuid import uuid4

from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.writes import signals as writes
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn
from tests.rounds import at_night
from tests.world import NOON, hex_value, outcome, report_of


def test_signals_of_one_content_make_one_row_with_their_outcomes(world):
    crisis = world.activate()
    content = uuid4()
    facts = {"content": content, "crisis": crisis.id}
    first = world.share(**facts)
    second = world.share(kind="sha256", **facts)
    body = report_of(outcome(first.id, count=2), outcome(second.id, "held", count=1))
    writes.report_outcomes(body, by=world.big_provider, now=NOON)
    body = report_of(outcome(second.id, count=4))
    writes.report_outcomes(body, by=world.small_provider, now=NOON)
    (row,) = reads.board(viewer=world.agency)
    assert (row.key, row.crisis) == (str(content), crisis.id)
    assert [one.kind for one in row.signals] == ["sha256", "pdq"]
    assert (row.outcomes.blocked, row.outcomes.held, row.outcomes.total) == (6, 1, 7)
    assert (row.shared_by, row.shared_by_title) == ("be-crisis-centre", "Belgian Crisis Centre")


@at_night
def test_the_latest_change_stands_first(world):
    first, second = world.share(), world.share(value=hex_value(2))
    assert [row.key for row in reads.board(viewer=world.agency)] == [
        str(second.id),
        str(first.id),
    ]
    body = OpinionIn(opinion="dispute", note="a news report")
    writes.give_opinion(first.id, body=body, by=world.agency, now=NOON)
    rows = reads.board(viewer=world.agency)
    assert [(row.key, row.is_disputed) for row in rows] == [
        (str(first.id), True),
        (str(second.id), False),
    ]


@at_night
def test_a_withdrawn_signal_stays_to_be_seen_and_an_expired_one_goes(world):
    gone = world.share()
    world.share(value=hex_value(2), expires_at=world.at(hours=1))
    body = WithdrawIn(reason="mistake")
    writes.withdraw(gone.id, body=body, by=world.authority, now=NOON)
    writes.expire_due(world.at(hours=2))
    (row,) = reads.board(viewer=world.agency)
    assert (row.key, row.state, row.withdrawn_at) == (str(gone.id), "withdrawn", NOON)


def test_content_is_live_while_one_of_its_signals_is(world):
    content = uuid4()
    first = world.share(content=content)
    world.share(kind="sha256", content=content)
    body = WithdrawIn(reason="mistake")
    writes.withdraw(first.id, body=body, by=world.authority, now=NOON)
    (row,) = reads.board(viewer=world.agency)
    assert (row.state, row.withdrawn_at) == ("live", None)
    assert {one.state for one in row.signals} == {"live", "withdrawn"}


@at_night
def test_a_board_is_as_long_as_it_is_asked_to_be(world):
    for number in range(9):
        world.share(value=hex_value(number), exercise=number % 2 == 0)
    assert len(reads.board(viewer=world.agency, limit=4)) == 4
    assert len(reads.board(viewer=world.agency, exercise=True)) == 5
    assert len(reads.board(viewer=world.agency, exercise=False)) == 4


@at_night
def test_a_board_costs_the_same_for_one_row_and_many(world, django_assert_num_queries):
    for number in range(20):
        world.share(value=hex_value(number), content=uuid4())
    with django_assert_num_queries(3):
        reads.board(viewer=world.agency)


def test_totals_count_what_the_viewer_may_see(world):
    shared = world.share()
    hidden = world.share(value=hex_value(2), tlp="red", audience=("big-video",))
    body = report_of(outcome(shared.id, count=3), outcome(hidden.id, "held", count=5))
    writes.report_outcomes(body, by=world.big_provider, now=NOON)
    writes.give_opinion(
        shared.id,
        body=OpinionIn(opinion="dispute", note="a news report"),
        by=world.agency,
        now=NOON,
    )
    expected = {
        "feed_position": 3,
        "ledger_entries": world.entries_before + 4,
        "signals_live": 1,
        "signals_withdrawn": 0,
        "signals_waiting": 0,
        "signals_expired": 0,
        "signals_disputed": 1,
        "outcomes_blocked": 3,
        "outcomes_held": 0,
        "outcomes_logged": 0,
        "outcomes_reversed": 0,
    }
    assert reads.totals(viewer=world.agency) == expected
    assert reads.totals(viewer=world.big_provider)["outcomes_held"] == 5


def test_a_board_names_no_crisis_that_is_held_back_from_its_viewer(world):
    crisis = world.warn(name="Rumour of an attack")
    world.share(crisis=crisis.id, tlp="green")

    rows = reads.board(viewer=world.observer)

    assert len(rows) == 1
    assert crisis.name not in repr(rows)
