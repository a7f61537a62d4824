# SPDX-License-Identifier: Apache-2.0
"""stemtide complaint: links for uploaders, a provider's queue, and redress requests."""

from datetime import UTC, datetime
from operator import itemgetter
from typing import Annotated, Any

import typer

from stemtide.cli.hub_command import Request, hub_command
from stemtide.protocol.enums.complaints import (
    ComplaintBasis,
    ComplaintFinding,
    Exemption,
    Restriction,
)

complaint = typer.Typer(no_args_is_help=True, help="Complaints of uploaders, and redress requests.")

ComplaintId = Annotated[
    str, typer.Argument(help="The complaint's id, from: stemtide complaint list.")
]
AskedId = Annotated[str, typer.Argument(help="The request's id, from: stemtide complaint asked.")]
Reference = Annotated[str, typer.Argument(help="Your reference of the decision; no personal data.")]
Ground = Annotated[str, typer.Option(help="Id of the signal, referral or order.")]
Reviewer = Annotated[str, typer.Option(help="Reviewer, as named in your tools.")]


def _complaint_line(row: dict[str, Any]) -> str:
    """Describe a complaint on one line, without its text."""
    drill = " EXERCISE" if row["exercise"] else ""
    measure = f"{row['measure']} because of {row['basis']}"
    return (
        f"{row['id']}  {row['number']}  {row['state']:10} due {row['due_at']}"
        f"  {row['reference']}: {measure}{drill}"
    )


def _whole_complaint(row: dict[str, Any]) -> str:
    """Describe a complaint with its text."""
    return f"{_complaint_line(row)}\n{row['text'] or 'Its text was erased.'}"


def _filed_line(row: dict[str, Any]) -> str:
    """Describe a new complaint on one line, with the complainant's code."""
    filed = row["complaint"]
    return f"{filed['id']}  {filed['number']}  code {row['code']}"


def _request_line(row: dict[str, Any]) -> str:
    """Describe a redress request on one line."""
    return (
        f"{row['id']}  {row['state']:10} {row['basis']} {row['ground']}"
        f"  {row['provider']}: {row['note']}"
    )


def _decision(reference: str, **facts: object) -> dict[str, object]:
    """Return the fields of a decision; acted_at defaults to now."""
    fields: dict[str, object] = {
        name: value for name, value in facts.items() if value not in ("", None)
    }
    fields.setdefault("acted_at", datetime.now(UTC).isoformat())
    return {"reference": reference, **fields}


@hub_command(complaint, "link", line=itemgetter("link"), note="It is valid until {expires_at}.")
def make_link(
    reference: Reference,
    measure: Annotated[Restriction, typer.Option(help="Restriction that you imposed.")],
    basis: Annotated[
        ComplaintBasis, typer.Option(help="Basis of the decision.")
    ] = ComplaintBasis.OWN,
    ground: Ground = "",
    acted_at: Annotated[str, typer.Option(help="Time with UTC offset. Default: now.")] = "",
    acted_by: Annotated[str, typer.Option(help="Who decided, as named in your tools.")] = "",
    automatic: Annotated[
        bool, typer.Option("--automatic", help="The decision was automated.")
    ] = False,
    exercise: Annotated[bool, typer.Option("--exercise", help="Mark as an exercise.")] = False,
) -> Request:
    """Create a complaint link for the statement of reasons of a decision."""
    from stemtide.protocol.messages.complaints import ComplaintLinkIn

    body = _decision(
        reference,
        measure=measure,
        basis=basis,
        ground=ground,
        acted_at=acted_at,
        acted_by=acted_by,
        is_automatic=automatic,
        exercise=exercise,
    )
    return lambda client: client.make_complaint_link(ComplaintLinkIn.model_validate(body))


@hub_command(complaint, "file", line=_filed_line)
def file(
    reference: Reference,
    text: Annotated[str, typer.Argument(help="Text of the complaint.")],
    measure: Annotated[Restriction, typer.Option(help="Restriction that you imposed.")],
    basis: Annotated[
        ComplaintBasis, typer.Option(help="Basis of the decision.")
    ] = ComplaintBasis.OWN,
    ground: Ground = "",
    acted_at: Annotated[str, typer.Option(help="Time with UTC offset. Default: now.")] = "",
    acted_by: Annotated[str, typer.Option(help="Who decided, as named in your tools.")] = "",
    language: Annotated[str, typer.Option(help="Language tag, such as en.")] = "en",
    exercise: Annotated[bool, typer.Option("--exercise", help="Mark as an exercise.")] = False,
) -> Request:
    """File a complaint that reached you another way. Give its code to the complainant."""
    from stemtide.protocol.messages.complaints import ComplaintIn

    body = _decision(
        reference,
        measure=measure,
        basis=basis,
        ground=ground,
        acted_at=acted_at,
        acted_by=acted_by,
        exercise=exercise,
        text=text,
        language=language,
    )
    return lambda client: client.file_complaint(ComplaintIn.model_validate(body))


