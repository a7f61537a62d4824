# SPDX-License-Identifier: Apache-2.0
"""Exponential backoff with jitter."""

import random
from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Waits between retries: doubling up to a cap, jittered so that agents do not retry together.

    source: "full jitter", M. Brooker, AWS Architecture Blog, 2015; half of the wait is kept.
    """

    first_s: float
    cap_s: float
    tries: int = 0

    def next_s(self) -> float:
        """Return the next wait in seconds."""
        wait = wait_s(self.tries, first_s=self.first_s, cap_s=self.cap_s)
        self.tries += 1
        return wait

    def reset(self) -> None:
        """Start again at the first wait, after a success."""
        self.tries = 0


def wait_s(tries: int, *, first_s: float, cap_s: float) -> float:
    """Return the wait in seconds after that many failed attempts."""
    full = min(cap_s, first_s * 2.0 ** min(tries, 30))
    return full * random.uniform(0.5, 1.0)  # noqa: S311 - jitter needs no secrecy
