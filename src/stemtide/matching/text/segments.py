# SPDX-License-Identifier: Apache-2.0
"""Immutable arrays of the search for passages."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from stemtide.fingerprints.text.fingerprint import TextPrint
from stemtide.fingerprints.text.words import Grams

Slots = npt.NDArray[np.uint32]

_FIRST_ROOM = 64
_ROW = np.dtype(
    [("key", np.int64), ("smallest", np.uint64), ("size", np.uint32), ("rate", np.uint8)]
)
"""The caller's number of a text, its smallest gram, how many it keeps, how thin its sample is."""


FORM = {"rows": _ROW, "grams": np.dtype("<u8"), "slots": np.dtype("<u4")}
"""The arrays in which texts are saved."""


@dataclass(frozen=True, slots=True)
class TextSegment:
    """Grams in ascending order, each with the slot of the text that holds it.

    grams: (n,) uint64; slots: (n,) uint32.
    """

    grams: Grams
    slots: Slots

    def __len__(self) -> int:
        return len(self.grams)

    def ranges(self, grams: Grams) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the first row, and the row after the last, of each gram."""
        starts = np.searchsorted(self.grams, grams, side="left")
        ends = np.searchsorted(self.grams, grams, side="right")
        return starts.astype(np.int64), ends.astype(np.int64)


@dataclass(frozen=True, slots=True)
class Texts:
    """Facts about each text, by slot. Slots are assigned in order and not reused.

    The arrays have room beyond `count` that only the next writer fills, so that adding a text does
    not copy them all; readers of this object never see a change.

    rows:    (room,) of _ROW.
    is_held: (room,) bool, false once the text was dropped or replaced.
    held:    number of stored texts; grams: in all segments; grams_held: of the stored texts.
    """

    rows: npt.NDArray[np.void]
    is_held: npt.NDArray[np.bool_]
    count: int = 0
    held: int = 0
    grams: int = 0
    grams_held: int = 0

    @classmethod
    def none(cls) -> Self:
        """Return an object without texts."""
        return cls(np.zeros(_FIRST_ROOM, _ROW), np.zeros(_FIRST_ROOM, np.bool_))

    @classmethod
    def of(cls, rows: npt.NDArray[np.void], *, grams: int) -> Self:
        """Return texts that are all stored, with this many grams."""
        count = len(rows)
        return cls(rows, np.ones(count, np.bool_), count, count, grams, grams)

    @property
    def smallest(self) -> Grams:
        """Return the smallest gram of each text, by slot."""
        smallest: Grams = self.rows["smallest"]
        return smallest

    @property
    def keys(self) -> list[int]:
        """Return the caller's numbers, by slot."""
        keys: list[int] = self.rows["key"][: self.count].tolist()
        return keys

    @property
    def is_half_gone(self) -> bool:
        """Whether most rows of the segments belong to texts that were dropped."""
        return self.count > _FIRST_ROOM and (
            self.grams_held * 2 < self.grams or self.held * 2 < self.count
        )

    def with_more(self, keys: Sequence[int], prints: Sequence[TextPrint]) -> Self:
        """Return these texts and more, in the slots from `count` on."""
        end = self.count + len(keys)
        rows, is_held = self.rows, self.is_held
        if end > len(rows):
            room = 2 * end - len(rows)
            rows = np.concatenate((rows, np.zeros(room, _ROW)))
            is_held = np.concatenate((is_held, np.zeros(room, np.bool_)))
        rows[self.count : end] = [
            (key, sketch.grams[0] if len(sketch.grams) else 0, len(sketch.grams), sketch.rate_bits)
            for key, sketch in zip(keys, prints, strict=True)
        ]
        is_held[self.count : end] = True
        grams = sum(len(sketch.grams) for sketch in prints)
        return replace(
            self,
            rows=rows,
            is_held=is_held,
            count=end,
            held=self.held + len(keys),
            grams=self.grams + grams,
            grams_held=self.grams_held + grams,
        )

    def without(self, slots: Sequence[int]) -> Self:
        """Return these texts with some slots dropped."""
        if not slots:
            return self
        is_held = self.is_held.copy()
        is_held[list(slots)] = False
        gone = int(self.rows["size"][list(slots)].sum())
        return replace(
            self,
            is_held=is_held,
            held=self.held - len(slots),
            grams_held=self.grams_held - gone,
        )


def segment_of(prints: Sequence[TextPrint], *, first_slot: int) -> TextSegment:
    """Return a segment with the grams of texts; their slots count up from the first."""
    sizes = [len(sketch.grams) for sketch in prints]
    slots = np.repeat(np.arange(first_slot, first_slot + len(prints), dtype=np.uint32), sizes)
    return _in_order(np.concatenate([sketch.grams for sketch in prints]), slots)


def merge(segments: tuple[TextSegment, ...]) -> tuple[TextSegment, ...]:
    """Merge the last segments until each is at least twice as long as the one after it.

    So there are few segments, and each gram is copied only as often as the logarithm of their
    number.
    """
    merged = list(segments)
    while len(merged) > 1 and len(merged[-2]) < 2 * len(merged[-1]):
        last, before = merged.pop(), merged.pop()
        merged.append(
            _in_order(
                np.concatenate((before.grams, last.grams)),
                np.concatenate((before.slots, last.slots)),
            )
        )
    return tuple(merged)


def compact(
    segments: tuple[TextSegment, ...], texts: Texts
) -> tuple[tuple[TextSegment, ...], Texts]:
    """Remove all texts that are no longer stored, and renumber the slots."""
    remaining = np.flatnonzero(texts.is_held[: texts.count])
    renumbered = np.zeros(texts.count, np.uint32)
    renumbered[remaining] = np.arange(len(remaining), dtype=np.uint32)
    grams, slots = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint32)]
    for segment in segments:
        is_held = texts.is_held[segment.slots]
        grams.append(segment.grams[is_held])
        slots.append(renumbered[segment.slots[is_held]])
    return (_in_order(np.concatenate(grams), np.concatenate(slots)),), Texts(
        rows=texts.rows[remaining],
        is_held=np.ones(len(remaining), np.bool_),
        count=len(remaining),
        held=len(remaining),
        grams=texts.grams_held,
        grams_held=texts.grams_held,
    )


def _in_order(grams: Grams, slots: Slots) -> TextSegment:
    order = np.argsort(grams, kind="stable")  # stable: it merges runs that are in order already
    return TextSegment(grams[order], slots[order])
