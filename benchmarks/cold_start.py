# SPDX-License-Identifier: Apache-2.0
"""How long a real agent that starts with nothing takes until it has all signals of a real hub.

    python -m benchmarks.cold_start [--signals 1000000] [--agents 2]

Shares the signals in bulks over HTTP, which is timed as well, and then starts agents one after the
other: for the first the hub has no segments yet. Time that passes is that of a person who waits;
processor time is comparable on a machine that does other things.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.fleet import MOST_RATES, cpu_s, memory_of
from benchmarks.hub import JSON, RunningHub, running_as, signals
from stemtide.exercises import processes

BULK = 20_000
A_DAY = 200_000
"""Signals of one authority on a day: more wait for a second look."""

LOOK_S = 0.1


def fill(hub: RunningHub, *, count: int) -> None:
    """Share so many signals, and print the rate without the time to make them."""
    seconds, cpu = 0.0, cpu_s(hub.pid)
    sharers = [hub.keys[0], *hub.keys[2:]]
    with httpx.Client(base_url=hub.address, timeout=600, trust_env=False) as client:
        for begin in range(0, count, BULK):
            headers = {**JSON, "Authorization": f"Bearer {sharers[begin // A_DAY]}"}
            body = json.dumps({"signals": signals(min(BULK, count - begin))}).encode()
            began = time.perf_counter()
            answer = client.post("/api/v1/signals/bulk", content=body, headers=headers)
            assert answer.status_code == 201, answer.text[:500]
            seconds += time.perf_counter() - began
    used = cpu_s(hub.pid) - cpu
    print(
        f"bulk load of {count:,}: {seconds:.1f} s passed, {count / seconds:,.0f} signals a second;"
        f" {used:.1f} s of the hub's processor; {memory_of(hub.pid)}",
        flush=True,
    )


def start_agent(hub: RunningHub, folder: Path, *, count: int, number: int) -> None:
    """Start an agent, and print how long it took until it had all signals."""
    cpu = cpu_s(hub.pid)
    agent = processes.agent(
        f"cold-{number}", folder=folder / str(number), hub_url=hub.address, key=hub.keys[1]
    )
    began = time.perf_counter()
    try:
        address = agent.start().address
        has = 0
        while has < count:
            time.sleep(LOOK_S)
            health = httpx.get(f"{address}/health", trust_env=False).json()
            has = sum(health["signals"].values())
        seconds = time.perf_counter() - began
        assert agent.process is not None
        pid = agent.process.pid
        print(
            f"agent {number}: all {has:,} signals after {seconds:.1f} s; {cpu_s(pid):.1f} s of its"
            f" processor, {cpu_s(hub.pid) - cpu:.1f} s of the hub's; {memory_of(pid)}",
            flush=True,
        )
    finally:
        agent.stop()


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--signals", type=int, default=1_000_000)
    asked.add_argument("--agents", type=int, default=2)
    options = asked.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="stemtide-bench-") as folder,
        running_as(
            STEMTIDE_RATES=MOST_RATES,
            STEMTIDE_BENCH_AUTHORITIES=str(-(-options.signals // A_DAY)),
        ) as hub,
    ):
        fill(hub, count=options.signals)
        for number in range(options.agents):
            start_agent(hub, Path(folder), count=options.signals, number=number + 1)


if __name__ == "__main__":
    main()
