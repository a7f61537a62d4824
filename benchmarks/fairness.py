# SPDX-License-Identifier: Apache-2.0
"""How long one party's share waits while others send bulks: a real server process, real HTTP.

    python -m benchmarks.fairness [--bulk 20000] [--bulks 6] [--before 0]

Every side shares one new signal of an authority after the other, in the same run on the same hub:

    alone          nobody else writes
    beside one     one provider sends one bulk after the other
    one key        one provider sends all bulks at the same time with one key, again and again
    many parties   as many providers send one bulk each, all at the same time, again and again

For each: the median, the worst, and the worst beside the worst of a share that is alone. BAR is for
the worst share of the side "one key". Bulks that the hub refuses with 429 are sent again after the
pause that it asks for. STEMTIDE_DATABASE_URL measures PostgreSQL. Read the ratios: other work on
the machine makes every side slower.
"""

import argparse
import json
import os
import secrets
import statistics
import threading
import time
from collections import Counter
from typing import Self

import httpx

from benchmarks.hub import JSON, PLAIN, running, signals

BAR_S = 2.0
"""The longest that a share may wait beside bulks of one key."""

_BULK = "/api/v1/signals/bulk"
_FOR_S = 20.0


class Senders:
    """Threads that send bulks until they are stopped. answers: how many of each status."""

    def __init__(self, address: str, keys: list[str], *, rows: int, partial: bool) -> None:
        self.answers: Counter[int] = Counter()
        self._stop = threading.Event()
        query = "?partial=1" if partial else ""
        self._threads = [
            threading.Thread(target=self._send, args=(address, key, rows, query)) for key in keys
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send(self, address: str, key: str, rows: int, query: str) -> None:
        headers = {"Authorization": f"Bearer {key}", **JSON}
        with httpx.Client(base_url=address, headers=headers, timeout=300) as client:
            body = _body(rows)
            while not self._stop.is_set():
                answer = client.post(f"{_BULK}{query}", content=body)
                self.answers[answer.status_code] += 1
                if answer.status_code == 429:
                    self._stop.wait(float(answer.headers["Retry-After"]))
                else:
                    body = _body(rows)


def _body(rows: int) -> bytes:
    return json.dumps({"signals": signals(rows)}).encode()


def share_for(client: httpx.Client, *, seconds: float) -> list[float]:
    """Share one signal after the other; seconds that each took."""
    times = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.perf_counter()
        answer = client.post("/api/v1/signals", json={**PLAIN, "value": secrets.token_hex(32)})
        times.append(time.perf_counter() - began)
        assert answer.status_code in {201, 503}, answer.text
        time.sleep(0.2)
    return times


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--bulk", type=int, default=20_000)
    asked.add_argument("--bulks", type=int, default=6)
    asked.add_argument("--before", type=int, default=0, help="signals that are there already")
    asked.add_argument("--seconds", type=float, default=_FOR_S, help="of each side")
    options = asked.parse_args()
    with running(providers=options.bulks, STEMTIDE_RATES="bulk=100000") as (address, keys):
        sharer, *providers = keys
        headers = {"Authorization": f"Bearer {sharer}"}
        with httpx.Client(base_url=address, headers=headers, timeout=300) as client:
            for _ in range(options.before // options.bulk):
                client.post(_BULK, content=_body(options.bulk), headers=JSON)
            run(client, address, providers, options)


def run(client: httpx.Client, address: str, providers: list[str], options) -> None:
    """Measure side by side, and print."""
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    sides = {
        "alone": ([], False),
        "beside one": (providers[:1], False),
        "one key": (providers[:1] * options.bulks, False),
        "one key, partial": (providers[:1] * options.bulks, True),
        "many parties": (providers, False),
        "many parties, partial": (providers, True),
    }
    worst_alone = 0.0
    for name, (keys, partial) in sides.items():
        with Senders(address, keys, rows=options.bulk, partial=partial) as senders:
            if keys:
                time.sleep(1)
            times = share_for(client, seconds=options.seconds)
        worst = max(times)
        worst_alone = worst_alone or worst
        print(
            f"{name:22} {len(times):4} shares   median {statistics.median(times):6.3f} s"
            f"   worst {worst:6.3f} s   {worst / worst_alone:6.1f} x alone"
            f"   bulks {dict(sorted(senders.answers.items()))}",
            flush=True,
        )
        if name == "one key":
            print(f"{'':22} {worst / BAR_S:.2f} x the bar of {BAR_S:g} s", flush=True)


if __name__ == "__main__":
    main()
