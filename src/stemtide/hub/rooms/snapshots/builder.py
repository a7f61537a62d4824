# SPDX-License-Identifier: Apache-2.0
"""Makes a reader's snapshot when one is asked for, and deltas of it. Decision 0071.

1 What is kept is given again while it is what would be made, or was made a moment ago: making one
  reads all signals, and may take a tenth of a processor for one reader, however often it asks.
  The moment is reckoned by the processor's time that it took, not by how busy the machine is.
2 The database is read into a file at once and not as fast as the reader takes it: else whoever
  reads slowly would keep the database from tidying up.
3 A delta is cut out of the newest file, for what changed last stands last in it.
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
from stemtide.hub.rooms.signals.reads import snapshots as reads_snapshots
from stemtide.hub.rooms.signals.reads.snapshots import Moment
from stemtide.hub.rooms.snapshots.cache import BusyError, Kept, Note, Shelf, age
from stemtide.hub.rooms.snapshots.keys import SigningKeys, keys_in
from stemtide.protocol.sync.signatures import sign
from stemtide.protocol.sync.snapshot_files import LineWriter, head_member
from stemtide.protocol.sync.snapshots import (
    MAX_DROPS,
    DeltaHead,
    DeltaManifest,
    SnapshotManifest,
    WholeHead,
)

SHARE = 10
"""A snapshot that took a second of a processor is given again for so many, whatever changes."""

_CHEAP_S = 0.2  # what costs less than this is made anew: no more than other pages of the feed

RENEW_AFTER = timedelta(hours=1)
"""So old at most is one that is given, also where nothing changed: its age says how fresh it is."""

_AT_ONCE = 2
_READ_BYTES = 256 * 1024
_IN_MEMORY_BYTES = 4 * 1024 * 1024
_MOST_OF_WHOLE = 0.5
"""A delta that has more of the whole than this is not worth its making."""

_FEW_MEMBERS = 8

_at_work = threading.BoundedSemaphore(_AT_ONCE)


class _At(msgspec.Struct):
    position: int


_POSITIONS = msgspec.json.Decoder(_At)
_ENCODER = msgspec.json.Encoder()


class GoneError(Exception):
    """What is asked for is no longer there. The message says what to take instead."""


class Cut(NamedTuple):
    """A delta: its first line, and a file with the others, open at its beginning, of so many bytes.

    Whoever sends it closes the file, which is gone then.
    """

    head: bytes
    body: BinaryIO
    body_bytes: int


def hub_keys() -> SigningKeys:
    """The keys of this hub, as its settings say; made at the first use. raises: SigningKeyError."""
    return keys_in(Path(settings.SIGNING_KEY_FILE))


def newest(
    *,
    viewer: Party,
    exercise: bool,
    now: datetime,
    at_least: int = 0,
    effort: Callable[[], float] = time.thread_time,
) -> Kept:
    """A party's newest snapshot: the one that is kept, or one that is made now.

    at_least: a version that the party has; one that is lower is no news to it.
    effort:   what this thread has cost so far, in seconds of a processor.

    raises: BusyError while it is made for somebody else; SigningKeyError.
    """
    shelf, keys = _shelf(viewer, exercise=exercise), hub_keys()
    kept = shelf.newest()
    if kept and _is_good(kept, viewer=viewer, keys=keys, now=now, at_least=at_least):
        return kept
    with shelf.alone(), _turn():
        return _make(shelf, viewer=viewer, exercise=exercise, keys=keys, now=now, effort=effort)


def file_of(version: int, *, viewer: Party, exercise: bool) -> Path:
    """The file of one version that was given lately, for who was cut off. raises: GoneError."""
    shelf = _shelf(viewer, exercise=exercise)
    kept = shelf.newest()
    # One who may see less than then gets no older file either.
    may = kept and kept.manifest.view == reads_snapshots.view(viewer=viewer, exercise=exercise)
    path = shelf.file_of(version) if kept and may and _is_of_now(kept, viewer=viewer) else None
    if path is None:
        raise GoneError(f"version {version} is not kept: take the latest whole snapshot")
    return path


def delta(kept: Kept, *, base: int, view: str, history: str = "") -> Cut:
    """What changed from a version that its reader has, which need not be kept, to one that is.

    raises: ConflictError, GoneError: the reader must take the whole snapshot; BusyError.
    """
    _check_bridge(kept, base=base, view=view, history=history)
    drops = [drop for drop in kept.note.drops if drop[0] > base]
    with _turn():
        return _cut(kept, base=base, drops=drops)


def _check_bridge(kept: Kept, *, base: int, view: str, history: str) -> None:
    """Refuse a delta that would not lead from there to here."""
    to = kept.manifest
    if base > to.version:
        raise ConflictError(
            "this hub's feed ends at {version}, before {base}: it was set back to an earlier state;"
            " take the whole snapshot",
            version=to.version,
            base=base,
        )
    if history and history != ledger.history(base, by=to.party):
        raise ConflictError(
            "this hub's feed has another history up to {base} than yours: it was set back to an"
            " earlier state; take the whole snapshot",
            base=base,
        )
    if view != to.view:
        raise ConflictError(
            "what your party may see has changed since that version: take the whole snapshot"
        )
    if base < kept.note.oldest:
        raise GoneError(
            f"deltas begin at version {kept.note.oldest} at the earliest, and {base} is older:"
            " take the whole snapshot"
        )


def _shelf(viewer: Party, *, exercise: bool) -> Shelf:
    """Where a reader's files lie."""
    return Shelf(Path(settings.DATA_DIR) / "snapshots", viewer=viewer, exercise=exercise)


