# SPDX-License-Identifier: Apache-2.0
"""Synthesise sounds that everybody has: rings, sirens, dial tones, beats, noise, warnings.

All are (n,) float32 at RATE, peak 0.9, ten seconds long, and made from a number alone.
"""

import numpy as np
from numpy.typing import NDArray

RATE = 8_000
SECONDS = 10.0

Samples = NDArray[np.float32]


def times() -> NDArray[np.float64]:
    """Return the time of each sample in seconds."""
    return np.arange(int(SECONDS * RATE)) / RATE


def _finish(samples: NDArray[np.float64]) -> Samples:
    return (0.9 * samples / max(1e-9, np.abs(samples).max())).astype(np.float32)


def notes(pitches: list[float], *, each_s: float, rest_s: float = 0.0) -> Samples:
    """Play pitches (Hz) one after the other, again and again, with overtones."""
    t = times()
    place = (t // each_s).astype(int) % len(pitches)
    within = t % each_s
    hz = np.array(pitches)[place]
    loud = np.exp(-2 * within) * (within < each_s - rest_s)
    wave = sum(np.sin(2 * np.pi * hz * k * t) / k for k in (1, 2, 3))
    return _finish(wave * loud)


def ring_tone(number: int) -> Samples:
    """Play a tune of eight notes as telephones do."""
    rng = np.random.default_rng([21, number])
    steps = rng.choice([0, 2, 4, 5, 7, 9, 12], 8)
    return notes([440 * 2 ** (s / 12) for s in steps], each_s=float(rng.uniform(0.12, 0.3)))


def siren(number: int) -> Samples:
    """Sweep between two pitches, smoothly or in steps."""
    rng = np.random.default_rng([22, number])
    t, low, high = times(), rng.uniform(350, 600), rng.uniform(800, 1500)
    sweep = np.sin(2 * np.pi * rng.uniform(0.2, 3) * t)
    sweep = np.sign(sweep) if number % 2 else sweep
    hz = low + (high - low) * (sweep + 1) / 2
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    return _finish(np.sin(phase) + 0.4 * np.sin(3 * phase))


def telephone(number: int) -> Samples:
    """Play a dial, ringing, busy or dialling tone."""
    t, rng = times(), np.random.default_rng([23, number])
    if number % 3 == 2:
        pairs = [(697, 1209), (697, 1336), (770, 1477), (852, 1209), (941, 1336), (770, 1336)]
        place = rng.integers(0, 6, 60)[(t / 0.17).astype(int)]
        low, high = np.array(pairs)[place].T
        return _finish(
            (np.sin(2 * np.pi * low * t) + np.sin(2 * np.pi * high * t)) * (t % 0.17 < 0.1)
        )
    on_s, off_s = ((0.5, 0.5), (1.0, 4.0))[number % 2]
    return _finish(
        (np.sin(2 * np.pi * 425 * t) + 0.3 * np.sin(2 * np.pi * 850 * t))
        * (t % (on_s + off_s) < on_s)
    )


def beat(number: int) -> Samples:
    """Play a drum pattern of noise bursts and low thumps, as of a metronome or a loop."""
    rng = np.random.default_rng([24, number])
    bar = np.zeros(int(rng.uniform(0.8, 2.0) * RATE))
    for step in range(8):
        at, n = step * len(bar) // 8, RATE // 20
        burst = rng.standard_normal(n) * np.linspace(1, 0, n) ** 2
        thump = np.sin(2 * np.pi * 80 * np.arange(n) / RATE)
        if rng.random() < 0.7:
            bar[at : at + n] += (burst if rng.random() < 0.5 else thump)[: len(bar) - at]
    return _finish(np.tile(bar, int(SECONDS * RATE / len(bar)) + 1)[: int(SECONDS * RATE)])


def noise(number: int) -> Samples:
    """Play white, pink or wavering noise: rain, a fan, applause, the sea."""
    rng = np.random.default_rng([25, number])
    wave = rng.standard_normal(int(SECONDS * RATE))
    if number % 2:
        wave = np.cumsum(wave)
        wave -= np.convolve(wave, np.ones(400) / 400, mode="same")
    return _finish(wave * (1 + 0.8 * np.sin(2 * np.pi * rng.uniform(0.05, 2) * times())))


def alarm(number: int) -> Samples:
    """Beep in a pattern: a clock, a lorry that backs up, an end of transmission."""
    rng = np.random.default_rng([26, number])
    pitches = [float(hz) for hz in rng.uniform(700, 2400, rng.integers(1, 4))]
    return notes(pitches, each_s=float(rng.uniform(0.15, 0.6)), rest_s=0.08)


SOUNDS = {
    "ring tone": (ring_tone, 10),
    "siren": (siren, 8),
    "telephone tone": (telephone, 6),
    "beat": (beat, 8),
    "noise": (noise, 6),
    "alarm": (alarm, 8),
}
"""The sorts by the names that people read, each with what plays one, and how many."""
