# SPDX-License-Identifier: Apache-2.0
"""Sounds that nobody recorded: music, speech, a crowd and a wood, different for every number.

They are synthesised, but have what real sound has and what fingerprints fail on: several voices at
once, drums, pauses, glides, rooms, noise, and a tune that comes back without being the same twice.
All are (n,) float32 at RATE, peak 0.9.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

RATE = 44_100

Samples = npt.NDArray[np.float32]
Sound = Callable[..., Samples]


def music(number: int, *, seconds: float = 30.0) -> Samples:
    """A tune with chords, bass and drums, in a key, a tempo and a room of its own."""
    rng = np.random.default_rng([1, number])
    out = np.zeros(int(seconds * RATE) + 4 * RATE, dtype=np.float32)
    beat_s = 60.0 / rng.uniform(72, 150)
    root = rng.integers(40, 52)
    scale = np.array([[0, 2, 4, 5, 7, 9, 11], [0, 2, 3, 5, 7, 8, 10]][number % 2])
    chords = rng.choice(7, size=4)
    tints = [
        rng.uniform(0.2, 1.0, 10) / np.arange(1, 11) ** rng.uniform(0.7, 1.6) for _ in range(3)
    ]
    degree = 7
    for beat in range(int(seconds / beat_s) + 1):
        chord = chords[(beat // 4) % 4]
        at_s = beat * beat_s
        if beat % 4 == 0:
            for step in (0, 2, 4):
                pitch = root + 12 + scale[(chord + step) % 7]
                _add(out, at_s, 0.16 * _note(rng, pitch, 4 * beat_s, tints[0], attack_s=0.08))
        _add(out, at_s, 0.35 * _note(rng, root - 12 + scale[chord], beat_s, tints[1]))
        for half in range(int(rng.choice([1, 2, 2, 3]))):
            degree = int(np.clip(degree + rng.integers(-3, 4), 0, 20))
            pitch = root + 12 * (1 + degree // 7) + scale[degree % 7]
            length_s = beat_s * rng.choice([0.5, 0.8, 1.0])
            when_s = at_s + half * beat_s / 3 + rng.normal(0, 0.008) + 0.02
            loud = rng.uniform(0.2, 0.4)
            _add(out, when_s, loud * _note(rng, pitch, length_s, tints[2], vibrato=0.004))
        _drum(out, rng, at_s, beat=beat)
    return _finish(_room(out, rng, seconds=rng.uniform(0.2, 0.8)), seconds)


def speech(number: int, *, seconds: float = 30.0) -> Samples:
    """A voice that says nothing: syllables of vowels and hisses, phrases and pauses."""
    rng = np.random.default_rng([2, number])
    out = np.zeros(int(seconds * RATE) + 4 * RATE, dtype=np.float32)
    voice_hz = rng.uniform(90, 220)
    tract = rng.uniform(0.85, 1.2)
    at_s = 0.2
    while at_s < seconds:
        count = rng.integers(4, 14)
        for place in range(count):
            length_s = rng.uniform(0.11, 0.28)
            height = voice_hz * (1.15 - 0.3 * place / count) * rng.uniform(0.9, 1.12)
            if rng.random() < 0.7:
                hiss_s = rng.uniform(0.03, 0.1)
                centre_hz = rng.uniform(900, 5000)
                _add(out, at_s, rng.uniform(0.05, 0.25) * _hiss(rng, hiss_s, centre_hz))
                at_s += hiss_s * 0.8
            _add(out, at_s, _vowel(rng, height, length_s, tract=tract))
            at_s += length_s * rng.uniform(0.85, 1.0)
        at_s += rng.uniform(0.15, 0.7)
    out += rng.normal(0, 2e-4, len(out)).astype(np.float32)
    return _finish(_room(out, rng, seconds=0.15), seconds)


def crowd(number: int, *, seconds: float = 30.0) -> Samples:
    """Three voices in a street."""
    rng = np.random.default_rng([3, number])
    out = sum(
        rng.uniform(0.4, 1.0) * speech(1000 + 3 * number + each, seconds=seconds)
        for each in range(3)
    )
    street = _shaped(rng, int(seconds * RATE), lambda hz: 1.0 / (1.0 + hz / 400.0))
    sway = np.interp(
        np.arange(len(street)) / RATE,
        np.arange(int(seconds) + 2),
        rng.uniform(0.3, 1.0, int(seconds) + 2),
    )
    return _finish(np.asarray(out + 0.15 * sway * street, dtype=np.float32), seconds)


def wood(number: int, *, seconds: float = 30.0) -> Samples:
    """Birds that glide and trill over leaves in the wind."""
    rng = np.random.default_rng([4, number])
    size = int(seconds * RATE)
    wind = _shaped(rng, size, lambda hz: 1.0 / (1.0 + (hz / 700.0) ** 1.5))
    knots = np.arange(int(seconds * 3) + 2)
    wind *= np.interp(np.arange(size) / RATE, knots / 3, rng.uniform(0.02, 0.15, len(knots)))
    out = np.concatenate([wind, np.zeros(4 * RATE, dtype=np.float32)]).astype(np.float32)
    at_s = 0.0
    while at_s < seconds:
        at_s += rng.exponential(0.35)
        length_s = rng.uniform(0.08, 0.6)
        time_s = np.arange(int(length_s * RATE)) / RATE
        low, high = rng.uniform(350, 2500, 2)
        hz = np.linspace(low, high, len(time_s))
        hz *= 1 + rng.uniform(0, 0.15) * np.sin(2 * np.pi * rng.uniform(5, 40) * time_s)
        call = np.sin(2 * np.pi * np.cumsum(hz) / RATE) * np.hanning(len(time_s))
        _add(out, at_s, rng.uniform(0.05, 0.5) * call)
    return _finish(_room(out, rng, seconds=0.5), seconds)


KINDS: dict[str, Sound] = {"music": music, "speech": speech, "crowd": crowd, "wood": wood}


def sounds(*, each: int, seconds: float = 30.0, first: int = 0) -> dict[str, Samples]:
    """So many of every kind, by name, beginning with a number."""
    return {
        f"{kind}{number}": make(number, seconds=seconds)
        for number in range(first, first + each)
        for kind, make in KINDS.items()
    }


def _note(
    rng: np.random.Generator,
    pitch: float,
    length_s: float,
    tint: npt.NDArray[np.float64],
    *,
    attack_s: float = 0.01,
    vibrato: float = 0.0,
) -> Samples:
    time_s = np.arange(int((length_s + 0.15) * RATE)) / RATE
    hz = 440.0 * 2 ** ((pitch - 69) / 12) * (1 + rng.normal(0, 0.001))
    phase = 2 * np.pi * hz * time_s
    if vibrato:
        phase += hz * vibrato * np.sin(2 * np.pi * 5.5 * time_s + rng.uniform(0, 6))
    wave = sum(
        loud * np.sin(phase * overtone)
        for overtone, loud in enumerate(tint * rng.uniform(0.7, 1.3, len(tint)), start=1)
        if hz * overtone < RATE / 2
    )
    shape = np.minimum(1, time_s / attack_s) * np.exp(-time_s * rng.uniform(0.8, 2.5))
    shape *= np.clip((length_s + 0.15 - time_s) / 0.15, 0, 1)
    return np.asarray(wave * shape, dtype=np.float32)


def _drum(out: Samples, rng: np.random.Generator, at_s: float, *, beat: int) -> None:
    time_s = np.arange(int(0.2 * RATE)) / RATE
    if beat % 2 == 0:
        kick = np.sin(2 * np.pi * (60 * time_s - 8 * np.exp(-30 * time_s))) * np.exp(-18 * time_s)
        _add(out, at_s, 0.5 * rng.uniform(0.8, 1.0) * kick)
    else:
        _add(out, at_s, 0.25 * rng.uniform(0.7, 1.0) * _hiss(rng, 0.15, 1800))
    _add(out, at_s + rng.normal(0, 0.004) + 0.02, 0.06 * _hiss(rng, 0.05, 7000))


def _vowel(rng: np.random.Generator, hz: float, length_s: float, *, tract: float) -> Samples:
    """Harmonics under three formants that glide from one place to another."""
    time_s = np.arange(int(length_s * RATE)) / RATE
    along = np.linspace(0, 1, len(time_s))
    height = hz * (1 + 0.08 * np.sin(np.pi * along + rng.uniform(0, 3)))
    phase = 2 * np.pi * np.cumsum(height) / RATE
    places = rng.uniform([[280], [800], [2200]], [[850], [2300], [3200]], (3, 2)) * tract
    wave = np.zeros(len(time_s))
    for overtone in range(1, int(4000 / hz)):
        loud = np.zeros(len(time_s))
        for (start_hz, end_hz), width_hz, gain in zip(
            places, (90, 120, 180), (1, 0.6, 0.25), strict=True
        ):
            centre = start_hz + (end_hz - start_hz) * along
            loud += gain / (1 + ((height * overtone - centre) / width_hz) ** 2)
        wave += loud * np.sin(phase * overtone) / overtone**0.3
    return np.asarray(0.4 * wave * np.hanning(len(time_s)) ** 0.5, dtype=np.float32)


def _hiss(rng: np.random.Generator, length_s: float, centre_hz: float) -> Samples:
    size = int(length_s * RATE)
    noise = _shaped(rng, size, lambda hz: np.exp(-(((hz - centre_hz) / (0.5 * centre_hz)) ** 2)))
    return np.asarray(noise * np.exp(-np.linspace(0, 4, size)), dtype=np.float32)


def _shaped(
    rng: np.random.Generator,
    size: int,
    gain: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]],
) -> Samples:
    """Noise with a spectrum, peak 1."""
    spectrum = np.fft.rfft(rng.normal(0, 1, size))
    noise = np.fft.irfft(spectrum * gain(np.fft.rfftfreq(size, 1 / RATE)), size)
    return np.asarray(noise / (np.abs(noise).max() + 1e-9), dtype=np.float32)


def _room(samples: Samples, rng: np.random.Generator, *, seconds: float) -> Samples:
    """The sound in a room whose echo falls by 60 dB in so many seconds."""
    tail = int(seconds * RATE)
    echo = rng.normal(0, 1, tail) * 10 ** (-3 * np.arange(tail) / tail)
    echo *= 0.4 / np.sqrt((echo**2).sum())
    echo[0] = 1.0
    return convolved(samples, echo)


def convolved(samples: Samples, echo: npt.NDArray[np.float64]) -> Samples:
    """The sound through a filter given by its echo; as long as before."""
    size = 1 << (len(samples) + len(echo)).bit_length()
    both = np.fft.rfft(samples, size) * np.fft.rfft(echo, size)
    return np.asarray(np.fft.irfft(both, size)[: len(samples)], dtype=np.float32)


def _add(out: Samples, at_s: float, part: npt.NDArray[np.floating]) -> None:
    start = max(0, int(at_s * RATE))
    stop = min(len(out), start + len(part))
    if stop > start:
        out[start:stop] += part[: stop - start].astype(np.float32)


def _finish(samples: Samples, seconds: float) -> Samples:
    out = samples[: int(seconds * RATE)]
    return np.asarray(0.9 * out / (np.abs(out).max() + 1e-9), dtype=np.float32)
