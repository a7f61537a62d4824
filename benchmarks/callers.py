# SPDX-License-Identifier: Apache-2.0
"""How many single shares a hub takes from many callers at once.

    python -m benchmarks.callers [--callers 16] [--shares 800] [--rounds 3] [--parties 16]

Callers share one signal after the other over HTTP, each on a kept connection. "django" sends a
cookie, so that the hub's wire leaves the request to Django; "queue" sends none. Both ways take
turns in short rounds at one hub: read the ratios. CPU is that of the hub's process.
With STEMTIDE_DATABASE_URL the hub is on PostgreSQL. Beyond 1,000 a day the shares of a new party
wait for a second look, and Django takes them: there must be a party for each 1,000 shares.
"""

import argparse
import asyncio
import json
import secrets
import time
from collections import Counter

import uvloop

from benchmarks.fleet import MOST_RATES, cpu_s, memory_of
from benchmarks.hub import PLAIN, running_as
from stemtide.exercises.stress.connection import HubAccess, KeptConnection

WAYS = ("django", "queue")


async def share_all(
    callers: list[KeptConnection], *, shares: int, counts: Counter[str]
) -> list[float]:
    """Share this many signals with all callers; how long each share took."""
    left = iter(range(shares))
    times: list[float] = []

    async def caller_shares(caller: KeptConnection) -> None:
        for _ in left:
            body = json.dumps({**PLAIN, "value": secrets.token_hex(32)}).encode()
            began = time.perf_counter()
            status = (await caller.ask("POST", "/api/v1/signals", body)).status
            counts[f"{status}"] += 1
            if status == 201:  # SQLite refuses who waited a minute for its lock
                times.append(time.perf_counter() - began)

    await asyncio.gather(*(caller_shares(caller) for caller in callers))
    return sorted(times)


def measure(options: argparse.Namespace) -> None:
    counts = Counter[str]()
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    with running_as(options.parties, STEMTIDE_RATES=MOST_RATES) as hub:
        address, keys, pid = hub.address, hub.keys, hub.pid
        for round_number in range(options.rounds + 1):
            for way in WAYS:
                fields = {"Cookie": "to=django"} if way == "django" else {}
                callers = [
                    KeptConnection(HubAccess(address, keys[1 + number % options.parties]), **fields)
                    for number in range(options.callers)
                ]
                began, cpu = time.perf_counter(), cpu_s(pid)
                shares = options.shares if round_number else 32
                times = uvloop.run(share_all(callers, shares=shares, counts=counts))
                seconds, used = time.perf_counter() - began, cpu_s(pid) - cpu
                if not round_number:
                    continue
                shares = len(times)
                rates[way].append(shares / seconds)
                print(
                    f"  {way:8} {shares / seconds:7.0f} /s"
                    f"   {used / shares * 1000:6.2f} ms of CPU a share ({used / seconds:.0%})"
                    f"   p50 {times[len(times) // 2] * 1000:6.1f} ms"
                    f"   p99 {times[len(times) * 99 // 100] * 1000:6.1f} ms",
                    flush=True,
                )
        print(f"  {memory_of(pid)}; answers: {dict(counts)}")
    ratios = sorted(ours / other for other, ours in zip(*rates.values(), strict=True))
    print(
        f"  queue to django: {ratios[len(ratios) // 2]:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--callers", type=int, default=16)
    asked.add_argument("--shares", type=int, default=800)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--parties", type=int, default=16)
    measure(asked.parse_args())


if __name__ == "__main__":
    main()