def _is_good(kept: Kept, *, viewer: Party, keys: SigningKeys, now: datetime, at_least: int) -> bool:
    """Whether what is kept may be given again."""
    made, heads = kept.manifest, ledger.heads()
    if (made.hub, {name for name, _ in kept.note.signatures}) != (
        heads.hub,
        {one.name for one in keys.public},
    ):
        return False
    if made.view != reads_snapshots.view(viewer=viewer, exercise=made.exercise):
        return False
    if not _is_of_now(kept, viewer=viewer):
        return False
    if not timedelta() <= age(kept, now=now) < RENEW_AFTER or made.version > heads.positions:
        return False
    # A version that the reader claims to have and nobody can have given it makes nothing.
    is_behind = made.version < at_least <= heads.positions
    took_s = kept.note.took_s
    lasts = timedelta(seconds=SHARE * took_s if took_s > _CHEAP_S else 0)
    return made.version == heads.positions or (age(kept, now=now) < lasts and not is_behind)


def _is_of_now(kept: Kept, *, viewer: Party) -> bool:
    """Whether a file is of this history: files outlive a database that is set back to a backup."""
    made = kept.manifest
    return made.history == ledger.history(made.version, by=viewer.ref)


def _make(
    shelf: Shelf,
    *,
    viewer: Party,
    exercise: bool,
    keys: SigningKeys,
    now: datetime,
    effort: Callable[[], float],
) -> Kept:
    """Make a snapshot and keep it."""
    began, before = effort(), shelf.newest()
    shelf.sweep(now)
    with tempfile.TemporaryFile() as body:
        writer = LineWriter(body)
        moment = reads_snapshots.read_moment(
            viewer=viewer,
            exercise=exercise,
            most_drops=MAX_DROPS,
            take=lambda piece: writer.add(piece.lines, mark=piece.first),
        )
        writer.flush()
        manifest = _manifest(moment, writer, viewer=viewer, exercise=exercise, now=now)
        signed = sign(manifest, keys=keys.private)
        head = head_member(WholeHead(snapshot=signed))
        name = _keep(shelf, body, head=head, version=moment.position)
    note = Note(
        manifest=signed.manifest,
        signatures=[(signature.key, signature.signature) for signature in signed.signatures],
        file=name,
        # One who may see less by now gets no file that was made when it saw more.
        before=(before.manifest.version, before.note.file)
        if before and before.manifest.view == moment.view
        else None,
        starts=[(first, len(head) + offset) for first, offset in writer.starts],
        drops=[(drop.position, drop.id, drop.state) for drop in moment.drops],
        oldest=moment.oldest,
        took_s=effort() - began,
    )
    shelf.put(note)
    made = shelf.newest()
    if made is None:
        raise BusyError  # somebody tidied up by hand meanwhile
    return made


def _manifest(
    moment: Moment, writer: LineWriter, *, viewer: Party, exercise: bool, now: datetime
) -> SnapshotManifest:
    """What a snapshot says of itself."""
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
    )


def _keep(shelf: Shelf, body: BinaryIO, *, head: bytes, version: int) -> str:
    """Write a head, which only the whole body could tell, and the body; the file's name."""
    name, file = shelf.new_file(version=version)
    with file:
        file.write(head)
        body.seek(0)
        while part := body.read(1024 * 1024):
            file.write(part)
    return name


def _cut(kept: Kept, *, base: int, drops: list[tuple[int, str, str]]) -> Cut:
    """Write a delta."""
    body = cast("BinaryIO", tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES))  # noqa: SIM115  # whoever sends it closes it
    try:
        writer, puts = LineWriter(body), 0
        for position, uid, state in drops:
            told = {"op": "drop", "position": position, "id": uid, "state": state}
            writer.add(_ENCODER.encode(told) + b"\n")
        for lines in _after(kept, base):
            writer.add(lines)
            puts += lines.count(b"\n")
        writer.flush()
        head = _delta_head(kept, base=base, drops=len(drops), puts=puts, writer=writer)
        body_bytes = body.tell()
        body.seek(0)
    except BaseException:
        body.close()
        raise
    return Cut(head, body, body_bytes)


def _delta_head(kept: Kept, *, base: int, drops: int, puts: int, writer: LineWriter) -> bytes:
    """The first line of a delta whose others are written."""
    to = kept.manifest
    manifest = DeltaManifest(
        hub=to.hub,
        party=to.party,
        exercise=to.exercise,
        version=to.version,
        made_at=to.made_at,
        view=to.view,
        history=to.history,
        size_bytes=writer.size_bytes,
        sha256=writer.sha256,
        base=base,
        drops=drops,
        puts=puts,
        result=to.sha256,
    )
    signed = sign(manifest, keys=hub_keys().private)
    return head_member(DeltaHead(delta=signed, snapshot=kept.signed))


def _after(kept: Kept, base: int) -> Iterator[bytes]:
    """The lines of a snapshot that changed after a version: its last ones. raises: GoneError."""
    starts = kept.note.starts
    begin = max(0, bisect_right(starts, base, key=lambda one: one[0]) - 1)
    if len(starts) > _FEW_MEMBERS and len(starts) - begin > len(starts) * _MOST_OF_WHOLE:
        raise GoneError("most of it changed since that version: take the whole snapshot")
    if not starts:
        return
    try:
        file = kept.path.open("rb")
    except FileNotFoundError as error:
        raise BusyError from error  # it was replaced meanwhile
    with file:
        file.seek(starts[begin][1])
        lines = gzip.GzipFile(fileobj=file)
        first = next((line for line in lines if _POSITIONS.decode(line).position > base), b"")
        yield first
        while part := lines.read1(_READ_BYTES):
            yield part


@contextmanager
def _turn() -> Iterator[None]:
    """Let few be made at a time by one process. raises: BusyError."""
    if not _at_work.acquire(blocking=False):
        raise BusyError
    try:
        yield
    finally:
        _at_work.release()
