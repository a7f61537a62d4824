# SPDX-License-Identifier: Apache-2.0
"""Copy a hub's database while it is in use, and put a copy into an empty one.

SQLite: its online backup, within a read transaction that fixes its content. The copy lies in the
data folder, beside the database, until it is encrypted.
PostgreSQL: pg_dump and pg_restore, through pipes, so that nothing unencrypted gets to the disk.
The words that name the database have no password: it is in the environment.
"""

import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from psycopg.conninfo import make_conninfo

from stemtide.hub.backups.encryption import Progress, ReadableFile
from stemtide.hub.backups.manifest import BackupError, DatabaseKind
from stemtide.private_files import of_sqlite

TEMPORARY = "backup-"
"""Prefix of temporary folders in the data folder."""

_COPY = "hub.sqlite3"
_PAGES = 4096
_LEFT_AFTER_S = 86_400
_HEADS = "SELECT hub, entries, positions FROM ledger_numbering"
_MARK = "SELECT mark FROM ledger_placement ORDER BY first DESC LIMIT 1"
_MIGRATIONS = "SELECT app, name FROM django_migrations ORDER BY id"


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """Facts about one state of a database; as in Manifest."""

    kind: DatabaseKind
    server: str
    migrations: dict[str, str]
    hub: UUID
    entries: int
    positions: int
    history: str
    rows: int


@contextmanager
def copied(progress: Progress) -> Iterator[tuple[DatabaseFacts, ReadableFile]]:
    """Copy the hub's database at one moment. Yields facts about it, and its content.

    The content must be read to its end. Writers are not blocked meanwhile.

    raises: BackupError, sqlite3.Error, psycopg.Error, OSError.
    """
    with _sqlite_copy(progress) if is_sqlite() else _postgresql_dump() as copy:
        yield copy


@contextmanager
def filled() -> Iterator[IO[bytes]]:
    """Fill the hub's empty database with the bytes written; nothing is there after an error.

    raises: BackupError, sqlite3.Error, OSError.
    """
    with _into_sqlite(database_file()) if is_sqlite() else _into_postgresql() as target:
        yield target


def is_sqlite() -> bool:
    """Whether the settings name a database of SQLite."""
    return connection.vendor == "sqlite"


def database_file() -> Path:
    """Return the file of a SQLite database."""
    return Path(settings.DATABASES["default"]["NAME"])


@contextmanager
def _sqlite_copy(progress: Progress) -> Iterator[tuple[DatabaseFacts, ReadableFile]]:
    """Copy the pages of SQLite's file, and check the copy."""
    _delete_leftovers(settings.DATA_DIR)
    path = database_file()
    size, free = path.stat().st_size, shutil.disk_usage(settings.DATA_DIR).free
    if free < size + settings.MIN_FREE_MB * 1_000_000:
        raise BackupError(
            f"{settings.DATA_DIR} has {free // 1_000_000} MB left, and the copy of the database"
            f" needs {size // 1_000_000} MB for a while: make room there"
        )
    with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=settings.DATA_DIR) as folder:
        target = Path(folder) / _COPY
        with closing(_opened(path)) as live, closing(sqlite3.connect(target)) as copy:
            live.execute("PRAGMA query_only = ON")
            live.execute("BEGIN")
            live.execute(_HEADS).fetchone()  # from here on the state is fixed
            page_bytes = live.execute("PRAGMA page_size").fetchone()[0]
            live.backup(
                copy,
                pages=_PAGES,
                progress=lambda _, left, of: progress((of - left) * page_bytes),
            )
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without -wal
            check_sqlite(copy, path=path)
            facts = _facts(copy, kind="sqlite", server=sqlite3.sqlite_version)
        with target.open("rb") as content:
            yield facts, content


def _delete_leftovers(folder: Path) -> None:
    """Delete copies that processes left which were killed a day ago.

    A folder that holds anything else is somebody's own.
    """
    for path in folder.glob(f"{TEMPORARY}*"):
        if path.is_symlink() or not path.is_dir():
            continue
        is_copy = all(file.name.startswith(_COPY) for file in path.iterdir())
        if is_copy and path.stat().st_mtime < time.time() - _LEFT_AFTER_S:
            shutil.rmtree(path)


def _opened(path: Path) -> sqlite3.Connection:
    """Open SQLite's file, where transactions begin only with BEGIN."""
    return sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=60, isolation_level=None)


def check_sqlite(database: sqlite3.Connection, *, path: Path) -> None:
    """Refuse a damaged file. raises: BackupError naming the path."""
    problems = [text for (text,) in database.execute("PRAGMA integrity_check(3)")]
    if problems != ["ok"]:
        raise BackupError(
            f"{path} is damaged ({'; '.join(problems)[:300]}): restore the last backup; keep the"
            " damaged file, from which sqlite3's .recover may save what is newer"
        )


