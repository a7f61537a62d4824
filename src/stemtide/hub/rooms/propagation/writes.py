# SPDX-License-Identifier: Apache-2.0
"""Store the positions that agents reach, and sum up the times of each day. Decision 0186.

1 Processes of the hub hand over what agents reached within a second: one row.
2 Ten minutes after a share or a withdrawal, the scheduler adds the times of all its recipients to
  the sums of the day. A recipient that took longer is late.
3 Positions are deleted after two weeks, sums after thirteen months.
"""

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from django.db import transaction

from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.rooms.ledger.models import Follower
from stemtide.hub.rooms.ledger.reads import ledger as ledger_reads
from stemtide.hub.rooms.ledger.writes.followers import LedgerFollower
from stemtide.hub.rooms.propagation import reads, rules
from stemtide.hub.rooms.propagation.models import PositionBatch, PropagationDay
from stemtide.hub.rooms.propagation.reads import DayKey, Lag, ReachedPosition
from stemtide.protocol.enums.propagation import PropagationStage

_FOLLOWER = LedgerFollower("propagation", batch=100)
_MS = 1000


@needs_no_entry("it is of the transport")
@needs_no_lock("it adds a row that nobody changes")
def store_positions(
    stage: PropagationStage, reached: Sequence[ReachedPosition], *, now: datetime
) -> None:
    """Store positions that agents reached since the last time."""
    rows = [
        (row.party, row.name, row.position, max(0, int((now - row.at).total_seconds() * _MS)))
        for row in reached
    ]
    PositionBatch.objects.create(
        stage=stage,
        at=now,
        highest=max(row.position for row in reached),
        body=zlib.compress(msgspec.json.encode(rows)),
    )


@needs_no_entry("sums of what the hub has")
@needs_no_lock("the row of the follower is locked: two schedulers do not add the same times")
def sum_due(now: datetime) -> int:
    """Add the times of shares and withdrawals that are old enough to the sums of their days.

    returns: how many entries of the ledger were read.
    """
    follower, is_new = Follower.objects.get_or_create(
        name=_FOLLOWER.name, defaults={"number": ledger_reads.heads().entries}
    )
    if is_new:
        return 0
    unread = ledger_reads.unfiltered(after=follower.number, limit=_FOLLOWER.batch)
    entries = [entry for entry in unread if entry.recorded_at <= now - rules.SETTLED]
    if not entries:
        return 0
    lags = reads.lags_of(entries)
    with transaction.atomic():
        row = Follower.objects.select_for_update().get(name=_FOLLOWER.name)
        if row.number != follower.number:
            return 0
        _add(lags)
        _FOLLOWER.skip_to(entries[-1].number)
    return len(entries)


@needs_no_entry("it deletes positions of the transport, and old sums of them")
@needs_no_lock("it deletes rows, and appends nothing")
def forget_old(now: datetime) -> int:
    """Delete old positions and sums; return how many rows."""
    old = PositionBatch.objects.filter(at__lt=now - rules.KEEP_POSITIONS)
    days = PropagationDay.objects.filter(day__lt=(now - rules.KEEP_DAYS).date())
    return sum(rows.delete()[0] for rows in (old, days) if rows.exists())


def _add(lags: Iterable[Lag]) -> None:
    """Add times to the sums of their days."""
    sums: dict[DayKey, Counter[str]] = {}
    late: Counter[DayKey] = Counter()
    for lag in lags:
        buckets = sums.setdefault(lag.key, Counter())
        if lag.seconds is None:
            late[lag.key] += 1
        else:
            buckets[str(rules.bucket_of(lag.seconds))] += 1
    for key, buckets in sums.items():
        row, _ = PropagationDay.objects.get_or_create(**key._asdict())
        row.buckets = dict(Counter(row.buckets) + buckets)
        row.late += late[key]
        row.save(update_fields=["buckets", "late"])
