# SPDX-License-Identifier: Apache-2.0
"""Record the actions on content and deliver them: a signed webhook and a JSON-lines file.

1 An action is one row for each channel, written in the transaction of the decision.
2 The file gets every action; the webhook gets blocks, holds and releases, never an exercise.
3 A failed webhook is retried with growing waits, or after the wait that its receiver asks for. It
  is dead after the last attempt or a 410, until someone retries it.
4 For each piece of content the webhook sends only the latest event: a new one replaces those that
  are still queued.

source: Standard Webhooks 1.0 (headers, signature, payload).
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid4

import httpx

from stemtide import __version__
from stemtide.agent.config.settings import Config, WebhookSettings
from stemtide.agent.outbox import restrictions, uploads
from stemtide.agent.outbox.actions_file import ActionsFile
from stemtide.agent.outbox.engine import LONGEST_WAIT_S, Outbox
from stemtide.agent.store import own_list, review, switched_off
from stemtide.agent.store.allowed import AllowRow, covered_actions, forget_prints
from stemtide.agent.store.database import Store, Transaction
from stemtide.agent.store.own_banks import own_ids
from stemtide.agent.waits import requested_wait_s, wait_s
from stemtide.client.connection import is_loopback
from stemtide.protocol import webhook_headers
from stemtide.protocol.enums import OUTCOME_OF, Action, Outcome
from stemtide.protocol.retry_after import ASKS_TO_WAIT
from stemtide.traces import spans
from stemtide.traces.records import OpenSpan

logger = logging.getLogger(__name__)

RELEASE = "content.release"
_FILE, _WEBHOOK = "file", "webhook"
_MAX_IN_FLIGHT = 8
_BATCH = 200
_MAX_DRAIN_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class MatchReason:
    """A signal that content matched, how it matched, and the action that it alone leads to.

    The other fields are as in a Hit: with them the match can be judged again.
    """

    signal: str
    action: Action
    kind: str
    distance_bits: int
    part: str
    match_percent: int = 100
    transform: str = ""
    matched_s: float | None = None
    allowed: str = ""


_REASON_FIELDS = [field.name for field in fields(MatchReason)]
_reason_values = attrgetter(*_REASON_FIELDS)
REASON_COLUMNS = ", ".join(_REASON_FIELDS)
"""Columns of a stored action that make a MatchReason, in its order."""
_PUT_REASON = (
    f"INSERT OR REPLACE INTO acted (ref, at, {REASON_COLUMNS})"  # noqa: S608 - our own names
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


UNREAD = MatchReason("", Action.HOLD, "", 0, "")
"""The only reason if content that no signal stops could not be read. Added to the reasons if a part
of the content could not be read, and if a person blocked it: when the last signal is withdrawn, the
content is then held, not released."""


def record(
    tx: Transaction,
    *,
    ref: str,
    reasons: Sequence[MatchReason],
    extra: Mapping[str, Any],
    config: Config,
    now: datetime,
) -> bool:
    """Record an action on a piece of content with its reasons, and queue its deliveries.

    ref:     the provider's id of the content, or one that the agent generated.
    reasons: the deciding signal first. extra: fields of the event besides ref and action.
    returns: whether the action is new. Asking about the same content again acts only once.
    """
    deciding = reasons[0]
    reasons_before = reasons_of(tx, ref)
    before = {reason.signal: reason.action for reason in reasons_before}
    # What was held or blocked before stays so until it is undone, whatever the policy says now.
    lasting = [
        replace(reason, action=earlier)
        if (earlier := before.get(reason.signal)) and earlier.rank > reason.action.rank
        else reason
        for reason in reasons
    ]
    if deciding.action is Action.BLOCK and not extra["exercise"]:
        _begin_statement(tx, ref, before=reasons_before, after=reasons, now=now)
    before.pop(UNREAD.signal, None)  # it was never sent as an action, so a match now is new
    at = now.timestamp()
    tx.executemany(_PUT_REASON, [(ref, at, *_reason_values(reason)) for reason in lasting])
    strongest = _strongest(before)
    is_stronger = strongest is None or deciding.action.rank > strongest.rank
    is_new_log = deciding.action is Action.LOG and deciding.signal not in before
    if not (is_stronger or is_new_log):
        return False
    event = {"ref": ref, "action": deciding.action.value, "agent": config.name, **extra}
    if config.review.enabled and deciding.action is Action.HOLD:
        review.remember_event(tx, ref, event, now=now)
    _queue(tx, f"content.{deciding.action}", event, config=config, now=now)
    return True


def hold_unread(tx: Transaction, *, ref: str, remarks: Sequence[str], now: datetime) -> None:
    """Put content that could not be read, and that no signal stops, into the queue of people.

    Nothing is sent or counted. Content that is held or blocked already stays as it is.
    """
    strongest = _strongest(_reasons(tx, ref))
    if strongest in {None, Action.LOG}:
        tx.execute(_PUT_REASON, (ref, now.timestamp(), *_reason_values(UNREAD)))
    review.remember_unread(tx, ref, remarks, now=now)


def refs_of(tx: Transaction, signal: str, *, since: int | None = None) -> list[str]:
    """Return the pieces of content that were acted on because of a signal, with others or alone.

    since: Unix time; None for all.
    """
    sql = "SELECT ref FROM acted WHERE signal = ? AND at >= ?"
    rows = tx.execute(sql, (signal, since or 0))
    return [ref for (ref,) in rows]


def reasons_of(tx: Transaction, ref: str) -> list[MatchReason]:
    """Return the reasons of the action on a piece of content."""
    rows = tx.execute(f"SELECT {REASON_COLUMNS} FROM acted WHERE ref = ?", (ref,))  # noqa: S608 - our own names
    return [read_reason(row) for row in rows]


def read_reason(row: Sequence[Any]) -> MatchReason:
    """Return a row of REASON_COLUMNS as a reason."""
    signal, action, *others = row
    return MatchReason(signal, Action(action), *others)


def weaken_action(
    tx: Transaction,
    *,
    ref: str,
    signal: str,
    before: Sequence[MatchReason],
    after: Sequence[MatchReason],
    why: str,
    config: Config,
    now: datetime,
) -> bool:
    """Replace the reasons of an action by others, which together may ask for less.

    signal:  the one that changed. before: the reasons until now. after: those that are left, and
             what each asks for now.
    returns: whether the content gets a milder action, or counts for another signal.
    """
    if list(before) == list(after):
        return False
    _change_reasons(tx, ref, before=before, after=after)
    actions = {reason.signal: reason.action for reason in after}
    was = _strongest({reason.signal: reason.action for reason in before})
    becomes = _strongest(actions)
    if was is Action.BLOCK and _kinds_to_state(tx, after) is None:
        restrictions.end(tx, ref=ref, now=now)
    is_moved = was not in {None, Action.LOG} and uploads.recount(
        tx, ref=ref, weaker=signal, reasons=actions, now=now
    )
    if was and was is not Action.LOG and (becomes is None or becomes.rank < was.rank):
        facts = {"ref": ref, "action": becomes, "undoes": was, "exercise": False}
        facts |= {"agent": config.name, "signal": signal, "why": why}
        kind_of = "content.hold" if becomes is Action.HOLD else RELEASE
        _queue(tx, kind_of, facts, config=config, now=now)
        is_moved = True
    return is_moved


def change_by_person(
    tx: Transaction,
    *,
    ref: str,
    after: Sequence[MatchReason],
    facts: Mapping[str, Any],
    config: Config,
    now: datetime,
) -> None:
    """Replace the reasons of an action as a person decided, queue the event and count the outcome.

    facts: fields of the event besides ref, action and agent; "signal" is where it counts.
    """
    before = reasons_of(tx, ref)
    _change_reasons(tx, ref, before=before, after=after)
    was = _strongest({reason.signal: reason.action for reason in before})
    becomes = _strongest({reason.signal: reason.action for reason in after}) or Action.LOG
    if was is Action.BLOCK:
        restrictions.end(tx, ref=ref, now=now)
    if becomes is Action.BLOCK:
        kinds = _kinds_to_state(tx, after)
        if kinds is not None:
            content_at = review.content_time(tx, ref)
            restrictions.begin(tx, ref=ref, kinds=kinds, now=now, content_at=content_at)
    kind_of = RELEASE if becomes is Action.LOG else f"content.{becomes}"
    event = {"ref": ref, "action": becomes, "agent": config.name, "exercise": False, **facts}
    _queue(tx, kind_of, event, config=config, now=now)
    outcome = Outcome.REVERSED if becomes is Action.LOG else OUTCOME_OF[becomes]
    uploads.count_decision(tx, ref=ref, signal=facts["signal"], outcome=outcome, now=now)


def _begin_statement(
    tx: Transaction,
    ref: str,
    *,
    before: Sequence[MatchReason],
    after: Sequence[MatchReason],
    now: datetime,
) -> None:
    """Begin what a statement of reasons is owed for, unless the content was so blocked before."""
    if _kinds_to_state(tx, before) is None and (kinds := _kinds_to_state(tx, after)) is not None:
        restrictions.begin(tx, ref=ref, kinds=kinds, now=now)


def _kinds_to_state(tx: Transaction, reasons: Sequence[MatchReason]) -> set[str] | None:
    """Return how content matched that is blocked, for its statement of reasons.

    None if nothing blocks it, or items of own banks alone: their legal ground is not known here.
    """
    blocking = [reason for reason in reasons if reason.action is Action.BLOCK]
    own = own_ids(tx, [reason.signal for reason in blocking])
    kinds = {reason.kind for reason in blocking if reason.signal not in own} - {""}
    return None if not blocking or (own and not kinds) else kinds


def weaken_allowed(
    tx: Transaction, entries: Sequence[AllowRow], *, config: Config, now: datetime
) -> int:
    """Weaken earlier actions on content that new entries of an allow-list cover, to log.

    returns: how many actions were weakened.
    """
    weakened = 0
    for covered in covered_actions(tx, entries):
        if entry := covered.entry.own_id:
            own_list.note_matches(tx, [entry], ref=covered.ref, signal=covered.signals[0], now=now)
        before = reasons_of(tx, covered.ref)
        after = [
            replace(reason, action=Action.LOG, allowed=covered.entry.sentence)
            if reason.signal in covered.signals
            else reason
            for reason in before
        ]
        weakened += weaken_action(
            tx,
            ref=covered.ref,
            signal=covered.signals[0],
            before=before,
            after=after,
            why=f"the content is {covered.entry.sentence}",
            config=config,
            now=now,
        )
    return weakened


def _change_reasons(
    tx: Transaction, ref: str, *, before: Sequence[MatchReason], after: Sequence[MatchReason]
) -> None:
    """Store the reasons that are left. New ones are as old as the action."""
    (at,) = tx.execute("SELECT max(at) FROM acted WHERE ref = ?", (ref,)).fetchone()
    new = [(ref, at, *_reason_values(reason)) for reason in set(after) - set(before)]
    tx.executemany(_PUT_REASON, new)
    left = {reason.signal for reason in after}
    tx.executemany(
        "DELETE FROM acted WHERE ref = ? AND signal = ?",
        [(ref, reason.signal) for reason in before if reason.signal not in left],
    )


def forget(tx: Transaction, *, before: datetime, keep_owed: bool = False) -> None:
    """Delete records of actions older than a time; those can no longer be undone.

    keep_owed: keep what statements of reasons still have to be posted about.
    """
    tx.execute("DELETE FROM acted WHERE at < ?", (before.timestamp(),))
    forget_prints(tx)
    uploads.forget(tx, before=before)
    review.forget(tx, before=before)
    own_list.forget(tx, before=before)
    switched_off.forget(tx, before=before)
    restrictions.forget(tx, before=before, keep_owed=keep_owed)


def _reasons(tx: Transaction, ref: str) -> dict[str, Action]:
    """Return the action that each signal leads to for a piece of content, by signal."""
    rows = tx.execute("SELECT signal, action FROM acted WHERE ref = ?", (ref,))
    return {signal: Action(action) for signal, action in rows}


def _strongest(reasons: Mapping[str, Action]) -> Action | None:
    return max(reasons.values(), key=lambda action: action.rank, default=None)


def _queue(
    tx: Transaction, kind: str, facts: Mapping[str, Any], *, config: Config, now: datetime
) -> None:
    """Queue an event for each channel that takes it."""
    body = json.dumps({"type": kind, "timestamp": now.isoformat(), "data": facts})
    ref, event_id = facts["ref"], f"msg_{uuid4().hex}"
    channels = [_FILE]
    if config.webhook and not facts["exercise"] and kind != f"content.{Action.LOG}":
        channels.append(_WEBHOOK)
        # A block that arrives after its release would never be undone.
        tx.execute("DELETE FROM deliveries WHERE ref = ? AND channel = ?", (ref, _WEBHOOK))
    tx.executemany(
        "INSERT INTO deliveries (id, channel, ref, body, due_at) VALUES (?, ?, ?, ?, 0)",
        [(event_id, channel, ref, body) for channel in channels],
    )


class _Failure(NamedTuple):
    """Why a delivery failed. wait_s: the wait its receiver asks for; is_gone: never retry."""

    words: str
    wait_s: float = 0.0
    is_gone: bool = False


class _Row(NamedTuple):
    seq: int
    id: str
    ref: str
    body: str
    attempts: int


_COLUMNS = "seq, id, ref, body, attempts"
_READY = f"channel = '{_WEBHOOK}' AND is_dead = 0 AND ref NOT IN (SELECT value FROM json_each(?))"  # noqa: S608 - our own names


class Deliverer(Outbox):
    """Outbox of events. A webhook has its own next attempt, so a slow one delays no other."""

    counts_sql = """
