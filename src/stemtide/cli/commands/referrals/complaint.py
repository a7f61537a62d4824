# SPDX-License-Identifier: Apache-2.0
"""stemtide complaint: links for uploaders, the queue of a provider, and what is asked of others."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, asking, plain
from stemtide.cli.output import give, tell
from stemtide.protocol.enums.complaints import (
    ComplaintBasis,
    ComplaintFinding,
    Exemption,
    Restriction,
)

complaint = typer.Typer(no_args_is_help=True, help="Complaints of uploaders, and redress.")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
ComplaintId = Annotated[str, typer.Argument(help="Its id, from: stemtide complaint list.")]
AskedId = Annotated[str, typer.Argument(help="Its id, from: stemtide complaint asked.")]
Reference = Annotated[
    str, typer.Argument(help="Your own name of the decision; nothing about a person.")
]
Ground = Annotated[str, typer.Option(help="Id of the signal, referral or order.")]
Reviewer = Annotated[str, typer.Option(help="Who reviews, as your own tools name them.")]


def _decision(reference: str, **facts: object) -> dict[str, object]:
    """A decision as it travels; acted_at is now where nothing is said."""
    said: dict[str, object] = {name: one for name, one in facts.items() if one not in ("", None)}
    said.setdefault("acted_at", datetime.now(UTC).isoformat())
    return {"reference": reference, **said}


@complaint.command("link")
def make_link(
    reference: Reference,
    measure: Annotated[Restriction, typer.Option(help="What you did.")],
    basis: Annotated[ComplaintBasis, typer.Option(help="What it rests on.")] = ComplaintBasis.OWN,
    ground: Ground = "",
    acted_at: Annotated[str, typer.Option(help="When, with its zone; empty: now.")] = "",
    acted_by: Annotated[str, typer.Option(help="Who decided, as your tools name them.")] = "",
    automatic: Annotated[
        bool, typer.Option("--automatic", help="No person looked before it was done.")
    ] = False,
    exercise: Annotated[bool, typer.Option("--exercise", help="Mark it as exercise.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Make a link for the statement of reasons of one decision."""
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

    with asking(hub, key) as client:
        made = plain(client.make_complaint_link(ComplaintLinkIn.model_validate(body)))
    give(made, as_json=as_json, line=made["link"])
    tell(f"It opens until {made['expires_at']}.")


