# SPDX-License-Identifier: Apache-2.0
"""Content is decoded in other processes, which may die of it.

A picture from a stranger can be a bomb, or an attack on a decoder written in C. So the process that
serves uploads never decodes one: it hands the bytes to a worker that has little memory, little
time, no network and nothing to write to, and reads a small answer that it checks. Whatever goes
wrong costs that one worker; digests of the file are made here, so they exist in any case.
docs/understand/fingerprints.md says which walls stand on which system.
"""

import os
import stat
import threading
import weakref
from pathlib import Path
from types import TracebackType
from typing import Self

from stemtide.fingerprints.file import fingerprint_bytes
from stemtide.fingerprints.kinds import Fingerprints
from stemtide.fingerprints.limits import (
    ContentError,
    ContentTooLargeError,
    Limits,
    SandboxError,
)
from stemtide.fingerprints.workers import Answer, Worker, WorkerFailedError

Content = bytes | str | os.PathLike[str]


class Sandbox:
    """A pool of workers that make fingerprints. Use it from as many threads as you like.

        with Sandbox(workers=2) as sandbox:
            found = sandbox.fingerprint(upload)

    workers: how many pieces of content are decoded at a time; further callers wait their turn.
    limits:  what one piece of content may cost.
    """

    def __init__(self, *, workers: int = 1, limits: Limits | None = None) -> None:
        if workers < 1:
            raise ValueError(f"a sandbox needs at least one worker, not {workers}")
        self.limits = limits or Limits()
        self.workers = workers
        self._idle: list[Worker] = []
        self._alive: set[Worker] = set()
        self._is_closed = False
        self._turn = threading.Condition()
        _sandboxes.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()

    def warm(self) -> Self:
        """Start all workers now and wait until they are ready, instead of with the first content.

        raises: SandboxError if one does not start.
        """
        with self._turn:
            self._fill()
            waiting = list(self._idle)
        for worker in waiting:
            worker.wait_ready()
        return self

    def fingerprint(self, content: Content) -> Fingerprints:
        """Make all fingerprints of one piece of content: digests, and PDQ if it is an image.

        What could not be looked at is said in remarks (see `Fingerprints.is_incomplete`); the
        digests are there all the same, and so is the sandbox for the next piece of content.

        content: the bytes themselves, or the path of a file, which is opened here.
        raises:  ContentTooLargeError if it is larger than max_input_bytes; ContentError if the
                 path is not one of a readable file; SandboxError if the sandbox is closed or
                 its workers do not start.
        """
        blob = content if isinstance(content, bytes) else self._read(Path(content))
        self._check_size(len(blob), what="this content")
        worker = self._take()
        is_usable = False
        try:
            worker.wait_ready()
            worker.ask(blob)
            digests = fingerprint_bytes(blob)  # while the worker is at work
            answer = worker.answer()
            is_usable = worker.items < self.limits.max_items and not answer.is_incomplete
        except WorkerFailedError as failure:
            digests = fingerprint_bytes(blob)
            answer = Answer(remarks=(str(failure),))
        finally:
            self._give_back(worker, is_usable=is_usable)
        return Fingerprints(
            each=(*digests, *answer.each),
            media_type=answer.media_type,
            size_bytes=len(blob),
            remarks=answer.remarks,
        )

    def close(self) -> None:
        """End all workers. Content that is being looked at gets a remark; later calls raise."""
        with self._turn:
            self._is_closed = True
            ending, self._idle, self._alive = list(self._alive), [], set()
            self._turn.notify_all()
        for worker in ending:
            worker.end()

    def _read(self, path: Path) -> bytes:
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise ContentError(f"{path} is not a regular file: give the path of a file")
                self._check_size(status.st_size, what=str(path))
                return file.read(self.limits.max_input_bytes + 1)
        except OSError as error:
            raise ContentError(f"{path} cannot be read: {error.strerror or error}") from error

    def _check_size(self, size_bytes: int, *, what: str) -> None:
        if size_bytes > self.limits.max_input_bytes:
            raise ContentTooLargeError(
                "max_input_bytes",
                f"{what} has {size_bytes:,} bytes, more than the {self.limits.max_input_bytes:,}"
                " that are taken (max_input_bytes): raise the limit, or make its digests alone",
            )

    def _take(self) -> Worker:
        """Wait for a worker that is idle; the one used last, as it is the warmest."""
        with self._turn:
            while True:
                if self._is_closed:
                    raise SandboxError("the sandbox is closed: make a new one")
                self._drop_dead()
                self._fill()
                if self._idle:
                    return self._idle.pop()
                self._turn.wait()

    def _give_back(self, worker: Worker, *, is_usable: bool) -> None:
        if not is_usable:
            worker.end()
        with self._turn:
            if self._is_closed:
                return
            if is_usable:
                self._idle.append(worker)
            else:
                self._alive.discard(worker)
                self._fill_if_possible()
            self._turn.notify()

    def _fill_if_possible(self) -> None:
        """Start the successor now, so that the next caller does not wait for it."""
        try:
            self._fill()
        except SandboxError:
            return  # this caller has its answer; the next one tries again and is told

    def _fill(self) -> None:
        while len(self._alive) < self.workers:
            worker = Worker(self.limits)
            self._alive.add(worker)
            self._idle.insert(0, worker)

    def _drop_dead(self) -> None:
        """Forget workers that somebody ended while they had nothing to do."""
        for worker in [one for one in self._idle if one.is_dead()]:
            worker.end()
            self._idle.remove(worker)
            self._alive.discard(worker)

    def _after_fork(self) -> None:
        """Leave the parent's workers to the parent; a forked process starts its own."""
        for worker in self._alive:
            worker.disown()
        self._idle, self._alive = [], set()
        self._turn = threading.Condition()


_sandboxes: weakref.WeakSet[Sandbox] = weakref.WeakSet()


def _after_fork() -> None:
    for sandbox in list(_sandboxes):
        sandbox._after_fork()  # noqa: SLF001 - of this module


os.register_at_fork(after_in_child=_after_fork)
