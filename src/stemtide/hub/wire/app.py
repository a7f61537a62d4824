# SPDX-License-Identifier: Apache-2.0
"""The ASGI application in front of Django's: what agents ask all the time, answered from memory.

Only what would succeed is answered here. Everything else goes to Django unchanged, so that every
refusal and every page of old changes is made there.
"""

import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from django.db import Error
from pydantic import ValidationError

from stemtide.hub.api import metrics
from stemtide.hub.api.asgi import (
    Application,
    Message,
    Receive,
    Scope as AsgiScope,
    Send,
    limit_bodies,
    send_problem,
)
from stemtide.hub.rooms.parties.reads.parties import Viewer
from stemtide.hub.rooms.parties.writes.statuses import AgentReport, record_reports
from stemtide.hub.wire import admission
from stemtide.hub.wire.group_queue import GroupQueue, QueueFullError
from stemtide.hub.wire.memory import FeedQuery, in_thread, is_current, memory
from stemtide.hub.wire.positions import positions
from stemtide.hub.wire.presence import presence
from stemtide.hub.wire.responses import (
    ESCAPED_NUL,
    if_it_works,
    is_short_json,
    replaying,
    send_json,
    whole_body,
)
from stemtide.hub.wire.shares import SIGNALS, ShareQueue, take_share
from stemtide.hub.wire.tail import NotInMemoryError, UnknownCrisesError
from stemtide.protocol.enums import Scope
from stemtide.protocol.problems import ProblemType, problem
from stemtide.protocol.sync.agents import AgentStatusIn, StatusTaken
from stemtide.protocol.sync.feed import MAX_PAGE

FEED = "/api/v1/feed"
AGENTS = "/api/v1/agents/"

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_AGENT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_QUERY = {
    "after": re.compile(r"[0-9]{1,18}"),
    "limit": re.compile(r"[0-9]{1,5}"),
    "exercise": re.compile(r"true|false|1|0"),
    "history": re.compile(r"([0-9a-f]{16})?"),
    "parties_after": re.compile(r"[0-9]{1,18}"),
}
_MAX_STATUS_BYTES = 4096
_OK, _BUSY = 200, 503
_FULL = "many agents report for the first time just now: report again in a few seconds"


