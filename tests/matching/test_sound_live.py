# SPDX-License-Identifier: Apache-2.0
import io
import sys
from functools import cache
from itertools import pairwise

import av
import numpy as np
import pytest
from benchmarks.media import audio_sounds, audio_variants
from benchmarks.media.audio_sounds import RATE

from stemtide.fingerprints.audio.fingerprint import fingerprint_audio, fingerprint_chunk
from stemtide.fingerprints.kinds import FingerprintError
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.values.audio import Sound, Track
from stemtide.matching.audio.finder import AudioFinder
from stemtide.matching.audio.live import LiveAudio
from tests.rounds import rounds

KNOWN_AT_S = 12.0


@cache
def known() -> np.ndarray:
    return audio_sounds.music(20, seconds=25)


@cache
def broadcast() -> np.ndarray:
    """Twelve seconds of something else, eighteen of known music, eight of something else."""
    return np.concatenate(
        [
            audio_sounds.speech(21, seconds=KNOWN_AT_S),
            0.7 * known()[3 * RATE : 21 * RATE],
            audio_sounds.speech(22, seconds=8),
        ]
    )


@cache
def finder() -> AudioFinder:
    made = AudioFinder()
    content = audio_variants.encoded(known(), audio_variants.WAV)
    made.put([5], [fingerprint_audio(content, limits=DecodingLimits()).for_sharing().to_bytes()])
    return made


def segments(samples: np.ndarray, *, seconds: float) -> list[bytes]:
    """Encode without a break, and cut where a packet ends, as live streams are cut."""
    out = io.BytesIO()
    ends = [0]
    with av.open(out, "w", format="adts") as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        for frame in (*audio_variants.frames_of(samples[None], "mono"), None):
            for packet in stream.encode(frame):
                container.mux(packet)
                if float((packet.pts + 1024) * packet.time_base) >= seconds * len(ends):
                    ends.append(out.tell())
    whole = out.getvalue()
    return [whole[start:stop] for start, stop in pairwise([*ends, len(whole)]) if stop > start]


def play(live: LiveAudio, chunks: list[bytes]) -> list[list]:
    carry, told = b"", []
    for chunk in chunks:
        heard = fingerprint_chunk(chunk, limits=DecodingLimits(), carry=carry)
        carry = heard.carry
        told.append(live.hear(heard.sound.to_bytes() if heard.sound.tracks else b""))
    return told


@cache
def played(seconds: float) -> list[list]:
    return play(LiveAudio(finder().find_in), segments(broadcast(), seconds=seconds))


@pytest.mark.nightly
@pytest.mark.parametrize("seconds", [2.0, 4.0, 5.0])
def test_the_alarm_comes_within_ten_seconds_of_known_sound(seconds):
    told = played(seconds)
    first = next(place for place, found in enumerate(told) if found)
    assert seconds * (first + 1) - KNOWN_AT_S <= 10.0
    assert {one.key for found in told for one in found} == {5}


@pytest.mark.nightly
def test_a_find_goes_on_from_where_it_was_first_heard_until_it_ends():
    told = played(4.0)
    assert [len(found) for found in told[:3]] == [0, 0, 0]
    assert told[-1] == []
    last = [found for found in told if found][-1][0]
    assert last.query_span.start_s == pytest.approx(KNOWN_AT_S, abs=0.7)
    assert last.query_span.end_s == pytest.approx(KNOWN_AT_S + 18, abs=1.0)


def test_the_words_of_chunks_follow_each_other_as_those_of_the_whole():
    chunks = segments(broadcast()[: 12 * RATE], seconds=3.0)
    carry, words = b"", []
    for chunk in chunks:
        heard = fingerprint_chunk(chunk, limits=DecodingLimits(), carry=carry)
        carry = heard.carry
        words.append(heard.sound.tracks[0].words)
    whole = fingerprint_audio(b"".join(chunks), limits=DecodingLimits()).tracks[0].words
    parts = np.concatenate(words)
    assert abs(len(parts) - len(whole)) <= 3
    size = min(len(parts), len(whole))
    assert np.bitwise_count(parts[:size] ^ whole[:size]).mean() < 6


def test_a_stream_keeps_no_more_than_its_last_seconds():
    live = LiveAudio(finder().find_in)
    rng = np.random.default_rng(8)
    for _ in range(rounds(60, nightly=200)):
        words = rng.integers(1, 1 << 32, 50, dtype=np.uint32)
        live.hear(Sound((Track(words, np.ones(50, dtype=np.bool_)),)).to_bytes())
    assert live.seconds == 5.0 * rounds(60, nightly=200)
    assert len(live.kept.tail.words) <= 200
    assert sys.getsizeof(live.kept.sounding) < 1000


def test_time_goes_on_where_a_chunk_was_missed():
    live = LiveAudio(finder().find_in)
    live.miss(3600.0)
    chunks = segments(broadcast()[int(KNOWN_AT_S) * RATE :], seconds=5.0)
    told = play(live, chunks)
    assert told[1][0].query_span.start_s == pytest.approx(3600, abs=0.7)


def test_a_bad_chunk_leaves_the_stream_as_it_was():
    live = LiveAudio(finder().find_in)
    assert live.hear(b"") == []
    with pytest.raises(FingerprintError):
        live.hear(b"aud1 nonsense")
    assert live.seconds == 0.0


def test_a_carry_that_was_never_given_is_refused():
    with pytest.raises(FingerprintError, match="carry"):
        fingerprint_chunk(b"", limits=DecodingLimits(), carry=b"x" * 100_001)
