# SPDX-License-Identifier: Apache-2.0
"""The budget of a scan: how much it may read in a run, and how fast it may ask for content."""

import time
from dataclasses import dataclass

_MOST_AHEAD = 16


@dataclass(frozen=True, slots=True)
class ScanBudget:
    """Limits of a run. None: no limit.

    files, size_bytes: limits of the run.
    requests_per_s:    pieces of content that are requested from other machines in a second.
    """

    files: int | None = None
    size_bytes: int | None = None
    requests_per_s: float | None = None

    def is_used_up(self, *, files: int, size_bytes: int) -> bool:
        """Whether nothing more may be looked at after so much."""
        return (self.files is not None and files >= self.files) or (
            self.size_bytes is not None and size_bytes >= self.size_bytes
        )

    @property
    def batch_files(self) -> int:
        """Return how many files a worker may take at a time, so that requests are spread."""
        if self.requests_per_s is None:
            return _MOST_AHEAD
        return max(1, min(_MOST_AHEAD, int(self.requests_per_s)))


class Pace:
    """Waits so that requests are spread over time."""

    def __init__(self, requests_per_s: float | None) -> None:
        self._every_s = 1 / requests_per_s if requests_per_s else 0.0
        self._next_at = time.monotonic()

    def wait(self, requests: int) -> None:
        """Wait until so many requests may be made."""
        now = time.monotonic()
        if self._next_at > now:
            time.sleep(self._next_at - now)
        self._next_at = max(now, self._next_at) + requests * self._every_s
