# SPDX-License-Identifier: Apache-2.0
"""Carry out shares, withdrawals and disputes that somebody has given a second look."""

from dataclasses import replace
from datetime import datetime

from stemtide.hub.platform.errors import ConflictError, RefusalError
from stemtide.hub.rooms.approvals import acts
from stemtide.hub.rooms.approvals.models import Approval
from stemtide.hub.rooms.approvals.writes import approvals
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.rules import checks
from stemtide.hub.rooms.signals.writes import opinions, signals
from stemtide.protocol.messages.signals import RowError, SignalIn, WithdrawIn
from stemtide.protocol.trust.second_look import WaitingAct, WaitReason


def share(row: Approval, now: datetime) -> list[RowError]:
    """Share the signals that waited, each with its promised id; return those that are refused.

    raises: ConflictError if all of them are.
    """
    waiting = approvals.take_signals(row)
    bodies = [SignalIn.model_validate_json(signal.body) for signal in waiting]
    ready = checks.read(bodies, now=now)
    drafts = tuple(replace(draft, uid=waiting[draft.row].uid) for draft in ready.drafts)
    out = signals.share_approved(
        replace(ready, drafts=drafts),
        by=row.party,
        now=now,
        reasons=frozenset(WaitReason(reason) for reason in row.reasons),
        through=row.asked_ref or None,
    )
    if waiting and len(out.errors) == len(waiting):
        raise ConflictError(
            "none of it can be shared any more: {why}. Refuse it, or let it expire",
            why=out.errors[0].message,
        )
    return out.errors


def end_share(row: Approval, now: datetime) -> None:
    """Drop the signals that wait; withdraw those that were shared at once."""
    if row.is_done:
        uids = row.signals.values_list("uid", flat=True)
        crisis = row.crisis.uid if row.crisis else None
        signals.end_unconfirmed(uids, exercise=row.exercise, crisis=crisis, now=now)
    else:
        approvals.close_signals(row)


def withdraw(row: Approval, now: datetime) -> list[RowError]:
    """Withdraw the signals of a withdrawal that waited; return those that are refused by now.

    raises: ConflictError if all of them are.
    """
    errors, affected = [], approvals.close_affected(row)
    for number, signal in enumerate(affected):
        body = WithdrawIn.model_validate_json(signal.body)
        through = row.asked_ref or None
        try:
            signals.withdraw(
                signal.uid, body=body, by=row.party, now=now, actor_ref=through, is_counted=False
            )
        except RefusalError as error:
            errors.append(RowError(row=number, field="signal", message=str(error)))
    if affected and len(errors) == len(affected):
        raise ConflictError(
            "none of it can be withdrawn any more: {why}. Refuse it, or let it expire",
            why=errors[0].message,
        )
    return errors


def keep_dispute(row: Approval, now: datetime) -> list[RowError]:  # noqa: ARG001  # as ApprovedAct
    """Let disputes that waited count for good."""
    approvals.close_affected(row)
    return []


def restore_opinions(row: Approval, now: datetime) -> None:
    """Give back the opinions that the party had before its withdrawals or disputes waited."""
    for affected in approvals.close_affected(row):
        signal = reads.live(affected.uid)
        if signal is not None:
            opinions.restore_opinion(
                signal, affected.before, by=row.party, now=now, through=row.ref
            )


acts.register(WaitingAct.SHARE, acts.ApprovedAct(do=share, end=end_share))
acts.register(WaitingAct.WITHDRAW, acts.ApprovedAct(do=withdraw, end=restore_opinions))
acts.register(WaitingAct.DISPUTE, acts.ApprovedAct(do=keep_dispute, end=restore_opinions))