@contextmanager
def _postgresql_dump() -> Iterator[tuple[DatabaseFacts, ReadableFile]]:
    """Dump PostgreSQL's database with pg_dump, in the state that the facts are read from."""
    with closing(connection.get_new_connection(connection.get_connection_params())) as session:
        session.autocommit = True
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        (snapshot,) = session.execute("SELECT pg_export_snapshot()").fetchone()
        (server,) = session.execute("SHOW server_version").fetchone()
        facts = _facts(session, kind="postgresql", server=server)
        words = ("pg_dump", "--format=custom", "--no-owner", "--no-privileges")
        with _program(*words, f"--snapshot={snapshot}", stdout=subprocess.PIPE) as process:
            assert process.stdout is not None  # noqa: S101  # it is a pipe
            yield facts, process.stdout


@contextmanager
def _into_sqlite(path: Path) -> Iterator[IO[bytes]]:
    """Put the bytes written into SQLite's file, once they are whole and intact.

    raises: BackupError, sqlite3.Error, OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = path.with_name(f"{path.name}.restoring")
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with closing(sqlite3.connect(target)) as database:
            check_sqlite(database, path=target)
        os.link(target, path)  # fails where a file is there by now
    finally:
        target.unlink(missing_ok=True)


@contextmanager
def _into_postgresql() -> Iterator[IO[bytes]]:
    """Put the bytes written into PostgreSQL's database with pg_restore, in one transaction.

    raises: BackupError, OSError.
    """
    words = ("pg_restore", "--no-owner", "--no-privileges", "--exit-on-error")
    with _program(*words, "--single-transaction", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None  # noqa: S101  # it is a pipe
        yield process.stdin
        process.stdin.close()


def tables_there() -> bool:
    """Whether the configured database has tables or SQLite's file exists."""
    if is_sqlite():
        return any(path.exists() for path in of_sqlite(database_file()))
    return bool(connection.introspection.table_names())


def restored_facts() -> DatabaseFacts:
    """Return the present facts about the configured database."""
    connection.ensure_connection()
    kind: DatabaseKind = "sqlite" if is_sqlite() else "postgresql"
    return _facts(connection.connection, kind=kind, server="")


def remove_restored() -> None:
    """Remove SQLite's file again, after a restore that ended in an error."""
    connection.close()
    if is_sqlite():
        for path in of_sqlite(database_file()):
            path.unlink(missing_ok=True)


def _facts(database: Any, *, kind: DatabaseKind, server: str) -> DatabaseFacts:  # noqa: ANN401  # a connection of sqlite3 or psycopg
    """Read the facts of the state that a connection sees."""
    hub, entries, positions = database.execute(_HEADS).fetchone()
    mark = database.execute(_MARK).fetchone()
    migrations = dict(database.execute(_MIGRATIONS).fetchall())
    tables = [f'"{name}"' for name in _tables(database, kind=kind)]
    counts = (
        database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608  # the hub's own tables
        for table in tables
    )
    return DatabaseFacts(
        kind=kind,
        server=server,
        migrations=migrations,
        hub=hub if isinstance(hub, UUID) else UUID(hub),
        entries=entries,
        positions=positions,
        history=f"{mark[0]:016x}" if mark and mark[0] is not None else "",
        rows=sum(counts),
    )


def _tables(database: Any, *, kind: DatabaseKind) -> list[str]:  # noqa: ANN401  # as above
    """Return the names of all tables."""
    statement = (
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        if kind == "sqlite"
        else "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    )
    return [name for (name,) in database.execute(statement).fetchall()]


@contextmanager
def _program(
    *words: str, stdin: int | None = None, stdout: int | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program of PostgreSQL on the hub's database; it must end well.

    raises: BackupError with the program's output.
    """
    if shutil.which(words[0]) is None:
        raise BackupError(f"{words[0]} is not installed: install PostgreSQL's client programs")
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603  # our own words, no shell
            [*words, *_connection_words()],
            env=_environment(),
            stdin=stdin,
            stdout=stdout,
            stderr=errors,
        )
        try:
            yield process
        except BaseException as error:
            process.kill()  # before its input ends: it must not take a part for the whole
            process.wait()
            if isinstance(error, OSError):  # it ended first, and the pipe broke
                raise BackupError(_complaint(words[0], errors) or str(error)) from error
            raise
        finally:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()
        if process.wait() != 0:
            raise BackupError(_complaint(words[0], errors))


def _complaint(program: str, errors: IO[bytes]) -> str:
    """Return a program's output, in one line."""
    errors.seek(0)
    text = " ".join(errors.read(2000).decode("utf-8", "replace").split())
    return f"{program} failed: {text}" if text else ""


def _connection_words() -> tuple[str, ...]:
    """Return the option that names the hub's database to a program of PostgreSQL; no password."""
    parameters = connection.get_connection_params()
    names = {"dbname", "user", "host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey"}
    names.add("target_session_attrs")  # of several hosts, the one that takes writes
    options = {name: value for name, value in parameters.items() if name in names and value}
    return ("--no-password", f"--dbname={make_conninfo(**options, connect_timeout=30)}")


def _environment() -> Mapping[str, str]:
    """Return the environment of a program of PostgreSQL: the password is in it, if there is one."""
    password = connection.get_connection_params().get("password")
    return os.environ | ({"PGPASSWORD": str(password)} if password else {})
