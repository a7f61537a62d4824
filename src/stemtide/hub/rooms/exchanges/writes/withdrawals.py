# SPDX-License-Identifier: Apache-2.0
"""Withdraw all that an exchange brought, in parts, and share it again. Decision 0133.

Each signal is withdrawn as one alone: beyond those of a day a withdrawal waits for a second person,
and the signal leads to hold meanwhile (signals/writes/mass_ends.py).
"""

from datetime import datetime

from django.db import transaction

from stemtide.hub.platform.errors import RateLimitError, RefusalError
from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.exchanges.models import Exchange, Record, Withdrawal
from stemtide.hub.rooms.exchanges.reads import exchanges as reads, withdrawals
from stemtide.hub.rooms.exchanges.rules import withdrawals as rules
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.ledger.writes.transactions import part
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.writes import signals
from stemtide.interop.exchanges import WithdrawAllIn, WithdrawalOut
from stemtide.protocol.enums import SignalState, WithdrawReason
from stemtide.protocol.messages.signals import SharedSignal, WithdrawIn

OPERATOR = "operator"
_PART = 100
"""Signals of one transaction, so that other writers get their turn."""


@transaction.atomic
def begin(
    name: str, *, body: WithdrawAllIn, now: datetime, by: Actor | None = None
) -> WithdrawalOut:
    """Pause an exchange, and begin to withdraw every live signal that it brought.

    by: None for the operator, who chose the source: no withdrawal waits then. If signals are being
        shared again, that ends.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    if by is not None:
        rules.check_may_withdraw(by)
    row = reads.find(name)
    viewer = by.party if by else None
    rules.check_withdraw_all(withdrawals.facts_of(row, viewer=viewer), shown=body.count)
    row.is_paused, row.next_at = True, None
    row.taken += 1  # a run in progress can no longer write
    row.save(update_fields=["is_paused", "next_at", "taken"])
    row.withdrawals.filter(restore_at__isnull=False, restored_at=None).update(restored_at=now)
    withdrawal = Withdrawal.objects.create(
        exchange=row,
        by=viewer,
        ref=by.ref if by else OPERATOR,
        reason=body.reason,
        note=body.note,
        total=body.count,
        begun_at=now,
    )
    detail: dict[str, object] = {"count": body.count, "reason": body.reason.value}
    _record("exchange.withdrawn", row, by=by, now=now, detail=detail)
    return withdrawals.describe(withdrawal)


@transaction.atomic
def restore(name: str, *, now: datetime, by: Actor | None = None) -> WithdrawalOut:
    """Begin to share again what the last withdrawal withdrew, by the rules for shares of now.

    Withdrawals that still wait are taken back where they wait. The exchange stays paused.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    if by is not None:
        rules.check_may_withdraw(by)
    row = reads.find(name)
    rules.check_restore(withdrawals.facts_of(row, viewer=by.party if by else None))
    withdrawal = row.withdrawals.select_related("exchange__party", "by").latest("pk")
    withdrawal.restore_by = by.party if by else None
    withdrawal.restore_at, withdrawal.restore_ref = now, by.ref if by else OPERATOR
    withdrawal.last = 0
    withdrawal.save(update_fields=["restore_by", "restore_at", "restore_ref", "last"])
    _record("exchange.restored", row, by=by, now=now, detail={})
    return withdrawals.describe(withdrawal)


@needs_no_entry("signals record each withdrawal and share")
def continue_due(now: datetime) -> int:
    """Do the next part of everything that goes on; return how many signals that were."""
    count = 0
    for withdrawal in withdrawals.running():
        is_withdrawing = withdrawal.done_at is None
        do_part = _withdraw_part if is_withdrawing else _restore_part
        count += do_part(withdrawal.pk, now=now)
    return count


@needs_no_entry("signals record each withdrawal and share")
def finish(name: str, *, now: datetime) -> WithdrawalOut:
    """Do all parts of an exchange's last withdrawal, or of its undoing, that are possible now.

    raises: NotFoundError.
    """
    row, count = reads.find(name), 1
    while count:
        last = row.withdrawals.latest("pk")
        do_part = _withdraw_part if last.done_at is None else _restore_part
        count = do_part(last.pk, now=now)
    return withdrawals.describe(row.withdrawals.latest("pk"))


