# SPDX-License-Identifier: Apache-2.0
"""The list of erasures, which a restore of an older backup repeats.

It lists erasures, destructions and final revocations with their times, as the ledger does: kinds
and numbers, no personal data. It is kept apart from backups, so that it can be newer than they are.
"""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from uuid import UUID

from pydantic import BaseModel

from stemtide.hub.backups.manifest import BackupError
from stemtide.hub.platform import secret_files

NAME = "erasures.jsonl"


class Erasure(BaseModel):
    """One act. subject: the row's name in the ledger; that of a preview is preview:<id>."""

    kind: str
    subject: str
    at: datetime


class _Head(BaseModel):
    """The first line of a list."""

    hub: UUID


def read_list(path: Path, *, hub: UUID) -> list[Erasure]:
    """Return the erasures in a file. raises: BackupError for one of another hub."""
    try:
        first, *lines = path.read_text("utf-8").splitlines()
        head = _Head.model_validate_json(first)
        erasures = [Erasure.model_validate_json(line) for line in lines]
    except (OSError, ValueError) as error:
        raise BackupError(
            f"{path} cannot be read as a list of erasures: give a file that `stemtide hub backup`"
            " or `stemtide hub erasures` wrote"
        ) from error
    if head.hub != hub:
        raise BackupError(f"{path} is of the hub {head.hub}, and the backup of {hub}")
    return erasures


def write_list(path: Path, erasures: Iterable[Erasure], *, hub: UUID) -> None:
    """Write a list to a file, in place of an older one. raises: OSError."""
    lines = [_Head(hub=hub).model_dump_json(), *(row.model_dump_json() for row in erasures)]
    secret_files.replace(path, "".join(f"{line}\n" for line in lines).encode())
