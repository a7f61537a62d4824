# SPDX-License-Identifier: Apache-2.0
"""What a library is given, and what it says."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stemtide.fingerprints.kinds import FingerprintError, Kind
from stemtide.fingerprints.values.checks import check_value
from stemtide.matching.found import Found
from stemtide.matching.hamming import MAX_WITHIN_BITS
from stemtide.matching.segments import Keys


@dataclass(frozen=True, slots=True)
class Entry:
    """One signal as the library holds it.

    key:         the caller's number of the signal, 0 to 2**63 - 1.
    value:       SIZE_BYTES[kind] bytes, or as the module of the kind spells it.
    within_bits: PDQ only, 0..64: the distance within which this signal matches, whatever a search
                 asks, be it narrower or wider. None: as the search asks.
    """

    key: int
    kind: Kind
    value: bytes
    within_bits: int | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """One signal that a piece of content matches, and how near it comes.

    distance_bits: PDQ: Hamming distance, 0..64; 0 for all other kinds.
    part:          the part of the content that matched: "" for the whole.
    confidence:    0..1, how sure such a find is (see the finder of its kind); 1 for what is equal
                   or within its distance.
    transform:     what was done to the content before it matched, such as "mirrored".
    found:         kinds with finders: every stretch that was found, the surest first.
    """

    key: int
    kind: Kind
    distance_bits: int
    part: str
    confidence: float = 1.0
    transform: str = ""
    found: tuple[Found, ...] = ()


@dataclass(frozen=True, slots=True)
class Hits:
    """What a search of many values found: three columns of one length.

    queries: uint32, places in what was asked, ascending; of one, the nearest first, then by key.
    keys:    int64; distances_bits: uint16.
    """

    queries: npt.NDArray[np.uint32]
    keys: Keys
    distances_bits: npt.NDArray[np.uint16]


def checked(entry: Entry) -> Entry:
    """Return an entry that can be held, or say what is wrong with it."""
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
