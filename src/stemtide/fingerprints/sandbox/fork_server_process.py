# SPDX-License-Identifier: Apache-2.0
"""A process that has loaded decoders, and forks a locked-down worker whenever it is asked.

fork_server.py runs it as `python -m stemtide.fingerprints.sandbox.fork_server_process FD LIMITS
LANGUAGE …`.
It never sees content. Over the socket FD it is asked, in one byte each:

- FORK, with two sockets: fork a worker that serves the first. The second, its *tether*, gets the
  way in which the worker ended (a number, as of subprocess); as soon as the other side closes it,
  the worker is killed.
- a DecoderGroup, with a socket: fork another server, which loads the decoders of that group and
  is then asked over that socket. Pictures, by far the most frequent content, thus keep a small
  process that is quick to fork.

It ends, and its workers with it, when the other side closes the socket.
"""

import gc
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
from contextlib import suppress

from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.sandbox.channel import encode
from stemtide.fingerprints.sandbox.decoders import DecoderGroup, Decoders, load
from stemtide.fingerprints.sandbox.lockdown import (
    address_space_bytes,
    die_with_parent,
    isolate,
    lock_down,
)
from stemtide.fingerprints.sandbox.walls import Wall
from stemtide.fingerprints.sandbox.worker_process import serve

FORK = b"f"
ENDED = struct.Struct(">i")

_CHANNEL = 3
_MOST_FILES = 1024
"""Numbers of open files that a server has, so that a worker knows which to close."""


class _Server:
    """The loop of one server: requests over its socket, and workers that end."""

    def __init__(
        self,
        control: socket.socket,
        limits: DecodingLimits,
        walls: set[Wall],
        *,
        languages: tuple[str, ...],
    ) -> None:
        self._control = control
        self._limits = limits
        self._languages = languages
        self._walls = walls
        self._space_bytes = 0
        self._decoders = Decoders()
        self._workers: dict[int, socket.socket] = {}
        self._poll = select.poll()
        self._woken, self._waker = socket.socketpair()

    def start(self, group: DecoderGroup) -> None:
        """Load decoders, isolate this process, report, and serve until the other side closes."""
        try:
            self._decoders = load(group, languages=self._languages)
            self._walls |= isolate() if not self._walls else set()
        except Exception as error:  # noqa: BLE001 - told to the parent, who raises it
            report = {"error": f"{type(error).__name__}: {error}"}
            self._control.sendall(encode(report))
            return
        os.environ.clear()
        gc.collect()
        gc.freeze()  # a collection in a worker would touch, and so copy, every object
        self._space_bytes = address_space_bytes()
        self._control.sendall(encode({"pid": os.getpid()}))
        self._watch()

    def _watch(self) -> None:
        for end in (self._woken, self._waker):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for watched in (self._control, self._woken):
            self._poll.register(watched, select.POLLIN)
        while True:
            for number, _ in self._poll.poll():
                if number == self._woken.fileno():
                    with suppress(BlockingIOError):
                        self._woken.recv(4096)
                    self._reap()
                elif number != self._control.fileno():
                    self._kill(number)
                elif not self._serve_request():
                    self._end()
                    return

    def _serve_request(self) -> bool:
        """Serve one request; False if the other side has closed."""
        try:
            request, numbers, _, _ = socket.recv_fds(self._control, 1, 2)
        except ConnectionError:
            return False
        sockets = [socket.socket(fileno=number) for number in numbers]
        if request == FORK and len(sockets) == 2:  # noqa: PLR2004 - the channel and the tether
            self._fork_worker(*sockets)
        elif len(sockets) == 1:
            self._fork_server(sockets[0], DecoderGroup(request.decode()))
        return bool(request)

    def _fork_worker(self, channel: socket.socket, tether: socket.socket) -> None:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            try:
                die_with_parent(parent)
                self._become_worker(channel.fileno())
            finally:
                os._exit(1)
        channel.close()
        self._workers[pid] = tether
        self._poll.register(tether, select.POLLIN)

    def _become_worker(self, channel: int) -> None:
        """Keep nothing of the server's but what was loaded; serve one piece of content; end."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(channel, _CHANNEL)
        os.closerange(_CHANNEL + 1, _MOST_FILES)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=_CHANNEL)
        walls = self._walls | lock_down(self._limits, space_bytes=self._space_bytes)
        serve(connection, limits=self._limits, walls=walls, decoders=self._decoders)
        os._exit(0)

    def _fork_server(self, control: socket.socket, group: DecoderGroup) -> None:
        """Fork a server of more decoders, which begins with what is loaded here."""
        parent = os.getpid()
        if os.fork() != 0:
            control.close()
            return
        try:
            die_with_parent(parent)
            signal.set_wakeup_fd(-1)
            for old in (self._control, self._woken, self._waker, *self._workers.values()):
                old.close()
            server = _Server(control, self._limits, self._walls, languages=self._languages)
            server.start(group)
        finally:
            os._exit(0)

    def _reap(self) -> None:
        """Report the workers that have ended."""
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = ended
                if tether := self._workers.pop(pid, None):
                    with suppress(KeyError):  # it was closed, and the worker killed
                        self._poll.unregister(tether)
                    with suppress(OSError):
                        tether.send(ENDED.pack(os.waitstatus_to_exitcode(status)))
                    tether.close()

    def _kill(self, number: int) -> None:
        """Kill the worker whose tether was closed; it is reaped when it has ended."""
        for pid, tether in self._workers.items():
            if tether.fileno() == number:
                self._poll.unregister(tether)
                os.kill(pid, signal.SIGKILL)
                return

    def _end(self) -> None:
        for pid in self._workers:
            os.kill(pid, signal.SIGKILL)
        for pid in self._workers:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def main(control: int, limits: DecodingLimits, languages: tuple[str, ...] = ()) -> None:
    """Serve until the other side closes the socket."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    number = os.dup(control)  # below that limit, whatever its number was in the parent
    os.close(control)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    server = _Server(socket.socket(fileno=number), limits, set(), languages=languages)
    server.start(DecoderGroup.PICTURES)


if __name__ == "__main__":
    main(int(sys.argv[1]), DecodingLimits(**json.loads(sys.argv[2])), tuple(sys.argv[3:]))
