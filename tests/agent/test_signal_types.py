# SPDX-License-Identifier: Apache-2.0
"""Signals of another package's type at the agent: matched with it, skipped and named without it."""

from stemtide.fingerprints.external.installed import installed_types
from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.sandbox.pool import Sandbox
from tests.agent.world import agent_of, sha256
from tests.signal_types import MISSING, folder, install, value_of

__all__ = ["folder"]  # a fixture
KNOWN = b"content that the authority shares"


def share(hub, packed):
    return hub.share(packed.hex(), kind="external", labels=["manifesto"])


def test_an_upload_matches_a_signal_of_the_packages_type(hub, config, folder):
    install(folder)
    found = installed_types()["example.mean"]
    (vector,) = found.vectors
    signal = share(hub, value_of(found, vector.near[0]))
    with Sandbox() as sandbox, agent_of(config, sandbox) as agent:
        agent.wait(position=1)
        (match,) = agent.match(vector.content)["matches"]
        assert (match["kind"], match["signal"]) == ("external", str(signal.id))
        types = agent.health()["signal_types"]
        assert types == {"installed": {"example.mean": "1"}, "skipped": {}}
        hub.withdraw(signal)
        agent.wait(position=2)
        assert agent.match(vector.content)["matches"] == []


def test_an_agent_without_the_package_skips_its_signals_and_follows_the_feed(hub, config, sandbox):
    share(hub, MISSING)
    hub.share(sha256(KNOWN))
    with agent_of(config, sandbox) as agent:
        agent.wait(position=2, healthy=True)
        health = agent.health()
        assert health["signal_types"]["skipped"] == {"vendor.missing": 1}
        assert (health["skipped"], health["signals"][Kind.EXTERNAL]) == (0, 1)
        assert agent.ask({"sha256": sha256(KNOWN)})[0]["decision"]["action"] == "block"
