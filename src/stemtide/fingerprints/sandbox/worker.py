# SPDX-License-Identifier: Apache-2.0
"""The parent's side of a worker of the sandbox: send it a request, validate its answer, end it."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec

from stemtide.fingerprints.analysis import (
    FALLBACK,
    MODALITIES,
    WRITING,
    Analysis,
    AnalysisOptions,
    FilmFrame,
    LanguageGuess,
    LiveChunk,
    Progress,
    no_progress,
)
from stemtide.fingerprints.kinds import (
    LIMIT,
    UNDECODABLE,
    Fingerprint,
    FingerprintError,
    Fingerprints,
    Kind,
    QueryView,
)
from stemtide.fingerprints.limits import DecodingLimits, SandboxError
from stemtide.fingerprints.sandbox.channel import Inbox, TooLongError
from stemtide.fingerprints.sandbox.fork_server import ForkServer, ended_by, has_ended, how_ended
from stemtide.fingerprints.sandbox.messages import (
    WorkerMessage,
    WorkerReady,
    WorkerRequest,
    WorkerResult,
)
from stemtide.fingerprints.sandbox.walls import Wall
from stemtide.fingerprints.values.checks import check_value

_LENGTHS_OUT = struct.Struct(">IQ")
_MAX_MESSAGES = 20_000
_MAX_REMARKS = 16
_MAX_TEXT = 300
_MAX_PICTURE_TEXT = 20_000

_READY = msgspec.json.Decoder(WorkerReady)
_MESSAGE = msgspec.json.Decoder(WorkerMessage)


class WorkerFailedError(Exception):
    """A worker did not respond. The message is the remark for the content."""


class NeedsDecodersError(Exception):
    """A worker has not the decoders for this content."""


class Worker:
    """One worker process, for one piece of content. Forking does not wait; `wait_ready` does.

    is_used: whether it was sent a piece of content.
    walls:   those that it reports to stand, once it is ready.
    pid:     its process id, once it is ready.
    """

    def __init__(self, server: ForkServer, limits: DecodingLimits) -> None:
        """Have a worker forked. raises: OSError if the server has ended."""
        self.is_used = False
        self.walls: frozenset[Wall] = frozenset()
        self.pid = 0
        self._server = server
        self._limits = limits
        self._started = time.monotonic()
        self._sent_at = 0.0
        self._for = limits  # of the modality that the content is of
        self._ready_turn = threading.Lock()
        self._end_turn = threading.Lock()
        self._ending: str | None = None
        self._channel, self._tether = server.fork()
        self._inbox = Inbox(self._channel)

    def wait_ready(self) -> None:
        """Wait until the worker is locked down.

        raises: SandboxError if it fails before.
        """
        with self._ready_turn:
            if self.pid:
                return
            self._server.wait_ready()
            until = max(self._started, time.monotonic()) + self._limits.start_s
            try:
                ready = _READY.decode(self._receive(until=until))
                self.walls, self.pid = ready.walls, ready.pid
            except TimeoutError as error:
                raise SandboxError(
                    f"a worker was not ready within {self._limits.start_s:g} s (start_s)"
                ) from error
            except (OSError, ValueError) as error:
                raise SandboxError(f"a worker did not start: {self._how_it_ended()}") from error

    def ask(
        self, content: bytes | int, *, options: AnalysisOptions | None = None, modality: str = ""
    ) -> None:
        """Send a piece of content; its time starts now.

        content:  the bytes, or the number of a file opened for reading.
        modality: of MODALITIES; "": the worker finds out.
        raises: WorkerFailedError with the remark for the content.
        """
        self.is_used = True
        self._sent_at = time.monotonic()
        self._for = self._limits_of(modality or FALLBACK)
        head = msgspec.json.encode(WorkerRequest(modality, options or AnalysisOptions()))
        try:
            self._channel.settimeout(self._for.wall_s)
            if isinstance(content, bytes):
                message = _LENGTHS_OUT.pack(len(head), len(content)) + head
                sent = self._channel.sendmsg([message, content])  # the message and more
                if rest := memoryview(content)[sent - len(message) :]:
                    self._channel.sendall(rest)
            else:
                message = _LENGTHS_OUT.pack(len(head), 0) + head
                socket.send_fds(self._channel, [message], [content])
        except TimeoutError as error:
            raise self._too_slow() from error
        except OSError as error:
            raise WorkerFailedError(self._why_it_ended()) from error

    def answer(self, *, progress: Progress = no_progress) -> Analysis:
        """Wait for the worker's result, within its time limit.

        progress: called meanwhile, in this thread; an exception from it ends the wait.
        raises: WorkerFailedError with the remark for the content; NeedsDecodersError.
        """
        name = FALLBACK
        for _ in range(_MAX_MESSAGES):
            with self._doubting():
                until = self._sent_at + self._for.wall_s
                answer = _MESSAGE.decode(self._receive(until=until))
                if answer.modality:
                    name = answer.modality
                    self._for = self._limits_of(name)
                if answer.needs_decoders:
                    raise NeedsDecodersError
                if answer.result:
                    return checked(answer.result, kinds=MODALITIES[name].kinds)
            if answer.progress:
                progress(*answer.progress)
        raise WorkerFailedError(f"{UNDECODABLE}the decoder talks without end and gives no answer")

    def is_dead(self) -> bool:
        """Whether the process has ended."""
        with self._end_turn:
            return self._ending is not None or has_ended(self._tether)

    def end(self) -> None:
        """Have the process killed, if it has not ended; this does not wait for it."""
        with suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for an answer
        with suppress(OSError):
            self._tether.shutdown(socket.SHUT_WR)
        self.disown()

    def disown(self) -> None:
        """Release, in a forked process, a worker that belongs to the parent."""
        with self._end_turn:
            self._ending = self._ending or "SIGKILL"
            self._channel.close()
            self._tether.close()

    def _limits_of(self, modality: str) -> DecodingLimits:
        return self._limits.for_long() if MODALITIES[modality].is_long else self._limits

    @contextmanager
    def _doubting(self) -> Iterator[None]:
        """Turn any misbehaviour of a worker into the remark for the content."""
        try:
            yield
        except TimeoutError as error:
            raise self._too_slow() from error
        except TooLongError as error:
            most = f"{self._limits.output_bytes:,} bytes (output_bytes)"
            raise WorkerFailedError(
                f"{LIMIT}the decoder would answer with more than {most}"
            ) from error
        except (EOFError, OSError) as error:
            raise WorkerFailedError(self._why_it_ended()) from error
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            raise WorkerFailedError(f"{UNDECODABLE}the decoder gave no sensible answer") from error

    def _receive(self, *, until: float) -> bytes:
        return self._inbox.receive(at_most=self._limits.output_bytes, until=until)

    def _too_slow(self) -> WorkerFailedError:
        return WorkerFailedError(
            f"{LIMIT}decoding it takes more than {self._for.wall_s:g} s on the clock (wall_s)"
        )

    def _why_it_ended(self) -> str:
        """Return the remark for the content, from the way in which the worker ended."""
        ending = self._how_it_ended()
        if ending == "SIGXCPU":
            spent = f"more than {self._for.cpu_s} s of processor time (cpu_s)"
            return f"{LIMIT}decoding it takes {spent}"
        if ending == "SIGXFSZ":
            return f"{LIMIT}{WRITING}"
        if ending == "SIGALRM":
            return str(self._too_slow())
        if ending in {"SIGKILL", "SIGTERM", "SIGINT"}:
            return (
                f"{UNDECODABLE}the worker was ended from outside while it decoded this ({ending}),"
                " perhaps because the machine is short of memory; try again"
            )
        return f"{UNDECODABLE}it makes the decoder crash ({ending})"

    def _how_it_ended(self) -> str:
        with self._end_turn:
            if self._ending is None:
                with suppress(OSError):
                    self._tether.shutdown(socket.SHUT_WR)  # it is killed if it goes on
                self._ending = ended_by(how_ended(self._tether))
            return self._ending


def checked(result: WorkerResult, *, kinds: frozenset[Kind]) -> Analysis:
    """Return the analysis of a worker, within further limits than those of the types.

    Long texts are cut off. The number of pixels is checked when a Still is made of them.

    kinds:  of fingerprints that the modality makes.
    raises: FingerprintError if a fingerprint is malformed, or of another kind.
    """
    prints = [
        _checked_fingerprint(Fingerprint(kind, value, quality, part[:_MAX_TEXT]), kinds)
        for kind, value, quality, part in result.each
    ]
    views = [
        QueryView(transform[:_MAX_TEXT], value, quality, part[:_MAX_TEXT])
        for transform, value, quality, part in result.views
    ]
    remarks = [remark[:_MAX_TEXT] for remark in result.remarks]
    if len(remarks) > _MAX_REMARKS:  # remarks on incomplete analysis must not be cut off
        remarks.sort(key=lambda remark: not remark.startswith((UNDECODABLE, LIMIT)))
    return Analysis(
        Fingerprints(
            each=tuple(prints),
            media_type=result.media_type[:_MAX_TEXT],
            remarks=tuple(remarks[:_MAX_REMARKS]),
            views=tuple(views),
            text=result.text[:_MAX_PICTURE_TEXT],
        ),
        local=tuple(result.local),
        still=result.still,
        frames=tuple(FilmFrame(*frame) for frame in result.frames),
        chunk=LiveChunk(*result.chunk) if result.chunk else None,
        language=LanguageGuess(*result.language) if result.language else None,
    )


def _checked_fingerprint(fingerprint: Fingerprint, kinds: frozenset[Kind]) -> Fingerprint:
    kind = fingerprint.kind
    if kind not in kinds and kind is not Kind.EXTERNAL:
        raise FingerprintError(f"no {kind} is made of such content")
    if fingerprint.quality is None and kind is Kind.PDQ:
        raise FingerprintError("a PDQ hash without its quality")
    check_value(kind, fingerprint.value)
    return fingerprint
