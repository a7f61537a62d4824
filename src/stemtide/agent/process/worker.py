# SPDX-License-Identifier: Apache-2.0
"""Run one server process: alone, or as one of several behind a parent."""

import asyncio
import gc
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from importlib.util import find_spec
from types import FrameType
from typing import BinaryIO

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from stemtide.agent.config.settings import Config, ConfigError
from stemtide.agent.counters import Counters
from stemtide.agent.http.app import create_app
from stemtide.agent.store.database import Store
from stemtide.agent.store.schema import StoreError
from stemtide.agent.waits import wait_woken
from stemtide.fingerprints.limits import DecodingLimits, SandboxError
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.sandbox.walls import Wall, missing_walls, refusal
from stemtide.traces import spans
from stemtide.traces.spans import TracesError

logger = logging.getLogger(__name__)

STOP_S = 10
"""Seconds that requests under way may take once the agent is stopping."""

_LOOK_S = 1.0
"""Seconds after which a server looks whether it should stop, if no signal says so."""

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run_alone(config: Config, listener: socket.socket, *, on_start: Callable[[], None]) -> None:
    """Run the whole agent in this process until stopped. raises: ConfigError."""
    try:
        with _open_parts(config) as (store, sandbox):
            app = create_app(config, store=store, sandbox=sandbox)
            _run(AnnouncingServer(_settings(app), on_start=on_start), [listener])
    except StoreError as error:
        raise ConfigError("data_dir", str(error)) from error
    except SandboxError as error:
        raise ConfigError("workers", f"the sandbox does not start: {error}") from error


def run_with_others(
    config: Config,
    channel: socket.socket,
    *,
    lock: BinaryIO,
    counters: Counters,
    report: Callable[[str], None],
) -> None:
    """Serve the connections that the parent hands over, until stopped or orphaned.

    channel: connections arrive on it; its end means that the parent is gone.
    lock:    the store's directory lock, which the parent holds.
    report:  tells the parent "ready", "settled" and "stopping".

    raises:  ConfigError.
    """

    def start() -> None:
        counters.set("position", store.position)
        counters.set("pid", os.getpid())
        report("ready")

    try:
        with _open_parts(config, lock=lock) as (store, sandbox):
            app = create_app(
                config,
                store=store,
                sandbox=sandbox,
                counters=counters,
                on_settled=_once(report, "settled"),
            )
            settings = _settings(app, protocol=_counting_protocol(counters))
            stop = partial(report, "stopping")
            _run(_WorkerServer(settings, on_start=start, on_stop=stop, channel=channel), [])
    except StoreError as error:
        raise ConfigError("data_dir", str(error)) from error
    except SandboxError as error:
        raise ConfigError("workers", f"the sandbox does not start: {error}") from error


@contextmanager
def _open_parts(config: Config, *, lock: BinaryIO | None = None) -> Iterator[tuple[Store, Sandbox]]:
    """Open the store while the sandbox processes start. raises: ConfigError."""
    if config.local_features and find_spec("cv2") is None:
        remedy = "install OpenCV (pip install 'stemtide[local]'), or set it to false"
        raise ConfigError("local_features", remedy)
    limits = DecodingLimits(max_input_bytes=config.max_upload_bytes)
    with (
        _tracing(config),
        Sandbox(
            workers=config.workers, limits=limits, languages=config.text_in_pictures
        ) as sandbox,
        ThreadPoolExecutor(1, "start") as starter,
    ):
        warm = starter.submit(sandbox.walls)
        with Store(config.data_dir, lock=lock, has_local=config.local_features) as store:
            _check_walls(warm.result(), config)
            _check_reading(sandbox)
            yield store, sandbox


@contextmanager
def _tracing(config: Config) -> Iterator[None]:
    """Send spans if the environment asks for them. raises: ConfigError."""
    try:
        spans.start("stemtide-agent", instance=config.name)
    except TracesError as error:
        raise ConfigError("traces", str(error)) from error
    try:
        yield
    finally:
        spans.stop()


