# SPDX-License-Identifier: Apache-2.0
"""Lower signals that match far more uploads than is plausible to hold, at this agent.

1 Look at a signal when an upload of this process takes it beyond what was plausible at the last
  look, and every second at all with many matches in the last hour or day. What is plausible, and
  for whose signals, is decided in protocol/trust/runaway.py.
2 In one transaction: mark the signal, and turn into holds what it blocked since it ran away.
3 A mark ends when a second independent party confirms the signal, when an agency clears it, when
  the provider lifts it, or with the signal. Nothing is strengthened because of that.
"""

import asyncio
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from stemtide.agent.config.settings import Config
from stemtide.agent.hma import rows
from stemtide.agent.recognise.backing import Backing
from stemtide.agent.recognise.policy import Hit, backings, is_active
from stemtide.agent.store import match_rates
from stemtide.agent.store.database import Store, Transaction
from stemtide.agent.store.match_rates import HOUR_S, MINUTE_S, Runaway
from stemtide.agent.store.parties import read_parties
from stemtide.agent.sync import undo
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import Standing
from stemtide.protocol.sync.feed import FeedSignal
from stemtide.protocol.trust.limits import limits
from stemtide.protocol.trust.runaway import (
    Rate,
    RunawayState,
    Support,
    Traffic,
    assess,
    matches_left,
    most_matches,
    most_of_share,
    runaway_limits,
    usual_share,
)
from stemtide.protocol.trust.standing import SPEAKING_ALONE, PartyTrust

logger = logging.getLogger(__name__)

EVERY_S = 1.0
DAY_S = 24 * HOUR_S
_HISTORY_LASTS_S = 10 * MINUTE_S


@dataclass(frozen=True, slots=True)
class _History:
    """Shares of the look-ups in earlier hours, of the signals of one kind.

    busiest: for each signal the group of its sharer, and the share in its busiest hour.
    """

    computed_at: int
    shares: Mapping[str, list[float]]
    busiest: list[tuple[str, float]]


