# SPDX-License-Identifier: Apache-2.0
"""What a fleet of agents loses when something breaks. It must lose nothing.

    python -m benchmarks.fleet_faults [--agents 1000] [--bulk 10000] [--faults killed,frozen,…]

A hub of two workers on a PostgreSQL of its own, and real agents among the simulated ones. All the
time somebody shares, and during each fault also a bulk:

killed     kill -9 of a worker once the first agent has a part of the bulk
restarted  PostgreSQL stops at once, as in a crash, and starts again
stopped    the agents of one party hang, and read nothing for 20 s
frozen     all processes of the hub stand still for 30 s

After each fault every agent must come to the head of the feed, with each signal once and no gap.
Exit code 1 if one does not.
"""

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import ClassVar

import httpx
import uvloop
from tests import postgres

from benchmarks.fleet import (
    AGENTS_OF_KEY,
    MOST_RATES,
    Phase,
    Watch,
    all_at,
    database,
    processes_of,
    real_agents,
)
from benchmarks.hub import PLAIN, RunningHub, running_as
from stemtide.exercises.stress.connection import HubAccess, KeptConnection
from stemtide.exercises.stress.load import LoadPlan, Stress
from stemtide.exercises.stress.report import report

STOPPED_S, FROZEN_S = 20.0, 30.0
STORED = {200, 201}


class HangingAccess(HubAccess):
    """An access whose connections can all hang."""

    exchanges: ClassVar[list] = []

    async def connect(self):
        exchange = await super().connect()
        self.exchanges.append(exchange)
        return exchange

    def hang(self) -> None:
        for exchange in self.exchanges:
            if exchange.is_open:
                exchange._transport.pause_reading()  # noqa: SLF001  # only benchmarks hang

    def go_on(self) -> None:
        for exchange in self.exchanges:
            if exchange.is_open:
                exchange._transport.resume_reading()  # noqa: SLF001


class Faults:
    """A fleet at a hub, and what happens to it."""

    def __init__(self, test: Stress, hub: RunningHub, *, address: str, size: int) -> None:
        self.test, self.hub, self.database, self.size = test, hub, address, size
        self.bulks = 0

    async def share_bulk(self) -> None:
        """Share a bulk, again until it is stored."""
        rows = [
            {**PLAIN, "exercise": True, "value": secrets.token_hex(32)} for _ in range(self.size)
        ]
        connection, status = KeptConnection(self.test.plan.accesses[0]), 0
        body = json.dumps({"signals": rows}).encode()
        while status not in STORED:
            with contextlib.suppress(OSError):
                status = (await connection.ask("POST", "/api/v1/signals/bulk", body)).status
            await asyncio.sleep(0.5)
        self.bulks += self.size

    async def until_some_have(self, position: int) -> None:
        """Wait until an agent has more than a position, and not all have it."""
        while max(agent.position for agent in self.test.agents) <= position:  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    async def killed(self) -> None:
        bulk = asyncio.create_task(self.share_bulk())
        await self.until_some_have(await self.test.head() + self.size // 10)
        worker = next(pid for pid in processes_of(self.hub.pid) if is_worker(pid))
        os.kill(worker, signal.SIGKILL)
        await bulk

    async def restarted(self) -> None:
        bulk = asyncio.create_task(self.share_bulk())
        await asyncio.sleep(0.3)
        await asyncio.to_thread(postgres.restart, self.database)
        await bulk

    async def stopped(self) -> None:
        hanging = self.test.plan.accesses[1]
        hanging.hang()
        await self.share_bulk()
        await asyncio.sleep(STOPPED_S)
        hanging.go_on()

    async def frozen(self) -> None:
        bulk = asyncio.create_task(self.share_bulk())
        await asyncio.sleep(0.3)
        pids = processes_of(self.hub.pid)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(FROZEN_S)
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        await bulk


def is_worker(pid: int) -> bool:
    return "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()


def forget_peaks(pid: int) -> None:
    """Let the peak of resident memory begin anew (proc(5), clear_refs)."""
    for number in processes_of(pid):
        Path(f"/proc/{number}/clear_refs").write_text("5")


def peak_mb(pid: int) -> int:
    """Peak of the resident memory of a process and its children, each at its own time."""
    return sum(
        int(line.split()[1]) // 1024
        for number in processes_of(pid)
        for line in Path(f"/proc/{number}/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )


async def share_during(test: Stress, event: Awaitable[None]) -> None:
    """Share until something has happened, and a little longer."""
    happening = asyncio.ensure_future(event)
    while not happening.done():
        await test.share()
    await happening
    await test.share()


def signals_of(real: str) -> int:
    health = httpx.get(f"{real}/health", trust_env=False).json()
    return sum(health["signals"].values())


async def play(hub: RunningHub, reals: list[str], *, address: str, options) -> bool:
    """Play each fault; whether nothing was lost."""
    accesses = [HubAccess(hub.address, key) for key in hub.keys]
    accesses[1] = HangingAccess(hub.address, hub.keys[1])
    parties = [
        json.loads((await KeptConnection(access).ask("GET", "/api/v1/whoami")).body)["party"]
        for access in accesses
    ]
    plan = LoadPlan(accesses, parties, options.agents, rate=2, seconds=1, reports=True)
    test, watches = Stress(plan), [Watch(real) for real in reals]
    faults, is_good = Faults(test, hub, address=address, size=options.bulk), True
    watching = [asyncio.create_task(watch.run()) for watch in watches]
    await test.open()
    while not all(agent.is_known for agent in test.agents):  # noqa: ASYNC110  # a poll
        await asyncio.sleep(0.1)
    for name in options.faults.split(","):
        forget_peaks(hub.pid)
        with Phase(name, hub.pid, test):
            await share_during(test, getattr(faults, name)())
            began = time.perf_counter()
            await all_at([*test.agents, *watches], await test.head())
            await test.settle()
        wanted = faults.bulks + len(test.stored)
        simulated = {agent.entries for agent in test.agents}
        own = {await asyncio.to_thread(signals_of, real) for real in reals}
        print(
            f"    all current {time.perf_counter() - began:.1f} s after it;"
            f" peak {peak_mb(hub.pid)} MB; {wanted:,} signals stored,"
            f" real agents hold {sorted(own)}, entries that simulated ones read:"
            f" {min(simulated):,} to {max(simulated):,}",
            flush=True,
        )
        is_good = is_good and own == {wanted} and min(simulated) >= wanted
    for task in watching:
        task.cancel()
    await test.end()
    figures = report(test)
    print("  " + figures.text().replace("\n", "\n  "), flush=True)
    return is_good and not figures.lost + figures.gaps + figures.repeats


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--agents", type=int, default=1000)
    asked.add_argument("--real", type=int, default=3, help="real agents among them")
    asked.add_argument("--bulk", type=int, default=10_000, help="signals of the bulk of each fault")
    asked.add_argument("--faults", default="killed,restarted,stopped,frozen")
    options = asked.parse_args()
    providers = -(-options.agents // AGENTS_OF_KEY)
    with (
        database(is_postgres=True) as settings,
        running_as(
            providers,
            STEMTIDE_RATES=MOST_RATES,
            STEMTIDE_STREAMS="off",
            STEMTIDE_BENCH_WORKERS="2",
            **settings,
        ) as hub,
        real_agents(hub.address, hub.keys[1:], count=options.real) as reals,
    ):
        address = settings["STEMTIDE_DATABASE_URL"]
        is_good = uvloop.run(play(hub, reals, address=address, options=options))
    print("nothing was lost, and nothing came twice" if is_good else "SOMETHING WAS LOST")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
