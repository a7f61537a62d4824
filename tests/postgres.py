# SPDX-License-Identifier: Apache-2.0
"""A throw-away PostgreSQL server for the tests, on loopback, in a folder of its own."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg


def binaries() -> Path | None:
    """The folder with initdb and pg_ctl, newest version first; None where there is none."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: float(one.parts[-3])
    )
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def run(*words: str, folder: Path) -> None:
    """Run a server command; as the user postgres where we are root, for it refuses root."""
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*as_user, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{words[0]} failed: {done.stdout[-800:]} {done.stderr[-800:]}")


THROW_AWAY = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off")
"""Nothing of it has to live through a crash, or for long."""

FEW_ROWS = ("jit=off",)
"""To compile a statement takes longer than to look through the few rows of a test."""


@contextlib.contextmanager
def server(*, throw_away: Sequence[str] = THROW_AWAY) -> Iterator[str]:
    """Run a server; gives the address to put into STEMTIDE_DATABASE_URL.

    throw_away: () for a server that keeps what it was told, as in use.
    """
    where = binaries()
    if where is None:
        raise RuntimeError("PostgreSQL is not installed: apt install postgresql")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="stemtide-pg-"))
    password = secrets.token_hex(8)
    (folder / "password").write_text(password)
    if os.geteuid() == 0:
        for path in (folder, folder / "password"):
            shutil.chown(path, "postgres", "postgres")
    rows = str(folder / "rows")
    try:
        run(
            *(str(where / "initdb"), "-D", rows, "-U", "stemtide", "-A", "scram-sha-256"),
            *("--pwfile", str(folder / "password"), "-E", "UTF8", "--no-sync"),
            folder=folder,
        )
        settings = " ".join(f"-c {setting}" for setting in (*throw_away, *FEW_ROWS))
        options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} {settings}"
        run(
            *(str(where / "pg_ctl"), "-D", rows, "-o", options),
            *("-l", str(folder / "log"), "-w", "start"),
            folder=folder,
        )
        try:
            yield f"postgres://stemtide:{password}@127.0.0.1:{port}/postgres"
        finally:
            run(str(where / "pg_ctl"), "-D", rows, "-m", "immediate", "stop", folder=folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def restart(address: str) -> None:
    """Stop a server as a crash does, and start it again with the same options."""
    with psycopg.connect(address) as connection:
        (rows,) = connection.execute("SHOW data_directory").fetchone()
    command = str(binaries() / "pg_ctl")
    folder = Path(rows).parent  # without a file for its log it would keep our pipe open
    log = str(folder / "log")
    run(command, "-D", rows, "-m", "immediate", "-l", log, "-w", "restart", folder=folder)
