# SPDX-License-Identifier: Apache-2.0
"""A few threads that run errands outside, so that whoever sends them never waits."""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

from django.db import connection

log = logging.getLogger(__name__)

Errand = TypeVar("Errand")


class Crew(Generic[Errand]):
    """A fixed number of threads, each with one errand at a time.

    run: does one errand, and notes what became of it. What it raises is logged, and the errand
         stays leased: once that is over, a clock takes it again.
    """

    def __init__(self, run: Callable[[Errand], object], *, threads: int, name: str) -> None:
        self._run = run
        self._threads = threads
        self._name = name
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._under_way: set[Future[None]] = set()

    @property
    def free(self) -> int:
        """How many errands could begin at once."""
        self._under_way = {one for one in self._under_way if not one.done()}
        return self._threads - len(self._under_way)

    def start(self, errands: Iterable[Errand]) -> None:
        """Begin with some errands, no more than are free."""
        self._under_way |= {self._pool.submit(self._in_thread, errand) for errand in errands}

    def settle(self) -> None:
        """Wait for what is under way: tests and the end of the process."""
        wait(self._under_way)

    def close(self) -> None:
        """End, after what is under way; what has not begun stays due."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _in_thread(self, errand: Errand) -> None:
        """One errand, in a thread that keeps no connection to the database."""
        try:
            self._run(errand)
        except Exception:
            log.exception("%s: an errand could not be noted; it is done again", self._name)
        finally:
            connection.close()
