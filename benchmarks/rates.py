# SPDX-License-Identifier: Apache-2.0
"""What limits cost whoever keeps to them, and what they spare others of a flood.

    python -m benchmarks.rates [--requests 3000] [--rounds 5]

Two hubs stand side by side, one that counts and one that does not, and are asked in turn: the ratio
is of the same minutes on the same machine. Then processes flood each with one key, while another
key asks for the feed and its answers are timed.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext

import httpx

from benchmarks.hub import running
from stemtide.hub.platform.rate_windows import Limit, RatePolicy, Windows

ASK = "/api/v1/feed?after=0"
PLENTY = "reading=1000000000"
FEW = "reading=700"
"""A minute. As usual it is 6000, which a busy machine of two cores does not even answer."""

FLOODS = 3


@contextmanager
def hub(rates: str) -> Iterator[tuple[str, list[str]]]:
    """A hub with these limits: its address and two keys of two parties."""
    before = os.environ.get("STEMTIDE_RATES")
    os.environ["STEMTIDE_RATES"] = rates
    try:
        with running() as found:
            yield found
    finally:
        os.environ.pop("STEMTIDE_RATES")
        if before is not None:
            os.environ["STEMTIDE_RATES"] = before


def client(address: str, key: str) -> httpx.Client:
    """A client that keeps its line open."""
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=address, headers=headers, timeout=60, trust_env=False)


def times_ms(asking: httpx.Client, count: int) -> list[float]:
    """How long each of some requests took."""
    found = []
    for _ in range(count):
        began = time.perf_counter()
        answer = asking.get(ASK)
        found.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, answer.text
    return sorted(found)


def flood(address: str, key: str) -> None:
    """Ask as fast as one process can, whatever is answered, until it is stopped."""
    with client(address, key) as asking:
        while True:
            try:
                asking.get(ASK)
            except httpx.TransportError:
                continue


@contextmanager
def flooded(address: str, key: str) -> Iterator[None]:
    """Some processes flood a hub."""
    words = [sys.executable, "-m", "benchmarks.rates", "--flood", address, key]
    floods = [subprocess.Popen(words) for _ in range(FLOODS)]
    try:
        time.sleep(5)  # until they run, and have used up what they may send
        yield
    finally:
        for one in floods:
            one.kill()
            one.wait()


def cost(*, requests: int, rounds: int) -> None:
    """A request that is counted beside one that is not, in turn."""
    with ExitStack() as stack:
        sides = {
            name: stack.enter_context(client(address, keys[1]))
            for name, rates in (("counted", PLENTY), ("not counted", "off"))
            for address, keys in [stack.enter_context(hub(rates))]
        }
        for asking in sides.values():
            times_ms(asking, 300)
        found: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(rounds):
            for name, asking in sides.items():
                found[name] += times_ms(asking, requests // rounds)
    p50 = {name: statistics.median(times) for name, times in found.items()}
    for name, ms in p50.items():
        print(f"{f'feed with nothing new, {name}':46} p50 {ms:7.3f} ms")
    print(f"{'ratio counted to not counted':46} {p50['counted'] / p50['not counted']:11.3f}")


def spent_s() -> float:
    """Processor time of all processes of ours that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def floods(*, seconds: int) -> None:
    """What a flood costs a hub, and what a calm key notices of it."""
    cost = {}
    for name, rates, is_flooded in (
        ("no flood", FEW, False),
        ("flood, limits", FEW, True),
        ("flood, no limits", "off", True),
    ):
        with hub(rates) as (address, keys), client(address, keys[1]) as calm:
            with flooded(address, keys[0]) if is_flooded else nullcontext():
                until, times = time.perf_counter() + seconds, []
                while time.perf_counter() < until:
                    times += times_ms(calm, 1)
                    time.sleep(0.1)
            before = spent_s()
        cost[name] = spent_s() - before
        print(
            f"{f'{name}, {seconds} s':46} processor {cost[name]:6.2f} s"
            f"  a calm key's p50 {statistics.median(times):7.2f} ms"
        )
    more = {name: max(0.01, cost[name] - cost["no flood"]) for name in cost}
    ratio = more["flood, no limits"] / more["flood, limits"]
    print(f"{'what the flood costs: no limits to limits':46} {ratio:11.2f}")


def count() -> None:
    """One count by itself."""
    windows, many = Windows(), 200_000
    bounds = (
        Limit(RatePolicy("reading", 10**9), "a"),
        Limit(RatePolicy("reading-party", 10**9), 1),
    )
    began = time.perf_counter()
    for _ in range(many):
        windows.take(bounds, now=1.0)
    each = (time.perf_counter() - began) / many * 1e6
    print(f"{'one count, for a key and its party':46} {each:11.2f} us")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--requests", type=int, default=3000)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--flood", nargs=2, metavar=("ADDRESS", "KEY"), help=argparse.SUPPRESS)
    options = asked.parse_args()
    if options.flood:
        flood(*options.flood)
        return
    count()
    cost(requests=options.requests, rounds=options.rounds)
    floods(seconds=20)


if __name__ == "__main__":
    main()