class FloodGuard:
    """Worker that watches the counts of matches for as long as run() runs.

    on_change: called on the event loop when a mark was set, was counted anew, or has ended.
    """

    def __init__(self, *, config: Config, store: Store, on_change: Callable[[], None]) -> None:
        self._config = config
        self._store = store
        self._on_change = on_change
        self._tidied_at = 0
        self._history: dict[Kind, _History] = {}
        self._is_running = False
        self._woken = asyncio.Event()
        self._fresh: Counter[str] = Counter()
        self._left: dict[str, int] = {}

    def count(self, signals: Sequence[str]) -> None:
        """Note new uploads, once for each signal that one matched. Call it on the event loop."""
        if not self._is_running:  # another process is primary, and sees them within a second
            return
        self._fresh.update(signals)
        if any(self._is_due(uid) for uid in signals):
            self._woken.set()

    def _is_due(self, uid: str) -> bool:
        """Whether a signal matched more uploads since the last look than were left to it."""
        return self._fresh[uid] > self._left.get(uid, runaway_limits().growth.matches - 1)

    async def run(self) -> None:
        """Look at the counts every second, and at a signal when it is due, until cancelled."""
        self._is_running = True
        swept_at = -EVERY_S
        try:
            while True:
                due = self._take_due()
                if time.monotonic() - swept_at >= EVERY_S:
                    swept_at = time.monotonic()
                    self._fresh.clear()
                    await self._look()
                elif due:
                    await self._look(due)
                with suppress(TimeoutError):
                    async with asyncio.timeout(EVERY_S):
                        await self._woken.wait()
                self._woken.clear()
        finally:
            self._is_running = False

    def _take_due(self) -> frozenset[str]:
        """Return the signals that are to be looked at before the next round."""
        due = frozenset(filter(self._is_due, self._fresh))
        for uid in due:
            del self._fresh[uid]
        return due

    async def _look(self, due: frozenset[str] = frozenset()) -> None:
        """Look at these signals, or at all that matched often; announce what changed."""
        if await asyncio.to_thread(self.check, datetime.now(UTC), due=due):
            self._on_change()

    def check(self, now: datetime, *, due: frozenset[str] = frozenset()) -> bool:
        """Look at the counts once; return whether a mark or its counts changed.

        due: look at these signals only; at all that matched often if there are none.
        """
        if self._store.origin is None:
            return False
        earlier = {row.signal: row for row in match_rates.read_runaways(self._read)}
        is_minute = not due and now.timestamp() - self._tidied_at >= MINUTE_S
        if due:
            earlier = {uid: row for uid, row in earlier.items() if uid in due}
        named = due or self._suspects(now, with_day=is_minute) | earlier.keys()
        signals = self._store.find_ids(named) if named else {}
        runaways = {
            uid: runaway
            for uid, signal in signals.items()
            if is_active(signal, now=now, exercise=False)
            and not signal.cleared
            and (runaway := self._judge(signal, now=now, before=earlier.get(uid)))
        }
        changed = {uid: row for uid, row in runaways.items() if row != earlier.get(uid)}
        ended = earlier.keys() - runaways.keys()
        if not due:
            self._left = {uid: left for uid, left in self._left.items() if uid in named}
        if changed or ended or is_minute:
            self._write(changed, ended, earlier, now=now, is_minute=is_minute)
        return bool(changed or ended)

    def _read(self, sql: str, values: Iterable[object] = ()) -> list[tuple[Any, ...]]:
        return self._store.read(sql, tuple(values))

    def _suspects(self, now: datetime, *, with_day: bool) -> set[str]:
        """Return the signals that matched often enough to be looked at."""
        numbers = runaway_limits()
        second = int(now.timestamp())
        least = numbers.growth.matches
        suspects = {*match_rates.matched_since(self._read, second - HOUR_S, least=least)}
        if with_day:
            implausible = int(numbers.share.lookups * numbers.share.percent / 100)
            suspects |= match_rates.matched_since(
                self._read, second - DAY_S, least=implausible
            ).keys()
        return suspects

    def _judge(
        self, signal: FeedSignal, *, now: datetime, before: Runaway | None
    ) -> Runaway | None:
        """Return the present mark of a signal; None for none."""
        second, uid = int(now.timestamp()), str(signal.id)
        if before and before.state is RunawayState.LIFTED:
            return before
        behind, support = support_for(signal, store=self._store, config=self._config, now=now)
        hour = match_rates.rate_since(self._read, uid, kind=signal.kind, begins_at=second - HOUR_S)
        usual = self._usual(signal, behind, second=second)
        rates = [self._since_first(signal, second - span_s) for span_s in (HOUR_S, DAY_S)]
        first = min(begins for begins, _ in rates)
        day = match_rates.lookups_since(self._read, signal.kind, begins_at=second - DAY_S)
        traffic = Traffic(hour, [rate for _, rate in rates], day, usual)
        verdict = assess(traffic, support=support)
        self._left[uid] = sys.maxsize if verdict else matches_left(traffic, support=support)
        if verdict is None:
            return before and self._lasting(before, support)
        state, why = verdict
        if before and before.state is state:
            return (
                before if second - before.at < MINUTE_S else self._counted(before, signal, second)
            )
        since = before.since if before else first
        total = match_rates.rate_since(self._read, uid, kind=signal.kind, begins_at=since)
        most = most_matches(hour.lookups, usual=usual)
        return Runaway(uid, state, why, since, second, total.matches, total.lookups, most)

    def _lasting(self, before: Runaway, support: Support) -> Runaway | None:
        """Return a mark whose signal matches no longer so often.

        It stays until somebody decides, for otherwise the next flood would begin with blocks. An
        authority, agency or trusted party decides it if its own signal would not have been lowered.
        """
        is_decided = (
            before.state is RunawayState.ALARMED
            or support.parties >= limits().confirmation.parties
            or (support.is_vouched and before.matches <= most_of_share(before.lookups))
        )
        return None if is_decided else before

    def _counted(self, before: Runaway, signal: FeedSignal, second: int) -> Runaway:
        """Return a lasting mark with its present counts."""
        rate = match_rates.rate_since(
            self._read, before.signal, kind=signal.kind, begins_at=before.since
        )
        return replace(before, at=second, matches=rate.matches, lookups=rate.lookups)

    def _since_first(self, signal: FeedSignal, begins_at: int) -> tuple[int, Rate]:
        """Return when a signal first matched since a time, and its rate since then."""
        ((first,),) = self._read(
            "SELECT min(begins_at) FROM signal_matches WHERE begins_at >= ? AND signal = ?",
            (begins_at, str(signal.id)),
        )
        begins = begins_at if first is None else int(first)
        rate = match_rates.rate_since(
            self._read, str(signal.id), kind=signal.kind, begins_at=begins
        )
        return begins, rate

    def _usual(self, signal: FeedSignal, behind: Backing, *, second: int) -> float | None:
        """Return the usual share of the look-ups, of the signal or of its kind."""
        history = self._history.get(signal.kind)
        if history is None or second - history.computed_at >= _HISTORY_LASTS_S:
            history = self._history[signal.kind] = self._read_history(signal.kind, second=second)
        own_group = _group_of(behind.sharer)
        peers = [share for group, share in history.busiest if group != own_group]
        return usual_share(history.shares.get(str(signal.id), []), peers)

    def _read_history(self, kind: Kind, *, second: int) -> _History:
        """Return the shares of a kind's signals in the hours before the last one."""
        before = (second - HOUR_S) // HOUR_S * HOUR_S
        shares = match_rates.hourly_shares(self._read, kind=kind, before=before)
        signals = self._store.find_ids(shares)
        parties = self._store.parties(signals.values())
        busiest = [
            (_group_of(parties.trust_of(signal.shared_by)), max(shares[uid], default=0.0))
            for uid, signal in signals.items()
        ]
        return _History(second, shares, busiest)

    def _write(
        self,
        changed: Mapping[str, Runaway],
        ended: Iterable[str],
        earlier: Mapping[str, Runaway],
        *,
        now: datetime,
        is_minute: bool,
    ) -> None:
        """Store the marks, and turn into holds what newly lowered signals blocked."""
        lowered = [
            row
            for uid, row in changed.items()
            if row.state is RunawayState.LOWERED
            and (uid not in earlier or earlier[uid].state is not RunawayState.LOWERED)
        ]
        with self._store.write() as tx:
            for row in changed.values():
                match_rates.put_runaway(tx, row)
            match_rates.forget_runaways(tx, ended)
            if is_minute:
                match_rates.tidy(tx, now=now)
            present = self._store.find_ids([*changed, *ended], tx=tx)
            hold_blocked(tx, lowered, present, store=self._store, config=self._config, now=now)
            rows.update_wanted(tx, present.values(), {}, store=self._store, config=self._config)
        if is_minute:
            self._tidied_at = int(now.timestamp())
        for row in lowered:
            logger.warning("signal %s is lowered to hold: %s", row.signal, row.why)


