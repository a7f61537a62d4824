# SPDX-License-Identifier: Apache-2.0
"""Keep a provider's own HMA in step with the signals, over its REST interface.

1 Which hash belongs in which bank is stored with the signals. A start or a snapshot compares all.
2 Deletions go first. HMA deletes by a number alone, so whose content it is gets checked before.
3 A hash is recorded as sent before it is sent. If the response is lost, it is sent again at once
  and searched for later: HMA cannot list a bank, and finds a content only once it is indexed.
4 A bank that disappeared is created again and filled. One that existed before us is left alone.
5 If HMA is down or misbehaves, retries back off, nothing is lost, and no upload waits for it.

source: decision 0075.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from stemtide.agent.config.companion import HmaSettings
from stemtide.agent.config.settings import Config
from stemtide.agent.hma import queues, rows
from stemtide.agent.hma.client import (
    BankGoneError,
    HmaAnswerError,
    HmaAwayError,
    HmaClient,
    HmaContent,
    HmaError,
    HmaRefusedError,
)
from stemtide.agent.hma.freshness import SLOW_S, FreshnessWatch
from stemtide.agent.hma.policy import note_of
from stemtide.agent.hma.queues import Attempt, BankedRow
from stemtide.agent.hma.sweep import LostContentSearch
from stemtide.agent.outbox.engine import Engine
from stemtide.agent.store.database import Store
from stemtide.fingerprints.kinds import Kind

logger = logging.getLogger(__name__)

_BATCH = 8
_BATCHES = 10
_POLL_S = 1.0
_CHECK_HMA_S = 30.0
_PROBES = 3
_PAUSE_S = 0.005
_REBUILD = "companion_rebuild"
_ANEW = "anew"
_Step = Callable[..., int | None]


def request_rebuild(store: Store, *, is_anew: bool) -> None:
    """Request that the primary process compare HMA with the rows, or empty and refill its banks."""
    with store.write() as tx:  # a request to compare does not replace one to refill
        tx.execute(
            "INSERT INTO state VALUES (?, ?) ON CONFLICT (name) DO UPDATE"
            " SET value = excluded.value WHERE value != ?",
            (_REBUILD, _ANEW if is_anew else "compare", _ANEW),
        )


def requested_rebuild(store: Store) -> str:
    """Return the rebuild that was requested and is not done yet; "" for none."""
    rows = store.read("SELECT value FROM state WHERE name = ?", (_REBUILD,))
    return str(rows[0][0]) if rows else ""


def forget_rebuild(store: Store, done: str) -> None:
    """Delete a request for a rebuild that is done, unless it was replaced meanwhile."""
    with store.write() as tx:
        tx.execute("DELETE FROM state WHERE name = ? AND value = ?", (_REBUILD, done))


class HmaSync(Engine):
    """Engine that keeps HMA in step. Does nothing without settings."""

    title = "HMA is not in step with the signals"
    failures = (HmaError,)

    def __init__(
        self, *, config: Config, store: Store, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(store)
        self._config = config
        self._clock = clock
        self._watch = FreshnessWatch(store, agent=config.name, clock=clock)
        self._sweep = LostContentSearch(store, self._watch, agent=config.name, clock=clock)
        self._kinds: frozenset[Kind] | None = None
        self._compared = ""
        self._hma_checked_at = float("-inf")
        self._is_reachable = self._is_unstable = False
        self._remarks: list[str] = []

    def health(self) -> dict[str, Any]:
        """Return HMA's state for /health, as the primary process knows it; {} without settings."""
        settings = self._config.companion
        if settings is None:
            return {}
        return {
            "hma": settings.url,
            "banks": list(settings.banks),
            "reachable": self._is_reachable,
            "compared": self._compared == self._version(),
            **self._watch.figures(),
        }

    @property
    def trouble(self) -> str:
        """Return a problem that a person should know about; "" for none."""
        remarks = list(self._remarks)
        if self._watch.sizes.refused:
            remarks.append(f"{self._watch.sizes.refused} hashes were refused by HMA: see the log")
        if (behind_s := self._watch.behind_s() or 0.0) > SLOW_S:
            remarks.append(
                f"HMA took hashes {behind_s:.0f} s ago and does not match them: check its indexer"
            )
        return self._failure or "; ".join(remarks)

    async def run(self) -> None:
        """Keep HMA in step until cancelled."""
        settings = self._config.companion
        if settings is None:
            await asyncio.Event().wait()
            return
        self._kinds, self._compared = None, ""
        await self._in_steps(rows.resume, settings)
        async with HmaClient(settings) as self._client, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(super().run())

    # signals

    async def _follow(self) -> None:
        """Compare all signals with the rows: at the start, after a snapshot or a new standing."""
        while True:
            version = self._version()
            if self._store.origin and version != self._compared:
                await self._in_steps(rows.unmark_strays, config=self._config)
                await self._in_steps(rows.compare_batch, config=self._config)
                self._compared = version
            await asyncio.sleep(_POLL_S / 4)

    def _version(self) -> str:
        """Return a value that changes with each snapshot and each new standing of a party."""
        view = self._store.view
        return f"{view.generation} {view.trust}"

    async def _in_steps(self, step: _Step, *values: object, **named: object) -> None:
        """Do something to all rows, some at a time, so that nobody waits for it."""
        after: int | None = 0
        while after is not None:
            after = await asyncio.to_thread(
                partial(step, self._store, *values, after=after, **named)
            )
            if after is not None:
                self._wake.set()
                await asyncio.sleep(_PAUSE_S)

    # HMA

    async def _send_batch(self) -> bool:
        """Bring HMA in step with the rows. raises: HmaError."""
        settings = self._config.companion
        if settings is None:
            return False
        try:
            has_more = await self._sync_once(self._client, settings)
        except HmaError as error:
            self._is_reachable = not isinstance(error, HmaAwayError)
            self._is_unstable = self._is_unstable or not self._is_reachable
            await asyncio.to_thread(self._watch.count)
            raise
        self._is_reachable = True
        await asyncio.to_thread(self._watch.count)
        return has_more

    async def _rest_s(self) -> float:
        return _POLL_S

    async def _sync_once(self, client: HmaClient, settings: HmaSettings) -> bool:
        """Send some batches; return whether there may be more."""
        await self._in_steps(rows.unmark_expired, now=self._clock())
        if self._is_unstable:  # a lost hash is in doubt, a lost status request is not
            await client.status_problem()
        await self._rebuild(client, settings)
        if self._kinds is None or self._clock() - self._hma_checked_at > _CHECK_HMA_S:
            await self._check_hma(client, settings)
        for _ in range(_BATCHES):
            if not await self._hand_over(client, settings):
                has_more = False
                break
        else:
            has_more = True
        has_more |= await self._check_contents(client, settings)
        await self._sweep.run(client, self._kinds or frozenset(), settings)
        await self._watch.check(client, self._kinds or frozenset())
        return has_more

    async def _rebuild(self, client: HmaClient, settings: HmaSettings) -> None:
        """Carry out the rebuild that a person requested."""
        rebuild = await asyncio.to_thread(requested_rebuild, self._store)
        if not rebuild:
            return
        if rebuild == _ANEW:
            for name in settings.banks:
                await client.delete_bank(name)
                await asyncio.to_thread(rows.claim, self._store, name, hma=settings.url)
                await self._in_steps(rows.forget_batch, name)
            self._hma_checked_at = float("-inf")
        await self._in_steps(rows.recheck_batch)
        await asyncio.to_thread(forget_rebuild, self._store, rebuild)

    async def _check_hma(self, client: HmaClient, settings: HmaSettings) -> None:
        """Check that HMA is healthy, matches our kinds, and still has its contents."""
        remarks = [remark for remark in [await client.status_problem()] if remark]
        kinds = await client.kinds() & settings.kinds
        if missing := settings.kinds - kinds:
            remarks.append(f"HMA does not match {', '.join(sorted(missing))}")
        if kinds != self._kinds:
            await asyncio.to_thread(partial(rows.add_canaries, self._store, settings, kinds=kinds))
        for name in settings.banks:
            remarks += await self._check_bank(client, name)
        self._kinds, self._remarks = kinds, remarks
        for kind in sorted(kinds):
            if await self._is_lost(client, kind, settings):
                logger.warning("HMA lost contents: all of them are checked again")
                await self._in_steps(rows.recheck_batch)
                break
        self._hma_checked_at = self._clock()

    async def _is_lost(self, client: HmaClient, kind: Kind, settings: HmaSettings) -> bool:
        """Whether the contents handed over last are gone, and the canary too.

        A single missing content was deleted by a person, which is respected; nobody deletes the
        canary.
        """
        latest = await asyncio.to_thread(partial(queues.latest, self._store, kind, limit=_PROBES))
        canary = await asyncio.to_thread(queues.canary_of, self._store, kind, settings.canary_bank)
        probes = [*([canary] if canary and canary.content else []), *(row for row, _ in latest)]
        for row in probes:
            if self._is_of(row, await self._content(client, row)):
                return False
        return bool(probes)

    async def _check_bank(self, client: HmaClient, name: str) -> list[str]:
        """Create a bank if it does not exist; return remarks about one that does."""
        bank = await client.bank(name)
        is_ours = await asyncio.to_thread(rows.is_ours, self._store, name)
        if bank is None:
            if is_ours:
                logger.warning("HMA has no bank %s any more: it is created again", name)
                await self._in_steps(rows.forget_batch, name)
            await asyncio.to_thread(rows.claim, self._store, name, hma=client.hma)
            await client.make_bank(name)
            return []
        if not is_ours:
            raise HmaAnswerError(
                client.hma,
                f"has a bank {name} that this agent did not make: choose another "
                "companion.bank_prefix, or, if an earlier agent made it, have it emptied and "
                "filled with `stemtide agent companion rebuild --anew --yes`",
            )
        percent = 100 * bank.matching_enabled_ratio
        return [f"{name} answers {percent:.0f} % of look-ups"] if percent < 100 else []  # noqa: PLR2004

    async def _hand_over(self, client: HmaClient, settings: HmaSettings) -> bool:
        """Delete and add one batch of contents each; return whether there was anything to do."""
        began = time.monotonic()
        removed = await self._remove_batch(client)
        put = await self._add_batch(client)
        attempts = [*removed, *put]
        troubles = [attempt.trouble for attempt in attempts if attempt.trouble]
        self._is_unstable = bool(troubles) and len(troubles) == len(attempts)
        if self._is_unstable:
            raise HmaAwayError(client.hma, troubles[0].removeprefix(f"{client.hma}: "))
        if troubles:  # failed rows are retried after all others
            logger.info("%d of %d: %s", len(troubles), len(attempts), troubles[0])
        await self._limit_rate(settings, len(attempts), began)
        return bool(attempts)

    async def _remove_batch(self, client: HmaClient) -> list[Attempt]:
        batch = await asyncio.to_thread(queues.leaving, self._store, _BATCH)
        attempts = await asyncio.gather(*(self._remove(client, row) for row in batch))
        if attempts:
            await asyncio.to_thread(queues.settle_left, self._store, attempts)
        return attempts

    async def _add_batch(self, client: HmaClient) -> list[Attempt]:
        many = 1 if self._is_unstable else _BATCH  # every unanswered one is in doubt
        batch = await asyncio.to_thread(
            partial(queues.joining, self._store, self._kinds or (), limit=many, now=self._clock())
        )
        attempts = await asyncio.gather(*(self._put(client, row) for row in batch))
        if attempts:
            settle = partial(queues.settle_handed, self._store, attempts, now=self._clock())
            if odd := await asyncio.to_thread(settle):
                raise HmaAnswerError(client.hma, odd)
            if any(attempt.content for attempt in attempts):
                self._watch.check_soon()
        return attempts

    async def _limit_rate(self, settings: HmaSettings, number: int, began: float) -> None:
        await asyncio.sleep(max(0.0, began + number / settings.per_second - time.monotonic()))

    async def _put(self, client: HmaClient, row: BankedRow) -> Attempt:
        try:
            content = await client.put(
                row.bank, Kind(row.kind), row.value, note=note_of(row.signal, self._config.name)
            )
        except HmaRefusedError as error:
            logger.warning("%s of %s: %s", row.kind, row.signal, error)
            return Attempt(row, refused=str(error))
        except BankGoneError as error:
            self._hma_checked_at = float("-inf")
            return Attempt(row, trouble=str(error))
        except HmaError as error:
            return Attempt(row, doubt=error.may_be_done, trouble=str(error))
        return Attempt(row, content)

    async def _remove(self, client: HmaClient, row: BankedRow) -> Attempt:
        try:
            content = await self._content(client, row)
            if self._is_of(row, content):
                await client.remove(row.bank, row.content or 0)
            elif content:
                logger.warning(
                    "HMA's content %s does not belong to %s: not deleted", row.content, row.signal
                )
            if not self._is_of(row, content):
                self._hma_checked_at = float("-inf")  # check whether HMA lost more
        except HmaError as error:
            return Attempt(row, trouble=str(error))
        return Attempt(row)

    async def _content(self, client: HmaClient, row: BankedRow) -> HmaContent | None:
        return await client.content(row.bank, row.content or 0)

    def _is_of(self, row: BankedRow, content: HmaContent | None) -> bool:
        """Whether a content is the one that a row put there."""
        return queues.belongs_to(row, content, agent=self._config.name)

    async def _check_contents(self, client: HmaClient, settings: HmaSettings) -> bool:
        """Check that HMA still has contents that the rows say it has.

        returns: whether there may be more to check.
        """
        for _ in range(_BATCHES):
            began = time.monotonic()
            batch = await asyncio.to_thread(queues.unchecked, self._store, _BATCH)
            if not batch:
                return False
            contents = await asyncio.gather(*(self._content(client, row) for row in batch))
            pairs = list(zip(batch, contents, strict=True))
            present = [row for row, content in pairs if self._is_of(row, content)]
            lost = [row for row, content in pairs if not self._is_of(row, content)]
            await asyncio.to_thread(queues.settle_checked, self._store, present, lost)
            await self._limit_rate(settings, len(batch), began)
        return True
