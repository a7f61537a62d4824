# SPDX-License-Identifier: Apache-2.0
"""A small thread pool for network jobs, so that their caller never waits."""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

from django.db import connection

log = logging.getLogger(__name__)

Job = TypeVar("Job")


class ThreadPool(Generic[Job]):
    """A fixed number of threads, each running one job at a time.

    run: does one job and records its result. If it raises, the error is logged and the job stays
    leased
         until the lease ends, when a scheduler claims it again.
    """

    def __init__(self, run: Callable[[Job], object], *, threads: int, name: str) -> None:
        self._run = run
        self._threads = threads
        self._name = name
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._under_way: set[Future[None]] = set()

    @property
    def free(self) -> int:
        """Return the number of idle threads."""
        self._under_way = {future for future in self._under_way if not future.done()}
        return self._threads - len(self._under_way)

    def start(self, errands: Iterable[Job]) -> None:
        """Start jobs, at most as many as there are idle threads."""
        self._under_way |= {self._pool.submit(self._in_thread, errand) for errand in errands}

    def settle(self) -> None:
        """Wait for jobs in progress: for tests and at the end of the process."""
        wait(self._under_way)

    def close(self) -> None:
        """Stop after the jobs in progress; others stay due."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _in_thread(self, errand: Job) -> None:
        """Run one job in a thread, and close its database connection."""
        try:
            self._run(errand)
        except Exception:
            log.exception("%s: an errand could not be noted; it is done again", self._name)
        finally:
            connection.close()
