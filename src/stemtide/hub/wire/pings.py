# SPDX-License-Identifier: Apache-2.0
"""Pings of quiet streams: one timer for all, which serves a part of them at each beat.

A timer and a wake of its own for each of a thousand streams cost most of what a quiet hub used.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any, cast
from weakref import WeakKeyDictionary

from stemtide.hub.api.asgi import Send

log = logging.getLogger(__name__)

PING_S = 3.0
"""Interval of comments on a stream, by which an agent notices a hub that hangs."""

PING = b": ping\n\n"

_PARTS = 12

Ping = Callable[[], object]


class _Pings:
    """The pings of one event loop. Each stream belongs to a part, and has a ping once a round."""

    def __init__(self) -> None:
        self._parts: list[set[Ping]] = [set() for _ in range(_PARTS)]
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def every(self, ping: Ping) -> Iterator[None]:
        """Call a ping every PING_S during the block."""
        part = min(self._parts, key=len)
        part.add(ping)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            part.discard(ping)

    async def _run(self) -> None:
        """Ping one part after the other, as long as there are streams."""
        for part in cycle(self._parts):
            if not any(self._parts):
                return
            await asyncio.sleep(PING_S / _PARTS)
            for ping in list(part):
                try:
                    ping()
                except Exception:  # that of one stream must not end the others'
                    log.exception("a stream could not be pinged")


_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pings] = WeakKeyDictionary()


def pings() -> _Pings:
    """Return the pings of the running loop."""
    return _of_loops.setdefault(asyncio.get_running_loop(), _Pings())


def send_now(body: bytes, send: Send) -> None:
    """Send part of a body, or nothing to a reader that is too slow to take more.

    Nothing of it is sent if it is not sent at once: uvicorn waits only before it writes.
    """
    sending = cast("Any", send({"type": "http.response.body", "body": body, "more_body": True}))
    try:
        sending.send(None)
    except StopIteration:
        return
    sending.close()
