# SPDX-License-Identifier: Apache-2.0
"""The audio fingerprint `aud1`: its content and its byte format.

Ten times a second, 32 bits: bit b is set if the fall in loudness from semitone band b to band b + 1
has grown since a tenth of a second ago. With each word goes a flag for whether anything was
audible.
A query also has the words of a twentieth of a second later between them: so wherever in a tenth of
a second it was cut, one of both is near the signal's. The format, little-endian:

    4 bytes  "aud1"
    u8       number of tracks, 1 or 2
    u8       1 if there are words between the words, 0 if not; then two bytes of 0
    u32      for each track, its number of words n
    then for each track: n x u32 words; if there are words between, n x u32 of those; and
             (n + 7) // 8 bytes, bit i % 8 of byte i // 8 set where word i (and the one after it)
             was heard. A word that was not heard is 0; the bits after the last are 0.

source: Haitsma, Kalker, "A highly robust audio fingerprinting system", ISMIR 2002; semitone bands
        and the mask are ours (docs/understand/sounds.md).
"""

import struct
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

from stemtide.fingerprints.kinds import FingerprintError

MAGIC = b"aud1"
WORDS_PER_S = 10
WORD_BITS = 32
MAX_TRACKS = 2
MAX_WORDS = 12 * 3600 * WORDS_PER_S
"""Per track: twelve hours, 1.8 MB. Longer audio must be fingerprinted in parts."""

MIN_HEARD_WORDS = 30
"""Audio with fewer heard words (three seconds) is too short to be compared."""

_HEAD = struct.Struct("<4sBB2x")
_COUNT = struct.Struct("<I")

Words = npt.NDArray[np.uint32]
Heard = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One audio track, a tenth of a second per word; word i begins at i / WORDS_PER_S seconds.

    words:   (n,) uint32.
    heard:   (n,) bool; False for silence or a steady tone, which are uninformative.
    between: (n,) uint32, those half a word later, or (0,).
    """

    words: Words
    heard: Heard
    between: Words = field(default_factory=lambda: np.empty(0, dtype=np.uint32))

    @property
    def is_telling(self) -> bool:
        """Whether enough was heard for a meaningful comparison."""
        return int(np.count_nonzero(self.heard)) >= MIN_HEARD_WORDS


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """The audio fingerprint of one piece of content.

    tracks:  none (there is no audio to fingerprint), one or two.
    remarks: parts that could not be decoded, and why; begins with UNDECODABLE or LIMIT (kinds.py).
    """

    tracks: tuple[Track, ...]
    remarks: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Return the length of the longest track."""
        return max((len(track.words) for track in self.tracks), default=0) / WORDS_PER_S

    @property
    def has_between(self) -> bool:
        """Whether every track has the words between the words."""
        return bool(self.tracks) and all(len(track.between) for track in self.tracks)

    def for_sharing(self) -> Self:
        """Return the fingerprint without the words between, half as long, as for a signal."""
        return type(self)(
            tuple(Track(track.words, track.heard) for track in self.tracks), self.remarks
        )

    def to_bytes(self) -> bytes:
        """Serialise the fingerprint, in the format of the module's docstring.

        raises: FingerprintError if there is no track, too many, or one that is too long.
        """
        _check_sizes([len(track.words) for track in self.tracks])
        has_between = self.has_between
        parts = [_HEAD.pack(MAGIC, len(self.tracks), has_between)]
        parts += [_COUNT.pack(len(track.words)) for track in self.tracks]
        for track in self.tracks:
            for words in (track.words, track.between) if has_between else (track.words,):
                parts.append(np.where(track.heard, words, 0).astype("<u4").tobytes())
            parts.append(np.packbits(track.heard, bitorder="little").tobytes())
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Parse an untrusted fingerprint.

        raises: FingerprintError naming its fault.
        """
        sizes, layers, start = _read_sizes(value)
        tracks = []
        for size in sizes:
            words = np.frombuffer(value, "<u4", count=layers * size, offset=start)
            both = words.astype(np.uint32).reshape(layers, size)
            start += words.nbytes
            packed = np.frombuffer(value, np.uint8, count=(size + 7) // 8, offset=start)
            start += packed.nbytes
            bits = np.unpackbits(packed, bitorder="little").astype(np.bool_)
            if bits[size:].any():
                raise FingerprintError("aud1: bits are set after the last word")
            if both[:, ~bits[:size]].any():
                raise FingerprintError("aud1: a word that was not heard must be 0")
            between = both[1:].reshape(-1)
            tracks.append(Track(both[0], bits[:size], between))
        return cls(tuple(tracks))


def _read_sizes(value: bytes) -> tuple[list[int], int, int]:
    """Parse the head: words of each track, layers (2 with words between, else 1), and offset."""
    if len(value) < _HEAD.size or value[:4] != MAGIC:
        raise FingerprintError(f"a fingerprint of sound begins with {MAGIC!r}, this does not")
    tracks, has_between = value[4:6]
    if has_between > 1 or any(value[6 : _HEAD.size]):
        raise FingerprintError("aud1: byte 5 must be 0 or 1, and bytes 6 and 7 must be 0")
    start = _HEAD.size + tracks * _COUNT.size
    if not 1 <= tracks <= MAX_TRACKS or len(value) < start:
        raise FingerprintError(f"aud1: {tracks} tracks in {len(value)} bytes; 1 or 2 are allowed")
    sizes = [_COUNT.unpack_from(value, _HEAD.size + 4 * track)[0] for track in range(tracks)]
    _check_sizes(sizes)
    layers = 1 + has_between
    whole = start + sum(4 * layers * size + (size + 7) // 8 for size in sizes)
    if len(value) != whole:
        raise FingerprintError(f"aud1: {whole} bytes are announced, these are {len(value)}")
    return sizes, layers, start


def _check_sizes(sizes: list[int]) -> None:
    if not 1 <= len(sizes) <= MAX_TRACKS:
        raise FingerprintError(f"aud1: 1 or 2 tracks, not {len(sizes)}")
    for size in sizes:
        if not 1 <= size <= MAX_WORDS:
            raise FingerprintError(f"aud1: a track has 1 to {MAX_WORDS:,} words, not {size:,}")
