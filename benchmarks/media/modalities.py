# SPDX-License-Identifier: Apache-2.0
"""What a look of each registered modality costs: time.

    python -m benchmarks.media.modalities

On the samples that the tests try every modality on, so that a new one is measured by being there.
"""

import json
import statistics
import sys
import time
from pathlib import Path

from stemtide.fingerprints.analysis import AnalysisOptions
from stemtide.fingerprints.sandbox.pool import Sandbox

ROUNDS = 15


def cases(corpus: Path | None = None):
    """Look at each sample in a sandbox of its own. No corpus is needed."""
    del corpus
    from tests.fingerprints.test_registered import SAMPLES

    for name, sample in SAMPLES.items():
        asked = AnalysisOptions(views=True)
        with Sandbox().warm() as sandbox:
            took = []
            for _ in range(ROUNDS + 1):
                began = time.perf_counter()
                sandbox.analyse(
                    sample.content, options=asked, modality=name if sample.named else ""
                )
                took.append((time.perf_counter() - began) * 1e3)
        part = {"part": "modalities", "size_bytes": len(sample.content)}
        first, *warm = took
        yield {**part, "case": f"{name}: a look", "ours": round(statistics.median(warm), 2),
               "unit": "ms", "least": round(min(warm), 2), "first": round(first, 1)}  # fmt: skip


def main():
    for one in cases():
        print(json.dumps(one), flush=True)


if __name__ == "__main__":
    sys.exit(main())
