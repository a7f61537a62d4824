# SPDX-License-Identifier: Apache-2.0
"""Signals whose values are as long as their content: shared, fed and withdrawn like any other."""

import hashlib
import json
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from stemtide.hub.platform.errors import ConflictError, NotFoundError
from stemtide.hub.rooms.signals import long_values
from stemtide.hub.rooms.signals.models import LongValue, Signal
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.rules.signals import RateLimitError
from stemtide.hub.rooms.signals.writes import signals as writes
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn
from stemtide.protocol.sync.feed import MAX_PAGE_VALUE_BYTES, FeedPage
from tests.prints import LONG, long_value, text_value
from tests.rounds import at_night, some_of
from tests.world import NOON, hex_value, outcome, report_of, signal_in


def share(world, kind="text", by=None, value=None, **facts):
    value = (value or long_value(kind)).hex()
    return world.share(by, kind=kind, value=value, **({"quality": None} | facts))


def lines(viewer):
    return [json.loads(one) for one in b"".join(reads.snapshot(viewer=viewer)).splitlines()]


@pytest.mark.parametrize("kind", LONG)
def test_every_door_gives_the_whole_value(world, kind):
    value = long_value(kind)
    shared = share(world, kind)
    (entry,) = reads.feed(0, viewer=world.agency).entries
    _, line, tail = lines(world.agency)
    assert (entry.id, entry.kind, entry.value) == (shared.id, kind, value.hex())
    assert line == json.loads(entry.model_dump_json(exclude={"op", "signature"}))  # it has none
    assert tail == {"signals": 1}
    assert reads.signal(shared.id, viewer=world.agency).value == value.hex()


@pytest.mark.parametrize("kind", LONG)
def test_the_row_of_the_signal_holds_a_digest_of_the_value(world, kind):
    share(world, kind)
    digest = hashlib.sha256(long_value(kind)).hexdigest()
    assert Signal.objects.get().value == digest
    kept = LongValue.objects.get()
    assert (kept.digest, bytes(kept.value)) == (digest, long_value(kind))
    assert kept.size_bytes == len(long_value(kind))


@pytest.mark.parametrize("kind", LONG)
def test_the_same_value_again_is_the_same_signal(world, kind):
    first = share(world, kind)
    body = signal_in(kind=kind, value=long_value(kind).hex().upper())
    again = writes.share(body, by=world.authority, now=NOON)
    assert (again.id, again.created) == (first.id, False)
    twice = writes.share_many([body, body], by=world.authority, now=NOON)
    assert (twice.created, twice.existing) == (0, 2)
    with pytest.raises(ConflictError, match="severity"):
        share(world, kind, severity="low")


def test_one_value_of_two_parties_is_two_signals_and_kept_once(world):
    for by in (world.authority, world.other_authority, world.big_provider):
        assert share(world, by=by).created
    assert LongValue.objects.count() == 1
    told = [one.value for one in reads.feed(0, viewer=world.agency).entries]
    assert told == [long_value("text").hex()] * 3


def test_sharing_what_others_hold_costs_what_sharing_anything_costs(world):
    """A party that could tell the two apart would learn what is shared in secret."""
    share(world, tlp="red", audience=("small-forum",))
    LongValue.objects.update(value=b"written again")
    told = writes.share_many(
        [signal_in(kind="text", value=long_value("text").hex(), quality=None)],
        by=world.big_provider, now=NOON,
    )  # fmt: skip
    assert (told.created, told.existing) == (1, 0)
    assert bytes(LongValue.objects.get().value) == long_value("text")


def test_a_value_cannot_be_named_by_its_digest(world):
    share(world, tlp="red", audience=("small-forum",))
    digest = hashlib.sha256(long_value("text")).hexdigest()
    with pytest.raises(ValueError, match="no text value"):
        signal_in(kind="text", value=digest, quality=None)


