# SPDX-License-Identifier: Apache-2.0
"""What sound costs: to print, to find among a million words, and how soon a stream is told."""

import io
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import av
import numpy as np

from benchmarks.media.audio_sounds import KINDS, RATE, Samples, music, speech
from benchmarks.media.audio_variants import WAV, encoded, frames_of
from stemtide.fingerprints.audio.fingerprint import fingerprint_audio, fingerprint_chunk
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.values.audio import Sound, Track, Words
from stemtide.matching.audio.finder import AudioFinder
from stemtide.matching.audio.live import LiveAudio

LIMITS = DecodingLimits(cpu_s=3600, wall_s=3600)
MILLION = 1_000_000
REPEATS = 3

Row = dict[str, object]


def cpu_s(call: Callable[[], object]) -> float:
    """Processor time of the quickest of a few calls."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def cost_rows() -> Iterator[Row]:
    """What printing the sound of a film adds to decoding its pictures."""
    seconds = 20.0
    content = film(music(700, seconds=seconds), width=1280, height=720)
    pictures = cpu_s(lambda: _decode(content, "video"))
    sound = cpu_s(lambda: _decode(content, "audio"))
    whole = cpu_s(lambda: fingerprint_audio(content, limits=LIMITS))
    yield {
        "part": "audio",
        "case": "decode, resample and print against decoding 720p H.264 on one thread",
        "ours": round(whole / pictures, 3),
        "peer": "decoding the sound alone",
        "peer_value": round(sound / pictures, 3),
        "unit": "of the pictures' time",
        "bar": 0.24,
    }
    yield {
        "part": "audio",
        "case": "decode, resample and print",
        "ours": round(60 * whole / seconds, 3),
        "peer": "decoding the sound alone",
        "peer_value": round(60 * sound / seconds, 3),
        "unit": "CPU s a minute of sound",
        "ratio": round(whole / sound, 2),
        "bar": None,
    }


def film(samples: Samples, *, width: int, height: int) -> bytes:
    """A film of that sound with moving shapes and some grain, 24 frames a second, H.264 and AAC."""
    rng = np.random.default_rng(11)
    down, across = np.mgrid[0:height, 0:width] / 40.0
    grain = rng.normal(0, 6, (4, height, width))
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        picture = container.add_stream("libx264", rate=24, options={"preset": "veryfast"})
        picture.width, picture.height, picture.pix_fmt = width, height, "yuv420p"
        sound = container.add_stream("aac", rate=RATE, layout="mono")
        for number in range(int(24 * len(samples) / RATE)):
            shapes = 128 + 80 * np.sin(across + number / 9) * np.cos(down - number / 13)
            luma = np.clip(shapes + grain[number % 4], 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(luma, format="gray8")
            container.mux(picture.encode(frame.reformat(format="yuv420p")))
        container.mux(picture.encode(None))
        for frame in (*frames_of(samples[None], "mono"), None):
            container.mux(sound.encode(frame))
    return out.getvalue()


def _decode(content: bytes, kind: str) -> None:
    with av.open(io.BytesIO(content)) as container:
        stream = container.streams.get({kind: 0})[0]
        stream.codec_context.thread_count = 1
        for _ in container.decode(stream):
            pass


def filled(words: int, *, seed: int = 12) -> list[Track]:
    """Tracks that sound like nothing in particular, so many words in all.

    They are prints of made sounds that were turned around in time, moved in pitch by two semitones
    or more, sped up or slowed down, and made noisy: as uneven as real words are, and related to
    nothing that is looked for.
    """
    rng = np.random.default_rng(seed)
    base = [
        fingerprint_audio(encoded(make(number), WAV), limits=LIMITS).tracks[0]
        for make in KINDS.values()
        for number in range(800, 803)
    ]
    made: list[Track] = []
    while sum(len(track.words) for track in made) < words:
        made += [_turned(base[int(rng.integers(len(base)))], rng) for _ in range(100)]
    return made


def _turned(track: Track, rng: np.random.Generator) -> Track:
    words, heard = track.words, track.heard
    if rng.random() < 0.5:
        words, heard = ~words[::-1], heard[::-1]
    turn = int(rng.integers(2, 30))
    words = words << np.uint32(turn) | words >> np.uint32(32 - turn)
    speed = rng.uniform(0.7, 1.4)
    place = np.minimum((np.arange(int(len(words) / speed)) * speed).astype(int), len(words) - 1)
    flips = np.packbits(rng.random((len(place), 32)) < 0.08, axis=1).view("<u4")[:, 0]
    noisy: Words = words[place] ^ flips.astype(np.uint32)
    return Track(np.where(heard[place], noisy, 0).astype(np.uint32), heard[place])


def library_row() -> Row:
    """How long ten seconds take to be looked for among a million words, and what is found."""
    finder = AudioFinder(least_score=1.0)
    tracks = filled(MILLION)
    values = [Sound((track,)).to_bytes() for track in tracks]
    start = time.perf_counter()
    finder.put(range(len(values)), values)
    put_s = time.perf_counter() - start
    known = {len(values) + number: music(900 + number) for number in range(4)}
    signals = [fingerprint_audio(encoded(each), limits=LIMITS) for each in known.values()]
    finder.put(list(known), [one.for_sharing().to_bytes() for one in signals])
    times, right, others = [], 0, [0.0]
    for key, samples in known.items():
        content = encoded(samples[12_345 : 12_345 + 10 * RATE])
        value = fingerprint_audio(content, limits=LIMITS).to_bytes()
        start = time.perf_counter()
        found = finder.find(value)
        times.append(time.perf_counter() - start)
        right += bool(found) and found[0].key == key
        others += [one.score for one in found if one.key != key]
    return {
        "part": "audio",
        "case": f"ten seconds among {finder.words:,} words (28 hours); put {put_s:.2f} s",
        "ours": round(1e3 * sorted(times)[len(times) // 2], 1),
        "unit": "ms",
        "found": right / len(known),
        "surest_other": max(others),
        "bar": None,
    }


def live_row() -> Row:
    """How long after known sound begins in a stream of five-second segments it is told."""
    known, before = music(950), speech(951, seconds=13)
    finder = AudioFinder()
    finder.put([1], [fingerprint_audio(encoded(known), limits=LIMITS).for_sharing().to_bytes()])
    delays = []
    for offset in range(5):
        start_s = 8.0 + offset
        stream = np.concatenate([before[: int(start_s * RATE)], known[RATE : 22 * RATE]])
        live, carry = LiveAudio(finder.find_in), b""
        for number, segment in enumerate(segments(stream, seconds=5.0), start=1):
            chunk = fingerprint_chunk(segment, limits=LIMITS, carry=carry)
            carry = chunk.carry
            if live.hear(chunk.sound.to_bytes()):
                delays.append(5.0 * number - start_s)
                break
        else:
            delays.append(float("inf"))
    return {
        "part": "audio",
        "case": "live: known sound is told after, in segments of 5 s (longest of 5)",
        "ours": max(delays),
        "unit": "s",
        "bar": 10.0,
    }


def segments(samples: Samples, *, seconds: float) -> list[bytes]:
    """Encode without a break, and cut where a packet ends, as live streams are cut."""
    out = io.BytesIO()
    ends = [0]
    with av.open(out, "w", format="adts") as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        for frame in (*frames_of(samples[None], "mono"), None):
            for packet in stream.encode(frame):
                container.mux(packet)
                if float((packet.pts + 1024) * packet.time_base) >= seconds * len(ends):
                    ends.append(out.tell())
    whole = out.getvalue()
    return [whole[start:stop] for start, stop in pairwise([*ends, len(whole)]) if stop > start]
