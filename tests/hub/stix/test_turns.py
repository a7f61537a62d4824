# SPDX-License-Identifier: Apache-2.0
"""One post holds up nobody: it is read before its turn to write, and gives way again and again."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import connection, connections

from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.ledger.writes.transactions import part
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.rules import checks as rules_ready
from stemtide.hub.rooms.signals.writes import signals
from stemtide.hub.rooms.stix.models import Receipt
from stemtide.hub.rooms.stix.writes import posts as posting
from tests.hub.stix.conftest import indicator, said_of
from tests.world import NOON, hex_value, signal_in


class Witness(dict):
    """An object that notes how many transactions are open each time when its pattern is read."""

    def __init__(self, plain):
        super().__init__(plain)
        self.seen = []

    def get(self, name, otherwise=None):
        if name == "pattern":
            self.seen.append(len(connection.savepoint_ids))
        return super().get(name, otherwise)


@pytest.fixture
def small_turns(monkeypatch):
    monkeypatch.setattr(posting, "NEW_IN_A_TURN", 2)
    monkeypatch.setattr(posting, "ACTS_IN_A_TURN", 2)


def any_of(*values):
    return "[" + " OR ".join(f"file:hashes.PDQ = '{one}'" for one in values) + "]"


def test_patterns_are_read_before_the_turn_of_new_ones_and_of_new_versions(shelf):
    first = Witness(indicator(hex_value(1)))
    shelf.post(first)
    second = Witness({**first, **indicator(hex_value(2), minutes=1), "id": first["id"]})
    shelf.post(second)
    assert Signal.objects.filter(state="withdrawn").count() == 1
    assert (first.seen, second.seen) == ([0], [0])


def test_no_more_is_read_of_a_post_than_it_may_share(shelf, monkeypatch):
    monkeypatch.setattr("stemtide.hub.rooms.stix.parser.MAX_SIGNALS", 3)
    pairs = [indicator(pattern=any_of(hex_value(2 * n), hex_value(2 * n + 1))) for n in range(2)]
    status = shelf.post(*pairs, indicator(hex_value(9)))
    assert (status["success_count"], Signal.objects.count()) == (2, 3)
    (refused,) = status["failures"]
    assert (refused["id"], "too many signals" in refused["message"]) == (pairs[1]["id"], True)


def test_a_post_that_comes_again_goes_on_after_what_is_here(shelf, monkeypatch):
    monkeypatch.setattr("stemtide.hub.rooms.stix.parser.MAX_SIGNALS", 2)
    some = [indicator(hex_value(number)) for number in range(4)]
    assert shelf.post(*some)["failure_count"] == 2
    assert shelf.post(*some)["success_count"] == 4
    assert Signal.objects.count() == 4


@pytest.mark.usefixtures("small_turns")
def test_a_post_of_many_turns_is_told_as_one_and_each_turn_is_in_the_ledger(shelf):
    some = [indicator(hex_value(number)) for number in range(5)]
    again = {**some[0], **indicator(hex_value(0), minutes=1), "id": some[0]["id"]}
    ended = [{**one, "modified": again["modified"], "revoked": True} for one in some[1:]]
    status = shelf.post(*some, said_of(some[0]["id"]), again, *ended, {"type": "no id"})
    assert (status["total_count"], status["success_count"]) == (12, 11)
    assert Receipt.objects.get().body["success_count"] == 11
    assert sorted(Signal.objects.values_list("state", flat=True)) == ["live", *4 * ["withdrawn"]]
    told = Entry.objects.filter(kind="objects.posted").values_list("detail", flat=True)
    assert len(told) > 3
    assert (sum(one["count"] for one in told), sum(one["refused"] for one in told)) == (11, 1)


@pytest.mark.usefixtures("small_turns")
def test_the_versions_of_one_post_are_taken_in_their_order(shelf):
    one = indicator(hex_value(1))
    versions = [
        {**one, "modified": indicator(minutes=minute)["modified"], "name": str(minute)}
        for minute in range(5)
    ]
    assert shelf.post(*versions)["success_count"] == 5
    assert shelf.post(*versions)["success_count"] == 5
    assert [each["name"] for each in shelf.indicators()] == ["4"]


@pytest.mark.usefixtures("small_turns")
def test_others_write_between_the_turns_of_one_post(committed_shelf, monkeypatch):
    world = committed_shelf.world

    def share(value):
        try:
            return signals.share(signal_in(value=value), by=world.agency, now=NOON).created
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        values = iter(hex_value(number) for number in range(100, 200))

        @contextmanager
        def part_after_a_share():
            # Where the post kept its turn meanwhile, the other would wait for ever.
            thread.submit(share, next(values)).result(timeout=300)
            with part():
                yield

        monkeypatch.setattr("stemtide.hub.rooms.stix.writes.stix.part", part_after_a_share)
        committed_shelf.post(*(indicator(hex_value(number)) for number in range(6)))
    acts = [one for one in world.ledger_kinds() if one in {"objects.posted", "signal.shared"}]
    assert acts == ["signal.shared", "objects.posted"] * 3


def test_rows_that_were_read_apart_are_shared_together_and_told_by_their_places(world):
    bad = signal_in(kind="url", value="no address")
    parts = [[signal_in(value=hex_value(1)), bad], [bad, signal_in(value=hex_value(2))]]
    ready = rules_ready.join_rows([rules_ready.read(one, now=NOON) for one in parts])
    out = signals.share_parsed(ready, by=world.authority, now=NOON, partial=True)
    assert [one is not None for one in out.signals] == [True, False, False, True]
    assert [one.row for one in out.errors] == [1, 2]
