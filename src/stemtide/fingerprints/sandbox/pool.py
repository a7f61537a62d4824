# SPDX-License-Identifier: Apache-2.0
"""Decode content in other processes, which may crash.

A picture from a stranger can be a bomb, or an attack on a decoder written in C. So the process that
serves uploads never decodes one: it passes the bytes to a worker that has little memory, little
time, no network and no place to write to, and reads a small response that it validates. Any failure
costs only that worker; digests of the file are made here, so they always exist.
docs/understand/fingerprints.md lists the protections by operating system.
"""

import os
import re
import stat
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from stemtide.fingerprints.analysis import (
    DECODER_FAILED,
    WRITING,
    Analysis,
    AnalysisOptions,
    Progress,
    no_progress,
)
from stemtide.fingerprints.file import digests, fingerprint_bytes
from stemtide.fingerprints.kinds import LIMIT, Fingerprint, Fingerprints, Kind
from stemtide.fingerprints.limits import (
    ContentError,
    ContentTooLargeError,
    DecodingLimits,
    SandboxError,
)
from stemtide.fingerprints.sandbox.worker import Worker, WorkerFailedError

Content = bytes | str | os.PathLike[str]

_SPENDING = re.compile(r"\b(memory_bytes|cpu_s|wall_s|output_bytes)\b")

_TROUBLE_ITEMS = 20
"""Items that a damaged piece of content counts as, if the decoder refuses it properly. To replace
the worker each time would make small damaged files the most expensive ones.
"""

_IN_MEMORY_BYTES = 32 << 20
"""A larger file is passed to the worker opened, and never read into memory here."""


class Sandbox:
    """A pool of workers that make fingerprints. Thread-safe.

        with Sandbox(workers=2) as sandbox:
            fingerprints = sandbox.fingerprint(upload)

    workers: number of pieces of content that are decoded at a time; further callers wait.
    limits:  limits for one piece of content.
    """

    def __init__(self, *, workers: int = 1, limits: DecodingLimits | None = None) -> None:
        if workers < 1:
            raise ValueError(f"a sandbox needs at least one worker, not {workers}")
        self.limits = limits or DecodingLimits()
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
        """Start all workers and wait until they are ready, before the first content.

        raises: SandboxError if one does not start.
        """
        with self._turn:
            self._fill()
            waiting = list(self._idle)
        for worker in waiting:
            worker.wait_ready()
        return self

    def fingerprint(self, content: Content) -> Fingerprints:
        """Return all fingerprints of one piece of content: see `analyse`."""
        return self.analyse(content).fingerprints

    def analyse(
        self,
        content: Content,
        *,
        options: AnalysisOptions | None = None,
        modality: str = "",
        progress: Progress = no_progress,
    ) -> Analysis:
        """Analyse one piece of content: all fingerprints, and the other outputs that are requested.

        Parts that could not be decoded are in remarks (see `Fingerprints.is_incomplete`); the
        digests are still made, and the sandbox is ready for the next piece of content.

        content:  the bytes, or the path of a file, which is opened here.
        options:    outputs beside the fingerprints; None for none.
        modality: of analysis.MODALITIES, if the caller knows; "": the worker finds out.
        progress: called in this thread with (done, total) now and then; an exception from it ends
                  the analysis, and is raised here.
        raises:   ContentTooLargeError if it is larger than max_input_bytes, a file than
                  max_file_bytes; ContentError if the path is not a readable file; SandboxError if
                  the sandbox is closed or its workers do not start.
        """
        with _opened(content, self.limits) as source:
            worker = self._take()
            is_usable = False
            try:
                worker.wait_ready()
                worker.ask(source.content, options=options, modality=modality)
                digests = source.digests()  # while the worker is at work
                result = worker.answer(progress=progress)
                is_usable = not _is_spent(result) and self._has_items_left(worker, result)
            except WorkerFailedError as failure:
                digests = source.digests()
                result = Analysis(Fingerprints(each=(), remarks=(str(failure),)))
            finally:
                self._give_back(worker, is_usable=is_usable)
        answer = result.fingerprints
        whole = replace(answer, each=(*digests, *answer.each), size_bytes=source.size_bytes)
        return replace(result, fingerprints=whole)

    def close(self) -> None:
        """End all workers. Content in progress gets a remark; later calls raise."""
        with self._turn:
            self._is_closed = True
            ending, self._idle, self._alive = list(self._alive), [], set()
            self._turn.notify_all()
        for worker in ending:
            worker.end()

    def _take(self) -> Worker:
        """Wait for an idle worker; take the last one used, since its caches are warm."""
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

    def _has_items_left(self, worker: Worker, result: Analysis) -> bool:
        """Count the items of a worker; one that cannot be decoded counts as many."""
        if result.fingerprints.is_incomplete:
            worker.items += _TROUBLE_ITEMS
        return worker.items < self.limits.max_items

    def _fill_if_possible(self) -> None:
        """Start the successor now, so that the next caller does not wait for it."""
        try:
            self._fill()
        except SandboxError:
            return  # this caller has its answer; the next one tries again and gets the error

    def _fill(self) -> None:
        while len(self._alive) < self.workers:
            worker = Worker(self.limits)
            self._alive.add(worker)
            self._idle.insert(0, worker)

    def _drop_dead(self) -> None:
        """Forget idle workers that were ended from outside."""
        for worker in [idle for idle in self._idle if idle.is_dead()]:
            worker.end()
            self._idle.remove(worker)
            self._alive.discard(worker)

    def _after_fork(self) -> None:
        """Leave the parent's workers to the parent; a forked process starts its own."""
        for worker in self._alive:
            worker.disown()
        self._idle, self._alive = [], set()
        self._turn = threading.Condition()


