# SPDX-License-Identifier: Apache-2.0
"""Whether an agent fits on a small machine: 512 MB of memory and one core, by default.

    python -m benchmarks.small [--signals 200000] [--journal 300000] [--uploads 200] [--idle 60]

A real hub serves the signals; a real agent, bound to one core, follows it with an upload journal
of so many entries. Prints the memory of all its processes together, shared pages counted once
(PSS), and the processor time of a minute without uploads, which a busy machine does not change.
Times that pass are longer on a busy machine.
"""

import argparse
import io
import json
import os
import random
import re
import secrets
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from benchmarks.agent_long import values_of
from benchmarks.hub import PLAIN, bulks, running
from benchmarks.journal import _entry
from stemtide.agent.journal.entries import JournalEntry
from stemtide.agent.journal.file import JournalFile
from stemtide.exercises import media, pictures, processes
from stemtide.fingerprints.kinds import Fingerprint, Fingerprints, Kind

BAR_MB, BAR_IDLE = 512, 1.0
LONG = 500
"""Films, and texts, among the signals and in the journal."""

NEW = 100
"""Signals that are shared later. More at once would wait for a second look."""

DAY_S = 86_400
LOOK_S = 0.25
RATES = "reading=9999999 writing=9999999 bulk=9999999 stranger=9999999"


