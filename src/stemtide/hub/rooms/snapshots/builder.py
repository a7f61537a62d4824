# SPDX-License-Identifier: Apache-2.0
"""Build a reader's snapshot on request, and deltas of it. Decision 0071.

1 A cached snapshot is served while it is current or recent: building one reads all signals, and may
  use a tenth of a processor for one reader, however often it asks. "Recent" depends on the CPU time
  that building took, not on how busy the machine is.
2 The database is read into a file at once, not at the reader's speed: a slow reader would otherwise
  keep the database from cleaning up old rows.
3 A delta is cut from the end of the newest file, which holds the latest changes.
"""

import gzip
import tempfile
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import msgspec
from django.conf import settings

from stemtide.hub.platform.errors import ConflictError
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import standing
from stemtide.hub.rooms.signals.reads import snapshots
from stemtide.hub.rooms.signals.reads.snapshots import SnapshotState
from stemtide.hub.rooms.snapshots.cache import (
    CachedSnapshot,
    CacheNote,
    SnapshotBusyError,
    SnapshotCache,
    age,
)
from stemtide.hub.rooms.snapshots.keys import SigningKeys, keys_in
from stemtide.protocol.sync.feed import FeedParty
from stemtide.protocol.sync.signatures import sign
from stemtide.protocol.sync.snapshot_files import LineWriter, head_member
from stemtide.protocol.sync.snapshots import (
    MAX_DROPS,
    MAX_PARTIES_BYTES,
    DeltaHead,
    DeltaManifest,
    SnapshotManifest,
    WholeHead,
)

SHARE = 10
"""A snapshot that cost one CPU second is served for this many seconds, even if outdated."""

_CHEAP_S = 0.2  # cheaper snapshots are always rebuilt: they cost no more than feed pages

RENEW_AFTER = timedelta(hours=1)
"""The longest age of a served snapshot, even without changes, because its age shows freshness."""

_AT_ONCE = 2
_READ_BYTES = 256 * 1024
_IN_MEMORY_BYTES = 4 * 1024 * 1024
_MOST_OF_WHOLE = 0.5
"""A delta with a larger share of the snapshot than this is not worth building."""

_FEW_MEMBERS = 8

_build_slots = threading.BoundedSemaphore(_AT_ONCE)


class _At(msgspec.Struct):
    position: int


_POSITIONS = msgspec.json.Decoder(_At)
_ENCODER = msgspec.json.Encoder()


class GoneError(Exception):
    """The requested version is no longer there. The message names the alternative."""


class Delta(NamedTuple):
    """A delta: its first line, and an open file with the others, of body_bytes.

    The sender closes the file, which deletes it.
    """

    head: bytes
    body: BinaryIO
    body_bytes: int


def hub_keys() -> SigningKeys:
    """Return the keys of this hub, created at the first use. raises: SigningKeyError."""
    return keys_in(Path(settings.SIGNING_KEY_FILE))


def newest(
    *,
    viewer: Party,
    exercise: bool,
    now: datetime,
    at_least: int = 0,
    effort: Callable[[], float] = time.thread_time,
) -> CachedSnapshot:
    """Return a party's newest snapshot, from the cache or built now.

    at_least: a version that the party has; a lower one is useless to it.
    effort:   returns the CPU seconds that this thread has used so far.

    raises: SnapshotBusyError while it is being built for another request; SigningKeyError.
    """
    cache, keys = _cache(viewer, exercise=exercise), hub_keys()
    snapshot = cache.newest()
    if snapshot and _is_current(snapshot, viewer=viewer, keys=keys, now=now, at_least=at_least):
        return snapshot
    with cache.alone(), build_slot():
        return _make(cache, viewer=viewer, exercise=exercise, keys=keys, now=now, effort=effort)


def file_of(version: int, *, viewer: Party, exercise: bool) -> Path:
    """Return the file of a recent version, for interrupted downloads. raises: GoneError."""
    cache = _cache(viewer, exercise=exercise)
    snapshot = cache.newest()
    # If the viewer's access has shrunk since, do not serve an older file either.
    may_read = snapshot and snapshot.manifest.view == snapshots.digest_of_view(
        viewer=viewer, exercise=exercise
    )
    path = (
        cache.file_of(version) if snapshot and may_read and _has_present_history(snapshot) else None
    )
    if path is None:
        raise GoneError(f"version {version} is not kept: take the latest whole snapshot")
    return path


