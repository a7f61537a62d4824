# SPDX-License-Identifier: Apache-2.0
"""The marker of a data folder that is being restored. Every command of the hub looks for it."""

from pathlib import Path

NAME = "restore.incomplete"


class InterruptedRestoreError(Exception):
    """A restore has not ended. The message names the folder and the remedy."""


def check_complete(folder: Path) -> None:
    """Refuse a data folder whose restore has not ended. raises: InterruptedRestoreError."""
    if (folder / NAME).exists():
        raise InterruptedRestoreError(
            f"{folder}: a restore was interrupted or is running; if it is not running, delete the"
            " content of this folder and of the database, and restore again"
        )
