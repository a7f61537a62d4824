# SPDX-License-Identifier: Apache-2.0
"""Actions reach the provider's own systems: a signed webhook and a JSON-lines file.

1 An action is a row for each channel, written in the transaction of the decision.
2 The file has every action; the webhook has blocks, holds and releases, never an exercise.
3 A webhook is tried with growing waits, or as long ones as its receiver asks for; after the last
  one, or when its receiver says that it is gone, it is dead, until someone retries it.
4 About one piece of content the webhook says the latest: what was not delivered is replaced.

source: Standard Webhooks 1.0 (headers, signature, payload).
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx

from stemtide import __version__
from stemtide.agent import restrictions, uploads
from stemtide.agent.actions_file import ActionsFile
from stemtide.agent.backoff import wait_s
from stemtide.agent.config import Config, Webhook
from stemtide.agent.store import Store, Transaction
from stemtide.agent.waiting import wait_woken
from stemtide.client.line import is_loopback
from stemtide.protocol import webhooks
from stemtide.protocol.words import Action

logger = logging.getLogger(__name__)

RELEASE = "content.release"
_FILE, _WEBHOOK = "file", "webhook"
_AT_ONCE = 8
_CAP_S = 300.0
_BATCH = 200
_ANSWER_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Because:
    """One signal that content matched, how, and the action that it alone leads to."""

    signal: str
    action: Action
    kind: str
    distance_bits: int
    part: str


UNREAD = Because("", Action.HOLD, "", 0, "")
"""Stands beside the signals that content matched where some of it could not be looked at: then the
end of the last signal holds the content, and does not release it."""


@dataclass(frozen=True, slots=True)
class OutboxSize:
    """Deliveries under way, dead ones, and the latest trouble of the webhook ("" for none)."""

    waiting: int
    dead: int
    webhook_trouble: str


def record(
    tx: Transaction,
    *,
    ref: str,
    because: Sequence[Because],
    facts: Mapping[str, Any],
    config: Config,
    now: datetime,
) -> bool:
    """Write down what happens to one piece of content and why, and queue its deliveries.

    ref:     the provider's own id of the content, or one that the agent made up.
    because: the deciding signal first. facts: what the event says beside ref and action.
    returns: whether it is news. The same content asked about again is not acted upon twice.
    """
    first = because[0]
    before = _reasons(tx, ref)
    before.pop(UNREAD.signal, None)  # it was never told as an action: what matches now is news
    tx.executemany(
        "INSERT OR REPLACE INTO acted VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (ref, one.signal, one.action, one.kind, one.distance_bits, one.part, now.timestamp())
            for one in because
        ],
    )
    strongest = _strongest(before)
    is_stronger = strongest is None or first.action.rank > strongest.rank
    is_new_log = first.action is Action.LOG and first.signal not in before
    if not (is_stronger or is_new_log):
        return False
    if is_stronger and first.action is Action.BLOCK and not facts["exercise"]:
        kinds = {one.kind for one in because if one.action is Action.BLOCK}
        restrictions.begin(tx, ref=ref, kinds=kinds, now=now)
    event = {"ref": ref, "action": first.action.value, "agent": config.name, **facts}
    _queue(tx, f"content.{first.action}", event, config=config, now=now)
    return True


def revise(
    tx: Transaction,
    *,
    signal: str,
    leads_to: Callable[[Because], Action | None],
    why: str,
    config: Config,
    now: datetime,
) -> int:
    """Weaken what was done because of one signal, where no other signal asks for as much.

    leads_to: what the signal alone leads to now; None where it no longer counts at all.
    returns:  how many pieces of content are treated more mildly, or count at another signal.
    """
    rows = tx.execute(
        "SELECT ref, action, kind, distance_bits, part FROM acted WHERE signal = ?", (signal,)
    ).fetchall()
    changed = 0
    for ref, action, kind, distance_bits, part in rows:
        before = _strongest(_reasons(tx, ref))
        new = leads_to(Because(signal, Action(action), kind, distance_bits, part))
        if new is None:
            tx.execute("DELETE FROM acted WHERE ref = ? AND signal = ?", (ref, signal))
        elif new.rank < Action(action).rank:
            tx.execute(
                "UPDATE acted SET action = ? WHERE ref = ? AND signal = ?", (new, ref, signal)
            )
        reasons = _reasons(tx, ref)
        after = _strongest(reasons)
        is_moved = before not in {None, Action.LOG} and uploads.recount(
            tx, ref=ref, weaker=signal, reasons=reasons, now=now
        )
        if before and before is not Action.LOG and (after is None or after.rank < before.rank):
            facts = {"ref": ref, "action": after, "undoes": before, "exercise": False}
            facts |= {"agent": config.name, "signal": signal, "why": why}
            kind_of = "content.hold" if after is Action.HOLD else RELEASE
            _queue(tx, kind_of, facts, config=config, now=now)
            restrictions.end(tx, ref=ref, now=now)
            is_moved = True
        changed += is_moved
    return changed


def forget(tx: Transaction, *, before: datetime, keep_owed: bool = False) -> None:
    """Forget which content was acted upon before a time; it can no longer be undone then.

    keep_owed: whether statements of reasons wait to be posted, which are kept until they are.
    """
    tx.execute("DELETE FROM acted WHERE at < ?", (before.timestamp(),))
    uploads.forget(tx, before=before)
    restrictions.forget(tx, before=before, keep_owed=keep_owed)


def _reasons(tx: Transaction, ref: str) -> dict[str, Action]:
    """What each signal leads to for one piece of content."""
    rows = tx.execute("SELECT signal, action FROM acted WHERE ref = ?", (ref,))
    return {signal: Action(action) for signal, action in rows}


def _strongest(reasons: Mapping[str, Action]) -> Action | None:
    return max(reasons.values(), key=lambda one: one.rank, default=None)


def _queue(
    tx: Transaction, kind: str, facts: Mapping[str, Any], *, config: Config, now: datetime
) -> None:
    """Queue an event for each channel that it is for."""
    body = json.dumps({"type": kind, "timestamp": now.isoformat(), "data": facts})
    ref, event_id = facts["ref"], f"msg_{uuid4().hex}"
    channels = [_FILE]
    if config.webhook and not facts["exercise"] and kind != f"content.{Action.LOG}":
        channels.append(_WEBHOOK)
        # A block that arrives after its release would stand for ever.
        tx.execute("DELETE FROM deliveries WHERE ref = ? AND channel = ?", (ref, _WEBHOOK))
    tx.executemany(
        "INSERT INTO deliveries (id, channel, ref, body, due_at) VALUES (?, ?, ?, ?, 0)",
        [(event_id, channel, ref, body) for channel in channels],
    )


class _Trouble(NamedTuple):
    """What went wrong. wait_s: how long the receiver asks to be left alone; is_gone: for good."""

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
_OPEN = f"channel = '{_WEBHOOK}' AND is_dead = 0 AND ref NOT IN (SELECT value FROM json_each(?))"  # noqa: S608 - our own names


class Deliverer:
    """Delivers what is queued, for as long as run() runs."""

    def __init__(
        self, *, config: Config, store: Store, clock: Callable[[], float] = time.time
    ) -> None:
        self._webhook = config.webhook
        self._source = f"/agents/{quote(config.name, safe='')}"
        self._file = ActionsFile(config.actions_path)
        self._store = store
        self._clock = clock
        self._wake = asyncio.Event()
        self._flying: dict[str, asyncio.Task[None]] = {}
        self._rests_until = 0.0

    def wake(self) -> None:
        """Say that something was queued. Call it on the event loop."""
        self._wake.set()

    def size(self) -> OutboxSize:
        """How much waits, and what is in the way."""
        ((waiting, dead),) = self._store.read(
            "SELECT coalesce(sum(1 - is_dead), 0), coalesce(sum(is_dead), 0) FROM deliveries"
        )
        troubles = self._store.read(
            "SELECT trouble FROM deliveries WHERE trouble != '' ORDER BY seq DESC LIMIT 1"
        )
        trouble = str(troubles[0][0]) if troubles else ""
        return OutboxSize(int(waiting), int(dead), trouble)

    @property
    def file_trouble(self) -> str:
        """What is wrong with the JSON-lines file, which this process writes; "" for nothing."""
        return self._file.trouble

    def retry_dead(self) -> int:
        """Try dead deliveries again; return how many they are."""
        with self._store.write() as tx:
            return tx.execute(
                "UPDATE deliveries SET is_dead = 0, attempts = 0, due_at = 0 WHERE is_dead = 1"
            ).rowcount

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with asyncio.TaskGroup() as tasks, _open_http(self._webhook) as http:
            while True:
                self._wake.clear()
                await asyncio.to_thread(self._write_file)
                if self._webhook:
                    for row in await asyncio.to_thread(self._due_webhooks):
                        task = tasks.create_task(self._deliver(row, http, self._webhook))
                        self._flying[row.ref] = task
                await wait_woken(self._wake, within_s=await asyncio.to_thread(self._wait_s))

    def _due_webhooks(self) -> list[_Row]:
        """Those to send now: never two at once about one piece of content."""
        if self._clock() < self._rests_until:
            return []
        rows = self._store.read(
            f"SELECT {_COLUMNS} FROM deliveries WHERE {_OPEN} AND due_at <= ? ORDER BY seq LIMIT ?",  # noqa: S608 - our own names
            (self._busy(), self._clock(), _AT_ONCE - len(self._flying)),
        )
        return [_Row(*row) for row in rows]

    def _wait_s(self) -> float:
        """How long until something is due by itself; what flies wakes us when it lands."""
        longest = 1.0 if self._file.trouble else _CAP_S
        if len(self._flying) >= _AT_ONCE:
            return longest
        ((due_at,),) = self._store.read(
            f"SELECT min(due_at) FROM deliveries WHERE {_OPEN}",  # noqa: S608 - our own names
            (self._busy(),),
        )
        if due_at is None or self._webhook is None:
            return longest
        return min(longest, max(0.0, max(float(due_at), self._rests_until) - self._clock()))

    def _busy(self) -> str:
        """The content about which something is on its way, as a JSON list."""
        return json.dumps(list(self._flying))

    async def _deliver(self, row: _Row, http: httpx.AsyncClient, webhook: Webhook) -> None:
        """Try one webhook once."""
        try:
            trouble = await self._post(row, http, webhook)
            await asyncio.to_thread(self._settle, row, webhook, trouble)
        finally:
            del self._flying[row.ref]
            self._wake.set()

    async def _post(self, row: _Row, http: httpx.AsyncClient, webhook: Webhook) -> _Trouble | None:
        """Send one webhook; return what went wrong, None for nothing."""
        at = datetime.fromtimestamp(int(self._clock()), UTC)
        headers = {
            "Content-Type": "application/json",
            **webhooks.sign(row.id, row.body, secrets=webhook.secrets, at=at),
            **self._event(row),
        }
        body = row.body.encode()
        try:
            async with (
                asyncio.timeout(webhook.timeout_s),
                http.stream("POST", webhook.url, content=body, headers=headers) as answer,
            ):
                await _pass_over(answer)
        except (httpx.RequestError, TimeoutError) as error:
            return _Trouble(f"{webhook.url} cannot be reached ({error!r})")
        return None if answer.is_success else _trouble(answer, now=at)

    def _event(self, row: _Row) -> dict[str, str]:
        """The headers by which a webhook is a CloudEvent as well."""
        said = json.loads(row.body)
        happened_at = datetime.fromisoformat(said["timestamp"])
        return webhooks.event(row.id, said["type"], source=self._source, happened_at=happened_at)

    def _settle(self, row: _Row, webhook: Webhook, trouble: _Trouble | None) -> None:
        """Delete what was delivered; set the next try, or give up until someone asks."""
        now = self._clock()
        with self._store.write() as tx:
            if trouble is None:
                tx.execute("DELETE FROM deliveries WHERE seq = ?", (row.seq,))
                return
            attempts = row.attempts + 1
            is_dead = trouble.is_gone or attempts >= webhook.attempts
            wait = wait_s(row.attempts, first_s=webhook.backoff_s, cap_s=_CAP_S)
            self._rests_until = max(self._rests_until, now + trouble.wait_s)
            due_at = now + max(wait, trouble.wait_s)
            tx.execute(
                "UPDATE deliveries SET attempts = ?, is_dead = ?, due_at = ?, trouble = ?"
                " WHERE seq = ?",
                (attempts, is_dead, due_at, trouble.words, row.seq),
            )
        after = "; it is dead until POST /deliveries/retry" if is_dead else ""
        logger.warning("webhook %s, attempt %d: %s%s", row.id, attempts, trouble.words, after)

    def _write_file(self) -> None:
        """Append what the file does not have yet."""
        while found := self._store.read(
            f"SELECT {_COLUMNS} FROM deliveries WHERE channel = ? ORDER BY seq LIMIT ?",  # noqa: S608 - our own names
            (_FILE, _BATCH),
        ):
            rows = [_Row(*row) for row in found]
            if not self._file.append([(row.id, row.body) for row in rows]):
                return
            with self._store.write() as tx:
                tx.executemany("DELETE FROM deliveries WHERE seq = ?", [(row.seq,) for row in rows])


def _trouble(answer: httpx.Response, *, now: datetime) -> _Trouble:
    """What an answer that is no success means."""
    status = answer.status_code
    words = f"{answer.url} answered {status}"
    if status not in webhooks.ASKS_TO_WAIT:
        return _Trouble(words, is_gone=status == webhooks.GONE)
    wait = webhooks.retry_after(answer.headers.get("retry-after", ""), now=now)
    return _Trouble(words, wait_s=wait.total_seconds() if wait else 0.0)


async def _pass_over(answer: httpx.Response) -> None:
    """Let the rest of an answer pass, so that the connection can be used again; not a long one."""
    size = 0
    async for part in answer.aiter_raw():
        size += len(part)
        if size > _ANSWER_BYTES:
            return


def _open_http(webhook: Webhook | None) -> httpx.AsyncClient:
    """The line to the provider's own systems: no redirects, no cookies to keep."""
    host = urlsplit(webhook.url).hostname if webhook else None
    return httpx.AsyncClient(
        timeout=webhook.timeout_s if webhook else None,
        headers={"User-Agent": f"stemtide-agent/{__version__}"},
        trust_env=not is_loopback(host or "localhost"),
    )
