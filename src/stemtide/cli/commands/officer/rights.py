# SPDX-License-Identifier: Apache-2.0
"""stemtide rights: requests of data subjects that a party received."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from stemtide.cli.hub_command import Request, hub_command
from stemtide.protocol.enums.rights import DataLaw, DataRight, ExtensionReason, RightsOutcome

rights = typer.Typer(no_args_is_help=True, help="Requests of data subjects.")

RequestId = Annotated[str, typer.Argument(help="The request's id, from: stemtide rights list.")]
Day = Annotated[str, typer.Option(help="Day, such as 2026-11-24. Default: today.")]


def _request_line(row: dict[str, Any]) -> str:
    """Describe a request on one line."""
    drill = " EXERCISE" if row["exercise"] else ""
    late = " OVERDUE" if row["is_overdue"] else ""
    ended = row["outcome"] or row["state"]
    reference = row["reference"] or "(erased)"
    return f"{row['id']}  {reference}  {row['right']}  {ended}  due {row['due_at']}{late}{drill}"


def _page_lines(page: dict[str, Any]) -> str:
    """Describe requests, one on each line, and how many wait."""
    lines = [_request_line(row) for row in page["requests"]]
    return "\n".join([*lines, f"{page['open']} open, {page['overdue']} overdue"])


def _day(day: str) -> str:
    """Return a day; today if none is given."""
    return day or datetime.now(UTC).date().isoformat()


@hub_command(rights, "list", line=_page_lines)
def list_requests(
    waiting: Annotated[bool, typer.Option("--open", help="Only open ones.")] = False,
    after: Annotated[str, typer.Option(help="Id of the last request of the page before.")] = "",
) -> Request:
    """List requests to your party, by due time."""
    return lambda client: client.list_rights_requests(
        open=True if waiting else None, after=after or None
    )


@hub_command(rights, "note", line=_request_line)
def note(
    reference: Annotated[str, typer.Argument(help="Number of your own file; no name.")],
    right: Annotated[DataRight, typer.Argument(help="Right that the person uses.")],
    received_on: Day = "",
    law: Annotated[
        DataLaw | None, typer.Option(help="Law. Default: that of your kind of party.")
    ] = None,
    exercise: Annotated[bool, typer.Option("--exercise", help="Mark as an exercise.")] = False,
) -> Request:
    """Note a request that reached your party."""
    from stemtide.protocol.law.rights.messages import RightsRequestIn

    body = {
        "reference": reference,
        "right": right,
        "received_on": _day(received_on),
        "law": law,
        "exercise": exercise,
    }
    return lambda client: client.note_rights_request(RightsRequestIn.model_validate(body))


@hub_command(rights, "extend", line=_request_line)
def extend(
    request_id: RequestId,
    reason: Annotated[ExtensionReason, typer.Argument(help="Reason that the person was told.")],
    informed_on: Day = "",
) -> Request:
    """Take more time, once the person was told why."""
    from stemtide.protocol.law.rights.messages import RightsExtensionIn

    body = {"reason": reason, "informed_on": _day(informed_on)}
    return lambda client: client.extend_rights_request(
        RightsExtensionIn.model_validate(body), uid=request_id
    )


@hub_command(rights, "answer", line=_request_line)
def answer(
    request_id: RequestId,
    outcome: Annotated[RightsOutcome, typer.Argument(help="How it was answered.")],
    answered_on: Day = "",
) -> Request:
    """Note how a request was answered, and when."""
    from stemtide.protocol.law.rights.messages import RightsAnswerIn

    body = {"outcome": outcome, "answered_on": _day(answered_on)}
    return lambda client: client.answer_rights_request(
        RightsAnswerIn.model_validate(body), uid=request_id
    )


@hub_command(rights, "withdraw", line=_request_line)
def withdraw(request_id: RequestId) -> Request:
    """Note that the person withdrew the request."""
    return lambda client: client.withdraw_rights_request(uid=request_id)
