# SPDX-License-Identifier: Apache-2.0
"""Create a backup while the hub runs, and delete old ones."""

import io
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection

from stemtide import __version__
from stemtide.hub import host_keys
from stemtide.hub.backups import databases, erasure_list, erasures, keys as key_archive
from stemtide.hub.backups.encryption import Progress, write_file
from stemtide.hub.backups.manifest import (
    INCOMPLETE,
    MANIFEST,
    NAME,
    BackupError,
    Manifest,
    StoredFile,
    backups_in,
    new_name,
    read_signed,
    time_of,
)
from stemtide.hub.first_tables import waiting_migrations
from stemtide.hub.platform import secret_files
from stemtide.hub.rooms.ledger.writes import backups as writes
from stemtide.hub.rooms.snapshots.keys import keys_in
from stemtide.protocol.sync.signatures import sign

_INTERRUPTED_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Backup:
    """A complete backup. folder: with its database; keys, erasures: the files apart from it."""

    folder: Path
    keys: Path
    erasures: Path
    manifest: Manifest


def create(
    folder: Path, *, keys: Path, recipients: Sequence[str], progress: Progress, now: datetime
) -> Backup:
    """Create a backup in a new folder below this one. The hub may run meanwhile.

    keys: the folder for the file of keys and the list of erasures.
    recipients: age keys to encrypt for; none if nothing is to be encrypted.

    1 The database is copied as it is at one moment, and the copy is checked.
    2 Database and keys are written and read back.
    3 The manifest is signed. The folder gets its name last.

    raises: BackupError, DatabaseError, OSError, SigningKeyError.
    """
    _check_apart(folder, keys)
    name = new_name(now)
    for path in (folder, keys):
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    ending = ".age" if recipients else ""
    keys_file = keys / f"{name}{key_archive.SUFFIX}{ending}"
    with _incomplete(folder / f"{INCOMPLETE}{name}", keys_file) as incomplete:
        with databases.copied(progress) as (facts, content):
            database = write_file(
                incomplete / f"database.{facts.kind}{ending}", content, recipients=recipients
            )
        packed = io.BytesIO(key_archive.pack(host_keys.contents()))
        stored_keys = write_file(keys_file, packed, recipients=recipients)
        erasures.add_to_list(keys / erasure_list.NAME)
        manifest = _manifest(
            facts, name=name, recipients=recipients, files=(database, stored_keys), now=now
        )
        signed = sign(manifest, keys=keys_in(settings.SIGNING_KEY_FILE).private)
        secret_files.replace(incomplete / MANIFEST, signed.model_dump_json().encode())
        incomplete.rename(folder / name)
        secret_files.sync_folder(folder)
    return Backup(folder / name, keys_file, keys / erasure_list.NAME, manifest)


def record(backup: Backup, *, actor: str, now: datetime) -> bool:
    """Record a backup in the ledger; return False for tables of an older version."""
    if waiting_migrations(connection):
        return False
    is_encrypted = bool(backup.manifest.recipients)
    writes.record_backup(backup.manifest.name, is_encrypted=is_encrypted, actor=actor, now=now)
    return True


def delete_old(folder: Path, *, keys: Path, newest: Manifest, term: timedelta | None) -> list[str]:
    """Delete backups of the same hub after their term, and their keys; return their names.

    term: None to delete none. The newest one stays. So does a folder that has files which this
          program did not write, and one whose manifest cannot be read. The age is that in the
          name, which keys have as well: a changed manifest deletes no keys of a newer backup.

    raises: OSError.
    """
    deleted = []
    for path in backups_in(folder):
        try:
            manifest, _ = read_signed(path)
        except BackupError:
            continue
        others = {file.name for file in path.iterdir()} - {MANIFEST, manifest.database.name}
        is_old = (
            term
            and time_of(path.name) < newest.created_at - term
            and manifest.name == path.name != newest.name
        )
        if manifest.hub != newest.hub or not is_old or others:
            continue
        shutil.rmtree(path)
        if manifest.keys.name.startswith(path.name):
            (keys / manifest.keys.name).unlink(missing_ok=True)
        deleted.append(manifest.name)
    _delete_interrupted(folder, now=newest.created_at)
    return deleted


def _delete_interrupted(folder: Path, *, now: datetime) -> None:
    """Delete the folders that killed processes left a day ago."""
    for path in folder.glob(f"{INCOMPLETE}*"):
        is_own = NAME.fullmatch(path.name.removeprefix(INCOMPLETE)) and not path.is_symlink()
        if is_own and path.stat().st_mtime < (now - _INTERRUPTED_AFTER).timestamp():
            shutil.rmtree(path)


def _check_apart(folder: Path, keys: Path) -> None:
    """Refuse folders that are not apart. raises: BackupError."""
    backups, apart = folder.resolve(), keys.resolve()
    if backups == apart or backups in apart.parents or apart in backups.parents:
        raise BackupError(
            f"{folder} and {keys} are not apart: whoever gets a backup must not find its keys with"
            " it; name another folder with --keys, best on another machine"
        )


@contextmanager
def _incomplete(folder: Path, keys_file: Path) -> Iterator[Path]:
    """Create the folder of a backup that is not complete; delete it and the keys after an error.

    Once it has its final name, it is complete: then it stays, and its keys with it.
    """
    folder.mkdir(mode=0o700)
    try:
        yield folder
    except BaseException:
        if folder.exists():
            shutil.rmtree(folder, ignore_errors=True)
            keys_file.unlink(missing_ok=True)
        raise


def _manifest(
    facts: databases.DatabaseFacts,
    *,
    name: str,
    recipients: Sequence[str],
    files: tuple[StoredFile, StoredFile],
    now: datetime,
) -> Manifest:
    """Return the manifest of a backup. files: the database and the keys."""
    database, keys = files
    return Manifest(
        name=name,
        hub=facts.hub,
        created_at=now,
        version=__version__,
        kind=facts.kind,
        server=facts.server,
        migrations=facts.migrations,
        entries=facts.entries,
        positions=facts.positions,
        history=facts.history,
        rows=facts.rows,
        recipients=list(recipients),
        database=database,
        keys=keys,
    )
