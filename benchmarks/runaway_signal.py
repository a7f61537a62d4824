# SPDX-License-Identifier: Apache-2.0
"""What the flood guard does to wrong signals and to outbreaks: python -m benchmarks.runaway_signal.

A hub and five agents of five providers, and made-up traffic by digests at each. A wrong signal is
the digest of a file that 12 of 100 uploads are; an outbreak is 2 of 100. For each it is counted
what became of the uploads that it matches: how many were blocked before the signal was lowered,
and how many of the outbreak were stopped, blocked or held. Each case is played twice: with the
flood guard, and without it, because every agent lifted the signal before the traffic began.
"""

import argparse
import contextlib
import hashlib
import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx

from benchmarks.hostile_member import AGENCY, AUTHORITY, HOSTILE, PROVIDERS, Stage

ROUNDS, UPLOADS = 20, 200
COMMON, OUTBREAK = 24, 4
"""Uploads of a round that are the common file, or the outbreak's."""
EARLIER = 20
"""Rounds of other uploads before each case, so that no agent is too small to judge a share."""

ROUND_S = 0.5


def digest(content: str) -> str:
    """Return the SHA-256 of a made-up file."""
    return hashlib.sha256(content.encode()).hexdigest()


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


def begin(stage: Stage, value: str, sharers: list[str], *, is_guarded: bool) -> list[str]:
    """Send other uploads, then share a digest; without the guard lift it before it matches."""
    for _ in range(EARLIER):
        everywhere(stage, value, 0)
    row = {"kind": "sha256", "value": value}
    uids = [stage.share(stage.hub[sharer][0], [row])[0] for sharer in sharers]
    stage.settle()
    for agent in () if is_guarded else stage.agents:
        for uid in uids:
            agent.post(f"/runaways/{uid}/lift").raise_for_status()
    return uids


def play(
    stage: Stage,
    name: str,
    sharers: list[str],
    matching: int,
    confirmed: str = "",
    *,
    is_guarded: bool,
) -> dict[str, object]:
    """Share a digest, send the traffic and count; confirm it half-way if somebody does."""
    value = digest(f"{name}, {is_guarded}")
    uids = begin(stage, value, sharers, is_guarded=is_guarded)
    counts = {"case": name, "guard": is_guarded, "uploads": 0, "block": 0, "hold": 0}
    for number in range(ROUNDS):
        if confirmed and number == ROUNDS // 2:
            path = f"/api/v1/signals/{uids[0]}/opinion"
            stage.hub[confirmed][0].put(path, json={"opinion": "agree"}).raise_for_status()
            stage.settle()
            time.sleep(2.5)
        actions = everywhere(stage, value, matching)
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
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    with tempfile.TemporaryDirectory(prefix="stemtide-") as folder, contextlib.ExitStack() as stack:
        stage = Stage(Path(folder), stack)
        for case in (
            ("wrong, shared by a member", [HOSTILE], COMMON),
            ("wrong, shared by an authority", [AUTHORITY], COMMON),
            ("outbreak, shared by an authority", [AUTHORITY], OUTBREAK),
            ("outbreak, shared by two providers", list(PROVIDERS[:2]), OUTBREAK),
            ("outbreak, one provider, confirmed late", [PROVIDERS[0]], OUTBREAK, PROVIDERS[1]),
        ):
            for is_guarded in (False, True):
                print(json.dumps(play(stage, *case, is_guarded=is_guarded)), flush=True)


if __name__ == "__main__":
    main()
