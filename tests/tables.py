# SPDX-License-Identifier: Apache-2.0
"""The tables of a new hub, made once: making them takes longer than most stories do.

Each hub of the tests begins with a copy, under an id of its own. That they can be made from
nothing is seen wherever the database of the test run itself is made, and in the README's commands.
"""

import atexit
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path
from uuid import uuid4

NAME = "hub.sqlite3"
GUARD = "ledger_numbering_forward"


def lay(folder: Path) -> None:
    """Put the tables of a new hub into its folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(_made(), folder / NAME)
    with closing(sqlite3.connect(folder / NAME)) as database:
        # A hub's id never changes, its guard says: it is lifted before there is a hub.
        (guard,) = database.execute("SELECT sql FROM sqlite_master WHERE name = ?", (GUARD,))
        database.execute(f"DROP TRIGGER {GUARD}")
        database.execute("UPDATE ledger_numbering SET hub = ?", (uuid4().hex,))
        database.execute(*guard)
        database.commit()


@cache
def _made() -> Path:
    """A database with nothing in it, as the migrations make it: once for each process."""
    folder = Path(tempfile.mkdtemp(prefix="stemtide-tables-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    environment = {"PATH": os.environ["PATH"], "STEMTIDE_DATA_DIR": str(folder)}
    make = "from stemtide.hub import boot; boot.start(); boot.migrate()"
    subprocess.run([sys.executable, "-c", make], env=environment, check=True)
    return folder / NAME
