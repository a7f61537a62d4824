# SPDX-License-Identifier: Apache-2.0
"""stemtide dispute: all open disputes of a party, which an agency sets aside at once."""

from typing import Annotated, Any

import typer

from stemtide.cli.hub_command import Request, hub_command

dispute = typer.Typer(
    no_args_is_help=True, help="All open disputes of a party, set aside at once by an agency."
)

_Party = Annotated[str, typer.Argument(help="Name of the disputing party.")]
_Id = Annotated[str, typer.Argument(help="The decision's id, from: stemtide dispute list.")]


def _count_line(row: dict[str, Any]) -> str:
    """Describe the open disputes of a party and its group on one line."""
    parts = [f"{part['party']} {part['count']}" for part in row["parties"]]
    return f"{row['count']} open disputes  {', '.join(parts) or 'of nobody'}"


def _line(row: dict[str, Any]) -> str:
    """Describe a decision on one line."""
    parts = [f"{part['party']} {part['count']}" for part in row["parties"]]
    state = "taken back" if row["restored_at"] else "set aside"
    answers = [part["party"] for part in row["parties"] if part["answered_at"]]
    answered = f"  answered by: {', '.join(answers)}" if answers else ""
    return f"{row['id']}  {state}  {', '.join(parts)}  by {row['by']}{answered}"


@hub_command(dispute, "count", line=_count_line)
def count(party: _Party) -> Request:
    """Count the open disputes of a party and of its group."""
    return lambda client: client.count_disputes(name=party)


@hub_command(dispute, "set-aside", line=_line)
def set_aside(
    party: _Party,
    count: Annotated[int, typer.Option(help="The count that you saw. Another one is refused.")],
    reason: Annotated[str, typer.Option(help="Reason in your own words; no personal data.")],
) -> Request:
    """Decide as an agency that none of them counts at others."""
    from stemtide.protocol.trust.disputes import DismissIn

    body = DismissIn.model_validate({"count": count, "reason": reason})
    return lambda client: client.set_disputes_aside(body, name=party)


@hub_command(dispute, "list", line=_line, empty="No disputes were set aside together.")
def list_dismissals(
    party: Annotated[str, typer.Option(help="Only decisions on this party's disputes.")] = "",
) -> Request:
    """List the decisions: agencies see all, others their own."""
    return lambda client: client.list_dismissals(party=party or None)


@hub_command(dispute, "restore", line=_line)
def restore(decision_id: _Id) -> Request:
    """Take a decision back as an agency. The disputes count again."""
    return lambda client: client.restore_disputes(uid=decision_id)


@hub_command(dispute, "answer", line=_line)
def answer(
    decision_id: _Id,
    text: Annotated[str, typer.Argument(help="Your answer; no personal data.")],
) -> Request:
    """Answer, once, the agency that set your party's disputes aside."""
    from stemtide.protocol.trust.disputes import DismissalAnswerIn

    body = DismissalAnswerIn.model_validate({"text": text})
    return lambda client: client.answer_dismissal(body, uid=decision_id)
