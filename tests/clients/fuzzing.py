# SPDX-License-Identifier: Apache-2.0
"""The real schemathesis over every operation of a throw-away hub: python -m tests.clients.fuzzing.

Two of its checks are left out, because they take the schema for all of our rules: that what fits
it is taken (we know of time zones, parties and crises), and that what does not is refused (we read
0 as false, and answer 413, which it does not count as refusing).
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.clients.conftest import BIN, demo_hub, plain_environment

ROOT = Path(__file__).parents[2]
LEFT_OUT = "positive_data_acceptance,negative_data_rejection"
OPERATIONS = 140
"""About so many operations share the cases."""

_COUNT = re.compile(r"^\s*(\d+) generated", re.MULTILINE)


@dataclass(frozen=True)
class Fuzzed:
    """What came of a run. cases: how many requests were made up."""

    is_whole: bool
    cases: int
    said: str


def fuzz(hub: dict[str, str], *, each: int, seed: int) -> Fuzzed:
    """Make up so many requests for each operation and check every answer.

    The stream is left out: it never ends.
    """
    words = [
        *(str(BIN / "schemathesis"), "run", f"{hub['HUB_URL']}/api/v1/openapi.json"),
        *("--header", f"Authorization: Bearer {hub['HUB_TOKEN']}"),
        *("--exclude-path", "/api/v1/events/stream", "--phases", "fuzzing"),
        *("--exclude-checks", LEFT_OUT, "--max-examples", str(each), "--seed", str(seed)),
        *("--generation-database", "none", "--continue-on-failure", "--no-color"),
    ]
    environment = plain_environment() | {
        "SCHEMATHESIS_HOOKS": "tests.clients.fuzzing_hooks",
        "PYTHONPATH": str(ROOT),
    }
    with tempfile.TemporaryDirectory() as folder:  # where it looks for settings, and leaves notes
        done = subprocess.run(
            words, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
    count = _COUNT.search(done.stdout)
    said = done.stdout + done.stderr
    return Fuzzed(done.returncode == 0, int(count[1]) if count else 0, said)


def main() -> int:
    """Run as many cases as asked for."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--cases", type=int, default=2000)
    asked.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder, demo_hub(Path(folder)) as hub:
        found = fuzz(hub, each=-(-given.cases // OPERATIONS), seed=given.seed)
    sys.stdout.write(found.said)
    return 0 if found.is_whole and found.cases >= given.cases else 1


if __name__ == "__main__":
    raise SystemExit(main())
