# SPDX-License-Identifier: Apache-2.0
"""The Library's files, and stores of several processes that keep up with each other."""

from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import pytest

from stemtide.agent.store import index, rows, schema
from stemtide.agent.store.database import Store
from stemtide.agent.store.position import BehindError, Origin
from stemtide.agent.store.rows import SignalRow
from stemtide.fingerprints.kinds import Fingerprint, Fingerprints, Kind
from stemtide.fingerprints.values.video import ROW, Sampling, VideoPrint
from stemtide.matching.library import Library
from tests.agent.test_store import tear_pages_of

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ORIGIN = Origin("hub", "party", exercise=False)


def row_of(number, *, value=None, within_bits=None, body="{}"):
    value = value or number.to_bytes(32, "big")
    uid = str(UUID(int=number))
    return SignalRow(
        uid, "pdq", value, within_bits, None, exercise=False, disputed=False, body=body
    )


def apply(store, *numbers, drops=(), **other):
    store.apply(
        [row_of(number, **other) for number in numbers],
        [str(UUID(int=number)) for number in drops],
        position=store.position + 1,
        synced_at=NOON,
        alongside=lambda _: None,
    )


def adopt(store, *numbers):
    incoming = store.begin_incoming()
    store.add_incoming(incoming, [row_of(number) for number in numbers])
    store.adopt_incoming(incoming, origin=ORIGIN, position=1, now=NOON, alongside=lambda *_: None)


def found(store, number, *, within_bits=0):
    hits = store.library.match_values(Kind.PDQ, number.to_bytes(32, "big"), within_bits=within_bits)
    return hits.keys.tolist()


@pytest.fixture
def lock(tmp_path):
    with schema.lock_directory(tmp_path) as lock:
        yield lock


@pytest.fixture
def lead(tmp_path, lock):
    with Store(tmp_path, lock=open(lock.name, "rb")) as store:  # noqa: PTH123 - the store closes it
        yield store


@pytest.fixture
def follower(tmp_path, lock, lead):  # noqa: ARG001 - the lead comes first
    with Store(tmp_path, lock=open(lock.name, "rb")) as store:  # noqa: PTH123 - the store closes it
        yield store


def test_a_start_takes_the_saved_files_and_what_came_after(tmp_path):
    with Store(tmp_path) as store:
        apply(store, *range(100))
        store.save()
        apply(store, 100, drops=[7])
        assert store.unsaved == 2
    with Store(tmp_path) as store:
        assert store.unsaved == 2
        assert [found(store, number) for number in (7, 8, 100)] == [[], [9], [101]]
        assert len(store.library) == 100


@pytest.mark.parametrize("damage", ["torn", "foreign", "missing"])
def test_files_that_are_not_ours_or_not_whole_are_made_anew(tmp_path, damage, caplog):
    with Store(tmp_path) as store:
        apply(store, *range(100))
        store.save()
    (file,) = (tmp_path / "segments").rglob("pdq.segment")
    if damage == "torn":
        file.write_bytes(file.read_bytes()[:-2000])
    elif damage == "foreign":
        other = tmp_path / "other"
        with Store(other) as store:
            apply(store, *range(200, 300))
            store.save()
        next(other.rglob("pdq.segment")).rename(file)
    else:
        file.unlink()
    with Store(tmp_path) as store:
        assert (len(store.library), store.unsaved) == (100, 100)
        assert [found(store, number) for number in (5, 205)] == [[6], []]
    assert ("segments are made anew" in caplog.text) == (damage != "missing")


def test_a_number_never_stands_for_two_fingerprints(tmp_path):
    with Store(tmp_path) as store:
        apply(store, 1, 2, 3)
        apply(store, drops=[3])
        apply(store, 3)
        assert found(store, 3) == [4]
        adopt(store, 1, 2)
        assert store.read("SELECT seq FROM signals ORDER BY seq") == [(5,), (6,)]
        store.begin_incoming()
        adopt(store, 9)
        assert found(store, 9) == [7]
        apply(store, 10)
        assert found(store, 10) == [8]


def test_a_change_that_leaves_the_fingerprint_leaves_the_number(tmp_path):
    with Store(tmp_path) as store:
        apply(store, 1)
        apply(store, 1, body='{"changed": true}')
        assert store.read("SELECT seq, body FROM signals") == [(1, '{"changed": true}')]
        apply(store, 1, within_bits=3)
        assert store.read("SELECT seq FROM signals") == [(2,)]
        assert store.read("SELECT seq FROM gone") == [(1,)]


def test_files_of_an_earlier_snapshot_are_removed(tmp_path):
    with Store(tmp_path) as store:
        adopt(store, 1)
        store.save()
        adopt(store, 2)
        assert [one.name for one in (tmp_path / "segments").iterdir()] == [store.view.generation]


