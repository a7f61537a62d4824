# SPDX-License-Identifier: Apache-2.0
"""How soon an agent that holds films, sounds and texts starts again, with and without their files.

    python -m benchmarks.agent_long [--each 5000] [--json]

So many films of a minute and texts of a thousand grams, and a fifth as many sounds of a minute. The
same store is started both ways in turn, so that both sides have the same machine. Without their
files is how an agent started that kept long values in its rows alone: each was read and put anew.
"""

import argparse
import json
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import numpy as np

from benchmarks.agent import HUB, SEED, Agent, followed_hub, kilobytes, row, settle

ROUNDS = 3


def values_of(kind: str, count: int):
    """Values of a kind, each of random content: the same in every run."""
    from stemtide.fingerprints.text.fingerprint import RATE_BITS, TextPrint
    from stemtide.fingerprints.values.audio import Sound, Track
    from stemtide.fingerprints.values.video import ROW, Sampling, VideoPrint

    numbers = np.random.default_rng(SEED + len(kind))
    for _ in range(count):
        if kind == "video":
            rows = np.zeros(240, ROW)
            rows["at_ms"], rows["quality"] = np.arange(240) * 250, 100
            rows["pdq"] = numbers.integers(0, 256, (240, 32), dtype=np.uint8)
            yield VideoPrint(rows, Sampling.SHARE, duration_ms=60_000).to_bytes()
        elif kind == "audio":
            words = numbers.integers(1, 1 << 32, 600, dtype=np.uint32)
            yield Sound((Track(words, np.ones(600, np.bool_)),)).to_bytes()
        else:
            grams = numbers.integers(0, 1 << (64 - RATE_BITS), 1000, dtype=np.uint64)
            yield TextPrint(np.unique(grams), shingles=4000).to_bytes()


def fill(folder: Path, each: int) -> None:
    """Fill a store as a snapshot does, and write its files."""
    from tests.agent.fake_hub import FakeHub

    from stemtide.agent.store.database import Origin, Store
    from stemtide.agent.store.rows import SignalRow
    from stemtide.fingerprints.kinds import Kind

    like, number = FakeHub().share("ab" * 32, kind="pdq"), 1 << 100
    with Store(folder) as store:
        incoming = store.begin_incoming()
        for kind, count in (("video", each), ("text", each), ("audio", each // 5)):
            rows = []
            for value in values_of(kind, count):
                number += 1
                facts = {"id": UUID(int=number), "kind": Kind(kind), "value": value.hex()}
                body = like.model_copy(update=facts).model_dump_json()
                uid = str(facts["id"])
                rows.append(SignalRow(uid, kind, value, None, None, False, False, body))
            store.add_incoming(incoming, rows)
        origin = Origin(str(HUB), "small-provider", exercise=False)
        store.adopt_incoming(
            incoming, origin=origin, position=each, now=datetime.now(UTC), alongside=lambda *_: None
        )
        store.save()


def open_s(folder: Path) -> float:
    """Seconds that the store takes of a start; the rest is the interpreter and the sandbox."""
    from stemtide.agent.store.database import Store

    began = time.perf_counter()
    with Store(folder):
        return time.perf_counter() - began


def measure(folder: Path, *, each: int):
    """Start with and without the files, in turn."""
    fill(folder / "data", each)
    ready: dict[bool, list[float]] = {True: [], False: []}
    opened: dict[bool, list[float]] = {True: [], False: []}
    private: dict[bool, float] = {}
    with followed_hub() as hub:
        agent = Agent(folder, hub=hub.url, workers=1)
        for has_files in (True, False) * ROUNDS:
            files = list((folder / "data/segments").glob("*/*.arrays"))
            for one in files:
                if not has_files:
                    one.rename(one.with_suffix(".aside"))
            opened[has_files].append(open_s(folder / "data"))
            ready[has_files].append(agent.start())
            settle(agent, 1)
            pid = agent.process.pid
            private[has_files] = kilobytes(pid, "Private_Clean", "Private_Dirty") / 1024
            agent.stop()
            for one in files:
                one.with_suffix(".aside").exists() and one.with_suffix(".aside").rename(one)
    size = sum(one.stat().st_size for one in files) / 1024**2
    yield row("files of long values, MB", size)
    for has_files, name in ((True, "with files"), (False, "read anew")):
        times = [round(one, 2) for one in ready[has_files]]
        yield row(f"store opened, {name}, s", min(opened[has_files]))
        yield row(f"restart to ready, {name}, s", min(times), each=times)
        yield row(f"private memory, {name}, MB", private[has_files])
    for name, took in (("opening the store", opened), ("restart to ready", ready)):
        yield row(f"{name}: times quicker", min(took[False]) / min(took[True]))


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--json", action="store_true", help="one object a line")
    words.add_argument("--each", type=int, default=5000, help="films, and texts")
    asked = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="stemtide-bench-") as folder:
        for one in measure(Path(folder), each=asked.each):
            told = json.dumps(one) if asked.json else "  ".join(f"{k} {v}" for k, v in one.items())
            print(told, flush=True)


if __name__ == "__main__":
    main()
