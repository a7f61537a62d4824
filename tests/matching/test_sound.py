# SPDX-License-Identifier: Apache-2.0
import threading
import tracemalloc
from functools import cache

import numpy as np
import pytest
from benchmarks.media import audio_sounds, audio_variants
from benchmarks.media.audio_sounds import RATE, Samples

from stemtide.fingerprints.audio.fingerprint import fingerprint_audio
from stemtide.fingerprints.kinds import FingerprintError
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.values.audio import Sound, Track
from stemtide.matching.audio.finder import MATCH_SCORE, AudioFinder
from tests.rounds import rounds

SECONDS = 16.0
NAMES = ("music", "speech", "wood")


@cache
def heard(kind: str, number: int) -> Samples:
    return audio_sounds.KINDS[kind](number, seconds=SECONDS)


def printed(content: bytes) -> bytes:
    return fingerprint_audio(content, limits=DecodingLimits()).to_bytes()


def wav(samples: Samples) -> bytes:
    return audio_variants.encoded(samples, audio_variants.WAV)


@cache
def finder() -> AudioFinder:
    """Holds one sound of each kind; keys are places in NAMES."""
    made = AudioFinder()
    sounds = [fingerprint_audio(wav(heard(name, 0)), limits=DecodingLimits()) for name in NAMES]
    made.put(range(len(NAMES)), [sound.for_sharing().to_bytes() for sound in sounds])
    return made


def track(rng: np.random.Generator, size: int) -> Track:
    words = rng.integers(1, 1 << 32, size, dtype=np.uint32)
    return Track(words, np.ones(size, dtype=np.bool_))


QUICK = ["excerpt 5 s", "noise 0 dB", "opus 16 kbit/s"]
"""Other tests here change speed and pitch, or embed a sound."""


@pytest.mark.parametrize("variant", rounds(QUICK, nightly=sorted(audio_variants.VARIANTS)))
def test_a_sound_is_found_whatever_was_done_to_it(variant):
    samples, other = heard("music", 0), heard("speech", 1)
    rng = np.random.default_rng(5)
    found = finder().find(printed(audio_variants.VARIANTS[variant](samples, other, rng)))
    assert [one.key for one in found] == [0]
    assert found[0].score >= MATCH_SCORE


@pytest.mark.parametrize("kind", rounds(["speech", "wood"], nightly=sorted(audio_sounds.KINDS)))
def test_another_sound_of_the_same_kind_is_not_found(kind):
    assert finder().find(printed(wav(heard(kind, 1)))) == []


def test_a_find_says_where_the_sound_lies_in_both():
    inside = heard("speech", 0)[int(4.0 * RATE) : int(14.0 * RATE)]
    content = np.concatenate([heard("wood", 3)[: int(7.0 * RATE)], inside, heard("wood", 1)])
    found = finder().find(printed(wav(content)))
    assert [one.key for one in found] == [NAMES.index("speech")]
    query, signal = found[0].query_span, found[0].signal_span
    assert (query.start_s, query.end_s) == pytest.approx((7.0, 17.0), abs=0.5)
    assert (signal.start_s, signal.end_s) == pytest.approx((4.0, 14.0), abs=0.5)
    assert (found[0].speed, found[0].transform) == (pytest.approx(1.0, abs=0.01), "")


def test_a_find_says_at_what_speed_and_pitch():
    faster = audio_variants.filtered(heard("music", 0), ("atempo", "1.18"))
    higher = audio_variants._pitched(heard("music", 0), 1)
    assert finder().find(printed(wav(faster)))[0].speed == pytest.approx(1 / 1.18, rel=0.01)
    assert finder().find(printed(wav(higher)))[0].transform == "pitch +1 semitone"


def test_a_compilation_is_found_part_by_part():
    parts = [heard(name, 0)[3 * RATE : 11 * RATE] for name in ("wood", "music", "wood")]
    found = finder().find(printed(wav(np.concatenate([*parts, heard("speech", 1)]))))
    starts = sorted((one.query_span.start_s, NAMES[one.key]) for one in found)
    assert [name for _, name in starts] == ["wood", "music", "wood"]
    assert [start for start, _ in starts] == pytest.approx([0, 8, 16], abs=0.6)


def test_the_second_sound_track_is_searched_too():
    value = Sound.from_bytes(printed(wav(heard("speech", 0))))
    other = Sound.from_bytes(printed(wav(heard("wood", 3))))
    both = Sound((other.tracks[0], value.tracks[0])).to_bytes()
    assert [one.key for one in finder().find(both)] == [NAMES.index("speech")]


