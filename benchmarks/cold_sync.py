# SPDX-License-Identifier: Apache-2.0
"""What it costs an agent to load a snapshot in segments, and how much memory it has afterwards.

    python -m benchmarks.cold_sync [--signals 1000000] [--folder FOLDER]

Makes segments as a hub does, and loads them as an agent does, in a process of its own. Processor
time is comparable between runs; the time that passes is not, on a machine that does other things.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from benchmarks.agent import HUB, values_of

STAGES = ("verify and open", "parse and store", "index and adopt")


def make(folder: Path, size: int) -> None:
    """Write the segments of so many signals, and their list."""
    from tests.agent.fake_hub import FakeHub

    from stemtide.protocol.sync.segments import MAX_ENTRIES, seal_segment

    like = FakeHub().share("ab" * 32, kind="pdq")
    body, values = like.model_dump_json(exclude={"op"}), values_of(size)
    listed = []
    for start in range(0, size, MAX_ENTRIES):
        lines = [
            body.replace(str(like.id), str(UUID(int=number + (1 << 100)))).replace(
                "ab" * 32, value.tobytes().hex()
            )
            for number, value in enumerate(values[start : start + MAX_ENTRIES], start=start)
        ]
        text = "".join(f"{line}\n" for line in lines).encode()
        end = start + len(lines)
        segment, content = seal_segment(
            text, after=start, until=end, entries=len(lines), secret=b"bench"
        )
        (folder / segment.name).write_bytes(content)
        listed.append(segment.model_dump(mode="json"))
    (folder / "list").write_text(json.dumps(listed))


def load(folder: Path, data: Path) -> None:
    """Load the segments into a new store, and print what it cost."""
    import stemtide.agent.process.worker  # noqa: F401  # what an agent has in memory anyway
    from stemtide.agent.counters import Counters
    from stemtide.agent.store.database import Origin, Store
    from stemtide.agent.sync.snapshot import FeedReader, add_lines
    from stemtide.protocol.sync.segments import SnapshotSegment, read_segment

    segments = [SnapshotSegment(**one) for one in json.loads((folder / "list").read_text())]
    cost: Counter[str] = Counter()

    def timed(stage: str, act, *given, **more):
        began = time.process_time()
        result = act(*given, **more)
        cost[stage] += time.process_time() - began
        return result

    began = time.perf_counter()
    with Store(data) as store:
        reader, incoming = FeedReader(Counters(1), exercise=False), store.begin_incoming()
        for segment in segments:
            lines = timed(STAGES[0], read_segment, folder / segment.name, segment).splitlines()
            timed(STAGES[1], add_lines, store, incoming, lines, reader=reader, source="hub")
        timed(
            STAGES[2],
            store.adopt_incoming,
            incoming,
            origin=Origin(str(HUB), "small-provider", exercise=False),
            position=segments[-1].until,
            now=datetime.now(UTC),
            alongside=lambda *_: None,
        )
        timed("save", store.save)
        for stage, seconds in cost.items():
            print(f"{stage:20} {seconds:7.2f} s of processor")
        print(f"{'all':20} {sum(cost.values()):7.2f} s of processor,", end=" ")
        print(f"{time.perf_counter() - began:.1f} s passed")
        time.sleep(1)
        status = Path("/proc/self/status").read_text()
        for name in ("VmRSS", "VmHWM"):
            print(name, int(re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)[1]) // 1024, "MB")
        print(f"{len(store.library):,} signals")


def main() -> None:
    """Make what is missing, and load it in a new process."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--signals", type=int, default=1_000_000)
    words.add_argument("--folder", type=Path, help="keeps the segments for the next run")
    words.add_argument("--load", type=Path, help=argparse.SUPPRESS)
    asked = words.parse_args()
    if asked.load:
        load(asked.folder, asked.load)
        return
    with tempfile.TemporaryDirectory(prefix="stemtide-bench-") as throw_away:
        folder = asked.folder or Path(throw_away) / "segments"
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "list").exists():
            make(folder, asked.signals)
        command = [sys.executable, "-m", "benchmarks.cold_sync", "--folder", folder]
        subprocess.run([*command, "--load", Path(throw_away) / "data"], check=True)


if __name__ == "__main__":
    main()
