# SPDX-License-Identifier: Apache-2.0
"""Signed snapshots: over the wire where the hub's key is pinned, and from a file while it is away.

1 What comes over the wire goes into a file first, no longer than its head promises.
2 Its lines become signals beside those that match meanwhile, and all of them take their place at
  once, after the last one was found to be what the hub signed. Else nothing changes.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stemtide.agent.client import Client
from stemtide.agent.config import Config
from stemtide.agent.snapshot import Reader
from stemtide.agent.state import Origin
from stemtide.agent.store import Store, Transaction
from stemtide.client import AnswerError
from stemtide.protocol.signatures import SignatureError
from stemtide.protocol.snapshot_files import Incoming, SnapshotFileError, opened_whole
from stemtide.protocol.snapshots import SnapshotManifest

OLDEST = timedelta(hours=2)
"""How old a snapshot may be that a hub sends as its newest: it makes one anew after an hour."""

_FILE = "incoming.jsonl.gz"


class FileTroubleError(Exception):
    """The snapshot in a file is not taken. The message says why, and what to do."""


async def take_signed(
    client: Client,
    store: Store,
    *,
    reader: Reader,
    party: str,
    config: Config,
    alongside: Callable[[Transaction], None],
) -> SnapshotManifest:
    """Replace all signals by the hub's, if it signed them with a key that the settings name.

    alongside: as of Store.adopt_incoming.

    raises: HubError.
    """
    path = config.data_dir / _FILE
    now = datetime.now(UTC)

    def check(made: SnapshotManifest) -> None:
        if made.party != party:
            raise SnapshotFileError(f"it is for {made.party}, and the key is one of {party}")
        if now - made.made_at > OLDEST:
            raise SnapshotFileError(
                f"it was made at {made.made_at:%Y-%m-%d %H:%M} UTC, and a hub makes one anew after"
                " an hour: somebody plays an old one back, or a clock is wrong"
            )

    try:
        with path.open("w+b") as file:
            await client.signed_snapshot(Incoming(file, trusted=config.hub_public_key))
        return await asyncio.to_thread(
            _take,
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
    store: Store, *, reader: Reader, config: Config, alongside: Callable[[Transaction], None]
) -> SnapshotManifest | None:
    """Take the signals of the file that the settings name, unless the store has later ones.

    alongside: as of Store.adopt_incoming.

    Returns None where nothing was taken. raises: FileTroubleError.
    """
    if config.snapshot_file is None:
        return None
    try:
        return await asyncio.to_thread(
            _take_later,
            config.snapshot_file,
            store,
            reader=reader,
            config=config,
            alongside=alongside,
        )
    except (SnapshotFileError, SignatureError, AnswerError, OSError, sqlite3.Error) as error:
        raise FileTroubleError(f"snapshot_file is not taken: {error}") from error


def _take_later(
    path: Path,
    store: Store,
    *,
    reader: Reader,
    config: Config,
    alongside: Callable[[Transaction], None],
) -> SnapshotManifest | None:
    """Take a file if it is of the store's own history, and later; or if there is none yet."""
    with opened_whole(path, trusted=config.hub_public_key) as (head, _):
        made = head.manifest
    origin = Origin(str(made.hub), made.party, made.exercise)
    if store.origin and (store.origin != origin or store.position >= made.version):
        return None
    return _take(
        path,
        store,
        reader=reader,
        config=config,
        check=_anything,
        now=None,
        alongside=alongside,
    )


def _anything(_made: SnapshotManifest) -> None:
    """A file that somebody put there may be old: /health says how old."""


def _take(
    path: Path,
    store: Store,
    *,
    reader: Reader,
    config: Config,
    check: Callable[[SnapshotManifest], None],
    now: datetime | None,
    alongside: Callable[[Transaction], None],
) -> SnapshotManifest:
    """Put the signals of a file in the place of all.

    now: when these were all signals; None: when the file was made.
    """
    incoming = store.begin_incoming()
    with opened_whole(path, trusted=config.hub_public_key) as (head, lines):
        made = head.manifest
        check(made)
        if made.exercise != config.exercise:
            raise SnapshotFileError(
                "it is one with exercise signals, or without, and the setting exercise says"
                " otherwise: take one of the other kind"
            )
        for piece in lines.pieces():
            store.add_incoming(incoming, reader.rows(piece.splitlines(), str(path)))
    origin = Origin(str(made.hub), made.party, made.exercise)
    try:
        store.adopt_incoming(
            incoming,
            origin=origin,
            position=made.version,
            history=made.history,
            now=now or made.made_at,
            alongside=alongside,
        )
    except sqlite3.IntegrityError as error:
        raise SnapshotFileError("it holds a signal twice: tell whoever runs the hub") from error
    return made
