# SPDX-License-Identifier: Apache-2.0
"""The clock of an exercise with people: it runs while they act, and stops only for a pause."""

import time
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class ClockSpan:
    """A time from which the clock ran at one speed. speed: 0 while it stood still."""

    began_at: datetime
    minutes: float
    speed: float


class LiveClock:
    """Minutes of the exercise. speed: minutes of the exercise for each real minute."""

    def __init__(self, *, speed: float, minutes: float = 0.0) -> None:
        self.speed = speed
        self._is_running = False
        self._monotonic = time.monotonic()
        self._spans = [ClockSpan(datetime.now(UTC), minutes, 0.0)]

    @property
    def minutes(self) -> float:
        """Return what the clock shows now."""
        span = self._spans[-1]
        return span.minutes + (time.monotonic() - self._monotonic) / 60 * span.speed

    def adjust(self, *, is_running: bool, speed: float) -> None:
        """Let the clock run at a speed, or stand still."""
        if (is_running, speed) == (self._is_running, self.speed):
            return
        minutes = self.minutes
        self.speed, self._is_running = speed, is_running
        self._monotonic = time.monotonic()
        self._spans.append(ClockSpan(datetime.now(UTC), minutes, speed if is_running else 0.0))

    def seconds_until(self, minutes: float) -> float:
        """Return how many real seconds it takes the clock to show this; infinite if paused."""
        speed = self._spans[-1].speed
        return max(0.0, (minutes - self.minutes) * 60 / speed) if speed else float("inf")

    def minutes_at(self, at: datetime) -> float:
        """Return the clock's reading at a real time; its first one before it began."""
        number = bisect_right(self._spans, at, key=lambda span: span.began_at) - 1
        if number < 0:
            return self._spans[0].minutes
        span = self._spans[number]
        return span.minutes + (at - span.began_at).total_seconds() / 60 * span.speed
