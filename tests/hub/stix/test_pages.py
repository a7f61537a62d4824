# SPDX-License-Identifier: Apache-2.0
"""Pages of a collection: in order, each thing once, whoever writes meanwhile."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from stemtide.hub.rooms.signals.writes import signals
from stemtide.hub.rooms.stix.reads import pages as reads_pages
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn
from tests.hub.stix.conftest import indicator
from tests.rounds import rounds
from tests.world import NOON, hex_value

STANDING = 7
"""Objects that every collection begins with."""


def read_all(shelf, limit, **more):
    """Every page, one after the other."""
    found, after = [], None
    while True:
        page = shelf.page(limit=limit, after=after, **more)
        assert len(page.objects) <= limit
        found += page.objects
        if page.next_rank is None:
            return found
        after = page.next_rank


@pytest.mark.parametrize("limit", rounds([3, 1000], nightly=[1, 2, 3, 5, 7, 1000]))
def test_every_object_comes_once_and_in_the_order_of_its_moment(shelf, limit):
    crisis = shelf.world.activate()
    for number in range(6):
        shelf.world.share(value=hex_value(number), crisis=crisis.id)
        shelf.post(indicator(hex_value(100 + number)), to=f"crisis-{crisis.id}")
    shelf.make()
    found = read_all(shelf, limit, of=f"crisis-{crisis.id}")
    assert len({one.id for one in found}) == len(found)
    moments = [one.added_at for one in found]
    assert moments == sorted(set(moments))
    kinds = [one.id.partition("--")[0] for one in found]
    assert (kinds.count("indicator"), kinds.count("relationship")) == (12, 12)


def test_long_objects_come_fewer_to_a_page_each_once_and_in_order(shelf, monkeypatch):
    monkeypatch.setattr(reads_pages, "MAX_PAGE_CHARS", 10_000)
    words = [{"description": "a" * 1_000 * (1 + number % 4)} for number in range(12)]
    note = {"type": "note", "content": "b", "object_refs": [indicator()["id"]]}
    for number, more in enumerate(words):
        one = indicator(hex_value(number), **more)
        shelf.post(one, {**indicator(**more), **note, "id": f"note{one['id'][9:]}"})
    shelf.post(indicator(hex_value(20), description="a" * 20_000))
    pages = [shelf.page()]
    while (after := pages[-1].next_rank) is not None:
        pages.append(shelf.page(after=after))
    weights = [(len(page.objects), sum(len(one.body) for one in page.objects)) for page in pages]
    assert all(count == 1 or weight <= 10_000 for count, weight in weights)
    assert len(weights) < 13
    found = [one.id for page in pages for one in page.objects]
    assert len(set(found)) == len(found) == STANDING + 25
    assert found == [one.id for one in read_all(shelf, limit=3)]


def test_whoever_goes_on_by_time_misses_nothing(shelf):
    for number in range(5):
        shelf.world.share(value=hex_value(number))
    found, after = [], None
    while True:
        page = shelf.page(limit=1, after=after)
        if not page.objects:
            break
        found += page.objects
        last = page.objects[-1].added_at
        after = reads_pages.rank_after(last)
    assert len({one.id for one in found}) == len(found) == STANDING + 5


def test_a_moment_before_everything_leads_to_the_beginning(shelf):
    shelf.world.share()
    rank = reads_pages.rank_after(NOON - timedelta(days=9999))
    assert len(shelf.page(after=rank).objects) == STANDING + 1
    rank = reads_pages.rank_after(NOON - timedelta(seconds=1))
    assert len(shelf.page(after=rank).objects) == 1


def test_a_withdrawal_comes_to_those_who_read_on_as_revoked(shelf):
    shared = shelf.world.share()
    page = shelf.page()
    signals.withdraw(
        shared.id, body=WithdrawIn(reason="mistake"), by=shelf.world.authority, now=NOON
    )
    after = 2 * shared.position
    assert page.objects[-1].rank == after
    (told,) = shelf.told(after=after)
    assert told["revoked"] is True
    assert told["id"] == page.objects[-1].id
    assert told["modified"] > page.objects[-1].version


def test_a_dispute_is_a_new_version(shelf):
    shared = shelf.world.share()
    (before,) = shelf.indicators()
    signals.give_opinion(
        shared.id,
        body=OpinionIn(opinion="dispute", note="a news report"),
        by=shelf.world.agency,
        now=NOON,
    )
    (after,) = shelf.indicators()
    assert 'stemtide:disputed="yes"' in after["labels"]
    assert after["modified"] > before["modified"]
    assert after["created"] == before["created"]


def test_one_partys_dispute_is_told_to_that_party_alone(shelf):
    shared = shelf.world.share()
    provider, other = shelf.world.big_provider, shelf.world.small_provider
    signals.give_opinion(
        shared.id, body=OpinionIn(opinion="dispute", note="a news report"), by=provider, now=NOON
    )
    (own,), (others,) = shelf.indicators(provider), shelf.indicators(other)
    assert 'stemtide:disputed="yes"' in own["labels"]
    assert 'stemtide:disputed="yes"' not in others["labels"]


def test_only_what_a_party_may_receive_is_told(shelf):
    world = shelf.world
    world.share(value=hex_value(1), tlp="red", audience=("small-forum",))
    world.share(value=hex_value(2), tlp="amber")
    world.share(value=hex_value(3), tlp="green")
    counts = {
        party.name: len(shelf.indicators(party))
        for party in (world.authority, world.small_provider, world.big_provider, world.observer)
    }
    assert list(counts.values()) == [3, 3, 2, 1]


def test_what_is_rehearsed_lies_apart(shelf):
    shelf.world.share(value=hex_value(1))
    shelf.world.share(value=hex_value(2), exercise=True)
    assert [one["extensions"] for one in shelf.indicators(of="signals")] != []
    assert len(shelf.indicators(of="signals")) == len(shelf.indicators(of="exercises")) == 1


def test_a_rank_that_the_hub_has_not_reached_is_refused(shelf):
    with pytest.raises(reads_pages.InvalidError, match="restored from a backup"):
        shelf.page(after=10**9)


def test_nothing_is_lost_or_repeated_while_others_write(committed_shelf):
    shelf, stop, count = committed_shelf, threading.Event(), rounds(10, nightly=40)
    world = shelf.world

    def write(first):
        number = first
        while not stop.is_set() and number < first + count:
            bodies = [indicator(hex_value(number)), indicator(hex_value(number + 5000))]
            if number % 2:
                shelf.post(*bodies)
            else:
                world.share(value=hex_value(number))
            number += 1
        connection.close()

    threads = [threading.Thread(target=write, args=(first,)) for first in (1000, 2000, 3000)]
    for one in threads:
        one.start()
    found, after = [], None
    while True:
        is_over = not any(one.is_alive() for one in threads)
        page = shelf.page(limit=3, after=after)
        found += page.objects
        after = found[-1].rank if found else None
        if is_over and page.next_rank is None:
            break
    for one in threads:
        one.join()
    there = {one["id"] for one in shelf.told()}
    told = [one.id for one in found]
    assert len(told) == len(set(told))
    assert set(told) == there
    assert len(there) == STANDING + 3 * (count // 2 + 2 * count // 2)
