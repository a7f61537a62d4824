# SPDX-License-Identifier: Apache-2.0
"""Decode content in other processes, which may crash.

A picture from a stranger can be a bomb, or an attack on a decoder written in C. So the process that
serves uploads never decodes one: it passes the bytes to a new worker process that has little memory
and time and can open nothing, and reads a small response that it validates. Any failure costs only
that worker; digests of the file are made here, so they always exist.
docs/understand/sandbox.md lists the walls by operating system.
"""

import os
import stat
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from stemtide.fingerprints.analysis import (
    FALLBACK,
    READING,
    TEXT,
    Analysis,
    AnalysisOptions,
    Progress,
    no_progress,
)
from stemtide.fingerprints.file import digests, fingerprint_bytes
from stemtide.fingerprints.kinds import UNDECODABLE, Fingerprint, Fingerprints, Kind
from stemtide.fingerprints.limits import (
    ContentError,
    ContentTooLargeError,
    DecodingLimits,
    SandboxError,
)
from stemtide.fingerprints.sandbox.decoders import DecoderGroup
from stemtide.fingerprints.sandbox.reserve import Reserve
from stemtide.fingerprints.sandbox.walls import Wall
from stemtide.fingerprints.sandbox.worker import NeedsDecodersError, Worker, WorkerFailedError

Content = bytes | str | os.PathLike[str]

NOT_READ = "its text was not read"
"""In the remark on a picture whose text could not be read."""

_IN_MEMORY_BYTES = 32 << 20
"""A larger file is passed to the worker opened, and never read into memory here."""


class Sandbox:
    """Workers that make fingerprints, each for one piece of content. Thread-safe.

        with Sandbox(workers=2) as sandbox:
            fingerprints = sandbox.fingerprint(upload)

    workers: number of pieces of content that are decoded at a time; further callers wait. As many
             more workers are ready for the next ones.
    limits:  limits for one piece of content.
    languages: of texts in pictures, as Tesseract spells them; empty: no text in pictures is read.
    """

    def __init__(
        self,
        *,
        workers: int = 1,
        limits: DecodingLimits | None = None,
        languages: tuple[str, ...] = (),
    ) -> None:
        if workers < 1:
            raise ValueError(f"a sandbox needs at least one worker, not {workers}")
        self.limits = limits or DecodingLimits()
        self.workers = workers
        self.languages = languages
        self._reserve = self._new_reserve()
        self._at_work: set[Worker] = set()
        self._callers = 0
        self._is_closed = False
        self._turn = threading.Condition()
        _sandboxes.add(self)

    def _new_reserve(self) -> Reserve:
        return Reserve(self.limits, size=self.workers, languages=self.languages)

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
        """Start the first workers and wait until they are ready, before the first content.

        raises: SandboxError if one does not start.
        """
        self.walls()
        return self

    def walls(self) -> frozenset[Wall]:
        """Return the walls that stand around a worker here.

        raises: SandboxError if none starts.
        """
        return self._reserve.walls()

    def check_reading(self) -> None:
        """Wait until a worker that reads text in pictures is ready.

        raises: SandboxError with the reason and the remedy.
        """
        self._reserve.take(DecoderGroup.READING).end()

    @property
    def standing(self) -> frozenset[Wall] | None:
        """Return the walls around the last worker; None before the first. This does not wait."""
        return self._reserve.standing

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
            options = options or AnalysisOptions()
            result = self._ask(source, options, modality, progress)
            if options.text and self.languages and _is_picture(result):
                read = self._ask(source, options, READING, progress)
                result = _with_text(result, read.fingerprints)
            digests = source.digests()
        answer = result.fingerprints
        whole = replace(answer, each=(*digests, *answer.each), size_bytes=source.size_bytes)
        return replace(result, fingerprints=whole)

    def _ask(
        self, source: "_Source", options: AnalysisOptions, modality: str, progress: Progress
    ) -> Analysis:
        """Ask a worker that has the decoders for pictures; if they do not do, one that has more."""
        with self._working():
            for group in _groups(options, modality):
                named = TEXT if group is DecoderGroup.TEXTS else modality
                with suppress(NeedsDecodersError):
                    return self._ask_one(source, options, named, progress, group=group)
        # A worker that has all decoders says so only if content controls it.
        return Analysis(Fingerprints(each=(), remarks=(f"{UNDECODABLE}its decoder asks for more",)))

    def _ask_one(
        self,
        source: "_Source",
        options: AnalysisOptions,
        modality: str,
        progress: Progress,
        *,
        group: DecoderGroup,
    ) -> Analysis:
        worker = self._reserve.take(group)
        try:
            with self._turn:
                self._at_work.add(worker)
                self._check_open()
            worker.ask(source.content, options=options, modality=modality)
            self._reserve.fill(group)  # for the next caller, while this worker is at work
            source.digests()
            return worker.answer(progress=progress)
        except WorkerFailedError as failure:
            return Analysis(Fingerprints(each=(), remarks=(str(failure),)))
        finally:
            with self._turn:
                self._at_work.discard(worker)
            worker.end()

    @contextmanager
    def _working(self) -> Iterator[None]:
        """Wait until fewer than the number of workers are at work."""
        with self._turn:
            while self._callers >= self.workers and not self._is_closed:
                self._turn.wait()
            self._check_open()
            self._callers += 1
        try:
            yield
        finally:
            with self._turn:
                self._callers -= 1
                self._turn.notify()

    def _check_open(self) -> None:
        if self._is_closed:
            raise SandboxError("the sandbox is closed: make a new one")

    def close(self) -> None:
        """End all workers. Content in progress gets a remark; later calls raise."""
        with self._turn:
            self._is_closed = True
            ending = list(self._at_work)
            self._turn.notify_all()
        for worker in ending:
            worker.end()
        self._reserve.close()

    def _after_fork(self) -> None:
        """Leave the parent's workers to the parent; a forked process starts its own."""
        for worker in self._at_work:
            worker.disown()
        self._reserve.disown()
        self._reserve = self._new_reserve()
        self._at_work, self._callers = set(), 0
        self._turn = threading.Condition()


def _is_picture(analysis: Analysis) -> bool:
    """Whether content is a picture that could be decoded."""
    prints = analysis.fingerprints
    return prints.media_type.startswith("image/") and not prints.is_incomplete


def _with_text(analysis: Analysis, read: Fingerprints) -> Analysis:
    """Add what was read from a picture; a reader that was stopped leaves a remark."""
    prints = analysis.fingerprints
    remarks = [
        remark if NOT_READ in remark else f"{remark} ({NOT_READ})" for remark in read.remarks
    ]
    both = replace(
        prints,
        each=(*prints.each, *read.each),
        remarks=(*prints.remarks, *remarks),
        text=read.text,
    )
    return replace(analysis, fingerprints=both)


def _groups(options: AnalysisOptions, modality: str) -> tuple[DecoderGroup, ...]:
    """Return the groups of decoders to try, the smallest first."""
    if modality == READING:
        return (DecoderGroup.READING,)
    if options.language and modality == TEXT:
        return (DecoderGroup.TEXTS,)
    if modality not in {"", FALLBACK}:
        return (DecoderGroup.ALL,)
    first = DecoderGroup.LOCAL if options.local else DecoderGroup.PICTURES
    return (first, DecoderGroup.ALL, *([DecoderGroup.TEXTS] if options.language else []))


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
