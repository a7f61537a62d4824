# SPDX-License-Identifier: Apache-2.0
"""stemtide complaint: links for uploaders, a provider's queue, and redress requests."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client, to_json
from stemtide.cli.output import print_note, print_result
from stemtide.protocol.enums.complaints import (
    ComplaintBasis,
    ComplaintFinding,
    Exemption,
    Restriction,
)

complaint = typer.Typer(no_args_is_help=True, help="Complaints of uploaders, and redress requests.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
ComplaintId = Annotated[
    str, typer.Argument(help="The complaint's id, from: stemtide complaint list.")
]
AskedId = Annotated[str, typer.Argument(help="The request's id, from: stemtide complaint asked.")]
Reference = Annotated[str, typer.Argument(help="Your reference of the decision; no personal data.")]
Ground = Annotated[str, typer.Option(help="Id of the signal, referral or order.")]
Reviewer = Annotated[str, typer.Option(help="Reviewer, as named in your tools.")]


def _decision(reference: str, **facts: object) -> dict[str, object]:
    """Return the fields of a decision; acted_at defaults to now."""
    fields: dict[str, object] = {
        name: value for name, value in facts.items() if value not in ("", None)
    }
    fields.setdefault("acted_at", datetime.now(UTC).isoformat())
    return {"reference": reference, **fields}


@complaint.command("link")
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
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Create a link to complain about one decision, for its statement of reasons."""
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
    from stemtide.protocol.messages.complaints import ComplaintLinkIn

    with open_client(hub, key) as client:
        link = to_json(client.make_complaint_link(ComplaintLinkIn.model_validate(body)))
    print_result(link, as_json=as_json, line=link["link"])
    print_note(f"It is valid until {link['expires_at']}.")


@complaint.command("file")
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
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """File a complaint that reached you another way. Give its code to the complainant."""
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
    from stemtide.protocol.messages.complaints import ComplaintIn

    with open_client(hub, key) as client:
        response = to_json(client.file_complaint(ComplaintIn.model_validate(body)))
    row = response["complaint"]
    print_result(
        response, as_json=as_json, line=f"{row['id']}  {row['number']}  code {response['code']}"
    )


@complaint.command("list")
def list_complaints(
    waiting: Annotated[bool, typer.Option("--open", help="Only open ones.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """List complaints about your decisions, open ones first."""
    with open_client(hub, key) as client:
        rows = to_json(client.list_complaints(open=True if waiting else None))
    if not rows:
        print_note("No complaint.")
    for row in rows:
        _print_row(row, as_json=as_json)


@complaint.command("show")
def show(
    complaint_id: ComplaintId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Show one complaint with its text."""
    with open_client(hub, key) as client:
        row = to_json(client.read_complaint(uid=complaint_id))
    _print_row(row, as_json=as_json)
    if not as_json:
        print_result(row, as_json=False, line=row["text"] or "Its text was erased.")


@complaint.command("take")
def take(
    complaint_id: ComplaintId,
    reviewer: Reviewer,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Set the reviewer of a complaint."""
    from stemtide.protocol.messages.complaints import ComplaintTakeIn

    with open_client(hub, key) as client:
        body = {"reviewed_by": reviewer}
        _print_row(
            to_json(client.take_complaint(ComplaintTakeIn.model_validate(body), uid=complaint_id)),
            as_json=as_json,
        )


@complaint.command("uphold")
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
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Uphold a complaint. With --finding ground the signal is withdrawn, or disputed."""
    body = {
        "is_upheld": True,
        "finding": finding,
        "exemption": exemption,
        "reasons": reasons,
        "note": note,
        "reviewed_by": reviewer,
    }
    from stemtide.protocol.messages.complaints import ComplaintOutcomeIn

    with open_client(hub, key) as client:
        done = to_json(
            client.decide_complaint(ComplaintOutcomeIn.model_validate(body), uid=complaint_id)
        )
    _print_row(done, as_json=as_json)


@complaint.command("reject")
def reject(
    complaint_id: ComplaintId,
    reasons: Annotated[str, typer.Argument(help="Reasons, for the complainant.")],
    reviewer: Reviewer,
    note: Annotated[str, typer.Option(help="Doubts, for the issuer of a removal order.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Reject a complaint, with reasons."""
    body = {
        "is_upheld": False,
        "exemption": Exemption.NONE,
        "reasons": reasons,
        "note": note,
        "reviewed_by": reviewer,
    }
    from stemtide.protocol.messages.complaints import ComplaintOutcomeIn

    with open_client(hub, key) as client:
        done = to_json(
            client.decide_complaint(ComplaintOutcomeIn.model_validate(body), uid=complaint_id)
        )
    _print_row(done, as_json=as_json)


@complaint.command("accept")
def accept(
    complaint_id: ComplaintId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Accept the reason why a signal was kept, and withdraw your dispute."""
    with open_client(hub, key) as client:
        done = to_json(client.accept_answer(uid=complaint_id))
    _print_row(done, as_json=as_json)


@complaint.command("asked")
def asked(hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False) -> None:
    """List redress requests to your party from decided complaints."""
    with open_client(hub, key) as client:
        rows = to_json(client.list_redress())
    if not rows:
        print_note("No redress request to your party.")
    for row in rows:
        _print_request(row, as_json=as_json)


@complaint.command("keep")
def keep(
    asked_id: AskedId,
    reason: Annotated[str, typer.Argument(help="Reason to keep it.")],
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Refuse a redress request: keep the signal, referral or order, and give the reason."""
    from stemtide.protocol.messages.complaints import RedressIn

    with open_client(hub, key) as client:
        body = {"keep": True, "reason": reason}
        done = to_json(client.answer_redress(RedressIn.model_validate(body), uid=asked_id))
    _print_request(done, as_json=as_json)


@complaint.command("grant")
def grant(
    asked_id: AskedId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Grant a redress request: withdraw the item, so that every agent undoes its actions."""
    from stemtide.protocol.messages.complaints import RedressIn

    with open_client(hub, key) as client:
        done = to_json(client.answer_redress(RedressIn(keep=False), uid=asked_id))
    _print_request(done, as_json=as_json)


def _print_row(row: dict[str, Any], *, as_json: bool) -> None:
    """Print one complaint, without its text."""
    drill = " EXERCISE" if row["exercise"] else ""
    measure = f"{row['measure']} because of {row['basis']}"
    line = (
        f"{row['id']}  {row['number']}  {row['state']:10} due {row['due_at']}"
        f"  {row['reference']}: {measure}{drill}"
    )
    print_result(row, as_json=as_json, line=line)


def _print_request(row: dict[str, Any], *, as_json: bool) -> None:
    """Print one redress request."""
    line = (
        f"{row['id']}  {row['state']:10} {row['basis']} {row['ground']}"
        f"  {row['provider']}: {row['note']}"
    )
    print_result(row, as_json=as_json, line=line)
