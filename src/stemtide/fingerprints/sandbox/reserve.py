# SPDX-License-Identifier: Apache-2.0
"""Workers that are ready before they are needed, and the servers that fork them."""

import threading
from contextlib import suppress

from stemtide.fingerprints.limits import DecodingLimits, SandboxError
from stemtide.fingerprints.sandbox.decoders import DecoderGroup
from stemtide.fingerprints.sandbox.fork_server import ForkServer
from stemtide.fingerprints.sandbox.walls import Wall
from stemtide.fingerprints.sandbox.worker import Worker


class Reserve:
    """Ready workers of each group of decoders. Thread-safe.

    A group's server is started when its first worker is needed. A dead process is replaced.

    size:     number of workers of a group that are kept ready.
    languages: of texts in pictures.
    standing: the walls around the last worker that became ready; None before the first.
    """

    def __init__(
        self, limits: DecodingLimits, *, size: int, languages: tuple[str, ...] = ()
    ) -> None:
        self._limits = limits
        self._languages = languages
        self._size = size
        self._servers: dict[DecoderGroup, ForkServer] = {}
        self._ready: dict[DecoderGroup, list[Worker]] = {group: [] for group in DecoderGroup}
        self._started: set[DecoderGroup] = set()
        self.standing: frozenset[Wall] | None = None
        self._turn = threading.Lock()
        self._is_closed = False

    def take(self, group: DecoderGroup) -> Worker:
        """Return a worker that is ready for one piece of content; the caller ends it.

        raises: SandboxError if no worker can be started.
        """
        try:
            return self._take(group)
        except SandboxError:
            with self._turn:
                had_started = group in self._started
                self._started.discard(group)
            if not had_started:
                raise
        return self._take(group)  # its server was killed just now: a new one is started

    def _take(self, group: DecoderGroup) -> Worker:
        with self._turn:
            self._drop_dead(group)
            ready = self._ready[group]
            worker = ready.pop(0) if ready else self._fork(group)
        try:
            worker.wait_ready()
        except SandboxError:
            worker.end()
            raise
        self.standing = worker.walls
        with self._turn:
            self._started.add(group)
        return worker

    def fill(self, group: DecoderGroup) -> None:
        """Have workers forked until enough are ready; this does not wait for them."""
        with self._turn, suppress(SandboxError):  # the next caller tries again, and gets the error
            while len(self._ready[group]) < self._size and not self._is_closed:
                self._ready[group].append(self._fork(group))

    def walls(self) -> frozenset[Wall]:
        """Wait until the workers for pictures are ready; return the walls that stand around them.

        raises: SandboxError if one does not start.
        """
        with self._turn:
            self._drop_dead(DecoderGroup.PICTURES)
            if not self._ready[DecoderGroup.PICTURES]:
                self._ready[DecoderGroup.PICTURES].append(self._fork(DecoderGroup.PICTURES))
        self.fill(DecoderGroup.PICTURES)
        with self._turn:
            ready = list(self._ready[DecoderGroup.PICTURES])
        for worker in ready:
            worker.wait_ready()
        self.standing = frozenset.intersection(*(worker.walls for worker in ready))
        return self.standing

    def close(self) -> None:
        """End all servers and ready workers, and wait until they are gone."""
        with self._turn:
            self._is_closed = True
            workers = [worker for ready in self._ready.values() for worker in ready]
            servers, self._servers = list(self._servers.values()), {}
            self._ready = {group: [] for group in DecoderGroup}
        for worker in workers:
            worker.end()
        for server in reversed(servers):
            server.end()

    def disown(self) -> None:
        """Release, in a forked process, what belongs to the parent."""
        for ready in self._ready.values():
            for worker in ready:
                worker.disown()
        for server in self._servers.values():
            server.disown()

    def _fork(self, group: DecoderGroup) -> Worker:
        if self._is_closed:
            raise SandboxError("the sandbox is closed: make a new one")
        try:
            return Worker(self._server(group), self._limits)
        except OSError as error:
            for server in self._servers.values():
                server.wait_ready()  # raises why it ended, if it never became ready
            raise SandboxError(f"no worker can be started: {error}") from error

    def _server(self, group: DecoderGroup) -> ForkServer:
        """Return the running server of a group."""
        if (server := self._servers.get(group)) and server.is_dead():
            self._servers.pop(group).end()
        if group not in self._servers:
            self._servers[group] = (
                ForkServer.start(self._limits, languages=self._languages)
                if group is DecoderGroup.PICTURES
                else self._server(DecoderGroup.PICTURES).grow(group)
            )
        return self._servers[group]

    def _drop_dead(self, group: DecoderGroup) -> None:
        """Forget ready workers that were ended from outside."""
        for worker in [ready for ready in self._ready[group] if ready.is_dead()]:
            worker.end()
            self._ready[group].remove(worker)