def _check_walls(standing: frozenset[Wall], config: Config) -> None:
    """Refuse to start without a wall that the settings do not name; log those that are missing.

    raises: ConfigError.
    """
    if reason := refusal(standing, accepted=config.accept_missing_walls):
        raise ConfigError("accept_missing_walls", reason)
    if missing := missing_walls(standing):
        logger.warning("decoders run without these walls: %s", ", ".join(missing))


def _check_reading(sandbox: Sandbox) -> None:
    """Refuse to start if text in pictures shall be read and cannot be. raises: ConfigError."""
    if not sandbox.languages:
        return
    try:
        sandbox.check_reading()
    except SandboxError as error:
        raise ConfigError("text_in_pictures", str(error)) from error


def _once(report: Callable[[str], None], state: str) -> Callable[[], None]:
    """Return a function that reports a state the first time only."""
    pending = [state]

    def call() -> None:
        if pending:
            report(pending.pop())

    return call


class AnnouncingServer(uvicorn.Server):
    """Server that calls on_start once it answers, and not after a failed start."""

    def __init__(self, settings: uvicorn.Config, *, on_start: Callable[[], None]) -> None:
        super().__init__(settings)
        self._on_start = on_start
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and call on_start."""
        await super().startup(sockets)
        if self.started:
            gc.freeze()  # what is there stays: to search it for cycles costs as much as 25 look-ups
            self._on_start()

    async def main_loop(self) -> None:
        """Wait until the server should stop.

        uvicorn looks ten times a second, and dates responses meanwhile, which ours are not.
        """
        self._loop = asyncio.get_running_loop()
        await self.on_tick(0)
        while not self.should_exit:
            await wait_woken(self._stopping, within_s=_LOOK_S)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop. Called as the handler of a signal."""
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)


class _WorkerServer(AnnouncingServer):
    """Server that does not listen: the parent accepts its connections."""

    def __init__(
        self,
        settings: uvicorn.Config,
        *,
        on_start: Callable[[], None],
        on_stop: Callable[[], None],
        channel: socket.socket,
    ) -> None:
        super().__init__(settings, on_start=on_start)
        self._on_stop = on_stop
        self._channel = channel
        self._opening: set[asyncio.Task[object]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._channel.setblocking(False)
        asyncio.get_running_loop().add_reader(self._channel.fileno(), self._receive_connection)
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop()
        asyncio.get_running_loop().remove_reader(self._channel.fileno())
        await super().shutdown(sockets)

    def _receive_connection(self) -> None:
        """Receive a connection from the parent."""
        try:
            message, numbers, _, _ = socket.recv_fds(self._channel, 1, 1)
        except BlockingIOError:
            return
        except OSError:  # the parent was killed before it read our messages
            message, numbers = b"", []
        if not message:
            os._exit(1)  # the parent was killed: end the agent, so that a new one can start
        for number in numbers:
            task = asyncio.create_task(self._open(socket.socket(fileno=number)))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        connection.setblocking(False)
        with suppress(OSError):  # the caller disconnected meanwhile
            await loop.connect_accepted_socket(self._new_protocol, connection)

    def _new_protocol(self) -> asyncio.Protocol:
        protocol: type[HttpToolsProtocol] = self.config.http_protocol_class  # type: ignore[assignment]  # as _settings said
        return protocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )


def _counting_protocol(counters: Counters) -> type[HttpToolsProtocol]:
    """Return a protocol class that counts ended connections for the parent."""

    class Counted(HttpToolsProtocol):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            counters.add("closed")

    return Counted


def _settings(
    app: ASGIApp, *, protocol: type[HttpToolsProtocol] = HttpToolsProtocol
) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=STOP_S,
        lifespan="on",
    )


def _run(server: AnnouncingServer, sockets: list[socket.socket]) -> None:
    is_main = threading.current_thread() is threading.main_thread()
    # uvicorn raises the signal again once it has stopped; a requested stop is no failure.
    before = (
        {stop: signal.signal(stop, _ignore_signal) for stop in _STOP_SIGNALS} if is_main else {}
    )
    try:
        server.run(sockets=sockets)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_signal(_number: int, _frame: FrameType | None) -> None:
    """Ignore a signal that was handled already."""
