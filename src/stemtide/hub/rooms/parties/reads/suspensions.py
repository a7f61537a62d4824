# SPDX-License-Identifier: Apache-2.0
"""Read suspensions, and the proposals to suspend a party or to lift its suspension."""

from dataclasses import replace
from uuid import UUID

from stemtide.hub.platform.errors import NotFoundError, SuspendedError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.parties.models import (
    ContactPoint,
    Party,
    StandingChange,
    SuspensionProposal,
)
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.rules.suspensions import SuspensionFacts
from stemtide.protocol.enums import PartyKind, ProposalState, Standing
from stemtide.protocol.trust.parties import SuspensionOut


@needs_no_viewer("every party may know which others are suspended")
def suspended_names() -> frozenset[str]:
    """Return the names of the suspended parties."""
    rows = Party.objects.filter(standing=Standing.SUSPENDED)
    return frozenset(rows.order_by().values_list("name", flat=True))


def proposals(*, viewer: Party, party: Party | None = None) -> list[SuspensionOut]:
    """Return the proposals to suspend or lift, the latest first, at most 200, to agencies.

    party: only those about this party.
    """
    if viewer.kind != PartyKind.AGENCY:
        return []
    rows = SuspensionProposal.objects.select_related("party", "by", "decided_by")
    rows = rows.exclude(party=viewer)
    if party is not None:
        rows = rows.filter(party=party)
    return [describe_proposal(row) for row in rows[:200]]


def find_proposal(uid: UUID, *, viewer: Party) -> SuspensionProposal:
    """Return the row of a proposal, for writes.

    raises: NotFoundError, also for the party that it is about, and for parties that are no agency.
    """
    rows = SuspensionProposal.objects.select_related("party", "by", "decided_by")
    rows = rows.filter(uid=uid).exclude(party=viewer)
    row = rows.first() if viewer.kind == PartyKind.AGENCY else None
    if row is None:
        raise NotFoundError("there is no proposal {uid} that your party may see", uid=uid)
    return row


def describe_proposal(row: SuspensionProposal) -> SuspensionOut:
    """Return a proposal in its wire format."""
    return SuspensionOut(
        id=row.uid,
        party=row.party.name,
        lifts=row.lifts,
        state=ProposalState(row.state),
        reason=row.reason,
        by=row.by.name,
        is_machine=not row.by_role,
        at=row.at,
        expires_at=row.expires_at,
        decided_by=row.decided_by.name if row.decided_by else None,
        decided_at=row.decided_at,
        decided_reason=row.decided_reason,
    )


def facts_of(uid: UUID, *, viewer: Party) -> SuspensionFacts:
    """Return the facts of a proposal.

    raises: NotFoundError, also for the party that it is about, and for parties that are no agency.
    """
    row = find_proposal(uid, viewer=viewer)
    return suspension_facts(row.party, lifts=row.lifts, proposal=row)


def suspension_facts(
    party: Party, *, lifts: bool, proposal: SuspensionProposal | None = None
) -> SuspensionFacts:
    """Return the facts that the rules need of a proposal, or of one that is to be made."""
    present = parties.agencies(exercise=party.exercise)
    agencies = present.exclude(standing=Standing.SUSPENDED)
    facts = SuspensionFacts(party=party.trust, lifts=lifts, agencies=agencies.count())
    if proposal is None:
        return facts
    return replace(
        facts,
        state=ProposalState(proposal.state),
        author=proposal.by.name,
        author_ref=proposal.by_ref,
        is_machine=not proposal.by_role,
        expires_at=proposal.expires_at,
    )


def check_not_suspended(party: Party) -> None:
    """Refuse a suspended party, with the reason, the agency and its mail address.

    raises: SuspendedError.
    """
    if not party.is_suspended:
        return
    rows = StandingChange.objects.filter(party=party, after=Standing.SUSPENDED)
    change = rows.select_related("by").first()
    agency = change.by if change else None
    raise SuspendedError(
        "{party} was suspended on {at:%Y-%m-%d %H:%M} UTC by {agency}: “{reason}” Its keys, "
        "people, webhooks and exchanges work again once this is lifted; nothing was deleted. "
        "Removal orders and referrals still arrive by mail: answer them by the link in it. "
        "Write to: {contact}",
        party=party.name,
        at=change.at if change else party.joined_at,
        agency=agency.title if agency else "the hub",
        reason=change.reason if change else "",
        contact=_mail_of(agency) if agency else "the hub's operator",
    )


def _mail_of(agency: Party) -> str:
    """Return the mail address of an agency's desk; its title if it has none."""
    points = ContactPoint.objects.filter(party=agency, channel="mail", removed_at=None)
    address = points.order_by("-is_24_7", "pk").values_list("address", flat=True).first()
    return address or agency.title
