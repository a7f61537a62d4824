# SPDX-License-Identifier: Apache-2.0
"""Waits: for an event with a timeout, between retries, and before a part starts again."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from stemtide.protocol.retry_after import retry_after

logger = logging.getLogger(__name__)

_RESTART_S = 1.0


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


async def keep_running(run: Callable[[], Awaitable[None]]) -> None:
    """Restart a task whenever it ends, so that a full disk today does not stop it for good."""
    while True:
        try:
            await run()
        except Exception:
            logger.exception("a part of the agent failed and starts again")
        await asyncio.sleep(_RESTART_S)


async def wait_woken(event: asyncio.Event, *, within_s: float) -> None:
    """Wait until the event is set, or within_s seconds have passed.

    asyncio.wait_for must not be used for this: up to Python 3.11 it swallows a cancellation that
    arrives in the same moment as the event, and an agent that is stopping waits for ever for a task
    that goes on.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await event.wait()


def requested_wait_s(headers: Mapping[str, str], *, now: datetime) -> float:
    """Return the seconds that a Retry-After header asks for; 0 if it is absent or invalid."""
    wait = retry_after(headers.get("Retry-After", ""), now=now)
    return wait.total_seconds() if wait else 0.0
