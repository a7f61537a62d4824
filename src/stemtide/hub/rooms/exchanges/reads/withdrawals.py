# SPDX-License-Identifier: Apache-2.0
"""Read the signals that an exchange brought, and the progress of their withdrawal."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet
from pydantic import ValidationError

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.approvals.reads import approvals
from stemtide.hub.rooms.exchanges.models import Exchange, Withdrawal
from stemtide.hub.rooms.exchanges.reads import exchanges as reads
from stemtide.hub.rooms.exchanges.rules.withdrawals import BroughtFacts
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import signals
from stemtide.interop.exchanges import BroughtOut, WithdrawalOut
from stemtide.protocol.enums import SignalState, WithdrawReason
from stemtide.protocol.messages.signals import RowError, SignalIn
from stemtide.protocol.trust.second_look import WaitingAct, second_look


def brought(name: str, *, viewer: Party, now: datetime) -> BroughtOut:
    """Return how many signals of an exchange are live, and its last withdrawal.

    raises: NotAllowedError, NotFoundError.
    """
    reads.exchange(name, viewer=viewer)
    row = reads.find(name)
    of_viewer = live_of(row, viewer=viewer)
    last = last_of(row)
    return BroughtOut(
        live=of_viewer.count(),
        at_once=sum(_at_once(of_viewer, exercise, viewer=viewer, now=now) for exercise in (0, 1)),
        withdrawal=describe(last) if last else None,
    )


def facts_of(row: Exchange, *, viewer: Party | None) -> BroughtFacts:
    """Return the facts of an exchange for the rules. viewer: None for the operator."""
    live, last = live_of(row, viewer=viewer).count(), last_of(row)
    if last is None:
        return BroughtFacts(live)
    return BroughtFacts(
        live=live,
        is_running=last.done_at is None,
        withdrawn=last.withdrawn + last.waiting,
        is_restored=last.restore_at is not None,
        is_suspended=row.party.is_suspended,
    )


def live_of(row: Exchange, *, viewer: Party | None) -> QuerySet[Signal]:
    """Return the live signals that a source brought and a party may see, the oldest first.

    viewer: None for the operator. Signals of other parties with the same value are not among them.
    """
    own = Signal.objects.filter(records__exchange=row, records__is_own=True, shared_by=row.party)
    own = own.filter(state=SignalState.LIVE).order_by("pk").distinct()
    return own.filter(signals.visible(viewer)) if viewer else own


def withdrawn_by(row: Withdrawal) -> QuerySet[Signal]:
    """Return the signals that a withdrawal ended, the oldest first, also after a second look.

    Signals that others withdrew, or that the source has ended since, are not among them.
    """
    return (
        row.signals.filter(
            records__exchange=row.exchange,
            records__ended=False,
            state=SignalState.WITHDRAWN,
            withdraw_reason=row.reason,
            withdraw_note=row.note,
        )
        .select_related("shared_by", "content", "crisis")
        .order_by("pk")
        .distinct()
    )


@needs_no_viewer("the scheduler reads for all parties")
def running() -> list[Withdrawal]:
    """Return withdrawals that go on, and those whose signals are being shared again."""
    rows = Withdrawal.objects.order_by("pk")
    begun = rows.filter(done_at=None)
    return [*begun, *rows.filter(restore_at__isnull=False, restored_at=None)]


def last_of(row: Exchange) -> Withdrawal | None:
    """Return the last withdrawal of all that an exchange brought."""
    return row.withdrawals.select_related("exchange__party", "by").first()


def describe(row: Withdrawal) -> WithdrawalOut:
    """Return how far a withdrawal is."""
    return WithdrawalOut(
        by=row.by.name if row.by else "",
        reason=WithdrawReason(row.reason),
        note=row.note,
        total=row.total,
        withdrawn=row.withdrawn,
        waiting=row.waiting,
        refused=row.refused,
        begun_at=row.begun_at,
        done_at=row.done_at,
        restore_at=row.restore_at,
        restored=row.restored,
        restored_at=row.restored_at,
    )


@needs_no_viewer("the sharer reads its own signals")
def bodies_of(rows: Sequence[Signal]) -> list[SignalIn | RowError]:
    """Return the messages that share signals again, as their sharer would send them.

    A RowError marks a signal that the rules of now do not accept. What is shared again is kept by
    the defaults of now, as any other share of the source, and unsigned.
    """
    names = SignalIn.model_fields.keys() - {"retention", "signature"}
    bodies: list[SignalIn | RowError] = []
    for number, row in enumerate(rows):
        out = signals.describe(row, viewer=row.shared_by)
        fields = {name: getattr(out, name) for name in names}
        fields |= {"value": out.url or out.value}
        fields |= {name: tuple(fields[name]) for name in ("labels", "audience", "via")}
        try:
            bodies.append(SignalIn.model_validate(fields))
        except ValidationError:
            bodies.append(RowError(row=number, field="value", message="is not valid any more"))
    return bodies


def _at_once(live: QuerySet[Signal], exercise: int, *, viewer: Party, now: datetime) -> int:
    """Return how many signals of a mark a party withdraws before a withdrawal waits."""
    is_exercise = bool(exercise)
    done = approvals.count_today(WaitingAct.WITHDRAW, party=viewer, exercise=is_exercise, now=now)
    left = max(0, second_look().ends_a_day.number - done)
    return min(left, live.filter(exercise=is_exercise).count())
