# SPDX-License-Identifier: Apache-2.0
"""Count withdrawals and disputes, and ask for a second look beyond those of a day. Decision 0119.

While a withdrawal waits, the signal counts as disputed by the party that withdraws it: nothing is
released, and nothing is blocked, on a word in doubt.
"""

from datetime import datetime

from pydantic import BaseModel

from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.approvals.reads import approvals as approvals_reads
from stemtide.hub.rooms.approvals.writes import approvals
from stemtide.hub.rooms.approvals.writes.approvals import AffectedRow, Asking
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import OpinionRow, Signal
from stemtide.protocol.trust.second_look import WaitingAct, WaitReason, second_look

REASONS = {
    WaitingAct.WITHDRAW: WaitReason.MANY_WITHDRAWALS,
    WaitingAct.DISPUTE: WaitReason.MANY_DISPUTES,
}


@needs_no_entry("the withdrawal or dispute records itself")
def is_beyond(act: WaitingAct, *, by: Party, exercise: bool, now: datetime) -> bool:
    """Count a withdrawal or dispute, or return that the party has no more of them today (UTC).

    Call it with the ledger lock.
    """
    done = approvals_reads.count_today(act, party=by, exercise=exercise, now=now)
    if done >= second_look().ends_a_day.number:
        return True
    approvals.count_acts(act, 1, party=by, exercise=exercise, now=now)
    return False


@needs_no_entry("approvals record that somebody asks")
def ask(
    row: Signal,
    act: WaitingAct,
    *,
    body: BaseModel,
    before: OpinionRow | None,
    by: Party,
    now: datetime,
    through: str | None,
) -> None:
    """Ask for a second look at the withdrawal or dispute of a signal.

    before: the opinion that the party had of the signal.
    """
    earlier = {"opinion": before.opinion, "note": before.note} if before else None
    asking = Asking(
        act=act,
        ref=through or "",
        reasons=(REASONS[act],),
        tlp=row.tlp,
        audience=row.audience,
        crisis=row.crisis.uid if row.crisis else None,
        exercise=row.exercise,
        affected=[AffectedRow(uid=row.uid, body=body.model_dump_json(), before=earlier)],
    )
    approvals.ask(asking, by=by, now=now)
