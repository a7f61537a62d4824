# SPDX-License-Identifier: Apache-2.0
"""Restore a backup into an empty data folder and database. archive.py has read it before.

Agents follow by themselves: every act in the feed has a random mark, so they notice that the acts
they read after the backup are gone (decision 0085).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError
from django.db.migrations.loader import MigrationLoader

from stemtide.hub import host_keys
from stemtide.hub.backups import databases, erasures
from stemtide.hub.backups.archive import BackupArchive
from stemtide.hub.backups.encryption import Progress, read_file
from stemtide.hub.backups.erasure_list import Erasure
from stemtide.hub.backups.manifest import BackupError, Manifest
from stemtide.hub.platform import secret_files
from stemtide.hub.rooms.ledger.rules.keys import KeyName
from stemtide.hub.rooms.ledger.writes import backups as writes
from stemtide.hub.rooms.parties.writes import sessions
from stemtide.hub.rooms.transparency.writes import leaves
from stemtide.protocol.tlog.notes import Checkpoint
from stemtide.protocol.tlog.statements import Statement


@dataclass(frozen=True, slots=True)
class Restored:
    """The result of a restore. repeated: erasures. log: leaf 0 of the new transparency log."""

    repeated: int
    log: Statement


def restore(
    archive: BackupArchive,
    *,
    erased: Sequence[Erasure],
    migrate: Callable[[], None],
    last_head: Checkpoint | None = None,
    progress: Progress | None = None,
    actor: str,
    now: datetime,
) -> Restored:
    """Restore a backup into the configured database.

    migrate: brings the tables up to date. last_head: of the hub's log, if somebody kept one.

    1 Check whether it fits program and settings.  2 Fill the database and compare it with
    the manifest.  3 Write the keys.  4 Bring its tables up to date.  5 Open a new log: the old one
    has entries that are lost.  6 Repeat erasures, and sign everybody out, because people may have
    lost their rights since.

    raises: BackupError, DatabaseError, OSError, OtherKeyError.
    """
    _check_version(archive.manifest)
    _check_database(archive.manifest)
    _check_keys(archive)
    is_filled = False
    try:
        _fill(archive, progress)
        is_filled = True
        _compare(archive.manifest)
        _write_keys(archive)
        migrate()
        host_keys.check(*KeyName, now=now)
        name = archive.manifest.name
        statement = leaves.restart(last=last_head, backup=name, actor=actor, now=now)
        repeated = erasures.repeat(erased, actor=actor, now=now)
        sessions.end_all_sessions(now)
        writes.record_restore(name, repeated=repeated, actor=actor, now=now)
    except BaseException as error:
        if is_filled:
            databases.remove_restored()
        if is_filled and archive.manifest.kind == "postgresql" and isinstance(error, Exception):
            raise BackupError(
                f"the database was filled and then not finished ({error}): create an empty one"
                " before you restore again"
            ) from error
        raise
    return Restored(repeated, statement)


def _check_version(manifest: Manifest) -> None:
    """Refuse a backup of a newer version. raises: BackupError."""
    migrations = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    newer = [
        f"{app} {name}"
        for app, name in manifest.migrations.items()
        if (app, name) not in migrations
    ]
    if newer:
        raise BackupError(
            f"the backup is of a newer version, {manifest.version}, with tables that this one does"
            f" not know ({newer[0]}): install that version or a later one"
        )


def _check_database(manifest: Manifest) -> None:
    """Refuse a database of another kind, or one that is not empty. raises: BackupError."""
    kind = "sqlite" if databases.is_sqlite() else "postgresql"
    if kind != manifest.kind:
        raise BackupError(
            f"the backup is of {manifest.kind}, and the settings name a database of {kind}: set"
            " STEMTIDE_DATABASE_URL to an empty database of the same kind"
        )
    try:
        is_there = databases.tables_there()
    except DatabaseError as error:
        raise BackupError(f"the database cannot be opened: {error}") from error
    if is_there:
        raise BackupError(
            "the database of the settings is not empty: create an empty one and name it in"
            " STEMTIDE_DATABASE_URL"
        )


def _check_keys(archive: BackupArchive) -> None:
    """Refuse settings that name other keys than the backup's. raises: BackupError."""
    secret = archive.keys[KeyName.SECRET].decode()
    if secret != settings.SECRET_KEY:
        raise BackupError(
            f"{settings.SECRET_KEY_PLACE} is not the secret of the backup: unset it, and the backup"
            " writes secret.key"
        )
    for name, path in _key_files():
        if path.exists() and path.read_bytes() != archive.keys[name]:
            raise BackupError(
                f"{path} is not the {name} key of the backup: move it away, and the restore writes"
                " it"
            )


def _key_files() -> list[tuple[KeyName, Path]]:
    """Return the files of keys, but of the secret, which lies in its place already."""
    names = [name for name in KeyName if name is not KeyName.SECRET]
    return [(name, Path(host_keys.place_of(name))) for name in names]


def _write_keys(archive: BackupArchive) -> None:
    """Write the keys that are not there."""
    for name, path in _key_files():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        secret_files.make_once(path, lambda name=name: archive.keys[name])  # type: ignore[misc]


def _fill(archive: BackupArchive, progress: Progress | None) -> None:
    """Put the backup's database into the empty one."""
    with databases.filled() as target:
        read_file(
            archive.database,
            target,
            stored=archive.manifest.database,
            identities=archive.identities,
            is_encrypted=bool(archive.manifest.recipients),
            progress=progress,
        )


def _compare(manifest: Manifest) -> None:
    """Refuse a database that differs from the manifest. raises: BackupError."""
    facts = databases.restored_facts()
    for name in ("hub", "migrations", "entries", "positions", "history", "rows"):
        restored, expected = getattr(facts, name), getattr(manifest, name)
        if restored != expected:
            raise BackupError(
                f"the restored database has other {name} ({restored}) than its manifest"
                f" ({expected}): choose another backup"
            )
