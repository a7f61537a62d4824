# SPDX-License-Identifier: Apache-2.0
"""Workers of a scan on this machine: one process for each core.

A worker that dies, for example of lack of memory, takes the pool down. What was in progress is
suspect then, and new pools look at it again: one batch at a time, and one file at a time of a batch
that breaks another pool. So only the file that did it is given up. Looking twice does no harm.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from stemtide.catalogue.content import ReadingSettings, look_at
from stemtide.catalogue.items import ItemLook, StoredItem

Batch = Sequence[StoredItem]

_AHEAD = 2
"""Batches that wait for each worker, so that none is idle while results are recorded."""

_TRIES = 3
"""Pools that a file may break while it alone is in progress."""


@dataclass(slots=True)
class _Attempt:
    """A batch. tries: how often a pool broke while this one file alone was in progress."""

    batch: Batch
    tries: int = 0


class ProcessWorkers:
    """Worker processes of this machine."""

    def __init__(self, processes: int, settings: ReadingSettings) -> None:
        self._processes = processes
        self._settings = settings
        self._suspects: deque[_Attempt] = deque()
        self._running: dict[Future[list[ItemLook]], _Attempt] = {}

    def look_all(self, batches: Iterator[Batch]) -> Generator[list[ItemLook]]:
        """Yield the results of batches as they come, not in order.

        Batches are taken one by one, when a worker needs more. raises: SandboxError.
        """
        while True:
            with self._pool() as pool:
                try:
                    yield from self._look_all(batches, pool)
                except BrokenProcessPool:
                    yield from self._suspect()
                else:
                    return

    def _pool(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks
        return ProcessPoolExecutor(self._processes, context, initializer=_begin_worker)

    def _look_all(
        self, batches: Iterator[Batch], pool: ProcessPoolExecutor
    ) -> Iterator[list[ItemLook]]:
        try:
            while self._fill(batches, pool):
                done, _ = wait(self._running, return_when=FIRST_COMPLETED)
                for future in done:
                    looks = future.result()
                    del self._running[future]
                    yield looks
        except BaseException:
            _end_workers()
            raise

    def _fill(self, batches: Iterator[Batch], pool: ProcessPoolExecutor) -> bool:
        """Give the workers enough to do, or one suspect; return whether anything is in progress."""
        if self._suspects:  # nothing else is in progress: it was, when the pool broke
            self._submit(self._suspects.popleft(), pool)
            return True
        most = (1 + _AHEAD) * self._processes
        while len(self._running) < most and (batch := next(batches, None)):
            self._submit(_Attempt(batch), pool)
        return bool(self._running)

    def _submit(self, attempt: _Attempt, pool: ProcessPoolExecutor) -> None:
        try:
            future = pool.submit(look_at, attempt.batch, self._settings)
        except BrokenProcessPool:
            self._suspects.appendleft(attempt)
            raise
        self._running[future] = attempt

    def _suspect(self) -> Iterator[list[ItemLook]]:
        """Suspect what was in progress; yield as unreadable a file that broke too many pools."""
        attempts = list(self._running.values())
        self._running.clear()
        if len(attempts) > 1:
            self._suspects.extend(attempts)
            return
        for attempt in attempts:
            attempt.tries += 1
            if len(attempt.batch) > 1:
                self._suspects.extend(_Attempt([item]) for item in attempt.batch)
            elif attempt.tries < _TRIES:
                self._suspects.append(attempt)
            else:
                why = "the worker process that read it died: look at its memory"
                yield [ItemLook(item, None, why) for item in attempt.batch]


def _begin_worker() -> None:
    """Leave Ctrl-C to the command, which ends its workers; end with it if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _end_workers() -> None:
    """End the workers at once: nobody needs their results any more."""
    for process in multiprocessing.active_children():
        process.terminate()
