# SPDX-License-Identifier: Apache-2.0
"""Keep each reader's snapshot as segments, and list them. Decision 0142.

1 What changed since the last look becomes a new segment, read through the filter of the feed. An
  entry there replaces earlier ones of the same signal.
2 Small segments are read again together with what follows them, so that few remain.
3 A request reads little itself. More is read in a thread, and the request answers 503 meanwhile.
4 After a week everything is read anew, so that values of ended signals leave the files.
"""

import logging
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection

from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import standing
from stemtide.hub.rooms.signals.reads import snapshots
from stemtide.hub.rooms.snapshots.builder import GoneError, build_slot, hub_keys
from stemtide.hub.rooms.snapshots.cache import SnapshotBusyError
from stemtide.hub.rooms.snapshots.segment_files import SegmentFiles, SegmentState
from stemtide.protocol.sync.segments import (
    FULL_BYTES,
    MAX_ENTRIES,
    SegmentManifest,
    SnapshotSegment,
    seal_segment,
)
from stemtide.protocol.sync.signatures import Signed, sign

log = logging.getLogger(__name__)

MAX_READ_AT_ONCE = 20_000
"""Positions that a request reads itself, as many as two large pages of the feed have."""

EXTEND_AFTER = timedelta(seconds=10)
"""A list is given again for so long, even if something changed: its reader follows the feed."""

RENEW_AFTER = timedelta(hours=1)
"""The longest age of a list. Agents that verify it refuse one that is two hours old."""

REBUILD_AFTER = timedelta(days=7)

REBUILD_BEYOND = 100_000
"""Entries beyond twice those of the first build, after which everything is read anew."""


def manifest(*, viewer: Party, exercise: bool, now: datetime) -> Signed:
    """Return the signed list of a party's segments.

    raises: SnapshotBusyError while they are being made; SigningKeyError.
    """
    files = _files(viewer, exercise=exercise)
    state = _usable_state(files, viewer=viewer, exercise=exercise)
    if state is None or not state.made_at <= now < state.made_at + EXTEND_AFTER:
        state = _bring_up_to_date(files, state, viewer=viewer, exercise=exercise, now=now)
    files.note_use(state)
    body = SegmentManifest(
        hub=state.hub,
        party=viewer.name,
        exercise=exercise,
        version=state.version,
        made_at=state.made_at,
        history=state.history,
        parties=standing.changed(exercise=exercise),
        segments=state.segments,
    )
    return sign(body, keys=hub_keys().private)


def file_of(name: str) -> Path:
    """Return the file of a segment. Only a reader whose list has its key can open it.

    raises: GoneError.
    """
    path = Path(settings.SEGMENTS_FOLDER) / name
    if not path.exists():
        raise GoneError(f"segment {name} is no longer kept: read the list of segments again")
    return path


def _files(viewer: Party, *, exercise: bool) -> SegmentFiles:
    """Return where a reader's segments are."""
    return SegmentFiles(
        Path(settings.DATA_DIR) / "snapshots",
        segments=Path(settings.SEGMENTS_FOLDER),
        reader=f"{viewer.pk}{'x' if exercise else 'r'}",
    )


def _usable_state(files: SegmentFiles, *, viewer: Party, exercise: bool) -> SegmentState | None:
    """Return the stored state if the reader may see the same, and the feed has the same history."""
    state, heads = files.state(), ledger.heads()
    if (
        state is None
        or state.hub != heads.hub
        or state.version > heads.positions
        or state.history != ledger.history(state.version)
        or state.view != snapshots.digest_of_view(viewer=viewer, exercise=exercise)
    ):
        return None
    return state