def delta(snapshot: CachedSnapshot, *, base: int, view: str, history: str = "") -> Delta:
    """Return the changes from a version that the reader has, cached or not, to a cached snapshot.

    raises: ConflictError, GoneError: the reader must take the whole snapshot; SnapshotBusyError.
    """
    _check_bridge(snapshot, base=base, view=view, history=history)
    drops = [drop for drop in snapshot.note.drops if drop[0] > base]
    with build_slot():
        return _cut(snapshot, base=base, drops=drops)


def _check_bridge(snapshot: CachedSnapshot, *, base: int, view: str, history: str) -> None:
    """Refuse a delta that would not lead from the base to the snapshot."""
    manifest = snapshot.manifest
    if base > manifest.version:
        raise ConflictError(
            "this hub's feed ends at {version}, before {base}: the hub was restored from a "
            "backup; download the whole snapshot",
            version=manifest.version,
            base=base,
        )
    if history and history != ledger.history(base):
        raise ConflictError(
            "the history of this hub's feed up to {base} differs from yours: the hub was "
            "restored from a backup; download the whole snapshot",
            base=base,
        )
    if view != manifest.view:
        raise ConflictError(
            "the signals that your party may see have changed since that version: download "
            "the whole snapshot"
        )
    if base < snapshot.note.oldest:
        raise GoneError(
            f"deltas begin at version {snapshot.note.oldest} at the earliest, and {base} is older:"
            " take the whole snapshot"
        )


def _cache(viewer: Party, *, exercise: bool) -> SnapshotCache:
    """Return the cache folder of a reader."""
    return SnapshotCache(Path(settings.DATA_DIR) / "snapshots", viewer=viewer, exercise=exercise)


def _is_current(
    snapshot: CachedSnapshot, *, viewer: Party, keys: SigningKeys, now: datetime, at_least: int
) -> bool:
    """Whether a cached snapshot may be served again."""
    manifest, heads = snapshot.manifest, ledger.heads()
    if (manifest.hub, {name for name, _ in snapshot.note.signatures}) != (
        heads.hub,
        {key.name for key in keys.public},
    ):
        return False
    if manifest.view != snapshots.digest_of_view(viewer=viewer, exercise=manifest.exercise):
        return False
    if not _has_present_history(snapshot):
        return False
    if (
        not timedelta() <= age(snapshot, now=now) < RENEW_AFTER
        or manifest.version > heads.positions
    ):
        return False
    if standing.last_position() > manifest.version:  # a suspension may not wait
        return False
    # An impossible version claimed by the reader must not trigger a build.
    is_behind = manifest.version < at_least <= heads.positions
    took_s = snapshot.note.took_s
    lasts = timedelta(seconds=SHARE * took_s if took_s > _CHEAP_S else 0)
    return manifest.version == heads.positions or (age(snapshot, now=now) < lasts and not is_behind)


def _has_present_history(snapshot: CachedSnapshot) -> bool:
    """Whether a file has the database's history: files outlive a restored database."""
    manifest = snapshot.manifest
    return manifest.history == ledger.history(manifest.version)


def _make(
    cache: SnapshotCache,
    *,
    viewer: Party,
    exercise: bool,
    keys: SigningKeys,
    now: datetime,
    effort: Callable[[], float],
) -> CachedSnapshot:
    """Build a snapshot and store it."""
    began, before = effort(), cache.newest()
    cache.sweep(now)
    with tempfile.TemporaryFile() as body:
        writer = LineWriter(body)
        moment = snapshots.read_state(
            viewer=viewer,
            exercise=exercise,
            most_drops=MAX_DROPS,
            take=lambda piece: writer.add(piece.lines, mark=piece.first),
        )
        writer.flush()
        manifest = _manifest(moment, writer, viewer=viewer, exercise=exercise, now=now)
        signed = sign(manifest, keys=keys.private)
        head = head_member(WholeHead(snapshot=signed))
        name = _store(cache, body, head=head, version=moment.position)
    note = CacheNote(
        manifest=signed.manifest,
        signatures=[(signature.key, signature.signature) for signature in signed.signatures],
        file=name,
        # If the viewer's access has shrunk, the previous file must not be served.
        before=(before.manifest.version, before.note.file)
        if before and before.manifest.view == moment.view
        else None,
        starts=[(first, len(head) + offset) for first, offset in writer.starts],
        drops=[(drop.position, drop.id, drop.state) for drop in moment.drops],
        oldest=moment.oldest,
        took_s=effort() - began,
    )
    cache.put(note)
    snapshot = cache.newest()
    if snapshot is None:
        raise SnapshotBusyError  # the files were deleted by hand meanwhile
    return snapshot


