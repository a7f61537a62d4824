# SPDX-License-Identifier: Apache-2.0
"""Shared at a real hub, in the bank of a provider's HMA; withdrawn there, gone from it."""

import secrets

import httpx
import pytest

from stemtide.exercises import cast
from tests.agent.fake_hma import FakeHma
from tests.flows.conftest import row, until

pytestmark = pytest.mark.flow

BLOCK, HOLD = "STEMTIDE_BLOCK", "STEMTIDE_HOLD"


@pytest.fixture
def hma():
    hma = FakeHma().start()
    yield hma
    hma.stop()


def test_what_a_hub_says_comes_to_hma_and_what_hma_matched_comes_to_the_hub(house, hma):
    extra = f'[companion]\nurl = "{hma.url}"\ntimeout_s = 60\n'
    party = cast.PROVIDERS[0]
    agent = house.agent(party, extra=extra)
    value = secrets.token_hex(32)
    (shared,) = house.share([row(value, kind="pdq", quality=100)])["signals"]
    until(lambda: hma.values(BLOCK) == [value])
    until(lambda: (house.health(agent)["companion"] or {}).get("handed") == 4)  # ids are known

    asked = {"signal": value, "signal_type": "pdq"}
    found = httpx.get(f"{hma.url}/m/lookup", params=asked, timeout=60).json()
    sent = {"items": [{"ref": "post-1", "lookup": found}]}
    told = httpx.post(f"{agent.address}/companion/matches", json=sent, timeout=60).json()
    assert told["items"][0]["decision"]["action"] == "block"
    until(lambda: house.rows("SELECT outcome FROM signals_sighting"))
    heard = house.receivers[party].heard
    until(lambda: heard)  # what was not heard of yet would be released without a word of it

    hma.stop()  # away while the authority takes it back
    body = {"reason": "mistake", "note": ""}
    done = house.authority.post(f"/api/v1/signals/{shared['id']}/withdraw", json=body)
    assert done.status_code == 200
    house.caught_up(agent)
    agent.kill()  # and the agent dies before it can tell
    hma.start()
    assert hma.values(BLOCK) == [value]
    house.agents[party] = agent.start()
    until(lambda: hma.values(BLOCK) == [])
    until(lambda: heard[1:])  # once, or twice where it was killed before it noted the first
    told = [one["type"] for one in heard]
    assert (told[0], set(told[1:])) == ("content.block", {"content.release"})
    until(lambda: house.rows("SELECT outcome FROM signals_sighting")[1:])
