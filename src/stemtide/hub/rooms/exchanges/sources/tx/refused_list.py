# SPDX-License-Identifier: Apache-2.0
"""Keep the operator's file of refused values up to date from NCMEC's hash lists. Decision 0218.

1 Entries and the place to continue from are in a SQLite file beside the list, readable by its owner
  only; the hub's database has nothing of them.
2 A page of changes is one transaction with its checkpoint.
3 The list is written beside and renamed, so that the hub never reads half of one. A list without
  values is not written.
"""

import contextlib
import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stemtide import private_files
from stemtide.hub.rooms.exchanges.sources.source import Endpoint, SourceClient, SourceError
from stemtide.hub.rooms.exchanges.sources.tx.pull import NOT_INSTALLED

ENTRIES = ".entries"
"""Ending of the file with the entries, beside the list."""

_TABLES = """
CREATE TABLE IF NOT EXISTS source (address TEXT PRIMARY KEY, checkpoint TEXT);
CREATE TABLE IF NOT EXISTS value (entry TEXT, line TEXT, PRIMARY KEY (entry, line)) WITHOUT ROWID;
"""


@dataclass
class ListUpdate:
    """The result of an update.

    values: of the list. others: values of types that no file is compared with. faults: values that
    are none. more: whether the source has more than this run took. why: the error, or "".
    """

    values: int = 0
    changed: int = 0
    others: Counter[str] = field(default_factory=Counter)
    faults: int = 0
    more: bool = False
    why: str = ""


def total(before: ListUpdate, after: ListUpdate) -> ListUpdate:
    """Return the result of two updates, one after the other."""
    return replace(
        after,
        changed=before.changed + after.changed,
        others=before.others + after.others,
        faults=before.faults + after.faults,
    )


class OtherSourceError(Exception):
    """The entries beside a list are from another address."""


def update_list(path: Path, *, client: SourceClient) -> ListUpdate:
    """Bring a list up to date, as far as one run reaches. What was read before an error counts.

    raises: OtherSourceError; OSError, sqlite3.Error for the files.
    """
    result = ListUpdate()
    with _entries(path, address=client.endpoint.address) as database:
        try:
            _read_changes(database, client=client, result=result)
        except SourceError as error:
            result.why = str(error)
        if result.changed or not path.exists():
            _write_list(path, database)
        (result.values,) = database.execute("SELECT COUNT(DISTINCT line) FROM value").fetchone()
    return result


def _read_changes(
    database: sqlite3.Connection, *, client: SourceClient, result: ListUpdate
) -> None:
    """Read changes and store each page with its checkpoint. raises: SourceError."""
    try:
        from stemtide.hub.rooms.exchanges.sources.tx import ncmec  # noqa: PLC0415  # of an extra
    except ImportError as error:
        raise SourceError(NOT_INSTALLED) from error
    (stored,) = database.execute("SELECT checkpoint FROM source").fetchone()
    checkpoint: dict[str, Any] | None = json.loads(stored) if stored else None
    for changes in ncmec.entry_changes(checkpoint, client=client):
        with database:
            for entry, lines in changes.lines.items():
                database.execute("DELETE FROM value WHERE entry = ?", [entry])
                database.executemany(
                    "INSERT OR IGNORE INTO value VALUES (?, ?)", [(entry, line) for line in lines]
                )
            database.execute("UPDATE source SET checkpoint = ?", [json.dumps(changes.checkpoint)])
        result.changed += len(changes.lines)
        result.others += changes.others
        result.faults += changes.faults
        if client.is_over:
            result.more = True
            return


@contextlib.contextmanager
def _entries(path: Path, *, address: str) -> Iterator[sqlite3.Connection]:
    """Open the entries beside a list, for the source of this address. raises: OtherSourceError."""
    file = path.with_name(path.name + ENTRIES)
    file.touch(mode=0o600)
    private_files.close([file])
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.executescript(_TABLES)
        row = database.execute("SELECT address FROM source").fetchone()
        if row is None:
            with database:
                database.execute("INSERT INTO source VALUES (?, NULL)", [address])
        elif row[0] != address:
            raise OtherSourceError(
                f"{file} has the entries of another source: name another file for this one"
            )
        yield database


def _write_list(path: Path, database: sqlite3.Connection) -> None:
    """Write the list beside and rename it, if it has a value."""
    rows = database.execute("SELECT DISTINCT line FROM value ORDER BY line")
    first = rows.fetchone()
    if first is None:
        return
    new = path.with_name(path.name + ".new")
    new.touch(mode=0o600)
    private_files.close([new])
    with new.open("w", encoding="ascii") as file:
        file.write(f"# written by stemtide hub pull-ncmec: do not edit\n{first[0]}\n")
        file.writelines(f"{line}\n" for (line,) in rows)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def endpoint_of(address: str, *, account: str, secret: str, loopback: bool) -> Endpoint:
    """Return the endpoint of a source."""
    address = address.rstrip("/")
    return Endpoint(
        address=address, push_address=address, account=account, secret=secret, loopback=loopback
    )
