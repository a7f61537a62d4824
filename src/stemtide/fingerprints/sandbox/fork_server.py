# SPDX-License-Identifier: Apache-2.0
"""The parent's side of a process that forks workers: start it, ask it for workers, end it."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Self

import msgspec

import stemtide
from stemtide.fingerprints.external.installed import locations
from stemtide.fingerprints.limits import DecodingLimits, SandboxError
from stemtide.fingerprints.sandbox.channel import Inbox
from stemtide.fingerprints.sandbox.decoders import DecoderGroup
from stemtide.fingerprints.sandbox.fork_server_process import ENDED, FORK

_END_S = 10.0
_HELLO_BYTES = 4096
_KILLED = -signal.SIGKILL

_ENVIRONMENT = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TZ", "VIRTUAL_ENV")
"""Variables of our environment that the process gets: it cannot leak secrets that it never had."""

_ONE_THREAD = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


_KEEP_MEMORY = dict.fromkeys(("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"), str(64 << 20))
"""Lets glibc keep memory between the frames of a piece of content: releasing and reallocating it
costs a third of the time of a picture of one megapixel.
"""


class ForkServer:
    """A process that has the decoders of one group and forks workers. Starting does not wait."""

    def __init__(
        self,
        control: socket.socket,
        limits: DecodingLimits,
        *,
        process: "subprocess.Popen[bytes] | None" = None,
    ) -> None:
        self._control = control
        self._limits = limits
        self._process = process
        self._started = time.monotonic()
        self._is_ready = False
        self._trouble = ""
        self._ready_turn = threading.Lock()
        self._ask_turn = threading.Lock()

    @classmethod
    def start(cls, limits: DecodingLimits, *, languages: tuple[str, ...] = ()) -> Self:
        """Start the server for pictures.

        languages: of texts in pictures.

        raises: SandboxError.
        """
        control, theirs = socket.socketpair()
        with theirs:
            try:
                process = _start(theirs.fileno(), limits, languages)
            except OSError as error:
                control.close()
                raise SandboxError(f"no worker can be started: {error}") from error
        return cls(control, limits, process=process)

    def grow(self, group: DecoderGroup) -> "ForkServer":
        """Have a server with more decoders forked from this one.

        raises: OSError if this one has ended.
        """
        control, theirs = socket.socketpair()
        with theirs:
            self._ask(group.encode(), theirs)
        return ForkServer(control, self._limits)

    def fork(self) -> tuple[socket.socket, socket.socket]:
        """Have a worker forked; this does not wait for it.

        returns: its channel, and its tether: see fork_server_process.py.
        raises:  OSError if the server has ended.
        """
        channel, their_channel = socket.socketpair()
        tether, their_tether = socket.socketpair()
        try:
            with their_channel, their_tether:
                self._ask(FORK, their_channel, their_tether)
        except OSError:
            channel.close()
            tether.close()
            raise
        return channel, tether

    def _ask(self, request: bytes, *sockets: socket.socket) -> None:
        with self._ask_turn:
            numbers = [sent.fileno() for sent in sockets]
            socket.send_fds(self._control, [request], numbers)

    def wait_ready(self) -> None:
        """Wait until the decoders are loaded.

        raises: SandboxError with the reason if they are not.
        """
        with self._ready_turn:
            if not self._is_ready and not self._trouble:
                self._trouble = self._why_not_ready()
                self._is_ready = not self._trouble
        if self._trouble:
            raise SandboxError(self._trouble)

    def _why_not_ready(self) -> str:
        """Wait for the first message; return what went wrong, "" if nothing did."""
        until = self._started + self._limits.start_s
        try:
            hello = Inbox(self._control).receive(at_most=_HELLO_BYTES, until=until)
            error = msgspec.json.decode(hello, type=dict[str, int | str]).get("error")
        except TimeoutError:
            return f"a worker was not ready within {self._limits.start_s:g} s (start_s)"
        except (OSError, ValueError):
            return f"a worker did not start: {self._how_it_ended()}"
        finally:
            self._control.settimeout(None)
        return f"a worker did not start: {error}" if error else ""

    def _how_it_ended(self) -> str:
        if self._process is None:
            return "its server has ended"
        with suppress(subprocess.TimeoutExpired):
            return ended_by(self._process.wait(_END_S))
        return "it closed its end and went on"

    def is_dead(self) -> bool:
        """Whether the process has ended, or never became ready."""
        if self._trouble:
            return True
        if self._process is not None:
            return self._process.poll() is not None
        return self._is_ready and _is_readable(self._control)

    def end(self) -> None:
        """End the process and its workers, and wait until they are gone."""
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        if self._process is not None:
            if not self._is_ready:
                self._process.kill()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_S)
            self._process.kill()
            self._process.wait()
        self._control.close()

    def disown(self) -> None:
        """Release, in a forked process, a server that belongs to the parent."""
        self._control.close()
        if self._process is not None:
            self._process.returncode = 0  # not ours to wait for


def how_ended(tether: socket.socket) -> int:
    """Wait until a worker has ended; return how, as subprocess does.

    A worker whose server has ended was killed by that.
    """
    with suppress(OSError):
        tether.settimeout(_END_S)
        code = tether.recv(ENDED.size, socket.MSG_WAITALL)
        if len(code) == ENDED.size:
            return int(ENDED.unpack(code)[0])
    return _KILLED


def has_ended(tether: socket.socket) -> bool:
    """Whether a worker has ended."""
    return _is_readable(tether)


def ended_by(code: int) -> str:
    """Return the signal or the exit code by which a process ended, in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _is_readable(watched: socket.socket) -> bool:
    poll = select.poll()
    poll.register(watched, select.POLLIN)
    return bool(poll.poll(0))


def _start(
    control: int, limits: DecodingLimits, languages: tuple[str, ...]
) -> "subprocess.Popen[bytes]":
    module = "stemtide.fingerprints.sandbox.fork_server_process"
    arguments = [str(control), json.dumps(asdict(limits)), *languages]
    return subprocess.Popen(  # noqa: S603 - our own module, no shell
        [sys.executable, "-P", "-s", "-m", module, *arguments],
        pass_fds=[control],
        cwd="/",
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _environment() -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    home = os.pathsep.join([str(Path(stemtide.__file__).parents[1]), *locations()])
    return inherited | dict.fromkeys(_ONE_THREAD, "1") | _KEEP_MEMORY | {"PYTHONPATH": home}
