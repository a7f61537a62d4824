# SPDX-License-Identifier: Apache-2.0
"""stemtide crisis: invite parties, join, decline, leave, and list participants."""

from typing import Annotated, Any

import typer

from stemtide.cli.commands.crises.crisis import CrisisId, crisis, crisis_line
from stemtide.cli.hub_command import Request, hub_command
from stemtide.protocol.enums import Capacity, PartyKind

MayWhy = Annotated[str, typer.Option("--reason", help="Reason (optional).")]


def _line(row: dict[str, Any]) -> str:
    """Describe a participant on one line."""
    return f"{row['state']:10} {row['capacity'] or '':11} {row['party']:24} {row['title']}"


@hub_command(crisis, "invite", line=crisis_line)
def invite(
    crisis_id: CrisisId,
    parties: Annotated[list[str] | None, typer.Argument(help="Names of parties.")] = None,
    kind: Annotated[
        list[PartyKind] | None, typer.Option(help="All parties of this kind. Can be repeated.")
    ] = None,
    capacity: Annotated[
        Capacity | None, typer.Option(help="Capacity in which they take part.")
    ] = None,
    reason: Annotated[
        str,
        typer.Option(help="Reason, for the invited parties; no personal data."),
    ] = "",
) -> Request:
    """Invite parties to take part."""
    from stemtide.protocol.messages.crises import InviteIn

    return lambda client: client.invite_parties(
        InviteIn.model_validate(
            {
                "parties": parties or [],
                "kinds": kind or [],
                "capacity": capacity,
                "reason": reason,
            }
        ),
        uid=crisis_id,
    )


@hub_command(crisis, "uninvite", line=crisis_line)
def uninvite(
    crisis_id: CrisisId, party: Annotated[str, typer.Argument(help="The party's name.")]
) -> Request:
    """Withdraw an invitation that is not answered yet."""
    from stemtide.protocol.messages.crises import PartyIn

    return lambda client: client.uninvite_party(PartyIn(party=party), uid=crisis_id)


@hub_command(crisis, "join", line=crisis_line)
def join(crisis_id: CrisisId) -> Request:
    """Join a crisis for your party."""
    return lambda client: client.join_crisis(uid=crisis_id)


@hub_command(crisis, "decline", line=crisis_line)
def decline(crisis_id: CrisisId, reason: MayWhy = "") -> Request:
    """Decline an invitation for your party."""
    from stemtide.protocol.messages.crises import OptionalReasonIn

    return lambda client: client.decline_crisis(OptionalReasonIn(reason=reason), uid=crisis_id)


@hub_command(crisis, "leave", line=crisis_line)
def leave(crisis_id: CrisisId, reason: MayWhy = "") -> Request:
    """Leave a crisis for your party."""
    from stemtide.protocol.messages.crises import OptionalReasonIn

    return lambda client: client.leave_crisis(OptionalReasonIn(reason=reason), uid=crisis_id)


@hub_command(crisis, "participants", line=_line)
def participants(crisis_id: CrisisId) -> Request:
    """List participants and invitations. Includes parties that declined or left."""
    return lambda client: client.list_participants(uid=crisis_id)
