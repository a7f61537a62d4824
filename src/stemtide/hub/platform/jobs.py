# SPDX-License-Identifier: Apache-2.0
"""Run due rows as jobs: claim them under a lease, and work on them in a few threads.

1 One scheduler claims a row: the row count of a conditional UPDATE decides which.
2 The job runs outside every transaction; then a write of its room records the result, if the row is
  still claimed by the same attempt.
3 If the scheduler dies in between, the row is due again once its lease ends. So a job runs at least
  once, and what it sends needs an id by which receivers detect repeats.

What is due, what an attempt does and when the next one is due are decided by each room.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Generic, TypeVar

from django.db import connection
from django.db.models import Model

log = logging.getLogger(__name__)

Job = TypeVar("Job")

HUB_FAILED = "the hub itself failed; its operator finds why in its log"
"""The recorded problem of an attempt that ended with an unexpected exception."""


def claim(row: Model, *, until: datetime, count: str = "attempts", **changes: object) -> bool:
    """Try to claim a due row and count the attempt; return whether it worked.

    until:   when the lease ends; stored in next_at.
    count:   the column that counts attempts. It shows later whether a claim is still the latest.
    changes: other columns to set. The claim fails if anybody has changed one of them meanwhile.
    """
    attempts = getattr(row, count) + 1
    changes |= {count: attempts, "next_at": until}
    unchanged = {name: getattr(row, name) for name in changes}
    setattr(row, count, attempts)
    rows = type(row)._default_manager  # noqa: SLF001  # Django's documented way to any model's rows
    return bool(rows.filter(pk=row.pk, **unchanged).update(**changes))


@dataclass(kw_only=True, eq=False)
class JobRunner(ABC, Generic[Job]):
    """Runner of due jobs of one kind, a few at a time; its caller never waits for a job.

    now:     the clock, injected by the caller.
    threads: jobs in progress at once.
    """

    name: ClassVar[str]
    now: Callable[[], datetime]
    threads: int

    def __post_init__(self) -> None:
        """Prepare the threads, which start with the first jobs."""
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix=self.name)
        self._in_progress: set[Future[None]] = set()

    @abstractmethod
    def claim_due(self, now: datetime, *, limit: int) -> list[Job]:
        """Claim due jobs for this process only."""

    @abstractmethod
    def run(self, job: Job) -> object:
        """Run one job, and record its result."""

    def start_due(self, now: datetime) -> int:
        """Start as many due jobs as there are idle threads; return how many."""
        self._in_progress = {future for future in self._in_progress if not future.done()}
        idle = self.threads - len(self._in_progress)
        jobs = self.claim_due(now, limit=idle) if idle > 0 else []
        self._in_progress |= {self._pool.submit(self._run_in_thread, job) for job in jobs}
        return len(jobs)

    @property
    def is_working(self) -> bool:
        """Whether jobs are in progress, or have ended since the last look for due ones."""
        return bool(self._in_progress)

    def settle(self) -> None:
        """Wait for jobs in progress: for tests and at the end of the process."""
        wait(self._in_progress)

    def close(self) -> None:
        """Stop after the jobs in progress; others stay due."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run_in_thread(self, job: Job) -> None:
        """Run one job, and close the thread's database connection."""
        try:
            self.run(job)
        except Exception:  # it stays claimed until its lease ends
            log.exception("%s: the result of a job was not recorded; it is done again", self.name)
        finally:
            connection.close()