def pids_of(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for parent in found:  # grows meanwhile
        try:
            for task in Path(f"/proc/{parent}/task").iterdir():
                children = (task / "children").read_text().split()
                found += [int(child) for child in children if int(child) not in found]
        except OSError:  # it ended
            continue
    return found


def cpu_s(pid: int) -> float:
    """Processor seconds of a process, of its descendants, and of those that ended."""
    ticks = 0
    for each in pids_of(pid):
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(int(number) for number in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> list[float]:
    """Memory of each process in MB, pages that several share divided among them (PSS)."""
    sizes = []
    for each in pids_of(pid):
        try:
            text = Path(f"/proc/{each}/smaps_rollup").read_text()
        except OSError:
            continue
        if found := re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE):
            sizes.append(int(found[1]) / 1024)
    return sizes


class Meter:
    """The most memory that a process and its descendants had at a time."""

    def __init__(self, pid: int) -> None:
        self.peak: list[float] = []
        self._pid, self._stop = pid, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            now = memory_mb(self._pid)
            if sum(now) > sum(self.peak):
                self.peak = now

    def end(self) -> None:
        self._stop.set()
        self._thread.join()


@contextmanager
def phase(what: str, pid: int) -> Iterator[None]:
    """Print what a block costs the agent: most memory, processor time, time that passed."""
    meter, cpu, began = Meter(pid), cpu_s(pid), time.perf_counter()
    yield
    passed, used = time.perf_counter() - began, cpu_s(pid) - cpu
    meter.end()
    parts = " + ".join(f"{size:.0f}" for size in sorted(meter.peak, reverse=True) if size >= 1)
    print(
        f"{what:44} most {sum(meter.peak):5.0f} MB of {BAR_MB} ({parts}),"
        f" {used:6.1f} s of CPU in {passed:6.1f} s",
        flush=True,
    )


def load_signals(client: httpx.Client, count: int) -> None:
    """Share pictures, a tenth of digests, and some films and texts."""
    rows = [
        {**PLAIN, "value": value.hex(), "kind": kind, "quality": None}
        for kind in ("video", "text")
        for value in values_of(kind, LONG)
    ]
    for number in range(count - len(rows)):
        kind = {"kind": "sha256", "quality": None} if number % 10 == 0 else {}
        rows.append({**PLAIN, "value": secrets.token_hex(32), **kind})
    rows = [{name: fact for name, fact in row.items() if fact is not None} for row in rows]
    size = 10_000
    bodies = [
        json.dumps({"signals": rows[start : start + size]}).encode()
        for start in range(0, len(rows), size)
    ]
    bulks(client, bodies, media_type="application/json")


def fill_journal(folder: Path, count: int) -> None:
    """Write uploads of the last 29 days: pictures, and some texts."""
    folder.mkdir(parents=True, mode=0o700)
    rng, file = random.Random(7), JournalFile(folder)  # noqa: S311 - made-up values
    start = time.time() - 29 * DAY_S
    texts = [
        JournalEntry(f"text-{number}", start, Fingerprints((Fingerprint(Kind.TEXT, value),)))
        for number, value in enumerate(values_of("text", LONG))
    ]
    file.add(texts)
    for first in range(0, count - LONG, 5000):
        numbers = range(first, min(first + 5000, count - LONG))
        file.add([_entry(number, rng, hashes=1) for number in numbers])
    file.close()


def uploads_of(count: int) -> Iterator[tuple[str, bytes]]:
    """Content that users upload: pictures, of which most are photographs, films, sounds, texts."""
    files = pictures.photographs()
    film = media.film(files)
    sound = media.sound_over_a_still(files)
    large = np.random.default_rng(1)
    for number in range(count):
        if number % 20 == 10:
            yield "film", film + number.to_bytes(8)
        elif number % 20 == 15:
            yield "sound", sound + number.to_bytes(8)
        elif number % 20 in (5, 6):
            yield "text", media.document(number)
        else:
            noise = large.integers(0, 256, (75, 100, 3), dtype=np.uint8)
            picture = Image.fromarray(noise).resize((4000, 3000))
            kept = io.BytesIO()
            picture.save(kept, "JPEG", quality=85)
            yield "picture of 12 megapixels", kept.getvalue()


def upload(agent: httpx.Client, count: int) -> None:
    """Upload one after another, and print how long each kind took."""
    times: dict[str, list[float]] = {}
    for kind, blob in uploads_of(count):
        began = time.perf_counter()
        answer = agent.post("/match", files={"file": ("upload", blob)})
        times.setdefault(kind, []).append(time.perf_counter() - began)
        assert answer.status_code == 200, answer.text
        assert not answer.json()["items"][0]["decision"]["undecodable"], answer.text
    for kind, took in sorted(times.items()):
        middle = sorted(took)[len(took) // 2]
        print(f"  {kind:42} {len(took):4}, median {middle * 1000:6.0f} ms", flush=True)


def settled(agent: httpx.Client, *, signals: int, entries: int, searched: int) -> None:
    """Wait until the agent has signals and journal, has searched it for so many, and has proofs."""
    while True:
        health = agent.get("/health").json()
        journal = health["journal"] or {}
        has_all = sum(health["signals"].values()) >= signals and journal["entries"] >= entries
        is_searched = journal["searched"] >= searched and not journal["waiting"]
        if has_all and is_searched and journal["is_loaded"] and not health["unproved"]:
            print(f"  journal: {journal}; signals: {health['signals']}", flush=True)
            return
        time.sleep(0.5)


def idle(pid: int, seconds: float) -> None:
    """Print how much of a core the agent uses while nobody uploads."""
    cpu, began = cpu_s(pid), time.perf_counter()
    time.sleep(seconds)
    share = (cpu_s(pid) - cpu) / (time.perf_counter() - began) * 100
    print(f"{'idle':44} {share:.2f} % of a core, bar {BAR_IDLE} %", flush=True)


def measure(folder: Path, options: argparse.Namespace) -> None:
    """Measure an agent from its first start to its second."""
    with running(2, STEMTIDE_RATES=RATES) as (address, keys):
        headers = {"Authorization": f"Bearer {keys[0]}"}
        with httpx.Client(base_url=address, headers=headers, timeout=600) as hub:
            load_signals(hub, options.signals)
            print(f"{options.signals:,} signals at the hub", flush=True)
            fill_journal(folder / "data", options.journal)
            print(f"{options.journal:,} entries in the journal", flush=True)
            running_agent = processes.agent(
                "small", folder=folder, hub_url=address, key=keys[1], extra=options.settings
            )
            running_agent.command = ["taskset", "-c", "0", *running_agent.command]
            try:
                follow(running_agent, address, keys[2], options)
            finally:
                running_agent.stop()


def share(address: str, key: str, count: int) -> None:
    """Share more signals, of another party: the first one would wait for a second look."""
    new = [{**PLAIN, "value": secrets.token_hex(32)} for _ in range(count)]
    headers = {"Authorization": f"Bearer {key}"}
    answer = httpx.post(
        f"{address}/api/v1/signals/bulk", json={"signals": new}, headers=headers, timeout=60
    )
    assert answer.json()["created"] == count, answer.text[:500]


def follow(running_agent: processes.Running, address: str, key: str, options) -> None:
    """Measure the phases of a life."""
    started = running_agent.start()
    pid, size = started.process.pid, options.signals
    with httpx.Client(base_url=started.address, timeout=600, trust_env=False) as agent:
        with phase("first start: signals, journal, and its search", pid):
            settled(agent, signals=size, entries=options.journal, searched=size)
        time.sleep(options.settle)
        idle(pid, options.idle)
        with phase(f"{options.uploads} uploads, one after another", pid):
            upload(agent, options.uploads)
        with phase(f"{NEW} new signals, searched in the journal", pid):
            share(address, key, NEW)
            settled(agent, signals=size + NEW, entries=options.journal, searched=size + NEW)
        idle(pid, options.idle)
    running_agent.stop()
    again = running_agent.start()
    pid = again.process.pid
    with httpx.Client(base_url=again.address, timeout=600, trust_env=False) as agent:
        with phase("second start", pid):
            settled(agent, signals=size + NEW, entries=options.journal, searched=0)
        time.sleep(options.settle)
        idle(pid, options.idle)


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--signals", type=int, default=200_000)
    words.add_argument("--journal", type=int, default=300_000)
    words.add_argument("--uploads", type=int, default=200)
    words.add_argument("--idle", type=float, default=60.0, help="seconds that idle is measured")
    words.add_argument("--settle", type=float, default=20.0, help="seconds before it is measured")
    words.add_argument("--settings", default="", help="further lines of agent.toml")
    print(f"load of the machine at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="stemtide-bench-") as folder:
        measure(Path(folder), words.parse_args())


if __name__ == "__main__":
    main()
