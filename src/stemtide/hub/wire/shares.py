# SPDX-License-Identifier: Apache-2.0
"""Requests that share one signal: stored with others if plain, and left to Django if not."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from stemtide.hub.api import metrics
from stemtide.hub.api.asgi import Application, Receive, Scope as AsgiScope, Send, send_problem
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.signals.writes.share_groups import SingleShare, share_group
from stemtide.hub.wire import admission
from stemtide.hub.wire.group_queue import GroupQueue, QueueFullError
from stemtide.hub.wire.memory import is_current, memory
from stemtide.hub.wire.responses import (
    ESCAPED_NUL,
    if_it_works,
    is_short_json,
    replaying,
    send_json,
    whole_body,
)
from stemtide.protocol.enums import PartyKind, Scope
from stemtide.protocol.messages.signals import SharedSignal, SignalIn
from stemtide.protocol.problems import ProblemType, problem
from stemtide.traces import spans
from stemtide.traces.records import EndedSpan

SIGNALS = "/api/v1/signals"

_ROUTE = SIGNALS[1:]
_MAX_BYTES = 16 * 1024
_FULL = "many signals are being shared just now: send this one again in a few seconds"
_CREATED, _OK, _BUSY = 201, 200, 503


class ShareQueue(GroupQueue[SingleShare, SharedSignal]):
    """The shares that wait in this process; those of authorities are urgent."""

    def __init__(self) -> None:
        super().__init__("shares", _store)

    async def share(self, body: SignalIn, *, caller: Caller) -> SharedSignal | None:
        """Share a signal with others, as put() does. raises: QueueFullError."""
        is_urgent = caller.party.kind == PartyKind.AUTHORITY
        write = SingleShare(body, caller.key)
        return await self.put(write, party=caller.party.pk, is_urgent=is_urgent)


def _store(take: Callable[[], Sequence[SingleShare]]) -> list[SharedSignal | None]:
    """Share a group. Shares have natural keys, so that none is stored twice."""
    began = time.perf_counter()
    shared = share_group(take, clock=lambda: datetime.now(UTC))
    number = sum(result is not None for result in shared)
    metrics.shares_in_a_commit.observe(number)
    took_s = time.perf_counter() - began
    for result in shared:
        if result is not None and result.created:
            spans.add(EndedSpan(result.id, "store", took_s, {"stemtide.shares": number}))
    return shared


class _CallerLeftError(Exception):
    """The caller disconnected before the signal was stored."""


async def take_share(
    scope: AsgiScope, receive: Receive, send: Send, *, django: Application, queue: ShareQueue
) -> None:
    """Share a signal; Django takes what is unusual, what is refused, and what is shared alone."""
    began = time.perf_counter()
    admitted = await if_it_works(_admit(scope))
    if admitted is None or not is_short_json(admitted.fields, most_bytes=_MAX_BYTES):
        await django(scope, receive, send)
        return
    messages = await whole_body(receive)
    body = _read(b"".join(message.get("body", b"") for message in messages))
    limits = admission.count(admitted, "writing", scope=scope) if body is not None else None
    shared = None
    if body is not None and limits is not None:
        try:
            shared = await _while_waited_for(queue.share(body, caller=admitted.caller), receive)
        except _CallerLeftError:
            metrics.count_abandoned("waiting")
            return
        except QueueFullError:
            seconds = time.perf_counter() - began
            metrics.count_request(route=_ROUTE, method="POST", status=_BUSY, seconds=seconds)
            await send_problem(problem(ProblemType.NOT_READY, _FULL), send)
            return
    if shared is None or limits is None:
        await django(scope, replaying(messages, receive), send)
        return
    memory.note_write()
    if shared.created:
        caller, took_s = admitted.fields.get(b"traceparent", ""), time.perf_counter() - began
        spans.add(spans.share_span(shared.id, took_s=took_s, caller=caller))
    sent, status = shared.model_dump_json().encode(), _CREATED if shared.created else _OK
    await send_json(sent, scope, send, limits=limits, route=_ROUTE, began=began, status=status)


async def _admit(scope: AsgiScope) -> admission.Admitted | None:
    """Return a request that may share; None if Django must look at it.

    Keys are read again when signals are stored: the memory need not know the latest write.
    """
    if scope["query_string"] or not (memory.is_followed or await is_current()):
        return None
    return admission.admit(scope, Scope.SIGNALS_WRITE)


async def _while_waited_for(
    sharing: Coroutine[Any, Any, SharedSignal | None], receive: Receive
) -> SharedSignal | None:
    """Return the result of a share; cancel it if the caller leaves. raises: _CallerLeftError."""
    task = asyncio.ensure_future(sharing)
    leaving = asyncio.ensure_future(receive())
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise _CallerLeftError
        return task.result()
    finally:
        task.cancel()
        leaving.cancel()


def _read(body: bytes) -> SignalIn | None:
    """Return a signal; None for what Django must read."""
    if ESCAPED_NUL in body:
        return None
    try:
        return SignalIn.model_validate_json(body, strict=True)
    except ValidationError:
        return None
