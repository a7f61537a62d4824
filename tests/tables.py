# SPDX-License-Identifier: Apache-2.0
"""The tables of a new hub, made once a test run: making them takes longer than most stories do.

Each hub of the tests begins with a copy, under an id of its own. That they can be made from
nothing is seen wherever the database of the test run itself is made, and in the README's commands.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from tests.once import once

NAME = "hub.sqlite3"
MAKE = """
from pathlib import Path
from stemtide.hub import boot
boot.start()
boot.migrate()
from django.conf import settings
from stemtide.hub.media.keys import keys_in
keys_in(Path(settings.MEDIA_KEY_FILE))
"""
GUARD = "ledger_numbering_forward"


def lay(folder: Path) -> None:
    """Put the tables of a new hub into its folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(made() / NAME, folder / NAME)
    new_hub(folder / NAME)


def new_hub(database: Path, *, positions: int = 0) -> None:
    """Give a database that no hub has open the id of a new hub.

    positions: the feed goes on from there at least.
    """
    with closing(sqlite3.connect(database)) as connection:
        # A hub's id never changes, its guard says: it is lifted before there is a hub.
        (guard,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (GUARD,))
        connection.execute(f"DROP TRIGGER {GUARD}")
        connection.execute(
            "UPDATE ledger_numbering SET hub = ?, positions = max(positions, ?)",
            (uuid4().hex, positions),
        )
        connection.execute(*guard)
        connection.commit()


def made() -> Path:
    """Return a hub's folder with nothing in its tables, as the migrations make it."""
    return once("tables", _make)


def _make(folder: Path) -> None:
    """Migrate an empty database, and make the secret keys of its hub."""
    environment = {"PATH": os.environ["PATH"], "STEMTIDE_DATA_DIR": str(folder)}
    subprocess.run([sys.executable, "-c", MAKE], env=environment, check=True)
