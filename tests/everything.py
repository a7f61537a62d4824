# SPDX-License-Identifier: Apache-2.0
"""Every test: first on SQLite with all stories, then the hub's rooms and doors on PostgreSQL.

Of the desk, PostgreSQL sees each page and each act once for each kind of reader (the page table):
what forms say and templates show comes of no database.

Says plainly what is left out for want of a browser or a database server. With
STEMTIDE_REQUIRE_ALL=1 nothing may be left out. One process for each core runs tests, each file
in one of them, in a mixed order that is the same each time: no run fails by its order alone. For
another: python -m tests.everything --randomly-seed=N
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests import postgres

ROOT = Path(__file__).parents[1]
ON_POSTGRES = ["tests/hub", "-m", "not browser and not flow and (not desk or every_page)"]
SIDE_BY_SIDE = ["--numprocesses", "auto", "--maxprocesses", "4", "--dist", "loadfile"]
ORDER = "--randomly-seed=20191007"


def _pytest(*words: str, **environment: str) -> int:
    """Run pytest in a process of its own."""
    command = [sys.executable, "-m", "pytest", "-q", *SIDE_BY_SIDE, ORDER, *words]
    print("$", " ".join(command[1:]), flush=True)
    return subprocess.run(command, cwd=ROOT, env=os.environ | environment, check=False).returncode


def main() -> int:
    """Run everything; the worst exit code."""
    # Who starts us in the background makes us ignore Ctrl-C, and with us the commands that
    # the stories stop with it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    left_out = []
    if not any(Path(one).exists() for one in ("/usr/bin/chromium", "/usr/bin/chromium-browser")):
        left_out.append("the stories in a browser (apt install chromium)")
    if postgres.binaries() is None:
        left_out.append("the hub on PostgreSQL (apt install postgresql)")
    if left_out and os.environ.get("STEMTIDE_REQUIRE_ALL") == "1":
        print("STEMTIDE_REQUIRE_ALL=1, but this cannot run: " + "; ".join(left_out))
        return 1
    words = sys.argv[1:]
    worst = _pytest(*words)
    if postgres.binaries() is not None:
        with postgres.server() as address:
            worst = max(worst, _pytest(*ON_POSTGRES, *words, STEMTIDE_DATABASE_URL=address))
    for one in left_out:
        print(f"LEFT OUT: {one}")
    return worst


if __name__ == "__main__":
    sys.exit(main())
