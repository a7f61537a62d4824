# SPDX-License-Identifier: Apache-2.0
"""What a look of each registered modality costs: time, and memory of its worker.

    python -m benchmarks.media.modalities

On the samples that the tests try every modality on, so that a new one is measured by being there.
"""

import json
import resource
import statistics
import sys
import time
from pathlib import Path

from stemtide.fingerprints.analysis import AnalysisOptions
from stemtide.fingerprints.sandbox.pool import Sandbox

ROUNDS = 15


def cases(corpus: Path | None = None):
    """Look at each sample in a worker of its own. No corpus is needed."""
    del corpus
    from tests.fingerprints.test_registered import SAMPLES

    for name, sample in SAMPLES.items():
        asked = AnalysisOptions(views=True)
        with Sandbox().warm() as sandbox:
            (worker,) = sandbox._alive  # noqa: SLF001 - its process id
            idle = memory_mb(worker.pid)
            took = []
            for _ in range(ROUNDS + 1):
                began = time.perf_counter()
                sandbox.analyse(
                    sample.content, options=asked, modality=name if sample.named else ""
                )
                took.append((time.perf_counter() - began) * 1e3)
            used = memory_mb(worker.pid)
        part = {"part": "modalities", "size_bytes": len(sample.content)}
        first, *warm = took
        yield {**part, "case": f"{name}: a look", "ours": round(statistics.median(warm), 2),
               "unit": "ms", "least": round(min(warm), 2), "first": round(first, 1)}  # fmt: skip
        yield {**part, "case": f"{name}: most memory of its worker", "ours": used, "unit": "MB",
               "idle": idle}  # fmt: skip


def memory_mb(pid):
    """The most that a process has held; its own page size, Linux only."""
    said = Path(f"/proc/{pid}/status")
    if not said.exists():
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    line = next(one for one in said.read_text().splitlines() if one.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def main():
    for one in cases():
        print(json.dumps(one), flush=True)


if __name__ == "__main__":
    sys.exit(main())
