# SPDX-License-Identifier: Apache-2.0
"""What is kept is given again, and never to who may see less by now; making is limited."""

import itertools
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from stemtide.hub.platform.errors import ConflictError
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.writes import parties
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.writes import signals as writes
from stemtide.hub.rooms.snapshots import builder as making
from stemtide.hub.rooms.snapshots.builder import GoneError
from stemtide.hub.rooms.snapshots.cache import SnapshotBusyError, SnapshotCache
from stemtide.protocol.messages.signals import WithdrawIn
from stemtide.protocol.sync.snapshots import MAX_PARTIES_BYTES
from tests.rounds import rounds
from tests.world import NOON, hex_value


def files(settings):
    return sorted(one.name for one in (settings.DATA_DIR / "snapshots").glob("*.gz"))


def test_one_is_given_again_while_nothing_changed_and_is_made_anew_after_an_hour(world, readers):
    world.share()
    first = readers.kept(world.agency)
    readers.later(minutes=59)
    assert readers.kept(world.agency).path == first.path
    readers.later(minutes=2)
    again = readers.kept(world.agency)
    assert (again.manifest.sha256, again.manifest.version) == (first.manifest.sha256, 1)
    assert again.manifest.made_at > first.manifest.made_at


def dear(step_s=1.0):
    """Every making costs so many seconds of a processor."""
    spent = itertools.count()
    return lambda: next(spent) * step_s


def test_one_that_cost_much_is_given_again_for_ten_times_as_long(world, readers):
    world.share()
    effort = dear()
    first = readers.kept(world.agency, effort=effort)
    world.share(value=hex_value(2))
    readers.later(seconds=9)
    assert readers.kept(world.agency, effort=effort).path == first.path
    readers.later(seconds=2)
    assert readers.kept(world.agency, effort=effort).manifest.version == 2


def test_one_that_cost_little_is_made_anew_as_soon_as_something_changed(world, readers):
    world.share()
    readers.kept(world.agency, effort=dear(0.1))
    world.share(value=hex_value(2))
    assert readers.kept(world.agency, effort=dear(0.1)).manifest.version == 2


def test_a_reader_who_has_a_later_version_from_another_machine_is_not_set_back(world, readers):
    world.share()
    readers.kept(world.agency, effort=dear())
    world.share(value=hex_value(2))
    found = readers.kept(world.agency, effort=dear(), at_least=2)
    assert found.manifest.version == 2
    made_up = readers.kept(world.agency, effort=dear(), at_least=99)
    assert made_up.path == found.path


def test_a_reader_of_less_gets_no_older_file(world, readers):
    world.share(tlp="amber")
    before = readers.kept(world.small_provider)
    world.small_provider.kind = "observer"
    world.small_provider.save()
    with pytest.raises(GoneError):
        making.file_of(before.manifest.version, viewer=world.small_provider, exercise=False)
    assert readers.kept(world.small_provider).manifest.signals == 0


def test_a_reader_of_less_gets_no_older_file_once_a_newer_one_is_made_either(world, readers):
    world.share(tlp="amber")
    before = readers.kept(world.small_provider)
    world.small_provider.kind = "observer"
    world.small_provider.save()
    world.share(value=hex_value(2), tlp="clear")
    assert readers.kept(world.small_provider).manifest.version == before.manifest.version + 1
    with pytest.raises(GoneError):
        making.file_of(before.manifest.version, viewer=world.small_provider, exercise=False)


def test_the_newest_file_and_the_one_before_it_are_kept_and_no_others(world, readers, settings):
    made = []
    for number in range(4):
        world.share(value=hex_value(number))
        readers.later(seconds=1)
        made.append(readers.kept(world.agency))
    assert files(settings) == sorted(one.path.name for one in made[2:])
    assert making.file_of(3, viewer=world.agency, exercise=False) == made[2].path
    for version in (1, 2, 5):
        with pytest.raises(GoneError, match="latest whole"):
            making.file_of(version, viewer=world.agency, exercise=False)


def test_files_that_nobody_asked_for_in_a_day_are_deleted(world, readers, settings):
    readers.kept(world.agency)
    readers.now += timedelta(days=10_000)  # the files' own times are the machine's
    kept = readers.kept(world.big_provider)
    assert files(settings) == [kept.path.name]


def test_a_deleted_or_odd_folder_is_made_anew(world, readers, settings):
    world.share()
    for spoil in (lambda one: one.unlink(), lambda one: one.write_bytes(b"odd")):
        readers.kept(world.agency)
        for path in (settings.DATA_DIR / "snapshots").glob("*.note"):
            spoil(path)
        assert len(readers.lines(readers.whole(world.agency)[0])) == 1
    for path in (settings.DATA_DIR / "snapshots").iterdir():
        path.unlink()
    assert readers.kept(world.agency).manifest.signals == 1


