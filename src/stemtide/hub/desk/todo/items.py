# SPDX-License-Identifier: Apache-2.0
"""Entries of the to-do list: what waits, until when, and where the act is."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from stemtide.hub.desk.labels import Words
from stemtide.hub.rooms.alerts.reads.alerts import AlertRow
from stemtide.hub.rooms.alerts.rules.alerts import rank
from stemtide.protocol.enums import Urgency

URGENT_BEFORE = timedelta(hours=1)
"""What is due within this time is as urgent as what waits for an answer now."""

_NEVER = datetime.max.replace(tzinfo=UTC)


class TodoKind(StrEnum):
    """The kinds of things that wait for people."""

    ORDER = "order"
    ORDER_CONFIRM = "order-confirm"
    SCRUTINY = "scrutiny"
    PROPOSAL = "proposal"
    INVITATION = "invitation"
    LEAD = "lead"
    APPROVAL = "approval"
    COMPLAINT = "complaint"
    RIGHTS_REQUEST = "rights-request"
    REDRESS = "redress"
    REFERRALS = "referrals"
    TASK = "task"
    ROLE = "role"
    ACTION = "action"
    ALERT = "alert"


ALERTS_OF: dict[TodoKind, frozenset[str]] = {
    TodoKind.PROPOSAL: frozenset({"proposal"}),
    TodoKind.INVITATION: frozenset({"invitation"}),
    TodoKind.ROLE: frozenset({"role_offered"}),
    TodoKind.APPROVAL: frozenset({"second_look_waits", "second_look_due"}),
    TodoKind.REFERRALS: frozenset({"referral", "referrals"}),
}
"""Alerts that say the same as an entry of a kind, whatever their subject is."""


@dataclass(frozen=True, slots=True)
class TodoItem:
    """One thing that waits.

    address: of the page with its act. subject: its name in the ledger; "" for several things.
    alert: about the same thing, which can be acknowledged here.
    """

    kind: TodoKind
    title: Words
    address: str
    since: datetime
    detail: Words = ""
    due_at: datetime | None = None
    urgency: Urgency = Urgency.SOON
    subject: str = ""
    crisis: UUID | None = None
    exercise: bool = False
    alert: AlertRow | None = None

    def is_about(self, alert: AlertRow) -> bool:
        """Whether an alert is about this thing."""
        if self.subject and alert.subject == self.subject:
            return True
        return alert.kind in ALERTS_OF.get(self.kind, ()) and self.crisis == alert.crisis


def merge(items: Iterable[TodoItem], alerts: Iterable[AlertRow]) -> list[TodoItem]:
    """Return entries with the alerts about them, then an entry for each other alert."""
    merged = list(items)
    for alert in alerts:
        places = [at for at, item in enumerate(merged) if item.is_about(alert)]
        for at in places:
            if merged[at].alert is None:
                urgency = max(merged[at].urgency, alert.urgency, key=lambda urgency: -rank(urgency))
                merged[at] = replace(merged[at], alert=alert, urgency=urgency)
        if not places:
            merged.append(_of_alert(alert))
    return merged


def in_order(items: Iterable[TodoItem], *, now: datetime) -> list[TodoItem]:
    """Return entries: the most urgent first, then by due time, then the longest waiting."""
    raised = [
        replace(item, urgency=Urgency.NOW)
        if item.due_at and item.due_at <= now + URGENT_BEFORE
        else item
        for item in items
    ]
    return sorted(raised, key=lambda item: (rank(item.urgency), item.due_at or _NEVER, item.since))


def _of_alert(alert: AlertRow) -> TodoItem:
    """Return the entry of an alert that no other entry is about."""
    return TodoItem(
        TodoKind.ALERT,
        alert.title,
        "",
        alert.created_at,
        detail=alert.text,
        urgency=alert.urgency,
        subject=alert.subject,
        crisis=alert.crisis,
        exercise=alert.exercise,
        alert=alert,
    )
