# SPDX-License-Identifier: Apache-2.0
"""Compute the words of `aud1` (see values/audio.py) from samples, piece by piece."""

from typing import Final

import numpy as np
import numpy.typing as npt

from stemtide.fingerprints.values.audio import (
    MAX_WORDS,
    WORD_BITS,
    WORDS_PER_S,
    Heard,
    Track,
    Words,
)

RATE = 8000
HOP = RATE // WORDS_PER_S
FRAME = 4 * HOP
HALF = HOP // 2
OVERLAP = FRAME + HALF
"""Samples that a word needs beyond its own HOP: its two frames, and the word between."""

_LOWEST_HZ = 300.0
_SEMITONE = 2.0 ** (1 / 12)
_BANDS = WORD_BITS + 1
_QUIETEST_POWER = 1e-7
"""Added to a band's power, so that the smallest steps of 16-bit samples have no effect."""

_HOPS_AT_A_TIME = 64
"""The spectra of this many frames (64 x 1601 complex64, 0.8 MB) fit the second-level cache."""

_SILENCE_DB = -82.0
_BELOW_LOUD_DB = 45.0
_LOUD_PERCENTILE = 95

STEADY_WORDS = 50
MIN_DISTINCT = 10
"""Five seconds with fewer different words than this are a steady tone or a repeating beep: all of
those would match each other. Real audio has 40 or more.
"""

Samples = npt.NDArray[np.float32]


class Printer:
    """Computes the words of one track from samples as they come; keeps only pending samples.

    Samples: float32, mono, RATE a second, full scale 1. A frame is 0.4 s under a Hann window, and
    the next begins 0.1 s later. A word needs two of them and the word between needs two half a step
    later, so n samples have (n - OVERLAP) // HOP words, and less than 0.55 s has none.
    """

    def __init__(self) -> None:
        self._pending: list[Samples] = []
        self._pending_size = 0
        self._words: list[Words] = [np.empty(0, dtype=np.uint32)]
        self._power: list[Samples] = [np.empty(0, dtype=np.float32)]
        self._words_made = 0

    @property
    def is_full(self) -> bool:
        """Whether the track has its maximum length; further samples are ignored."""
        return self._words_made + _words_of(self._pending_size) >= MAX_WORDS

    @property
    def seconds(self) -> float:
        """Return the length of the audio that was fed."""
        return self._words_made / WORDS_PER_S + self._pending_size / RATE

    def feed(self, samples: Samples) -> None:
        """Add the next samples, (n,) float32."""
        if self.is_full:
            return
        self._pending.append(samples)
        self._pending_size += len(samples)
        if self._pending_size >= OVERLAP + _HOPS_AT_A_TIME * HOP:
            self._print_pending()

    def finish(self) -> tuple[Track, Samples]:
        """Return the track, and the samples with which a following track begins.

        If another printer is fed with those samples first, its words continue these.
        """
        self._print_pending()
        rest = self._pending[0] if self._pending else np.empty(0, dtype=np.float32)
        both = np.concatenate(self._words)[: 2 * MAX_WORDS].reshape(-1, 2)
        power = np.concatenate(self._power)[: len(both)]
        heard = _audible(power) & ~_steady(both[:, 0])
        both[~heard] = 0
        words, between = np.ascontiguousarray(both.T)
        return Track(words, heard, between), rest

    def _print_pending(self) -> None:
        """Compute all words of the pending samples, and keep the samples for the next word."""
        samples = np.concatenate(self._pending) if self._pending else np.empty(0, np.float32)
        count = _words_of(len(samples))
        for first in range(0, count, _HOPS_AT_A_TIME):
            hops = min(_HOPS_AT_A_TIME, count - first)
            self._print(samples[first * HOP : (first + hops) * HOP + OVERLAP])
        self._words_made += count
        self._pending = [samples[count * HOP :].copy()]
        self._pending_size = len(self._pending[0])

    def _print(self, samples: Samples) -> None:
        """Compute n words, and those between, from the 2 n + 2 frames at every half step."""
        frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HALF]
        spectra = np.fft.rfft(frames * _WINDOW, axis=1)[:, _FIRST_BIN:_LAST_BIN]
        bands = np.log((spectra.real**2 + spectra.imag**2) @ _TO_BANDS + _QUIETEST_POWER)
        falls = bands[:, :-1] - bands[:, 1:]
        bits = np.packbits(falls[2:] > falls[:-2], axis=1, bitorder="little")
        self._words.append(bits.view("<u4")[:, 0].astype(np.uint32))
        power = np.einsum("ij,ij->i", frames[::2], frames[::2]) / FRAME
        self._power.append(np.minimum(power[1:], power[:-1]))


def _words_of(samples: int) -> int:
    return max(0, (samples - OVERLAP) // HOP)


def print_samples(samples: Samples) -> Track:
    """Fingerprint complete samples, (n,) float32."""
    printer = Printer()
    printer.feed(np.asarray(samples, dtype=np.float32))
    return printer.finish()[0]


def without_steady(track: Track) -> Track:
    """Return a track with steady tones marked as unheard, since others may not have done so."""
    return Track(track.words, track.heard & ~_steady(track.words), track.between)


def _audible(power: npt.NDArray[np.float32]) -> Heard:
    """Return which words are between two frames that are not silent.

    power:   (n,) float32, mean square of the quieter of each word's two frames.
    returns: (n,) bool.
    """
    if not len(power):
        return np.empty(0, dtype=np.bool_)
    loudness = 10 * np.log10(power + 1e-12)
    loud = float(np.percentile(loudness, _LOUD_PERCENTILE))
    audible: Heard = loudness > max(_SILENCE_DB, loud - _BELOW_LOUD_DB)
    return audible


def _steady(words: Words) -> Heard:
    """Return which words are amid five seconds with few different words.

    words:   (n,) uint32.
    returns: (n,) bool.

    A word is new in the windows that begin after its last occurrence before it; so it adds one to
    a run of windows, and the number of different words of every window is a running sum.
    """
    size = len(words)
    span = min(STEADY_WORDS, size)
    if not size:
        return np.empty(0, dtype=np.bool_)
    place = np.arange(size)
    order = np.argsort(words, kind="stable")
    before = np.full(size, -1)
    same = words[order[1:]] == words[order[:-1]]
    before[order[1:][same]] = order[:-1][same]
    first = np.maximum(np.maximum(before, place - span) + 1, 0)
    steps = np.bincount(first, minlength=size + 1) - np.bincount(place + 1, minlength=size + 1)
    distinct = np.cumsum(steps)[: size - span + 1]
    window = np.clip(place - span // 2, 0, size - span)
    few: Heard = distinct[window] < MIN_DISTINCT * span // STEADY_WORDS
    return few


def _bands_of_bins() -> tuple[npt.NDArray[np.float32], int, int]:
    """Return the matrix that sums a spectrum's power into bands, with shares of bins at borders.

    returns: (bins, _BANDS) float32, and the first bin and the one after the last.
    """
    edges = _LOWEST_HZ * _SEMITONE ** np.arange(_BANDS + 1) * FRAME / RATE
    first, last = int(edges[0]), int(np.ceil(edges[-1]))
    bins = np.arange(first, last)[:, None]
    share = np.minimum(bins + 1, edges[1:]) - np.maximum(bins, edges[:-1])
    return np.clip(share, 0, 1).astype(np.float32), first, last


_TO_BANDS, _FIRST_BIN, _LAST_BIN = _bands_of_bins()
_WINDOW: Final[Samples] = np.hanning(FRAME).astype(np.float32)