def test_one_channel_turned_around_does_not_hide_a_sound():
    samples = heard("music", 0)
    assert finder().find(printed(wav(np.stack([samples, -samples]))))[0].key == 0


def test_silence_and_steady_tones_meet_nothing():
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(12 * RATE) / RATE).astype(np.float32)
    beeps = tone * (np.arange(len(tone)) % (RATE // 2) < RATE // 4)
    silence = np.zeros(12 * RATE, dtype=np.float32)
    values = [printed(wav(each)) for each in (tone, beeps, silence)]
    made = AudioFinder()
    made.put(range(3), values)
    assert len(made) == 3
    assert [made.find(value) for value in values] == [[], [], []]


def test_the_silence_after_a_sound_is_no_evidence():
    silence = np.zeros(15 * RATE, dtype=np.float32)
    made = AudioFinder()
    made.put([1], [printed(wav(np.concatenate([heard("music", 0)[: 4 * RATE], silence])))])
    assert made.find(printed(wav(np.concatenate([heard("speech", 1)[: 4 * RATE], silence])))) == []


def test_a_signal_that_was_dropped_or_replaced_is_not_found():
    rng = np.random.default_rng(1)
    one, other = (Sound((track(rng, 200),)).to_bytes() for _ in range(2))
    made = AudioFinder()
    made.put([7, 8], [one, other])
    made.drop([7, 99])
    assert [found.key for found in made.find(one)] == []
    made.put([8], [one])
    assert [found.key for found in made.find(one)] == [8]
    assert (made.find(other), len(made)) == ([], 1)


def test_a_bad_value_leaves_everything_as_it_was():
    rng = np.random.default_rng(2)
    good = Sound((track(rng, 100),)).to_bytes()
    made = AudioFinder()
    with pytest.raises(FingerprintError):
        made.put([1, 2], [good, good[:-1]])
    assert (len(made), made.find(good)) == (0, [])
    with pytest.raises(FingerprintError):
        made.find(b"aud1")


def test_many_small_puts_make_few_shelves_and_are_all_found():
    rng = np.random.default_rng(3)
    values = [Sound((track(rng, 120),)).to_bytes() for _ in range(40)]
    made = AudioFinder()
    for key, value in enumerate(values):
        made.put([key], [value])
    made.drop(range(0, 40, 2))
    assert len(made._shelves) <= 6
    assert made.words == 20 * 120
    assert [[one.key for one in made.find(value)] for value in values[1::2]] == [
        [key] for key in range(1, 40, 2)
    ]


def test_what_is_held_throughout_is_found_while_others_come_and_go():
    rng = np.random.default_rng(4)
    kept = Sound((track(rng, 150),)).to_bytes()
    others = [Sound((track(rng, 150),)).to_bytes() for _ in range(8)]
    made = AudioFinder()
    made.put([0], [kept])
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            made.put(range(1, 9), others)
            made.drop(range(1, 9, 2))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = [{found.key for found in made.find(kept)} for _ in range(rounds(20, nightly=60))]
    finally:
        stop.set()
        writer.join()
    assert seen == [{0}] * len(seen)


def test_a_flood_of_one_word_neither_hides_a_signal_nor_stops_the_search():
    rng = np.random.default_rng(6)
    real = track(rng, 200)
    flood = np.tile(real.words[:1], 60_000)
    flood[::3] = rng.integers(1, 1 << 32, 20_000)
    made = AudioFinder()
    made.put([1], [Sound((Track(flood, np.ones(60_000, dtype=np.bool_)),)).to_bytes()])
    made.put([2], [Sound((real,)).to_bytes()])
    assert [found.key for found in made.find(Sound((real,)).to_bytes())] == [2]


@pytest.mark.nightly
def test_a_loop_in_both_is_found_and_costs_little():
    rng = np.random.default_rng(7)
    loop = Track(np.tile(track(rng, 20).words, 500), np.ones(10_000, dtype=np.bool_))
    value = Sound((loop,)).to_bytes()
    made = AudioFinder()
    made.put([1], [value])
    tracemalloc.start()
    assert {found.key for found in made.find(Sound((loop,)).to_bytes())} == {1}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20


def test_a_signal_of_one_word_is_never_found():
    constant = Track(np.full(500, 12345, dtype=np.uint32), np.ones(500, dtype=np.bool_))
    value = Sound((constant,)).to_bytes()
    made = AudioFinder()
    made.put([1], [value])
    assert made.find(value) == []
