# SPDX-License-Identifier: Apache-2.0
"""Run the agent as one process, or as a parent with several processes that answer.

The parent listens, accepts, and hands each connection to the process that has the fewest; it does
nothing else, keeps no file open and starts no thread, so that it can fork at any time.

1 The first process is started alone: it is the primary and brings the store up to date.
2 When it answers, so does the agent. When it has written its files, the others start.
3 A process that dies is replaced, after a wait that grows while it keeps dying.
4 To stop, the parent stops accepting, signals the others, and waits for them.
"""

import errno
import gc
import json
import logging
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import BinaryIO

from stemtide.agent.config.settings import Config, ConfigError
from stemtide.agent.counters import Counters
from stemtide.agent.http.metrics import shadow_columns
from stemtide.agent.memory import limit_pools
from stemtide.agent.process.worker import STOP_S, run_alone, run_with_others
from stemtide.agent.review.sessions import make_link
from stemtide.agent.store import schema
from stemtide.agent.waits import Backoff
from stemtide.logs import LogFormat, stderr_handler
from stemtide.private_files import close_umask

logger = logging.getLogger(__name__)

_STABLE_S = 30.0  # a worker that ran so long is restarted at once
_FULL_S = 0.01
_EXIT_MISUSED = 2


def serve(
    config: Config, *, as_json: bool = False, announce: Callable[[str], None] | None = None
) -> None:
    """Run the agent until SIGTERM or Ctrl-C; requests under way are finished first.

    as_json:  print the address as a line of JSON on stdout instead of a sentence on stderr.
    announce: called with the address instead, once the agent answers there.
    raises:   ConfigError for a setting that does not work here.
    """
    close_umask()
    limit_pools()
    _set_up_logging(config.log_format)
    print_address = partial(_print_json if as_json else _print_plain, config)
    announce_address = announce or print_address
    with _bind(config) as listener:
        address = _address(listener)
        if config.http_workers == 1:
            run_alone(config, listener, on_start=lambda: announce_address(address))
            return
        try:
            lock = schema.lock_directory(config.data_dir)
        except schema.StoreError as error:
            raise ConfigError("data_dir", str(error)) from error
        with lock:
            Supervisor(
                config, listener, lock=lock, on_start=lambda: announce_address(address)
            ).run()


@dataclass(slots=True)
class _Child:
    """A worker process. channel: our end; handed: connections that we passed to it."""

    pid: int
    channel: socket.socket
    started_at: float
    closed_before: int
    handed: int = 0
    is_ready: bool = False
    heard: bytes = b""


