# SPDX-License-Identifier: Apache-2.0
"""Run commands in forks of one process that has the program loaded.

Loading Python and our modules costs a command more than its work does. So one process loads them
once, and each command runs in a fork of it, with its own environment, folder, standard streams and
exit code, and without a Django that somebody else set up. Only the start of Python differs from a
command in a terminal: tests of that use `tests.cli.conftest.run_process`.
"""

import atexit
import gc
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path

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
"""Packages that commands import. The hub is not among them: it reads its settings on import."""

_ROOT = Path(__file__).parents[1]
_MOST_BYTES = 1 << 17


def run(
    words: Sequence[str], *, environment: Mapping[str, str], stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run `stemtide` with these arguments in a fork, in the current folder."""
    request = {"words": list(words), "environment": dict(environment), "folder": str(Path.cwd())}
    read_end, write_end = os.pipe()
    with (
        os.fdopen(read_end) as report,
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        given.write(stdin)
        given.seek(0)
        files = [given.fileno(), out.fileno(), err.fileno(), write_end]
        _, requests = _server()
        socket.send_fds(requests, [json.dumps(request).encode()], files)
        os.close(write_end)
        code = int(report.read())
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(list(words), code, out.read(), err.read())


@cache
def _server() -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start the process, once; it ends when this one does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        number = theirs.fileno()
        command = [sys.executable, "-c", f"from tests.forks import main; main({number})"]
        process = subprocess.Popen(command, cwd=_ROOT, pass_fds=[number])
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
            if not body:
                for watcher in watchers:
                    os.waitpid(watcher, 0)
                return
            if not (watcher := os.fork()):
                break
            watchers = [one for one in [*watchers, watcher] if not os.waitpid(one, os.WNOHANG)[0]]
            for number in files:
                os.close(number)
    _watch(files.pop())
    _become(files, **json.loads(body))

    from stemtide.cli.app import main as stemtide

    stemtide()


def _load() -> None:
    """Import every module of ours that a command may import."""
    for package in PACKAGES:
        path = import_module(f"stemtide.{package}").__path__
        for module in pkgutil.walk_packages(path, f"stemtide.{package}."):
            if not module.name.rpartition(".")[2].startswith("_"):
                import_module(module.name)
    gc.collect()
    gc.freeze()


def _watch(report: int) -> None:
    """Return in a fork; report its exit code here, negative for a signal, and end."""
    if command := os.fork():
        _, status = os.waitpid(command, 0)
        os.write(report, str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    os.close(report)


def _become(
    streams: Sequence[int], *, words: list[str], environment: dict[str, str], folder: str
) -> None:
    """Take the place of a command that was just started."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path.remove("")  # a command takes no modules from the folder where it runs
    sys.argv = ["stemtide", *words]
