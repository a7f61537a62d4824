# SPDX-License-Identifier: Apache-2.0
"""How far the hub's stream, feed and status carry: N agents at one hub.

    python -m benchmarks.fleet [--agents 300] [--shares 20] [--rate 1] [--real 3] [--bulk 10000]
                               [--ways pull,carried] [--workers 2] [--kill] [--postgres]

The agents are those of `stemtide stress`, with reports of status. Among them run real ones, in
exercise mode. Agents of "carried" ask for a stream with entries, those of "pull" read the feed at
each wake. A way that ends in "+tls" goes through a Caddy in front of the hub, with
deploy/caddy/Caddyfile and an authority of its own: `--ways carried,carried+tls`. Prints the hub's
and Caddy's CPU seconds, which do not depend on how busy the machine is, and times, which do.
--bulk: share so many at once, and wait until all agents have read them; the simulated ones count
them. --kill: kill the hub in the end, start it, and wait until all agents have what is shared
then. Every way gets a hub of its own. With --postgres it is on a PostgreSQL server of its own, and
may have several workers. `python -m benchmarks.fleet_sizes` draws a plot of many sizes.
"""

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import uvloop

from benchmarks.hub import PLAIN, RunningHub, running_as
from stemtide.exercises import processes
from stemtide.exercises.counts import percentile
from stemtide.exercises.stress.connection import HubAccess, KeptConnection
from stemtide.exercises.stress.load import LoadPlan, Stress
from stemtide.exercises.stress.report import report

AGENTS_OF_KEY = 100
MOST_RATES = "reading=9999999 writing=9999999 bulk=9999999 stranger=9999999"
LOOK_S = 0.03
SETTLED_S = 120.0
TLS = "+tls"


def processes_of(pid: int) -> list[int]:
    """A process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def cpu_s(pid: int) -> float:
    """Processor seconds that a process and its children have used."""
    used = 0
    for number in processes_of(pid):
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        used += int(fields[11]) + int(fields[12])
    return used / os.sysconf("SC_CLK_TCK")


def memory_of(pid: int) -> str:
    """Resident memory and threads of a process and its children."""
    sizes, threads = [], 0
    for number in processes_of(pid):
        lines = Path(f"/proc/{number}/status").read_text().splitlines()
        facts = dict(line.split(":", 1) for line in lines)
        if "VmRSS" not in facts:  # it was killed, and waits for its parent
            continue
        sizes.append(int(facts["VmRSS"].split()[0]) // 1024)
        threads += int(facts["Threads"])
    return f"{' + '.join(map(str, sizes))} MB, {threads} threads"


class Phase:
    """Counts what the hub uses within a block, and the proxy if there is one, and prints it."""

    def __init__(self, what: str, pid: int, test: Stress, *, proxy: int | None = None) -> None:
        self.what, self.pid, self.test, self.proxy = what, pid, test, proxy

    def __enter__(self) -> Self:
        self.began, self.cpu, self.before = time.perf_counter(), cpu_s(self.pid), self.counts()
        self.proxy_cpu = cpu_s(self.proxy) if self.proxy else 0.0
        return self

    def counts(self) -> Counter[str]:
        counts = self.test.counts
        names = ("carried", "wakes", "gaps", "repeats", "broken")
        return counts.asked + Counter({name: getattr(counts, name) for name in names})

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self.began
        self.used = cpu_s(self.pid) - self.cpu
        self.used_by_proxy = cpu_s(self.proxy) - self.proxy_cpu if self.proxy else 0.0
        beside = ""
        if self.proxy:
            beside = f"Caddy {self.used_by_proxy:.2f} s of CPU, {memory_of(self.proxy)}; "
        print(
            f"  {self.what}: {self.used:.2f} s of CPU in {self.seconds:.1f} s"
            f" ({self.used / self.seconds:.0%} of a core); {memory_of(self.pid)}; {beside}"
            f" {dict(sorted((self.counts() - self.before).items()))}",
            flush=True,
        )


@contextlib.contextmanager
def front(hub: str, *, is_tls: bool) -> Iterator[tuple[str, int | None]]:
    """The address at which agents ask, and the process of the proxy there, if there is one."""
    if not is_tls:
        yield hub, None
        return
    from tests import caddy

    with (
        tempfile.TemporaryDirectory(prefix="stemtide-bench-") as folder,
        caddy.running(Path(folder), hub=hub) as (address, authority),
    ):
        os.environ["SSL_CERT_FILE"] = str(authority)  # of ours, and of the real agents
        proxies = [pid for pid in processes_of(os.getpid()) if name_of(pid) == "caddy"]
        try:
            yield address, proxies[0]
        finally:
            del os.environ["SSL_CERT_FILE"]


def name_of(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


@contextlib.contextmanager
def real_agents(address: str, keys: list[str], *, count: int) -> Iterator[list[str]]:
    """Real agents in exercise mode: their addresses."""
    with tempfile.TemporaryDirectory(prefix="stemtide-bench-") as folder:
        agents = [
            processes.agent(
                f"real-{number}",
                folder=Path(folder) / str(number),
                hub_url=address,
                key=keys[number % len(keys)],
                extra="exercise = true",
            )
            for number in range(count)
        ]
        try:
            yield [agent.start().address for agent in agents]
        finally:
            for agent in agents:
                agent.stop()


class Watch:
    """Notes when a real agent's position moved."""

    def __init__(self, address: str) -> None:
        self.moves: list[tuple[int, float]] = [(-1, 0.0)]
        self._connection = KeptConnection(HubAccess(address, "none"))

    @property
    def position(self) -> int:
        return self.moves[-1][0]

    async def run(self) -> None:
        while True:
            answer = await self._connection.ask("GET", "/health")
            position = json.loads(answer.body)["position"]
            if position > self.position:
                self.moves.append((position, time.perf_counter()))
            await asyncio.sleep(LOOK_S)

    def at(self, position: int) -> float:
        """When it had a position; infinite if it never had."""
        return next((at for has, at in self.moves if has >= position), float("inf"))