def hold_blocked(
    tx: Transaction,
    lowered: Iterable[Runaway],
    present: Mapping[str, FeedSignal],
    *,
    store: Store,
    config: Config,
    now: datetime,
) -> None:
    """Turn into holds what lowered signals blocked since they ran away. present: them, by id."""
    changes = [
        undo.SignalChange(
            row.signal,
            present.get(row.signal),
            f"signal {row.signal} matches far more than usual: {row.why}",
            may_release=False,
            since=row.since,
        )
        for row in lowered
    ]
    own = store.origin.party if store.origin else ""
    undo.Undoing(
        tx,
        store,
        config,
        now=now,
        parties=read_parties(tx, None, own=own),
        changes=changes,
        library=store.library,
    ).run()


def support_for(
    signal: FeedSignal,
    *,
    store: Store,
    config: Config,
    now: datetime,
    tx: Transaction | None = None,
) -> tuple[Backing, Support]:
    """Return who supports a signal, and the facts about them that the flood guard needs."""
    alike = [
        other
        for other in store.find_alike([signal], tx=tx)
        if other.id != signal.id and is_active(other, now=now, exercise=False)
    ]
    hits = [
        Hit(match, match.kind, 0, "", transform=match.reach or "") for match in (signal, *alike)
    ]
    parties = store.parties([signal, *alike], tx=tx)
    behind = backings(hits, config.policy, parties)[0]
    return behind, support_of(behind)


def support_of(behind: Backing) -> Support:
    """Return the support of a signal, as the flood guard needs it."""
    everyone = [behind.sharer, *behind.others]
    is_vouched = any(
        party.counts and (party.kind in SPEAKING_ALONE or party.standing is Standing.TRUSTED)
        for party in everyone
    )
    return Support(behind.independent, is_vouched or behind.is_own)


def _group_of(party: PartyTrust) -> str:
    """Return a name that parties share which count once."""
    return party.group or party.name


def lift(store: Store, uid: str, *, config: Config, now: datetime) -> Runaway | None:
    """Let a signal lead again to what the policy says; None if the agent does not have it.

    The flood guard leaves the signal alone until watch() is called.
    """
    second = int(now.timestamp())
    with store.write() as tx:
        signals = store.find_ids([uid], tx=tx)
        if uid not in signals:
            return None
        marks = {row.signal: row for row in match_rates.read_runaways(_reader(tx))}
        before = marks.get(uid) or Runaway(
            uid, RunawayState.LIFTED, "lifted before it ran away", second, second, 0, 0, 0
        )
        row = replace(before, state=RunawayState.LIFTED, at=second)
        match_rates.put_runaway(tx, row)
        present = store.find_ids([uid], tx=tx)
        rows.update_wanted(tx, present.values(), {}, store=store, config=config)
    return row


def watch(store: Store, uid: str) -> bool:
    """Let the flood guard watch a signal again that was lifted; return whether it was lifted."""
    with store.write() as tx:
        deleted = tx.execute(
            "DELETE FROM runaways WHERE signal = ? AND state = ?", (uid, RunawayState.LIFTED)
        )
        return deleted.rowcount > 0


def _reader(tx: Transaction) -> match_rates.Read:
    return lambda sql, values: tx.execute(sql, values).fetchall()