def _bring_up_to_date(
    files: SegmentFiles, state: SegmentState | None, *, viewer: Party, exercise: bool, now: datetime
) -> SegmentState:
    """Return a state with what changed, or the present one while a thread makes a newer one.

    raises: SnapshotBusyError.
    """
    missing = ledger.heads().positions - (state.version if state else 0)
    is_due = state is not None and _is_rebuild_due(state, now=now)
    is_small = missing <= MAX_READ_AT_ONCE
    try:
        if is_small and not is_due:
            with files.alone(), build_slot():
                return _build(files, state, viewer=viewer, exercise=exercise, now=now)
    except SnapshotBusyError:
        if state is None:
            raise
    else:
        begin = None if is_due else state
        threading.Thread(
            target=_build_in_thread,
            args=(files, begin),
            kwargs={"viewer": viewer, "exercise": exercise, "now": now},
            name="segments",
            daemon=True,
        ).start()
    if state is None or now - state.made_at > RENEW_AFTER:
        raise SnapshotBusyError
    return state


def _is_rebuild_due(state: SegmentState, *, now: datetime) -> bool:
    """Whether segments have much that is no longer so: after a week, or twice the entries."""
    entries = sum(segment.entries for segment in state.segments)
    most_entries = 2 * state.first_entries + REBUILD_BEYOND
    return now - state.begun_at > REBUILD_AFTER or entries > most_entries


def _build_in_thread(
    files: SegmentFiles, state: SegmentState | None, *, viewer: Party, exercise: bool, now: datetime
) -> None:
    """Build a state unless another thread or process does."""
    try:
        with files.alone(), build_slot():
            _build(files, state, viewer=viewer, exercise=exercise, now=now)
    except SnapshotBusyError:
        return
    except Exception:
        log.exception("segments of %s could not be made: tried again when asked for", viewer.name)
    finally:
        connection.close()


def _build(
    files: SegmentFiles, state: SegmentState | None, *, viewer: Party, exercise: bool, now: datetime
) -> SegmentState:
    """Read the changes since a state, or everything, and store the new state."""
    heads = ledger.heads()
    history = ledger.history(heads.positions)
    view = snapshots.digest_of_view(viewer=viewer, exercise=exercise)
    staying = _worth_keeping(state.segments, until=heads.positions) if state else []
    begin = staying[-1].until if staying else 0
    fresh = _read(viewer=viewer, exercise=exercise, after=begin, until=heads.positions)
    segments = [*staying, *(files.add(segment, content) for segment, content in fresh)]
    entries = sum(segment.entries for segment in segments)
    new = SegmentState(
        hub=heads.hub,
        view=view,
        version=heads.positions,
        history=history,
        made_at=now,
        begun_at=state.begun_at if state else now,
        first_entries=state.first_entries if state else entries,
        segments=segments,
    )
    files.put(new)
    files.sweep(now)
    return new


def _worth_keeping(segments: list[SnapshotSegment], *, until: int) -> list[SnapshotSegment]:
    """Return the segments that stay as they are; the others are read again with what follows.

    A segment stays while it is at least twice as large as all after it, or they do not fit into one
    together. So the number of small ones is at most the logarithm of MAX_ENTRIES.
    """
    staying = list(segments)
    later = until - (staying[-1].until if staying else 0)  # positions: at least as many as entries
    while (
        staying and staying[-1].entries < 2 * later and staying[-1].entries + later <= MAX_ENTRIES
    ):
        later += staying.pop().entries
    return staying


def _read(
    *, viewer: Party, exercise: bool, after: int, until: int
) -> Iterator[tuple[SnapshotSegment, bytes]]:
    """Yield the segments of a range, each with the content of its file."""
    secret = settings.SECRET_KEY.encode()
    parts: list[bytes] = []
    begin, entries, size, last = after, 0, 0, after

    def sealed(end: int) -> tuple[SnapshotSegment, bytes]:
        return seal_segment(b"".join(parts), after=begin, until=end, entries=entries, secret=secret)

    # Without an earlier segment there is nothing that a tombstone could remove.
    for lines in snapshots.read_range(
        viewer=viewer, exercise=exercise, after=after, until=until, with_ended=after > 0
    ):
        if entries and (
            entries + lines.entries > MAX_ENTRIES or size + len(lines.lines) > FULL_BYTES
        ):
            yield sealed(last)
            parts, begin, entries, size = [], last, 0, 0
        parts.append(lines.lines)
        entries, size, last = entries + lines.entries, size + len(lines.lines), lines.last
    if entries:
        yield sealed(until)
