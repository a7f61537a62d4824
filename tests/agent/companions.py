# SPDX-License-Identifier: Apache-2.0
"""The cast of the companion's tests: an agent that keeps a fake HMA up."""

import secrets

from stemtide.agent.config.companion import HmaSettings
from tests.agent.fake_hub import KEY
from tests.agent.world import AgentInProcess, config_of, until

BLOCK, HOLD, CANARY = "STEMTIDE_BLOCK", "STEMTIDE_HOLD", "STEMTIDE_CANARY"


def pdq():
    return secrets.token_hex(32)


PATIENCE_S, SOON_S = 60, 1
"""How long a request may take: longer than any machine needs; short, where answers are lost, for a
doubt lasts three times as long."""


def settings(hma, **other):
    """Settings of a companion that is not slow."""
    return HmaSettings(**{"url": hma.url, "per_second": 1000, "timeout_s": PATIENCE_S, **other})


def with_companion(hub, hma, folder, *, timeout_s=PATIENCE_S, **other):
    return config_of(hub, folder, companion=settings(hma, timeout_s=timeout_s), **other)


def in_process(hub, hma, folder, *, more="", timeout_s=PATIENCE_S):
    """The same as a process, which can be killed."""
    toml = f"""
name = "uploads"
hub_url = "{hub.url}"
key = "{KEY}"
data_dir = "agent"
port = 0
heartbeat_s = 0.2
{more}
[companion]
url = "{hma.url}"
per_second = 1000
timeout_s = {timeout_s}
"""
    return AgentInProcess(folder, toml)


def until_holds(hma, bank, values, *, kind="pdq"):
    """Wait until a bank holds exactly these."""
    until(lambda: hma.values(bank, kind) == sorted(values), what=f"{bank} with {values}")


def standing(agent):
    return agent.health()["companion"] or {}


def until_quiet(agent, *, handed=None):
    """Wait until nothing waits any more; return how HMA stands.

    handed: so many it has then. Rows are counted after each round: without it, what was shared a
    moment ago may not be counted yet.
    """
    names = ("waiting", "leaving", "doubtful", "unchecked", "unmatched")

    def is_quiet():
        told = standing(agent)
        is_done = told and told["compared"] and told["handed"]
        is_done = is_done and handed in {None, told["handed"]}
        return told if is_done and not any(told[name] for name in names) else None

    return until(is_quiet, what="a quiet companion")


def until_in_doubt(agent):
    """Wait until an answer is known to be lost."""
    until(lambda: standing(agent).get("doubtful"), what="a doubt")
