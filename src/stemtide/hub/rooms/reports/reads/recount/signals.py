# SPDX-License-Identifier: Apache-2.0
"""Recount signals: the ledger says which were shared and withdrawn, rows say what they are."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.reports.reads.recount.acts import Recount, acts, name_in
from stemtide.hub.rooms.reports.rules.public_figures import (
    AGES,
    ANY,
    EXPIRED,
    Parts,
    SignalCounts,
)
from stemtide.hub.rooms.signals.models import Signal
from stemtide.protocol.enums import WithdrawReason
from stemtide.protocol.figures.messages import TableName


class End(NamedTuple):
    """The withdrawal of a signal, by the ledger."""

    at: datetime
    reason: str


@dataclass(slots=True)
class Recorded:
    """What the ledger says about signals.

    shared: how many each party shared at each time. ends: withdrawals by signal.
    unconfirmed: how many ended together at each time, as nobody confirmed them.
    """

    shared: Counter[tuple[str, datetime]] = field(default_factory=Counter)
    ends: dict[str, End] = field(default_factory=dict)
    unconfirmed: Counter[datetime] = field(default_factory=Counter)


class Row(NamedTuple):
    """The columns of a signal that count."""

    uid: object
    kind: str
    labels: list[str]
    shared_by__name: str
    shared_at: datetime
    expires_at: datetime | None
    withdrawn_at: datetime | None
    withdraw_reason: str
    erased_at: datetime | None


@needs_no_viewer("an operator's check")
def recorded(recount: Recount) -> Recorded:
    """Return what the ledger says about signals up to the head."""
    ledger = Recorded()
    for entry in acts("signal.shared", head=recount.head):
        ledger.shared[name_in(entry.actor), entry.recorded_at] += 1
    for entry in acts("signals.shared", head=recount.head):
        ledger.shared[name_in(entry.actor), entry.recorded_at] += int(str(entry.detail["count"]))
    for entry in acts("signal.withdrawn", head=recount.head):
        end = End(entry.recorded_at, str(entry.detail["reason"]))
        ledger.ends[name_in(entry.subject)] = end
    for entry in acts("signals.unconfirmed", head=recount.head):
        ledger.unconfirmed[entry.recorded_at] += int(str(entry.detail["count"]))
    return ledger


@needs_no_viewer("an operator's check")
def count_signals(recount: Recount, *, ledger: Recorded) -> SignalCounts:
    """Return the counts of the signals of a quarter, one by one."""
    counts = SignalCounts()
    missing = Counter(ledger.shared)
    rows = Signal.objects.filter(exercise=False).order_by("pk").values_list(*Row._fields)
    for columns in rows.iterator(chunk_size=2000):
        row = Row(*columns)
        if row.shared_at > recount.at:
            continue
        missing[row.shared_by__name, row.shared_at] -= 1
        _count(recount, counts, row=row, end=_end_of(recount, row, ledger=ledger))
    for (party, at), count in missing.items():
        if count > 0:
            recount.faults.append(f"{count} signals that {party} shared at {at} are not there")
        if count < 0:
            recount.faults.append(f"{-count} signals of {party} of {at} are in no entry")
    return counts


def _end_of(recount: Recount, row: Row, *, ledger: Recorded) -> End | None:
    """Return when and why a signal was withdrawn, by the ledger."""
    end = ledger.ends.get(str(row.uid))
    if end is not None:
        if row.withdrawn_at != end.at or row.withdraw_reason != end.reason:
            recount.faults.append(f"signal {row.uid} was withdrawn otherwise than the ledger says")
        return end
    if row.withdrawn_at is None or row.withdrawn_at > recount.at:
        return None
    is_unconfirmed = row.withdraw_reason == WithdrawReason.UNCONFIRMED
    if is_unconfirmed and ledger.unconfirmed[row.withdrawn_at] > 0:
        ledger.unconfirmed[row.withdrawn_at] -= 1
        return End(row.withdrawn_at, row.withdraw_reason)
    recount.faults.append(f"no entry says that signal {row.uid} was withdrawn")
    return None


def _count(recount: Recount, counts: SignalCounts, *, row: Row, end: End | None) -> None:
    """Count one signal."""
    party, quarter = row.shared_by__name, recount.quarter
    if recount.is_within(row.shared_at):
        _add(counts.by_kind, row.kind, party)
        for label in set(row.labels):
            _add(counts.by_label, label, party)
        if row.erased_at is not None:
            recount.gone.add(TableName.SHARED_BY_LABEL)
    if end is not None and recount.is_within(end.at):
        _add(counts.ended, end.reason, party)
    expired = row.expires_at if end is None else None
    if expired is not None and row.shared_at < quarter.until and recount.is_within(expired):
        _add(counts.ended, EXPIRED, party)
    for live, at in ((counts.live, quarter.until), (counts.live_before, quarter.since)):
        if not _is_live(row, end=end, at=at):
            continue
        if row.erased_at is not None:
            recount.gone.add(TableName.LIVE)
        age = _age(at - row.shared_at)
        for label in {ANY, *row.labels}:
            live.setdefault((label, age), Counter())[party] += 1


def _is_live(row: Row, *, end: End | None, at: datetime) -> bool:
    """Whether a signal was live at a time."""
    if row.shared_at >= at:
        return False
    if end is not None and end.at < at:
        return False
    return row.expires_at is None or row.expires_at >= at


def _age(age: timedelta) -> str:
    """Return the band of an age."""
    for name, days in AGES.items():
        if days is None or age < timedelta(days=days):
            return name
    raise AssertionError


def _add(counts: dict[str, Parts], name: str, party: str) -> None:
    """Count one more of a party."""
    counts.setdefault(name, Counter())[party] += 1
