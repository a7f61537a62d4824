# SPDX-License-Identifier: Apache-2.0
"""Put load on a hub: open the agents' streams, share at a rate, wait for all, and withdraw.

1 Every signal is an exercise signal under TLP:RED for the parties of the keys alone, and of no
  crisis. PAP:RED keeps agents in exercise mode from doing more than to note a match.
2 A signal expires some minutes after the end by itself, also if this process is killed.
3 Shares begin at fixed times, however long those before them take: a slow hub cannot make the test
  easier. A share whose connection breaks is sent again; the hub stores it once.
"""

import asyncio
import json
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stemtide.exercises.stress.agent import FEED, Counts, SimulatedAgent, reason_of
from stemtide.exercises.stress.connection import OK, HubAccess, HubResponse, KeptConnection
from stemtide.protocol.enums import Severity, SignalState, WithdrawReason
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.trust.second_look import second_look

SIGNALS = "/api/v1/signals"

LIVES_FOR = timedelta(minutes=10)
"""How long signals live after the planned end, if nobody withdraws them."""

ARRIVES_S = 30.0
"""Seconds after the last share in which a signal may still arrive; then it is lost."""

_OPENED_S = 60.0
_AT_ONCE_S = 0.004  # seconds between two agents that start
_AGAIN_S = 0.5
_RUN_BYTES, _VALUE_BYTES = 8, 32
_CONFLICT = 409
_DECLINED = range(400, 429)
"""Status of a share that would be refused again."""


class StressError(Exception):
    """The test cannot go on. The message names the remedy."""


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """The load. accesses: agents are spread over them; the first shares. audience: their parties.

    rate: shares a second. carried: streams carry entries. reports: agents report their status,
    which leaves their names on the board.
    """

    accesses: Sequence[HubAccess]
    audience: Sequence[str]
    agents: int = 100
    rate: float = 1.0
    seconds: float = 60.0
    carried: bool = True
    reports: bool = False

    @property
    def shares(self) -> int:
        """Return the number of shares."""
        return max(1, round(self.rate * self.seconds))


@dataclass(slots=True)
class Share:
    """A share. Times are those of perf_counter; uid: "" if the hub did not take it."""

    value: str
    begun_at: float
    answered_at: float = 0.0
    uid: str = ""
    position: int = 0


