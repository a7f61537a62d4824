# SPDX-License-Identifier: Apache-2.0
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.ledger.reads import ledger as reads
from stemtide.hub.rooms.ledger.rules.ledger import crisis_named
from stemtide.hub.rooms.signals.writes import signals
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn
from tests.world import NOON, hex_value, outcome, report_of, signal_in


def kinds(uid, viewer, **more):
    return [row.kind for row in reads.timeline(uid, viewer=viewer, **more)]


def test_a_crisis_is_found_with_everything_that_happened_in_it(world):
    crisis = world.warn()
    shared = world.share(crisis=crisis.id)
    report = report_of(outcome(shared.id, count=3))
    signals.report_outcomes(report, by=world.big_provider, now=NOON)
    signals.give_opinion(shared.id, body=OpinionIn(opinion="seen"), by=world.agency, now=NOON)
    signals.withdraw(shared.id, body=WithdrawIn(reason="mistake"), by=world.authority, now=NOON)
    world.share(value=hex_value(2))
    assert kinds(crisis.id, world.agency) == [
        "crisis.warned",
        "signal.shared",
        "outcomes.reported",
        "opinion.given",
        "signal.withdrawn",
    ]


def test_a_bulk_leaves_one_entry_for_each_crisis_it_names(world):
    one, other = world.warn(), world.warn(name="Another attack")
    rows = [
        signal_in(value=hex_value(n), crisis=uid)
        for n, uid in enumerate((one.id, other.id, one.id, None))
    ]
    signals.share_many(rows, by=world.authority, now=NOON)
    shared = reads.timeline(one.id, viewer=world.authority, things=["signals"])
    assert [row.detail["count"] for row in shared] == [2]
    assert Entry.objects.filter(kind="signals.shared").count() == 3


def test_outcomes_are_told_to_each_crisis_with_its_own_sums(world):
    one, other = world.warn(), world.warn(name="Another attack")
    first = world.share(value=hex_value(1), crisis=one.id)
    second = world.share(value=hex_value(2), crisis=other.id)
    rows = outcome(first.id, count=3), outcome(second.id, count=4), outcome(uuid4())
    signals.report_outcomes(report_of(*rows), by=world.big_provider, now=NOON)
    told = [
        reads.timeline(uid, viewer=world.big_provider, things=["outcomes"])[0].detail
        for uid in (one.id, other.id)
    ]
    assert told == [
        {"blocked": 3, "signals": 1, "rejected": 1},
        {"blocked": 4, "signals": 1, "rejected": 0},
    ]


def test_what_runs_out_is_told_to_its_crisis(world):
    crisis = world.warn()
    world.share(crisis=crisis.id, expires_at=world.at(minutes=1))
    world.share(value=hex_value(2), expires_at=world.at(minutes=1))
    assert signals.expire_due(world.at(minutes=2)) == 2
    assert kinds(crisis.id, world.agency)[-1] == "signals.expired"
    assert Entry.objects.filter(kind="signals.expired").count() == 2


def test_a_timeline_is_read_page_by_page(world):
    crisis = world.warn()
    for n in range(4):
        world.share(value=hex_value(n), crisis=crisis.id)
    first = reads.timeline(crisis.id, viewer=world.authority, limit=3)
    rest = reads.timeline(crisis.id, viewer=world.authority, after=first[-1].number)
    assert [len(first), len(rest)] == [3, 2]


def test_a_timeline_is_cut_by_time(world):
    crisis = world.warn()
    assert kinds(crisis.id, world.agency, since=world.at(seconds=1)) == []
    assert kinds(crisis.id, world.agency, since=NOON, until=world.at(seconds=1)) == [
        "crisis.warned"
    ]


def test_a_room_above_opens_what_the_ledger_must_withhold(world):
    crisis = world.warn()
    shared = world.share(crisis=crisis.id)
    closed = reads.timeline(crisis.id, viewer=world.agency)[-1]
    opened = reads.timeline(crisis.id, viewer=world.agency, opens=lambda subjects: subjects)[-1]
    assert (closed.actor, closed.subject) == (reads.WITHHELD, reads.WITHHELD)
    assert (opened.actor, opened.subject) == ("party:be-crisis-centre", f"signal:{shared.id}")


@pytest.mark.parametrize("subject", ["signal:1", "clock", "signals"])
def test_only_a_crisis_names_itself(subject):
    assert crisis_named(subject) is None


def test_entries_from_before_the_column_are_found_by_their_subject(world):
    crisis = world.warn()
    entry = Entry.objects.get(subject=f"crisis:{crisis.id}")
    Entry.objects.bulk_create(
        [
            Entry(
                number=entry.number + 1000,
                kind="crisis.activated",
                actor=entry.actor,
                subject=entry.subject,
                recorded_at=NOON,
            )
        ]
    )
    assert kinds(crisis.id, world.agency) == ["crisis.warned", "crisis.activated"]


def test_an_entry_of_a_crisis_cannot_be_given_to_another(world):
    crisis = world.warn()
    told = pytest.raises(IntegrityError, match="ledger_is_append_only")
    with told, transaction.atomic():
        connection.cursor().execute("UPDATE ledger_entry SET crisis = NULL")
    assert kinds(crisis.id, world.agency) == ["crisis.warned"]
