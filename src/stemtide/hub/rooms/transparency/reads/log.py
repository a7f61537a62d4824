# SPDX-License-Identifier: Apache-2.0
"""Read the log: heads, tiles and proofs.

Everybody may read the leaves under a head that they may see. Leaves are commitments and say
nothing, but how fast a log grows shows when something happens: the public heads are some hours old.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.snapshots.builder import hub_keys
from stemtide.hub.rooms.transparency.models import Head, Leaf, Log, Node
from stemtide.hub.rooms.transparency.reads.restarts import check_whole
from stemtide.protocol.tlog.merkle import leaf_hash
from stemtide.protocol.tlog.notes import NoteKey
from stemtide.protocol.tlog.proofs import LogProof
from stemtide.protocol.tlog.tiles import Tile, TiledTree, pack_leaves


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A signed head. note: the checkpoint as text."""

    size: int
    note: str
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class LogFacts:
    """The log as it is. backfilled: the last entry that was older than the log."""

    origin: str
    opened_at: datetime
    backfilled: int
    size: int


@needs_no_viewer("what a head says is public, sooner or later")
def head(*, now: datetime, is_member: bool) -> SignedHead:
    """Return the newest head; for strangers, one as old as the setting demands.

    raises: NotFoundError, also while the database lacks leaves that were signed.
    """
    check_whole()
    heads = own_heads()
    if not is_member:
        heads = heads.filter(signed_at__lte=now - timedelta(hours=settings.LOG_LAG_HOURS))
    row = heads.first()
    if row is None and is_member:
        raise NotFoundError("this hub has no transparency log yet: start it, and wait a second")
    if row is None:
        raise NotFoundError(
            "there is no signed head to show yet: those for everybody are {hours} hours old",
            hours=settings.LOG_LAG_HOURS,
        )
    return SignedHead(row.size, row.note, row.signed_at)


@needs_no_viewer("the callers choose those that their reader may see")
def own_heads() -> QuerySet[Head]:
    """Return the heads of the log as it is, the newest first, without those before a restore."""
    log = Log.objects.first()
    heads = Head.objects.order_by("-hour")
    return heads.filter(note__startswith=f"{log.origin}\n") if log else heads.none()


@dataclass(frozen=True, slots=True)
class DaySize:
    """The leaves at the end of a day (UTC)."""

    day: date
    size: int


@needs_no_viewer("it shows only what is old enough for everybody")
def growth(*, now: datetime, days: int) -> list[DaySize]:
    """Return how many leaves the log had at the end of each of the last days, the latest first.

    Days are those whose heads are public.
    """
    until = now - timedelta(hours=settings.LOG_LAG_HOURS)
    rows = own_heads().filter(signed_at__lte=until, signed_at__gt=until - timedelta(days=days))
    sizes: dict[date, int] = {}
    for signed_at, size in rows.order_by("hour").values_list("signed_at", "size"):
        sizes[signed_at.astimezone(UTC).date()] = size
    return [DaySize(day, size) for day, size in sorted(sizes.items(), reverse=True)]


@needs_no_viewer("the caller compares it with the head that its reader may see")
def read_tile(tile: Tile) -> bytes:
    """Return the bytes of a tile. raises: NotFoundError if the log does not have it."""
    if tile.level is None:
        rows = _leaves(tile)
        content = pack_leaves(rows)
    else:
        rows = _hashes(tile)
        content = b"".join(rows)
    if len(rows) != tile.width:
        raise NotFoundError("the log has no tile {path}", path=tile.path)
    return content


@needs_no_viewer("a proof consists of hashes")
def prove(number: int, *, now: datetime) -> LogProof:
    """Return the proof that the newest head has the leaf of an entry. raises: NotFoundError."""
    newest = head(now=now, is_member=True)
    if not 0 <= number < newest.size:
        raise NotFoundError(
            "the log has no leaf {number} yet: it has {size}", number=number, size=newest.size
        )
    path = tree(newest.size).inclusion_path(number)
    return LogProof(number, tuple(path), newest.note)


@needs_no_viewer("it consists of hashes")
def tree(size: int) -> TiledTree:
    """Return the log's tree of a size that it has or had."""
    return TiledTree(size, _hashes)


@needs_no_viewer("the name and the public keys of the log")
def log_keys() -> list[NoteKey]:
    """Return the keys that verify heads, the newest first; none before the log's first run."""
    log = Log.objects.first()
    return [NoteKey(log.origin, key.raw) for key in hub_keys().public] if log else []


@needs_no_viewer("it says how far the log is")
def facts() -> LogFacts | None:
    """Return the log's name, age and size; None before its first run."""
    log = Log.objects.first()
    return LogFacts(log.origin, log.opened_at, log.backfilled, log.size) if log else None


def _leaves(tile: Tile) -> list[bytes]:
    """Return the leaves of a tile."""
    leaves = Leaf.objects.filter(number__gte=tile.begin, number__lt=tile.end)
    rows = leaves.order_by("number").values_list("data", flat=True)
    return [bytes(leaf) for leaf in rows]


def _hashes(tile: Tile) -> list[bytes]:
    """Return the hashes of a tile."""
    if not tile.level:
        return [leaf_hash(leaf) for leaf in _leaves(tile)]
    nodes = Node.objects.filter(level=tile.level)
    nodes = nodes.filter(place__gte=tile.begin, place__lt=tile.end)
    return [bytes(node) for node in nodes.order_by("place").values_list("hash", flat=True)]
