# SPDX-License-Identifier: Apache-2.0
"""Short ways to let shares wait for a second look, and to decide about them."""

from stemtide.hub.rooms.approvals.reads import approvals as reads
from stemtide.hub.rooms.approvals.writes import approvals as writes
from stemtide.protocol.approvals import ApproveIn, RefuseIn
from stemtide.protocol.trust.second_look import SharesADay, second_look
from tests.world import NOON

PLACE = "stemtide.hub.rooms.signals.reads.sharing.second_looks.second_look"


def let_one_a_day_travel(monkeypatch):
    """Set a table by which each further signal of a day waits."""
    number = SharesADay(new=1, member=1, trusted=1, authority=1)
    table = second_look().model_copy(update={"shares_a_day": number})
    monkeypatch.setattr(PLACE, lambda: table)


def decide(world, *, is_approved, now=NOON):
    """Approve or refuse, as the agency, the only act that waits."""
    (act,) = reads.approvals(viewer=world.agency, state="waiting").approvals
    by = world.actor(world.agency, role="coordinator", ref="person:9")
    if is_approved:
        writes.approve(act.id, body=ApproveIn(count=act.count), by=by, now=now)
    else:
        writes.refuse(act.id, body=RefuseIn(), by=by, now=now)
