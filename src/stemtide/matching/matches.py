# SPDX-License-Identifier: Apache-2.0
"""Entries of a library, and results of its searches."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stemtide.fingerprints.kinds import FingerprintError, Kind
from stemtide.fingerprints.values.checks import check_value
from stemtide.matching.found import Occurrence
from stemtide.matching.hamming import MAX_WITHIN_BITS
from stemtide.matching.segments import Keys


@dataclass(frozen=True, slots=True)
class IndexedSignal:
    """One signal of a library.

    key:         the caller's number of the signal, 0 to 2**63 - 1.
    value:       SIZE_BYTES[kind] bytes, or in the format of the kind's module.
    within_bits: PDQ only, 0..64: matching distance of this signal, which overrides that of a
    search.
                 None: the search's.
    """

    key: int
    kind: Kind
    value: bytes
    within_bits: int | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """One signal that a piece of content matches, with its distance.

    distance_bits: PDQ: Hamming distance, 0..64; 0 for all other kinds.
    part:          the part of the content that matched: "" for the whole.
    confidence:    0..1 (see the finder of its kind); 1 if equal or within its distance.
    transform:     alteration of the content, such as "mirrored".
    occurrences:   kinds with finders: every matching stretch, surest first.
    """

    key: int
    kind: Kind
    distance_bits: int
    part: str
    confidence: float = 1.0
    transform: str = ""
    occurrences: tuple[Occurrence, ...] = ()


@dataclass(frozen=True, slots=True)
class Hits:
    """Results of a search for many values: three columns of one length.

    queries: uint32, indexes of the values, ascending; per value, nearest first, then by key.
    keys:    int64; distances_bits: uint16.
    """

    queries: npt.NDArray[np.uint32]
    keys: Keys
    distances_bits: npt.NDArray[np.uint16]


def checked(entry: IndexedSignal) -> IndexedSignal:
    """Return a valid entry, or raise FingerprintError or ValueError naming its fault."""
    try:
        check_value(entry.kind, entry.value)
    except FingerprintError as error:
        raise FingerprintError(f"signal {entry.key}: {error}") from error
    if type(entry.key) is not int or not 0 <= entry.key < 1 << 63:
        raise ValueError(f"signal {entry.key}: its key is a number from 0 to 2**63 - 1")
    if entry.within_bits is not None:
        if entry.kind is not Kind.PDQ:
            raise ValueError(f"signal {entry.key}: within_bits is for pdq, not for {entry.kind}")
        if not 0 <= entry.within_bits <= MAX_WITHIN_BITS:
            raise ValueError(
                f"signal {entry.key}: within_bits is 0..{MAX_WITHIN_BITS}, not {entry.within_bits}"
            )
    return entry
