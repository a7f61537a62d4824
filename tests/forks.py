# SPDX-License-Identifier: Apache-2.0
"""Run commands in forks of one process that has the program loaded.

Loading Python and our modules costs a command more than its work does. So one process loads them
once, and each command runs in a fork of it, with its own environment, folder, standard streams and
exit code, and with settings that it reads itself. Only the start of Python differs from a command
in a terminal: tests of that use `tests.cli.conftest.run_process`.
"""

import atexit
import gc
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from functools import cache
from importlib import import_module, reload
from pathlib import Path
from typing import IO, Any, NoReturn

from asgiref.local import Local

from stemtide.exercises import processes

PACKAGES = (
    "cli",
    "client",
    "interop",
    "protocol",
    "fingerprints",
    "matching",
    "agent",
    "exercises",
)
"""Packages that commands import. `_load_hub` loads the hub, which needs Django set up."""

LIBRARIES = (
    *("aiohttp", "fido2.server", "jinja2", "pyhanko.sign", "pyhanko_certvalidator", "pyrage"),
    *("requests", "typer.rich_utils", "typst", "uvicorn", "whitenoise.base"),
)
"""What takes the hub and commands longest to import besides Django."""

READ_SETTINGS = {"asgi", "openapi", "message_cookie"}
"""Modules of the hub that read the environment or settings on import: each fork imports its own."""

PROGRAMS = {
    "casts": "tests.flows.casts:main",
    "furnished": "tests.flows.furnished:main",
    "hub-with-cast": "tests.hub.api.serving:main",
    "screenshots": "tests.flows.screenshots:main",
    "stemtide": "stemtide.cli.app:main",
    "terminal": "tests.flows.operating:main",
    "throw-away-hub": "tests.clients.throw_away_hub:main",
    "tx": "tests.clients.tx_program:main",
    "verifier": "stemtide.hub.platform.documents.verifier_process:main",
}
"""Programs that can be run, by the name that begins their arguments."""

HUB_POLL_S = 0.05
"""How often a hub in a fork looks whether its SQLite database changed: a worker has some of them
idle, which would cost several percent of a core each if they looked as often as they usually do.
"""

_ROOT = Path(__file__).parents[1]
_MOST_BYTES = 1 << 17


