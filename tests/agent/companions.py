# SPDX-License-Identifier: Apache-2.0
"""The cast of the companion's tests: an agent that keeps a fake HMA up."""

import secrets

from stemtide.agent.companion_settings import Companion
from tests.agent.fake_hub import KEY
from tests.agent.world import AgentInProcess, config_of, until

BLOCK, HOLD, CANARY = "STEMTIDE_BLOCK", "STEMTIDE_HOLD", "STEMTIDE_CANARY"


def pdq():
    return secrets.token_hex(32)


def settings(hma, **other):
    """Settings of a companion that is not slow, and gives up soon."""
    return Companion(**{"url": hma.url, "per_second": 1000, "timeout_s": 0.5, **other})


def with_companion(hub, hma, folder, **other):
    return config_of(hub, folder, companion=settings(hma), **other)


def in_process(hub, hma, folder, *, more="", companion=""):
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
timeout_s = 0.5
{companion}
"""
    return AgentInProcess(folder, toml)


def until_holds(hma, bank, values, *, kind="pdq"):
    """Wait until a bank holds exactly these."""
    until(lambda: hma.values(bank, kind) == sorted(values), what=f"{bank} with {values}")


def standing(agent):
    return agent.health()["companion"] or {}


def until_quiet(agent):
    """Wait until nothing waits any more; return how HMA stands."""
    names = ("waiting", "leaving", "doubtful", "unchecked", "unmatched")

    def is_quiet():
        told = standing(agent)
        is_done = told and told["compared"] and told["handed"]
        return told if is_done and not any(told[name] for name in names) else None

    return until(is_quiet, what="a quiet companion")
