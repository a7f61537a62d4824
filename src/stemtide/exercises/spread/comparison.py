# SPDX-License-Identifier: Apache-2.0
"""Compare a spread with the same spread without agents, as JSON, text and curves."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from stemtide.exercises.spread.chart import ChartLine, Panel, draw
from stemtide.exercises.spread.model import Spread, SpreadPlan

PUBLISHED = ((1_500_000.0, "published: 1.5 million"), (1_200_000.0, "published: 1.2 million"))
"""Videos removed in 24 hours, and those of them blocked at upload, at the largest service.

source: the company's statement of 17 March 2019; docs/understand/spread.md cites reports of it.
"""


def compare(plan: SpreadPlan, *, seed: int) -> dict[str, Any]:
    """Return the curves of a plan with its agents, and without, as a JSON object."""
    curves = {
        "with_agents": Spread(plan, seed).run(),
        "without": Spread(replace(plan, agents=0), seed).run(),
    }
    return {
        "exercise": True,
        "seed": seed,
        "plan": asdict(plan),
        **{name: [asdict(hour) for hour in hours] for name, hours in curves.items()},
    }


def summary(result: Mapping[str, Any]) -> str:
    """Return the result for people, in five lines."""
    plan, last, bare = result["plan"], result["with_agents"][-1], result["without"][-1]
    removed = last["largest_blocked"] + last["largest_deleted"]
    spared = 100 * (1 - last["copy_hours"] / bare["copy_hours"]) if bare["copy_hours"] else 0.0
    head = f"EXERCISE {plan['services']:,} services, {plan['agents']:,} with an agent,"
    largest = f"largest service: {removed:,} copies removed, {last['largest_blocked']:,} at upload"
    everywhere = (
        f"all services: {last['uploads']:,} uploads, {last['blocked']:,} blocked,"
        f" {last['deleted']:,} deleted, {last['visible']:,} visible at the end"
    )
    without = f"without agents: {bare['uploads']:,} uploads, {bare['visible']:,} visible at the end"
    return "\n".join(
        [
            f"{head} {plan['hours']} h, seed {result['seed']}",
            f"  {largest}; agents know {last['variants']:,} variants",
            f"  {everywhere}",
            f"  {without}",
            f"In this model agents spare {spared:.0f} % of the hours that copies are visible.",
        ]
    )


def picture(result: Mapping[str, Any]) -> str:
    """Return the curves as SVG; those of the default plan with published figures."""
    with_agents, without = result["with_agents"], result["without"]
    is_default = result["plan"] == asdict(SpreadPlan())
    return draw(
        (
            Panel(
                "Copies visible at a time, all services",
                (
                    ChartLine(
                        "without agents", [row["visible"] for row in without], is_dashed=True
                    ),
                    ChartLine("with agents", [row["visible"] for row in with_agents]),
                ),
            ),
            Panel(
                "Copies so far, at the largest service",
                (
                    ChartLine(
                        "blocked or deleted",
                        [row["largest_blocked"] + row["largest_deleted"] for row in with_agents],
                        is_dashed=True,
                    ),
                    ChartLine("blocked at upload", [row["largest_blocked"] for row in with_agents]),
                ),
                PUBLISHED if is_default else (),
            ),
        ),
        description="Curves of a simulated spread; the table beside them has the numbers",
    )
