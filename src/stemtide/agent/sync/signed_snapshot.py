# SPDX-License-Identifier: Apache-2.0
"""Load signed snapshots: from the hub if its key is pinned, or from a file while it is away.

1 A download goes into a file first, limited to the size that its head promises.
2 Its lines are stored beside the signals that match meanwhile, and replace all of them at
  once, after the signature of the last line was verified. Otherwise nothing changes.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stemtide.agent.config.settings import Config
from stemtide.agent.hub.client import Client
from stemtide.agent.store.database import Store, Transaction
from stemtide.agent.store.position import Origin
from stemtide.agent.sync.snapshot import FeedReader
from stemtide.client import AnswerError
from stemtide.matching.library import Library
from stemtide.protocol.sync.signatures import SignatureError
from stemtide.protocol.sync.snapshot_files import SnapshotDownload, SnapshotFileError, opened_whole
from stemtide.protocol.sync.snapshots import SnapshotManifest

OLDEST = timedelta(hours=2)
"""Maximum age of a hub's latest snapshot: it makes a new one after an hour."""

_FILE = "incoming.jsonl.gz"


class FileTroubleError(Exception):
    """The snapshot file is not used. The message says why, and how to fix it."""


async def take_signed(
    client: Client,
    store: Store,
    *,
    reader: FeedReader,
    party: str,
    config: Config,
    alongside: Callable[[Transaction, Library], None],
) -> SnapshotManifest:
    """Replace all signals by the hub's, if it signed them with a key that the settings name.

    alongside: as of Store.adopt_incoming.

    raises: HubError.
    """
    path = config.data_dir / _FILE
    now = datetime.now(UTC)

    def check(manifest: SnapshotManifest) -> None:
        if manifest.party != party:
            raise SnapshotFileError(f"it is for {manifest.party}, and the key is one of {party}")
        if now - manifest.made_at > OLDEST:
            raise SnapshotFileError(
                f"it was made at {manifest.made_at:%Y-%m-%d %H:%M} UTC, and a hub makes a new one"
                " after an hour: somebody replays an old one, or a clock is wrong"
            )

    try:
        with path.open("w+b") as file:
            await client.signed_snapshot(SnapshotDownload(file, trusted=config.hub_public_key))
        return await asyncio.to_thread(
            _load_file,
            path,
            store,
            reader=reader,
            config=config,
            check=check,
            now=now,
            alongside=alongside,
        )
    except (SnapshotFileError, SignatureError) as error:
        raise AnswerError(client.hub, f"its snapshot is refused: {error}") from error
    finally:
        path.unlink(missing_ok=True)


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
        check=_accept_any,
        now=None,
        alongside=alongside,
    )


def _accept_any(_manifest: SnapshotManifest) -> None:
    """Accept any age: an operator put the file there, and /health says how old it is."""


def _load_file(
    path: Path,
    store: Store,
    *,
    reader: FeedReader,
    config: Config,
    check: Callable[[SnapshotManifest], None],
    now: datetime | None,
    alongside: Callable[[Transaction, Library], None],
) -> SnapshotManifest:
    """Replace all signals by those of a file.

    now: when these were all signals; None: when the file was made.
    """
    incoming = store.begin_incoming()
    with opened_whole(path, trusted=config.hub_public_key) as (head, lines):
        manifest = head.manifest
        check(manifest)
        if manifest.exercise != config.exercise:
            raise SnapshotFileError(
                "it is one with exercise signals, or without, and the setting exercise says"
                " otherwise: take one of the other kind"
            )
        for piece in lines.pieces():
            store.add_incoming(incoming, reader.rows(piece.splitlines(), str(path)))
    origin = Origin(str(manifest.hub), manifest.party, manifest.exercise)
    try:
        store.adopt_incoming(
            incoming,
            origin=origin,
            position=manifest.version,
            history=manifest.history,
            parties=manifest.parties,
            now=now or manifest.made_at,
            alongside=alongside,
        )
    except sqlite3.IntegrityError as error:
        raise SnapshotFileError("it holds a signal twice: tell whoever runs the hub") from error
    return manifest
