# SPDX-License-Identifier: Apache-2.0
"""Start from a signed snapshot in a file, while the hub is away.

Its lines are stored beside the signals that match meanwhile, and replace all of them at once, after
the last line was verified. Otherwise nothing changes.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

from stemtide.agent.config.settings import Config
from stemtide.agent.store.database import Store, Transaction
from stemtide.agent.store.position import Origin
from stemtide.agent.sync.snapshot import FeedReader, add_lines
from stemtide.client import AnswerError
from stemtide.matching.library import Library
from stemtide.protocol.sync.signatures import SignatureError
from stemtide.protocol.sync.snapshot_files import SnapshotFileError, opened_whole
from stemtide.protocol.sync.snapshots import SnapshotManifest


class FileTroubleError(Exception):
    """The snapshot file is not used. The message says why, and how to fix it."""


async def take_file(
    store: Store,
    *,
    reader: FeedReader,
    config: Config,
    alongside: Callable[[Transaction, Library], None],
) -> SnapshotManifest | None:
    """Load the signals of the configured file, unless the store has newer ones.

    alongside: as of Store.adopt_incoming.
    returns: None if nothing was loaded. raises: FileTroubleError.
    """
    if config.snapshot_file is None:
        return None
    try:
        return await asyncio.to_thread(
            _load_newer,
            config.snapshot_file,
            store,
            reader=reader,
            config=config,
            alongside=alongside,
        )
    except (SnapshotFileError, SignatureError, AnswerError, OSError, sqlite3.Error) as error:
        raise FileTroubleError(f"snapshot_file is not taken: {error}") from error


def _load_newer(
    path: Path,
    store: Store,
    *,
    reader: FeedReader,
    config: Config,
    alongside: Callable[[Transaction, Library], None],
) -> SnapshotManifest | None:
    """Load a file if the store is empty, or has an older version of the same history."""
    with opened_whole(path, trusted=config.hub_public_key) as (head, _):
        manifest = head.manifest
    origin = Origin(str(manifest.hub), manifest.party, manifest.exercise)
    if store.origin and (store.origin != origin or store.position >= manifest.version):
        return None
    return _load_file(
        path,
        store,
        reader=reader,
        config=config,
        alongside=alongside,
    )


def _load_file(
    path: Path,
    store: Store,
    *,
    reader: FeedReader,
    config: Config,
    alongside: Callable[[Transaction, Library], None],
) -> SnapshotManifest:
    """Replace all signals by those of a file, however old: /health says when it was made."""
    incoming = store.begin_incoming()
    with opened_whole(path, trusted=config.hub_public_key) as (head, lines):
        manifest = head.manifest
        if manifest.exercise != config.exercise:
            raise SnapshotFileError(
                "it is one with exercise signals, or without, and the setting exercise says"
                " otherwise: take one of the other kind"
            )
        for piece in lines.pieces():
            add_lines(store, incoming, piece.splitlines(), reader=reader, source=str(path))
    store.adopt_incoming(
        incoming,
        origin=Origin(str(manifest.hub), manifest.party, manifest.exercise),
        position=manifest.version,
        history=manifest.history,
        parties=manifest.parties,
        now=manifest.made_at,
        alongside=alongside,
    )
    return manifest
