# SPDX-License-Identifier: Apache-2.0
"""Track which signals the records of a source represent, while a page is processed.

A record is one comparison: an indicator with several comparisons is several records, the parts of
one whole.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from stemtide.hub.rooms.approvals.reads import approvals
from stemtide.hub.rooms.exchanges.models import Exchange, Record
from stemtide.hub.rooms.exchanges.reads import exchanges as reads
from stemtide.hub.rooms.exchanges.writes.exchanges import write_records
from stemtide.hub.rooms.signals.long_values import batches
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.writes import signals
from stemtide.interop.exchanges import RecordError, RecordOutcome, SourceRecord
from stemtide.protocol.enums import Opinion, SignalState, WithdrawReason
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn


@dataclass
class RecordLinks:
    """The signals that the records of one page represent before and after it.

    counts: records by their fate.
    """

    row: Exchange
    now: datetime
    counts: Counter[str] = field(default_factory=Counter)

    def _look_up(
        self, source_records: Sequence[SourceRecord], faults: Sequence[RecordError]
    ) -> None:
        """Read the known records of a page, their parts, and other records of the same signals."""
        keys = {source_record.key for source_record in source_records} | {
            fault.key for fault in faults
        }
        wholes = {source_record.whole for source_record in source_records} | {
            fault.key for fault in faults
        }
        self._records = reads.records(self.row.pk, keys | wholes)
        for record in reads.parts(self.row.pk, wholes):
            self._records.setdefault(record.key, record)
        self._link_approved()
        self._left: dict[str, list[Record]] = {}
        for key, record in self._records.items():
            if key not in keys and not record.ended:
                self._left.setdefault(record.part_of or key, []).append(record)
        self._stands = {
            key: record.signal_id
            for key, record in self._records.items()
            if record.signal_id is not None and not record.ended
        }
        shared = reads.shared_keys(set(self._stands.values()), exchange=self.row.pk)
        self._told_by = Counter(shared)  # number of records that represent each signal
        self._linked: dict[str, Record] = {}
        self._ended: list[int] = []
        self._given_up: set[int] = set()
        self._waiting: set[int] = set()  # signals whose withdrawal waits for a second look

    def _link_approved(self) -> None:
        """Let records represent their signals that were approved since."""
        waiting = {record.waiting: record for record in self._records.values() if record.waiting}
        for batch in batches(waiting):
            for row in Signal.objects.filter(uid__in=batch).select_related("shared_by"):
                record = waiting[row.uid]
                record.signal, record.waiting = row, None
                Record.objects.filter(pk=record.pk).update(signal=row, waiting=None)

    def _note_waiting(self, source_record: SourceRecord, uid: UUID) -> None:
        """Let a record represent a signal that waits for a second look."""
        self._leave(source_record.key)
        self._records[source_record.key] = self._linked[source_record.key] = Record(
            exchange=self.row,
            key=source_record.key,
            version=source_record.version[:80],
            waiting=uid,
            part_of=source_record.part_of,
            seen_at=self.now,
        )

    def _link(self, source_record: SourceRecord, *, signal: int, is_own: bool = True) -> None:
        """Let a record represent a signal. signal: its primary key."""
        key = source_record.key
        previous = self._records.get(key)
        previous_signal = self._leave(key)
        self._stands[key] = signal
        self._told_by[signal] += 1
        self._records[key] = self._linked[key] = Record(
            exchange=self.row,
            key=key,
            version=source_record.version[:80],
            signal_id=signal,
            is_own=is_own,
            is_disputed=previous is not None
            and previous.signal_id == signal
            and previous.is_disputed,
            part_of=source_record.part_of,
            place=source_record.place,
            seen_at=self.now,
        )
        if previous is not None and previous_signal not in {None, signal}:
            self._give_up(previous, reason=WithdrawReason.SUPERSEDED)

    def _leave(self, key: str) -> int | None:
        """Let a record represent no signal; return the primary key of its previous one."""
        pk = self._stands.pop(key, None)
        if pk is not None:
            self._told_by[pk] -= 1
        return pk

    def _write(self) -> None:
        """Write the changed records, and which have ended."""
        for batch in batches(self._ended):
            Record.objects.filter(pk__in=batch).update(ended=True, seen_at=self.now)
        write_records(self._linked.values())

    def _adopt(self, source_record: SourceRecord, *, kind: str, value: str) -> None:
        """Let a record continue a removed part of the same whole that has this value.

        So a comparison that is split, or joined again, stays the same record: if it was withdrawn
        here it stays withdrawn, and other facts replace its signal.
        """
        existing = self._records.get(source_record.key)
        if existing is not None and not existing.ended:
            return
        for left in self._left.get(source_record.whole, ()):
            row = left.signal
            if left.ended or row is None or (row.kind, row.value) != (kind, value):
                continue
            self._records[source_record.key] = self._linked[source_record.key] = Record(
                exchange=self.row,
                key=source_record.key,
                version=left.version,
                signal=row,
                is_own=left.is_own,
                is_disputed=left.is_disputed,
                part_of=source_record.part_of,
                seen_at=self.now,
            )
            self._stands[source_record.key] = row.pk
            self._told_by[row.pk] += 1
            self._end_one(left, reason=WithdrawReason.SUPERSEDED)
            return

    def _end(
        self,
        key: str,
        *,
        reason: WithdrawReason,
        fate: RecordOutcome | None,
        is_counted: bool = True,
    ) -> None:
        """End a record and its parts, and withdraw the source's own signals.

        Signals that another record represents stay.
        """
        for record in (self._records.get(key), *self._left.pop(key, ())):
            if record is None or record.ended:
                continue
            self._end_one(record, reason=reason, is_counted=is_counted)
            if fate is not None and record.is_own and record.signal_id is not None:
                self.counts[self._fate_of(record, ended=fate)] += 1

    def _end_left(self) -> None:
        """End parts that newer versions of records no longer have.

        Parts whose signal was withdrawn here are kept: if they come again, they stay withdrawn.
        """
        for record in (part for removed_parts in self._left.values() for part in removed_parts):
            row, before = record.signal, len(self._given_up)
            is_over = row is not None and row.state == SignalState.WITHDRAWN
            if is_over and record.is_own and record.signal_id not in self._given_up:
                continue
            self._end_one(record, reason=WithdrawReason.SUPERSEDED)
            fate = self._fate_of(record, ended=RecordOutcome.ENDED)
            self.counts[fate] += len(self._given_up) - before

    def _fate_of(self, record: Record, *, ended: RecordOutcome) -> RecordOutcome:
        """Return the fate of an ended record: the withdrawal of its signal may wait."""
        return RecordOutcome.WAITING if record.signal_id in self._waiting else ended

    def _end_one(self, record: Record, *, reason: WithdrawReason, is_counted: bool = True) -> None:
        """End one record."""
        if record.ended:
            return
        record.ended = True
        if record.pk is not None:
            self._ended.append(record.pk)
        self._leave(record.key)
        self._give_up(record, reason=reason, is_counted=is_counted)

    def _give_up(self, record: Record, *, reason: WithdrawReason, is_counted: bool = True) -> None:
        """Withdraw a signal of the source once no record represents it."""
        row = record.signal
        if record.waiting and approvals.waiting_signal(record.waiting, viewer=self.row.party):
            _take_back(record.waiting, of=self.row, reason=reason, now=self.now)
        if row is None or not record.is_own or row.state != SignalState.LIVE:
            return
        if not self._told_by[row.pk] and row.pk not in self._given_up:
            self._withdraw(row, reason=reason, is_counted=is_counted)

    def _withdraw(self, row: Signal, *, reason: WithdrawReason, is_counted: bool = True) -> None:
        """Withdraw a signal on behalf of the source's party; it may wait for a second look.

        is_counted: False if it must not wait: another signal of the same value follows, or a mark
                    gets stricter.
        """
        row.state = _take_back(
            row.uid, of=self.row, reason=reason, now=self.now, is_counted=is_counted
        )
        self._given_up.add(row.pk)
        if row.state == SignalState.LIVE:
            self._waiting.add(row.pk)

    def _opine(self, row: Signal, *, is_disputed: bool) -> None:
        """Record on behalf of the party whether the source disputes a signal."""
        # To agree would confirm what may come from this hub itself.
        opinion = Opinion.DISPUTE if is_disputed else Opinion.SEEN
        note = "disputed at the source" if is_disputed else "no longer disputed at the source"
        body = OpinionIn(opinion=opinion, note=note)
        signals.give_opinion(
            row.uid, body=body, by=self.row.party, now=self.now, actor_ref=self.row.ref
        )


def _take_back(
    uid: UUID,
    *,
    of: Exchange,
    reason: WithdrawReason,
    now: datetime,
    is_counted: bool = True,
) -> SignalState:
    """Withdraw a signal that came through an exchange, named in the ledger entry.

    Return the state of the signal: it stays live while the withdrawal waits.
    """
    body = WithdrawIn(reason=reason, note="as the source says")
    out = signals.withdraw(
        uid, body=body, by=of.party, now=now, actor_ref=of.ref, is_counted=is_counted
    )
    return out.state
