# SPDX-License-Identifier: Apache-2.0
"""stemtide crisis: warn, rate, answer the checklist, close a warning. See also moves."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client, to_json
from stemtide.cli.output import fail, print_note, print_result
from stemtide.protocol.enums import CheckAnswer, TriageOutcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

    from stemtide.client import Hub as Client

crisis = typer.Typer(no_args_is_help=True, help="Crises: warn, decide by four eyes, take part.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
CrisisId = Annotated[str, typer.Argument(help="The crisis id, from: stemtide crisis list.")]


@crisis.command("warn")
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
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Raise an early warning."""
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
    from stemtide.protocol.messages.crises import WarningIn

    with open_client(hub, key) as client:
        print_crisis(
            to_json(client.warn_of_crisis(WarningIn.model_validate(body))), as_json=as_json
        )


def moment(text: str, *, option: str = "--happened-at") -> str:
    """Return an ISO time with its zone; UTC if it names none, now if empty."""
    if not text:
        return datetime.now(UTC).isoformat()
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{option} {text!r} is not an ISO time: write it as 2026-11-24T12:00:00Z", code=2)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).isoformat()


@crisis.command("list")
def list_crises(hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False) -> None:
    """List the crises that your party may see, latest warning first."""
    with open_client(hub, key) as client:
        rows = to_json(client.list_crises())
    if not rows:
        print_note("No crisis. Raise a warning with: stemtide crisis warn NAME --country BE")
    for row in rows:
        print_crisis(row, as_json=as_json)


@crisis.command("show")
def show(
    crisis_id: CrisisId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Show one crisis with its checklist, proposals, review date and similar crises."""
    with open_client(hub, key) as client:
        row = to_json(client.read_crisis(uid=crisis_id))
    print_crisis(row, as_json=as_json)
    if as_json:
        return
    for check in row["checks"]:
        print(f"  {check['answer']:8} {check['test']:18} {check['question']}")
    for proposal in row["proposals"]:
        act, state, party = proposal["act"], proposal["state"], proposal["by"]["party"]
        print(f"  {act} {state}: {proposal['reason']} ({party}) {proposal['id']}")
    if (review := row["review"]) is not None:
        late = "OVERDUE: " if review["is_overdue"] else ""
        print(f"  {late}to be reviewed by {review['review_due']}")
    for similar in row["alike"]:
        linked = "the same event" if similar["is_linked"] else "perhaps the same event"
        print(f"  {linked}: {similar['id']} {similar['name']} ({similar['why']})")


@crisis.command("answer")
def answer(
    crisis_id: CrisisId,
    test: Annotated[str, typer.Argument(help="The test's name, from: stemtide crisis show.")],
    check_answer: Annotated[CheckAnswer, typer.Argument(metavar="yes|no|unknown")],
    evidence: Annotated[str, typer.Option(help="Evidence for the answer; no personal data.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Answer one test of the activation checklist."""
    body = {"answer": check_answer, "evidence": evidence}
    from stemtide.protocol.messages.crises import CheckIn

    with open_client(hub, key) as client:
        print_crisis(
            to_json(client.answer_check(CheckIn.model_validate(body), uid=crisis_id, test=test)),
            as_json=as_json,
        )


@crisis.command("triage")
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
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Rate a warning by harm and virality: activate, monitor, or business as usual."""
    body = {"harm": harm, "virality": virality, "outcome": outcome, "reason": reason}
    from stemtide.protocol.messages.crises import TriageIn

    row = do(
        lambda client: client.triage_crisis(
            TriageIn.model_validate(body | {"close": close}), uid=crisis_id
        ),
        hub=hub,
        key=key,
    )
    print_crisis(row, as_json=as_json)
    if not as_json:
        print(f"  {row['triages'][-1]['explanation']}")


@crisis.command("measure")
def measure(
    crisis_id: CrisisId,
    country: Annotated[str, typer.Option(help="ISO 3166 alpha-2 code.")],
    considered: Annotated[str, typer.Option(help="National measure that was considered.")],
    insufficient: Annotated[str, typer.Option(help="Why it does not suffice.")],
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Record a national measure that was considered. Activation requires one."""
    body = {"country": country, "measure": considered, "insufficient": insufficient}
    from stemtide.protocol.messages.crises import MeasureIn

    print_crisis(
        do(
            lambda client: client.consider_measure(MeasureIn.model_validate(body), uid=crisis_id),
            hub=hub,
            key=key,
        ),
        as_json=as_json,
    )


@crisis.command("widen")
def widen(
    crisis_id: CrisisId,
    country: Annotated[list[str], typer.Option(help="ISO 3166 alpha-2 code. Can be repeated.")],
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Add countries that a crisis concerns. Activation requires two."""
    body = {"countries": [code.upper() for code in country]}
    from stemtide.protocol.messages.crises import CountriesIn

    print_crisis(
        do(
            lambda client: client.widen_crisis(CountriesIn.model_validate(body), uid=crisis_id),
            hub=hub,
            key=key,
        ),
        as_json=as_json,
    )


@crisis.command("close")
def close(
    crisis_id: CrisisId,
    reason: Annotated[str, typer.Option(help="Reason for closing; no personal data.")],
    yes: Annotated[bool, typer.Option("--yes", help="Confirm the action.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Close a warning that led to nothing. For an activated crisis, use: crisis propose."""
    if not yes:
        fail(f"this closes {crisis_id} for good; add --yes to confirm", code=2)
    from stemtide.protocol.messages.crises import CloseIn

    print_crisis(
        do(
            lambda client: client.close_crisis(CloseIn(reason=reason), uid=crisis_id),
            hub=hub,
            key=key,
        ),
        as_json=as_json,
    )


@crisis.command("clocks")
def clocks(
    crisis_id: CrisisId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Show the times of a crisis: event, first sighting, warning, activation, signals."""
    with open_client(hub, key) as client:
        row = to_json(client.read_crisis_clocks(uid=crisis_id))
    lines = [f"{name.removesuffix('_at'):16} {at or '-'}" for name, at in row.items()]
    print_result(row, as_json=as_json, line="\n".join(lines))


def do(ask: "Callable[[Client], BaseModel]", *, hub: str, key: str) -> dict[str, Any]:
    """Send one request about a crisis and return the response."""
    with open_client(hub, key) as client:
        row: dict[str, Any] = to_json(ask(client))
    return row


def print_crisis(row: dict[str, Any], *, as_json: bool) -> None:
    """Print one crisis."""
    drill = " EXERCISE" if row["exercise"] else ""
    countries = ",".join(row["countries"])
    line = f"{row['id']}  {row['stage_title']:22} {countries:10} {row['name']}{drill}"
    print_result(row, as_json=as_json, line=line)