def wire(django: Application) -> Application:
    """Wrap Django so that the wire answers what it can."""
    queue, reports = ShareQueue(), GroupQueue[AgentReport, bool]("reports", _record)

    async def take_status(scope: AsgiScope, receive: Receive, send: Send) -> None:
        await _status(scope, receive, send, django=django, queue=reports)

    async def take_signal(scope: AsgiScope, receive: Receive, send: Send) -> None:
        await take_share(scope, receive, send, django=noting, queue=queue)

    async def noting(scope: AsgiScope, receive: Receive, send: Send) -> None:
        await django(scope, receive, _noting(send))

    statuses, shares = limit_bodies(take_status), limit_bodies(take_signal)

    async def answer(scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await django(scope, receive, send)
            return
        path, method = scope["path"], scope["method"]
        if method == "GET" and path == FEED and await _feed(scope, send):
            return
        if method == "PUT" and path.startswith(AGENTS) and _AGENT.fullmatch(path[len(AGENTS) :]):
            await statuses(scope, receive, send)
        elif method == "POST" and path == SIGNALS:
            await shares(scope, receive, send)
        elif method in _SAFE:
            await django(scope, receive, send)
        else:
            await noting(scope, receive, send)

    return answer


async def page_of(party: Viewer, query: FeedQuery) -> bytes | None:
    """Return a page of the feed as JSON; None if the memory does not have it."""
    try:
        try:
            return memory.page(party, query)
        except UnknownCrisesError:
            await in_thread(lambda: memory.learn_crises(party))
            return memory.page(party, query)
    except (NotInMemoryError, UnknownCrisesError, Error):
        return None


async def _feed(scope: AsgiScope, send: Send) -> bool:
    """Answer a request for a page of the feed; False if Django must."""
    began = time.perf_counter()
    answered = await if_it_works(_page_with_limits(scope))
    if answered is None:
        return False
    body, limits = answered
    metrics.from_memory.labels(FEED[1:]).inc()
    await send_json(body, scope, send, limits=limits, route=FEED[1:], began=began)
    return True


async def _page_with_limits(scope: AsgiScope) -> tuple[bytes, dict[str, str]] | None:
    """Return a page of the feed and the rate limit headers; None if Django must answer."""
    query = _read_query(scope["query_string"])
    if query is None or not await is_current():
        return None
    admitted = admission.admit(scope, Scope.FEED_READ)
    if admitted is None or admitted.fields.get(b"content-length", "0") != "0":
        return None
    body = await page_of(admitted.caller.party, query)
    limits = admission.count(admitted, "reading") if body is not None else None
    if body is None or limits is None:
        return None
    # A reader that asks after a position has it.
    positions.note_delivered(admitted.caller, query.after)
    return body, limits


async def _status(
    scope: AsgiScope,
    receive: Receive,
    send: Send,
    *,
    django: Application,
    queue: GroupQueue[AgentReport, bool],
) -> None:
    """Take the status of an agent, into memory or into the database; Django takes what is unusual.

    It changes nothing that the memory holds, so no answer has to wait for it.
    """
    began = time.perf_counter()
    admitted = await if_it_works(_admit_status(scope))
    if admitted is None or not is_short_json(admitted.fields, most_bytes=_MAX_STATUS_BYTES):
        await django(scope, receive, send)
        return
    messages = await whole_body(receive)
    status = _read_status(b"".join(message.get("body", b"") for message in messages))
    name, route = scope["path"][len(AGENTS) :], f"{AGENTS[1:]}<name>"
    limits = admission.count(admitted, "writing", scope=scope) if status is not None else None
    outcome = None
    if status is not None and limits is not None:
        outcome = await if_it_works(_take(admitted, name, status, queue=queue))
    if limits is None or outcome is None:
        await django(scope, replaying(messages, receive), send)
    elif outcome == _OK:
        body = StatusTaken(rest_s=presence.rest_s()).model_dump_json().encode()
        await send_json(body, scope, send, limits=limits, route=route, began=began)
    else:
        seconds = time.perf_counter() - began
        metrics.count_request(route=route, method=scope["method"], status=outcome, seconds=seconds)
        await send_problem(problem(ProblemType.NOT_READY, _FULL), send)


async def _admit_status(scope: AsgiScope) -> admission.Admitted | None:
    """Return a report of status that may be taken; None if Django must look at it."""
    return admission.admit(scope, Scope.FEEDBACK_WRITE) if await is_current() else None


async def _take(
    admitted: admission.Admitted,
    name: str,
    status: AgentStatusIn,
    *,
    queue: GroupQueue[AgentReport, bool],
) -> int | None:
    """Take a status, into memory or the database; return the status of the answer.

    None if Django must take it.
    """
    caller, now = admitted.caller, datetime.now(UTC)
    if presence.knows(caller, name, status):
        presence.take(caller, name, status, now=now)
        positions.note_applied(caller, name, status.position)
        metrics.from_memory.labels(f"{AGENTS[1:]}<name>").inc()
        return _OK
    try:
        report = AgentReport(name, status, caller.key)
        is_recorded = await queue.put(report, party=caller.party.pk)
    except QueueFullError:
        return _BUSY
    if not is_recorded:
        return None
    presence.learn(caller, name, status, now=now)
    positions.note_applied(caller, name, status.position)
    return _OK


def _record(take: Callable[[], Sequence[AgentReport]]) -> list[bool | None]:
    """Record a group of reports."""
    return record_reports(take, clock=lambda: datetime.now(UTC))


def _read_query(query: bytes) -> FeedQuery | None:
    """Return the parameters of a page; None for those that Django must read."""
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        return None
    sent = dict(pairs)
    if len(sent) != len(pairs) or not all(
        name in _QUERY and _QUERY[name].fullmatch(value) for name, value in pairs
    ):
        return None
    limit = int(sent.get("limit", 1000))
    if not 1 <= limit <= MAX_PAGE:
        return None
    parties_after = sent.get("parties_after")
    return FeedQuery(
        after=int(sent.get("after", 0)),
        limit=limit,
        exercise=sent.get("exercise") in {"true", "1"},
        history=sent.get("history", ""),
        parties_after=None if parties_after is None else int(parties_after),
    )


def _read_status(body: bytes) -> AgentStatusIn | None:
    """Return a status; None for what Django must read."""
    if ESCAPED_NUL in body:
        return None
    try:
        return AgentStatusIn.model_validate_json(body, strict=True)
    except ValidationError:
        return None


def _noting(send: Send) -> Send:
    """Return a send that notes a possible write before its response begins."""

    async def noted(message: Message) -> None:
        if message["type"] == "http.response.start":
            memory.note_write()
        await send(message)

    return noted
