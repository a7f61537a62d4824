# SPDX-License-Identifier: Apache-2.0
"""Have one process of a test run compile the test modules, and the others wait for it.

pytest rewrites the asserts of a module before it compiles it, which costs a process that finds
none compiled more than all else that it does to collect the tests. In a new clone each process of
a run would do that, at the same moment.
"""

import fcntl
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
LOCK = TESTS.parent / ".pytest_cache" / "compile.lock"
FEW = 40
"""So many modules that changed are compiled sooner than another process could be waited for."""


@contextmanager
def compile_once() -> Iterator[None]:
    """Let others wait while this process collects tests that nobody has compiled."""
    if sys.dont_write_bytecode or len(_uncompiled()) <= FEW:
        yield
        return
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if len(_uncompiled()) <= FEW:
            fcntl.flock(lock, fcntl.LOCK_UN)
        yield


def _uncompiled() -> list[Path]:
    """Return the test modules that are newer than what pytest keeps of them."""
    return [path for path in TESTS.rglob("test_*.py") if _kept_at(path) < path.stat().st_mtime]


def _kept_at(path: Path) -> float:
    """Return when pytest compiled a module: 0 for never."""
    compiled = Path(importlib.util.cache_from_source(str(path)))
    kept = compiled.with_name(f"{compiled.stem}-pytest-{pytest.__version__}.pyc")
    return kept.stat().st_mtime if kept.exists() else 0.0