async def all_at(agents: list, position: int) -> None:
    ends = time.perf_counter() + SETTLED_S
    while time.perf_counter() < ends:
        if all(agent.position >= position for agent in agents):
            return
        await asyncio.sleep(0.02)
    print(f"  some agents are behind after {SETTLED_S:.0f} s", flush=True)


async def share_bulk(test: Stress, watches: list[Watch], *, size: int) -> dict[str, float]:
    """Share so many signals at once; seconds until it was answered, and until agents have it."""
    before = [agent.entries for agent in test.agents]
    signals = [{**PLAIN, "exercise": True, "value": secrets.token_hex(32)} for _ in range(size)]
    connection = KeptConnection(test.plan.accesses[0])
    body = json.dumps({"signals": signals}).encode()
    began = time.perf_counter()
    answer = await connection.ask("POST", "/api/v1/signals/bulk", body)
    assert answer.status == 201, answer
    answered, head = (
        time.perf_counter(),
        max(row["position"] for row in json.loads(answer.body)["signals"]),
    )
    await all_at(test.agents, head)
    simulated = time.perf_counter()
    await all_at(watches, head)
    ended = time.perf_counter()
    taken = {agent.entries - had for agent, had in zip(test.agents, before, strict=True)}
    print(f"  entries of the bulk that each simulated agent counted: {sorted(taken)}", flush=True)
    return {
        "bulk to its answer, s": answered - began,
        "bulk to all simulated agents, s": simulated - began,
        "bulk to all current, s": ended - began,
    }


async def kill_hub(test: Stress, watches: list[Watch], hub: RunningHub) -> float:
    """Kill the hub and start it; seconds from its listening until all have what is new.

    All: each stream is open again, and each agent has what was shared after the kill.
    """
    hub.kill()
    await asyncio.to_thread(hub.start_again)
    began = time.perf_counter()
    signal = {**PLAIN, "exercise": True, "value": secrets.token_hex(32)}
    connection = KeptConnection(test.plan.accesses[0])
    answer = await connection.ask("POST", "/api/v1/signals", json.dumps(signal).encode())
    assert answer.status == 201, answer
    await all_at([*test.agents, *watches], json.loads(answer.body)["position"])
    while test.open_streams < len(test.agents):  # noqa: ASYNC110  # a poll
        await asyncio.sleep(0.02)
    return time.perf_counter() - began