def test_a_reader_makes_one_at_a_time(world, readers, settings):
    cache = SnapshotCache(settings.DATA_DIR / "snapshots", viewer=world.agency, exercise=False)
    with cache.alone(), pytest.raises(SnapshotBusyError):
        readers.kept(world.agency)
    assert readers.kept(world.agency).manifest.signals == 0


def test_a_delta_of_most_of_it_is_refused(world, readers, monkeypatch):
    monkeypatch.setattr("stemtide.protocol.sync.snapshot_files.MEMBER_BYTES", 100)
    monkeypatch.setattr("stemtide.hub.rooms.signals.reads.snapshots._CHUNK", 1)
    _, manifest = readers.whole(world.agency)
    for number in range(20):
        world.share(value=hex_value(number))
    with pytest.raises(GoneError, match="most of it changed"):
        readers.delta(world.agency, manifest)
    base, manifest = readers.whole(world.agency)
    world.share(value=hex_value(99))
    applied = readers.apply(base, readers.delta(world.agency, manifest))
    assert len(readers.lines(applied)) == 21


def test_files_are_for_their_owner_only(world, readers, settings):
    readers.kept(world.agency)
    folder = settings.DATA_DIR / "snapshots"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {one.stat().st_mode & 0o077 for one in folder.glob("*.gz")} == {0}


@pytest.mark.django_db(transaction=True)
def test_a_snapshot_is_one_moment_while_writers_write(committed_world, readers):
    """Pairs are shared in one act and withdrawn in one: no snapshot has half of one."""
    world, numbers, enough = committed_world, itertools.count(), threading.Event()
    from tests.world import signal_in

    def pair():
        number = next(numbers)
        return [signal_in(value=hex_value(2 * number + half)) for half in (0, 1)]

    for _ in range(30):
        writes.share_many(pair(), by=world.authority, now=NOON)

    def write():
        while not enough.is_set():
            writes.share_many(pair(), by=world.authority, now=NOON)
        connection.close()

    seen = set()
    with ThreadPoolExecutor(1) as thread:
        writing = thread.submit(write)
        try:
            while len(seen) < 20 and not writing.done():
                path, manifest = readers.whole(world.agency)
                values = {json.loads(one)["value"] for one in readers.lines(path)}
                assert len(values) % 2 == 0
                assert len(values) == manifest.version == manifest.signals
                seen.add(len(values))
        finally:
            enough.set()
        writing.result()
    assert len(seen) == 20


@pytest.mark.django_db(transaction=True)
def test_deltas_lead_on_while_writers_write(committed_world, readers):
    world = committed_world
    count = rounds(15, nightly=40)
    shared = [world.share(value=hex_value(number)) for number in range(count)]
    held, manifest = readers.whole(world.agency)

    def write():
        for one in shared:
            body = WithdrawIn(reason="mistake")
            writes.withdraw(one.id, body=body, by=world.authority, now=NOON)
            world.share(value=hex_value(one.position + 1000))
        connection.close()

    with ThreadPoolExecutor(1) as thread:
        writing = thread.submit(write)
        while not writing.done():
            held = readers.apply(held, readers.delta(world.agency, manifest))
            manifest = readers.manifest(held)
        writing.result()
    held = readers.apply(held, readers.delta(world.agency, manifest))
    values = {json.loads(one)["value"] for one in readers.lines(held)}
    assert values == {
        entry.value for entry in reads.feed(0, viewer=world.agency).entries if entry.op == "put"
    }
    assert len(values) == count


def test_a_position_that_was_never_reached_makes_no_delta(world, readers):
    kept = readers.kept(world.agency)
    with pytest.raises(ConflictError):
        making.delta(kept, base=5, view=kept.manifest.view)


def test_a_signed_file_has_the_parties_and_is_made_anew_when_one_changes(world, readers):
    world.share()
    effort = dear()
    first = readers.kept(world.agency, effort=effort)
    assert len(first.manifest.parties) == len(world.everyone)
    party = parties.add_party("new", title="New", kind="agency", actor="operator", now=NOON)
    second = readers.kept(world.agency, effort=effort)
    assert second.manifest.parties[-1].name == party.name
    assert second.manifest.view == first.manifest.view


def test_a_signed_file_leaves_out_parties_that_its_first_line_cannot_hold(world, readers):
    count = MAX_PARTIES_BYTES // 100
    Party.objects.bulk_create(
        Party(name=f"p-{number}", kind="provider", joined_at=NOON) for number in range(count)
    )
    assert readers.kept(world.agency).manifest.parties is None
