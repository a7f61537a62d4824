# SPDX-License-Identifier: Apache-2.0
"""The real schemathesis over every operation of a throw-away hub: python -m tests.clients.fuzzing.

One of its checks is left out, that what fits the schema is taken: it takes the schema for all of
our rules, and we know of parties, crises, time zones and fields that go together.
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
LEFT_OUT = "positive_data_acceptance"
SETTINGS = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 429]

[[operations]]
include-operation-id = "share_signals"
checks.negative_data_rejection.enabled = false
"""
"""What it takes for a refusal: 413, which it does not know of itself, is one of ours. A dry run and
a partial bulk tell of bad rows one by one, in an answer of 200 or 201.
"""

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
        *("--request-timeout", "60"),
    ]
    environment = plain_environment() | {
        "SCHEMATHESIS_HOOKS": "tests.clients.fuzzing_hooks",
        "PYTHONPATH": str(ROOT),
    }
    with tempfile.TemporaryDirectory() as folder:  # where it looks for settings, and leaves notes
        (Path(folder) / "schemathesis.toml").write_text(SETTINGS, "utf-8")
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