@part()
def _withdraw_part(pk: int, *, now: datetime) -> int:
    """Withdraw the next signals, in one transaction; return how many were tried.

    It ends there if the party that asked was suspended. What came later stays: nobody saw it.
    """
    ledger.lock_ledger()
    row = Withdrawal.objects.select_related("exchange__party", "by").get(pk=pk)
    if row.done_at is not None:
        return 0
    live = withdrawals.live_of(row.exchange, viewer=row.by)
    live = live.filter(pk__gt=row.last, shared_at__lte=row.begun_at)
    is_over = row.by is not None and row.by.is_suspended
    uids = [] if is_over else list(live.values_list("pk", "uid")[:_PART])
    body = WithdrawIn(reason=WithdrawReason(row.reason), note=row.note)
    for number, uid in uids:
        row.last = number
        try:
            out = signals.withdraw(
                uid,
                body=body,
                by=row.by or row.exchange.party,
                now=now,
                actor_ref=row.ref if row.by else row.exchange.ref,
                is_counted=row.by is not None,
            )
        except RefusalError:
            row.refused += 1
        else:
            is_waiting = out.state is SignalState.LIVE
            row.waiting += is_waiting
            row.withdrawn += not is_waiting
            row.signals.add(number)
    row.done_at = now if len(uids) < _PART else None
    row.save()
    return len(uids)


@part()
def _restore_part(pk: int, *, now: datetime) -> int:
    """Share the next signals again, in one transaction; return how many were tried.

    It ends there if the exchange was removed or a party suspended. Beyond what its party may share
    now, it waits for a later tick.
    """
    ledger.lock_ledger()
    row = Withdrawal.objects.select_related("exchange__party", "restore_by").get(pk=pk)
    if row.restore_at is None or row.restored_at is not None:
        return 0
    rows = list(withdrawals.withdrawn_by(row).filter(pk__gt=row.last)[:_PART])
    if _is_over(row):
        rows = []
    if rows:
        try:
            shared = _share_again(rows, exchange=row.exchange, through=row.restore_ref, now=now)
        except RateLimitError:
            return 0
        except RefusalError:
            shared = 0
        row.last, row.restored = rows[-1].pk, row.restored + shared
    row.restored_at = now if len(rows) < _PART else None
    row.save()
    return len(rows)


def _is_over(row: Withdrawal) -> bool:
    """Whether nothing more may be shared again in the name of the exchange's party."""
    is_suspended = row.exchange.party.is_suspended or (
        row.restore_by is not None and row.restore_by.is_suspended
    )
    return row.exchange.removed_at is not None or is_suspended


def _share_again(rows: list[Signal], *, exchange: Exchange, through: str, now: datetime) -> int:
    """Share signals again in the name of the source's party; return how many are shared or wait.

    Their records then represent the new signals: what the source withdraws, it withdraws of these.

    raises: RateLimitError, NotAllowedError.
    """
    bodies = withdrawals.bodies_of(rows)
    out = signals.share_many(bodies, by=exchange.party, now=now, partial=True, actor_ref=through)
    placed_rows = [
        (row, placed) for row, placed in zip(rows, out.signals, strict=True) if placed is not None
    ]
    for row, placed in placed_rows:
        _relink(row, placed, exchange=exchange)
    return len(placed_rows)


def _relink(row: Signal, placed: SharedSignal, *, exchange: Exchange) -> None:
    """Let the records of a signal represent the one that was shared again."""
    records = Record.objects.filter(exchange=exchange, signal=row)
    if placed.state is SignalState.WAITING:
        records.update(signal=None, waiting=placed.id)
    else:
        records.update(signal=Signal.objects.get(uid=placed.id), ended=False)


def _record(
    kind: str, row: Exchange, *, by: Actor | None, now: datetime, detail: dict[str, object]
) -> None:
    """Append an act on an exchange to the ledger."""
    ledger.append_by(kind, by=by, otherwise=OPERATOR, subject=row.ref, now=now, detail=detail)
