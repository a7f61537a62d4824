# SPDX-License-Identifier: Apache-2.0
"""The agent's SQLite file: its tables, upgrades of older files, recovery of damaged ones."""

import fcntl
import logging
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from stemtide import private_files
from stemtide.agent.store import (
    allowed,
    match_rates,
    own_banks,
    own_list,
    parties,
    review,
    switched_off,
)
from stemtide.agent.store.log import proofs
from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS

logger = logging.getLogger(__name__)

_SIGNAL_PLACES = """CREATE TABLE signal_places (
  number INTEGER PRIMARY KEY, signal TEXT NOT NULL UNIQUE, value BLOB NOT NULL
)"""
"""number: as the hub gave it. signal: the id of a pdq signal. value: its local features."""

APPLICATION = 0x53544D41  # "STMA" in SQLite's application_id: this file is an agent's
VERSION = 6

_PAGE_BYTES = 16_384
"""Of a new file; an older one keeps its 4,096. docs/decide/0233 has what each costs."""

_CHECKPOINT_BYTES = 8_000_000
_LOADING_CHECKPOINT_BYTES = 64_000_000
"""Of the write-ahead log, copied at a time: pages that change often are copied once."""

SIGNALS = """
CREATE TABLE {name} (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, kind TEXT NOT NULL, value BLOB NOT NULL,
  within_bits INTEGER, expires_at REAL, exercise INTEGER NOT NULL, disputed INTEGER NOT NULL,
  body TEXT NOT NULL
)"""
"""Signals. seq is the signal's key in a Library: a number belongs to one fingerprint for ever."""

SIGNALS_INDEXES = (
    "CREATE UNIQUE INDEX signals_by_id_{name} ON {table} (id)",
    # Only the numbers, in order: a start reads 10 MB of this index, not 700 MB of bodies.
    "CREATE INDEX signals_by_seq_{name} ON {table} (seq)",
    # URLs are also looked up by the first bytes of their digests.
    "CREATE INDEX signals_urls_{name} ON {table} (value) WHERE kind = 'url'",
)
_HAS_URLS = "SELECT 1 FROM sqlite_master WHERE tbl_name = 'signals' AND name LIKE 'signals_urls_%'"

