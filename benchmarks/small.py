# SPDX-License-Identifier: Apache-2.0
"""What an agent needs on a small machine: memory under a limit, and a processor at rest.

    python -m benchmarks.small [--signals 200000] [--uploads 300000] [--rest 60]
        [--cgroup FOLDER] [--cores 0]

Fills the journal of an agent with uploads, starts a hub with signals, and the agent on the named
cores and in the control group, which the caller made with its limit. Prints its memory after it has
everything, the peak of the group, its processor time at rest, and the time of a match. Processor
time is comparable on a machine that does other things; the time of a match is not.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks.cold_start import fill
from benchmarks.fleet import MOST_RATES, cpu_s, memory_of
from benchmarks.hub import RunningHub, running_as
from benchmarks.journal import _entry
from stemtide.agent.journal.file import JournalFile
from stemtide.exercises import processes

AT_ONCE = 2000
LOOK_S = 0.5
MATCHES = 50
MB = 1024 * 1024
GROUPS = {
    "memory.peak": "peak of the group, cgroup v2",
    "memory.max_usage_in_bytes": "peak of the group, cgroup v1",
}


def fill_journal(folder: Path, uploads: int) -> None:
    """Write the uploads of a journal, as an agent does."""
    rng = random.Random(7)  # noqa: S311 - made-up values
    folder.mkdir(parents=True)
    folder.chmod(0o700)
    file = JournalFile(folder)
    for begin in range(0, uploads, AT_ONCE):
        numbers = range(begin, min(begin + AT_ONCE, uploads))
        file.add([_entry(number, rng, hashes=1) for number in numbers])
    file.close()


def start(hub: RunningHub, folder: Path, *, cgroup: Path | None, cores: str) -> tuple[int, str]:
    """Start the agent within its limits; return its process and address."""
    running = processes.agent("small", folder=folder, hub_url=hub.address, key=hub.keys[1])
    enter = 'test -z "$0" || echo $$ > "$0/cgroup.procs"; exec "$@"'
    command = ["sh", "-c", enter, str(cgroup or ""), "taskset", "-c", cores, *running.command]
    with (folder / "agent.log").open("wb") as log:
        agent = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
    assert agent.stdout is not None
    return agent.pid, json.loads(agent.stdout.readline())["url"]


def wait(address: str, *, signals: int) -> float:
    """Wait until the agent has all signals; return the seconds."""
    began = time.perf_counter()
    while sum(health(address)["signals"].values()) < signals:
        time.sleep(LOOK_S)
    return time.perf_counter() - began


def health(address: str) -> dict[str, Any]:
    """Return what the agent says of itself."""
    return httpx.get(f"{address}/health", timeout=120).json()  # type: ignore[no-any-return]  # JSON


def rest(pid: int, seconds: int) -> float:
    """Return the share of a core that a process and its children use while nothing happens."""
    before = cpu_s(pid)
    time.sleep(seconds)
    return (cpu_s(pid) - before) / seconds


def match(address: str) -> float:
    """Return the median of the milliseconds in which content is matched."""
    times = []
    for _ in range(MATCHES):
        began = time.perf_counter()
        httpx.post(f"{address}/match", files={"file": ("a", os.urandom(50_000))}, timeout=60)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def print_peak(cgroup: Path | None) -> None:
    """Print the most memory that the group had, with the cache of its files."""
    for name, words in GROUPS.items():
        if cgroup and (cgroup / name).exists():
            print(f"{words}: {int((cgroup / name).read_text()) / MB:.0f} MB", flush=True)


def main() -> None:
    """Measure."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--signals", type=int, default=200_000)
    asked.add_argument("--uploads", type=int, default=300_000)
    asked.add_argument("--rest", type=int, default=60)
    asked.add_argument("--cgroup", type=Path)
    asked.add_argument("--cores", default="0")
    options = asked.parse_args()
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="stemtide-bench-") as name,
        running_as(STEMTIDE_RATES=MOST_RATES) as hub,
    ):
        folder = Path(name) / "small"
        fill_journal(folder / "data", options.uploads)
        fill(hub, count=options.signals)
        pid, address = start(hub, folder, cgroup=options.cgroup, cores=options.cores)
        try:
            seconds = wait(address, signals=options.signals)
            print(f"all signals after {seconds:.0f} s, {cpu_s(pid):.1f} s of its processor")
            time.sleep(options.rest / 4)  # what follows a load is done
            print(f"memory: {memory_of(pid)}", flush=True)
            print_peak(options.cgroup)
            print(f"at rest: {rest(pid, options.rest):.2%} of a core", flush=True)
            print(f"a match: {match(address):.1f} ms (median)", flush=True)
            print(f"journal: {health(address)['journal']}", flush=True)
            print(f"memory after matches: {memory_of(pid)}")
            print_peak(options.cgroup)
        finally:
            os.kill(pid, 15)
            os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
