# SPDX-License-Identifier: Apache-2.0
"""What a hub's database holds when a story begins; each is made once a test run.

All have the same secret keys, so that a running hub reads whichever it is given.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import forks, tables
from tests.once import once

ROOT = Path(__file__).parents[2]
KEYS = ("secret.key", "media.key")
FOLDER = "the folder of the hub"
"""Stands in a command for the folder that it fills."""

SESSIONS_FRESH_S = 300
"""A beginning in which people are signed in is made anew after so long: sessions end."""


@dataclass(frozen=True)
class Beginning:
    """folder: a hub's, with its database; told: what the program that filled it printed."""

    folder: Path
    told: dict[str, Any]

    def copy_to(self, folder: Path) -> None:
        """Put the database and the keys into another hub's folder."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in (tables.NAME, *KEYS):
            shutil.copyfile(self.folder / name, folder / name)
            (folder / name).chmod(0o600)


def of_cast(cast: str, *more: str) -> Beginning:
    """Return the parties of one of the casts in tests/flows/casts.py."""
    name = hashlib.sha256(repr((cast, more)).encode()).hexdigest()[:16]
    return _made(f"{cast}-{name}", "casts", cast, FOLDER, *more)


def furnished() -> Beginning:
    """Return one of everything that has a page."""
    return _made("furnished", "furnished", FOLDER)


def played() -> Beginning:
    """Return a crisis that was played two hours long, with people who are signed in."""
    turn = int(time.time() // SESSIONS_FRESH_S)
    return _made(f"played-{turn}", "screenshots", "--seed")


def _move_into_one_file(database: Path) -> None:
    """Move what SQLite wrote beside a database into it: a fork ends without closing it."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _made(name: str, *program: str) -> Beginning:
    """Return the beginning that a program makes in a folder with the tables of a new hub.

    program: one of tests.forks.PROGRAMS, and its arguments.
    """

    def make(folder: Path) -> None:
        tables.lay(folder)
        for key in KEYS:
            shutil.copyfile(tables.made() / key, folder / key)
            (folder / key).chmod(0o600)
        done = forks.run(
            [str(folder) if word is FOLDER else word for word in program],
            folder=ROOT,
            environment={
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "STEMTIDE_DATA_DIR": str(folder),
            },
        )
        assert done.returncode == 0, done.stderr.decode()
        _move_into_one_file(folder / tables.NAME)
        (folder / "told.json").write_bytes(done.stdout.splitlines()[-1])

    folder = once(name, make)
    return Beginning(folder, json.loads((folder / "told.json").read_text("utf-8")))