@complaint.command("file")
def file(
    reference: Reference,
    text: Annotated[str, typer.Argument(help="What the uploader says.")],
    measure: Annotated[Restriction, typer.Option(help="What you did.")],
    basis: Annotated[ComplaintBasis, typer.Option(help="What it rests on.")] = ComplaintBasis.OWN,
    ground: Ground = "",
    acted_at: Annotated[str, typer.Option(help="When, with its zone; empty: now.")] = "",
    acted_by: Annotated[str, typer.Option(help="Who decided, as your tools name them.")] = "",
    language: Annotated[str, typer.Option(help="The tag of its language.")] = "en",
    exercise: Annotated[bool, typer.Option("--exercise", help="Mark it as exercise.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """File a complaint that reached you in your own way. Give its code to whoever complained."""
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

    with asking(hub, key) as client:
        made = plain(client.file_complaint(ComplaintIn.model_validate(body)))
    found = made["complaint"]
    give(made, as_json=as_json, line=f"{found['id']}  {found['number']}  code {made['code']}")


@complaint.command("list")
def list_complaints(
    waiting: Annotated[bool, typer.Option("--open", help="Only those that wait.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """List complaints about your decisions: those that wait first."""
    with asking(hub, key) as client:
        rows = plain(client.list_complaints(open=True if waiting else None))
    if not rows:
        tell("There is no complaint.")
    for row in rows:
        _tell(row, as_json=as_json)


@complaint.command("show")
def show(
    complaint_id: ComplaintId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Read one complaint, with what was written."""
    with asking(hub, key) as client:
        row = plain(client.read_complaint(uid=complaint_id))
    _tell(row, as_json=as_json)
    if not as_json:
        give(row, as_json=False, line=row["text"] or "Its words are erased.")


@complaint.command("take")
def take(
    complaint_id: ComplaintId,
    reviewer: Reviewer,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Say who reviews a complaint."""
    from stemtide.protocol.messages.complaints import ComplaintTakeIn

    with asking(hub, key) as client:
        body = {"reviewed_by": reviewer}
        _tell(
            plain(client.take_complaint(ComplaintTakeIn.model_validate(body), uid=complaint_id)),
            as_json=as_json,
        )


@complaint.command("uphold")
def uphold(
    complaint_id: ComplaintId,
    reasons: Annotated[str, typer.Argument(help="For whoever complained.")],
    reviewer: Reviewer,
    finding: Annotated[
        ComplaintFinding, typer.Option(help="What was wrong.")
    ] = ComplaintFinding.CONTENT,
    exemption: Annotated[
        Exemption, typer.Option(help="The context that makes it lawful.")
    ] = Exemption.NONE,
    note: Annotated[str, typer.Option(help="For whoever asked for it.")] = "",
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

    with asking(hub, key) as client:
        done = plain(
            client.decide_complaint(ComplaintOutcomeIn.model_validate(body), uid=complaint_id)
        )
    _tell(done, as_json=as_json)


@complaint.command("reject")
def reject(
    complaint_id: ComplaintId,
    reasons: Annotated[str, typer.Argument(help="For whoever complained.")],
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

    with asking(hub, key) as client:
        done = plain(
            client.decide_complaint(ComplaintOutcomeIn.model_validate(body), uid=complaint_id)
        )
    _tell(done, as_json=as_json)


@complaint.command("accept")
def accept(
    complaint_id: ComplaintId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Accept why a signal was kept: your dispute is taken back."""
    with asking(hub, key) as client:
        done = plain(client.accept_answer(uid=complaint_id))
    _tell(done, as_json=as_json)


@complaint.command("asked")
def asked(hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False) -> None:
    """List what decided complaints ask of you."""
    with asking(hub, key) as client:
        rows = plain(client.list_redress())
    if not rows:
        tell("Nothing is asked of your party.")
    for row in rows:
        _tell_asked(row, as_json=as_json)


@complaint.command("keep")
def keep(
    asked_id: AskedId,
    reason: Annotated[str, typer.Argument(help="Why it stays as it is.")],
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Keep what you shared or asked for, and say why."""
    from stemtide.protocol.messages.complaints import RedressIn

    with asking(hub, key) as client:
        body = {"keep": True, "reason": reason}
        done = plain(client.answer_redress(RedressIn.model_validate(body), uid=asked_id))
    _tell_asked(done, as_json=as_json)


@complaint.command("grant")
def grant(
    asked_id: AskedId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Take back what you shared or asked for: every agent undoes what it did because of it."""
    from stemtide.protocol.messages.complaints import RedressIn

    with asking(hub, key) as client:
        done = plain(client.answer_redress(RedressIn(keep=False), uid=asked_id))
    _tell_asked(done, as_json=as_json)


def _tell(row: dict[str, Any], *, as_json: bool) -> None:
    """Hand out one complaint, without its words."""
    drill = " EXERCISE" if row["exercise"] else ""
    what = f"{row['measure']} because of {row['basis']}"
    line = (
        f"{row['id']}  {row['number']}  {row['state']:10} due {row['due_at']}"
        f"  {row['reference']}: {what}{drill}"
    )
    give(row, as_json=as_json, line=line)


def _tell_asked(row: dict[str, Any], *, as_json: bool) -> None:
    """Hand out one thing that is asked."""
    line = (
        f"{row['id']}  {row['state']:10} {row['basis']} {row['ground']}"
        f"  {row['provider']}: {row['note']}"
    )
    give(row, as_json=as_json, line=line)
