# SPDX-License-Identifier: Apache-2.0
"""What becomes of a share once somebody has given it a second look."""

from dataclasses import replace
from datetime import datetime

from stemtide.hub.platform.errors import ConflictError
from stemtide.hub.rooms.approvals import acts, writes as approvals
from stemtide.hub.rooms.approvals.models import Approval
from stemtide.hub.rooms.signals.rules import checks
from stemtide.hub.rooms.signals.writes import signals
from stemtide.protocol.messages.signals import RowError, SignalIn
from stemtide.protocol.trust.second_look import Act, WaitReason


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


acts.register(Act.SHARE, acts.ApprovedAct(do=share, end=end_share))