def test_one_store_leads_and_the_other_follows_its_changes(lead, follower):
    assert (lead.is_primary, follower.is_primary) == (True, False)
    assert not follower.has_news()
    apply(lead, 1, 2)
    assert follower.has_news()
    follower.catch_up()
    assert (found(follower, 2), follower.position) == ([2], 1)
    apply(lead, 3, drops=[1])
    follower.catch_up()
    assert [found(follower, number) for number in (1, 2, 3)] == [[], [2], [3]]
    assert not lead.is_replaced


def test_a_follower_goes_over_to_another_snapshot(lead, follower):
    apply(lead, 1)
    follower.catch_up()
    adopt(lead, 2, 3)
    follower.catch_up()
    assert [found(follower, number) for number in (1, 2, 3)] == [[], [2], [3]]
    assert (follower.unsaved, follower.origin) == (0, ORIGIN)


def test_a_follower_that_is_far_behind_compares_everything(lead, follower, monkeypatch):
    monkeypatch.setattr(rows, "KEEP_GONE", 2)
    apply(lead, *range(10))
    follower.catch_up()
    apply(lead, 10, drops=range(5))
    assert lead.read("SELECT count(*) FROM gone") == [(2,)]
    follower.catch_up()
    assert [found(follower, number) for number in (0, 4, 5, 10)] == [[], [], [6], [11]]


def test_a_follower_goes_over_to_files_that_the_lead_saved(lead, follower):
    apply(lead, *range(50))
    follower.catch_up()
    lead.save()
    apply(lead, 50, drops=[3])
    follower.catch_up()
    assert [found(follower, number) for number in (3, 4, 50)] == [[], [5], [51]]
    assert len(follower.library) == 50


def test_a_signal_that_changed_since_is_found_by_catching_up(lead, follower):
    apply(lead, 1)
    follower.catch_up()
    apply(lead, 1, within_bits=5)
    (key,) = found(follower, 1)
    with pytest.raises(BehindError):
        follower.summaries([key], now=0, exercise=False, strict=True)
    with pytest.raises(BehindError):
        follower.find([key], strict=True)
    follower.catch_up()
    (key,) = found(follower, 1)
    assert follower.summaries([key], now=0, exercise=False, strict=True)


def test_the_lead_falls_to_a_follower_that_has_caught_up(lead, follower):
    assert not follower.try_primary()
    apply(lead, 1)
    lead.close()
    assert follower.try_primary()
    apply(follower, 2)
    assert [found(follower, number) for number in (1, 2)] == [[1], [2]]


def test_damage_that_a_start_does_not_meet_is_found_by_the_check(tmp_path):
    with Store(tmp_path) as store:
        apply(store, *range(2000), body="x" * 1000)
        store.save()
    tear_pages_of(tmp_path / "agent.db", "signals")
    with Store(tmp_path) as store:
        assert (store.trouble, len(store.library)) == ("", 2000)
        store.check()
        assert "was damaged" in store.trouble
        assert (len(store.library), store.origin, store.position) == (0, None, 0)
        apply(store, 1)
        assert found(store, 1)


def test_a_whole_file_passes_the_check(lead, follower):
    apply(lead, 1)
    lead.check()
    assert (lead.trouble, follower.is_replaced) == ("", False)


def test_many_rows_that_no_file_has_are_read_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(index, "_CHUNK", 7)
    with Store(tmp_path) as store:
        apply(store, *range(50))
        apply(store, drops=range(10, 20))
    with Store(tmp_path) as store:
        assert len(store.library) == 40
        assert [found(store, number) for number in (9, 10, 49)] == [[10], [], [50]]


def film_of(number):
    rows = np.zeros(40, ROW)
    rows["at_ms"], rows["quality"] = np.arange(40) * 250, 100
    rows["pdq"] = np.random.default_rng(number).integers(0, 256, (40, 32), dtype=np.uint8)
    return VideoPrint(rows, Sampling.SHARE, duration_ms=10_000).to_bytes()


def test_films_are_there_again_from_their_file(tmp_path, monkeypatch):
    with Store(tmp_path) as store:
        films = [row_of(one)._replace(kind="video", value=film_of(one)) for one in range(1, 30)]
        store.apply(films, [], position=1, synced_at=NOON, alongside=lambda _: None)
        assert store.unsaved == 29  # of one kB and a half each
        store.save()
        assert store.unsaved == 0

    def refuse(*_):
        raise AssertionError("a film was read anew")

    monkeypatch.setattr(index, "put", refuse)
    with Store(tmp_path) as store:
        asked = Fingerprints((Fingerprint(Kind.VIDEO, film_of(7)),))
        assert len(store.library.match(asked)) == 1
        assert len(store.library) == 29


def test_long_values_are_read_in_small_pieces(monkeypatch):
    monkeypatch.setattr(index, "_CHUNK_BYTES", 3000)
    taken = []
    library = Library()
    monkeypatch.setattr(library, "put", lambda each: taken.append(len(list(each))))
    values = [(number, "video", film_of(number), None) for number in range(5)]
    assert index.put(library, values) == 5
    assert taken == [2, 2, 1]
