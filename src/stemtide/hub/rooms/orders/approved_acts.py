# SPDX-License-Identifier: Apache-2.0
"""Issue or end orders once a second person has decided. Decision 0115."""

from stemtide.hub.rooms.approvals.acts import ApprovedAct, register
from stemtide.hub.rooms.orders.writes import issue
from stemtide.protocol.trust.second_look import WaitingAct

register(
    WaitingAct.ORDER,
    ApprovedAct(do=issue.issue_approved, end=issue.end_unapproved, kept=issue.keep_approved),
)