class Stress:
    """A test of a hub. run: begins the values of its signals, so that no others count."""

    def __init__(self, plan: LoadPlan) -> None:
        self.plan = plan
        self.counts = Counts()
        self.shares: list[Share] = []
        self.refused: Counter[str] = Counter()
        self.again = 0
        self.opened_s = 0.0
        self.own_load = 0.0
        self.withdrawn = 0
        self.expires_at = datetime.now(UTC) + timedelta(seconds=plan.seconds) + LIVES_FOR
        self._run = secrets.token_hex(_RUN_BYTES)
        self._idle: list[KeptConnection] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._sharing: set[asyncio.Task[None]] = set()
        self.agents = [
            SimulatedAgent(
                f"stress-{number}",
                plan.accesses[number % len(plan.accesses)],
                run=self._run,
                counts=self.counts,
                carried=plan.carried,
                reports=plan.reports,
            )
            for number in range(plan.agents)
        ]

    @property
    def open_streams(self) -> int:
        """Return the number of open streams."""
        return sum(agent.is_open.is_set() for agent in self.agents)

    @property
    def stored(self) -> list[Share]:
        """Return the shares that the hub took."""
        return [share for share in self.shares if share.uid]

    async def run(self) -> None:
        """Run the whole test; withdraw its signals also if it fails or is cancelled.

        raises: StressError.
        """
        try:
            await self.open()
            await self.share()
            await self.settle()
        finally:
            await self.end()

    async def open(self) -> None:
        """Open the streams of all agents. raises: StressError."""
        began = time.perf_counter()
        head = await self.head()
        for agent in self.agents:
            agent.position = head
            self._tasks.append(asyncio.create_task(agent.run()))
            await asyncio.sleep(_AT_ONCE_S)
        while self.open_streams < len(self.agents):
            if self.counts.refused:
                self._refuse_streams()
            if time.perf_counter() - began > _OPENED_S + _AT_ONCE_S * len(self.agents):
                raise StressError(
                    f"{self.open_streams} of {len(self.agents)} streams opened within a minute:"
                    " start fewer agents, or see what the hub logs"
                )
            await asyncio.sleep(0.02)
        self.opened_s = time.perf_counter() - began

    async def head(self) -> int:
        """Return the feed's last position. raises: StressError."""
        connection = KeptConnection(self.plan.accesses[0])
        try:
            answer = await connection.ask("GET", f"{FEED}?after=0&limit=1&exercise=true")
        except OSError as error:
            raise StressError(f"the hub cannot be reached: {error}") from error
        finally:
            connection.close()
        if answer.status != OK:
            raise StressError(f"the hub refuses to give its feed: {reason_of(answer)}")
        return int(json.loads(answer.body)["head"])

    def _refuse_streams(self) -> None:
        """Say why not all streams open. raises: StressError."""
        (reason, _), *_ = self.counts.refused.most_common(1)
        raise StressError(
            f"{self.open_streams} of {len(self.agents)} streams are open, and the hub refuses more"
            f" ({reason}): start fewer agents, give more keys with --keys, or raise"
            " STEMTIDE_STREAMS at the hub"
        )

    async def share(self) -> None:
        """Share at the rate of the plan, and wait for the answers. raises: StressError."""
        began, cpu = time.perf_counter(), time.process_time()
        for number in range(self.plan.shares):
            begins_at = began + number / self.plan.rate
            await asyncio.sleep(max(0.0, begins_at - time.perf_counter()))
            for task in [task for task in self._sharing if task.done()]:
                self._sharing.discard(task)
                task.result()
            self._sharing.add(asyncio.create_task(self._share(begins_at)))
        await asyncio.gather(*self._sharing)
        self._sharing.clear()
        self.own_load = (time.process_time() - cpu) / (time.perf_counter() - began)

    async def _share(self, begins_at: float) -> None:
        """Share a signal. raises: StressError if further ones would be refused as well."""
        rest = secrets.token_hex(_VALUE_BYTES - _RUN_BYTES)
        share = Share(rest, begins_at)
        self.shares.append(share)
        answer = await self._send(share)
        share.answered_at = time.perf_counter()
        if answer is None:
            self.refused["no answer"] += 1
        elif answer.status in {OK, 201}:
            shared = json.loads(answer.body)
            if shared["state"] != SignalState.LIVE:
                raise StressError(
                    "the hub lets the signals wait for a second look, because the party has shared"
                    " its number of today: use a key of another party, or go on tomorrow"
                )
            share.uid, share.position = shared["id"], shared["position"]
        elif answer.status in _DECLINED:
            raise StressError(f"the hub refuses the signals ({reason_of(answer)})")
        else:
            self.refused[reason_of(answer)] += 1

    async def _send(self, share: Share) -> HubResponse | None:
        """Send a share, again after a broken connection; None if no answer comes."""
        message = {
            "kind": "pdq",
            "value": self._run + share.value,
            "quality": 90,
            "labels": ["perpetrator-content"],
            "severity": Severity.HIGH,
            "tlp": Tlp.RED,
            "pap": Pap.RED,
            "audience": list(self.plan.audience),
            "expires_at": self.expires_at.isoformat(),
            "exercise": True,
        }
        body = json.dumps(message).encode()
        connection = self._idle.pop() if self._idle else KeptConnection(self.plan.accesses[0])
        while time.perf_counter() - share.begun_at < ARRIVES_S:
            try:
                answer = await connection.ask("POST", SIGNALS, body)
            except OSError:
                self.again += 1
                await asyncio.sleep(_AGAIN_S)
            else:
                self._idle.append(connection)
                return answer
        return None

    async def settle(self) -> None:
        """Wait until every agent has every signal, or until further ones count as lost."""
        ends = time.perf_counter() + ARRIVES_S
        stored = len(self.stored)
        while time.perf_counter() < ends:
            if all(len(agent.arrived) >= stored for agent in self.agents):
                return
            await asyncio.sleep(0.05)

    async def end(self) -> None:
        """Close the streams, and withdraw the signals."""
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._sharing:
            await asyncio.wait(self._sharing, timeout=ARRIVES_S)
        connection = self._idle.pop() if self._idle else KeptConnection(self.plan.accesses[0])
        with suppress(OSError):
            await self._withdraw(connection)
        for idle in [*self._idle, connection]:
            idle.close()
        for error in ended:
            if isinstance(error, Exception):  # CancelledError is no Exception
                raise error

    async def _withdraw(self, connection: KeptConnection) -> None:
        """Withdraw the signals, up to the number of a day: what waits for a person expires sooner.

        raises: OSError.
        """
        reason = {"reason": WithdrawReason.OTHER, "note": "the stress test has ended"}
        body = json.dumps(reason).encode()
        for share in self.stored[: second_look().ends_a_day.number]:
            answer = await connection.ask("POST", f"{SIGNALS}/{share.uid}/withdraw", body)
            if answer.status == OK and json.loads(answer.body)["state"] == SignalState.LIVE:
                return
            if answer.status in {OK, _CONFLICT}:
                self.withdrawn += 1