SELECT count(*) FILTER (WHERE NOT is_dead), count(*) FILTER (WHERE is_dead), coalesce(
    (SELECT trouble FROM deliveries WHERE trouble != '' ORDER BY seq DESC LIMIT 1), '')
  FROM deliveries"""
    oldest_sql = """
SELECT min(strftime('%s', json_extract(body, '$.timestamp'))) FROM deliveries WHERE NOT is_dead"""
    retry_sql = ("UPDATE deliveries SET is_dead = 0, attempts = 0, due_at = 0 WHERE is_dead = 1",)

    def __init__(
        self, *, config: Config, store: Store, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(store)
        self._webhook = config.webhook
        self._source = f"/agents/{quote(config.name, safe='')}"
        self._file = ActionsFile(config.actions_path)
        self._clock = clock
        self._in_flight: dict[str, asyncio.Task[None]] = {}
        self._paused_until = 0.0

    @property
    def trouble(self) -> str:
        """Return why this process cannot write the JSON-lines file; "" if it can."""
        return self._file.trouble

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with asyncio.TaskGroup() as self._tasks, _http_client(self._webhook) as self._http:
            await super().run()

    async def _send_batch(self) -> bool:
        """Append to the file, and begin the webhooks that are due."""
        await asyncio.to_thread(self._write_file)
        if self._webhook:
            for row in await asyncio.to_thread(self._due_webhooks):
                task = self._tasks.create_task(self._deliver(row, self._webhook))
                self._in_flight[row.ref] = task
        return False

    def _due_webhooks(self) -> list[_Row]:
        """Return the webhooks to send now, at most one for each piece of content."""
        if self._clock() < self._paused_until:
            return []
        rows = self._store.read(
            f"SELECT {_COLUMNS} FROM deliveries WHERE {_READY} AND due_at <= ?"  # noqa: S608 - our own names
            " ORDER BY seq LIMIT ?",
            (self._busy_refs(), self._clock(), _MAX_IN_FLIGHT - len(self._in_flight)),
        )
        return [_Row(*row) for row in rows]

    async def _rest_s(self) -> float:
        return await asyncio.to_thread(self._until_due_s)

    def _until_due_s(self) -> float:
        """Return how long until the next delivery is due; running ones wake us."""
        longest = 1.0 if self._file.trouble else LONGEST_WAIT_S
        if self._webhook is None or len(self._in_flight) >= _MAX_IN_FLIGHT:
            return longest
        ((due_at,),) = self._store.read(
            f"SELECT min(due_at) FROM deliveries WHERE {_READY}",  # noqa: S608 - our own names
            (self._busy_refs(),),
        )
        if due_at is None:
            return longest
        return min(longest, max(0.0, max(float(due_at), self._paused_until) - self._clock()))

    def _busy_refs(self) -> str:
        """Return the refs that have a delivery in flight, as a JSON list."""
        return json.dumps(list(self._in_flight))

    async def _deliver(self, row: _Row, webhook: WebhookSettings) -> None:
        """Attempt one webhook delivery once."""
        try:
            trouble = await self._post(row, webhook)
            await asyncio.to_thread(self._settle, row, webhook, trouble)
        finally:
            del self._in_flight[row.ref]
            self._wake.set()

    async def _post(self, row: _Row, webhook: WebhookSettings) -> _Failure | None:
        """Send one webhook and return the failure, or None on success."""
        at = datetime.fromtimestamp(int(self._clock()), UTC)
        event = json.loads(row.body)
        span = _open_span(event)
        headers = {
            "Content-Type": "application/json",
            **webhook_headers.sign(row.id, row.body, secrets=webhook.secrets, at=at),
            **self._event(row, event),
            **({"traceparent": span.traceparent} if span else {}),
        }
        body, status = row.body.encode(), 0
        try:
            async with (
                asyncio.timeout(webhook.timeout_s),
                self._http.stream("POST", webhook.url, content=body, headers=headers) as response,
            ):
                status = response.status_code
                await _drain(response)
        except (httpx.RequestError, TimeoutError) as error:
            return _Failure(f"{webhook.url} cannot be reached ({error!r})")
        finally:
            if span:
                span.end(status)
        return None if response.is_success else _failure(response, now=at)

    def _event(self, row: _Row, event: Mapping[str, Any]) -> dict[str, str]:
        """Return the headers that also make the webhook a CloudEvent."""
        happened_at = datetime.fromisoformat(event["timestamp"])
        return webhook_headers.event(
            row.id, event["type"], source=self._source, happened_at=happened_at
        )

    def _settle(self, row: _Row, webhook: WebhookSettings, trouble: _Failure | None) -> None:
        """Delete a delivered row; otherwise set its next attempt, or mark it dead."""
        now = self._clock()
        with self._store.write() as tx:
            if trouble is None:
                tx.execute("DELETE FROM deliveries WHERE seq = ?", (row.seq,))
                return
            attempts = row.attempts + 1
            is_dead = trouble.is_gone or attempts >= webhook.attempts
            wait = wait_s(row.attempts, first_s=webhook.backoff_s, cap_s=LONGEST_WAIT_S)
            self._paused_until = max(self._paused_until, now + trouble.wait_s)
            due_at = now + max(wait, trouble.wait_s)
            tx.execute(
                "UPDATE deliveries SET attempts = ?, is_dead = ?, due_at = ?, trouble = ?"
                " WHERE seq = ?",
                (attempts, is_dead, due_at, trouble.words, row.seq),
            )
        after = "; it is dead until POST /deliveries/retry" if is_dead else ""
        logger.warning("webhook %s, attempt %d: %s%s", row.id, attempts, trouble.words, after)

    def _write_file(self) -> None:
        """Append queued events to the file."""
        while records := self._store.read(
            f"SELECT {_COLUMNS} FROM deliveries WHERE channel = ? ORDER BY seq LIMIT ?",  # noqa: S608 - our own names
            (_FILE, _BATCH),
        ):
            rows = [_Row(*row) for row in records]
            if not self._file.append([(row.id, row.body) for row in rows]):
                return
            with self._store.write() as tx:
                tx.executemany("DELETE FROM deliveries WHERE seq = ?", [(row.seq,) for row in rows])


def _open_span(event: Mapping[str, Any]) -> OpenSpan | None:
    """Begin the span of a webhook, in the trace of its signal; None if there is none."""
    signal = event["data"].get("signal")
    return spans.open_span(UUID(signal), "webhook") if signal else None


def _failure(response: httpx.Response, *, now: datetime) -> _Failure:
    """Describe an unsuccessful response: its text, how long to wait, whether to stop."""
    status = response.status_code
    words = f"{response.url} answered {status}"
    if status in ASKS_TO_WAIT:
        return _Failure(words, wait_s=requested_wait_s(response.headers, now=now))
    return _Failure(words, is_gone=status == webhook_headers.GONE)


async def _drain(response: httpx.Response) -> None:
    """Drain the response so that its connection can be reused, unless the body is long."""
    size = 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > _MAX_DRAIN_BYTES:
            return


def _http_client(webhook: WebhookSettings | None) -> httpx.AsyncClient:
    """Return an HTTP client for the provider's webhook; it follows no redirects."""
    host = urlsplit(webhook.url).hostname if webhook else None
    return httpx.AsyncClient(
        timeout=webhook.timeout_s if webhook else None,
        headers={"User-Agent": f"stemtide-agent/{__version__}"},
        trust_env=not is_loopback(host or "localhost"),
    )
