# SPDX-License-Identifier: Apache-2.0
"""stemtide crisis: invite parties, join, decline, leave, and list participants."""

from typing import Annotated

import typer

from stemtide.cli.commands.crises.crisis import AsJson, CrisisId, crisis, do, print_crisis
from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client, to_json
from stemtide.cli.output import print_result
from stemtide.protocol.enums import Capacity, PartyKind

MayWhy = Annotated[str, typer.Option("--reason", help="Reason (optional).")]


@crisis.command("invite")
def invite(
    crisis_id: CrisisId,
    parties: Annotated[list[str] | None, typer.Argument(help="Names of parties.")] = None,
    kind: Annotated[
        list[PartyKind] | None, typer.Option(help="All parties of this kind. Can be repeated.")
    ] = None,
    capacity: Annotated[
        Capacity | None, typer.Option(help="Capacity in which they take part.")
    ] = None,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Invite parties to take part."""
    body = {"parties": parties or [], "kinds": kind or [], "capacity": capacity}
    from stemtide.protocol.messages.crises import InviteIn

    print_crisis(
        do(
            lambda client: client.invite_parties(InviteIn.model_validate(body), uid=crisis_id),
            hub=hub,
            key=key,
        ),
        as_json=as_json,
    )


@crisis.command("uninvite")
def uninvite(
    crisis_id: CrisisId,
    party: Annotated[str, typer.Argument(help="The party's name.")],
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Withdraw an invitation that is not answered yet."""
    from stemtide.protocol.messages.crises import PartyIn

    print_crisis(
        do(
            lambda client: client.uninvite_party(PartyIn(party=party), uid=crisis_id),
            hub=hub,
            key=key,
        ),
        as_json=as_json,
    )


@crisis.command("join")
def join(
    crisis_id: CrisisId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Join a crisis for your party."""
    print_crisis(
        do(lambda client: client.join_crisis(uid=crisis_id), hub=hub, key=key), as_json=as_json
    )


@crisis.command("decline")
def decline(
    crisis_id: CrisisId,
    reason: MayWhy = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Decline an invitation for your party."""
    from stemtide.protocol.messages.crises import OptionalReasonIn

    print_crisis(
        do(
            lambda client: client.decline_crisis(OptionalReasonIn(reason=reason), uid=crisis_id),
            hub=hub,
            key=key,
        ),
        as_json=as_json,
    )


@crisis.command("leave")
def leave(
    crisis_id: CrisisId,
    reason: MayWhy = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Leave a crisis for your party."""
    from stemtide.protocol.messages.crises import OptionalReasonIn

    print_crisis(
        do(
            lambda client: client.leave_crisis(OptionalReasonIn(reason=reason), uid=crisis_id),
            hub=hub,
            key=key,
        ),
        as_json=as_json,
    )


@crisis.command("participants")
def participants(
    crisis_id: CrisisId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """List participants, open invitations, and parties that declined or left."""
    with open_client(hub, key) as client:
        rows = to_json(client.list_participants(uid=crisis_id))
    for row in rows:
        line = f"{row['state']:10} {row['capacity'] or '':11} {row['party']:24} {row['title']}"
        print_result(row, as_json=as_json, line=line)
