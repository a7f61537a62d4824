# SPDX-License-Identifier: Apache-2.0
"""Time limit for request bodies that arrive slowly, at hub and agent.

A body that trickles would hold its connection forever. It has GRACE_S, and a second more for
every SLOWEST_BYTES_S bytes received: long bodies at a usual speed have all the time they need.

source: RFC 9110 section 15.5.9 (408); https://asgi.readthedocs.io/en/latest/specs/www.html
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

GRACE_S = 30.0
"""Seconds that every body has."""

SLOWEST_BYTES_S = 16 * 1024
"""Bytes that earn a second more: the slowest rate at which a large body arrives whole."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class SlowBodyError(Exception):
    """A body did not arrive in time. The message names the limit and the remedy."""


def timed(receive: Receive) -> Receive:
    """Wrap a request's receive so that it fails if the body is too slow.

    After the body it waits without a limit, until the client disconnects.

    raises: SlowBodyError, when called.
    """
    clock = asyncio.get_running_loop().time
    began, arrived_bytes, is_whole = clock(), 0, False

    async def receive_in_time() -> Message:
        nonlocal arrived_bytes, is_whole
        if is_whole:
            return await receive()
        try:
            async with asyncio.timeout_at(began + GRACE_S + arrived_bytes / SLOWEST_BYTES_S):
                message = await receive()
        except TimeoutError as error:
            raise SlowBodyError(
                f"the body came too slowly: it has {GRACE_S:g} s, and a second more for every"
                f" {SLOWEST_BYTES_S:,} bytes that came; send it faster, or in smaller parts"
            ) from error
        arrived_bytes += len(message.get("body", b""))
        is_whole = not message.get("more_body", False)
        return message

    return receive_in_time
