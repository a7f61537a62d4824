# SPDX-License-Identifier: Apache-2.0
"""Run every test on SQLite, and beside it what is marked both_databases on PostgreSQL.

tests/hub/conftest.py says which tests these are. What they print comes after all others.

Many tests wait for a process, a browser or the database server. So there is one worker more than
cores, and those on PostgreSQL besides.

What a browser, a database server or a token in software is missing for is named as left out. With
STEMTIDE_REQUIRE_ALL=1 nothing may be missing. Tests run in a mixed order that is the same each
time, so that no run fails by its order alone. For another:
python -m tests.everything --randomly-seed=N

`python -m tests.everything --nightly` (`make nightly`) also runs the tests marked nightly, takes
the long rounds of tests/rounds.py, runs all of the hub on PostgreSQL, and takes another order
each day.
"""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from tests import caddy, interpreters, nginx, postgres, tesseract
from tests.chromium import installed_chromium
from tests.flows import prometheus
from tests.hub.papers import softhsm
from tests.rounds import NIGHTLY

ROOT = Path(__file__).parents[1]
QUICK = "not nightly"
POSTGRES = "not browser and not flow"
POSTGRES_QUICK = f"{QUICK} and {POSTGRES} and both_databases and not further_case"
DURATIONS = "--durations=30"
SAME_ORDER = "--randomly-seed=20191007"
LONG = ["-o", "faulthandler_timeout=3600"]
"""By night a test may go on for an hour: one builds a release and two container images."""


def _begin(
    arguments: list[str], *, workers: int, environment: dict[str, str], printed: IO[str] | None
) -> subprocess.Popen[str]:
    """Start pytest in a process of its own.

    printed: the file that its output goes to; None: where ours goes.
    """
    side_by_side = ["--numprocesses", str(workers), "--dist", "worksteal"]
    command = [sys.executable, "-m", "pytest", "-q", *side_by_side, DURATIONS, *arguments]
    print("$", " ".join(command[1:]), file=printed, flush=True)
    environment = os.environ | environment
    # Containers set it; each of the hundreds of processes would compile our modules anew.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    streams = {"stdout": printed, "stderr": printed}
    return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **streams)


def _run(chosen: list[str], *, nightly: bool) -> int:
    """Run the tests on both databases, or on SQLite where there is no server.

    chosen: more arguments for pytest.
    returns: the worst exit code.
    """
    cores = os.cpu_count() or 1
    environment = {NIGHTLY: "1"} if nightly else {}
    with ExitStack() as stack:
        on_postgres = None
        printed = stack.enter_context(TemporaryFile("w+"))
        if postgres.binaries() is not None:
            marks = POSTGRES if nightly else POSTGRES_QUICK
            on_postgres = _begin(
                ["tests/hub", "-m", marks, *chosen],
                workers=min(cores, 4) if nightly else min(max(cores // 2, 1), 2),
                environment={
                    **environment,
                    "STEMTIDE_DATABASE_URL": stack.enter_context(postgres.server()),
                },
                printed=printed,
            )
        marks = [] if nightly else ["-m", QUICK]
        on_sqlite = _begin(
            [*marks, *chosen], workers=min(cores + 1, 4), environment=environment, printed=None
        )
        codes = [run.wait() for run in (on_sqlite, on_postgres) if run is not None]
        printed.seek(0)
        shutil.copyfileobj(printed, sys.stdout)
    return max(codes)


def _missing() -> list[str]:
    """Return what cannot run on this machine, each with the remedy."""
    missing = []
    if installed_chromium() is None:
        missing.append("the stories in a browser (apt install chromium)")
    if postgres.binaries() is None:
        missing.append("the hub on PostgreSQL (apt install postgresql)")
    if not softhsm.is_installed():
        missing.append("seals by a token (apt install softhsm2)")
    if not prometheus.is_installed():
        missing.append("the watching by Prometheus (apt install prometheus)")
    if not nginx.nginx_is_installed():
        missing.append("the recipes for nginx (apt install nginx)")
    if interpreters.PHP is None or interpreters.RUBY is None:
        missing.append("the recipes in PHP and Ruby (apt install php-cli ruby)")
    if not tesseract.is_installed():
        missing.append(f"text in pictures ({tesseract.INSTALL})")
    if not caddy.is_installed():
        missing.append("a hub behind TLS (apt install caddy)")
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
    how = [f"--randomly-seed={datetime.now(UTC):%Y%m%d}", *LONG] if nightly else [SAME_ORDER]
    worst = _run([*how, *given], nightly=nightly)
    if not nightly:
        print("LEFT OUT: the long tests, which `make nightly` runs (CONTRIBUTING.md)")
    for thing in missing:
        print(f"LEFT OUT: {thing}")
    return worst


if __name__ == "__main__":
    sys.exit(main())