_IS_OVERWRITTEN = "SELECT 1 FROM state WHERE name = 'overwritten'"
_NOTE_OVERWRITTEN = "INSERT INTO state VALUES ('overwritten', '1')"
_GONE = "CREATE TABLE gone (number INTEGER PRIMARY KEY AUTOINCREMENT, seq INTEGER NOT NULL)"
_LOCAL_TABLES = {
    # Data that the hub does not have: recovered from a damaged file as far as it is readable.
    "outcomes": """CREATE TABLE outcomes (
      report TEXT NOT NULL, signal TEXT NOT NULL, outcome TEXT NOT NULL, count INTEGER NOT NULL,
      first_at TEXT NOT NULL, last_at TEXT NOT NULL, refused TEXT NOT NULL DEFAULT '',
      bucket TEXT NOT NULL DEFAULT '', language TEXT NOT NULL DEFAULT '',
      was TEXT NOT NULL DEFAULT '', was_signal TEXT NOT NULL DEFAULT '',
      PRIMARY KEY (report, signal, outcome, bucket, language, was, was_signal)
    ) WITHOUT ROWID""",
    "counted": """CREATE TABLE counted (
      ref TEXT PRIMARY KEY, signal TEXT NOT NULL, outcome TEXT NOT NULL, at REAL NOT NULL,
      language TEXT NOT NULL
    ) WITHOUT ROWID""",
    # Earlier uploads that match a later signal. first_hour: Unix time. reported: at the hub.
    "earlier_uploads": """CREATE TABLE earlier_uploads (
      signal TEXT PRIMARY KEY, count INTEGER NOT NULL, first_hour INTEGER NOT NULL,
      reported INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID""",
    "lookups": """CREATE TABLE lookups (
      bucket TEXT PRIMARY KEY, count INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "deliveries": """CREATE TABLE deliveries (
      seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, channel TEXT NOT NULL,
      ref TEXT NOT NULL, body TEXT NOT NULL, due_at REAL NOT NULL,
      attempts INTEGER NOT NULL DEFAULT 0, is_dead INTEGER NOT NULL DEFAULT 0,
      trouble TEXT NOT NULL DEFAULT '', UNIQUE (id, channel)
    )""",
    "acted": """CREATE TABLE acted (
      ref TEXT NOT NULL, signal TEXT NOT NULL, action TEXT NOT NULL, kind TEXT NOT NULL,
      distance_bits INTEGER NOT NULL, part TEXT NOT NULL, at REAL NOT NULL,
      match_percent INTEGER NOT NULL DEFAULT 100, transform TEXT NOT NULL DEFAULT '',
      matched_s REAL, allowed TEXT NOT NULL DEFAULT '',
      PRIMARY KEY (ref, signal)
    ) WITHOUT ROWID""",
    "restrictions": """CREATE TABLE restrictions (
      puid TEXT PRIMARY KEY, ref TEXT NOT NULL, kinds TEXT NOT NULL, began_at REAL NOT NULL,
      ended_at REAL, state TEXT NOT NULL DEFAULT 'owed', uuid TEXT NOT NULL DEFAULT '',
      why TEXT NOT NULL DEFAULT ''
    ) WITHOUT ROWID""",
    # Blocks by the day (UTC) on which they began; kept when the restrictions are forgotten.
    "restriction_days": """CREATE TABLE restriction_days (
      day TEXT PRIMARY KEY, begun INTEGER NOT NULL, undone INTEGER NOT NULL
    ) WITHOUT ROWID""",
    # Contents of a provider's own HMA, which cannot be listed: see hma/rows.py.
    "banks": "CREATE TABLE banks (name TEXT PRIMARY KEY, hma TEXT NOT NULL) WITHOUT ROWID",
    "banked": """CREATE TABLE banked (
      seq INTEGER PRIMARY KEY AUTOINCREMENT, signal TEXT NOT NULL, bank TEXT NOT NULL,
      kind TEXT NOT NULL, value BLOB NOT NULL, wanted INTEGER NOT NULL, expires_at REAL,
      content INTEGER, asked_at REAL, doubt_at REAL, handed_at REAL,
      checked INTEGER NOT NULL DEFAULT 1, tries INTEGER NOT NULL DEFAULT 0,
      refused TEXT NOT NULL DEFAULT '', UNIQUE (signal, bank, value)
    )""",
    **allowed.TABLES,
    **match_rates.TABLES,
    **own_list.TABLES,
    **own_banks.TABLES,
    "own_places": own_banks.PLACES_TABLE,
    **review.TABLES,
    **switched_off.TABLES,
    **proofs.TABLES,
}
_BANKED_INDEXES = (
    "CREATE INDEX banked_leaving ON banked (tries, seq) WHERE wanted = 0",
    """CREATE INDEX banked_joining ON banked (tries, seq)
      WHERE wanted = 1 AND content IS NULL AND refused = ''""",
    "CREATE INDEX banked_refused ON banked (seq) WHERE refused != ''",
    "CREATE INDEX banked_unchecked ON banked (seq) WHERE checked = 0",
    "CREATE INDEX banked_doubts ON banked (doubt_at) WHERE doubt_at IS NOT NULL",
    "CREATE INDEX banked_ends ON banked (expires_at) WHERE wanted = 1 AND expires_at IS NOT NULL",
    "CREATE INDEX banked_content ON banked (content) WHERE content IS NOT NULL",
    "CREATE INDEX banked_handed ON banked (kind, handed_at) WHERE content IS NOT NULL",
)
_ACTED_INDEXES = ("CREATE INDEX acted_by_signal ON acted (signal)",)
_RESTRICTIONS_INDEXES = (
    "CREATE INDEX restrictions_by_ref ON restrictions (ref)",
    "CREATE INDEX restrictions_by_state ON restrictions (state, began_at)",
)
# The signals go on matching; a store of no known party takes a snapshot once the hub is there.
_LOAD_SNAPSHOT = "UPDATE state SET value = '' WHERE name = 'party'"
_ADDED_TABLES = {
    "counted": (_LOCAL_TABLES["counted"],),
    "earlier_uploads": (_LOCAL_TABLES["earlier_uploads"],),
    # Uploads that an older agent counted and did not report were look-ups as well.
    "lookups": (
        _LOCAL_TABLES["lookups"],
        """INSERT INTO lookups SELECT bucket, sum(count) FROM outcomes
          WHERE bucket != '' GROUP BY bucket""",
    ),
    "restrictions": (_LOCAL_TABLES["restrictions"], *_RESTRICTIONS_INDEXES),
    "restriction_days": (
        _LOCAL_TABLES["restriction_days"],
        """INSERT INTO restriction_days
          SELECT date(began_at, 'unixepoch'), count(*), count(ended_at)
          FROM restrictions GROUP BY 1""",
    ),
    "banked": (_LOCAL_TABLES["banks"], _LOCAL_TABLES["banked"], *_BANKED_INDEXES),
    # An older agent did not store who confirms a signal.
    "parties": (parties.TABLE, _LOAD_SNAPSHOT),
    "allowed": (*allowed.TABLES.values(), *allowed.INDEXES),
    **{name: (table,) for name, table in match_rates.TABLES.items()},
    "review_events": (*review.TABLES.values(), *review.INDEXES),
    "review_blind_checks": (review.TABLES["review_blind_checks"],),
    "review_blocks": (review.TABLES["review_blocks"],),
    "review_people": (review.TABLES["review_people"],),
    "review_sign_ins": (review.TABLES["review_sign_ins"],),
    "review_questions": (review.TABLES["review_questions"],),
    "kept_files": (review.TABLES["kept_files"],),
    "own_entries": tuple(own_list.TABLES.values()),
    "switched_off": tuple(switched_off.TABLES.values()),
    "own_banks": (*own_banks.TABLES.values(), *own_banks.INDEXES),
    "own_places": (own_banks.PLACES_TABLE,),
    "signal_places": (_SIGNAL_PLACES,),
    # An agent without proofs stored no signatures either, which rules may demand.
    "unproved": (*proofs.TABLES.values(), *proofs.INDEXES, _LOAD_SNAPSHOT),
}
"""Tables that an older file lacks; an older agent ignores them."""
_OTHER_STATEMENTS = (
    "CREATE TABLE state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    parties.TABLE,
    _SIGNAL_PLACES,
    *_LOCAL_TABLES.values(),
    *_ACTED_INDEXES,
    "CREATE INDEX deliveries_by_ref ON deliveries (ref)",
    *_RESTRICTIONS_INDEXES,
    *_BANKED_INDEXES,
    *allowed.INDEXES,
    *own_banks.INDEXES,
    *review.INDEXES,
    *proofs.INDEXES,
)


_DAMAGE_CODES = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""Error codes of SQLite for a damaged file; SQLITE_ERROR: a required table is missing."""


class StoreError(RuntimeError):
    """The store cannot be used. The message names the file and the remedy."""


class TornError(Exception):
    """The file is damaged."""


_OWN_FILES = (
    *("agent.*", "journal.*", "live.db*", "segments*", "witness.*"),
    *("actions.jsonl*", "incoming*", "kept*"),
)
"""Files of an agent in its data directory."""


def lock_directory(directory: Path) -> BinaryIO:
    """Keep a second agent out of the directory, for as long as the lock file stays open.

    A forked process shares its parent's lock. raises: StoreError.
    """
    try:
        private_files.claim(directory, names=_OWN_FILES)
        lock = (directory / "agent.lock").open("wb")
    except OSError as error:
        raise StoreError(f"data_dir {directory} cannot be used: {error}") from error
    if not try_lock(lock):
        lock.close()
        raise StoreError(
            f"another agent uses data_dir {directory}; give each agent its own, or stop that one"
        )
    return lock


def try_lock(file: BinaryIO) -> bool:
    """Lock an open file for this process; return False if another one has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def open_file(path: Path, *, cache_kb: int = 16_000) -> sqlite3.Connection:
    """Open another connection; any thread may use it, but only one at a time."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    sizes = (f"cache_size = -{cache_kb}", f"journal_size_limit = {_CHECKPOINT_BYTES}")
    new = (f"page_size = {_PAGE_BYTES}", "journal_mode = WAL")  # in this order
    # What ended is overwritten. Debian's SQLite does that by default, others do not.
    for pragma in (*new, "secure_delete = ON", *sizes):
        connection.execute(f"PRAGMA {pragma}")
    write_durably(connection)
    return connection


def write_durably(connection: sqlite3.Connection) -> None:
    """Let each write survive a power cut, not only a crash: counts are promised to the hub."""
    _set_writing(connection, synchronous="FULL", checkpoint_bytes=_CHECKPOINT_BYTES)


def write_for_loading(connection: sqlite3.Connection) -> None:
    """Let a power cut lose writes: those of a snapshot that is being loaded."""
    _set_writing(connection, synchronous="NORMAL", checkpoint_bytes=_LOADING_CHECKPOINT_BYTES)


def _set_writing(
    connection: sqlite3.Connection, *, synchronous: str, checkpoint_bytes: int
) -> None:
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {checkpoint_bytes // page_bytes}")


def connect(path: Path) -> sqlite3.Connection:
    """Open or create the agent's file, and upgrade an older one.

    raises: StoreError for a file of another program or of a newer agent, TornError for damage.
    """
    is_new = not path.exists() or path.stat().st_size == 0
    connection = None
    try:
        connection = open_file(path)
        if is_new:
            _create_tables(connection)
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        _check(path, application=application, version=version)
        upgrades = (
            *(_upgrade_from_1, _upgrade_from_2, _upgrade_from_3),
            *(_upgrade_from_4, _upgrade_from_5),
        )
        for upgrade in upgrades[version - 1 :]:
            upgrade(connection)
        _index_urls(connection)
        _add_tables(connection)
        for table in _LOCAL_TABLES:
            for _ in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608 - our own names
                pass  # reading everything proves that it is readable
    except (sqlite3.DatabaseError, StoreError) as error:
        if connection:
            connection.close()
        if isinstance(error, StoreError):
            raise
        if not is_damage(error):
            raise StoreError(f"{path} cannot be used: {error}") from error
        raise TornError(str(error)) from error
    return connection


@contextmanager
def read_only(data_dir: Path) -> Iterator[sqlite3.Connection]:
    """Read an agent's file, even while that agent runs; all of it as at one moment.

    raises: StoreError.
    """
    path = data_dir / "agent.db"
    if not path.exists():
        raise StoreError(f"{path} is not there: is data_dir that of an agent that ran?")
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as reader:
            reader.execute("BEGIN")
            yield reader
    except sqlite3.Error as error:
        raise StoreError(
            f"{path} cannot be read ({error}): an agent of this version must have run with it once"
        ) from error


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether an error means that the file is damaged, rather than, say, that the disk is full."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF in _DAMAGE_CODES  # the higher bits are details


def _create_tables(connection: sqlite3.Connection) -> None:
    """Create the tables in one transaction: a crash leaves an empty file, which is new again."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(SIGNALS.format(name="signals"))
    for statement in (*SIGNALS_INDEXES, _GONE, *_OTHER_STATEMENTS):
        connection.execute(statement.format(name="first", table="signals"))
    _begin_generation(connection)
    connection.execute(_NOTE_OVERWRITTEN)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _index_urls(connection: sqlite3.Connection) -> None:
    """Add the index of URLs to an older file; without it only GET /match/urls is slow."""
    with suppress(sqlite3.OperationalError):  # disk full, or another process does it
        if not connection.execute(_HAS_URLS).fetchone():
            connection.execute(SIGNALS_INDEXES[-1].format(name="late", table="signals"))


def _add_tables(connection: sqlite3.Connection) -> None:
    """Add the tables that an older file lacks."""
    has = "SELECT 1 FROM sqlite_master WHERE name = ?"
    for table, statements in _ADDED_TABLES.items():
        if connection.execute(has, (table,)).fetchone():
            continue
        connection.execute("BEGIN IMMEDIATE")
        if not connection.execute(has, (table,)).fetchone():  # unless another process was first
            for statement in statements:
                connection.execute(statement)
        connection.execute("COMMIT")
    connection.execute("BEGIN IMMEDIATE")
    proofs.add_column(connection)
    connection.execute("COMMIT")


def overwrite_free_space(connection: sqlite3.Connection) -> None:
    """Rewrite, once, the file of an agent that did not overwrite what it deleted.

    If the disk is full, or another process writes meanwhile, the next start tries again.
    """
    if connection.execute(_IS_OVERWRITTEN).fetchone():
        return
    try:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute(_NOTE_OVERWRITTEN)
    except sqlite3.OperationalError as error:
        logger.warning(
            "agent.db still has bytes of deleted signals, and the next start overwrites them: %s",
            error,
        )


def _begin_generation(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO state VALUES ('generation', ?)", (uuid4().hex,))


def _upgrade_from_1(connection: sqlite3.Connection) -> None:
    """Assign numbers to the signals, in one transaction: a crash leaves the old file unchanged."""
    connection.create_function("unix_time", 1, _unix_time, deterministic=True)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(SIGNALS.format(name="numbered"))
    connection.execute(
        "INSERT INTO numbered (id, kind, value, within_bits, expires_at, exercise, disputed, body)"
        " SELECT id, kind, value, within_bits, unix_time(json_extract(body, '$.expires_at')),"
        " json_extract(body, '$.exercise'), json_extract(body, '$.disputed'), body"
        " FROM signals ORDER BY rowid"
    )
    connection.execute("DROP TABLE signals")
    connection.execute("ALTER TABLE numbered RENAME TO signals")
    for statement in (*SIGNALS_INDEXES, _GONE):
        connection.execute(statement.format(name="first", table="signals"))
    _begin_generation(connection)
    connection.execute("PRAGMA user_version = 2")
    connection.execute("COMMIT")


def _upgrade_from_2(connection: sqlite3.Connection) -> None:
    """Add columns to count outcomes by time and language, in one transaction."""
    _widen(connection, "outcomes", version=3)


def _upgrade_from_4(connection: sqlite3.Connection) -> None:
    """Add columns for corrected outcomes, in one transaction."""
    _widen(connection, "outcomes", version=5)


def _upgrade_from_5(connection: sqlite3.Connection) -> None:
    """Add columns with which a decision can be judged again, in one transaction."""
    _widen(connection, "acted", version=6, indexes=_ACTED_INDEXES)


def _widen(
    connection: sqlite3.Connection, table: str, *, version: int, indexes: Sequence[str] = ()
) -> None:
    """Add missing columns to a table of an older agent."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"ALTER TABLE {table} RENAME TO older")
    connection.execute(_LOCAL_TABLES[table])
    columns = ", ".join(name for _, name, *_ in connection.execute("PRAGMA table_info(older)"))
    connection.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM older")  # noqa: S608 - our own names
    connection.execute("DROP TABLE older")
    for statement in indexes:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.execute("COMMIT")


def _upgrade_from_3(connection: sqlite3.Connection) -> None:
    """Limit the distance of signals to 31 bits, in one transaction.

    If a distance changes, a new generation begins, because the Library's files have the old one.
    """
    connection.execute("BEGIN IMMEDIATE")
    wide = "UPDATE signals SET within_bits = ? WHERE within_bits > ?"
    if connection.execute(wide, (MATCH_WITHIN_BITS, MATCH_WITHIN_BITS)).rowcount:
        generation = "UPDATE state SET value = ? WHERE name = 'generation'"
        connection.execute(generation, (uuid4().hex,))
    connection.execute("PRAGMA user_version = 4")
    connection.execute("COMMIT")


def _unix_time(text: str | None) -> float | None:
    return datetime.fromisoformat(text).timestamp() if text else None


def _check(path: Path, *, application: int, version: int) -> None:
    if application != APPLICATION:
        raise StoreError(
            f"{path} is a database of another program; move it away, or choose another data_dir"
        )
    if version > VERSION:
        raise StoreError(
            f"{path} was written by a newer agent (store version {version}, this one knows "
            f"{VERSION}); start that newer agent again, or choose another data_dir"
        )


def set_aside(path: Path, error: Exception) -> str:
    """Keep a damaged file, start a new one, and carry over the data that only the agent has.

    returns: a report for the operator.
    """
    torn = path.with_name(f"{path.name}.torn-{time.time_ns()}")
    for suffix in ("-wal", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(torn.with_name(torn.name + suffix))
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
    saved = _carry_over(torn, path)
    return (
        f"{path} was damaged ({error}) and is kept as {torn.name}; signals come anew from the hub; "
        f"carried over: {saved or 'nothing could be read'}"
    )


def _carry_over(torn: Path, path: Path) -> str:
    """Copy, row by row, all readable rows of the tables that only the agent has."""
    connection = connect(path)
    saved = []
    try:
        old = sqlite3.connect(torn)
        for table in _LOCAL_TABLES:
            count = 0
            with suppress(sqlite3.DatabaseError):  # until the damaged part; the count shows how far
                rows = old.execute(f"SELECT * FROM {table}")  # noqa: S608 - our own names
                columns = ", ".join(
                    column for column, *_ in rows.description
                )  # older files have fewer
                placeholders = ",".join("?" * len(rows.description))
                insert = f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({placeholders})"  # noqa: S608 - our own names
                for row in rows:
                    connection.execute(insert, row)
                    count += 1
                saved.append(f"{count} {table}")
                continue
            saved.append(f"{count} {table} (the rest is unreadable)")
        allowed.note_change(connection)
        own_banks.note_change(connection)
        old.close()
    finally:
        connection.close()
    return ", ".join(saved)
