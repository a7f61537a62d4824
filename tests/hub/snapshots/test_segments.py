# SPDX-License-Identifier: Apache-2.0
"""An agent that loads a party's segments has what one that reads the whole feed has."""

import json
import os
import random
import threading
from datetime import timedelta

import numpy as np
import pytest
from django.db import transaction

from stemtide.agent.counters import Counters
from stemtide.agent.store.database import Store
from stemtide.agent.store.position import Origin
from stemtide.agent.store.rows import SignalRow
from stemtide.agent.sync.snapshot import FeedReader
from stemtide.fingerprints.kinds import SIZE_BYTES, Kind
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.writes import signals as writes
from stemtide.hub.rooms.snapshots import segments
from stemtide.hub.rooms.snapshots.builder import GoneError, hub_keys
from stemtide.hub.rooms.snapshots.cache import SnapshotBusyError
from stemtide.protocol.messages.signals import WithdrawIn
from stemtide.protocol.sync.feed import FeedSignal
from stemtide.protocol.sync.segments import (
    SegmentError,
    SegmentManifest,
    read_segment,
    seal_segment,
)
from stemtide.protocol.sync.signatures import check
from tests.hub.snapshots.test_oracle import Play
from tests.rounds import rounds
from tests.world import NOON, hex_value, lift, suspend


@pytest.fixture
def folder(readers, settings, tmp_path):  # noqa: ARG001  # it says where the hub keeps its files
    settings.SEGMENTS_FOLDER = tmp_path / "segments"
    return settings.SEGMENTS_FOLDER


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(segments, "MAX_ENTRIES", 16)


@pytest.fixture
def listed(folder, readers):  # noqa: ARG001  # as above
    """listed(viewer) gives a party's list, later than the one before."""

    def read(viewer, *, exercise=False, **later):
        readers.later(**(later or {"minutes": 1}))
        signed = segments.manifest(viewer=viewer, exercise=exercise, now=readers.now)
        check(signed, trusted=hub_keys().public)
        return SegmentManifest.model_validate_json(signed.manifest)

    return read


class Agent:
    """The store of an agent, which is filled in two ways."""

    def __init__(self, folder, *, exercise):
        self.store = Store(folder)
        self.reader = FeedReader(Counters(), exercise=exercise)
        self.incoming = self.store.begin_incoming()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.store.close()

    def take(self, entries):
        self.store.add_incoming(self.incoming, entries.rows, entries.drops)

    def has(self):
        """Every row with its body as a message, and what the Library finds."""
        origin = Origin("hub", "party", exercise=False)
        self.store.adopt_incoming(
            self.incoming, origin=origin, position=1, now=NOON, alongside=lambda *_: None
        )
        sql = "SELECT id, kind, value, within_bits, expires_at, exercise, disputed, body, seq"
        rows = self.store.read(f"{sql} FROM signals")
        keys = {seq: uid for uid, *_, seq in rows}
        assert sorted(keys) == self.store.library.keys().tolist()
        values = {kind: [row[2] for row in rows if row[1] == kind] for kind in Kind}
        hits = {
            kind: self._hits(kind, of_kind, keys)
            for kind, of_kind in values.items()
            if kind in SIZE_BYTES
        }
        return sorted((*row[:7], FeedSignal.model_validate_json(row[7])) for row in rows), hits

    def _hits(self, kind, values, keys):
        found = self.store.library.match_values(kind, b"".join(values))
        pairs = zip(found.queries.tolist(), found.keys.tolist(), strict=True)
        return sorted((values[query], keys[key]) for query, key in pairs)


def by_segments(manifest, folder, home):
    with Agent(home, exercise=manifest.exercise) as agent:
        for segment in manifest.segments:
            lines = read_segment(folder / segment.name, segment).splitlines()
            agent.take(agent.reader.lines(lines, source="hub"))
        return agent.has()


