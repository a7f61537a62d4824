# SPDX-License-Identifier: Apache-2.0
"""Load a snapshot as segments: signed list, immutable files, resumed after a break.

1 The list says which files there are. Files of an earlier attempt stay if the list has them.
2 Four files at a time are downloaded, each from where it was broken off.
3 Each is verified, and stored beside the signals that match meanwhile, in the order of the list.
4 A file that is not what the list says is fetched once more, from the hub itself.
5 The feed is read after the list's version before anything is replaced: the list may be older than
  what the agent has, and signals that are live must not be missing for a moment.
"""

import asyncio
import logging
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from stemtide.agent.config.settings import Config
from stemtide.agent.hub.client import Client
from stemtide.agent.store.database import Store, Transaction
from stemtide.agent.store.position import Origin
from stemtide.agent.sync.snapshot import FeedEnd, FeedReader, add_lines, read_feed
from stemtide.client import AnswerError, HubError
from stemtide.matching.library import Library
from stemtide.protocol.sync.segments import (
    SegmentError,
    SegmentManifest,
    SnapshotSegment,
    read_segment,
)

logger = logging.getLogger(__name__)

OLDEST = timedelta(hours=2)
"""Maximum age of a signed list: a hub makes a new one after an hour."""

_AT_ONCE = 4


async def take_segments(
    client: Client,
    store: Store,
    *,
    reader: FeedReader,
    party: str,
    config: Config,
    alongside: Callable[[Transaction, Library], None],
) -> SegmentManifest:
    """Replace all signals by the hub's.

    alongside: as of Store.adopt_incoming.

    raises: SegmentError for a file that is twice not what the list says; HubError.
    """
    now = datetime.now(UTC)
    manifest = await client.segments()
    _check(manifest, client=client, party=party, config=config, now=now)
    folder = config.data_dir / "incoming"
    await asyncio.to_thread(_keep_files_of, manifest, folder)
    incoming = await asyncio.to_thread(store.begin_incoming)
    async with _downloading(manifest, client, folder) as downloads:
        reads = zip(manifest.segments, downloads, strict=True)
        texts = _ahead(_read(segment, download, client, folder) for segment, download in reads)
        async with aclosing(texts):
            async for lines in texts:
                await asyncio.to_thread(
                    add_lines, store, incoming, lines.splitlines(), reader=reader, source=client.hub
                )
    parties = {member.name: member for member in manifest.parties}
    begin = FeedEnd(manifest.hub, manifest.version, manifest.history, parties)
    end = await read_feed(client, store, incoming, reader=reader, begin=begin)
    await asyncio.to_thread(
        store.adopt_incoming,
        incoming,
        origin=Origin(str(end.hub), party, config.exercise),
        position=end.position,
        history=end.history,
        parties=[*end.parties.values()],
        now=datetime.now(UTC),
        alongside=alongside,
    )
    await asyncio.to_thread(shutil.rmtree, folder)
    return manifest


async def _ahead(reads: Iterable[Coroutine[None, None, bytes]]) -> AsyncGenerator[bytes]:
    """Run reads one after another, and each while the bytes of the last one are used."""
    following: asyncio.Task[bytes] | None = None
    try:
        for read in reads:
            reading, following = following, asyncio.create_task(read)
            if reading:
                yield await reading
        if following:
            yield await following
    finally:
        if following:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


async def _read(
    segment: SnapshotSegment, download: asyncio.Task[None], client: Client, folder: Path
) -> bytes:
    """Return the text of a file once it is downloaded. raises: SegmentError, HubError.

    A file that is not what the list says is fetched once more, from the hub itself.
    """
    await download
    path = folder / segment.name
    try:
        return await asyncio.to_thread(read_segment, path, segment)
    except SegmentError as error:
        logger.warning("%s; it is fetched again", error)
        path.unlink()
        await _fetch(segment, client, folder, is_mirrored=False)
        return await asyncio.to_thread(read_segment, path, segment)


def _check(
    manifest: SegmentManifest, *, client: Client, party: str, config: Config, now: datetime
) -> None:
    """Refuse a list for somebody else, or one that is played back. raises: AnswerError."""
    trouble = ""
    if manifest.party != party:
        trouble = f"it is for {manifest.party}, and the key is one of {party}"
    elif manifest.exercise != config.exercise:
        trouble = "it has exercise signals, or none, and the setting exercise says otherwise"
    elif config.hub_public_key and now - manifest.made_at > OLDEST:
        trouble = (
            f"it was made at {manifest.made_at:%Y-%m-%d %H:%M} UTC, and a hub makes a new one"
            " after an hour: somebody replays an old one, or a clock is wrong"
        )
    if trouble:
        raise AnswerError(client.hub, f"its snapshot is refused: {trouble}")


def _keep_files_of(manifest: SegmentManifest, folder: Path) -> None:
    """Create the folder, or delete files in it that are of no segment of the list."""
    folder.mkdir(exist_ok=True, mode=0o700)
    names = {segment.name for segment in manifest.segments}
    for path in folder.iterdir():
        if path.stem not in names:
            path.unlink()


@asynccontextmanager
async def _downloading(
    manifest: SegmentManifest, client: Client, folder: Path
) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Download the files of a list, some at a time; those that are left are cancelled at the end.

    Each task raises HubError.
    """
    slots = asyncio.Semaphore(_AT_ONCE)

    async def fetch(segment: SnapshotSegment) -> None:
        async with slots:
            await _fetch(segment, client, folder, is_mirrored=True)

    tasks = [asyncio.create_task(fetch(segment)) for segment in manifest.segments]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _fetch(
    segment: SnapshotSegment, client: Client, folder: Path, *, is_mirrored: bool
) -> None:
    """Download a file, or the rest of it, unless it is there. raises: HubError.

    is_mirrored: from the mirror, if there is one and it has the file.
    """
    path, part = folder / segment.name, folder / f"{segment.name}.part"
    if path.exists():
        return
    if is_mirrored and client.has_mirror:
        try:
            await _download(segment, client, part, is_mirrored=True)
        except HubError as error:
            logger.warning("the hub is asked for a segment: %s", error)
            await _download(segment, client, part, is_mirrored=False)
    else:
        await _download(segment, client, part, is_mirrored=False)
    part.replace(path)


async def _download(
    segment: SnapshotSegment, client: Client, part: Path, *, is_mirrored: bool
) -> None:
    """Append to a file what is missing of it. raises: HubError."""
    with part.open("ab") as file:
        if file.tell() > segment.size_bytes:
            _empty(file)
        if file.tell() == segment.size_bytes:
            return
        begin = file.tell()
        async with client.segment(segment.name, begin=begin, is_mirrored=is_mirrored) as parts:
            if not parts.is_rest:
                _empty(file)
            async for content in parts.content:
                file.write(content[: segment.size_bytes + 1 - file.tell()])
                if file.tell() > segment.size_bytes:
                    break  # more than promised: another file, whose digest is wrong


def _empty(file: BinaryIO) -> None:
    """Delete the content of a file, and begin at its start."""
    file.seek(0)
    file.truncate()
