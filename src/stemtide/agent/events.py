# SPDX-License-Identifier: Apache-2.0
"""Wait for an event with a timeout."""

import asyncio
from contextlib import suppress


async def wait_woken(event: asyncio.Event, *, within_s: float) -> None:
    """Wait until the event is set, or within_s seconds have passed.

    asyncio.wait_for must not be used for this: up to Python 3.11 it swallows a cancellation that
    arrives in the same moment as the event, and an agent that is stopping waits for ever for a task
    that goes on.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await event.wait()
