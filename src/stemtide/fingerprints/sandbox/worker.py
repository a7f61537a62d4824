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
    Asked,
    LiveChunk,
    Look,
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
from stemtide.fingerprints.limits import Limits, SandboxError
from stemtide.fingerprints.sandbox.shared_memory import Tray
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


class _TooLongError(ValueError):
    """A worker announces an answer that is longer than one may be."""


class Worker:
    """One worker process. Starting does not wait; `wait_ready` does.

    items: how many pieces of content it was asked about.
    walls: what it says it has given up (see `walls.raise_walls`), once it is ready.
    """

    def __init__(self, limits: Limits) -> None:
        self.items = 0
        self.walls: tuple[str, ...] = ()
        self._limits = limits
        self._started = time.monotonic()
        self._asked_at = 0.0
        self._for = limits  # of the modality that the content is of
        self._is_ready = False
        self._ready_turn = threading.Lock()
        self._tray = Tray()
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

    def ask(self, content: bytes | int, *, asked: Asked | None = None, modality: str = "") -> None:
        """Hand a piece of content over; its time runs from now.

        content:  the bytes, or the number of a file opened for reading.
        modality: of MODALITIES; "": the worker finds out.
        raises: WorkerFailedError with the remark for the content.
        """
        self.items += 1
        self._asked_at = time.monotonic()
        self._for = self._limits_of(modality or FALLBACK)
        question = {"modality": modality, "asked": asdict(asked or Asked())}
        try:
            self._channel.settimeout(self._for.wall_s)
            if not isinstance(content, bytes):
                self._put(question, file=content)
            elif self._tray.lay(content):
                self._put({**question, "laid": len(content)}, file=self._tray.file)
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

    def answer(self, *, progress: Progress = no_progress) -> Look:
        """Wait for what the worker found, no longer than its time.

        progress: called meanwhile, in this thread; what it raises ends the wait.
        raises: WorkerFailedError with the remark for the content.
        """
        name = FALLBACK
        for _ in range(_MAX_MESSAGES):
            with self._doubting():
                message = self._receive(until=self._asked_at + self._for.wall_s)
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
        """End the process now, and wait until it is gone."""
        with suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for an answer
        self._process.kill()
        self._process.wait()
        self._let_go()

    def disown(self) -> None:
        """In a forked process: let go of a worker that is the parent's."""
        self._let_go()
        self._process.returncode = 0  # not ours to wait for

    def _let_go(self) -> None:
        self._channel.close()
        self._tray.clear_away()
        leash, self._leash = self._leash, -1
        if leash >= 0:
            os.close(leash)

    def _limits_of(self, modality: str) -> Limits:
        return self._limits.for_long() if MODALITIES[modality].is_long else self._limits

    @contextmanager
    def _doubting(self) -> Iterator[None]:
        """Turn whatever a worker may do in place of an answer into the remark for the content."""
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
        """Turn the way in which a worker ended into the remark for the content."""
        how = self._how_it_ended()
        if how == "SIGXCPU":
            spent = f"more than {self._for.cpu_s} s of processor time (cpu_s)"
            return f"{LIMIT}decoding it takes {spent}"
        if how == "SIGXFSZ":
            return f"{LIMIT}{WRITING}"
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


def _start(leash: int, channel: int, limits: Limits) -> "subprocess.Popen[bytes]":
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
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    home = str(Path(stemtide.__file__).parents[1])
    return kept | dict.fromkeys(_ONE_THREAD, "1") | _KEEP_MEMORY | {"PYTHONPATH": home}


def checked(answer: dict[str, Any], *, kinds: frozenset[Kind]) -> Look:
    """Believe nothing that a worker says: content may have taken it over.

    kinds:  of fingerprints that the modality makes.
    raises: ValueError, TypeError and their like if it is not an answer of the promised form.
    """
    each = tuple(_checked_fingerprint(*one, kinds=kinds) for one in _few(answer, "each", _MAX_EACH))
    remarks = [str(remark)[:_MAX_TEXT] for remark in answer.get("remarks", ())]
    if len(remarks) > _MAX_REMARKS:  # what could not be looked at may not be cut off
        remarks.sort(key=lambda one: not one.startswith((UNDECODABLE, LIMIT)))
    return Look(
        Fingerprints(
            each=each,
            media_type=str(answer.get("media_type", ""))[:_MAX_TEXT],
            remarks=tuple(remarks[:_MAX_REMARKS]),
            views=tuple(_checked_view(*one) for one in _few(answer, "views", _MAX_VIEWS)),
        ),
        local=tuple(_checked_local(one) for one in _few(answer, "local", _MAX_LOCAL)),
        still=_checked_still(_few(answer, "still", 3)),
        chunk=_checked_chunk(*one) if (one := answer.get("chunk")) else None,
    )


def _few(answer: dict[str, Any], name: str, at_most: int) -> list[Any]:
    several = answer.get(name, [])
    if not isinstance(several, list) or len(several) > at_most:
        raise ValueError(f"{name} is a list of at most {at_most}")
    return several


def _checked_fingerprint(
    kind: str, value: str, quality: object, part: str, *, kinds: frozenset[Kind]
) -> Fingerprint:
    known = Kind(kind)
    if known not in kinds:
        raise FingerprintError(f"no {kind} is made of such content")
    if quality is not None:
        _check_quality(quality)
    elif known is Kind.PDQ:
        raise FingerprintError("a PDQ hash without its quality")
    read = check_value(known, parse_value(known, value))
    quality = quality if isinstance(quality, int) else None
    return Fingerprint(known, read, quality=quality, part=str(part)[:_MAX_TEXT])


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
    """Bare pixels; whether they are as many as the sides say is checked by whoever draws them."""
    if not parts:
        return None
    width, height, pixels = parts
    if len(pixels) > 2 * _MAX_STILL_BYTES:
        raise ValueError("a still that is too large")
    return int(width), int(height), bytes.fromhex(pixels)


def _checked_chunk(starts_s: object, lasts_s: object, carry: str) -> LiveChunk:
    for one in (lasts_s, 0.0 if starts_s is None else starts_s):
        if not isinstance(one, int | float) or not abs(one) <= _MAX_CLOCK_S:
            raise ValueError("a chunk begins and ends at some time")
    if not isinstance(lasts_s, int | float) or lasts_s < 0 or len(carry) > 2 * _MAX_LOCAL_BYTES:
        raise ValueError("a chunk that lasts less than nothing, or leaves too much over")
    starts = float(starts_s) if isinstance(starts_s, int | float) else None
    return LiveChunk(starts, float(lasts_s), bytes.fromhex(carry))


def _check_quality(quality: object) -> int:
    if not isinstance(quality, int) or not 0 <= quality <= 100:  # noqa: PLR2004 - its range
        raise FingerprintError(f"a quality is 0 to 100, not {quality!r:.20}")
    return quality