@hub_command(complaint, "list", line=_complaint_line, empty="No complaint.")
def list_complaints(
    waiting: Annotated[bool, typer.Option("--open", help="Only open ones.")] = False,
) -> Request:
    """List complaints about your decisions, open ones first."""
    return lambda client: client.list_complaints(open=True if waiting else None)


@hub_command(complaint, "show", line=_whole_complaint)
def show(complaint_id: ComplaintId) -> Request:
    """Show one complaint with its text."""
    return lambda client: client.read_complaint(uid=complaint_id)


@hub_command(complaint, "take", line=_complaint_line)
def take(complaint_id: ComplaintId, reviewer: Reviewer) -> Request:
    """Set the reviewer of a complaint."""
    from stemtide.protocol.messages.complaints import ComplaintTakeIn

    return lambda client: client.take_complaint(
        ComplaintTakeIn.model_validate({"reviewed_by": reviewer}), uid=complaint_id
    )


@hub_command(complaint, "uphold", line=_complaint_line)
def uphold(
    complaint_id: ComplaintId,
    reasons: Annotated[str, typer.Argument(help="Reasons, for the complainant.")],
    reviewer: Reviewer,
    finding: Annotated[
        ComplaintFinding, typer.Option(help="The error in the decision.")
    ] = ComplaintFinding.CONTENT,
    exemption: Annotated[
        Exemption, typer.Option(help="Context that makes the content lawful.")
    ] = Exemption.NONE,
    note: Annotated[str, typer.Option(help="Note for the party that requested the action.")] = "",
) -> Request:
    """Uphold a complaint. With --finding ground the signal is withdrawn, or disputed."""
    from stemtide.protocol.messages.complaints import ComplaintOutcomeIn

    body = {
        "is_upheld": True,
        "finding": finding,
        "exemption": exemption,
        "reasons": reasons,
        "note": note,
        "reviewed_by": reviewer,
    }
    return lambda client: client.decide_complaint(
        ComplaintOutcomeIn.model_validate(body), uid=complaint_id
    )


@hub_command(complaint, "reject", line=_complaint_line)
def reject(
    complaint_id: ComplaintId,
    reasons: Annotated[str, typer.Argument(help="Reasons, for the complainant.")],
    reviewer: Reviewer,
    note: Annotated[str, typer.Option(help="Doubts, for the issuer of a removal order.")] = "",
) -> Request:
    """Reject a complaint, with reasons."""
    from stemtide.protocol.messages.complaints import ComplaintOutcomeIn

    body = {
        "is_upheld": False,
        "exemption": Exemption.NONE,
        "reasons": reasons,
        "note": note,
        "reviewed_by": reviewer,
    }
    return lambda client: client.decide_complaint(
        ComplaintOutcomeIn.model_validate(body), uid=complaint_id
    )


@hub_command(complaint, "accept", line=_complaint_line)
def accept(complaint_id: ComplaintId) -> Request:
    """Accept the reason why a signal was kept, and withdraw your dispute."""
    return lambda client: client.accept_answer(uid=complaint_id)


@hub_command(complaint, "asked", line=_request_line, empty="No redress request to your party.")
def requests() -> Request:
    """List redress requests to your party from decided complaints."""
    return lambda client: client.list_redress()


@hub_command(complaint, "keep", line=_request_line)
def keep(
    asked_id: AskedId, reason: Annotated[str, typer.Argument(help="Reason to keep it.")]
) -> Request:
    """Refuse a redress request, with the reason. The signal, referral or order stays."""
    from stemtide.protocol.messages.complaints import RedressIn

    return lambda client: client.answer_redress(
        RedressIn.model_validate({"keep": True, "reason": reason}), uid=asked_id
    )


@hub_command(complaint, "grant", line=_request_line)
def grant(asked_id: AskedId) -> Request:
    """Grant a redress request: withdraw the item. Every agent then undoes its actions."""
    from stemtide.protocol.messages.complaints import RedressIn

    return lambda client: client.answer_redress(RedressIn(keep=False), uid=asked_id)