def test_a_bulk_holds_long_values_and_short_ones(world):
    content = uuid4()
    bodies = [signal_in(kind=kind, value=long_value(kind).hex(), content=content) for kind in LONG]
    bodies += [signal_in(content=content), bodies[0]]
    out = writes.share_many(bodies, by=world.authority, now=NOON)
    assert (out.created, out.existing, out.refused) == (5, 1, 0)
    told = {one.kind: one.value for one in reads.feed(0, viewer=world.agency).entries}
    assert told == {kind: long_value(kind).hex() for kind in LONG} | {"pdq": hex_value()}


def test_a_file_whose_digest_is_that_of_a_value_stays_a_file(world):
    digest = hashlib.sha256(long_value("text")).hexdigest()
    world.share(kind="sha256", value=digest)
    share(world)
    told = {one.kind: one.value for one in reads.feed(0, viewer=world.agency).entries}
    assert told == {"sha256": digest, "text": long_value("text").hex()}


@pytest.mark.parametrize("kind", some_of(1, LONG))
def test_a_withdrawal_travels_and_the_value_may_be_shared_anew(world, kind):
    shared = share(world, kind)
    body = WithdrawIn(reason="mistake")
    told = writes.withdraw(shared.id, body=body, by=world.authority, now=NOON)
    assert told.value == long_value(kind).hex()
    (entry,) = reads.feed(1, viewer=world.agency).entries
    assert (entry.op, entry.id, entry.state) == ("drop", shared.id, "withdrawn")
    assert lines(world.agency)[1:-1] == []
    assert share(world, kind).created
    assert [one["value"] for one in lines(world.agency)[1:-1]] == [long_value(kind).hex()]


def test_it_expires_is_disputed_and_counted_like_any_other(world):
    shared = share(world, "audio", expires_at=world.at(hours=1))
    opinion = OpinionIn(opinion="dispute", note="a news report")
    assert writes.give_opinion(shared.id, body=opinion, by=world.agency, now=NOON).disputed
    report = report_of(outcome(shared.id, count=3))
    told = writes.report_outcomes(report, by=world.big_provider, now=NOON)
    assert (told.counted, told.rejected) == (3, [])
    assert reads.totals(viewer=world.agency)["signals_disputed"] == 1
    assert reads.board(viewer=world.agency)[0].outcomes.blocked == 3
    assert writes.expire_due(world.at(hours=1)) == 1
    assert reads.feed(2, viewer=world.agency).entries[0].state == "expired"


def test_it_goes_to_those_who_may_see_it_and_nobody_else(world):
    shared = share(world, tlp="red", audience=("small-forum",))
    hidden = [one for one in world.everyone if one not in (world.authority, world.small_provider)]
    for viewer in hidden:
        assert reads.feed(0, viewer=viewer).entries == []
        assert len(lines(viewer)) == 2
        with pytest.raises(NotFoundError):
            reads.signal(shared.id, viewer=viewer)
    for viewer in (world.authority, world.small_provider):
        assert reads.feed(0, viewer=viewer).entries[0].value == long_value("text").hex()


def test_the_same_value_shared_with_others_shows_nothing_of_it(world):
    share(world, tlp="red", audience=("small-forum",))
    open_one = share(world, by=world.agency, tlp="green")
    assert [one.id for one in reads.feed(0, viewer=world.observer).entries] == [open_one.id]


def test_neither_the_board_nor_sharing_again_loads_a_long_value(world):
    shared = share(world)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        (row,) = reads.board(viewer=world.agency)
        share(world)
        reads.visible_by_uid([shared.id], viewer=world.agency)
        reads.changes(0)
    assert row.signals[0].value == hashlib.sha256(long_value("text")).hexdigest()
    assert [one["sql"] for one in asked.captured_queries if "longvalue" in one["sql"]] == []


def test_pages_of_short_values_ask_for_no_long_one(world):
    world.share()
    with CaptureQueriesContext(connection) as asked:
        reads.feed(0, viewer=world.agency)
        lines(world.agency)
    assert [one["sql"] for one in asked.captured_queries if "longvalue" in one["sql"]] == []