def _manifest(
    moment: SnapshotState, writer: LineWriter, *, viewer: Party, exercise: bool, now: datetime
) -> SnapshotManifest:
    """Return the manifest of a snapshot."""
    return SnapshotManifest(
        hub=moment.hub,
        party=viewer.name,
        exercise=exercise,
        version=moment.position,
        made_at=now,
        view=moment.view,
        history=moment.history,
        size_bytes=writer.size_bytes,
        sha256=writer.sha256,
        signals=moment.signals,
        tlp=moment.tlp,
        pap=moment.pap,
        parties=_fitting(moment.parties),
    )


def _fitting(parties: list[FeedParty]) -> list[FeedParty] | None:
    """Return the parties, or None if they are too long for the first line of a file."""
    size_bytes = sum(len(party.model_dump_json()) for party in parties)
    return parties if size_bytes <= MAX_PARTIES_BYTES else None


def _store(cache: SnapshotCache, body: BinaryIO, *, head: bytes, version: int) -> str:
    """Write the head, which is known only after the body, and the body; return the file's name."""
    name, file = cache.new_file(version=version)
    with file:
        file.write(head)
        body.seek(0)
        while part := body.read(1024 * 1024):
            file.write(part)
    return name


def _cut(snapshot: CachedSnapshot, *, base: int, drops: list[tuple[int, str, str]]) -> Delta:
    """Write a delta."""
    body = cast("BinaryIO", tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES))  # noqa: SIM115  # the sender closes it
    try:
        writer, puts = LineWriter(body), 0
        for position, uid, state in drops:
            drop_line = {"op": "drop", "position": position, "id": uid, "state": state}
            writer.add(_ENCODER.encode(drop_line) + b"\n")
        for lines in _after(snapshot, base):
            writer.add(lines)
            puts += lines.count(b"\n")
        writer.flush()
        head = _delta_head(snapshot, base=base, drops=len(drops), puts=puts, writer=writer)
        body_bytes = body.tell()
        body.seek(0)
    except BaseException:
        body.close()
        raise
    return Delta(head, body, body_bytes)


def _delta_head(
    snapshot: CachedSnapshot, *, base: int, drops: int, puts: int, writer: LineWriter
) -> bytes:
    """Return the first line of a delta whose other lines are written."""
    snapshot_manifest = snapshot.manifest
    manifest = DeltaManifest(
        hub=snapshot_manifest.hub,
        party=snapshot_manifest.party,
        exercise=snapshot_manifest.exercise,
        version=snapshot_manifest.version,
        made_at=snapshot_manifest.made_at,
        view=snapshot_manifest.view,
        history=snapshot_manifest.history,
        size_bytes=writer.size_bytes,
        sha256=writer.sha256,
        base=base,
        drops=drops,
        puts=puts,
        result=snapshot_manifest.sha256,
    )
    signed = sign(manifest, keys=hub_keys().private)
    return head_member(DeltaHead(delta=signed, snapshot=snapshot.signed))


def _after(snapshot: CachedSnapshot, base: int) -> Iterator[bytes]:
    """Yield the last lines of a snapshot, which changed after a version. raises: GoneError."""
    starts = snapshot.note.starts
    begin = max(0, bisect_right(starts, base, key=lambda start: start[0]) - 1)
    if len(starts) > _FEW_MEMBERS and len(starts) - begin > len(starts) * _MOST_OF_WHOLE:
        raise GoneError("most of it changed since that version: take the whole snapshot")
    if not starts:
        return
    try:
        file = snapshot.path.open("rb")
    except FileNotFoundError as error:
        raise SnapshotBusyError from error  # it was replaced meanwhile
    with file:
        file.seek(starts[begin][1])
        lines = gzip.GzipFile(fileobj=file)
        first = next((line for line in lines if _POSITIONS.decode(line).position > base), b"")
        yield first
        while part := lines.read1(_READ_BYTES):
            yield part


@contextmanager
def build_slot() -> Iterator[None]:
    """Limit how many are built at a time by one process. raises: SnapshotBusyError."""
    if not _build_slots.acquire(blocking=False):
        raise SnapshotBusyError
    try:
        yield
    finally:
        _build_slots.release()
