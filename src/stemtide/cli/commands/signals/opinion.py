# SPDX-License-Identifier: Apache-2.0
"""stemtide signal agree, dispute, set-aside, restore and answer: opinions of a signal."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.commands.signals.signal import signal
from stemtide.cli.hub_command import Request, hub_command
from stemtide.cli.output import fail

if TYPE_CHECKING:
    from stemtide.protocol.enums import Opinion

SignalId = Annotated[str, typer.Argument(help="The signal's id.")]
PartyName = Annotated[str, typer.Argument(help="Name of the disputing party.")]
Reason = Annotated[str, typer.Option(help="Reason in your own words; no personal data.")]


def _line(row: dict[str, Any]) -> str:
    """Describe who confirms and disputes a signal on one line."""
    disputing = [opinion["party"] for opinion in row["opinions"] if opinion["opinion"] == "dispute"]
    return (
        f"{row['id']}  {'disputed' if row['disputed'] else 'not disputed'}"
        f"  basis {row['basis'] or 'none'}"
        f"  confirmed by: {', '.join(row['confirmed_by']) or 'nobody'}"
        f"  disputed by: {', '.join(disputing) or 'nobody'}"
    )


@hub_command(signal, "agree", line=_line)
def agree(
    signal_id: SignalId, note: Annotated[str, typer.Option(help="Note; no personal data.")] = ""
) -> Request:
    """Confirm a signal for your party."""
    from stemtide.protocol.enums import Opinion

    return _opine(signal_id, opinion=Opinion.AGREE, note=note)


@hub_command(signal, "dispute", line=_line)
def dispute(signal_id: SignalId, reason: Reason) -> Request:
    """Dispute a signal. Your agents stop acting on it at once."""
    from stemtide.protocol.enums import Opinion

    if not reason.strip():
        fail("--reason is empty: say in your own words why you dispute the signal", code=2)
    return _opine(signal_id, opinion=Opinion.DISPUTE, note=reason)


@hub_command(signal, "set-aside", line=_line)
def set_aside(signal_id: SignalId, party: PartyName, reason: Reason) -> Request:
    """Decide as an agency that a dispute does not count elsewhere."""
    from stemtide.protocol.messages.signals import SetAsideIn

    body = SetAsideIn.model_validate({"reason": reason})
    return lambda client: client.set_dispute_aside(body, uid=signal_id, party=party)


@hub_command(signal, "restore", line=_line)
def restore(signal_id: SignalId, party: PartyName) -> Request:
    """Let a dispute that was set aside count again."""
    return lambda client: client.restore_dispute(uid=signal_id, party=party)


@hub_command(signal, "answer", line=_line)
def answer(
    signal_id: SignalId,
    text: Annotated[str, typer.Argument(help="Your answer; no personal data.")],
) -> Request:
    """Answer, once, the agency that set your party's dispute aside."""
    from stemtide.protocol.messages.signals import DisputeAnswerIn

    body = DisputeAnswerIn.model_validate({"text": text})
    return lambda client: client.answer_set_aside(body, uid=signal_id)


def _opine(signal_id: str, *, opinion: "Opinion", note: str) -> Request:
    """Give your party's opinion."""
    from stemtide.protocol.messages.signals import OpinionIn

    body = OpinionIn.model_validate({"opinion": opinion, "note": note})
    return lambda client: client.give_opinion(body, uid=signal_id)