def _is_spent(result: Analysis) -> bool:
    """Whether content drove its worker to a limit, or into an unexpected error."""
    return any(
        DECODER_FAILED in remark
        or WRITING in remark
        or (remark.startswith(LIMIT) and _SPENDING.search(remark))
        for remark in result.fingerprints.remarks
    )


@dataclass(slots=True)
class _Source:
    """A piece of content from the caller: in memory, or as an open file.

    whole: the bytes; None for a large file.  file: the number of that file, else -1.
    """

    size_bytes: int
    whole: bytes | None
    file: int = -1
    _digests: tuple[Fingerprint, ...] = ()

    @property
    def content(self) -> bytes | int:
        """Return the bytes or the file number for the worker."""
        return self.file if self.whole is None else self.whole

    def digests(self) -> tuple[Fingerprint, ...]:
        """Return the digests, computed once."""
        if not self._digests:
            self._digests = self._make_digests()
        return self._digests

    def _make_digests(self) -> tuple[Fingerprint, ...]:
        if self.whole is not None:
            return fingerprint_bytes(self.whole)
        sha256, md5 = digests(_Pieces(self.file))
        return Fingerprint(Kind.SHA256, sha256), Fingerprint(Kind.MD5, md5)


class _Pieces:
    """Reads an open file without moving its position, which the worker may share."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._at = 0

    def read(self, size: int, /) -> bytes:
        piece = os.pread(self._file, size, self._at)
        self._at += len(piece)
        return piece


@contextmanager
def _opened(content: Content, limits: DecodingLimits) -> Iterator[_Source]:
    if isinstance(content, bytes):
        _check_size(len(content), "max_input_bytes", limits, name="this content")
        yield _Source(len(content), content)
        return
    path = Path(content)
    try:
        file = path.open("rb", buffering=0)
    except OSError as error:
        raise _unreadable(path, error) from error
    with file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ContentError(f"{path} is not a regular file: give the path of a file")
        _check_size(status.st_size, "max_file_bytes", limits, name=str(path))
        if status.st_size > _IN_MEMORY_BYTES:
            yield _Source(status.st_size, None, file.fileno())
            return
        try:
            whole = file.read(_IN_MEMORY_BYTES + 1) or b""
        except OSError as error:
            raise _unreadable(path, error) from error
        yield _Source(len(whole), whole)


def _unreadable(path: Path, error: OSError) -> ContentError:
    return ContentError(f"{path} cannot be read: {error.strerror or error}")


def _check_size(size_bytes: int, limit: str, limits: DecodingLimits, *, name: str) -> None:
    most: int = getattr(limits, limit)
    if size_bytes > most:
        raise ContentTooLargeError(
            limit,
            f"{name} has {size_bytes:,} bytes, more than the {most:,} that are taken ({limit}):"
            " raise the limit, or make its digests alone",
        )


_sandboxes: weakref.WeakSet[Sandbox] = weakref.WeakSet()


def _after_fork() -> None:
    for sandbox in list(_sandboxes):
        sandbox._after_fork()  # noqa: SLF001 - of this module


os.register_at_fork(after_in_child=_after_fork)