class Fork:
    """A command that runs in a fork; like subprocess.Popen.

    words: one of PROGRAMS and its arguments.
    stdin, stdout, stderr: numbers of open files, which the caller closes.
    leads: whether it leads a session of its own, which Ctrl-C in the terminal does not reach.
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path | None = None,
        stdin: int,
        stdout: int,
        stderr: int,
        leads: bool = False,
    ) -> None:
        read_end, write_end = os.pipe()
        self._report = os.fdopen(read_end)
        self._code: int | None = None
        where = str(folder or Path.cwd())
        request = {"words": words, "environment": dict(environment), "folder": where}
        request["leads"] = leads
        _, requests = _server()
        files = [stdin, stdout, stderr, write_end]
        socket.send_fds(requests, [json.dumps(request).encode()], files)
        os.close(write_end)
        self.pid = int(self._report.readline())

    def send_signal(self, number: int) -> None:
        """Send a signal; nothing happens to a command that has ended."""
        if self.is_running():  # once it has ended, its number may be another process'
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def is_running(self) -> bool:
        """Whether the command has not ended yet."""
        return self._code is None and not select.select([self._report], [], [], 0)[0]

    def wait(self) -> int:
        """Wait for the end; return the exit code, negative for a signal."""
        if self._code is None:
            with self._report:
                self._code = int(self._report.readline())
        return self._code


class ForkedProcess(Fork):
    """A fork that is used as subprocess.Popen is: stdout is a pipe, stdin is empty."""

    def __init__(self, words: Sequence[str], *, environment: Mapping[str, str], log: IO[bytes]):
        read_end, write_end = os.pipe()
        self.stdout = os.fdopen(read_end, "rb", buffering=0)
        with Path(os.devnull).open("rb") as nothing:
            streams = {"stdin": nothing.fileno(), "stdout": write_end, "stderr": log.fileno()}
            super().__init__(words, environment=environment, leads=True, **streams)
        os.close(write_end)

    def poll(self) -> int | None:
        """Return the exit code, or None while the command runs."""
        return None if self.is_running() else self.wait()

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; raise TimeoutExpired if it does not come within so many seconds."""
        if self._code is None and not select.select([self._report], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("a fork", timeout or 0)
        return super().wait()


class ForkedRunning(processes.Running):
    """A hub or an agent of the exercises that runs in a fork."""

    @classmethod
    def of(cls, running: processes.Running) -> "ForkedRunning":
        """Return the same, not yet started, as a fork."""
        return cls(**{field.name: getattr(running, field.name) for field in fields(running)})

    def launch(self, log: IO[bytes]) -> ForkedProcess:
        """Start the command in a fork."""
        words = ["stemtide", *self.command[1:]]
        return ForkedProcess(words, environment=os.environ | dict(self.environment), log=log)


def run(
    words: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path | None = None,
    stdin: bytes = b"",
) -> subprocess.CompletedProcess[bytes]:
    """Run a program in a fork, in the current folder or another one."""
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        given.write(stdin)
        given.seek(0)
        streams = {"stdin": given.fileno(), "stdout": out.fileno(), "stderr": err.fileno()}
        code = Fork(words, environment=environment, folder=folder, **streams).wait()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(list(words), code, out.read(), err.read())


_FORWARDS = """#!{python} -IS
import json, os, socket, sys

with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
    line.connect({address!r})
    request = {{"words": [{name!r}, *sys.argv[1:]], "folder": os.getcwd()}}
    body = json.dumps(request | {{"environment": dict(os.environ)}}).encode()
    socket.send_fds(line, [body], [0, 1, 2])
    code = int(line.recv(16))
sys.exit(code if code >= 0 else 128 - code)
"""
"""A command that has its work done in a fork, with its own streams."""


@contextmanager
def commands(folder: Path, *names: str) -> Iterator[None]:
    """Put commands of these names into a folder; each runs the program of that name in a fork."""
    address = str(folder / "forks")
    for name in names:
        text = _FORWARDS.format(python=sys.executable, address=address, name=name)
        (folder / name).write_text(text, "utf-8")
        (folder / name).chmod(0o755)
    _server()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(address)
        door.listen()
        threading.Thread(target=_answer_each, args=[door], daemon=True).start()
        yield
        door.shutdown(socket.SHUT_RDWR)


def _answer_each(door: socket.socket) -> None:
    """Answer each command until the socket is shut."""
    while True:
        try:
            line, _ = door.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=[line], daemon=True).start()


def _answer(line: socket.socket) -> None:
    """Run one command and tell it the exit code; end what it runs if it is killed."""
    with line:
        body, files, _, _ = socket.recv_fds(line, _MOST_BYTES, 3)
        request = json.loads(body)
        streams = dict(zip(("stdin", "stdout", "stderr"), files, strict=True))
        fork = Fork(
            request["words"],
            environment=request["environment"],
            folder=Path(request["folder"]),
            **streams,
        )
        for number in files:
            os.close(number)
        select.select([fork._report, line], [], [])
        fork.send_signal(signal.SIGTERM)  # nothing happens to one that has ended
        with suppress(OSError):
            line.send(str(fork.wait()).encode())


@cache
def _server() -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start the process, once; it ends when this one does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        number = theirs.fileno()
        command = [sys.executable, "-c", f"from tests.forks import main; main({number})"]
        # Threads, which OpenBLAS would start with numpy, do not live through a fork.
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
        process = subprocess.Popen(command, cwd=_ROOT, env=environment, pass_fds=[number])
    atexit.register(process.wait)
    atexit.register(ours.close)  # called first
    return process, ours


