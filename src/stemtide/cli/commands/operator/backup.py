# SPDX-License-Identifier: Apache-2.0
"""stemtide hub backup, restore, erasures: save the hub, and get it back."""

import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.commands.operator.hub import hub
from stemtide.cli.local_hub import (
    OPERATOR,
    DataDir,
    data_folder,
    now,
    open_hub,
    record_keys,
)
from stemtide.cli.output import AsJson, fail, fail_on, print_note, print_result

if TYPE_CHECKING:
    from stemtide.hub.backups.archive import BackupArchive
    from stemtide.hub.backups.creation import Backup
    from stemtide.hub.backups.erasure_list import Erasure
    from stemtide.hub.backups.restoration import Restored
    from stemtide.protocol.tlog.notes import Checkpoint

_TELL_EVERY_S = 2.0


@hub.command("backup")
def backup(
    folder: Annotated[Path, typer.Argument(help="Folder of backups. A new one is created in it.")],
    keys: Annotated[
        Path,
        typer.Option(help="Another folder, for the hub's keys and the list of erasures."),
    ],
    recipient: Annotated[
        list[str] | None,
        typer.Option(help="Public key, age1…, that may decrypt the backup. May be repeated."),
    ] = None,
    recipients_file: Annotated[
        Path | None, typer.Option(help="File with such keys, one a line.", show_default=False)
    ] = None,
    unencrypted: Annotated[
        bool, typer.Option("--unencrypted", help="Write database and keys in plain text.")
    ] = False,
    keep_days: Annotated[
        int | None,
        typer.Option(min=1, help="Delete this hub's backups in the folder after so many days."),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Back up the hub while it runs: database and keys apart.

    The list of erasures is written beside the keys. Without the keys nobody can use the
    database, so move their folder to another place.
    """
    from stemtide.hub.backups.encryption import read_recipients
    from stemtide.hub.backups.manifest import BackupError

    try:
        recipients = read_recipients(recipient or [], recipients_file)
    except BackupError as error:
        fail(str(error), code=2)
    if bool(recipients) is unencrypted:
        fail(
            "give --recipient age1…, the public key of those who may restore the hub (age-keygen"
            " creates one), or --unencrypted and not both",
            code=2,
        )
    open_hub(data_dir, is_migrated=False)
    from django.db import DatabaseError

    from stemtide.hub.backups import creation
    from stemtide.hub.platform.documents.seal_files import SealFileError
    from stemtide.hub.rooms.media.keys import KeyFileError
    from stemtide.hub.rooms.snapshots.keys import SigningKeyError

    key_errors = (SigningKeyError, SealFileError, KeyFileError)
    with fail_on(BackupError, DatabaseError, OSError, *key_errors, *_driver_errors()):
        record_keys()
        created = creation.create(
            folder, keys=keys, recipients=recipients, progress=_progress("copied"), now=now()
        )
        is_recorded = creation.record(created, actor=OPERATOR, now=now())
        term = timedelta(days=keep_days) if keep_days else None
        deleted = creation.delete_old(folder, keys=keys, newest=created.manifest, term=term)
    _print_backup(created, deleted=deleted, as_json=as_json)
    if not is_recorded:
        print_note("The ledger has no entry of it: the tables are of an older version.")
    if unencrypted:
        print_note("It is NOT encrypted: whoever reads both folders can read everything.")


def _print_backup(created: "Backup", *, deleted: list[str], as_json: bool) -> None:
    """Print the new backup, and the deleted ones."""
    manifest = created.manifest
    row: dict[str, object] = {
        "backup": str(created.folder),
        "keys": str(created.keys),
        "erasures": str(created.erasures),
        "size_bytes": manifest.database.size_bytes,
        "ledger": manifest.entries,
        "feed": manifest.positions,
        "deleted": deleted,
    }
    line = (
        f"{created.folder}: {manifest.database.size_bytes / 1e6:.1f} MB, ledger up to"
        f" {manifest.entries}, feed up to {manifest.positions}"
    )
    print_result(row, as_json=as_json, line=line)
    print_note(f"Its keys: {created.keys}. Move them to another place than the backup.")
    if deleted:
        print_note(f"Deleted after their term: {', '.join(deleted)}")


@hub.command("restore")
def restore(
    folder: Annotated[Path, typer.Argument(help="Folder of one backup.")],
    keys: Annotated[
        Path, typer.Option(help="File with the hub's keys, or the folder that contains it.")
    ],
    identity: Annotated[
        Path | None,
        typer.Option(help="File with the secret key, AGE-SECRET-KEY-1….", show_default=False),
    ] = None,
    erasures: Annotated[
        Path | None,
        typer.Option(
            help="Newest list of erasures. Default: erasures.jsonl beside the keys.",
            show_default=False,
        ),
    ] = None,
    last_head: Annotated[
        Path | None,
        typer.Option(
            help="Newest signed head of the hub's log that somebody kept, or the folder of a copy.",
            show_default=False,
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Check the backup and its keys; write nothing.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Restore a backup into an empty data folder and database.

    The settings name both. Erasures since the backup are repeated, and everybody is signed out. A
    new transparency log begins, which names the entries that are lost.
    """
    from stemtide.hub.backups.archive import read_archive
    from stemtide.hub.backups.encryption import read_identities
    from stemtide.hub.backups.manifest import BackupError

    with fail_on(BackupError, OSError):
        archive = read_archive(
            folder,
            keys=keys,
            identities=read_identities(identity) if identity else [],
            progress=_progress("checked"),
        )
        erased = _erasures(erasures, keys=keys, archive=archive)
        head = _last_head(last_head, archive=archive) if last_head else None
    row: dict[str, object] = {
        "backup": archive.manifest.name,
        "created_at": archive.manifest.created_at.isoformat(),
        "ledger": archive.manifest.entries,
        "feed": archive.manifest.positions,
        "signed_by": archive.signer.fingerprint,
    }
    if check:
        line = f"{archive.manifest.name} is intact, signed by {archive.signer.fingerprint}"
        print_result(row, as_json=as_json, line=line)
        return
    restored = _restore(archive, erased=erased, last_head=head, data_dir=data_dir)
    row |= {"repeated": restored.repeated, "log": restored.log.origin, "lost": restored.log.lost}
    line = f"The hub is as it was at {archive.manifest.created_at:%Y-%m-%d %H:%M:%S} UTC"
    print_result(row, as_json=as_json, line=line)
    print_note(
        f"The backup is signed by {archive.signer.fingerprint}. {restored.repeated} erasures"
        " repeated."
    )
    print_note(
        f"The transparency log begins anew, as {restored.log.origin}: {restored.log.lost} are lost."
        " Ask a coordinator of an agency to confirm this on the page Hub settings."
    )
    print_note(
        "Rights, people and webhooks are as they were then: check what changed since. Now start"
        " the hub; agents follow by themselves."
    )


def _erasures(file: Path | None, *, keys: Path, archive: "BackupArchive") -> "list[Erasure]":
    """Return the erasures to repeat."""
    from stemtide.hub.backups import erasure_list

    beside = (keys if keys.is_dir() else keys.parent) / erasure_list.NAME
    file = file or (beside if beside.exists() else None)
    if file is None:
        print_note("There is no list of erasures: what was erased since the backup is back.")
        return []
    return erasure_list.read_list(file, hub=archive.manifest.hub)


def _last_head(place: Path, *, archive: "BackupArchive") -> "Checkpoint":
    """Return the head in a file, or of a copy of the log. raises: BackupError, OSError."""
    from stemtide.cli.commands.ledger.logs import CHECKPOINT
    from stemtide.hub.backups.archive import read_head

    file = place / CHECKPOINT if place.is_dir() else place
    return read_head(file.read_text("utf-8", errors="replace"), archive=archive)


def _restore(
    archive: "BackupArchive",
    *,
    erased: "list[Erasure]",
    last_head: "Checkpoint | None",
    data_dir: Path | None,
) -> "Restored":
    """Restore an archive that was checked."""
    from django.core.exceptions import ImproperlyConfigured
    from django.db import DatabaseError

    from stemtide.hub import boot
    from stemtide.hub.backups.archive import new_data_folder
    from stemtide.hub.backups.manifest import BackupError
    from stemtide.hub.rooms.ledger.rules.keys import KeyName, OtherKeyError

    target = data_folder(data_dir)
    os.environ["STEMTIDE_DATA_DIR"] = str(target)
    names = ("STEMTIDE_SECRET_KEY", "STEMTIDE_SECRET_KEY_FILE")
    has_secret = any(os.environ.get(name) for name in names)
    secret = None if has_secret else archive.keys[KeyName.SECRET]
    errors = (BackupError, DatabaseError, OSError, ImproperlyConfigured, OtherKeyError)
    with fail_on(*errors, *_driver_errors()), new_data_folder(target, secret=secret):
        boot.start()
        from stemtide.hub.backups.restoration import restore as fill

        return fill(
            archive,
            erased=erased,
            last_head=last_head,
            migrate=boot.migrate,
            progress=_progress("restored"),
            actor=OPERATOR,
            now=now(),
        )


@hub.command("erasures")
def erasures(
    file: Annotated[Path, typer.Argument(help="File to write, apart from the backups.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write the list of erasures, which a restore repeats.

    It has kinds, row numbers and times, and no personal data. What the file has is kept.
    """
    open_hub(data_dir)
    from stemtide.hub.backups.erasures import add_to_list
    from stemtide.hub.backups.manifest import BackupError

    with fail_on(BackupError, OSError):
        count = add_to_list(file)
    print_result({"erasures": count}, as_json=as_json, line=f"{count} erasures in {file}")


def _driver_errors() -> tuple[type[Exception], ...]:
    """Return the errors of databases that are used without Django."""
    import sqlite3

    import psycopg

    return (sqlite3.Error, psycopg.Error)


def _progress(verb: str) -> Any:  # noqa: ANN401  # a function
    """Return a callback that prints now and then how many bytes are done, on a terminal."""
    last = time.monotonic()

    def note(done: int) -> None:
        nonlocal last
        if sys.stderr.isatty() and time.monotonic() - last > _TELL_EVERY_S:
            last = time.monotonic()
            print_note(f"{verb} {done / 1e6:.0f} MB")

    return note
