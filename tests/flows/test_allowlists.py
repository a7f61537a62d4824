# SPDX-License-Identifier: Apache-2.0
"""The allow-list from the hub to a real agent: content is only logged while it is listed."""

import pytest

from stemtide.exercises import cast
from tests.flows.conftest import digest, row, until

pytestmark = pytest.mark.flow


def test_an_entry_reaches_the_agent_and_so_does_its_removal(house):
    agent = house.agent()
    picture, file = digest(), digest()
    house.share([row(picture, kind="pdq", quality=100)])
    house.caught_up(agent)
    prints = [
        {"kind": "pdq", "value": picture, "quality": 100},
        {"kind": "sha256", "value": file},
    ]

    def action():
        (answer,) = house.match(agent, [{"fingerprints": prints}])
        return answer["decision"]["action"]

    assert action() == "block"
    entry = {"kind": "sha256", "value": file, "source": "Newsroom", "reason": "a logo"}
    with house.client(cast.COORDINATOR) as agency:
        added = agency.post("/api/v1/allowlist", json={"entries": [entry]})
        assert added.status_code == 201, added.text
        until(lambda: action() == "log")
        waits = house.authority.post("/api/v1/signals", json=row(file)).json()
        assert waits["state"] == "waiting"
        assert "allow-list" in str(waits["waiting_for"])
        (uid,) = added.json()["ids"]
        until(lambda: agency.get(f"/api/v1/allowlist/{uid}").json()["matches"])
        agency.post(f"/api/v1/allowlist/{uid}/remove", json={"reason": "it was wrong"})
        until(lambda: action() == "block")
