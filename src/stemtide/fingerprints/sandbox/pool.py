# SPDX-License-Identifier: Apache-2.0
"""Content is decoded in other processes, which may die of it.

A picture from a stranger can be a bomb, or an attack on a decoder written in C. So the process that
serves uploads never decodes one: it hands the bytes to a worker that has little memory, little
time, no network and nothing to write to, and reads a small answer that it checks. Whatever goes
wrong costs that one worker; digests of the file are made here, so they exist in any case.
docs/understand/fingerprints.md says which walls stand on which system.
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
    Asked,
    Look,
    Progress,
    no_progress,
)
from stemtide.fingerprints.file import digests, fingerprint_bytes
from stemtide.fingerprints.kinds import LIMIT, Fingerprint, Fingerprints, Kind
from stemtide.fingerprints.limits import ContentError, ContentTooLargeError, Limits, SandboxError
from stemtide.fingerprints.sandbox.worker import Worker, WorkerFailedError

Content = bytes | str | os.PathLike[str]

_SPENDING = re.compile(r"\b(memory_bytes|cpu_s|wall_s|output_bytes)\b")

_TROUBLE_ITEMS = 20
"""Damaged content that a decoder refuses in good order uses up as much of a worker as so many
whole ones. To replace the worker each time would let small damaged files cost the most."""

_IN_MEMORY_BYTES = 32 << 20
"""A larger file is handed to the worker opened, and never held in memory here."""


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
        """Make all fingerprints of one piece of content: see `look`."""
        return self.look(content).fingerprints

    def look(
        self,
        content: Content,
        *,
        asked: Asked | None = None,
        modality: str = "",
        progress: Progress = no_progress,
    ) -> Look:
        """Make all fingerprints of one piece of content, and what else is asked for.

        What could not be looked at is said in remarks (see `Fingerprints.is_incomplete`); the
        digests are there all the same, and so is the sandbox for the next piece of content.

        content:  the bytes themselves, or the path of a file, which is opened here.
        asked:    what is wanted beside the fingerprints; None: nothing.
        modality: of looks.MODALITIES, if the caller knows; "": the worker finds out.
        progress: called in this thread with (done, total) now and then; what it raises ends the
                  look, and is raised here.
        raises:   ContentTooLargeError if it is larger than max_input_bytes, a file than
                  max_file_bytes; ContentError if the path is not one of a readable file;
                  SandboxError if the sandbox is closed or its workers do not start.
        """
        with _opened(content, self.limits) as given:
            worker = self._take()
            is_usable = False
            try:
                worker.wait_ready()
                worker.ask(given.content, asked=asked, modality=modality)
                made = given.digests()  # while the worker is at work
                found = worker.answer(progress=progress)
                is_usable = not _is_spent(found) and self._has_items_left(worker, found)
            except WorkerFailedError as failure:
                made = given.digests()
                found = Look(Fingerprints(each=(), remarks=(str(failure),)))
            finally:
                self._give_back(worker, is_usable=is_usable)
        answer = found.fingerprints
        whole = replace(answer, each=(*made, *answer.each), size_bytes=given.size_bytes)
        return replace(found, fingerprints=whole)

    def close(self) -> None:
        """End all workers. Content that is being looked at gets a remark; later calls raise."""
        with self._turn:
            self._is_closed = True
            ending, self._idle, self._alive = list(self._alive), [], set()
            self._turn.notify_all()
        for worker in ending:
            worker.end()

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

    def _has_items_left(self, worker: Worker, found: Look) -> bool:
        """Count what a worker has looked at; what cannot be decoded counts for many."""
        if found.fingerprints.is_incomplete:
            worker.items += _TROUBLE_ITEMS
        return worker.items < self.limits.max_items

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


def _is_spent(found: Look) -> bool:
    """Whether content drove its worker to a limit, or into an error that nobody foresaw."""
    return any(
        DECODER_FAILED in remark
        or WRITING in remark
        or (remark.startswith(LIMIT) and _SPENDING.search(remark))
        for remark in found.fingerprints.remarks
    )


@dataclass(slots=True)
class _Given:
    """A piece of content as it was given: in memory, or as a file that is open.

    whole: the bytes; None for a large file.  file: the number of that file, else -1.
    """

    size_bytes: int
    whole: bytes | None
    file: int = -1
    _digests: tuple[Fingerprint, ...] = ()

    @property
    def content(self) -> bytes | int:
        """What is handed to the worker."""
        return self.file if self.whole is None else self.whole

    def digests(self) -> tuple[Fingerprint, ...]:
        """Make the digests, once."""
        if not self._digests:
            self._digests = self._make_digests()
        return self._digests

    def _make_digests(self) -> tuple[Fingerprint, ...]:
        if self.whole is not None:
            return fingerprint_bytes(self.whole)
        sha256, md5 = digests(_Pieces(self.file))
        return Fingerprint(Kind.SHA256, sha256), Fingerprint(Kind.MD5, md5)


class _Pieces:
    """Reads an open file without moving its place, which the worker may share."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._at = 0

    def read(self, size: int, /) -> bytes:
        piece = os.pread(self._file, size, self._at)
        self._at += len(piece)
        return piece


@contextmanager
def _opened(content: Content, limits: Limits) -> Iterator[_Given]:
    if isinstance(content, bytes):
        _check_size(len(content), "max_input_bytes", limits, what="this content")
        yield _Given(len(content), content)
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
        _check_size(status.st_size, "max_file_bytes", limits, what=str(path))
        if status.st_size > _IN_MEMORY_BYTES:
            yield _Given(status.st_size, None, file.fileno())
            return
        try:
            whole = file.read(_IN_MEMORY_BYTES + 1) or b""
        except OSError as error:
            raise _unreadable(path, error) from error
        yield _Given(len(whole), whole)


def _unreadable(path: Path, error: OSError) -> ContentError:
    return ContentError(f"{path} cannot be read: {error.strerror or error}")


def _check_size(size_bytes: int, limit: str, limits: Limits, *, what: str) -> None:
    most: int = getattr(limits, limit)
    if size_bytes > most:
        raise ContentTooLargeError(
            limit,
            f"{what} has {size_bytes:,} bytes, more than the {most:,} that are taken ({limit}):"
            " raise the limit, or make its digests alone",
        )


_sandboxes: weakref.WeakSet[Sandbox] = weakref.WeakSet()


def _after_fork() -> None:
    for sandbox in list(_sandboxes):
        sandbox._after_fork()  # noqa: SLF001 - of this module


os.register_at_fork(after_in_child=_after_fork)
