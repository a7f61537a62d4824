# SPDX-License-Identifier: Apache-2.0
"""Results of a search: signal, confidence, and place in the content."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

BY_LOCAL_FEATURES = "local features"
"""How the transform of a match begins that was found by places in a picture, not by its hash."""


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A stretch of time in content, in seconds from its beginning; start_s <= end_s."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One signal that matches a fingerprint, as returned by the finder of its kind.

    key:           the caller's number of the signal.
    score:         unit depends on the kind of finder; more is surer.
    confidence:    0..1, the share of such results that are right, as calibrated (see the finder).
    query_span:    place in the content; None for kinds without time.
    signal_span:   the matching stretch of the signal.
    speed:         content seconds per signal second; None for kinds without time.
    transform:     alteration of the content: "" for none, or for example "mirrored".
    """

    key: int
    score: float
    confidence: float
    query_span: TimeRange | None = None
    signal_span: TimeRange | None = None
    speed: float | None = None
    transform: str = ""


class Finder(Protocol):
    """A finder of signals of a kind whose values are as long as their content. Thread-safe."""

    def __len__(self) -> int:
        """Return the number of signals."""

    def put(self, keys: Sequence[int], values: Sequence[bytes], /) -> None:
        """Store signals; a key that exists is replaced. raises: FingerprintError."""

    def drop(self, keys: Iterable[int], /) -> None:
        """Remove signals; unknown keys are ignored."""

    def find(self, value: bytes, /) -> list[Occurrence]:
        """Find every stretch of content that a signal covers, surest first."""

    @property
    def form(self) -> Mapping[str, np.dtype[Any]]:
        """Return names and dtypes of the arrays in which signals are saved."""

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all signals as arrays that do not change any more."""

    def take(self, arrays: dict[str, npt.NDArray[Any]], /) -> list[int]:
        """Replace all signals by those that `arrays` returned, and return the keys."""
