# SPDX-License-Identifier: Apache-2.0
"""Where chunks belong in a stream, and what is remembered of what it matched."""

import pytest

from stemtide.agent.live import state as live_state
from stemtide.agent.live.state import OutOfStepError, StreamState, matches_of
from stemtide.agent.live.store import FullError, LiveStore
from stemtide.fingerprints.analysis import LiveChunk
from stemtide.matching.found import Occurrence, TimeRange


def digest(seq):
    return seq.to_bytes(8)


def take(state, seq, *, starts_s=None, lasts_s=4.0):
    """Take a chunk in; return when it begins."""
    place = state.position_of(seq, digest(seq))
    chunk = None if starts_s is None else LiveChunk(starts_s, lasts_s, b"")
    at_s = state.begin_s(place, chunk)
    state.record_chunk(place, digest(seq), at_s=at_s, lasts_s=lasts_s)
    return at_s


def gaps(state):
    return [(one.first, one.last) for one in state.gaps]


def test_chunks_without_a_clock_follow_each_other():
    state = StreamState()
    assert [take(state, seq) for seq in (5, 6, 7)] == [0.0, 4.0, 8.0]


def test_the_streams_own_clock_is_followed():
    state = StreamState()
    assert take(state, 0, starts_s=900.0) == 0.0
    assert take(state, 1, starts_s=904.3) == pytest.approx(4.3)
    assert take(state, 2, starts_s=908.1) == pytest.approx(8.1)


@pytest.mark.parametrize("jump", [0.0, 5.0, 95_443.7])
def test_a_clock_that_jumps_is_set_anew(jump):
    state = StreamState()
    take(state, 0, starts_s=900.0)
    assert take(state, 1, starts_s=jump) == 4.0
    assert take(state, 2, starts_s=jump + 4) == 8.0


def test_a_gap_is_as_long_as_the_clock_says_or_as_its_chunks():
    state = StreamState()
    take(state, 0, starts_s=0.0)
    assert take(state, 4, starts_s=19.0) == 19.0
    state = StreamState()
    take(state, 0)
    assert take(state, 4) == 16.0
    assert gaps(state) == [(1, 3)]


def test_late_chunks_fill_a_gap_from_any_side():
    state = StreamState()
    for seq in (0, 6):
        take(state, seq)
    assert take(state, 3) == 12.0
    assert gaps(state) == [(1, 2), (4, 5)]
    assert take(state, 1) == 4.0
    assert take(state, 5, starts_s=20.5) == 20.0  # by its number: there was no clock
    assert gaps(state) == [(2, 2), (4, 4)]
    for seq in (2, 4):
        take(state, seq)
    assert gaps(state) == []
    assert (state.last, state.end_s) == (6, 28.0)


def test_only_so_many_gaps_and_numbers_are_remembered():
    state = StreamState()
    for seq in range(0, 400, 2):
        take(state, seq)
    assert len(state.gaps) == live_state.MOST_GAPS
    assert len(state.recent) == live_state.MOST_RECENT
    assert state.position_of(398, digest(398)) is None
    for seq in (1, 0):
        with pytest.raises(OutOfStepError, match="long past"):
            state.position_of(seq, digest(seq))


def found(key=1, *, at=10.0, of=0.0, seconds=5.0, confidence=0.99, score=20.0):
    spans = TimeRange(at, at + seconds), TimeRange(of, of + seconds)
    return Occurrence(key, score, confidence, *spans, 1.0, "")


def test_a_find_that_goes_on_is_one_stretch_and_another_one_is_not():
    state = StreamState()
    for one in (found(), found(at=14, of=4, score=30.0), found(at=40, of=0), found(at=17, of=30)):
        state.add_match("a", "video", one)
    (met,) = state.met
    spans = sorted((one.query_span.start_s, one.query_span.end_s) for one in matches_of(met))
    assert spans == [(10.0, 19.0), (17.0, 22.0), (40.0, 45.0)]


def test_the_surest_stretch_is_told_first_and_keeps_its_confidence():
    state = StreamState()
    state.add_match("a", "video", found(confidence=0.8))
    state.add_match("a", "video", found(at=12, of=2, confidence=0.97))
    state.add_match("a", "video", found(at=13, of=3, confidence=0.5))
    assert [one.confidence for one in matches_of(state.met[0])] == [0.97]


def test_a_stream_that_matches_everything_is_remembered_in_bounds():
    state = StreamState()
    for number in range(live_state.MOST_SIGNALS + 20):
        state.add_match(str(number), "audio", found())
    for number in range(live_state.MOST_STRETCHES + 20):
        state.add_match("0", "audio", found(at=100.0 * number))
    assert len(state.met) == live_state.MOST_SIGNALS
    assert len(state.met[0].stretches) == live_state.MOST_STRETCHES
    state.add_match(
        "0", "audio", Occurrence(1, 9.0, 0.9)
    )  # without a span it says nothing of a stream
    assert StreamState.from_bytes(state.to_bytes()) == state


@pytest.fixture
def streams(tmp_path):
    with_room = LiveStore(tmp_path / "live.db", most=2, idle_s=10)
    yield with_room
    with_room.close()


def test_whoever_read_an_older_state_does_not_write_over_a_newer_one(streams):
    first = streams.open("a", ref="r", now=1)
    second = streams.open("a", ref="other", now=1)
    assert second.ref == "r"
    assert streams.save(second, now=2, state=StreamState(last=1))
    assert not streams.save(first, now=2, state=StreamState(last=0))
    assert streams.find("a", now=3).state().last == 1


def test_a_stream_that_was_ended_is_not_written_again(streams):
    row = streams.open("a", ref="r", now=1)
    assert streams.end("a", now=2) == row
    assert streams.end("a", now=2) is None
    assert not streams.save(row, now=2, state=StreamState())
    again = streams.open("a", ref="r", now=3)
    assert not streams.save(row, now=3, state=StreamState())
    assert streams.save(again, now=3, init=b"init")


def test_an_idle_stream_makes_room_and_one_at_work_does_not(streams):
    for name in "ab":
        streams.open(name, ref=name, now=1)
    with pytest.raises(FullError):
        streams.open("c", ref="c", now=5)
    streams.open("a", ref="a", now=9)  # a chunk of it has come, and is being decoded
    streams.open("c", ref="c", now=12)
    assert [name for name, _ in streams.names(now=12)] == ["a", "c"]
    assert (streams.count(now=12), streams.count(now=20)) == (2, 1)
    assert streams.sweep(now=30) == 2


def test_a_state_that_cannot_be_read_begins_anew(streams):
    row = streams.open("a", ref="r", now=1)
    streams._connection.execute("UPDATE streams SET state = x'c1c1'")
    assert streams.find("a", now=1).state() == StreamState()
    assert streams.save(row, now=2, state=StreamState(last=3))
