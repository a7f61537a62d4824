# SPDX-License-Identifier: Apache-2.0
"""stemtide crisis: propose, confirm, de-escalate, review, link, note other mechanisms."""

from typing import Annotated

import typer

from stemtide.cli.commands.crises.crisis import AsJson, CrisisId, crisis, do, moment, print_crisis
from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client, to_json
from stemtide.cli.output import fail
from stemtide.protocol.enums import NeighbourStatus, ProposalAct

Why = Annotated[str, typer.Option("--reason", help="Reason; no personal data.")]
ProposalId = Annotated[str, typer.Argument(help="The proposal's id. Default: the open one.")]


@crisis.command("propose")
def propose(
    crisis_id: CrisisId,
    act: Annotated[ProposalAct, typer.Argument(metavar="activate|close")],
    reason: Why,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Propose activation or closure. Another party must confirm a proposal made with a key."""
    body = {"act": act, "reason": reason}
    from stemtide.protocol.messages.crises import ProposalIn

    print_crisis(
        do(
            lambda client: client.propose_move(ProposalIn.model_validate(body), uid=crisis_id),
            hub=hub,
            key=key,
        ),
        as_json=as_json,
    )


@crisis.command("confirm")
def confirm(
    crisis_id: CrisisId,
    proposal: ProposalId = "",
    yes: Annotated[bool, typer.Option("--yes", help="Confirm the action.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Confirm another party's proposal: activates the protocol, or closes the crisis."""
    if not yes:
        fail(f"this moves {crisis_id} as proposed; add --yes to confirm", code=2)
    proposal_id = proposal or _open_proposal(crisis_id, hub=hub, key=key)
    row = do(
        lambda client: client.confirm_proposal(uid=crisis_id, proposal=proposal_id),
        hub=hub,
        key=key,
    )
    print_crisis(row, as_json=as_json)


@crisis.command("refuse")
def refuse(
    crisis_id: CrisisId,
    reason: Why,
    proposal: ProposalId = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Decline another party's proposal and give the reason."""
    proposal_id = proposal or _open_proposal(crisis_id, hub=hub, key=key)
    body = {"reason": reason}
    from stemtide.protocol.messages.crises import ReasonIn

    row = do(
        lambda client: client.decline_proposal(
            ReasonIn.model_validate(body), uid=crisis_id, proposal=proposal_id
        ),
        hub=hub,
        key=key,
    )
    print_crisis(row, as_json=as_json)


@crisis.command("withdraw")
def withdraw(
    crisis_id: CrisisId,
    proposal: ProposalId = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Withdraw your party's proposal."""
    proposal_id = proposal or _open_proposal(crisis_id, hub=hub, key=key)
    row = do(
        lambda client: client.withdraw_proposal(uid=crisis_id, proposal=proposal_id),
        hub=hub,
        key=key,
    )
    print_crisis(row, as_json=as_json)


def _open_proposal(crisis_id: str, *, hub: str, key: str) -> str:
    """Return the id of the only open proposal."""
    with open_client(hub, key) as client:
        row = to_json(client.read_crisis(uid=crisis_id))
    open_ids = [str(proposal["id"]) for proposal in row["proposals"] if proposal["state"] == "open"]
    if len(open_ids) != 1:
        fail(f"{len(open_ids)} proposals are open: name one, from: stemtide crisis show")
    return open_ids[0]


@crisis.command("deescalate")
def deescalate(
    crisis_id: CrisisId, reason: Why, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """De-escalate a live crisis."""
    from stemtide.protocol.messages.crises import ReasonIn

    row = do(
        lambda client: client.deescalate_crisis(ReasonIn(reason=reason), uid=crisis_id),
        hub=hub,
        key=key,
    )
    print_crisis(row, as_json=as_json)


@crisis.command("resume")
def resume(
    crisis_id: CrisisId, reason: Why, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Return a de-escalating crisis to live."""
    from stemtide.protocol.messages.crises import ReasonIn

    print_crisis(
        do(
            lambda client: client.resume_crisis(ReasonIn(reason=reason), uid=crisis_id),
            hub=hub,
            key=key,
        ),
        as_json=as_json,
    )


@crisis.command("review")
def review(
    crisis_id: CrisisId,
    reason: Why,
    next_h: Annotated[
        int | None, typer.Option(help="Hours until the next review, if sooner than usual.")
    ] = None,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Record a review: the crisis continues until the next one."""
    body = {"reason": reason, "next_h": next_h}
    from stemtide.protocol.messages.crises import KeepIn

    print_crisis(
        do(
            lambda client: client.review_crisis(KeepIn.model_validate(body), uid=crisis_id),
            hub=hub,
            key=key,
        ),
        as_json=as_json,
    )


@crisis.command("link")
def link(
    crisis_id: CrisisId,
    other: Annotated[str, typer.Argument(help="The other crisis id.")],
    reason: Why,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Link two crises about the same event; they stay separate crises."""
    body = {"crisis": other, "reason": reason}
    from stemtide.protocol.messages.crises import LinkIn

    print_crisis(
        do(
            lambda client: client.link_crises(LinkIn.model_validate(body), uid=crisis_id),
            hub=hub,
            key=key,
        ),
        as_json=as_json,
    )


@crisis.command("unlink")
def unlink(
    crisis_id: CrisisId, reason: Why, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Unlink a crisis that turned out to concern another event."""
    from stemtide.protocol.messages.crises import ReasonIn

    print_crisis(
        do(
            lambda client: client.unlink_crisis(ReasonIn(reason=reason), uid=crisis_id),
            hub=hub,
            key=key,
        ),
        as_json=as_json,
    )


@crisis.command("neighbour")
def neighbour(
    crisis_id: CrisisId,
    framework: Annotated[str, typer.Argument(help="The other mechanism, such as gifct.")],
    version: Annotated[str, typer.Argument(help="Its version, such as 2025.")],
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="Its type of activation.")],
    reference: Annotated[str, typer.Option(help="Its reference of the activation.")] = "",
    status: Annotated[NeighbourStatus, typer.Option()] = NeighbourStatus.UNCONFIRMED,
    started_at: Annotated[str, typer.Option(help="ISO time. Default: now.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Record another mechanism's activation for the same event."""
    body = {
        "framework": framework,
        "version": version,
        "type": type_,
        "reference": reference,
        "status": status,
        "started_at": moment(started_at, option="--started-at"),
    }
    from stemtide.protocol.messages.crises import NeighbourIn

    print_crisis(
        do(
            lambda client: client.mirror_neighbour(NeighbourIn.model_validate(body), uid=crisis_id),
            hub=hub,
            key=key,
        ),
        as_json=as_json,
    )
