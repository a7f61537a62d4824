# SPDX-License-Identifier: Apache-2.0
"""The parent's side of a worker of the sandbox: start it, send requests, validate, end it."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import stemtide
from stemtide.fingerprints.analysis import (
    FALLBACK,
    MODALITIES,
    WRITING,
    Analysis,
    AnalysisOptions,
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
    parse_value,
)
from stemtide.fingerprints.limits import DecodingLimits, SandboxError
from stemtide.fingerprints.sandbox.shared_memory import SharedBuffer
from stemtide.fingerprints.values.checks import check_value

_LENGTHS_OUT = struct.Struct(">IQ")
_LENGTH_IN = struct.Struct(">I")
_MAX_MESSAGES = 20_000
_MAX_EACH = 4096
_MAX_VIEWS = 4096
_MAX_LOCAL = 2
_MAX_LOCAL_BYTES = 1 << 16
_MAX_STILL_BYTES = 1 << 20
_MAX_CLOCK_S = 1e9
_MAX_REMARKS = 16
_MAX_TEXT = 300
_END_S = 10.0

_ENVIRONMENT = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TZ", "VIRTUAL_ENV")
"""Variables of our environment that a worker gets: it cannot leak secrets that it never had."""

_ONE_THREAD = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


_KEEP_MEMORY = dict.fromkeys(("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"), str(64 << 20))
"""Lets glibc keep memory between pictures: releasing and reallocating it costs a third of the time
of a picture of one megapixel.
"""


class WorkerFailedError(Exception):
    """A worker did not respond. The message is the remark for the content."""


class _TooLongError(ValueError):
    """A worker announces a response that is longer than allowed."""


class Worker:
    """One worker process. Starting does not wait; `wait_ready` does.

    items: number of pieces of content it has received.
    protections: the protections that it reports (see `lockdown.lock_down`), once it is ready.
    """

    def __init__(self, limits: DecodingLimits) -> None:
        self.items = 0
        self.protections: tuple[str, ...] = ()
        self._limits = limits
        self._started = time.monotonic()
        self._sent_at = 0.0
        self._for = limits  # of the modality that the content is of
        self._is_ready = False
        self._ready_turn = threading.Lock()
        self._buffer = SharedBuffer()
        self._channel, theirs = socket.socketpair()
        their_leash, self._leash = os.pipe()
        try:
            self._process = _start(their_leash, theirs.fileno(), limits)
        except OSError as error:
            self._let_go()
            raise SandboxError(f"no worker can be started: {error}") from error
        finally:
            theirs.close()
            os.close(their_leash)

    @property
    def pid(self) -> int:
        """Return the worker's process id."""
        return self._process.pid

    def wait_ready(self) -> None:
        """Wait until the worker is locked down.

        raises: SandboxError if it fails before.
        """
        with self._ready_turn:
            if self._is_ready:
                return
            try:
                hello = self._receive(until=self._started + self._limits.start_s)
            except TimeoutError as error:
                raise SandboxError(
                    f"a worker was not ready within {self._limits.start_s:g} s (start_s)"
                ) from error
            except (OSError, ValueError) as error:
                raise SandboxError(f"a worker did not start: {self._how_it_ended()}") from error
            if "error" in hello:
                raise SandboxError(f"a worker did not start: {hello['error']}")
            self.protections = tuple(hello.get("protections", ()))
            self._is_ready = True

    def ask(
        self, content: bytes | int, *, options: AnalysisOptions | None = None, modality: str = ""
    ) -> None:
        """Send a piece of content; its time starts now.

        content:  the bytes, or the number of a file opened for reading.
        modality: of MODALITIES; "": the worker finds out.
        raises: WorkerFailedError with the remark for the content.
        """
        self.items += 1
        self._sent_at = time.monotonic()
        self._for = self._limits_of(modality or FALLBACK)
        question = {"modality": modality, "options": asdict(options or AnalysisOptions())}
        try:
            self._channel.settimeout(self._for.wall_s)
            if not isinstance(content, bytes):
                self._put(question, file=content)
            elif self._buffer.write(content):
                self._put({**question, "buffered": len(content)}, file=self._buffer.file)
            else:
                self._put(question, content)
        except TimeoutError as error:
            raise self._too_slow() from error
        except OSError as error:
            raise WorkerFailedError(self._why_it_ended()) from error

    def _put(self, question: dict[str, Any], content: bytes = b"", *, file: int = -1) -> None:
        head = json.dumps(question).encode()
        message = _LENGTHS_OUT.pack(len(head), len(content)) + head
        if file >= 0:
            socket.send_fds(self._channel, [message], [file])
        else:
            self._channel.sendall(message)
            self._channel.sendall(content)

    def answer(self, *, progress: Progress = no_progress) -> Analysis:
        """Wait for the worker's result, within its time limit.

        progress: called meanwhile, in this thread; an exception from it ends the wait.
        raises: WorkerFailedError with the remark for the content.
        """
        name = FALLBACK
        for _ in range(_MAX_MESSAGES):
            with self._doubting():
                message = self._receive(until=self._sent_at + self._for.wall_s)
                if "modality" in message:
                    name = message["modality"]
                    self._for = self._limits_of(name)
                if "each" in message:
                    return checked(message, kinds=MODALITIES[name].kinds)
                if "progress" not in message:
                    continue
                done, total = map(float, message["progress"])
            progress(done, total)
        raise WorkerFailedError(f"{UNDECODABLE}the decoder talks without end and gives no answer")

    def is_dead(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def end(self) -> None:
        """Kill the process, and wait until it is gone."""
        with suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for an answer
        self._process.kill()
        self._process.wait()
        self._let_go()

    def disown(self) -> None:
        """Release, in a forked process, a worker that belongs to the parent."""
        self._let_go()
        self._process.returncode = 0  # not ours to wait for

    def _let_go(self) -> None:
        self._channel.close()
        self._buffer.release()
        leash, self._leash = self._leash, -1
        if leash >= 0:
            os.close(leash)

    def _limits_of(self, modality: str) -> DecodingLimits:
        return self._limits.for_long() if MODALITIES[modality].is_long else self._limits

    @contextmanager
    def _doubting(self) -> Iterator[None]:
        """Turn any misbehaviour of a worker into the remark for the content."""
        try:
            yield
        except TimeoutError as error:
            raise self._too_slow() from error
        except _TooLongError as error:
            most = f"{self._limits.output_bytes:,} bytes (output_bytes)"
            raise WorkerFailedError(
                f"{LIMIT}the decoder would answer with more than {most}"
            ) from error
        except (EOFError, OSError) as error:
            raise WorkerFailedError(self._why_it_ended()) from error
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise WorkerFailedError(f"{UNDECODABLE}the decoder gave no sensible answer") from error

    def _receive(self, *, until: float) -> dict[str, Any]:
        size = _LENGTH_IN.unpack(self._receive_bytes(_LENGTH_IN.size, until=until))[0]
        if size > self._limits.output_bytes:
            raise _TooLongError(f"an answer of {size} bytes")
        answer = json.loads(self._receive_bytes(size, until=until))
        if not isinstance(answer, dict):
            raise TypeError("an answer that is no object")
        return answer

    def _receive_bytes(self, size: int, *, until: float) -> bytes:
        received = bytearray()
        while len(received) < size:
            self._channel.settimeout(max(0.001, until - time.monotonic()))
            piece = self._channel.recv(size - len(received))
            if not piece:
                raise ConnectionError("the worker has ended")
            received += piece
        return bytes(received)

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
        try:
            code = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            return "it closed its end and went on"
        if code >= 0:
            return f"exit code {code}"
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"


def _start(leash: int, channel: int, limits: DecodingLimits) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-P", "-s", "-m", "stemtide.fingerprints.sandbox.worker_process"]
    return subprocess.Popen(  # noqa: S603 - our own module, no shell
        [*command, str(leash), str(channel), json.dumps(asdict(limits))],
        pass_fds=[leash, channel],
        cwd="/",
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _environment() -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    home = str(Path(stemtide.__file__).parents[1])
    return inherited | dict.fromkeys(_ONE_THREAD, "1") | _KEEP_MEMORY | {"PYTHONPATH": home}


def checked(answer: dict[str, Any], *, kinds: frozenset[Kind]) -> Analysis:
    """Validate the response of a worker, which hostile content may control.

    kinds:  of fingerprints that the modality makes.
    raises: ValueError, TypeError or the like if the response is malformed.
    """
    prints = tuple(
        _checked_fingerprint(*entry, kinds=kinds) for entry in _few(answer, "each", _MAX_EACH)
    )
    remarks = [str(remark)[:_MAX_TEXT] for remark in answer.get("remarks", ())]
    if len(remarks) > _MAX_REMARKS:  # remarks on incomplete analysis must not be cut off
        remarks.sort(key=lambda entry: not entry.startswith((UNDECODABLE, LIMIT)))
    return Analysis(
        Fingerprints(
            each=prints,
            media_type=str(answer.get("media_type", ""))[:_MAX_TEXT],
            remarks=tuple(remarks[:_MAX_REMARKS]),
            views=tuple(_checked_view(*entry) for entry in _few(answer, "views", _MAX_VIEWS)),
        ),
        local=tuple(_checked_local(entry) for entry in _few(answer, "local", _MAX_LOCAL)),
        still=_checked_still(_few(answer, "still", 3)),
        chunk=_checked_chunk(*entry) if (entry := answer.get("chunk")) else None,
    )


def _few(answer: dict[str, Any], name: str, at_most: int) -> list[Any]:
    several = answer.get(name, [])
    if not isinstance(several, list) or len(several) > at_most:
        raise ValueError(f"{name} is a list of at most {at_most}")
    return several


def _checked_fingerprint(
    kind: str, value: str, quality: object, part: str, *, kinds: frozenset[Kind]
) -> Fingerprint:
    parsed_kind = Kind(kind)
    if parsed_kind not in kinds:
        raise FingerprintError(f"no {kind} is made of such content")
    if quality is not None:
        _check_quality(quality)
    elif parsed_kind is Kind.PDQ:
        raise FingerprintError("a PDQ hash without its quality")
    read = check_value(parsed_kind, parse_value(parsed_kind, value))
    quality = quality if isinstance(quality, int) else None
    return Fingerprint(parsed_kind, read, quality=quality, part=str(part)[:_MAX_TEXT])


def _checked_view(transform: str, value: str, quality: object, part: str) -> QueryView:
    return QueryView(
        str(transform)[:_MAX_TEXT],
        parse_value(Kind.PDQ, value),
        _check_quality(quality),
        str(part)[:_MAX_TEXT],
    )


def _checked_local(value: str) -> bytes:
    if len(value) > 2 * _MAX_LOCAL_BYTES:
        raise FingerprintError("local features that are too many")
    return bytes.fromhex(value)


def _checked_still(parts: list[Any]) -> tuple[int, int, bytes] | None:
    """Return bare pixels; their number is checked when a Still is made of them."""
    if not parts:
        return None
    width, height, pixels = parts
    if len(pixels) > 2 * _MAX_STILL_BYTES:
        raise ValueError("a still that is too large")
    return int(width), int(height), bytes.fromhex(pixels)


def _checked_chunk(starts_s: object, lasts_s: object, carry: str) -> LiveChunk:
    for seconds in (lasts_s, 0.0 if starts_s is None else starts_s):
        if not isinstance(seconds, int | float) or not abs(seconds) <= _MAX_CLOCK_S:
            raise ValueError("a chunk begins and ends at some time")
    if not isinstance(lasts_s, int | float) or lasts_s < 0 or len(carry) > 2 * _MAX_LOCAL_BYTES:
        raise ValueError("a chunk that lasts less than nothing, or leaves too much over")
    starts = float(starts_s) if isinstance(starts_s, int | float) else None
    return LiveChunk(starts, float(lasts_s), bytes.fromhex(carry))


def _check_quality(quality: object) -> int:
    if not isinstance(quality, int) or not 0 <= quality <= 100:  # noqa: PLR2004 - its range
        raise FingerprintError(f"a quality is 0 to 100, not {quality!r:.20}")
    return quality
