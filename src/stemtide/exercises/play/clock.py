# SPDX-License-Identifier: Apache-2.0
"""The clock of an exercise, which runs faster than real time and pauses while bots act."""

import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class ClockPause:
    """A time at which the clock stood still. minutes: its reading."""

    began_at: datetime
    ended_at: datetime
    minutes: float


class ExerciseClock:
    """Minutes since the start of the exercise.

    The clock pauses while a bot acts, so that neither a slow machine nor a high speed makes
    an act late. Between two acts it runs at its speed.

    speed: exercise minutes for each real minute.
    """

    def __init__(self, *, speed: float) -> None:
        self.speed = speed
        self.minutes = 0.0
        self._pauses: list[ClockPause] = []

    def run_until(self, minutes: float) -> None:
        """Wait until the clock shows this; return at once if it already does."""
        real_s = (minutes - self.minutes) * 60 / self.speed
        if real_s > 0:
            time.sleep(real_s)
            self.minutes = minutes

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let the clock stand still, and remember when it did."""
        began_at = datetime.now(UTC)
        try:
            yield
        finally:
            self._pauses.append(ClockPause(began_at, datetime.now(UTC), self.minutes))

    def minutes_at(self, at: datetime) -> float:
        """Return the clock's reading at a real time; 0 before its first pause."""
        number = bisect_right(self._pauses, at, key=lambda pause: pause.began_at) - 1
        if number < 0:
            return 0.0
        pause = self._pauses[number]
        if at <= pause.ended_at:
            return pause.minutes
        later = self._pauses[number + 1 :]
        ran = (at - pause.ended_at).total_seconds() / 60 * self.speed
        return min(pause.minutes + ran, later[0].minutes if later else self.minutes)