class Supervisor:
    """Supervisor of several worker processes."""

    def __init__(
        self,
        config: Config,
        listener: socket.socket,
        *,
        lock: BinaryIO,
        on_start: Callable[[], None],
    ) -> None:
        self._config = config
        self._listener = listener
        self._lock = lock
        self._on_start = on_start
        self._tally = Counters(config.http_workers, more=shadow_columns(config.policies))
        self._children: dict[int, _Child] = {}
        self._due: dict[int, float] = {0: 0.0}  # rows to start, and when
        self._backoffs: dict[int, Backoff] = {}
        self._selector = selectors.DefaultSelector()
        self._has_started = self._is_stopping = self._is_listening = False
        self._trouble: ConfigError | None = None
        self._stop_by = float("inf")

    def run(self) -> None:
        """Keep the workers running until stopped. raises: ConfigError."""
        self._listener.setblocking(False)
        woken, waker = socket.socketpair()
        woken.setblocking(False)
        waker.setblocking(False)
        self._selector.register(woken, selectors.EVENT_READ, None)
        before = {
            number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)
        }
        wakeup = signal.set_wakeup_fd(waker.fileno())
        gc.freeze()  # keep existing objects out of garbage collection: children share them
        try:
            while self._children or not self._is_stopping:
                self._start_due()
                self._run_once()
        finally:
            self._kill()
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            self._selector.close()
            woken.close()
            waker.close()
        if self._trouble:
            raise self._trouble

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        """Handle a stop signal by setting a flag; the loop does the rest."""
        self._is_stopping = True

    def _run_once(self) -> None:
        """Wait for the next events and handle them."""
        if self._is_stopping and self._stop_by == float("inf"):
            self._begin_to_stop()
        self._listen(is_wanted=any(child.is_ready for child in self._children.values()))
        for key, _ in self._selector.select(self._wait_s()):
            if key.fileobj is self._listener:
                self._accept()
            elif key.data is None:
                with suppress(BlockingIOError):
                    key.fileobj.recv(64)  # type: ignore[union-attr]  # the socket that signals wake us by
            else:
                self._read_messages(key.data)
        if time.monotonic() > self._stop_by:
            self._kill()

    def _wait_s(self) -> float | None:
        """Return the seconds until the next start or the forced stop; None for no limit."""
        if self._is_stopping:
            return max(0.0, self._stop_by - time.monotonic())
        return max(0.0, min(self._due.values()) - time.monotonic()) if self._due else None

    # connections

    def _listen(self, *, is_wanted: bool) -> None:
        """Accept connections while a worker is ready; otherwise they queue in the kernel."""
        if self._is_stopping or is_wanted == self._is_listening:
            return
        self._is_listening = is_wanted
        if is_wanted:
            self._selector.register(self._listener, selectors.EVENT_READ, None)
        else:
            self._selector.unregister(self._listener)

    def _accept(self) -> None:
        """Accept pending connections and hand each to the worker that has the fewest."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    logger.warning("no connection can be accepted: %s", error)
                    time.sleep(_FULL_S)
                return
            with connection:
                self._hand_over(connection)

    def _hand_over(self, connection: socket.socket) -> None:
        closed = self._tally.values("closed")

        def load(row: int) -> int:
            child = self._children[row]
            return child.handed - (int(closed[row]) - child.closed_before)

        while rows := [row for row, child in self._children.items() if child.is_ready]:
            for row in sorted(rows, key=load):
                child = self._children[row]
                with suppress(BlockingIOError, OSError):
                    socket.send_fds(child.channel, [b"c"], [connection.fileno()])
                    child.handed += 1
                    return
            time.sleep(_FULL_S)  # all queues are full: let the workers catch up

    # children

    def _start_due(self) -> None:
        """Start the workers that are due."""
        now = time.monotonic()
        for row in [row for row, at in self._due.items() if at <= now and not self._is_stopping]:
            del self._due[row]
            self._start(row)

    def _start(self, row: int) -> None:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            self._run_child(row, theirs)
        theirs.close()
        ours.setblocking(False)
        closed = int(self._tally.values("closed")[row])
        self._children[row] = _Child(pid, ours, time.monotonic(), closed)
        self._selector.register(ours, selectors.EVENT_READ, row)

    def _run_child(self, row: int, channel: socket.socket) -> None:
        """Run a worker in the forked process, then exit."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            self._close_parent_sockets()
            self._tally.begin(row)
            run_with_others(
                self._config,
                channel,
                lock=self._lock,
                counters=self._tally,
                report=lambda word: _send(channel, {"said": word}),
            )
            code = 0
        except ConfigError as error:
            _send(channel, {"setting": error.setting, "trouble": error.trouble})
            code = _EXIT_MISUSED
        except BaseException:
            logger.exception("process %d of the agent failed", row + 1)
        finally:
            os._exit(code)

    def _close_parent_sockets(self) -> None:
        """Close the parent's sockets in the child, so that the parent's end is noticed."""
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]  # all of them are sockets
        self._selector.close()
        self._listener.close()

    def _read_messages(self, row: int) -> None:
        """Read a worker's messages, or handle its end."""
        child = self._children[row]
        try:
            part = child.channel.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        if not part:
            self._reap(row)
            return
        *lines, child.heard = (child.heard + part).split(b"\n")
        for line in lines:
            self._handle_message(row, json.loads(line))

    def _handle_message(self, row: int, message: dict[str, str]) -> None:
        word = message.get("said")
        if word == "ready":
            self._children[row].is_ready = True
            if not self._has_started and not self._is_stopping:
                self._has_started = True
                self._on_start()
        elif word == "stopping":
            self._children[row].is_ready = False
        elif word == "settled":
            for other in range(self._tally.rows):
                if other not in self._children:
                    self._due.setdefault(other, 0.0)
        elif not self._has_started:
            self._trouble = ConfigError(message["setting"], message["trouble"])
            self._is_stopping = True
        else:
            logger.error("process %d: %s: %s", row + 1, message["setting"], message["trouble"])

    def _reap(self, row: int) -> None:
        """Clean up after a worker that ended, and schedule its replacement."""
        child = self._children.pop(row)
        self._selector.unregister(child.channel)
        child.channel.close()
        for name in ("pid", "lead"):
            self._tally.set(name, 0, row=row)
        _, status = os.waitpid(child.pid, 0)
        if self._is_stopping:
            return
        backoff = self._backoffs.setdefault(row, Backoff(first_s=0.1, cap_s=10.0))
        if time.monotonic() - child.started_at > _STABLE_S:
            backoff.reset()
        wait = backoff.next_s()
        self._due[row] = time.monotonic() + wait
        code = os.waitstatus_to_exitcode(status)
        ending = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        logger.warning(
            "process %d of the agent (%d) %s; it starts again in %.1f s",
            row + 1,
            child.pid,
            ending,
            wait,
        )

    def _begin_to_stop(self) -> None:
        self._stop_by = time.monotonic() + STOP_S + 5
        if self._is_listening:
            self._selector.unregister(self._listener)
        self._listener.close()
        for child in self._children.values():
            os.kill(child.pid, signal.SIGTERM)

    def _kill(self) -> None:
        """Kill the remaining workers."""
        for child in self._children.values():
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)


