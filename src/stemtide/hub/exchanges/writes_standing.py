# SPDX-License-Identifier: Apache-2.0
"""Which signals the records of a source stand for, while a page of it is taken.

A record is one comparison: what asks for several is several records, the parts of one whole.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from stemtide.hub.exchanges import reads
from stemtide.hub.exchanges.models import Exchange, Record
from stemtide.hub.exchanges.writes import CLOCK, write_records
from stemtide.hub.signals import writes as signals
from stemtide.hub.signals.long_values import batches
from stemtide.hub.signals.models import Signal
from stemtide.protocol.exchanges import Fate, Fault, Told
from stemtide.protocol.signals import OpinionIn, WithdrawIn
from stemtide.protocol.words import Opinion, SignalState, WithdrawReason


@dataclass
class Standing:
    """What the records of one page stand for, and no longer do.

    counts: records by their fate.
    """

    row: Exchange
    now: datetime
    counts: Counter[str] = field(default_factory=Counter)

    def _look_up(self, told: Sequence[Told], faults: Sequence[Fault]) -> None:
        """Read what is here of some records, of their parts, and of what else they stand for."""
        keys = {one.key for one in told} | {fault.key for fault in faults}
        wholes = {one.whole for one in told} | {fault.key for fault in faults}
        self._records = reads.records(self.row.pk, keys | wholes, by=CLOCK)
        for record in reads.parts(self.row.pk, wholes, by=CLOCK):
            self._records.setdefault(record.key, record)
        self._left: dict[str, list[Record]] = {}
        for key, record in self._records.items():
            if key not in keys and not record.ended:
                self._left.setdefault(record.part_of or key, []).append(record)
        self._stands = {
            key: one.signal_id
            for key, one in self._records.items()
            if one.signal_id is not None and not one.ended
        }
        shared = reads.shared_keys(set(self._stands.values()), exchange=self.row.pk, by=CLOCK)
        self._told_by = Counter(shared)  # signals, by how many records stand for them
        self._linked: dict[str, Record] = {}
        self._ended: list[int] = []
        self._given_up: set[int] = set()

    def _link(self, told: Told, *, signal: int, is_own: bool = True) -> None:
        """Let a record stand for a signal. signal: its primary key."""
        key = told.key
        had = self._records.get(key)
        left = self._leave(key)
        self._stands[key] = signal
        self._told_by[signal] += 1
        self._records[key] = self._linked[key] = Record(
            exchange=self.row,
            key=key,
            version=told.version[:80],
            signal_id=signal,
            is_own=is_own,
            is_disputed=had is not None and had.signal_id == signal and had.is_disputed,
            part_of=told.part_of,
            seen_at=self.now,
        )
        if had is not None and left not in {None, signal}:
            self._give_up(had, reason=WithdrawReason.SUPERSEDED)

    def _leave(self, key: str) -> int | None:
        """Let a record stand for no signal; the primary key of that for which it stood."""
        pk = self._stands.pop(key, None)
        if pk is not None:
            self._told_by[pk] -= 1
        return pk

    def _write(self) -> None:
        """Write which records stand for what, and which ended."""
        for batch in batches(self._ended):
            Record.objects.filter(pk__in=batch).update(ended=True, seen_at=self.now)
        write_records(self._linked.values())

    def _adopt(self, told: Told, *, kind: str, value: str) -> None:
        """Let a record go on from another of the same whole that says this value and is left.

        So one comparison that becomes several, and the other way round, is the same record: what
        was withdrawn of it here stays so, and other facts replace its signal.
        """
        here = self._records.get(told.key)
        if here is not None and not here.ended:
            return
        for left in self._left.get(told.whole, ()):
            row = left.signal
            if left.ended or row is None or (row.kind, row.value) != (kind, value):
                continue
            self._records[told.key] = self._linked[told.key] = Record(
                exchange=self.row,
                key=told.key,
                version=left.version,
                signal=row,
                is_own=left.is_own,
                is_disputed=left.is_disputed,
                part_of=told.part_of,
                seen_at=self.now,
            )
            self._stands[told.key] = row.pk
            self._told_by[row.pk] += 1
            self._end_one(left, reason=WithdrawReason.SUPERSEDED)
            return

    def _end(self, key: str, *, reason: WithdrawReason, fate: Fate | None) -> None:
        """End what a record and its parts stand for: the source's own signals.

        Those that another record says stay.
        """
        for record in (self._records.get(key), *self._left.pop(key, ())):
            if record is None or record.ended:
                continue
            self._end_one(record, reason=reason)
            if fate is not None and record.is_own and record.signal_id is not None:
                self.counts[fate] += 1

    def _end_left(self) -> None:
        """End what newer versions of records no longer say.

        What somebody here withdrew of it is still known: said again, it does not come back.
        """
        for record in (each for some in self._left.values() for each in some):
            row, before = record.signal, len(self._given_up)
            is_over = row is not None and row.state == SignalState.WITHDRAWN
            if is_over and record.is_own and record.signal_id not in self._given_up:
                continue
            self._end_one(record, reason=WithdrawReason.SUPERSEDED)
            self.counts[Fate.ENDED] += len(self._given_up) - before

    def _end_one(self, record: Record, *, reason: WithdrawReason) -> None:
        """End what one record stands for."""
        if record.ended:
            return
        record.ended = True
        if record.pk is not None:
            self._ended.append(record.pk)
        self._leave(record.key)
        self._give_up(record, reason=reason)

    def _give_up(self, record: Record, *, reason: WithdrawReason) -> None:
        """Take a signal of the source back, once no record stands for it."""
        row = record.signal
        if row is None or not record.is_own or row.state != SignalState.LIVE:
            return
        if not self._told_by[row.pk] and row.pk not in self._given_up:
            self._withdraw(row, reason=reason)

    def _withdraw(self, row: Signal, *, reason: WithdrawReason) -> None:
        """Take a signal back in the name of the source's party."""
        _take_back(row, of=self.row, reason=reason, now=self.now)
        row.state = SignalState.WITHDRAWN
        self._given_up.add(row.pk)

    def _opine(self, row: Signal, *, is_disputed: bool) -> None:
        """Say in the party's name whether the source disputes a signal."""
        said = Opinion.DISPUTE if is_disputed else Opinion.AGREE
        note = "disputed at the source" if is_disputed else "no longer disputed at the source"
        body = OpinionIn(opinion=said, note=note)
        signals.opine(row.uid, body=body, by=self.row.party, now=self.now, actor_ref=self.row.ref)


def _take_back(row: Signal, *, of: Exchange, reason: WithdrawReason, now: datetime) -> None:
    """Withdraw a signal that came through an exchange, which its ledger entry names."""
    body = WithdrawIn(reason=reason, note="as the source says")
    signals.withdraw(row.uid, body=body, by=of.party, now=now, actor_ref=of.ref)
