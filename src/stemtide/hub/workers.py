# SPDX-License-Identifier: Apache-2.0
"""Run the hub in several processes of one machine: uvicorn's process manager starts the workers.

1 The parent prepares the database, and listens with a socket for each worker, over which the kernel
  spreads connections. It answers nothing, and has the sockets open while workers come and go, so
  that no connection is refused: it waits for the next worker.
2 Each worker is a whole hub. One that dies is replaced, and one that hangs, too.
3 SIGHUP replaces the workers one after the other. Each goes once the next answers: it ends its
  streams first, so that agents open others, and then the requests that it has.
4 A worker whose parent is gone stops.
"""

import asyncio
import contextlib
import http.client
import logging
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from uvicorn import Config
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from stemtide.hub import boot

if TYPE_CHECKING:
    from stemtide.hub.api.asgi import Application, Receive, Scope, Send

log = logging.getLogger("uvicorn.error")

HUNG_S = 30
"""Seconds after which a silent worker counts as hung."""

START_S = 600
"""Seconds in which the next worker must answer. It may bring tables up to date on a busy host."""


class WorkersError(Exception):
    """Workers do not start. The message names the remedy."""


def serve(host: str, port: int, *, workers: int, ready: Callable[[str], None]) -> None:
    """Run the hub in several processes until SIGTERM or SIGINT.

    port: 0 takes a free one. ready is called with the address once a worker answers.

    raises: what boot.serve raises; WorkersError, also on SQLite.
    """
    boot.prepare()
    from django.db import connection  # noqa: PLC0415  # needs prepare() first

    if connection.vendor == "sqlite":
        raise WorkersError(
            "several workers need PostgreSQL: SQLite has one lock for all writers, for which"
            " processes wait unfairly. Set STEMTIDE_DATABASE_URL, or start one worker"
        )
    connection.close()
    config = Config(
        f"{__name__}:worker",
        factory=True,
        workers=workers,
        timeout_worker_healthcheck=HUNG_S,
        **boot.server_options() | {"lifespan": "on"},
    )
    log.setLevel(logging.INFO)  # it says which worker died
    with boot.listen(host, port) as first:  # refuses an address that another hub has
        port = first.getsockname()[1]
    with contextlib.ExitStack() as stack:
        sockets = [
            stack.enter_context(boot.listen(host, port, is_one_of_many=True))
            for _ in range(workers)
        ]
        stack.enter_context(_signals_restored())
        address = boot.address_of(sockets[0], host=host)
        threading.Thread(
            target=_report_ready, args=(sockets[0], lambda: ready(address)), daemon=True
        ).start()
        manager = _Manager(config, sockets=sockets)
        manager.run()
        if any(process.exitcode == STARTUP_FAILURE for process in manager.processes):
            raise WorkersError("a worker did not start: the lines above say why")


class _Manager(Multiprocess):
    """uvicorn's manager, with a socket for each worker: with one for all, one worker gets most."""

    def init_processes(self) -> None:
        """Start the workers."""
        self.processes = [self._start(place) for place in range(self.processes_num)]

    def restart_all(self) -> None:
        """Replace each worker, once the next one in its place answers."""
        for place, old in enumerate(self.processes):
            new = self._start(place)
            if not new.wait_until_ready(START_S, self.should_exit):
                new.kill()
                new.join()
                log.error("worker %s did not start: the restart ends, %s goes on", new.pid, old.pid)
                return
            old.terminate()
            old.join()
            self.processes[place] = new

    def keep_subprocess_alive(self) -> None:
        """Replace workers that died or hang; stop if they cannot start."""
        for place, process in enumerate(self.processes):
            if self.should_exit.is_set() or process.is_alive(timeout=HUNG_S):
                continue
            process.kill()
            process.join()
            if process.exitcode == STARTUP_FAILURE:
                self.should_exit.set()
                return
            log.warning("worker %s died", process.pid)
            self.processes[place] = self._start(place)

    def _start(self, place: int) -> Process:
        """Start a worker with the socket of its place."""
        process = Process(self.config, [self.sockets[place]])
        process.start()
        return process


def worker() -> "Application":
    """Return the application of a worker. uvicorn calls it in each new process."""
    threading.Thread(target=_stop_with_parent, name="parent", daemon=True).start()
    with ThreadPoolExecutor(1) as thread:  # Django does not ask the database beside an event loop
        thread.submit(_prepare_worker).result()
    from stemtide.hub.asgi import application  # noqa: PLC0415  # needs start() first

    async def answer(scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        else:
            await application(scope, receive, send)

    return answer


def _prepare_worker() -> None:
    """Set up Django, and the tables: after an upgrade a restart brings the new version."""
    boot.start()
    from django.db import connection  # noqa: PLC0415  # needs start() first

    try:
        boot.migrate()
    finally:
        connection.close()


async def _live(receive: "Receive", send: "Send") -> None:
    """Run the threads of a worker from its start to its end."""
    await receive()
    async with _background(), _streams_end_first():
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})


@contextlib.asynccontextmanager
async def _background() -> AsyncIterator[None]:
    """Run the threads of a hub, which ask the database, beside the event loop."""
    from django.db import connection  # noqa: PLC0415  # needs start() first

    threads = boot.background_threads()

    def change(is_start: bool) -> None:  # noqa: FBT001  # called by name below
        try:
            if is_start:
                threads.__enter__()
            else:
                threads.__exit__(None, None, None)
        finally:
            connection.close()

    await asyncio.to_thread(change, is_start=True)
    try:
        yield
    finally:
        await asyncio.to_thread(change, is_start=False)


@contextlib.asynccontextmanager
async def _streams_end_first() -> AsyncIterator[None]:
    """Close the streams as soon as the worker must stop: uvicorn waits for their end."""
    from stemtide.hub.notifier import notifier  # noqa: PLC0415  # needs start() first

    def wrap(number: int) -> None:
        before = signal.getsignal(number)

        def stop(sig: int, frame: object) -> None:
            notifier.close()
            if callable(before):
                before(sig, frame)  # type: ignore[arg-type]  # a frame, as it came

        signal.signal(number, stop)

    for number in (signal.SIGTERM, signal.SIGINT):
        wrap(number)
    yield


def _stop_with_parent() -> None:
    """Stop this worker once its parent is gone, so that a new hub can take its place."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _report_ready(listening: socket.socket, ready: Callable[[], None]) -> None:
    """Call ready once a worker answers, with any status."""
    host, port = listening.getsockname()[:2]
    own = http.client.HTTPConnection(host, port)
    try:
        own.request("GET", "/health")
        own.getresponse()
    except (OSError, http.client.HTTPException):  # the hub stopped before a worker answered
        return
    finally:
        own.close()
    ready()


@contextlib.contextmanager
def _signals_restored() -> Iterator[None]:
    """Restore the handlers of signals that uvicorn's manager replaced."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