def _send(channel: socket.socket, message: dict[str, str]) -> None:
    with suppress(OSError):  # the parent is gone, which is detected elsewhere
        channel.sendall(json.dumps(message).encode() + b"\n")


def _bind(config: Config) -> socket.socket:
    """Listen at the configured address; port 0 takes a free port."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family, backlog=2048)
    except OSError as error:
        raise ConfigError(
            "host or port",
            f"cannot listen at {config.host}:{config.port} ({error}); choose another, or port = 0 "
            "for a free one",
        ) from error


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _print_json(config: Config, address: str) -> None:
    """Print the address as a line of JSON on stdout, with a link to sign in to the review page."""
    link = _review_link(config, address)
    sys.stdout.write(json.dumps({"url": address} | ({"review": link} if link else {})) + "\n")
    sys.stdout.flush()


def _print_plain(config: Config, address: str) -> None:
    sys.stderr.write(f"The agent answers at {address}\n")
    if config.review.enabled and not sys.stderr.isatty():  # others may read the log of a service
        sys.stderr.write("To review what is held, make a link: stemtide agent review link\n")
    elif link := _review_link(config, address):
        sys.stderr.write(f"To review what is held, open this within 15 minutes: {link}\n")
    sys.stderr.flush()


def _review_link(config: Config, address: str) -> str:
    """Return a new link to sign in to the review page; "" if the page is off."""
    if not config.review.enabled:
        return ""
    token = make_link(config.data_dir, now=time.time())
    return f"{address}/review/sign-in?link={token}"


def _set_up_logging(log_format: LogFormat) -> None:
    """Log to stderr, unless the caller has configured logging."""
    handler = stderr_handler(log_format, sys.stderr)
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    logging.getLogger("httpx").setLevel(
        logging.WARNING
    )  # would log a line for each request to the hub
