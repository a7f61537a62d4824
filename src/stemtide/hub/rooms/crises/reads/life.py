# SPDX-License-Identifier: Apache-2.0
"""Read the whole record of a crisis: ratings, measures, proposals, reviews and the rest."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.crises.models import Crisis, Proposal, Review
from stemtide.hub.rooms.crises.reads import (
    crises as reads,
    events,
    participants,
    roles,
)
from stemtide.hub.rooms.crises.rules import crises as rules
from stemtide.hub.rooms.crises.rules.moves import ProposalFacts
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.request_cache import cached
from stemtide.protocol.enums import PartyKind, ProposalAct, ProposalState, Standing, TriageOutcome
from stemtide.protocol.messages.crises import CrisisLife, MeasureOut, ProposalOut, TriageOut


def life(uid: UUID, *, viewer: Party) -> CrisisLife:
    """Return a crisis with its whole record; a viewer who is no insider reads its facts alone.

    raises: NotFoundError, also for a crisis that the viewer may not see.
    """
    return describe(reads.find(uid, viewer=viewer), viewer=viewer)


def describe(row: Crisis, *, viewer: Party) -> CrisisLife:
    """Return the whole life of a crisis from its row."""
    facts = reads.facts(row)
    is_insider = rules.is_insider(facts, viewer)
    return CrisisLife(
        **dict(reads.describe(row, viewer=viewer)),
        triages=_triages(row, viewer=viewer) if is_insider else [],
        measures=_measures(row, viewer=viewer) if is_insider else [],
        proposals=_proposals(row, viewer=viewer) if is_insider else [],
        reviews=[
            reads.describe_review(review, viewer=viewer) for review in _rows(row, "reviews", "by")
        ]
        if is_insider
        else [],
        participants=participants.describe_all(row, facts=facts, viewer=viewer),
        roles=roles.describe_all(row, viewer=viewer) if rules.is_in_room(facts, viewer) else [],
        neighbours=events.neighbours(row, viewer=viewer) if is_insider else [],
        alike=events.related(row, viewer=viewer) if is_insider else [],
    )


def checked_to(row: Crisis) -> int:
    """Return the number of the last answer to a crisis's checklist; 0 for none."""
    last = row.checks.order_by("-pk").values_list("pk", flat=True)
    return cached(("checked to", row.pk), last.first) or 0


def find_proposal(crisis: Crisis, uid: UUID) -> Proposal:
    """Return the row of one proposal, for writes.

    raises: NotFoundError.
    """
    row = Proposal.objects.select_related("by").filter(crisis=crisis, uid=uid).first()
    if row is None:
        raise NotFoundError("this crisis has no proposal {uid}: see the crisis", uid=uid)
    return row


def proposal_facts(row: Proposal) -> ProposalFacts:
    """Return the facts that the rules need of a proposal."""
    return ProposalFacts(
        act=ProposalAct(row.act),
        state=ProposalState(row.state),
        author=row.by.name,
        kind=PartyKind(row.by.kind),
        country=row.by.country,
        author_ref=row.by_ref,
        is_machine=not row.by_role,
        expires_at=row.expires_at,
        is_stale=_is_stale(row, last=checked_to(row.crisis)),
        is_emergency=row.is_emergency,
        is_suspended=row.by.is_suspended,
        group=row.by.group,
    )


def pending_proposal(crisis: Crisis, *, act: ProposalAct, now: datetime) -> Proposal | None:
    """Return the proposal of an act that can still be confirmed; None if there is none.

    One of a party that is suspended by now cannot, and makes way for others.
    """
    rows = Proposal.objects.select_related("by", "crisis").filter(crisis=crisis, act=act)
    rows = rows.exclude(by__standing=Standing.SUSPENDED)
    for row in rows.filter(state=ProposalState.OPEN, expires_at__gt=now):
        if not _is_stale(row, last=checked_to(crisis)):
            return row
    return None


def has_used_emergency(crisis: Crisis, *, party: Party) -> bool:
    """Whether a party, or another of its group, has activated a crisis as an emergency before."""
    of_group = Q(by__group=party.group) if party.group else Q(by=party)
    return crisis.proposals.filter(of_group, is_emergency=True).exists()


@needs_no_viewer("the scheduler reads for all parties")
def is_anything_due(now: datetime) -> bool:
    """Whether the clock has something to do: asked every second, so it takes nobody's turn."""
    running = Review.objects.filter(decision="")
    return (
        running.filter(prompted_at=None, prompt_due__lte=now).exists()
        or running.filter(required_at=None, review_due__lte=now).exists()
        or Proposal.objects.filter(state=ProposalState.OPEN, expires_at__lte=now).exists()
        or Crisis.objects.filter(ended_at=None, tail_ends_at__lte=now).exists()
    )


def _rows(row: Crisis, things: str, *named: str) -> list[Any]:
    """Return related rows of one kind, with the parties that they name."""
    related = getattr(row, things).select_related(*named)
    return cached((things, row.pk), lambda: list(related))


def _is_stale(row: Proposal, *, last: int) -> bool:
    """Whether a proposal rests on answers that have been given again since."""
    is_based_on_answers = row.act == ProposalAct.ACTIVATE and not row.is_emergency
    return is_based_on_answers and row.checked_to != last


def _triages(row: Crisis, *, viewer: Party) -> list[TriageOut]:
    """Return the ratings of a crisis, oldest first."""
    return [
        TriageOut(
            harm=triage.harm,
            virality=triage.virality,
            suggested=TriageOutcome(triage.suggested),
            outcome=TriageOutcome(triage.outcome),
            explanation=triage.explanation,
            reason=triage.reason,
            by=reads.by_out(triage.by, ref=triage.by_ref, role=triage.by_role, viewer=viewer),
            at=triage.at,
        )
        for triage in _rows(row, "triages", "by")
    ]


def _measures(row: Crisis, *, viewer: Party) -> list[MeasureOut]:
    """Return the national measures of a crisis, oldest first."""
    return [
        MeasureOut(
            country=measure.country,
            measure=measure.measure,
            insufficient=measure.insufficient,
            by=reads.by_out(measure.by, ref=measure.by_ref, role=measure.by_role, viewer=viewer),
            at=measure.at,
        )
        for measure in _rows(row, "measures", "by")
    ]


def _proposals(row: Crisis, *, viewer: Party) -> list[ProposalOut]:
    """Return the proposals of a crisis, oldest first."""
    last = checked_to(row)
    return [
        ProposalOut(
            id=proposal.uid,
            act=ProposalAct(proposal.act),
            state=ProposalState(proposal.state),
            reason=proposal.reason,
            by=reads.by_out(proposal.by, ref=proposal.by_ref, role=proposal.by_role, viewer=viewer),
            at=proposal.at,
            expires_at=proposal.expires_at,
            is_stale=_is_stale(proposal, last=last),
            is_emergency=proposal.is_emergency,
            decided_by=reads.by_out(
                proposal.decided_by,
                ref=proposal.decided_ref,
                role=proposal.decided_role,
                viewer=viewer,
            )
            if proposal.decided_by
            else None,
            decided_at=proposal.decided_at,
            decided_reason=proposal.decided_reason,
        )
        for proposal in _rows(row, "proposals", "by", "decided_by")
    ]
