# SPDX-License-Identifier: Apache-2.0
"""stemtide crisis: warn, answer the checklist, activate, close."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from stemtide.cli.speech import fail, give, tell
from stemtide.cli.wire import DEFAULT_HUB, Hub, Key, checked, hub_client
from stemtide.protocol.words import CheckAnswer

crisis = typer.Typer(no_args_is_help=True, help="Crises: warn, answer, activate, close.")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
CrisisId = Annotated[str, typer.Argument(help="The crisis' id, from: stemtide crisis list.")]


@crisis.command("warn")
def warn(
    name: Annotated[str, typer.Argument(help="What happened, in a few words.")],
    country: Annotated[list[str], typer.Option(help="ISO 3166 alpha-2 code; several allowed.")],
    happened_at: Annotated[str, typer.Option(help="ISO time of the event; now if left out.")] = "",
    framework: Annotated[str, typer.Option(help="Version of the protocol.")] = "eucp-2023",
    summary: Annotated[str, typer.Option(help="What is known; no personal data.")] = "",
    exercise: Annotated[bool, typer.Option("--exercise", help="Mark it as exercise.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Raise an early warning."""
    body = {
        "name": name,
        "framework": framework,
        "summary": summary,
        "happened_at": _moment(happened_at),
        "countries": country,
        "exercise": exercise,
    }
    with hub_client(hub, key) as client:
        _tell(checked(client.post("/api/v1/crises", json=body)), as_json=as_json)


def _moment(text: str) -> str:
    """The moment that an ISO time names; UTC where it names no zone."""
    if not text:
        return datetime.now(UTC).isoformat()
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        fail(f"--happened-at {text!r} is not understood: write 2026-11-24T12:00:00Z", code=2)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).isoformat()


@crisis.command("list")
def list_crises(hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False) -> None:
    """List the crises that your party may see, latest warning first."""
    with hub_client(hub, key) as client:
        rows = checked(client.get("/api/v1/crises"))
    if not rows:
        tell("No crisis. Raise a warning with: stemtide crisis warn NAME --country BE")
    for row in rows:
        _tell(row, as_json=as_json)


@crisis.command("show")
def show(
    crisis_id: CrisisId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Show one crisis with its checklist."""
    with hub_client(hub, key) as client:
        row = checked(client.get(f"/api/v1/crises/{crisis_id}"))
    _tell(row, as_json=as_json)
    if not as_json:
        for one in row["checks"]:
            print(f"  {one['answer']:8} {one['test']:18} {one['question']}")


@crisis.command("answer")
def answer(
    crisis_id: CrisisId,
    test: Annotated[str, typer.Argument(help="The test's name, from: stemtide crisis show.")],
    said: Annotated[CheckAnswer, typer.Argument(metavar="yes|no|unknown")],
    evidence: Annotated[str, typer.Option(help="What it rests on; no personal data.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Answer one test of the activation checklist."""
    body = {"answer": said, "evidence": evidence}
    with hub_client(hub, key) as client:
        url = f"/api/v1/crises/{crisis_id}/checks/{test}"
        _tell(checked(client.put(url, json=body)), as_json=as_json)


@crisis.command("activate")
def activate(
    crisis_id: CrisisId,
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Activate the protocol. All six tests must be answered yes."""
    if not yes:
        fail(f"this activates the protocol for {crisis_id}; say --yes to do it", code=2)
    with hub_client(hub, key) as client:
        _tell(checked(client.post(f"/api/v1/crises/{crisis_id}/activate")), as_json=as_json)


@crisis.command("close")
def close(
    crisis_id: CrisisId,
    reason: Annotated[str, typer.Option(help="Why it ends; no personal data.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Close a crisis. Its signals stay; it takes no new ones."""
    if not yes:
        fail(f"this closes {crisis_id}, and a closed one stays closed; say --yes", code=2)
    with hub_client(hub, key) as client:
        url = f"/api/v1/crises/{crisis_id}/close"
        _tell(checked(client.post(url, json={"reason": reason})), as_json=as_json)


def _tell(row: dict[str, Any], *, as_json: bool) -> None:
    """Hand out one crisis."""
    drill = " EXERCISE" if row["exercise"] else ""
    countries = ",".join(row["countries"])
    line = f"{row['id']}  {row['stage_title']:22} {countries:10} {row['name']}{drill}"
    give(row, as_json=as_json, line=line)