async def play(
    hub: RunningHub, reals: list[str], *, address: str, proxy: int | None, way: str, options
) -> dict[str, float]:
    """Run one fleet; the figures that ways are compared by."""
    accesses, pid = [HubAccess(address, key) for key in hub.keys], hub.pid
    parties = [
        json.loads((await KeptConnection(access).ask("GET", "/api/v1/whoami")).body)["party"]
        for access in accesses
    ]
    plan = LoadPlan(
        accesses,
        parties,
        options.agents,
        rate=options.rate,
        seconds=options.shares / options.rate,
        carried=way.removesuffix(TLS) == "carried",
        reports=True,
    )
    test, watches = Stress(plan), [Watch(real) for real in reals]
    figures: dict[str, float] = {}
    with Phase("open and first reports", pid, test, proxy=proxy):
        await test.open()
        while not all(agent.is_known for agent in test.agents):  # noqa: ASYNC110  # a poll
            await asyncio.sleep(0.1)
    await asyncio.sleep(options.settle)
    with Phase("rest", pid, test, proxy=proxy) as rest:
        await asyncio.sleep(options.rest)
    watching = [asyncio.create_task(watch.run()) for watch in watches]
    with Phase("shares", pid, test, proxy=proxy) as shares:
        await test.share()
        await test.settle()
        await all_at(watches, test.stored[-1].position)
    if options.bulk:
        with Phase("bulk", pid, test, proxy=proxy):
            figures |= await share_bulk(test, watches, size=options.bulk)
    if options.kill:
        figures["hub listens to all current, s"] = await kill_hub(test, watches, hub)
    for task in watching:
        task.cancel()
    await test.end()
    print("  " + report(test).text().replace("\n", "\n  "), flush=True)
    times = [
        (watch.at(share.position) - share.begun_at) * 1000
        for watch in watches
        for share in test.stored
    ]
    at_rest = rest.used / rest.seconds
    if proxy:
        proxy_rest = rest.used_by_proxy / rest.seconds
        more = shares.used_by_proxy - proxy_rest * shares.seconds
        figures |= {
            "Caddy's CPU at rest, % of a core": proxy_rest * 100,
            "Caddy's CPU a share, ms": more / options.shares * 1000,
        }
    return {
        "CPU at rest, % of a core": at_rest * 100,
        "CPU a share, ms": (shares.used - at_rest * shares.seconds) / options.shares * 1000,
        "share to applied p50, ms": report(test).p50_ms,
        "share to applied p99, ms": report(test).p99_ms,
        "real agents p50, ms": percentile(times, percent=50) or 0.0,
        "real agents p99, ms": percentile(times, percent=99) or 0.0,
        "the agents' own CPU, % of a core": test.own_load * 100,
    } | figures


@contextlib.contextmanager
def database(*, is_postgres: bool) -> Iterator[dict[str, str]]:
    """A database server if one is asked for: the settings of a hub on it."""
    if not is_postgres:
        yield {}
        return
    from tests.postgres import server

    with server(throw_away=()) as address:
        yield {"STEMTIDE_DATABASE_URL": address}


def measure(way: str, options: argparse.Namespace) -> dict[str, float]:
    """Run one fleet at a new hub, and print its figures."""
    print(f"{options.agents} simulated agents and {options.real} real ones, {way}", flush=True)
    providers, is_tls = -(-options.agents // AGENTS_OF_KEY), way.endswith(TLS)
    with (
        database(is_postgres=options.postgres) as settings,
        running_as(
            providers,
            STEMTIDE_RATES=MOST_RATES,
            STEMTIDE_STREAMS="off",
            STEMTIDE_BENCH_WORKERS=options.workers,
            STEMTIDE_TRUSTED_PROXIES="127.0.0.1" if is_tls else "",
            **settings,
        ) as hub,
        front(hub.address, is_tls=is_tls) as (address, proxy),
        real_agents(address, hub.keys[1:], count=options.real) as reals,
    ):
        fleet = play(hub, reals, address=address, proxy=proxy, way=way, options=options)
        figures = uvloop.run(fleet)
    for what, figure in figures.items():
        print(f"  {what:34} {figure:10,.1f}", flush=True)
    return figures


def words() -> argparse.ArgumentParser:
    """The options of a fleet."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--agents", type=int, default=300)
    asked.add_argument("--real", type=int, default=3, help="real agents among them")
    asked.add_argument("--shares", type=int, default=20)
    asked.add_argument("--rate", type=float, default=1.0, help="shares a second")
    asked.add_argument("--bulk", type=int, default=0, help="signals of a bulk after them")
    asked.add_argument("--kill", action="store_true", help="kill -9 the hub in the end")
    asked.add_argument("--rest", type=float, default=15.0, help="seconds without a share")
    asked.add_argument("--settle", type=float, default=5.0, help="seconds before they are counted")
    asked.add_argument("--ways", default="pull,carried")
    asked.add_argument("--workers", default="1", help="processes of the hub; several: PostgreSQL")
    asked.add_argument("--postgres", action="store_true", help="the hub on PostgreSQL")
    return asked


def main() -> None:
    options = words().parse_args()
    figures = {way: measure(way, options) for way in options.ways.split(",")}
    if len(figures) > 1:
        first, last = next(iter(figures)), next(reversed(figures))
        for what, figure in figures[first].items():
            beside = figures[last].get(what, 0.0)
            print(f"{what:32} {first} {figure:,.1f}, {last} {beside:,.1f}", end="")
            print(f": {first} is {figure / (beside or 1):.2f} x {last}")


if __name__ == "__main__":
    main()
