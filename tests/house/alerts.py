# SPDX-License-Identifier: Apache-2.0
"""The table and the diagram of alerts, made from their rules: python -m tests.house.alerts."""

import re
from pathlib import Path

from stemtide.hub.rooms.alerts.rules.alerts import MOVES, Channel, DeliveryState
from stemtide.hub.rooms.alerts.rules.kinds import EVERY_KIND
from stemtide.hub.rooms.alerts.rules.rows import Addressees

DOCS = Path(__file__).parents[2] / "docs"
USE, UNDERSTAND = DOCS / "use/alerts.md", DOCS / "understand/alerts.md"
TABLE = (
    "| alert | raised by | told to | urgency | ways | waits for an answer |\n"
    "|---|---|---|---|---|---|\n"
)
TOLD = {
    Addressees.WARNED: "agencies; authorities of the countries named",
    Addressees.CONCERNED: "authorities of the countries added",
    Addressees.INVITED: "the party addressed",
    Addressees.CONFIRMERS: "authorities and agencies in the room",
    Addressees.ROOM: "those in the room",
    Addressees.LEADERS: "authorities and agencies in the room",
    Addressees.ADDRESSED: "those it is addressed or passed on to",
    Addressees.SHARER: "who shared the signal",
    Addressees.RESPONSIBLE: "its sharer, agencies, and those in its crisis who may see it",
    Addressees.READERS: "those in the room who may see the signal",
    Addressees.COUNTERPARTS: "agencies; who opened the crisis",
    Addressees.OWNER: "the party itself; agencies",
    Addressees.COLLEAGUES: "a second person of the party, or who else may confirm it",
    Addressees.LOOKERS: "the nearest parties that may give the second look",
    Addressees.SIDES: "both sides of the request",
    Addressees.AGENCIES: "agencies",
}


def table() -> str:
    """What raises alerts, as a table."""
    rows = []
    for kind, rule in EVERY_KIND.items():
        on = ", ".join(f"`{one}`" for one in sorted(rule.on))
        held = rule.opinion or rule.answer or rule.look
        on += f" ({held})" if held else ""
        ways = ", ".join(one for one in Channel if one in rule.channels)
        waits = "yes" if rule.escalates else "no"
        by = on or ("a contact drill" if kind == "drill" else "the clock")
        rows.append(f"| `{kind}` | {by} | {TOLD[rule.who]} | {rule.urgency} | {ways} | {waits} |\n")
    return TABLE + "".join(rows)


def diagram() -> str:
    """How a delivery moves, as a diagram."""
    lines = [
        "```mermaid",
        "stateDiagram-v2",
        "    [*] --> queued: the alert is raised, or a step asked",
    ]
    for state, moves in MOVES.items():
        lines += [f"    {state} --> {to}: {why}" for to, why in moves.items()]
        lines += [] if moves else [f"    {state} --> [*]"]
    return "\n".join([*lines, "```\n"])


def put() -> None:
    """Write both into their pages."""
    page = USE.read_text("utf-8")
    USE.write_text(
        re.sub(re.escape(TABLE) + r"(\|.*\n|TABLE\n)*", lambda _: table(), page), "utf-8"
    )
    page = UNDERSTAND.read_text("utf-8")
    drawn = re.sub(r"```mermaid\n.*?```\n|DIAGRAM\n", lambda _: diagram(), page, flags=re.DOTALL)
    UNDERSTAND.write_text(drawn, "utf-8")


if __name__ == "__main__":
    put()
    print(f"{len(EVERY_KIND)} kinds of alert, {len(DeliveryState)} states of a delivery")
