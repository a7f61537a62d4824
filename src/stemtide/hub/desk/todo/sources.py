# SPDX-License-Identifier: Apache-2.0
"""Sources of the to-do list: what waits in each room that this person may do something about."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta

from django.urls import reverse
from django.utils.translation import gettext as _, ngettext

from stemtide.hub.desk.labels import label
from stemtide.hub.desk.todo.items import TodoItem, TodoKind
from stemtide.hub.platform.permissions import (
    allows,
    check_may_read_complaints,
    check_may_read_leads,
    check_may_see_rights_requests,
    check_person_may_lead,
    check_person_may_write,
)
from stemtide.hub.rooms.approvals.reads import approvals
from stemtide.hub.rooms.complaints.reads import complaints, redress
from stemtide.hub.rooms.crises.reads import participants, proposals, roles
from stemtide.hub.rooms.crises.rules import moves
from stemtide.hub.rooms.orders.reads import home, orders
from stemtide.hub.rooms.parties.reads.parties import Actor, party_titles
from stemtide.hub.rooms.referrals.reads import inbox
from stemtide.hub.rooms.reports.reads import reports
from stemtide.hub.rooms.rights import reads as rights
from stemtide.hub.rooms.situation.reads import leads
from stemtide.hub.rooms.tasks import reads as tasks
from stemtide.protocol.approvals import ApprovalOut
from stemtide.protocol.enums import ApprovalState, LeadState, PartyKind, Urgency
from stemtide.protocol.enums.complaints import RedressState
from stemtide.protocol.enums.orders import OrderState, Side

RIGHTS_SOON = timedelta(days=7)
"""How long before its due time a request of a data subject is more than routine."""

_TO_ANSWER = frozenset({OrderState.ISSUED, OrderState.RECEIVED, OrderState.UNDONE})


def waiting_items(by: Actor, *, now: datetime) -> list[TodoItem]:
    """Return the items that wait for a person, in no order."""
    writes = allows(check_person_may_write, by.role)
    return [item for source in (SOURCES if writes else OFFICER) for item in source(by, now)]


def _orders(by: Actor, now: datetime) -> Iterator[TodoItem]:  # as all sources
    """Yield removal orders that a provider must answer."""
    if by.kind is not PartyKind.PROVIDER:
        return
    for head in orders.inbox(viewer=by.party):
        if head.state in _TO_ANSWER:
            yield TodoItem(
                TodoKind.ORDER,
                head.reference,
                reverse("order", args=[head.id]),
                head.issued_at or now,
                detail=label(head.state, "order_in"),
                due_at=head.due_at,
                urgency=Urgency.NOW,
                subject=f"order:{head.id}",
                exercise=head.exercise,
            )


def _orders_to_confirm(by: Actor, now: datetime) -> Iterator[TodoItem]:
    """Yield orders that were issued at once and need a second person."""
    if by.kind is PartyKind.PROVIDER or not allows(check_person_may_lead, by.role):
        return
    for head in orders.orders(viewer=by.party, side=Side.ISSUER, is_open=True):
        if head.confirm_due_at and head.confirm_due_at > now:
            yield TodoItem(
                TodoKind.ORDER_CONFIRM,
                head.reference,
                reverse("order", args=[head.id]),
                head.issued_at or now,
                due_at=head.confirm_due_at,
                urgency=Urgency.NOW,
                subject=f"order:{head.id}",
                exercise=head.exercise,
            )


def _scrutinies(by: Actor, now: datetime) -> Iterator[TodoItem]:
    """Yield copies of orders whose scrutiny the authority must decide."""
    if by.kind is not PartyKind.AUTHORITY or not allows(check_person_may_lead, by.role):
        return
    for copy in home.copies(viewer=by.party, now=now):
        if copy.due_at is not None:
            yield TodoItem(
                TodoKind.SCRUTINY,
                copy.order.reference,
                reverse("order", args=[copy.order.id]),
                copy.sent_at,
                due_at=copy.due_at,
                subject=f"order:{copy.order.id}",
                exercise=copy.order.exercise,
            )


def _proposals(by: Actor, now: datetime) -> Iterator[TodoItem]:
    """Yield proposals to activate or close a crisis that this person may confirm."""
    for proposal in proposals.open_proposals(viewer=by.party, now=now):
        if allows(
            moves.check_confirm, proposal.crisis_facts, by=by, proposal=proposal.facts, now=now
        ):
            yield TodoItem(
                TodoKind.PROPOSAL,
                proposal.name,
                reverse("crisis", args=[proposal.crisis]),
                proposal.at,
                detail=proposal.reason,
                due_at=proposal.facts.expires_at,
                urgency=Urgency.NOW,
                crisis=proposal.crisis,
                exercise=proposal.exercise,
            )


def _invitations(by: Actor, now: datetime) -> Iterator[TodoItem]:  # noqa: ARG001  # as all sources
    """Yield invitations to crises that the party has not answered."""
    for invitation in participants.invitations(viewer=by.party, role=by.role):
        if invitation.may_answer:
            yield TodoItem(
                TodoKind.INVITATION,
                invitation.name,
                reverse("crisis", args=[invitation.crisis]),
                invitation.invited_at,
                detail=" · ".join(filter(None, (invitation.invited_by, invitation.reason))),
                urgency=Urgency.NOW,
                crisis=invitation.crisis,
                exercise=invitation.exercise,
            )


def _leads(by: Actor, now: datetime) -> Iterator[TodoItem]:  # noqa: ARG001  # as all sources
    """Yield leads to a threat to life that nobody has received."""
    if not allows(check_may_read_leads, by.role):
        return
    titles = party_titles()
    for lead in leads.leads(viewer=by.party, is_open=True):
        if lead.state is LeadState.REPORTED and by.name in {lead.addressed_to, lead.copied_to}:
            yield TodoItem(
                TodoKind.LEAD,
                _("Lead from {party}").format(party=titles.get(lead.sent_by, lead.sent_by)),
                reverse("lead", args=[lead.id]),
                lead.reported_at,
                detail=label(lead.level, "level"),
                urgency=Urgency.NOW,
                subject=f"lead:{lead.id}",
                exercise=lead.exercise,
            )


def _approvals(by: Actor, now: datetime) -> Iterator[TodoItem]:  # noqa: ARG001  # as all sources
    """Yield acts of others that need a second look by this person."""
    titles = party_titles()
    page = approvals.approvals(viewer=by.party, state=ApprovalState.WAITING, limit=200)
    for approval in page.approvals:
        if approval.may_decide and approval.ref != by.ref:
            yield _of_approval(approval, asked_by=titles.get(approval.by, approval.by))


def _of_approval(approval: ApprovalOut, *, asked_by: str) -> TodoItem:
    """Return the entry of an act that needs a second look."""
    act = label(approval.act, "approval-act")
    return TodoItem(
        TodoKind.APPROVAL,
        f"{asked_by}: {act} ({approval.count})",
        reverse("approval", args=[approval.id]),
        approval.at,
        detail="; ".join(label(reason, "approval-reason") for reason in approval.reasons),
        due_at=approval.expires_at,
        urgency=Urgency.NOW if approval.is_done else Urgency.SOON,
        exercise=approval.exercise,
    )


def _complaints(by: Actor, now: datetime) -> Iterator[TodoItem]:  # noqa: ARG001  # as all sources
    """Yield complaints of uploaders that the provider must decide."""
    if by.kind is not PartyKind.PROVIDER or not allows(check_may_read_complaints, by.role):
        return
    for complaint in complaints.complaints(viewer=by.party, is_open=True):
        yield TodoItem(
            TodoKind.COMPLAINT,
            complaint.number,
            reverse("complaint", args=[complaint.id]),
            complaint.filed_at,
            due_at=complaint.due_at,
            subject=f"complaint:{complaint.id}",
            exercise=complaint.exercise,
        )


def _rights(by: Actor, now: datetime) -> Iterator[TodoItem]:
    """Yield requests of data subjects that the party must answer."""
    if not allows(check_may_see_rights_requests, by.role):
        return
    for request in rights.requests(viewer=by.party, now=now, is_open=True).requests:
        is_soon = request.due_at <= now + RIGHTS_SOON
        yield TodoItem(
            TodoKind.RIGHTS_REQUEST,
            request.reference,
            reverse("rights-request", args=[request.id]),
            datetime.combine(request.received_on, time(), tzinfo=UTC),
            detail=label(request.right, "data-right"),
            due_at=request.due_at,
            urgency=Urgency.SOON if is_soon else Urgency.ROUTINE,
            subject=f"rights_request:{request.id}",
            exercise=request.exercise,
        )


def _redress(by: Actor, now: datetime) -> Iterator[TodoItem]:  # noqa: ARG001  # as all sources
    """Yield requests of providers to take a measure back."""
    titles = party_titles()
    for request in redress.requests(viewer=by.party):
        if request.state is RedressState.ASKED:
            yield TodoItem(
                TodoKind.REDRESS,
                _("Request from {party}").format(
                    party=titles.get(request.provider, request.provider)
                ),
                reverse("redress", args=[request.id]),
                request.asked_at,
                subject=f"complaint:{request.id}",
                exercise=request.exercise,
            )


def _referrals(by: Actor, now: datetime) -> Iterator[TodoItem]:
    """Yield one entry for all referrals that wait for a provider."""
    if by.kind is not PartyKind.PROVIDER:
        return
    waiting = inbox.waiting(viewer=by.party)
    if waiting.number:
        count = ngettext(
            "{number} referral to answer", "{number} referrals to answer", waiting.number
        )
        yield TodoItem(
            TodoKind.REFERRALS,
            count.format(number=waiting.number),
            reverse("inbox"),
            now,
            urgency=Urgency.SOON if waiting.new else Urgency.ROUTINE,
        )


def _actions(by: Actor, now: datetime) -> Iterator[TodoItem]:
    """Yield actions of post-crisis reports that the party owns."""
    for action in reports.open_actions(viewer=by.party):
        yield TodoItem(
            TodoKind.ACTION,
            action.text,
            reverse("report", args=[action.report]),
            now,
            due_at=datetime.combine(action.due, time.max, tzinfo=UTC),
            urgency=Urgency.ROUTINE,
            exercise=action.exercise,
        )


def _tasks(by: Actor, now: datetime) -> Iterator[TodoItem]:  # noqa: ARG001  # as all sources
    """Yield open tasks of this person, of their roles, and of their party."""
    for task in tasks.waiting(by):
        owner = label(task.role, "response-role") if task.role else task.owner
        yield TodoItem(
            TodoKind.TASK,
            task.title,
            f"{reverse('crisis-tasks', args=[task.crisis])}#task-{task.id}",
            task.given_at,
            detail=owner,
            due_at=task.due_at,
            subject=f"task:{task.id}",
            crisis=task.crisis,
            exercise=task.exercise,
        )


def _roles(by: Actor, now: datetime) -> Iterator[TodoItem]:  # noqa: ARG001  # as all sources
    """Yield roles that the party is asked to take."""
    for offer in roles.offers_to(by.party):
        yield TodoItem(
            TodoKind.ROLE,
            f"{label(offer.role, 'response-role')}: {offer.name}",
            f"{reverse('crisis', args=[offer.crisis])}#role-{offer.role}",
            offer.offered_at,
            detail=offer.note or offer.offered_by,
            crisis=offer.crisis,
            exercise=offer.exercise,
        )


SOURCES: tuple[Callable[[Actor, datetime], Iterator[TodoItem]], ...] = (
    *(_orders, _orders_to_confirm, _scrutinies, _proposals, _invitations, _leads),
    *(_approvals, _tasks, _roles, _complaints, _redress, _referrals, _actions, _rights),
)
"""Every room in which something can wait for a person."""

OFFICER = (_rights,)
"""Where something can wait for a data protection officer, who writes nothing else."""
