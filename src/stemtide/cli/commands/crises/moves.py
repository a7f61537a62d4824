# SPDX-License-Identifier: Apache-2.0
"""stemtide crisis: propose, confirm, de-escalate, review, link, note other mechanisms."""

from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.commands.crises.crisis import Adopt, CrisisId, crisis, crisis_line, moment
from stemtide.cli.hub_command import Request, hub_command
from stemtide.cli.output import fail
from stemtide.protocol.enums import NeighbourStatus, ProposalAct

if TYPE_CHECKING:
    from stemtide.client import Hub as Client

Why = Annotated[str, typer.Option("--reason", help="Reason; no personal data.")]
ProposalId = Annotated[str, typer.Argument(help="The proposal's id. Default: the open one.")]


@hub_command(crisis, "propose", line=crisis_line)
def propose(
    crisis_id: CrisisId,
    act: Annotated[ProposalAct, typer.Argument(metavar="activate|close")],
    reason: Why,
    adopt: Adopt = None,
) -> Request:
    """Propose activation or closure. Another party must confirm a proposal made with a key."""
    from stemtide.protocol.messages.crises import ProposalIn

    return lambda client: client.propose_move(
        ProposalIn.model_validate({"act": act, "reason": reason, "adopt": adopt}), uid=crisis_id
    )


@hub_command(crisis, "confirm", line=crisis_line, confirm="this moves {crisis_id} as proposed")
def confirm(crisis_id: CrisisId, proposal: ProposalId = "") -> Request:
    """Confirm another party's proposal. Activates the protocol, or closes the crisis."""
    return lambda client: client.confirm_proposal(
        uid=crisis_id, proposal=proposal or _open_proposal(client, crisis_id)
    )


@hub_command(crisis, "refuse", line=crisis_line)
def refuse(crisis_id: CrisisId, reason: Why, proposal: ProposalId = "") -> Request:
    """Decline another party's proposal and give the reason."""
    from stemtide.protocol.messages.crises import ReasonIn

    return lambda client: client.decline_proposal(
        ReasonIn(reason=reason),
        uid=crisis_id,
        proposal=proposal or _open_proposal(client, crisis_id),
    )


@hub_command(crisis, "withdraw", line=crisis_line)
def withdraw(crisis_id: CrisisId, proposal: ProposalId = "") -> Request:
    """Withdraw your party's proposal."""
    return lambda client: client.withdraw_proposal(
        uid=crisis_id, proposal=proposal or _open_proposal(client, crisis_id)
    )


def _open_proposal(client: "Client", crisis_id: str) -> str:
    """Return the id of the only open proposal."""
    proposals = client.read_crisis(uid=crisis_id).proposals
    open_ids = [str(proposal.id) for proposal in proposals if proposal.state == "open"]
    if len(open_ids) != 1:
        fail(f"{len(open_ids)} proposals are open: name one, from: stemtide crisis show")
    return open_ids[0]


@hub_command(crisis, "deescalate", line=crisis_line)
def deescalate(crisis_id: CrisisId, reason: Why) -> Request:
    """De-escalate a live crisis."""
    from stemtide.protocol.messages.crises import ReasonIn

    return lambda client: client.deescalate_crisis(ReasonIn(reason=reason), uid=crisis_id)


@hub_command(crisis, "resume", line=crisis_line)
def resume(crisis_id: CrisisId, reason: Why) -> Request:
    """Return a de-escalating crisis to live."""
    from stemtide.protocol.messages.crises import ReasonIn

    return lambda client: client.resume_crisis(ReasonIn(reason=reason), uid=crisis_id)


@hub_command(crisis, "review", line=crisis_line)
def review(
    crisis_id: CrisisId,
    reason: Why,
    next_h: Annotated[
        int | None, typer.Option(help="Hours until the next review, if sooner than usual.")
    ] = None,
) -> Request:
    """Record a review: the crisis continues until the next one."""
    from stemtide.protocol.messages.crises import KeepIn

    return lambda client: client.review_crisis(
        KeepIn.model_validate({"reason": reason, "next_h": next_h}), uid=crisis_id
    )


