# SPDX-License-Identifier: Apache-2.0
"""A provider tries a policy on what its running agent decided, and runs it in shadow meanwhile."""

import httpx
import pytest

from stemtide.exercises import cast
from tests.cli.conftest import run
from tests.flows.conftest import digest, row, until

pytestmark = pytest.mark.flow

NEXT = """[[policy.rules]]
name = "one member is enough"
action = "block"
min_parties = 1
"""


def test_what_a_shadow_says_is_what_trying_it_says_and_nothing_was_done(house):
    party, other = cast.PROVIDERS[:2]
    folder = house.folder / party
    folder.mkdir()
    (folder / "next.toml").write_text(NEXT)
    agent = house.agent(party, extra='[policy.shadow]\nfile = "next.toml"')
    sure, alone = digest(), digest()
    house.share([row(sure)])
    with house.client(other) as provider:
        shared = provider.post("/api/v1/signals", json=row(alone))
        assert shared.status_code == 201, shared.text
    house.caught_up(agent)
    uploads = [sure, alone, *(digest() for _ in range(38))]
    answers = house.match(
        agent, [{"ref": f"post-{n}", "sha256": value} for n, value in enumerate(uploads)]
    )
    assert [answer["decision"]["action"] for answer in answers[:3]] == ["block", "hold", None]
    in_shadow = [answer["decision"]["shadow"][0]["action"] for answer in answers[:3]]
    assert in_shadow == ["block", "block", None]

    tried = run("agent", "policy", "try", folder / "next.toml", "--json", "--config",
                folder / "agent.toml")  # fmt: skip
    numbers, difference = tried.rows
    assert (numbers["lookups"], numbers["would"]) == (40, {"block": 2})
    assert (difference["ref"], difference["done"], difference["would"]) == (
        *("post-1", "hold"),
        "block",
    )
    counted = httpx.get(f"{agent.address}/metrics", timeout=60).text
    differing = 'shadow_decisions_total{action="block",done="hold",shadow="policy"} 1.0'
    assert f"stemtide_agent_{differing}" in counted
    heard = house.receivers[party].heard
    until(lambda: len(heard) == 2)
    assert {one["data"]["ref"]: one["type"] for one in heard} == {
        "post-0": "content.block",
        "post-1": "content.hold",
    }