def walk(viewer, *, limit=100):
    """The pages of the feed."""
    pages, after = [], 0
    while True:
        page = reads.feed(after, viewer=viewer, limit=limit)
        pages.append(page)
        after = page.next
        if not page.more:
            return pages


@pytest.mark.parametrize("limit", some_of(1, [1, 2, 100]))
def test_a_page_holds_no_more_bytes_than_allowed_and_says_that_more_waits(
    world, monkeypatch, limit
):
    monkeypatch.setattr(long_values, "MAX_PAGE_VALUE_BYTES", 20_000)
    shared = []
    for number in range(9):
        shared.append(share(world, value=text_value(number, grams=1000)).id)
        shared.append(world.share(value=hex_value(number)).id)
    pages = walk(world.agency, limit=limit)
    assert [one.id for page in pages for one in page.entries] == shared
    for page in pages:
        values = [one.value for one in page.entries if one.kind == "text"]
        assert sum(map(len, values)) <= 2 * 20_000
        assert FeedPage.model_validate_json(page.model_dump_json()) == page
    assert [page.next for page in pages[:-1]] == [page.entries[-1].position for page in pages[:-1]]
    assert pages[-1].next == pages[-1].head
    assert [one["id"] for one in lines(world.agency)[1:-1]] == [str(one) for one in shared]


def test_a_withdrawn_value_weighs_nothing(world, monkeypatch):
    monkeypatch.setattr(long_values, "MAX_PAGE_VALUE_BYTES", 10_000)
    body = WithdrawIn(reason="mistake")
    for number in range(3):
        gone = share(world, value=text_value(number, grams=1000)).id
        writes.withdraw(gone, body=body, by=world.authority, now=NOON)
    page = reads.feed(0, viewer=world.agency)
    assert [one.op for one in page.entries] == ["drop"] * 3
    assert not page.more


def test_the_chunks_of_a_snapshot_are_as_bounded_as_pages(world, monkeypatch):
    monkeypatch.setattr(long_values, "MAX_PAGE_VALUE_BYTES", 20_000)
    for number in range(7):
        share(world, value=text_value(number, grams=1000))
    told = list(reads.snapshot(viewer=world.agency))
    assert max(map(len, told)) < 45_000
    assert [len(one.splitlines()) for one in told] == [1, 2, 2, 2, 1, 1]


@at_night
def test_the_longest_values_travel_one_by_one(world):
    shared = [share(world, value=text_value(n, grams=262_000)).id for n in range(3)]
    pages = walk(world.agency)
    assert [[one.id for one in page.entries] for page in pages] == [shared[:2], shared[2:]]
    assert max(len(page.model_dump_json()) for page in pages) < 2 * MAX_PAGE_VALUE_BYTES + 10_000


def test_a_party_has_so_many_bytes_of_long_values_a_day_and_others_theirs(world, settings):
    values = [text_value(seed, grams=100) for seed in range(6)]
    settings.LONG_VALUE_BYTES_A_DAY = len(values[0]) + len(values[1])
    share(world, value=values[0])
    share(world, value=values[1])
    share(world, value=values[1])  # what it shares already costs nothing
    with pytest.raises(RateLimitError, match="after midnight UTC"):
        share(world, value=values[2])
    bodies = [signal_in(kind="text", value=values[3].hex(), quality=None), signal_in()]
    with pytest.raises(RateLimitError):
        writes.share_many(bodies, by=world.authority, now=NOON, partial=True)
    assert Signal.objects.count() == LongValue.objects.count() == 2
    world.share(value=hex_value(9))
    share(world, by=world.agency, value=values[4])
    tomorrow = signal_in(kind="text", value=values[2].hex(), quality=None)
    assert writes.share(tomorrow, by=world.authority, now=world.at(hours=12)).created
