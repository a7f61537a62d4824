# SPDX-License-Identifier: Apache-2.0
"""Run every test on SQLite, then what is marked both_databases on PostgreSQL.

tests/hub/conftest.py says which tests these are.

What a browser or a database server is missing for is named as left out. With
STEMTIDE_REQUIRE_ALL=1 nothing may be missing. One process for each core runs tests, in a mixed
order that is the same each time, so that no run fails by its order alone. For another:
python -m tests.everything --randomly-seed=N

`python -m tests.everything --nightly` (`make nightly`) also runs the tests marked nightly, takes
the long rounds of tests/rounds.py, runs all of the hub on PostgreSQL, and takes another order
each day.
"""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests import postgres
from tests.rounds import NIGHTLY

ROOT = Path(__file__).parents[1]
QUICK = "not nightly"
POSTGRES = "not browser and not flow"
POSTGRES_QUICK = f"{QUICK} and {POSTGRES} and both_databases"
SIDE_BY_SIDE = ["--numprocesses", "auto", "--maxprocesses", "4", "--dist", "worksteal"]
DURATIONS = "--durations=30"


def _pytest(*arguments: str, **environment: str) -> int:
    """Run pytest in a process of its own, and return its exit code."""
    command = [sys.executable, "-m", "pytest", "-q", *SIDE_BY_SIDE, DURATIONS, *arguments]
    print("$", " ".join(command[1:]), flush=True)
    return subprocess.run(command, cwd=ROOT, env=os.environ | environment, check=False).returncode


def _missing() -> list[str]:
    """Return what cannot run on this machine, each with the remedy."""
    missing = []
    if not any(Path(path).exists() for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser")):
        missing.append("the stories in a browser (apt install chromium)")
    if postgres.binaries() is None:
        missing.append("the hub on PostgreSQL (apt install postgresql)")
    return missing


def main() -> int:
    """Run everything, and return the worst exit code."""
    # Who starts us in the background makes us ignore Ctrl-C, and with us the commands that
    # the stories stop with it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    missing = _missing()
    if missing and os.environ.get("STEMTIDE_REQUIRE_ALL") == "1":
        print("STEMTIDE_REQUIRE_ALL=1, but this cannot run: " + "; ".join(missing))
        return 1
    nightly = "--nightly" in sys.argv[1:]
    given = [argument for argument in sys.argv[1:] if argument != "--nightly"]
    order = f"--randomly-seed={datetime.now(UTC):%Y%m%d}" if nightly else "--randomly-seed=20191007"
    environment = {NIGHTLY: "1"} if nightly else {}
    chosen = [] if nightly else ["-m", QUICK]
    worst = _pytest(order, *chosen, *given, **environment)
    if postgres.binaries() is not None:
        chosen = ["tests/hub", "-m", POSTGRES if nightly else POSTGRES_QUICK]
        with postgres.server() as address:
            environment["STEMTIDE_DATABASE_URL"] = address
            worst = max(worst, _pytest(order, *chosen, *given, **environment))
    if not nightly:
        print("LEFT OUT: the long tests, which `make nightly` runs (listed in CONTRIBUTING.md)")
    for thing in missing:
        print(f"LEFT OUT: {thing}")
    return worst


if __name__ == "__main__":
    sys.exit(main())
