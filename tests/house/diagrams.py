# SPDX-License-Identifier: Apache-2.0
"""Pages of docs made from what data decides: python -m tests.house.diagrams."""

import re
from pathlib import Path

from stemtide.hub.rooms.crises.rules.moves import PROPOSING
from stemtide.hub.rooms.crises.rules.participants import JOINING
from stemtide.protocol.law.frameworks import Framework, frameworks
from stemtide.protocol.law.machines import Machine, machines
from stemtide.protocol.law.neighbours import mechanisms
from stemtide.protocol.law.triage import triages

PAGE = Path(__file__).parents[2] / "docs/understand/frameworks.md"
MACHINES = PAGE.with_name("machines.md")
START, END = "<!-- made from data: {} -->", "<!-- end of {} -->"


def diagram(lines):
    return "\n".join(["```mermaid", "stateDiagram-v2", *(f"    {one}" for one in lines), "```"])


def table(head, rows):
    return "\n".join(
        ["| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows]]
    )


def stages(framework: Framework) -> str:
    rows = [
        [
            f"`{one.name}`",
            one.title,
            "yes" if one.is_open else "until its tail ends" if one.tail_days else "no",
            ", ".join(f"`{move}`" for move in one.moves) or "nowhere",
            ", ".join(f"`{move}`" for move in one.two_people) or "none",
            _due(one),
        ]
        for one in framework.stages.values()
    ]
    head = ["stage", "title", "takes signals", "moves to", "of these, two people for", "due"]
    moves = [
        f"{one.name} --> {move}{': two people' if move in one.two_people else ''}"
        for one in framework.stages.values()
        for move in one.moves
    ]
    ends = [f"[*] --> {framework.first_stage}", *moves, f"{framework.ended_stage} --> [*]"]
    facts = (
        f"Agreed: {framework.agreed_on}. Countries needed for activation: "
        f"{framework.needs_countries}. National measures needed: {framework.needs_measures}. "
        f"A proposal runs out after {framework.proposal_h} hours. Leads: "
        f"{', '.join(framework.leads)}. Activated together by: {_pairs(framework)}. An emergency "
        f"activation ends after {framework.activation.emergency_h} hours without a second party."
    )
    thoughts = [
        f"- {one.title}: {prompt}" for one in framework.stages.values() for prompt in one.prompts
    ]
    parts = [f"### `{framework.name}`: {framework.title}", facts, table(head, rows)]
    return "\n\n".join(
        [*parts, diagram(ends), "What people are asked to think of:", "\n".join(thoughts)]
    )


def _pairs(framework):
    return " or ".join(
        f"two {first[:-1]}ies of two Member States" if first == second else f"{first} and {second}"
        for first, second in framework.activation.pairs
    )


def _due(stage):
    if stage.prompt_after_h:
        return f"prompt after {stage.prompt_after_h} h, review after {stage.review_after_h} h"
    return f"ends after {stage.tail_days} days" if stage.tail_days is not None else "nothing"


def joining() -> str:
    moves = [
        f"{_state(before)} --> {after}: {verb}"
        for verb, (froms, after) in JOINING.items()
        for before in sorted(froms, key=str)
    ]
    return diagram(moves)


def _state(state):
    return "[*]" if state is None else str(state)


def proposal() -> str:
    return diagram(
        ["[*] --> open: propose", *(f"open --> {to}: {v}" for v, to in PROPOSING.items())]
    )


def triage() -> str:
    parts = []
    for one in triages().values():
        head = [one.name, *(f"{number}: {words}" for number, words in enumerate(one.virality))]
        rows = [
            [f"{number}: {words}", *(str(cell) for cell in one.matrix[number])]
            for number, words in enumerate(one.harm)
        ]
        because = [f"- `{outcome}`: {words}" for outcome, words in one.because.items()]
        parts += [f"Source: {one.source}.", table(head, rows), "\n".join(because)]
    return "\n\n".join(parts)


def neighbours() -> str:
    rows = [
        [
            f"`{one.framework}`",
            f"`{one.version}`",
            one.title,
            ", ".join(f"`{kind}`" for kind in one.types) or "as its state names it",
            "yes" if one.is_complete else "no",
        ]
        for one in mechanisms().values()
    ]
    return table(["mechanism", "version", "title", "types", "no others"], rows)


def parts() -> dict[str, str]:
    """Every part by name."""
    return {
        "stages": "\n\n".join(stages(frameworks()[name]) for name in sorted(frameworks())),
        "triage": triage(),
        "joining": joining(),
        "proposal": proposal(),
        "neighbours": neighbours(),
    }


def machine(one: Machine) -> str:
    """One machine: where it comes from, its moves as a table and as a diagram."""
    rows = [
        [
            f"`{move.name}`",
            ", ".join(f"`{state}`" for state in move.source),
            f"`{move.target}`",
            ", ".join(move.by),
        ]
        for move in one.moves.values()
    ]
    lines = [
        f"[*] --> {one.first}",
        *(
            f"{state} --> {move.target}: {move.title}"
            for move in one.moves.values()
            for state in move.source
        ),
        *(f"{state.name} --> [*]" for state in one.states.values() if state.is_end),
    ]
    parts = [f"## `{one.name}`: {one.title}", f"Source: {one.source}." if one.source else ""]
    parts += [table(["move", "from", "to", "by"], rows), diagram(lines)]
    return "\n\n".join(part for part in parts if part)


def machines_page() -> str:
    """The page of machines with its part made anew."""
    made = "\n\n".join(machine(one) for one in machines().values()) or "There are none yet."
    return _filled(MACHINES, {"machines": made})


def page() -> str:
    """The page of frameworks with its parts made anew."""
    return _filled(PAGE, parts())


def _filled(page: Path, parts: dict[str, str]) -> str:
    told = page.read_text("utf-8")
    for name, made in parts.items():
        start, end = START.format(name), END.format(name)
        found = re.compile(f"{re.escape(start)}\n.*?\n{re.escape(end)}", re.DOTALL)
        assert found.search(told), f"{page.name} has no place for {name}: {start}"
        told = found.sub(lambda _, m=made, s=start, e=end: f"{s}\n\n{m}\n\n{e}", told)
    return told


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    MACHINES.write_text(machines_page(), "utf-8")
    print(f"{PAGE.name} and {MACHINES.name} say what the data says")
