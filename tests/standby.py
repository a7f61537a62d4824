# SPDX-License-Identifier: Apache-2.0
"""A primary of PostgreSQL and its standby, set up with the statements of docs/run/large.md."""

import contextlib
import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from tests import postgres

ROOT = Path(__file__).parents[1]
SETTINGS = ROOT / "deploy/postgresql/stemtide.conf"
DATABASE = "stemtide"


class Statements:
    """The statements of the part "Two machines and a standby", in the order of the page."""

    def __init__(self) -> None:
        page = (ROOT / "docs/run/large.md").read_text("utf-8")
        part = page.partition("## Two machines and a standby")[2].partition("\n## ")[0]
        blocks = re.findall(r"^ *```sql\n(.*?)^ *```", part, re.MULTILINE | re.DOTALL)
        self.create, self.wait, self.promote, self.wait_for_first, self.do_not_wait = blocks
        (self.copy,) = re.findall(r"^ *pg_basebackup (.*)$", part, re.MULTILINE)


STATEMENTS = Statements()


class Server:
    """A server: it may be killed as a machine that loses power, and promoted."""

    def __init__(self, name: str, *, secret: str) -> None:
        self.name, self.secret = name, secret
        self.folder = Path(tempfile.mkdtemp(prefix=f"stemtide-{name}-"))
        self.rows = str(self.folder / "rows")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (self.folder / "password").write_text(secret)
        if os.geteuid() == 0:
            for path in (self.folder, *self.folder.iterdir()):
                shutil.chown(path, "postgres", "postgres")

    def create(self) -> None:
        """Make an empty server."""
        words = ("-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--no-sync")
        self._run("initdb", *words, "--pwfile", str(self.folder / "password"))

    def copy(self, primary: "Server") -> None:
        """Make it a standby of another server, in the place of what was here."""
        shutil.rmtree(self.rows, ignore_errors=True)
        words = STATEMENTS.copy.replace("SECRET", self.secret)
        words = words.replace("/var/lib/postgresql/15/main", self.rows)
        words = words.replace("host=db1", f"host=127.0.0.1 port={primary.port}")
        words = words.replace("=db2", f"={self.name}")
        program = str(postgres.binaries() / "pg_basebackup")
        postgres.run(program, *shlex.split(words), folder=self.folder)

    def start(self) -> None:
        """Start it. A standby goes on as one."""
        words = " ".join(f"-c {setting}" for setting in ("fsync=off", *postgres.FEW_ROWS))
        options = f"-p {self.port} -k {self.folder} {words} -c listen_addresses=127.0.0.1"
        log = str(self.folder / "log")
        self._run("pg_ctl", "-o", options, "-l", log, "-w", "start")

    def kill(self) -> None:
        """Kill all its processes (SIGKILL), and wait until none of them runs.

        Its lock files go as well: a server does not start while the process in them exists, also
        if it has ended and only waits to be collected. After a loss of power none does.
        """
        lock = Path(self.rows) / "postmaster.pid"
        parent = int(lock.read_text().split()[0])
        os.kill(parent, signal.SIGSTOP)  # it begins no others
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        numbers = (parent, *map(int, children))
        for number in numbers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        while any(map(_is_running, numbers)):
            time.sleep(0.01)
        for path in (lock, *self.folder.glob(".s.PGSQL.*.lock")):
            path.unlink()

    def stop(self) -> None:
        """Stop it in order."""
        self._run("pg_ctl", "-m", "fast", "-w", "stop")

    def ask(self, statement: str, *, database: str = DATABASE) -> list[tuple[object, ...]]:
        """Return what a statement returns; of several statements, nothing."""
        place = f"host=127.0.0.1 port={self.port} user=postgres password={self.secret}"
        with psycopg.connect(f"{place} dbname={database}", autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def carry_out(self, statements: str) -> None:
        """Carry out statements of the page, one after the other."""
        for statement in statements.replace("SECRET", self.secret).split(";\n"):
            if statement.strip():
                self.ask(statement, database="postgres")

    def remove(self) -> None:
        """Stop it, if it runs, and delete its files."""
        with contextlib.suppress(RuntimeError):
            self._run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *words: str) -> None:
        """Run one of PostgreSQL's programs on its folder."""
        path = str(postgres.binaries() / program)
        postgres.run(path, "-D", self.rows, *words, folder=self.folder)


def _is_running(number: int) -> bool:
    """Whether a process runs. One that has ended may wait to be collected."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        status = Path(f"/proc/{number}/stat").read_text()
        return status.rpartition(")")[2].split()[0] not in {"Z", "X"}
    return False


@contextlib.contextmanager
def pair(*, is_synchronous: bool) -> Iterator[tuple[Server, Server]]:
    """Run a primary, db1, and its standby, db2.

    is_synchronous: whether a write waits until the standby has it.
    """
    secret = secrets.token_hex(8)
    with contextlib.ExitStack() as stack:
        first, second = servers = (Server("db1", secret=secret), Server("db2", secret=secret))
        for server in servers:
            stack.callback(server.remove)
        first.create()
        with (Path(first.rows) / "postgresql.conf").open("a") as file:
            file.write(SETTINGS.read_text("utf-8"))
        first.start()
        first.carry_out(STATEMENTS.create)
        second.copy(first)
        second.start()
        if is_synchronous:
            first.carry_out(STATEMENTS.wait)
        yield first, second
