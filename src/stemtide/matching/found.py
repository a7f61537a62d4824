# SPDX-License-Identifier: Apache-2.0
"""What a search finds: which signal, how sure, and where it lies in the content."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in content, in seconds from its beginning; start_s <= end_s."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Found:
    """One signal that a fingerprint meets, as the finder of its kind tells it.

    key:           the caller's number of the signal.
    score:         what this kind of finder measures; more is surer.
    confidence:    0..1, the share of such finds that are right, as calibrated (see the finder).
    query_span:    where in the content it lies; None where the kind knows no time.
    signal_span:   which stretch of the signal that is.
    speed:         content seconds per signal second; None where the kind knows no time.
    transform:     what was done to the content before it met: "" for nothing, or "mirrored".
    """

    key: int
    score: float
    confidence: float
    query_span: Span | None = None
    signal_span: Span | None = None
    speed: float | None = None
    transform: str = ""


class Finder(Protocol):
    """Finds signals of a kind whose values are as long as their content. Thread-safe."""

    def __len__(self) -> int:
        """Return how many signals are held."""

    def put(self, keys: Sequence[int], values: Sequence[bytes], /) -> None:
        """Hold signals from now on; the same key again replaces. raises: FingerprintError."""

    def drop(self, keys: Iterable[int], /) -> None:
        """Hold these signals no longer; unknown keys are ignored."""

    def find(self, value: bytes, /) -> list[Found]:
        """Find every stretch of content that a signal covers, the surest first."""

    @property
    def form(self) -> Mapping[str, np.dtype[Any]]:
        """Names and dtypes of the arrays that it can be kept as."""

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that is held, as arrays that do not change any more."""

    def take(self, arrays: dict[str, npt.NDArray[Any]], /) -> list[int]:
        """Hold what `arrays` returned, in place of what is held; return the keys."""
