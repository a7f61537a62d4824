# SPDX-License-Identifier: Apache-2.0
import json
from uuid import uuid4

import pytest

from stemtide.fingerprints.text import sketch
from stemtide.protocol.feed import SnapshotHead, SnapshotTail
from tests.agent.world import agent_of, sha256, until

KNOWN = sha256(b"content that the authority shares")


def snapshot(hub, *lines, position=1):
    """A snapshot whose head says what no honest hub would."""
    head = SnapshotHead.model_construct(hub=hub.id, position=position).model_dump_json(
        warnings=False
    )
    tail = SnapshotTail(signals=len(lines)).model_dump_json()
    return "".join(f"{line}\n" for line in [head, *lines, tail]).encode()


def told(agent, said):
    """Wait until the agent says what is wrong with its hub."""
    until(lambda: said in agent.health()["troubles"].get("hub", ""), what=said)


@pytest.mark.parametrize("position", [-5, 2**63, 2**70])
def test_a_position_that_cannot_be_leaves_the_agent_neither_deaf_nor_torn(
    hub, config, sandbox, position
):
    signal = hub.share(KNOWN)
    hub.answers["/snapshot"] = snapshot(hub, signal.model_dump_json(), position=position)
    with agent_of(config, sandbox) as agent:
        told(agent, "its snapshot is torn")
        hub.answers.clear()
        agent.wait(ready=True, hub_reachable=True, position=1)
        page = {
            "hub": str(hub.id),
            "entries": [],
            "next": position,
            "head": position,
            "more": False,
        }
        hub.answers["/feed"] = json.dumps(page).encode()
        hub.share(sha256(b"another"))
        until(lambda: not agent.health()["hub_reachable"] or agent.health()["position"] != 1)
        hub.answers.clear()
        agent.wait(hub_reachable=True, position=2)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["[" * 100_000], "a line is not JSON"),
        (['{"op": 1},{"op": 2}'], "a line is not JSON"),
        (["x" * 2_000_000], "a line without an end"),
    ],
)
def test_a_snapshot_that_is_none_is_said_and_asked_for_again(hub, config, sandbox, lines, said):
    hub.share(KNOWN)
    hub.answers["/snapshot"] = snapshot(hub, *lines)
    with agent_of(config, sandbox) as agent:
        told(agent, said)
        hub.answers.clear()
        agent.wait(ready=True, position=1)


def test_two_signals_on_one_line_are_a_torn_snapshot(hub, config, sandbox):
    one, two = hub.share(KNOWN), hub.share(sha256(b"another"))
    hub.answers["/snapshot"] = snapshot(hub, f"{one.model_dump_json()},{two.model_dump_json()}")
    with agent_of(config, sandbox) as agent:
        told(agent, "a line is not JSON")


def test_a_page_without_an_end_is_cut_off(hub, config, sandbox):
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        hub.answers["/feed"] = b" " * (65 * 1024 * 1024)
        hub.share(KNOWN)
        told(agent, "sent more than 67108864 bytes")
        hub.answers.clear()
        agent.wait(hub_reachable=True, position=1)


def test_an_answer_about_another_report_is_no_acknowledgement(hub, config, sandbox):
    hub.share(KNOWN)
    other = {"report": str(uuid4()), "counted": 1, "is_repeat": False, "rejected": []}
    hub.answers["/outcomes"] = json.dumps(other).encode()
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, position=1)
        agent.ask({"sha256": KNOWN})
        until(lambda: hub.asked["/outcomes"] >= 2)
        asked = hub.asked["/feed"]
        until(lambda: hub.asked["/feed"] > asked or hub.asked["/outcomes"] > 20)
        assert hub.asked["/outcomes"] <= 20
        hub.answers.clear()
        agent.wait(outbox=0)
    assert sum(hub.outcomes.values()) == 1


@pytest.mark.parametrize(
    "blank",
    [("sha256", sha256(b"")), ("pdq", "00" * 32), ("text", sketch("").to_bytes().hex())],
)
@pytest.mark.parametrize("way", ["feed", "snapshot"])
def test_what_everybody_has_is_taken_from_no_hub(hub, config, sandbox, way, blank):
    kind, value = blank
    hub.share(KNOWN)
    if way == "snapshot":
        hub.share(value, kind=kind)
    with agent_of(config, sandbox) as agent:
        if way == "feed":
            agent.wait(ready=True)
            hub.share(value, kind=kind)
        health = agent.wait(position=2)
        assert (sum(health["signals"].values()), health["skipped"]) == (1, 1)