def by_feed(viewer, home, *, exercise):
    with Agent(home, exercise=exercise) as agent:
        after, more = 0, True
        while more:
            found = reads.feed(after, viewer=viewer, exercise=exercise, limit=7)
            raws = json.loads(found.model_dump_json())["entries"]
            agent.take(agent.reader.entries(raws))
            after, more = found.next, found.more
        return agent.has()


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("seed", range(rounds(1, nightly=6)))
def test_segments_are_what_the_feed_says(world, listed, folder, tmp_path, seed):
    play = Play(world, seed)
    stores = (tmp_path / f"store-{number}" for number in range(1000))
    seeing = world.everyone[1 :: rounds(2, nightly=1)]
    viewers = [(one, mark) for one in seeing for mark in (False, True)]
    for _ in range(rounds(2, nightly=4)):
        play.some(12)
        for viewer, mark in viewers:
            manifest = listed(viewer, exercise=mark)
            whole = by_feed(viewer, next(stores), exercise=mark)
            assert by_segments(manifest, folder, next(stores)) == whole
        suspend(world.authority, agency=world.agency)  # its signals stay in the feed
        assert {one.name: one.standing for one in listed(world.big_provider).parties}[
            world.authority.name
        ] == "suspended"
        lift(world.authority, agency=world.agency)


@pytest.mark.nightly
def test_small_segments_are_read_again_and_large_ones_stay(world, listed, monkeypatch):
    monkeypatch.setattr(segments, "MAX_ENTRIES", 40)
    before, kept = [], 0
    for number in range(120):
        world.share(value=hex_value(number))
        manifest = listed(world.big_provider)
        names = [segment.name for segment in manifest.segments]
        assert len(names) <= 120 // 20 + 6
        live = reads.feed(0, viewer=world.big_provider).entries
        assert sum(segment.entries for segment in manifest.segments) == len(live)
        kept += len(set(names) & set(before))
        before = names
    assert kept > 120


def test_a_change_is_an_entry_in_a_new_segment_and_the_old_file_stays(world, listed, folder):
    shared = [world.share(value=hex_value(number)) for number in range(20)]
    (first,) = listed(world.big_provider).segments
    body = WithdrawIn(reason="mistake")
    writes.withdraw(shared[3].id, body=body, by=world.authority, now=NOON)
    old, new = listed(world.big_provider).segments
    assert old == first
    (line,) = read_segment(folder / new.name, new).splitlines()
    assert json.loads(line) == {
        "op": "drop",
        "position": 21,
        "id": str(shared[3].id),
        "state": "withdrawn",
    }


def test_readers_who_see_the_same_share_files_and_no_other_reader_has_their_keys(
    world, listed, folder
):
    world.share(tlp="amber")
    (of_small,) = listed(world.small_provider).segments
    (of_big,) = listed(world.big_provider).segments
    assert of_small == of_big
    assert len(list(folder.iterdir())) == 1
    world.share(value=hex_value(2), tlp="red", audience=["small-forum"])
    for_small = listed(world.small_provider).segments
    (of_big,) = listed(world.big_provider).segments
    assert for_small[-1].key != of_big.key
    for path in folder.iterdir():
        assert hex_value(2).encode() not in path.read_bytes()
    stolen = for_small[-1].model_copy(update={"key": of_big.key})
    with pytest.raises(SegmentError, match="does not open with its key"):
        read_segment(folder / stolen.name, stolen)


def test_a_reader_who_may_see_less_gets_other_segments(world, listed):
    world.share(tlp="amber")
    assert len(listed(world.small_provider).segments) == 1
    world.small_provider.kind = "observer"
    world.small_provider.save()
    assert listed(world.small_provider, seconds=1).segments == []


def test_a_hub_that_was_set_back_lists_what_it_has_now(world, listed, folder):
    world.share()
    with transaction.atomic():
        world.share(value=hex_value(2))
        listed(world.agency)
        transaction.set_rollback(True)
    world.share(value=hex_value(3))
    manifest = listed(world.agency)
    texts = [read_segment(folder / one.name, one).decode() for one in manifest.segments]
    assert hex_value(3) in "".join(texts)
    assert hex_value(2) not in "".join(texts)


