# SPDX-License-Identifier: Apache-2.0
"""The tables of a new hub, made once: making them takes longer than most tests do.

Every database of the tests begins as a copy, with a hub id of its own. The original is kept beside
pytest's cache (SQLite) or on the test server (PostgreSQL), under a name that changes with the
migrations and with what they import, so that they are made anew after each such change.
"""

import ast
import contextlib
import fcntl
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from uuid import uuid4

import psycopg

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"
KEPT = ROOT / ".pytest_cache" / "tables"
NAME = "hub.sqlite3"
MAKE = """
from pathlib import Path
from stemtide.hub import boot
boot.start()
boot.migrate()
from django.conf import settings
from stemtide.hub.rooms.media.keys import keys_in
keys_in(Path(settings.MEDIA_KEY_FILE))
"""
GUARD = "ledger_numbering_forward"


def lay(folder: Path) -> None:
    """Put the tables of a new hub into its folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(made() / NAME, folder / NAME)
    new_hub(folder / NAME)


def new_hub(database: Path, *, positions: int = 0) -> None:
    """Give a database that no hub has open the id of a new hub.

    positions: the feed goes on from there at least.
    """
    with contextlib.closing(sqlite3.connect(database)) as connection:
        # A hub's id never changes, its guard says: it is lifted before there is a hub.
        (guard,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (GUARD,))
        connection.execute(f"DROP TRIGGER {GUARD}")
        connection.execute(
            "UPDATE ledger_numbering SET hub = ?, positions = max(positions, ?)",
            (uuid4().hex, positions),
        )
        connection.execute(*guard)
        connection.commit()


@cache
def made() -> Path:
    """Return a hub's folder with nothing in its tables, as a hub's first start makes it.

    The first process that wants it makes it, and the others wait for it.
    """
    KEPT.mkdir(parents=True, exist_ok=True)
    kept = KEPT / _fingerprint()
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            began = Path(tempfile.mkdtemp(dir=KEPT))
            _migrate(began)
            began.rename(kept)
    return kept


@contextlib.contextmanager
def database(server: str, *, empty: bool = False) -> Iterator[str]:
    """Make a database with the tables of a new hub, or without any, and give its address.

    server: the address of any database of the server.
    """
    name = f"hub_{uuid4().hex[:12]}"
    address = f"{server.rpartition('/')[0]}/{name}"
    original = "template1" if empty else _made_on(server)
    with connected(server) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {original}")
    try:
        if not empty:
            with connected(address) as connection:
                connection.execute("ALTER TABLE ledger_numbering DISABLE TRIGGER USER")
                connection.execute("UPDATE ledger_numbering SET hub = %s", (uuid4(),))
                connection.execute("ALTER TABLE ledger_numbering ENABLE TRIGGER USER")
        yield address
    finally:
        with connected(server) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@cache
def _made_on(server: str) -> str:
    """Return the name of the server's database with the tables, made by who wants it first."""
    name = f"tables_{_fingerprint()}"
    with connected(server) as connection:
        connection.execute("SELECT pg_advisory_lock(1)")
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        if not known.fetchone():
            began = f"making_{uuid4().hex[:12]}"
            connection.execute(f"CREATE DATABASE {began}")
            with tempfile.TemporaryDirectory(prefix="stemtide-tables-") as folder:
                address = f"{server.rpartition('/')[0]}/{began}"
                _migrate(Path(folder), STEMTIDE_DATABASE_URL=address)
            connection.execute(f"ALTER DATABASE {began} RENAME TO {name}")
    return name


def connected(address: str) -> psycopg.Connection:
    """Connect to a database; each statement is a transaction of its own."""
    return psycopg.connect(address.replace("postgres://", "postgresql://"), autocommit=True)


def _migrate(folder: Path, **settings: str) -> None:
    """Migrate an empty database, SQLite's in the folder or another, and make its hub's keys."""
    environment = {"PATH": os.environ["PATH"], "STEMTIDE_DATA_DIR": str(folder), **settings}
    environment["PYTHONPATH"] = str(SRC)
    subprocess.run([sys.executable, "-c", MAKE], env=environment, check=True)


@cache
def _fingerprint() -> str:
    """Return a hash of the migrations, of what makes tables, of their imports, and of the lock."""
    sources = set((SRC / "stemtide/hub").rglob("migrations/*.py"))
    sources.add(SRC / "stemtide/hub/first_tables.py")
    waiting = list(sources)
    while waiting:
        found = _imported(waiting.pop()) - sources
        sources |= found
        waiting += found
    summed = hashlib.sha256((ROOT / "requirements.lock").read_bytes())
    for path in sorted(sources):
        summed.update(str(path.relative_to(SRC)).encode())
        summed.update(path.read_bytes())
    return summed.hexdigest()[:16]


def _imported(path: Path) -> set[Path]:
    """Return the modules of ours that a module imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    files = [SRC / name.replace(".", "/") for name in names if name.startswith("stemtide.")]
    modules = [file.with_suffix(".py") for file in files] + [file / "__init__.py" for file in files]
    return {file for file in modules if file.exists()}
