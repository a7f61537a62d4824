# SPDX-License-Identifier: Apache-2.0
"""Make a folder once for a whole test run, however many processes run tests.

The first process that wants it makes it, and the others wait for it. `open_for_all` is called by
the process that starts the others; without it, each process has a folder of its own.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

SHARED = "TEST_RUN_FOLDER"
"""The environment variable that names the folder which the processes of a run share."""


def open_for_all() -> Path:
    """Return the folder that this process shares with those that it starts.

    The process that makes it removes it at its end.
    """
    if SHARED not in os.environ:
        folder = tempfile.mkdtemp(prefix="stemtide-test-run-")
        os.environ[SHARED] = folder
        owner = os.getpid()
        atexit.register(lambda: os.getpid() == owner and shutil.rmtree(folder, ignore_errors=True))
    return Path(os.environ[SHARED])


def once(name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder of this name in the test run, as `make` filled it."""
    run = open_for_all()
    finished = run / name
    with (run / f"{name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not finished.exists():
            began = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=run))
            make(began)
            began.rename(finished)
    return finished
