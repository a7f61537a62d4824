# SPDX-License-Identifier: Apache-2.0
"""What the flood guard does to wrong signals and to outbreaks: python -m benchmarks.runaway_signal.

A hub and five agents of five providers, and made-up traffic by digests at each. A wrong signal is
the digest of a file that 12 of 100 uploads are; an outbreak is 2 of 100. For each it is counted
what became of the uploads that it matches: how many were blocked before the signal was lowered,
and how many of the outbreak were stopped, blocked or held. Each case is played twice: with the
flood guard, and without it, because every agent lifted the signal before the traffic began. A wrong
signal is also of a file that was as common before, and an outbreak also one that went on before.
"""

import argparse
import contextlib
import json
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx

from benchmarks.members import AGENCY, AUTHORITY, HOSTILE, PROVIDERS, Stage, digest

ROUNDS, UPLOADS = 20, 200
COMMON, OUTBREAK = 24, 4
"""Uploads of a round that are the common file, or the outbreak's."""
EARLIER = 20
"""Rounds of other uploads before each case, so that no agent is too small to judge a share."""

ROUND_S = 0.5


def traffic(agent: httpx.Client, value: str, matching: int) -> list[str]:
    """Upload one round; return the actions on the uploads that are the file."""
    items = [{"ref": uuid4().hex, "sha256": value} for _ in range(matching)]
    items += [{"sha256": digest(uuid4().hex)} for _ in range(UPLOADS - matching)]
    answer = agent.post("/match", json={"items": items}).json()["items"]
    return [item["decision"]["action"] or "" for item in answer[:matching]]


def everywhere(stage: Stage, value: str, matching: int) -> list[str]:
    """Upload one round at every agent; return the actions on the uploads that are the file."""
    with ThreadPoolExecutor(len(stage.agents)) as pool:
        sent = pool.map(lambda agent: traffic(agent, value, matching), stage.agents)
        return [action for actions in sent for action in actions]


@dataclass(frozen=True, slots=True)
class Case:
    """A signal and its traffic.

    matching:  uploads of a round that are the file. earlier: the same before the signal is shared.
    confirmed: who confirms the signal half-way.
    """

    name: str
    sharers: Sequence[str]
    matching: int
    earlier: int = 0
    confirmed: str = ""


CASES = (
    Case("wrong, shared by a member", [HOSTILE], COMMON),
    Case("wrong, shared by an authority", [AUTHORITY], COMMON),
    Case("wrong, by an authority, common before", [AUTHORITY], COMMON, earlier=COMMON),
    Case("outbreak, shared by an authority", [AUTHORITY], OUTBREAK),
    Case("outbreak, by an authority, hours late", [AUTHORITY], OUTBREAK, earlier=OUTBREAK),
    Case("outbreak, shared by two providers", PROVIDERS[:2], OUTBREAK),
    Case(
        "outbreak, one provider, confirmed late",
        PROVIDERS[:1],
        OUTBREAK,
        confirmed=PROVIDERS[1],
    ),
)


def begin(stage: Stage, value: str, case: Case, *, is_guarded: bool) -> list[str]:
    """Send earlier uploads, then share a digest; without the guard lift it at once."""
    stage.settle()
    for _ in range(EARLIER):
        everywhere(stage, value, case.earlier)
    row = {"kind": "sha256", "value": value}
    uids = [stage.share(stage.hub[sharer][0], [row])[0] for sharer in case.sharers]
    stage.settle()
    for agent in () if is_guarded else stage.agents:
        for uid in uids:
            agent.post(f"/runaways/{uid}/lift").raise_for_status()
    return uids


def play(stage: Stage, case: Case, *, is_guarded: bool) -> dict[str, object]:
    """Share a digest, send the traffic and count; confirm it half-way if somebody does."""
    value = digest(f"{case.name}, {is_guarded}")
    uids = begin(stage, value, case, is_guarded=is_guarded)
    counts = {"case": case.name, "guard": is_guarded, "uploads": 0, "block": 0, "hold": 0}
    for number in range(ROUNDS):
        if case.confirmed and number == ROUNDS // 2:
            path = f"/api/v1/signals/{uids[0]}/opinion"
            stage.hub[case.confirmed][0].put(path, json={"opinion": "agree"}).raise_for_status()
            stage.settle()
            time.sleep(2.5)
        actions = everywhere(stage, value, case.matching)
        counts["uploads"] += len(actions)
        for action in ("block", "hold"):
            counts[action] += actions.count(action)
        counts["blocked in the last round"] = actions.count("block")
        time.sleep(ROUND_S)
    marks = stage.hub[AGENCY][0].get("/api/v1/runaways", params={"signal": uids[0]}).json()
    counts["everywhere"] = "lowered" if marks and marks[0]["lowered"] else ""
    counts["reported by"] = marks[0]["reporting"] if marks else 0
    return counts


def main() -> None:
    """Play on a new hub and print one object a line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", default="", help="only cases whose names contain this")
    only = parser.parse_args().case
    with tempfile.TemporaryDirectory(prefix="stemtide-") as folder, contextlib.ExitStack() as stack:
        stage = Stage(Path(folder), stack)
        for case in CASES:
            for is_guarded in (False, True) if only in case.name else ():
                print(json.dumps(play(stage, case, is_guarded=is_guarded)), flush=True)


if __name__ == "__main__":
    main()
