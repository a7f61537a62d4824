# SPDX-License-Identifier: Apache-2.0
"""stemtide crisis: propose and confirm by four eyes, calm down, review, link, mirror."""

from typing import Annotated

import typer

from stemtide.cli.commands.crises.crisis import AsJson, CrisisId, crisis, do, give_crisis, moment
from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, asking, plain
from stemtide.cli.output import fail
from stemtide.protocol.enums import NeighbourStatus, ProposalAct

Why = Annotated[str, typer.Option("--reason", help="Why; no personal data.")]
ProposalId = Annotated[
    str, typer.Argument(help="The proposal's id; the one that is open if left out.")
]


@crisis.command("propose")
def propose(
    crisis_id: CrisisId,
    act: Annotated[ProposalAct, typer.Argument(metavar="activate|close")],
    reason: Why,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Propose activation or closure; another party confirms what a key proposes."""
    body = {"act": act, "reason": reason}
    from stemtide.protocol.messages.crises import ProposalIn

    give_crisis(
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
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Confirm what another party proposed: the protocol is activated, or the crisis closed."""
    if not yes:
        fail(f"this moves {crisis_id} as proposed; say --yes to do it", code=2)
    found = proposal or _open_proposal(crisis_id, hub=hub, key=key)
    row = do(
        lambda client: client.confirm_proposal(uid=crisis_id, proposal=found), hub=hub, key=key
    )
    give_crisis(row, as_json=as_json)


@crisis.command("refuse")
def refuse(
    crisis_id: CrisisId,
    reason: Why,
    proposal: ProposalId = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Decline what another proposed, and say why."""
    found = proposal or _open_proposal(crisis_id, hub=hub, key=key)
    body = {"reason": reason}
    from stemtide.protocol.messages.crises import ReasonIn

    row = do(
        lambda client: client.decline_proposal(
            ReasonIn.model_validate(body), uid=crisis_id, proposal=found
        ),
        hub=hub,
        key=key,
    )
    give_crisis(row, as_json=as_json)


@crisis.command("withdraw")
def withdraw(
    crisis_id: CrisisId,
    proposal: ProposalId = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Take back what your party proposed."""
    found = proposal or _open_proposal(crisis_id, hub=hub, key=key)
    row = do(
        lambda client: client.withdraw_proposal(uid=crisis_id, proposal=found), hub=hub, key=key
    )
    give_crisis(row, as_json=as_json)


def _open_proposal(crisis_id: str, *, hub: str, key: str) -> str:
    """The one proposal that is open."""
    with asking(hub, key) as client:
        row = plain(client.read_crisis(uid=crisis_id))
    found = [str(one["id"]) for one in row["proposals"] if one["state"] == "open"]
    if len(found) != 1:
        fail(f"{len(found)} proposals are open: see stemtide crisis show, and name one")
    return found[0]


@crisis.command("deescalate")
def deescalate(
    crisis_id: CrisisId, reason: Why, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Let a live crisis calm down."""
    from stemtide.protocol.messages.crises import ReasonIn

    row = do(
        lambda client: client.deescalate_crisis(ReasonIn(reason=reason), uid=crisis_id),
        hub=hub,
        key=key,
    )
    give_crisis(row, as_json=as_json)


@crisis.command("resume")
def resume(
    crisis_id: CrisisId, reason: Why, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Make a crisis live again that was calming down."""
    from stemtide.protocol.messages.crises import ReasonIn

    give_crisis(
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
    """Review a crisis and keep it as it is, until the next review."""
    body = {"reason": reason, "next_h": next_h}
    from stemtide.protocol.messages.crises import KeepIn

    give_crisis(
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
    other: Annotated[str, typer.Argument(help="The other crisis' id.")],
    reason: Why,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Say that two crises speak of one event; each keeps its own life."""
    body = {"crisis": other, "reason": reason}
    from stemtide.protocol.messages.crises import LinkIn

    give_crisis(
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
    """Say that a crisis speaks of an event of its own after all."""
    from stemtide.protocol.messages.crises import ReasonIn

    give_crisis(
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
    framework: Annotated[str, typer.Argument(help="The other mechanism, as in gifct.")],
    version: Annotated[str, typer.Argument(help="Its version, as in 2025.")],
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="Its type of activation.")],
    reference: Annotated[str, typer.Option(help="How it names its activation.")] = "",
    status: Annotated[NeighbourStatus, typer.Option()] = NeighbourStatus.UNCONFIRMED,
    started_at: Annotated[str, typer.Option(help="ISO time; now if left out.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Note another mechanism's activation about the same event."""
    body = {
        "framework": framework,
        "version": version,
        "type": type_,
        "reference": reference,
        "status": status,
        "started_at": moment(started_at, option="--started-at"),
    }
    from stemtide.protocol.messages.crises import NeighbourIn

    give_crisis(
        do(
            lambda client: client.mirror_neighbour(NeighbourIn.model_validate(body), uid=crisis_id),
            hub=hub,
            key=key,
        ),
        as_json=as_json,
    )
