# SPDX-License-Identifier: Apache-2.0
"""The manifest of a backup: its content and time, and the digest of each file.

It is signed with the hub's signing keys, which are not in the backup: anybody who can write where
backups lie could otherwise replace one with a database of their own, encrypted for its recipients.
"""

import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stemtide.protocol.sync.signatures import Signed

MANIFEST = "manifest.json"
INCOMPLETE = ".incomplete-"
"""Prefix of the folder of a backup that is not complete."""

NAME = re.compile(r"stemtide-backup-\d{8}T\d{6}Z-[0-9a-f]{8}")
"""Names of the folders of backups."""

DatabaseKind: TypeAlias = Literal["sqlite", "postgresql"]

_MOST_BYTES = 1_000_000
_TIME = "%Y%m%dT%H%M%SZ"


class BackupError(Exception):
    """A backup cannot be created, read or restored. The message names it and the remedy."""


class StoredFile(BaseModel):
    """A file of the backup. sha256: of its bytes, encrypted or not."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9.-]{0,99}$")
    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """Facts about a backup. It has no secrets and no personal data.

    version:    of the program that created it. server: version of the database's program.
    migrations: the last applied migration of each app.
    entries, positions: the ledger's and the feed's head. history: the mark of the feed's head.
    rows:       of all tables together.
    recipients: age keys that the files are encrypted for; empty if they are not encrypted.
    keys:       the file with the hub's keys, which is kept elsewhere.
    """

    format: Literal["stemtide-backup-1"] = "stemtide-backup-1"
    name: str = Field(pattern=rf"^{NAME.pattern}$")
    hub: UUID
    created_at: datetime
    version: str
    kind: DatabaseKind
    server: str
    migrations: dict[str, str]
    entries: int
    positions: int
    history: str
    rows: int
    recipients: list[str]
    database: StoredFile
    keys: StoredFile


def new_name(now: datetime) -> str:
    """Return the name of a new backup: sorted by time, and unique."""
    return f"stemtide-backup-{now.astimezone(UTC):{_TIME}}-{secrets.token_hex(4)}"


def time_of(name: str) -> datetime:
    """Return the time in the name of a backup."""
    return datetime.strptime(name.split("-")[2], _TIME).replace(tzinfo=UTC)


def read_signed(folder: Path) -> tuple[Manifest, Signed]:
    """Return the manifest of a backup, and its signatures, which are not checked yet.

    raises: BackupError.
    """
    if folder.name.startswith(INCOMPLETE):
        raise BackupError(f"{folder} is the rest of a backup that was interrupted: choose another")
    path = folder / MANIFEST
    try:
        with path.open("rb") as file:
            signed = Signed.model_validate_json(file.read(_MOST_BYTES))
        return Manifest.model_validate_json(signed.manifest), signed
    except FileNotFoundError as error:
        raise BackupError(f"{folder} is not a backup: {_remedy(folder)}") from error
    except (OSError, ValidationError) as error:
        raise BackupError(
            f"{path} cannot be read ({_first_line(error)}): it was damaged or changed, or is of a"
            " newer version of this program; choose another backup, or install that version"
        ) from error


def backups_in(folder: Path) -> list[Path]:
    """Return the folders of complete backups in a folder, oldest first. Links are not followed."""
    return sorted(
        path
        for path in folder.iterdir()
        if NAME.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
    )


def _remedy(folder: Path) -> str:
    """Return the remedy for a folder that is not a backup."""
    within = backups_in(folder) if folder.is_dir() else []
    return f"name one of those in it, such as {within[-1]}" if within else "it has no manifest.json"


def _first_line(error: Exception) -> str:
    """Return a short reason."""
    return str(error).partition("\n")[0]
