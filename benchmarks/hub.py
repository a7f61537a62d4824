# SPDX-License-Identifier: Apache-2.0
"""How fast the hub's API is: a real server process, real HTTP on loopback.

    python -m benchmarks.hub [--signals 200000] [--bulk 20000] [--streams 50]

Prints bulk load (by one party, and by two at once), snapshot, feed and single calls a second, and
how long a share takes to reach open event streams.
"""

import argparse
import asyncio
import json
import os
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx

LOAD_BAR = 20_000
SNAPSHOT_BAR = 60_000
LATENCY_BAR_MS = 30.0
STREAM = "/api/v1/events/stream"
PLAIN = {"kind": "pdq", "quality": 90, "labels": ["perpetrator-content"], "severity": "high"}
JSON = {"Content-Type": "application/json"}


def serve(providers: int, port: int) -> None:
    """The server's process: makes parties, prints their keys and the address.

    port: 0 for a free one. A hub that starts again makes none, and prints no keys but [].
    """
    from datetime import UTC, datetime

    from stemtide.hub import boot, workers

    boot.start()
    boot.migrate()
    from stemtide.hub.rooms.parties.writes import parties as writes
    from stemtide.protocol.enums import Scope

    now, run = datetime.now(UTC), secrets.token_hex(4)
    keys = []
    more = int(os.environ.get("STEMTIDE_BENCH_AUTHORITIES", "1")) - 1
    kinds = ["authority", *["provider"] * providers, *["authority"] * more] if providers else []
    for number, kind in enumerate(kinds):
        name = f"{kind}-{number}-{run}"
        party = writes.add_party(name, title=kind, kind=kind, actor="benchmark", now=now)
        keys.append(writes.new_key("b", party=party, scopes=Scope, actor="benchmark", now=now)[1])
    print(json.dumps(keys), flush=True)

    def ready(address: str) -> None:
        print(address, flush=True)

    number = int(os.environ.get("STEMTIDE_BENCH_WORKERS", "1"))
    if number == 1:
        boot.serve("127.0.0.1", port, ready=ready)
    else:
        workers.serve("127.0.0.1", port, workers=number, ready=ready)


class RunningHub:
    """A hub in a process of its own, which can be killed and started again."""

    def __init__(self, providers: int, settings: dict[str, str]) -> None:
        self._settings = settings
        self.keys = self._start(["--serve", str(providers)])

    def _start(self, arguments: list[str]) -> list[str]:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.hub", *arguments],
            env=os.environ | self._settings,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        keys = json.loads(self._process.stdout.readline())
        self.address = self._process.stdout.readline().strip()
        self.pid = self._process.pid
        return keys

    def kill(self) -> None:
        """Kill the hub and its workers, as a power cut does."""
        os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def start_again(self) -> None:
        """Start on the same data and port; return once it listens."""
        self._start(["--serve", "0", "--port", self.address.rpartition(":")[2]])

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


@contextmanager
def running(providers: int = 1, **settings: str) -> Iterator[tuple[str, list[str]]]:
    """A hub on a throw-away database: its address, and the keys of an authority and providers."""
    with running_as(providers, **settings) as hub:
        yield hub.address, hub.keys


@contextmanager
def running_as(providers: int = 1, **settings: str) -> Iterator[RunningHub]:
    """A hub on a throw-away database, with the keys of an authority and so many providers."""
    with tempfile.TemporaryDirectory(prefix="stemtide-bench-") as folder:
        hub = RunningHub(providers, settings | {"STEMTIDE_DATA_DIR": folder})
        try:
            yield hub
        finally:
            hub.stop()


def show(what: str, rate: float, bar: float | None = None) -> None:
    against = f"   {rate / bar:6.1f} x the bar of {bar:,.0f} /s" if bar else ""
    print(f"{what:42} {rate:>10,.0f} /s{against}", flush=True)


