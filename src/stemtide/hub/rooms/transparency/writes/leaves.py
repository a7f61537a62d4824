# SPDX-License-Identifier: Apache-2.0
"""Add the entries of the ledger to the log, off the path of those who write them. Decision 0164.

1 New entries, and the content that they speak of, are read and hashed without a lock.
2 A short transaction stores the leaves, if no other process has stored them, with a signed head.
3 A log that is far behind, as after an upgrade, takes several batches in one run.
4 A restore from a backup opens a new log. Decision 0165.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, transaction

from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.rooms.ledger.reads import ledger as ledger_reads
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.snapshots.builder import hub_keys
from stemtide.hub.rooms.transparency.models import Head, Leaf, Log, MassEnd, Node, Witness
from stemtide.hub.rooms.transparency.reads import contents
from stemtide.hub.rooms.transparency.reads.contents import EntryContent
from stemtide.hub.rooms.transparency.reads.restarts import SUBJECT
from stemtide.hub.rooms.transparency.rules.leaves import (
    SALT_BYTES,
    LeafFacts,
    LeafSalts,
    content_commitment,
    entry_commitment,
    origin_of,
    time_text,
)
from stemtide.protocol.tlog.merkle import Frontier, leaf_hash
from stemtide.protocol.tlog.notes import Checkpoint, Note
from stemtide.protocol.tlog.statements import Statement
from stemtide.protocol.tlog.tiles import HEIGHT

BATCH = 500
"""The most leaves of one transaction."""

BATCHES = 10
"""The most transactions of one run: the scheduler has other work."""

_HOUR_S = 3600


class _LeafRow(NamedTuple):
    """A row of leaves: the columns of Leaf, stored without Django's models, which take longer."""

    number: int
    data: bytes
    salt: bytes | None = None
    content_salt: bytes | None = None
    signals: bytes | None = None


_INSERT = (
    f"INSERT INTO transparency_leaf ({', '.join(_LeafRow._fields)})"  # noqa: S608  # constants
    " VALUES (%s, %s, %s, %s, %s)"
)


@dataclass(slots=True)
class _Growth:
    """Leaves to be added. signal: as in Log. ends: of many signals at once."""

    frontier: Frontier
    signal: int
    ends: list[MassEnd] = field(default_factory=list)
    leaves: list[_LeafRow] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)

    def add(self, leaf: _LeafRow, *, is_stored: bool = False) -> None:
        """Add a leaf, and the inner hashes that it completes. is_stored: its row is there."""
        completed = self.frontier.append(leaf_hash(leaf.data))
        if not is_stored:
            self.leaves.append(leaf)
        for level, node in enumerate(completed[HEIGHT - 1 :: HEIGHT], start=1):
            place = leaf.number >> (HEIGHT * level)
            self.nodes.append(Node(level=level, place=place, hash=node))


@needs_no_entry("it follows from what the ledger holds already")
def follow_ledger(now: datetime) -> int:
    """Add new entries of the ledger to the log; return how many.

    raises: SigningKeyError.
    """
    keys = hub_keys().private
    log = Log.objects.first() or _open(keys, now=now)
    if log.proves_from is None:
        log = _begin_proofs(now)
    added = 0
    for _ in range(BATCHES):
        entries = contents.entries_after(log.size - 1, limit=BATCH)
        if not entries or not _store(log, _grow(log, entries), keys=keys, now=now):
            break
        added += len(entries)
    return added


@transaction.atomic
def _begin_proofs(now: datetime) -> Log:
    """Note that all further leaves prove each signal by itself. Decision 0187."""
    ledger.lock_ledger()
    log = Log.objects.get()
    if log.proves_from is None:
        log.proves_from, log.proves_at = log.size, now
        log.proves_after = ledger_reads.heads().positions
        log.save()
    return log


def _open(keys: Sequence[Ed25519PrivateKey], *, now: datetime) -> Log:
    """Begin the log with its statement. Another process may be first."""
    with transaction.atomic():
        ledger.lock_ledger()
        log = Log.objects.first()
        if log is not None:
            return log
        heads = ledger_reads.heads()
        origin = origin_of(heads.hub)
        log = Log(size=0)
        _begin(log, Statement(origin, time_text(now), heads.entries), keys=keys, now=now)
        return log