def test_a_file_that_was_deleted_is_made_again(world, listed, folder):
    world.share()
    (before,) = listed(world.agency).segments
    (folder / before.name).unlink()
    with pytest.raises(GoneError, match="read the list of segments again"):
        segments.file_of(before.name)
    assert listed(world.agency).segments == [before]
    assert segments.file_of(before.name).exists()


def test_files_that_no_list_had_for_two_days_are_deleted(world, listed, folder, readers):
    world.share()
    (old,) = listed(world.agency).segments
    world.share(value=hex_value(2))
    (new,) = listed(world.agency).segments
    long_ago = (readers.now - timedelta(days=3)).timestamp()
    (folder / "index.html").write_text("of the web server")
    for path in folder.iterdir():
        os.utime(path, (long_ago, long_ago))
    listed(world.agency)  # marks what it lists as used, after others were looked at
    listed(world.agency)
    assert {path.name for path in folder.iterdir()} == {new.name, "index.html"}
    assert new != old


def test_much_is_read_in_a_thread_and_everything_anew_after_a_week(world, listed, monkeypatch):
    world.share()
    assert listed(world.agency).version == 1
    begun = []
    monkeypatch.setattr(threading.Thread, "start", lambda self: begun.append(self._args[1]))
    monkeypatch.setattr(segments, "MAX_READ_AT_ONCE", 1)
    for number in range(2, 5):
        world.share(value=hex_value(number))
    assert listed(world.agency).version == 1  # the feed has the rest
    with pytest.raises(SnapshotBusyError):
        listed(world.agency, hours=1)
    with pytest.raises(SnapshotBusyError):
        listed(world.big_provider)
    assert [state and state.version for state in begun] == [1, 1, None]
    monkeypatch.setattr(segments, "MAX_READ_AT_ONCE", 100)
    assert listed(world.agency).version == 4
    world.share(value=hex_value(5))
    with pytest.raises(SnapshotBusyError):
        listed(world.agency, days=7)
    assert begun[3:] == [None]


@pytest.mark.parametrize("harm", ["cut", "changed", "other key", "other count"])
def test_a_file_that_is_not_what_the_list_says_is_named(tmp_path, harm):
    segment, content = seal_segment(b"{}\n" * 9, after=0, until=9, entries=9, secret=os.urandom(32))
    content = {"cut": content[:-1], "changed": content[:-1] + b"x"}.get(harm, content)
    harmed = {"other key": {"key": "0" * 64}, "other count": {"entries": 8}}.get(harm, {})
    (tmp_path / segment.name).write_bytes(content)
    with pytest.raises(SegmentError, match=f"segment {segment.name} "):
        read_segment(tmp_path / segment.name, segment.model_copy(update=harmed))


def test_what_a_later_entry_replaced_is_what_a_slow_twin_says(tmp_path):
    dice = random.Random(3)  # noqa: S311  # chance, not secrecy
    with Store(tmp_path) as store:
        incoming, latest, numbers = store.begin_incoming(), {}, []
        for _ in range(300):
            uid = f"00000000-0000-4000-8000-{dice.randrange(60):012}"
            if dice.random() < 0.3:
                incoming.add([], [uid])
                latest.pop(uid, None)
                continue
            ((number, _),) = incoming.add([row_of(uid, dice)], [])
            numbers.append(number)
            latest[uid] = number
        replaced = incoming.replaced()
    assert replaced.tolist() == sorted(set(numbers) - set(latest.values()))
    assert replaced.dtype == np.int64


def row_of(uid, dice):
    value = dice.randbytes(32)
    return SignalRow(uid, "sha256", value, None, None, exercise=False, disputed=False, body="{}")