@hub_command(crisis, "link", line=crisis_line)
def link(
    crisis_id: CrisisId,
    other: Annotated[str, typer.Argument(help="The other crisis id.")],
    reason: Why,
) -> Request:
    """Link two crises about one event. They stay separate crises."""
    from stemtide.protocol.messages.crises import LinkIn

    return lambda client: client.link_crises(
        LinkIn.model_validate({"crisis": other, "reason": reason}), uid=crisis_id
    )


@hub_command(crisis, "unlink", line=crisis_line)
def unlink(crisis_id: CrisisId, reason: Why) -> Request:
    """Unlink a crisis that turned out to concern another event."""
    from stemtide.protocol.messages.crises import ReasonIn

    return lambda client: client.unlink_crisis(ReasonIn(reason=reason), uid=crisis_id)


def _event_lines(event: dict[str, Any]) -> str:
    """Return the activations of an event for a terminal, a line each."""
    return "\n".join(
        f"{row['status']:<12} {row['started_at'] or 'not activated':<26} {row['title']}:"
        f" {row['type']} ({row['by']}{'' if row['is_own'] else ', as reported'})"
        f" {row['neighbour'] or row['crisis']}"
        for row in event["activations"]
    )


@hub_command(crisis, "event", line=_event_lines)
def event(crisis_id: CrisisId) -> Request:
    """Show all activations about the event of a crisis."""
    return lambda client: client.read_event(uid=crisis_id)


@hub_command(crisis, "amend", line=crisis_line)
def update_neighbour(
    crisis_id: CrisisId,
    neighbour_id: Annotated[str, typer.Argument(metavar="ACTIVATION", help="From crisis event.")],
    status: Annotated[NeighbourStatus, typer.Argument(metavar="active|ended|unconfirmed")],
) -> Request:
    """Update another mechanism's activation. Its own party, or one that leads the crisis."""
    from stemtide.protocol.messages.crises import NeighbourUpdateIn

    ended_at = datetime.now(UTC).isoformat() if status is NeighbourStatus.ENDED else None
    body = NeighbourUpdateIn.model_validate({"status": status, "ended_at": ended_at})
    return lambda client: client.update_neighbour(body, uid=crisis_id, neighbour=neighbour_id)


@hub_command(crisis, "neighbour", line=crisis_line)
def neighbour(
    crisis_id: CrisisId,
    framework: Annotated[str, typer.Argument(help="The other mechanism, such as gifct.")],
    version: Annotated[str, typer.Argument(help="Its version, such as 2025.")],
    type_: Annotated[
        str, typer.Argument(metavar="TYPE", help="Its type; a wrong one prints those listed.")
    ],
    unlisted: Annotated[
        bool, typer.Option("--unlisted", help="Accept a type that Stemtide does not list.")
    ] = False,
    reference: Annotated[str, typer.Option(help="Its reference of the activation.")] = "",
    status: Annotated[NeighbourStatus, typer.Option()] = NeighbourStatus.UNCONFIRMED,
    started_at: Annotated[str, typer.Option(help="ISO time. Default: now.")] = "",
) -> Request:
    """Record another mechanism's activation for the same event."""
    if not unlisted:
        _check_type(framework, version, type_)
    from stemtide.protocol.messages.crises import NeighbourIn

    body = {
        "framework": framework,
        "version": version,
        "type": type_,
        "reference": reference,
        "status": status,
        "started_at": moment(started_at, option="--started-at"),
    }
    return lambda client: client.mirror_neighbour(NeighbourIn.model_validate(body), uid=crisis_id)


def _check_type(framework: str, version: str, type_: str) -> None:
    """End the command at a type that a known mechanism does not list; name those listed."""
    from stemtide.protocol.law.neighbours import mechanisms

    mechanism = mechanisms().get((framework, version))
    if mechanism is None or not mechanism.types or type_ in mechanism.types:
        return
    near = get_close_matches(type_, mechanism.types, n=1)
    hint = f": did you mean {near[0]}? It has" if near else "; it has"
    more = "" if mechanism.is_complete else "; --unlisted accepts another"
    fail(
        f"{mechanism.title} has no {type_!r}{hint} {', '.join(mechanism.types)}{more}",
        code=2,
    )
