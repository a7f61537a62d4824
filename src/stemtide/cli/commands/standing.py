# SPDX-License-Identifier: Apache-2.0
"""stemtide standing: the standing of parties, and the suspension of a party by two people."""

from typing import Annotated, Any

import typer

from stemtide.cli.hub_command import Request, hub_command
from stemtide.protocol.enums import Standing

standing = typer.Typer(no_args_is_help=True, help="Standing of parties, and suspensions.")

PartyName = Annotated[str, typer.Argument(help="Name of the party, from: stemtide standing list.")]
ProposalId = Annotated[
    str, typer.Argument(help="The proposal's id, from: stemtide standing proposals.")
]
Reason = Annotated[str, typer.Option(help="Why. The party can read it.")]


def _party_line(row: dict[str, Any]) -> str:
    """Describe a party on one line."""
    group = f"  group {row['group']}" if row["group"] else ""
    digests = "  speaks for digests" if row["speaks_for_digests"] else ""
    return f"{row['name']:30} {row['kind']:10} {row['standing']:9} {row['title']}{group}{digests}"


def _history(row: dict[str, Any]) -> str:
    """Describe a party, and its history on further lines."""
    return "\n".join([_party_line(row), *map(_change_line, row["history"])])


def _change_line(row: dict[str, Any]) -> str:
    """Describe a change of a standing on one line."""
    moved = f"{row['before']} to {row['after']}" if row["before"] != row["after"] else row["after"]
    people = " and ".join(party for party in (row["by"], row["second"]) if party) or "the hub"
    return f"  {row['at'][:16]}  {moved}  by {people}  {row['reason']}".rstrip()


def _proposal_line(row: dict[str, Any]) -> str:
    """Describe a proposal on one line."""
    act = "lift" if row["lifts"] else "suspend"
    until = f" until {row['expires_at'][:16]}" if row["state"] == "open" else ""
    return (
        f"{row['id']}  {row['state']}{until}  {act} {row['party']}  by {row['by']}: {row['reason']}"
    )


@hub_command(standing, "list", line=_party_line)
def list_parties() -> Request:
    """List all parties with their standing."""
    return lambda client: client.list_parties()


@hub_command(standing, "show", line=_history)
def show(party: PartyName) -> Request:
    """Show a party. Agencies and the party itself also see the history of its standing."""
    return lambda client: client.read_party(name=party)


@hub_command(standing, "grant", line=_party_line)
def grant(
    party: PartyName,
    to: Annotated[Standing, typer.Option(help="One step up or down: new, member, trusted.")],
    reason: Reason,
) -> Request:
    """Give a party another standing. For agencies."""
    from stemtide.protocol.trust.parties import StandingIn

    return lambda client: client.grant_standing(StandingIn(standing=to, reason=reason), name=party)


@hub_command(standing, "group", line=_party_line)
def set_group(
    party: PartyName,
    reason: Reason,
    group: Annotated[str, typer.Option(help="Name of the group. Default: none.")] = "",
) -> Request:
    """Put a party into a group, whose parties count once. For agencies."""
    from stemtide.protocol.trust.parties import GroupIn

    return lambda client: client.set_party_group(GroupIn(group=group, reason=reason), name=party)


@hub_command(standing, "digests", line=_party_line)
def grant_digests(
    party: PartyName,
    reason: Reason,
    end: Annotated[bool, typer.Option("--end", help="Take the right back.")] = False,
) -> Request:
    """Let a party speak alone for exact digests. For agencies."""
    from stemtide.protocol.trust.parties import DigestsIn

    return lambda client: client.grant_digests(
        DigestsIn(speaks_for_digests=not end, reason=reason), name=party
    )


@hub_command(standing, "mechanism", line=_party_line)
def set_mechanism(
    party: PartyName,
    mechanism: Annotated[str, typer.Option(help="Such as gifct. Default: none.")] = "",
) -> Request:
    """Let a party note the activations of a crisis mechanism. For agencies."""
    from stemtide.protocol.trust.parties import MechanismIn

    return lambda client: client.set_mechanism(MechanismIn(mechanism=mechanism), name=party)


@hub_command(
    standing,
    "suspend",
    line=_proposal_line,
    confirm="this proposes to shut out all programs and people of {party}",
    note="A person of another agency confirms within 24 hours, at the desk.",
)
def suspend(party: PartyName, reason: Reason) -> Request:
    """Propose to suspend a party. For agencies."""
    return _propose(party, reason=reason, lifts=False)


@hub_command(
    standing,
    "lift",
    line=_proposal_line,
    note="A person of another agency confirms within 24 hours, at the desk.",
)
def lift(party: PartyName, reason: Reason) -> Request:
    """Propose to lift the suspension of a party. For agencies."""
    return _propose(party, reason=reason, lifts=True)


@hub_command(
    standing, "proposals", line=_proposal_line, empty="No proposal that your party may see."
)
def list_proposals() -> Request:
    """List proposals to suspend a party, or to lift its suspension. For agencies."""
    return lambda client: client.list_suspensions()


@hub_command(standing, "confirm", line=_proposal_line)
def confirm(proposal_id: ProposalId) -> Request:
    """Confirm a proposal that a person of another agency made."""
    return lambda client: client.confirm_suspension(uid=proposal_id)


@hub_command(standing, "decline", line=_proposal_line)
def decline(proposal_id: ProposalId, reason: Reason) -> Request:
    """Decline another person's proposal."""
    from stemtide.protocol.trust.parties import SuspensionReasonIn

    return lambda client: client.decline_suspension(
        SuspensionReasonIn(reason=reason), uid=proposal_id
    )


@hub_command(standing, "withdraw", line=_proposal_line)
def withdraw(proposal_id: ProposalId) -> Request:
    """Withdraw a proposal of your own party."""
    return lambda client: client.withdraw_suspension(uid=proposal_id)


def _propose(party: str, *, reason: str, lifts: bool) -> Request:
    """Propose to suspend a party, or to lift its suspension."""
    from stemtide.protocol.trust.parties import SuspensionIn

    return lambda client: client.propose_suspension(
        SuspensionIn(lifts=lifts, reason=reason), name=party
    )