@transaction.atomic
def restart(*, last: Checkpoint | None, backup: str, actor: str, now: datetime) -> Statement:
    """Open a new log after a restore from a backup, or a lost head; return its statement.

    The ledger lacks entries that were leaves, so the old log must not go on. The new one has the
    leaves that are there, another leaf 0 and another name. After a restore, call it before anything
    else is recorded.

    last: the last head that somebody kept; the newest in the database if it is None.
    backup: the name of the backup; "" if a standby was promoted.

    raises: SigningKeyError.
    """
    ledger.lock_ledger()
    heads = ledger_reads.heads()
    log = Log.objects.first()
    newest = Head.objects.order_by("-hour").first() if log else None
    before = Statement.read(bytes(Leaf.objects.get(number=0).data)) if log else None
    statement = Statement(
        origin=origin_of(heads.hub, restored_at=now),
        opened_at=time_text(now),
        # What came after a standby was promoted is no part of the log that ended.
        filled_in=heads.entries if backup or log is None else log.size - 1,
        overlap=log.size if log else 0,
        last=_last_known(last, newest),
        before=before,
    )
    _begin(log or Log(size=0), statement, keys=hub_keys().private, now=now)
    Witness.objects.update(size=0)  # none has cosigned a head of the new log
    detail: dict[str, object] = {
        "origin": statement.origin,
        "backup": backup,
        "overlap": statement.overlap,
        "last": statement.last.text.split() if statement.last else None,
    }
    ledger.append("log.restarted", actor=actor, subject=SUBJECT, now=now, detail=detail)
    return statement


def _last_known(outside: Checkpoint | None, newest: Head | None) -> Checkpoint | None:
    """Return the later head of that which somebody kept, and the newest one in the backup."""
    own = Checkpoint.read(Note.read(newest.note).text) if newest else None
    if own is None or outside is None:
        return outside or own
    return own if own.origin == outside.origin and own.size > outside.size else outside


def _begin(
    log: Log, statement: Statement, *, keys: Sequence[Ed25519PrivateKey], now: datetime
) -> None:
    """Store a new leaf 0, the tree over it and the leaves that are there, and its head."""
    log.origin, log.opened_at, log.backfilled = statement.origin, now, statement.filled_in
    log.frontier = bytes(log.frontier or b"")
    log.save()
    growth = _Growth(Frontier(), signal=log.signal)
    growth.add(_LeafRow(0, statement.data))
    rows = Leaf.objects.filter(number__gt=0).order_by("number").values_list("number", "data")
    for number, data in rows.iterator(chunk_size=2000):
        growth.add(_LeafRow(number, bytes(data)), is_stored=True)
    Leaf.objects.filter(number=0).delete()
    Node.objects.all().delete()
    _store(log, growth, keys=keys, now=now)


def _grow(log: Log, entries: list[LeafFacts]) -> _Growth:
    """Return the leaves of entries."""
    growth = _Growth(Frontier.unpack(log.size, bytes(log.frontier)), log.signal)
    content_of = contents.contents_of(entries, bulks={})
    for entry in entries:
        content = content_of.get(entry.number)
        if entry.kind == contents.BULK:
            content = contents.bulk_after(growth.signal, entry=entry)
        elif entry.kind in contents.MASS_ENDS:
            content = contents.ended_by(entry)
            growth.ends += _mass_end(entry)
        if content is not None:
            growth.signal = max(growth.signal, content.last)
        growth.add(_leaf(entry, content))
    return growth


def _mass_end(entry: LeafFacts) -> list[MassEnd]:
    """Return the row with which proofs find the entry of an end, if the entry has positions."""
    first, last = entry.detail.get("first"), entry.detail.get("last")
    if not isinstance(first, int) or not isinstance(last, int):
        return []
    return [MassEnd(number=entry.number, first=first, last=last)]


def _leaf(entry: LeafFacts, content: EntryContent | None) -> _LeafRow:
    """Return the leaf of an entry, with new salts."""
    salt = secrets.token_bytes(SALT_BYTES)
    if content is None or not content.things or not content.is_whole:
        content = None
    salts = LeafSalts(salt, secrets.token_bytes(SALT_BYTES) if content else None)
    second = content_commitment(content.whole if content else None, salts) or b""
    signals = bytes.fromhex("".join(content.signals).replace("-", "")) if content else b""
    return _LeafRow(
        number=entry.number,
        data=entry_commitment(entry, salt) + second,
        salt=salt,
        content_salt=salts.content,
        signals=signals or None,
    )


@needs_no_lock("the log's row is locked: nobody adds leaves meanwhile")
@transaction.atomic
def _store(log: Log, growth: _Growth, *, keys: Sequence[Ed25519PrivateKey], now: datetime) -> bool:
    """Store leaves and a signed head; return False if another process has added leaves."""
    if Log.objects.select_for_update().get().size != log.size:
        return False
    with connection.cursor() as cursor:
        cursor.executemany(_INSERT, growth.leaves)
    Node.objects.bulk_create(growth.nodes)
    MassEnd.objects.bulk_create(growth.ends)
    log.size, log.frontier = growth.frontier.size, growth.frontier.pack()
    log.signal = growth.signal
    log.save()
    note = Checkpoint(log.origin, log.size, growth.frontier.root()).sign(keys)
    Head.objects.update_or_create(
        hour=int(now.timestamp()) // _HOUR_S,
        defaults={"size": log.size, "note": note, "signed_at": now},
    )
    return True
