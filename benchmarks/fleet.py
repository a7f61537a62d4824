# SPDX-License-Identifier: Apache-2.0
"""How far the hub's stream, feed and status carry: N agents at one hub, without indexes.

    python -m benchmarks.fleet [--agents 300] [--shares 20] [--ways pull,carried]

Each agent keeps a stream open, reports its status every 5 s and after each change, and asks the
feed every 10 s. An agent that pulls asks the feed at each wake. An agent of "carried" asks for a
stream with entries, and asks the feed only if one is missing. Prints the hub's CPU seconds, which
do not depend on how busy the machine is, and times, which do. Every way gets a hub of its own.
"""

import argparse
import asyncio
import json
import os
import secrets
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import uvloop

from benchmarks.hub import PLAIN, STREAM, running_as

AGENTS_OF_KEY = 10
BEAT_S, DEBOUNCE_S, POLL_S, POLL_ALONE_S = 5.0, 0.2, 10.0, 2.0
MOST_RATES = "reading=9999999 writing=9999999 bulk=9999999 stranger=9999999"


def cpu_s(pid: int) -> float:
    """Processor seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_of(pid: int) -> str:
    """Resident memory and threads of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    facts = dict(line.split(":", 1) for line in lines)
    return f"{int(facts['VmRSS'].split()[0]) // 1024} MB, {facts['Threads'].strip()} threads"


