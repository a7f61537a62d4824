# SPDX-License-Identifier: Apache-2.0
"""What an act does to each selected signal: it acts, waits for a second look, or is refused."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from stemtide.hub.desk.actions import why_not
from stemtide.hub.desk.error_messages import error_text
from stemtide.hub.desk.forms import MessageForm
from stemtide.hub.desk.selection.acts import BulkAct
from stemtide.hub.platform.errors import InvalidError, RefusalError
from stemtide.hub.rooms.approvals.reads import approvals
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals.reads import opinions
from stemtide.hub.rooms.signals.reads.signals import SelectedSignal
from stemtide.hub.rooms.signals.rules import disputes
from stemtide.protocol.trust.second_look import WaitingAct, second_look


@dataclass(slots=True)
class Effects:
    """What happens to selected signals. refused: by the reason."""

    acting: list[SelectedSignal] = field(default_factory=list)
    waiting: list[SelectedSignal] = field(default_factory=list)
    refused: dict[str, list[SelectedSignal]] = field(default_factory=dict)

    def refuse(self, signal: SelectedSignal, reason: str) -> None:
        """Add a signal that is refused."""
        self.refused.setdefault(reason, []).append(signal)

    @property
    def refused_count(self) -> int:
        """Return the number of signals that are refused."""
        return sum(map(len, self.refused.values()))

    @property
    def done_count(self) -> int:
        """Return the number of signals that are not refused."""
        return len(self.acting) + len(self.waiting)


def preview(
    act: BulkAct, signals: Iterable[SelectedSignal], *, by: Actor, now: datetime
) -> Effects:
    """Return what an act would do, by the rules that its write asks, and the limits of the day."""
    effects, allowance = Effects(), _Allowance(act, by=by, now=now)
    for signal in signals:
        if reason := act.why(signal, by, now) or allowance.refusal(signal):
            effects.refuse(signal, reason)
        elif allowance.is_spent(signal):
            effects.waiting.append(signal)
        else:
            effects.acting.append(signal)
    return effects


def perform_all(
    act: BulkAct,
    form: MessageForm,
    signals: Iterable[SelectedSignal],
    *,
    by: Actor,
    now: datetime,
) -> Effects:
    """Carry out an act on each signal; the result names each refusal.

    raises: InvalidError if what was written is refused before anything was done.
    """
    effects = Effects()
    for signal in signals:
        if reason := act.why(signal, by, now):
            effects.refuse(signal, reason)
            continue
        try:
            act.write(signal, form, by, now)
        except RefusalError as error:
            if isinstance(error, InvalidError) and not effects.done_count:
                raise
            effects.refuse(signal, error_text(error))
        else:
            waits = act.waits and approvals.waiting_end(signal.id, act.waits, viewer=by.party)
            (effects.waiting if waits else effects.acting).append(signal)
    return effects


class _Allowance:
    """How many withdrawals or disputes of a party still take effect at once today."""

    def __init__(self, act: BulkAct, *, by: Actor, now: datetime) -> None:
        self._act, self._by, self._now = act.waits, by, now
        self._done: dict[bool, int] = {}
        self._opened = opinions.disputed_today(by.party, now=now)

    def refusal(self, signal: SelectedSignal) -> str:
        """Count a dispute that its party has only so many of a day; return why it has no more."""
        if self._act is not WaitingAct.DISPUTE or not self._is_limited(signal):
            return ""
        reason = why_not(disputes.check_quota, self._opened, now=self._now)
        self._opened += not reason
        return reason

    def is_spent(self, signal: SelectedSignal) -> bool:
        """Count an act; return whether it waits for a second look, as in writes/mass_ends.py."""
        if self._act is None or (self._act is WaitingAct.DISPUTE and self._is_limited(signal)):
            return False
        exercise = signal.exercise
        if exercise not in self._done:
            self._done[exercise] = approvals.count_today(
                self._act, party=self._by.party, exercise=exercise, now=self._now
            )
        self._done[exercise] += 1
        return self._done[exercise] > second_look().ends_a_day.number

    def _is_limited(self, signal: SelectedSignal) -> bool:
        """Whether disputes of a signal count against the daily limit of the party."""
        is_own = signal.shared_by == self._by.name
        return disputes.is_limited(kind=self._by.kind, is_own=is_own)
