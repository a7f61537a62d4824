# SPDX-License-Identifier: Apache-2.0
"""Parties at the desk, for agencies: their standing, its history, and suspensions."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.actions import Offer, available, perform, sent_offer
from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in, writers_only
from stemtide.hub.desk.labels import Words
from stemtide.hub.desk.people.party_actions import PARTY_ACTIONS, PartyFacts
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.parties.reads import (
    competences,
    independence,
    joining,
    parties as party_reads,
    standing as reads,
    suspensions as suspension_reads,
)
from stemtide.hub.rooms.parties.reads.independence import UnconfirmedPerson
from stemtide.hub.rooms.parties.reads.parties import Actor, Viewer, party_titles
from stemtide.hub.rooms.parties.rules import (
    independence as independence_rules,
    joining as joining_rules,
    standing as rules,
)
from stemtide.hub.rooms.signals.reads import dismissals as dismissal_reads
from stemtide.protocol.enums import PartyKind, ProposalState
from stemtide.protocol.trust.disputes import OpenDisputesOut
from stemtide.protocol.trust.parties import PartyOut, SuspensionOut


@dataclass(frozen=True, slots=True)
class PartyRow:
    """A party in the list. waiting: the proposal that waits for a second person, if any."""

    party: PartyOut
    waiting: SuspensionOut | None


@dataclass(frozen=True, slots=True)
class PartyGroup:
    """A section of the list of parties. name: its place on the page."""

    name: str
    title: Words
    rows: list[PartyRow]


_GROUP_TITLES: dict[PartyKind, Words] = {
    PartyKind.AGENCY: _("Agencies"),
    PartyKind.AUTHORITY: _("Authorities"),
    PartyKind.PROVIDER: _("Providers"),
    PartyKind.CONSORTIUM: _("Consortia"),
    PartyKind.OBSERVER: _("Observers"),
}


@require_safe
@signed_in
def parties(request: SignedInRequest) -> HttpResponse:
    """List all parties by kind with their standing, those with a proposal that waits first."""
    viewer = request.user.party
    rules.check_sees_standings(PartyKind(viewer.kind))
    waiting = {
        proposal.party: proposal
        for proposal in suspension_reads.proposals(viewer=viewer)
        if proposal.state is ProposalState.OPEN
    }
    rows = [PartyRow(party, waiting.get(party.name)) for party in reads.describe_all()]
    rows.sort(key=lambda row: row.party.title.casefold())
    groups = [PartyGroup("waiting", _("Open proposals"), [row for row in rows if row.waiting])]
    groups += [
        PartyGroup(kind, title, [row for row in rows if row.party.kind == kind and not row.waiting])
        for kind, title in _GROUP_TITLES.items()
    ]
    context = {
        "now": datetime.now(UTC),
        "groups": [group for group in groups if group.rows],
        "titles": party_titles(),
        "may_add": allows(joining_rules.check_take_in, by=actor_of(request)),
    }
    return render(request, "desk/parties/parties.html", context)


@require_safe
@signed_in
def party(request: SignedInRequest, name: str) -> HttpResponse:
    """Show a party: its standing with its history, proposals, and what the reader may do."""
    rules.check_sees_standings(PartyKind(request.user.party.kind))
    return _page(request, name)


@require_POST
@signed_in
@writers_only
def act(request: SignedInRequest, name: str, verb: str) -> HttpResponse:
    """Carry out one action on a party by its form."""
    rules.check_sees_standings(PartyKind(request.user.party.kind))
    party_reads.party(name)
    offer = sent_offer(request, PARTY_ACTIONS, verb)
    if not perform(request, offer, name):
        return _page(request, name, refused=offer)
    return redirect("party", name=name)


def _page(request: SignedInRequest, name: str, *, refused: Offer | None = None) -> HttpResponse:
    """Render the page of a party. refused: an action that was refused."""
    viewer, by, now = request.user.party, actor_of(request), datetime.now(UTC)
    row = party_reads.party(name)
    proposals = suspension_reads.proposals(viewer=viewer, party=row)
    waiting = _waiting(proposals)
    disputes = dismissal_reads.counted_disputes(name, viewer=viewer)
    facts = _facts(row, by=by, now=now, waiting=waiting, disputes=disputes)
    party_out = reads.describe(name, viewer=viewer)
    context = {
        "now": now,
        "party": party_out,
        "is_joining": row.is_suspended and len(party_out.history) == 1,
        "is_authority": facts.trust.kind is PartyKind.AUTHORITY,
        "duties": facts.duties,
        "proposed_duty": facts.proposed_duty,
        "unconfirmed": facts.unconfirmed,
        "decided": [proposal for proposal in proposals if proposal is not waiting],
        "waiting": waiting,
        "may_invite": allows(
            joining_rules.check_invite_first,
            has_people=joining.has_people(row),
            has_keys=joining.has_keys(row),
            by=facts.by,
        ),
        "disputes": disputes,
        "dismissals": dismissal_reads.dismissals(viewer=viewer, party=name),
        "titles": party_titles(),
        "offers": available(PARTY_ACTIONS.values(), facts, refused=refused),
    }
    return render(request, "desk/parties/party.html", context, status=422 if refused else 200)


def _facts(
    row: Viewer,
    *,
    by: Actor,
    now: datetime,
    waiting: SuspensionOut | None,
    disputes: OpenDisputesOut,
) -> PartyFacts:
    """Return what the rules need of a party's page."""
    return PartyFacts(
        trust=row.trust,
        by=by,
        now=now,
        to_suspend=suspension_reads.suspension_facts(row, lifts=False),
        to_lift=suspension_reads.suspension_facts(row, lifts=True),
        disputes=dismissal_reads.facts(row, count=disputes.count),
        waiting=suspension_reads.facts_of(waiting.id, viewer=by.party) if waiting else None,
        waiting_id=str(waiting.id) if waiting else "",
        duties=tuple(competences.duties(row)),
        proposed_duty=competences.proposed(row, now=now),
        unconfirmed=_unconfirmed(row, by=by),
    )


def _unconfirmed(row: Viewer, *, by: Actor) -> tuple[UnconfirmedPerson, ...]:
    """Return those of a party who do not count as a second person, for who may confirm them."""
    if not allows(independence_rules.check_may_confirm, party=row.name, by=by):
        return ()
    return tuple(independence.unconfirmed(row, by=by))


def _waiting(proposals: list[SuspensionOut]) -> SuspensionOut | None:
    """Return the proposal that waits for a second person, if there is one."""
    waiting = [proposal for proposal in proposals if proposal.state is ProposalState.OPEN]
    return waiting[0] if waiting else None
