# SPDX-License-Identifier: Apache-2.0
"""The parent's end of one worker of the sandbox: start it, ask it, doubt it, end it."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import stemtide
from stemtide.fingerprints.kinds import (
    LIMIT,
    UNDECODABLE,
    Fingerprint,
    FingerprintError,
    Kind,
    parse_value,
)
from stemtide.fingerprints.limits import Limits, SandboxError

_LENGTH_OUT = struct.Struct(">Q")
_LENGTH_IN = struct.Struct(">I")
_MAX_ANSWER_BYTES = 1 << 20
_MAX_REMARKS = 16
_MAX_TEXT = 300
_END_S = 10.0

_ENVIRONMENT = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TZ", "VIRTUAL_ENV")
"""What a worker gets of our environment: no secret can leak from what it was never given."""

_ONE_THREAD = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


_KEEP_MEMORY = dict.fromkeys(("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"), str(64 << 20))
"""Lets glibc keep memory between pictures: giving it back and taking it again costs a third of
the time that a picture of one megapixel takes."""


class WorkerFailedError(Exception):
    """A worker did not answer. The message is the remark that the content gets."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker found, checked."""

    each: tuple[Fingerprint, ...] = ()
    media_type: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def is_incomplete(self) -> bool:
        """Whether something went wrong on the way."""
        return any(remark.startswith((UNDECODABLE, LIMIT)) for remark in self.remarks)


class Worker:
    """One worker process. Starting does not wait; `wait_ready` does.

    items: how many pieces of content it was asked about.
    walls: what it says it has given up (see `_worker.raise_walls`), once it is ready.
    """

    def __init__(self, limits: Limits) -> None:
        self.items = 0
        self.walls: tuple[str, ...] = ()
        self._limits = limits
        self._started = time.monotonic()
        self._deadline = 0.0
        self._is_ready = False
        self._ready_turn = threading.Lock()
        self._channel, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-P", "-s", "-m", "stemtide.fingerprints._worker"]
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                    [*command, str(theirs.fileno()), json.dumps(asdict(limits))],
                    pass_fds=[theirs.fileno()],
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            except OSError as error:
                self._channel.close()
                raise SandboxError(f"no worker can be started: {error}") from error

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._process.pid

    def wait_ready(self) -> None:
        """Wait until the worker has raised its walls.

        raises: SandboxError if it does not get so far.
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
            self.walls = tuple(hello.get("walls", ()))
            self._is_ready = True

    def ask(self, blob: bytes) -> None:
        """Hand a piece of content over; its time runs from now.

        raises: WorkerFailedError with the remark for the content.
        """
        self.items += 1
        self._deadline = time.monotonic() + self._limits.wall_s
        try:
            self._channel.settimeout(self._limits.wall_s)
            self._channel.sendall(_LENGTH_OUT.pack(len(blob)))
            self._channel.sendall(blob)
        except TimeoutError as error:
            raise self._too_slow() from error
        except OSError as error:
            raise WorkerFailedError(self._why_it_ended()) from error

    def answer(self) -> Answer:
        """Wait for what the worker found, no longer than its time.

        raises: WorkerFailedError with the remark for the content.
        """
        try:
            return _checked(self._receive(until=self._deadline))
        except TimeoutError as error:
            raise self._too_slow() from error
        except (EOFError, OSError) as error:
            raise WorkerFailedError(self._why_it_ended()) from error
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise WorkerFailedError(f"{UNDECODABLE}the decoder gave no sensible answer") from error

    def is_dead(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def end(self) -> None:
        """End the process now, and wait until it is gone."""
        with suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for an answer
        self._process.kill()
        self._process.wait()
        self._channel.close()

    def disown(self) -> None:
        """In a forked process: let go of a worker that is the parent's."""
        self._channel.close()
        self._process.returncode = 0  # not ours to wait for

    def _receive(self, *, until: float) -> dict[str, Any]:
        size = _LENGTH_IN.unpack(self._receive_bytes(_LENGTH_IN.size, until=until))[0]
        if size > _MAX_ANSWER_BYTES:
            raise ValueError(f"an answer of {size} bytes")
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
            f"{LIMIT}decoding it takes more than {self._limits.wall_s:g} s on the clock (wall_s)"
        )

    def _why_it_ended(self) -> str:
        """Turn the way in which a worker ended into the remark for the content."""
        how = self._how_it_ended()
        if how == "SIGXCPU":
            spent = f"more than {self._limits.cpu_s} s of processor time (cpu_s)"
            return f"{LIMIT}decoding it takes {spent}"
        if how == "SIGALRM":
            return str(self._too_slow())
        if how in {"SIGKILL", "SIGTERM", "SIGINT"}:
            return (
                f"{UNDECODABLE}the worker was ended from outside while it decoded this ({how}),"
                " perhaps because the machine is short of memory; try again"
            )
        return f"{UNDECODABLE}it makes the decoder crash ({how})"

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


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    home = str(Path(stemtide.__file__).parents[1])
    return kept | dict.fromkeys(_ONE_THREAD, "1") | _KEEP_MEMORY | {"PYTHONPATH": home}


def _checked(answer: dict[str, Any]) -> Answer:
    """Believe nothing that a worker says: content may have taken it over."""
    each = tuple(_checked_fingerprint(*one) for one in answer.get("each", ()))
    remarks = tuple(str(remark)[:_MAX_TEXT] for remark in answer.get("remarks", ()))
    media_type = str(answer.get("media_type", ""))[:_MAX_TEXT]
    return Answer(each=each, media_type=media_type, remarks=remarks[:_MAX_REMARKS])


def _checked_fingerprint(value: str, quality: object, part: str) -> Fingerprint:
    if not isinstance(quality, int) or not 0 <= quality <= 100:  # noqa: PLR2004 - its range
        raise FingerprintError(f"a quality is 0 to 100, not {quality!r:.20}")
    return Fingerprint(
        Kind.PDQ, parse_value(Kind.PDQ, value), quality=quality, part=str(part)[:_MAX_TEXT]
    )
