# SPDX-License-Identifier: Apache-2.0
"""The folder of a catalogue in the agent's data_dir: its records and its fingerprints."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from stemtide.agent.config.settings import Config
from stemtide.agent.journal.entries import CATALOGUE_NAME
from stemtide.agent.journal.file import JournalFile
from stemtide.agent.journal.scans import FOLDER
from stemtide.agent.store.schema import StoreError, try_lock
from stemtide.catalogue.items import CatalogueError
from stemtide.catalogue.records import CatalogueRecords


def catalogue_folder(data_dir: Path, name: str) -> Path:
    """Return the folder of a catalogue. raises: CatalogueError if the name is none."""
    if not re.fullmatch(CATALOGUE_NAME, name):
        raise CatalogueError(
            f"{name[:80]!r} is no name of a catalogue: use a-z, 0-9, - and _, 50 at most"
        )
    return data_dir / FOLDER / name


@contextmanager
def open_catalogue(settings: Config, name: str) -> Iterator[tuple[CatalogueRecords, JournalFile]]:
    """Open the catalogue of an agent, or create it; no other scan may have it open.

    The fingerprints are encrypted with the key of the agent's upload journal.

    raises: CatalogueError, StoreError, JournalKeyError, OSError, sqlite3.Error.
    """
    folder = catalogue_folder(settings.data_dir, name)
    if not (settings.data_dir / "agent.db").exists():
        raise StoreError(
            f"{settings.data_dir} has no agent.db: start the agent once, so that it has signals"
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = settings.journal.key_file or settings.data_dir / "journal.key"
    with (folder / "scan.lock").open("wb") as lock:
        if not try_lock(lock):
            raise StoreError(f"another scan of the catalogue {name} is running: wait for its end")
        with (
            closing(CatalogueRecords(folder)) as records,
            closing(JournalFile(folder, key_path=key)) as journal,
        ):
            yield records, journal