def main(line: int) -> None:
    """Load the program, then run each request that comes through a socket in a fork."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the tests, and the socket with them
    _load()
    watchers: list[int] = []
    with socket.socket(fileno=line) as requests:
        while True:
            body, files, _, _ = socket.recv_fds(requests, _MOST_BYTES, 4)
            if body:
                with suppress(Exception):  # the fork says what is wrong with the program
                    _import(json.loads(body)["words"][0])
            else:
                for watcher in watchers:
                    os.waitpid(watcher, 0)
                return
            if not (watcher := os.fork()):
                break
            watchers = [one for one in [*watchers, watcher] if not os.waitpid(one, os.WNOHANG)[0]]
            for number in files:
                os.close(number)
    *files, report = files
    _watch(files, report)
    request = json.loads(body)
    _become(files, **request)
    program = _import(request["words"][0])
    try:
        code = program()
    except SystemExit as leaving:
        code = leaving.code
    _end(code)


def _end(code: object) -> NoReturn:
    """End as Python does, but leave alone what was loaded: to take it apart takes long.

    code: what sys.exit takes: a number, None or what is wrong.
    """
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # wait for threads that are no daemons
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit((code or 0) & 0xFF)


def _load() -> None:
    """Import every module of ours that a command may import, and the hub's libraries."""
    for package in PACKAGES:
        _load_package(f"stemtide.{package}")
    for library in LIBRARIES:
        import_module(library)
    import_module("stemtide.cli.app").command()
    _load_hub()
    gc.collect()
    gc.freeze()


def _load_package(name: str) -> None:
    """Import a package with all its modules but those that read settings."""
    for module in pkgutil.walk_packages(import_module(name).__path__, f"{name}."):
        last = module.name.rpartition(".")[2]
        if last not in READ_SETTINGS and not last.startswith("_"):
            import_module(module.name)


def _load_hub() -> None:
    """Import the hub with the settings of nobody, and forget these.

    Of what Django keeps, only what the settings of a test may change is read anew by each fork:
    the settings themselves, the databases and the caches.
    """
    ours = ("STEMTIDE_", "DJANGO_")
    kept = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        for name in [name for name in os.environ if name.startswith(ours)]:
            del os.environ[name]
        os.environ["STEMTIDE_DATA_DIR"] = folder
        import_module("stemtide.hub.boot").start()
        _load_package("stemtide.hub")
        sys.modules["stemtide.hub.notifier"].POLL_S = HUB_POLL_S
        import_module("tests.idle_clock").let_idle_schedulers_rest()
        urls = import_module("django.urls")
        with suppress(urls.NoReverseMatch):
            urls.reverse("no page")  # which fills the table of addresses
        os.environ.clear()
        os.environ.update(kept)
    _forget_settings()


def _forget_settings() -> None:
    """Have Django read its settings when somebody asks for one again."""
    conf, axes = import_module("django.conf"), import_module("axes.conf")
    set_up = conf.LazySettings._setup

    def set_up_with_axes(self: Any, name: str | None = None) -> None:
        set_up(self, name)
        reload(axes)  # it adds what it needs to the settings

    conf.LazySettings._setup = set_up_with_axes
    conf.settings._wrapped = conf.empty
    del sys.modules["stemtide.hub.settings"]
    handlers = (import_module("django.db").connections, import_module("django.core.cache").caches)
    for handler in handlers:
        handler._connections = Local(handler.thread_critical)
        vars(handler).pop("settings", None)
        handler._settings = None
    assert threading.active_count() == 1, threading.enumerate()  # others do not live in a fork


def _import(program: str) -> Callable[[], object]:
    """Return the function that runs a program."""
    module, _, name = PROGRAMS[program].partition(":")
    function: Callable[[], object] = getattr(import_module(module), name)
    return function


def _watch(streams: Sequence[int], report: int) -> None:
    """Return in a fork; report its number and then its exit code here, and end."""
    if command := os.fork():
        for number in streams:
            os.close(number)
        os.write(report, f"{command}\n".encode())
        _, status = os.waitpid(command, 0)
        os.write(report, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    os.close(report)


def _become(
    streams: Sequence[int],
    *,
    words: list[str],
    environment: dict[str, str],
    folder: str,
    leads: bool,
) -> None:
    """Take the place of a command that was just started."""
    if leads:
        os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path.remove("")  # a command takes no modules from the folder where it runs
    sys.argv = words
