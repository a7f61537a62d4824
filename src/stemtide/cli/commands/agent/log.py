# SPDX-License-Identifier: Apache-2.0
"""stemtide agent log: the hub's transparency log as an agent checks it."""

from typing import Annotated, Any

import typer

from stemtide.cli.commands.agent.requests import AgentAddress, AgentToken, ask
from stemtide.cli.output import AsJson, fail, print_note, print_result

log = typer.Typer(no_args_is_help=True, help="The hub's transparency log as the agent checks it.")


@log.command("show")
def show(agent: AgentAddress, token: AgentToken = "", as_json: AsJson = False) -> None:
    """Show the head that was checked last, and whether the feed is proved.

    It exits with 1 if there is an alarm.
    """
    row = ask("GET", agent, "/log", token=token)
    head, alarm = row["head"], row["alarm"]
    line = "The agent has checked no head of the hub's log yet."
    if head:
        line = f"{head['origin']}: {head['size']} leaves, checked at {row['checked_at']}"
    print_result(row, as_json=as_json, line=f"{line}\n{_proofs_line(row['proofs'])}")
    if alarm is None:
        _fail_unproved(row["proofs"], as_json=as_json)
        return
    if not as_json:
        _print_alarm(alarm)
    fail("keep this output: both heads are signed, and only one of them can be right")


@log.command("accept")
def accept(
    size: Annotated[int, typer.Argument(help="Leaves of the new head, as `log show` prints them.")],
    root: Annotated[str, typer.Argument(help="Root of the new head, in base64.")],
    agent: AgentAddress,
    token: AgentToken = "",
    as_json: AsJson = False,
) -> None:
    """Go on from the new head of an alarm.

    Compare both heads before. The agent applies new entries again, and cosigns what continues
    this head.
    """
    row = ask("POST", agent, "/log/accept", token=token, sent={"size": size, "root": root})
    print_result(row, as_json=as_json, line=f"The agent goes on from {row['head']['size']} leaves.")


@log.command("settle")
def settle(agent: AgentAddress, token: AgentToken = "", as_json: AsJson = False) -> None:
    """End an alarm about proofs, after you have looked into it.

    Entries without proof stay applied. Signals that were switched off stay so, until somebody
    switches them on at the review page or by DELETE /switched-off.
    """
    row = ask("POST", agent, "/log/settle", token=token)
    print_result(row, as_json=as_json, line=_proofs_line(row["proofs"]))


def _proofs_line(proofs: dict[str, Any]) -> str:
    """Return whether the feed is proved, in words."""
    if proofs["state"] == "off":
        return "The feed is not proved: the setting witness is false."
    if proofs["state"] == "older":
        return "The feed is not proved: the hub is older, or has no log yet."
    if proofs["state"] == "none":
        return f"The feed is not proved yet: {proofs['waiting']} entries wait."
    since = f"since entry {proofs['from_entry']} of {proofs['from_at']}"
    return f"The feed is proved {since}; {proofs['waiting']} entries wait."


def _fail_unproved(proofs: dict[str, Any], *, as_json: bool) -> None:
    """End with an error if there is an alarm about proofs."""
    if proofs["alarm"] is None:
        return
    for proof in proofs["wrong"] if not as_json else ():
        print_note(f"Signal {proof['signal']}, entry {proof['entry']}:")
        print_note(f"  the feed: {proof['applied']}")
        print_note(f"  the log:  {proof['logged']}")
    fail(proofs["alarm"])


def _print_alarm(alarm: dict[str, Any]) -> None:
    """Print an alarm with both heads."""
    print_note(f"ALARM since {alarm['noticed_at']}: {alarm['text']}")
    for title, head in (("Before", alarm["kept"]), ("Now", alarm["shown"])):
        print_note(f"{title}: {head['size']} leaves, root {head['root']}, of {head['origin']}")
    shown = alarm["shown"]
    print_note(
        "Compare them with the hub's operator and with another member. To go on from the new one:"
        f" stemtide agent log accept {shown['size']} {shown['root']} --agent …"
    )
