# SPDX-License-Identifier: Apache-2.0
"""Remember the newest signed head outside the database, and notice if the database lacks it.

A standby that is promoted may lack the last acts, and so may a copy that is put back by hand. If
the hub went on signing, its log would have two histories under one name: a fork. Decision 0205.

1 Each machine with a scheduler keeps the newest head in its data folder.
2 Before the log grows, the kept head is compared with the log. If the log does not continue it, the
  ledger gets the entry `log.halted`, and no machine signs or shows a head until the operator
  opens a new log.
3 After an outage of the database the log waits, so that every machine can compare first. With
  standbys it also waits when a process takes the scheduler's turn: it saw no outage.
"""

import logging
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from django.db import transaction

from stemtide.hub.platform import secret_files
from stemtide.hub.rooms.ledger.reads import ledger as ledger_reads
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.transparency.models import Leaf, Log
from stemtide.hub.rooms.transparency.reads import log as reads
from stemtide.hub.rooms.transparency.reads.restarts import SUBJECT, lost_head
from stemtide.hub.rooms.transparency.rules.leaves import origin_of
from stemtide.protocol.tlog.merkle import Frontier, ProofError, check_consistency
from stemtide.protocol.tlog.notes import Checkpoint, Note, NoteError
from stemtide.protocol.tlog.statements import Statement

log = logging.getLogger(__name__)

FILE = "log.head"

SETTLE_S = 20.0
"""Seconds after an outage in which heads are compared and none is signed.

Each scheduler compares within a second of its first connection. libpq gives a host that vanished
up after about 10 seconds, and then tries the next one.
"""


class KeptHead:
    """The newest head that this machine knows, in a file. Only the scheduler uses it."""

    def __init__(self, folder: Path, *, settle_s: float = SETTLE_S) -> None:
        self._path = folder / FILE
        self._settle_s = settle_s
        self._wait_until = 0.0
        self._head: Checkpoint | None = None

    def note_outage(self) -> None:
        """Note that the database did not answer: it may be another one next."""
        self._wait_until = time.monotonic() + self._settle_s

    def may_grow(self, now: datetime) -> bool:
        """Whether the log may get new leaves: it continues the kept head, and nobody says no."""
        head, row = self._read(), Log.objects.first()
        if head is not None and not _continues(row, head):
            _record(head, now=now)
            return False
        return lost_head() is None and time.monotonic() >= self._wait_until

    def keep(self) -> None:
        """Keep the newest head of the log, if it is another one than the kept one."""
        newest = reads.own_heads().first()
        if newest is None:
            return
        head = Checkpoint.read(Note.read(newest.note).text)
        if head != self._read():
            secret_files.replace(self._path, newest.note.encode())
            self._head = head

    def _read(self) -> Checkpoint | None:
        """Return the kept head; None if there is none that can be read."""
        if self._head is None:
            with suppress(OSError, NoteError, ValueError):
                self._head = Checkpoint.read(Note.read(self._path.read_text("utf-8")).text)
        return self._head


def _continues(row: Log | None, head: Checkpoint) -> bool:
    """Whether the log continues a head, or a restore that it names ended that head's log.

    A head of another hub needs no continuation. A hub that has no log yet continues no own head.
    """
    origin = row.origin if row else origin_of(ledger_reads.heads().hub)
    if origin.split("/")[1] != head.origin.split("/")[1]:
        return True
    if row is None:
        return False
    if row.origin != head.origin:
        return _is_named(head)
    if row.size < head.size:
        return False
    root = Frontier.unpack(row.size, bytes(row.frontier)).root()
    path = reads.tree(row.size).consistency_path(head.size) if row.size > head.size else []
    sizes = {"old_size": head.size, "size": row.size}
    try:
        check_consistency(path, old_root=head.root, root=root, **sizes)
    except ProofError:
        return False
    return True


def _is_named(head: Checkpoint) -> bool:
    """Whether leaf 0 names the log of a head: as an older one, or as the one of a last head.

    A hub that was restored twice, the second time from an older backup, lacks the log between. It
    names that log by its last head alone.
    """
    statement: Statement | None = Statement.read(bytes(Leaf.objects.get(number=0).data))
    while statement is not None:
        last = statement.last
        is_last = last is not None and last.origin == head.origin and last.size >= head.size
        if statement.origin == head.origin or is_last:
            return True
        statement = statement.before
    return False


@transaction.atomic
def _record(head: Checkpoint, *, now: datetime) -> None:
    """Record that the database lacks a signed head, unless a newer one is recorded."""
    if _is_recorded(head):
        return
    ledger.lock_ledger()
    if _is_recorded(head):
        return
    detail: dict[str, object] = {"last": head.text.split()}
    ledger.append("log.halted", actor=CLOCK, subject=SUBJECT, now=now, detail=detail)
    log.error(
        "the database lacks entries that the hub signed, up to leaf %d of %s: no head is signed or"
        " shown before you have opened a new log (stemtide hub reopen-log)",
        head.size - 1,
        head.origin,
    )


def _is_recorded(head: Checkpoint) -> bool:
    """Whether the ledger says that a head as new as this one is lost."""
    last = lost_head()
    return last is not None and last.size >= head.size
