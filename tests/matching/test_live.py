# SPDX-License-Identifier: Apache-2.0
from functools import lru_cache

import pytest
from PIL import Image, ImageOps

from stemtide.fingerprints.kinds import FingerprintError
from stemtide.fingerprints.values.video import Sampling
from stemtide.fingerprints.video.fingerprint import fingerprint_video
from stemtide.matching import live
from stemtide.matching.live import LiveMatcher
from stemtide.matching.video.finder import VideoFinder
from tests.fingerprints.videos import FPS, LIMITS, SCENES, clip, encoded, pictures
from tests.rounds import rounds

CHUNK_S = 2


@pytest.fixture(scope="module")
def finder():
    held = VideoFinder()
    made = [
        fingerprint_video(clip(name), limits=LIMITS, sampling=Sampling.SHARE).to_bytes()
        for name in ("street", "table")
    ]
    held.put([0, 1], made)
    return held


@pytest.fixture
def matcher(finder):
    return LiveMatcher(finder.find_in)


def hashed(frames):
    blob = encoded(frames, container="mpegts")
    return fingerprint_video(blob, limits=LIMITS, every_s=live.EVERY_S).to_bytes()


@lru_cache
def chunks(name, *, boxed=False):
    """Two seconds each."""
    frames = pictures(name)
    if boxed:
        frames = [ImageOps.expand(one, (0, 30), "black") for one in frames]
    step = CHUNK_S * FPS
    return [hashed(frames[start : start + step]) for start in range(0, len(frames), step)]


def first_alarm(matcher, stream, values, *, at_s=0.0):
    for number, value in enumerate(values):
        if new := [one for one in matcher.put(stream, value) if one.is_new]:
            return at_s + (number + 1) * CHUNK_S, new[0].occurrence
    return None, None


@pytest.mark.parametrize("boxed", rounds([True], nightly=[False, True]))
def test_known_content_is_told_within_ten_seconds_of_its_start(matcher, boxed):
    for value in chunks("sky"):
        assert matcher.put("tv", value) == []
    told_s, found = first_alarm(matcher, "tv", chunks("street", boxed=boxed), at_s=12)
    assert told_s is not None
    assert told_s - 12 <= 10
    assert found.key == 0
    assert found.query_span.start_s == pytest.approx(12, abs=1.5)
    assert found.signal_span.start_s == pytest.approx(found.query_span.start_s - 12, abs=0.6)


def test_what_goes_on_is_not_new_again(matcher):
    alarms = [alarm for value in chunks("street") for alarm in matcher.put("tv", value)]
    assert [alarm.is_new for alarm in alarms].count(True) == 1
    assert alarms[-1].occurrence.query_span.end_s > 10


def test_the_same_content_later_is_new(matcher):
    for value in [*chunks("street"), *chunks("sky"), *chunks("sky")]:
        matcher.put("tv", value)
    told_s, found = first_alarm(matcher, "tv", chunks("street"), at_s=36)
    assert told_s is not None
    assert found.query_span.start_s == pytest.approx(36, abs=1.5)


def test_streams_do_not_mix(matcher):
    for one, other in zip(chunks("sky"), chunks("street"), strict=True):
        assert matcher.put("quiet", one) == []
        matcher.put("loud", other)


def test_little_is_kept_of_a_long_stream(finder):
    matcher = LiveMatcher(finder.find_in, window_s=10, most_streams=2)
    looks = rounds(5, nightly=20)
    for _ in range(looks):
        for value in chunks("sky", boxed=True):
            matcher.put("tv", value)
    kept = matcher._streams["tv"].frames
    assert len(kept.rows) <= 12 / live.EVERY_S * 6
    assert kept.end_s == pytest.approx(12 * looks, abs=8)
    for number in range(5):
        matcher.put(f"stream {number}", chunks("sky")[0])
    assert len(matcher) == 2


def test_a_stream_that_ends_or_begins_anew_is_forgotten(matcher):
    for value in chunks("street")[:3]:
        matcher.put("tv", value, at_s=100)
    matcher.put("tv", chunks("sky")[0], at_s=0)
    assert matcher._streams["tv"].frames.at_s.max() < 3
    matcher.end("tv")
    matcher.end("never there")
    assert len(matcher) == 0


def test_chunks_may_say_when_they_begin(matcher):
    alarms = []
    for number, value in enumerate(chunks("street")):
        alarms += matcher.put("tv", value, at_s=1_000_000 + number * CHUNK_S)
    assert alarms[-1].occurrence.query_span.end_s == pytest.approx(1_000_011.5, abs=1)


def test_a_chunk_with_nothing_to_see_tells_nothing(matcher):
    assert matcher.put("tv", fingerprint_video(b"", limits=LIMITS).to_bytes()) == []
    assert matcher.put("tv", hashed([Image.new("RGB", (64, 64))] * FPS)) == []


def test_malformed_chunks_and_impossible_times_are_refused(matcher):
    with pytest.raises(FingerprintError):
        matcher.put("tv", b"nonsense")
    for at_s in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="begins at"):
            matcher.put("tv", chunks("sky")[0], at_s=at_s)


def test_the_scenes_are_known():
    assert {"street", "table", "sky"} <= set(SCENES)