class Connection:
    """One kept connection to the hub."""

    def __init__(self, address: str, key: str, counts: Counter[str]) -> None:
        self.parts = urlsplit(address)
        self.counts = counts
        self.head = f"Authorization: Bearer {key}\r\nHost: {self.parts.hostname}\r\n"
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self.parts.hostname, self.parts.port, limit=2**24)

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Send a request, once more if the kept connection is gone; its status and body."""
        try:
            return await self._ask(method, path, body)
        except (OSError, EOFError):
            self.streams = None
            return await self._ask(method, path, body)

    async def _ask(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        if self.streams is None:
            self.streams = await self.open()
        reader, writer = self.streams
        length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        sent = f"{method} {path} HTTP/1.1\r\n{self.head}{length if body else ''}\r\n"
        writer.write(sent.encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        answer = await reader.readexactly(size)
        if b"connection: close" in head:
            writer.close()
            self.streams = None
        status = int(head[9:12])
        self.counts[f"{method} {path.partition('?')[0].split('/')[3]} {status}"] += 1
        return status, answer


class Agent:
    """What an agent sends. applied: when it had each position."""

    def __init__(self, name: str, address: str, key: str, *, way: str, counts: Counter[str]):
        self.name, self.is_carried, self.counts = name, way == "carried", counts
        self.feed, self.status = (Connection(address, key, counts) for _ in range(2))
        self.position = 0
        self.wake, self.moved, self.is_open = (asyncio.Event() for _ in range(3))
        self.applied: list[tuple[int, float]] = []

    def move(self, position: int) -> None:
        if position > self.position:
            self.position = position
            self.applied.append((position, time.perf_counter()))
            self.moved.set()

    async def follow(self) -> None:
        while True:
            self.wake.clear()
            more = True
            while more:
                status, body = await self.feed.ask(
                    "GET", f"/api/v1/feed?after={self.position}&limit=2000"
                )
                assert status == 200, body[:300]
                tail = json.loads(b'{"next":' + body.rpartition(b'"next":')[2])
                self.move(tail["next"])
                more = tail["more"]
            with_stream = POLL_S if self.is_open.is_set() else POLL_ALONE_S
            try:
                async with asyncio.timeout(with_stream):
                    await self.wake.wait()
            except TimeoutError:
                continue

    async def listen(self) -> None:
        while True:
            reader, writer = await self.feed.open()
            query = "?entries=true" if self.is_carried else ""
            sent = f"GET {STREAM}{query} HTTP/1.1\r\n{self.feed.head}"
            writer.write(f"{sent}Last-Event-ID: {self.position}\r\n\r\n".encode())
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                assert head[9:12] == b"200", head
                self.is_open.set()
                self.wake.set()
                await self._read(reader)
            except (OSError, EOFError):
                self.counts["streams broken"] += 1
            self.is_open.clear()
            writer.close()
            await asyncio.sleep(0.5)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            if not line.startswith(b'data: {"position":'):
                continue
            position, _, rest = line[18:80].partition(b",")
            if (
                rest.startswith(b'"previous":')
                and int(rest[11:].partition(b",")[0]) <= self.position
            ):
                self.counts["carried"] += 1
                self.move(int(position))
            elif int(position.strip().rstrip(b"}")) > self.position:
                self.counts["wakes"] += 1
                self.wake.set()

    async def beat(self) -> None:
        started = datetime.now(UTC).isoformat()
        while True:
            self.moved.clear()
            body = {"version": "0.1", "position": self.position, "signals": 0}
            sent = json.dumps({**body, "exercise": False, "started_at": started}).encode()
            await self.status.ask("PUT", f"/api/v1/agents/{self.name}", sent)
            try:
                async with asyncio.timeout(BEAT_S):
                    await self.moved.wait()
                await asyncio.sleep(DEBOUNCE_S)
            except TimeoutError:
                continue


class Phase:
    """Counts what the hub uses within a block, and prints it."""

    def __init__(self, what: str, pid: int, counts: Counter[str]) -> None:
        self.what, self.pid, self.counts = what, pid, counts

    def __enter__(self) -> Self:
        self.began, self.cpu, self.before = time.perf_counter(), cpu_s(self.pid), self.counts.copy()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self.began
        self.used = cpu_s(self.pid) - self.cpu
        asked = self.counts - self.before
        requests = sum(count for what, count in asked.items() if what[:4] in {"GET ", "PUT "})
        each = f"{self.used / requests * 1000:.2f} ms a request" if requests else ""
        print(
            f"  {self.what}: {self.used:.2f} s of CPU in {self.seconds:.1f} s"
            f" ({self.used / self.seconds:.0%} of a core), {each}; {memory_of(self.pid)};"
            f" {dict(sorted(asked.items()))}",
            flush=True,
        )


async def share_all(sharer: Connection, *, shares: int) -> list[tuple[int, float]]:
    """Share one signal a second; the position of each and when it was sent."""
    sent = []
    for _ in range(shares):
        began = time.perf_counter()
        body = json.dumps({**PLAIN, "value": secrets.token_hex(32)}).encode()
        status, answer = await sharer.ask("POST", "/api/v1/signals", body)
        assert status == 201, answer
        sent.append((json.loads(answer)["position"], began))
        await asyncio.sleep(max(0.0, 1.0 - (time.perf_counter() - began)))
    return sent


def times_of(sent: list[tuple[int, float]], agents: list[Agent]) -> list[float]:
    """Milliseconds from each share until each agent had it, in order; infinite if it had not."""
    times = []
    for position, began in sent:
        for agent in agents:
            at = next((at for has, at in agent.applied if has >= position), float("inf"))
            times.append((at - began) * 1000)
    return sorted(times)


async def all_at(agents: list[Agent], position: int, *, within_s: float) -> None:
    ends = time.perf_counter() + within_s
    while time.perf_counter() < ends:
        if all(agent.position >= position for agent in agents):
            return
        await asyncio.sleep(0.02)


async def play(address: str, keys: list[str], pid: int, *, way: str, options) -> dict[str, float]:
    """Run one fleet; the figures that ways are compared by."""
    counts: Counter[str] = Counter()
    sharer = Connection(address, keys[0], Counter())
    agents = [
        Agent(f"a{n}", address, keys[1 + n // AGENTS_OF_KEY], way=way, counts=counts)
        for n in range(options.agents)
    ]
    async with asyncio.TaskGroup() as tasks:
        running = []
        with Phase("open", pid, counts):
            for agent in agents:
                work = (agent.follow(), agent.listen(), agent.beat())
                running += [tasks.create_task(each) for each in work]
                await asyncio.sleep(0.004)
            await asyncio.gather(*(agent.is_open.wait() for agent in agents))
        await asyncio.sleep(options.settle)
        with Phase("rest", pid, counts) as rest:
            await asyncio.sleep(options.rest)
        with Phase("shares", pid, counts) as shares:
            sent = await share_all(sharer, shares=options.shares)
            await all_at(agents, sent[-1][0], within_s=60)
        for task in running:
            task.cancel()
    times = times_of(sent, agents)
    at_rest = rest.used / rest.seconds
    return {
        "CPU at rest, % of a core": at_rest * 100,
        "CPU a share, ms": (shares.used - at_rest * shares.seconds) / options.shares * 1000,
        "share to applied p50, ms": times[len(times) // 2],
        "share to applied p99, ms": times[int(len(times) * 0.99)],
    }


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--agents", type=int, default=300)
    asked.add_argument("--shares", type=int, default=20, help="one a second")
    asked.add_argument("--rest", type=float, default=15.0, help="seconds without a share")
    asked.add_argument("--settle", type=float, default=5.0, help="seconds before they are counted")
    asked.add_argument("--ways", default="pull,carried")
    options = asked.parse_args()
    figures = {}
    for way in options.ways.split(","):
        print(f"{options.agents} agents, {way}", flush=True)
        providers = -(-options.agents // AGENTS_OF_KEY)
        with running_as(providers, STEMTIDE_RATES=MOST_RATES) as (address, keys, pid):
            figures[way] = uvloop.run(play(address, keys, pid, way=way, options=options))
        for what, figure in figures[way].items():
            print(f"  {what:28} {figure:10,.1f}", flush=True)
    if len(figures) > 1:
        first, last = next(iter(figures)), next(reversed(figures))
        for what, figure in figures[last].items():
            print(f"{what:28} {first} is {figures[first][what] / (figure or 1):.1f} x {last}")


if __name__ == "__main__":
    main()