def rate_of(count: int, work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


def signals(count: int) -> list[dict[str, object]]:
    return [{**PLAIN, "value": secrets.token_hex(32)} for _ in range(count)]


def bulks(client: httpx.Client, bodies: list[bytes], *, media_type: str) -> None:
    for body in bodies:
        headers = {"Content-Type": media_type}
        answer = client.post("/api/v1/signals/bulk", content=body, headers=headers)
        assert answer.status_code == 201, answer.text[:500]


def load(clients: list[httpx.Client], *, count: int, size: int) -> None:
    """Load with the first party, then with all others at once, then JSON lines with the last."""
    client = clients[-1]
    for sharers in (clients[:1], clients[1:]):
        rate = load_rate(sharers, count=count, size=size)
        show(f"bulk load, {count:,} by {len(sharers)} at once, JSON", rate, LOAD_BAR)
    lines = [b"\n".join(json.dumps(one).encode() for one in signals(size)) for _ in range(2)]
    rate = rate_of(2 * size, lambda: bulks(client, lines, media_type="application/x-ndjson"))
    show("bulk load, JSON lines", rate, LOAD_BAR)


def load_rate(clients: list[httpx.Client], *, count: int, size: int) -> float:
    """Signals a second, by parties that each send one bulk after the other."""
    bodies = [json.dumps({"signals": signals(size)}).encode() for _ in range(count // size)]
    shares = [bodies[number :: len(clients)] for number in range(len(clients))]

    def send(client: httpx.Client, share: list[bytes]) -> None:
        bulks(client, share, media_type="application/json")

    with ThreadPoolExecutor(len(clients)) as pool:
        return rate_of(count, lambda: list(pool.map(send, clients, shares)))


def follow_all(client: httpx.Client) -> None:
    after, more = 0, True
    while more:
        page = client.get(f"/api/v1/feed?after={after}&limit=10000").json()
        after, more = page["next"], page["more"]


def read(client: httpx.Client) -> None:
    began = time.perf_counter()
    size = json.loads(
        client.get("/api/v1/snapshot").content.rpartition(b"\n{")[2].join([b"{", b""])
    )
    rate = size["signals"] / (time.perf_counter() - began)
    show(f"snapshot of {size['signals']:,}", rate, SNAPSHOT_BAR)
    show("feed, pages of 10,000", rate_of(size["signals"], lambda: follow_all(client)))


def calls(sharer: httpx.Client, reader: httpx.Client) -> None:
    bodies = [json.dumps(one).encode() for one in signals(200)]

    def share() -> None:
        for body in bodies:
            sharer.post("/api/v1/signals", content=body, headers=JSON)

    def look() -> None:
        for _ in range(200):
            reader.get(f"/api/v1/feed?after={head}")

    show("share, one by one", rate_of(200, share))
    head = reader.get("/health").json()["positions"]
    show("feed with nothing new, one by one", rate_of(200, look))


async def latencies(address: str, keys: list[str], *, streams: int) -> list[float]:
    """Milliseconds from before a share was sent until each stream had its wake."""
    sent: dict[int, float] = {}
    seen: list[tuple[int, float]] = []
    ready = asyncio.Semaphore(0)

    async def follow(client: httpx.AsyncClient) -> None:
        headers = {"Authorization": f"Bearer {keys[1]}"}
        async with client.stream("GET", STREAM, headers=headers, timeout=None) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("retry:"):
                    ready.release()
                if line.startswith("id: "):
                    seen.append((int(line[4:]), time.perf_counter()))

    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=address, limits=limits, trust_env=False) as client:
        following = [asyncio.create_task(follow(client)) for _ in range(streams)]
        for _ in range(streams):
            await ready.acquire()
        headers = {"Authorization": f"Bearer {keys[2]}"}
        for body in signals(40):
            began = time.perf_counter()
            answer = await client.post("/api/v1/signals", json=body, headers=headers)
            sent[answer.json()["position"]] = began
            await asyncio.sleep(0.05)
        for one in following:
            one.cancel()
        await asyncio.gather(*following, return_exceptions=True)
    return sorted((at - sent[position]) * 1000 for position, at in seen if position in sent)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--signals", type=int, default=200_000)
    asked.add_argument("--bulk", type=int, default=20_000)
    asked.add_argument("--streams", type=int, default=50)
    asked.add_argument("--serve", type=int, metavar="PROVIDERS", help=argparse.SUPPRESS)
    asked.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    options = asked.parse_args()
    if options.serve is not None:
        serve(options.serve, options.port)
        return
    # After the bulks, single shares of the same party would wait for a second look.
    with running(2, STEMTIDE_BENCH_AUTHORITIES="3") as (address, keys):
        sharer, reader, single, second, third = (
            httpx.Client(
                base_url=address,
                headers={"Authorization": f"Bearer {key}"},
                timeout=600,
                trust_env=False,
            )
            for key in keys
        )
        with sharer, reader, single, second, third:
            load([sharer, second, third], count=options.signals, size=options.bulk)
            read(reader)
            calls(single, reader)
        for streams in (3, options.streams):
            found = asyncio.run(latencies(address, keys, streams=streams))
            p50, p99 = statistics.median(found), found[int(len(found) * 0.99)]
            print(
                f"{f'share to wake at {streams} streams':42} p50 {p50:.1f} ms  p99 {p99:.1f} ms"
                f"   ({LATENCY_BAR_MS / p50:.1f} x better than the bar of {LATENCY_BAR_MS:.0f} ms)"
            )


if __name__ == "__main__":
    main()
