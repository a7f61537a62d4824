# SPDX-License-Identifier: Apache-2.0
"""stemtide crisis: warn, rate, answer the checklist, close a warning. See also moves."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from stemtide.cli.hub_command import Request, hub_command
from stemtide.cli.output import fail
from stemtide.protocol.enums import AdoptionAnswer, CheckAnswer, TriageOutcome

crisis = typer.Typer(no_args_is_help=True, help="Crises: warn, decide by four eyes, take part.")

Adopt = Annotated[
    AdoptionAnswer | None,
    typer.Option(help="Which signals stay after it: pre-selected ones, all, or no more."),
]
CrisisId = Annotated[str, typer.Argument(help="The crisis id, from: stemtide crisis list.")]


def crisis_line(row: dict[str, Any]) -> str:
    """Describe a crisis on one line."""
    drill = " EXERCISE" if row["exercise"] else ""
    countries = ",".join(row["countries"])
    return f"{row['id']}  {row['stage_title']:22} {countries:10} {row['name']}{drill}"


def _details(row: dict[str, Any]) -> str:
    """Describe a crisis with its checklist, proposals, review date and similar crises."""
    lines = [crisis_line(row)]
    lines += [
        f"  {check['answer']:8} {check['test']:18} {check['question']}" for check in row["checks"]
    ]
    for proposal in row["proposals"]:
        act, state, party = proposal["act"], proposal["state"], proposal["by"]["party"]
        lines.append(f"  {act} {state}: {proposal['reason']} ({party}) {proposal['id']}")
    if (review := row["review"]) is not None:
        late = "OVERDUE: " if review["is_overdue"] else ""
        lines.append(f"  {late}to be reviewed by {review['review_due']}")
    for similar in row["alike"]:
        linked = "the same event" if similar["is_linked"] else "perhaps the same event"
        lines.append(f"  {linked}: {similar['id']} {similar['name']} ({similar['why']})")
    return "\n".join(lines)


def _rating(row: dict[str, Any]) -> str:
    """Describe a crisis with its last rating."""
    return f"{crisis_line(row)}\n  {row['triages'][-1]['explanation']}"


def _times(row: dict[str, Any]) -> str:
    """List the times of a crisis."""
    return "\n".join(f"{name.removesuffix('_at'):16} {at or '-'}" for name, at in row.items())


@hub_command(crisis, "warn", line=crisis_line)
def warn(
    name: Annotated[str, typer.Argument(help="Short description of the event.")],
    country: Annotated[list[str], typer.Option(help="ISO 3166 alpha-2 code. Can be repeated.")],
    happened_at: Annotated[str, typer.Option(help="ISO time of the event, if known.")] = "",
    framework: Annotated[
        str, typer.Option(help="Version of the protocol. Default: the newest.")
    ] = "",
    summary: Annotated[str, typer.Option(help="Known facts; no personal data.")] = "",
    event_ref: Annotated[
        list[str] | None, typer.Option(help="Name of the event elsewhere. Can be repeated.")
    ] = None,
    invite: Annotated[
        list[str] | None, typer.Option(help="Party to invite. Can be repeated.")
    ] = None,
    exercise: Annotated[bool, typer.Option("--exercise", help="Mark as an exercise.")] = False,
) -> Request:
    """Raise an early warning."""
    from stemtide.protocol.messages.crises import WarningIn

    body = {
        "name": name,
        **({"framework": framework} if framework else {}),
        "summary": summary,
        "happened_at": moment(happened_at) if happened_at else None,
        "countries": country,
        "event_refs": event_ref or [],
        "invite": invite or [],
        "exercise": exercise,
    }
    return lambda client: client.warn_of_crisis(WarningIn.model_validate(body))


def moment(text: str, *, option: str = "--happened-at") -> str:
    """Return an ISO time with its zone; UTC if it names none, now if empty."""
    if not text:
        return datetime.now(UTC).isoformat()
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{option} {text!r} is not an ISO time: write it as 2026-11-24T12:00:00Z", code=2)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).isoformat()


@hub_command(
    crisis,
    "list",
    line=crisis_line,
    empty="No crisis. Raise a warning with: stemtide crisis warn NAME --country BE",
)
def list_crises() -> Request:
    """List the crises that your party may see, latest warning first."""
    return lambda client: client.list_crises()


@hub_command(crisis, "show", line=_details)
def show(crisis_id: CrisisId) -> Request:
    """Show one crisis with its checklist, proposals and review date. Also lists similar crises."""
    return lambda client: client.read_crisis(uid=crisis_id)


@hub_command(crisis, "answer", line=crisis_line)
def answer(
    crisis_id: CrisisId,
    test: Annotated[str, typer.Argument(help="The test's name, from: stemtide crisis show.")],
    check_answer: Annotated[CheckAnswer, typer.Argument(metavar="yes|no|unknown")],
    evidence: Annotated[str, typer.Option(help="Evidence for the answer; no personal data.")] = "",
) -> Request:
    """Answer one test of the activation checklist."""
    from stemtide.protocol.messages.crises import CheckIn

    return lambda client: client.answer_check(
        CheckIn.model_validate({"answer": check_answer, "evidence": evidence}),
        uid=crisis_id,
        test=test,
    )


@hub_command(crisis, "triage", line=_rating)
def triage(
    crisis_id: CrisisId,
    harm: Annotated[int, typer.Option(help="Harm: a level of the framework's matrix.")],
    virality: Annotated[int, typer.Option(help="Virality: a level of the framework's matrix.")],
    outcome: Annotated[
        TriageOutcome | None, typer.Option(help="Outcome other than the matrix's; needs a reason.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Reason; no personal data.")] = "",
    close: Annotated[
        bool, typer.Option("--close", help="Close the warning if it is business as usual.")
    ] = False,
) -> Request:
    """Rate a warning by harm and virality. Outcome: activate, monitor, or business as usual."""
    from stemtide.protocol.messages.crises import TriageIn

    body = {"harm": harm, "virality": virality, "outcome": outcome, "reason": reason}
    return lambda client: client.triage_crisis(
        TriageIn.model_validate(body | {"close": close}), uid=crisis_id
    )


@hub_command(crisis, "measure", line=crisis_line)
def measure(
    crisis_id: CrisisId,
    country: Annotated[str, typer.Option(help="ISO 3166 alpha-2 code.")],
    considered: Annotated[str, typer.Option(help="National measure that was considered.")],
    insufficient: Annotated[str, typer.Option(help="Why it does not suffice.")],
) -> Request:
    """Record a national measure that was considered. Activation requires one."""
    from stemtide.protocol.messages.crises import MeasureIn

    return lambda client: client.consider_measure(
        MeasureIn.model_validate(
            {"country": country, "measure": considered, "insufficient": insufficient}
        ),
        uid=crisis_id,
    )


@hub_command(crisis, "widen", line=crisis_line)
def widen(
    crisis_id: CrisisId,
    country: Annotated[list[str], typer.Option(help="ISO 3166 alpha-2 code. Can be repeated.")],
) -> Request:
    """Add countries that a crisis concerns. Activation requires two."""
    from stemtide.protocol.messages.crises import CountriesIn

    return lambda client: client.widen_crisis(
        CountriesIn.model_validate({"countries": [code.upper() for code in country]}), uid=crisis_id
    )


@hub_command(crisis, "close", line=crisis_line, confirm="this closes {crisis_id} for good")
def close(
    crisis_id: CrisisId,
    reason: Annotated[str, typer.Option(help="Reason for closing; no personal data.")],
    adopt: Adopt = None,
) -> Request:
    """Close a warning that led to nothing. For an activated crisis, use: crisis propose."""
    from stemtide.protocol.messages.crises import CloseIn

    return lambda client: client.close_crisis(CloseIn(reason=reason, adopt=adopt), uid=crisis_id)


@hub_command(crisis, "clocks", line=_times)
def clocks(crisis_id: CrisisId) -> Request:
    """Show the times of a crisis, from the event to its signals."""
    return lambda client: client.read_crisis_clocks(uid=crisis_id)
