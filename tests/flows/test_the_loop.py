# SPDX-License-Identifier: Apache-2.0
"""The loop closes: shared at the hub, blocked at every agent, results back, and undone again."""

import json
import subprocess

import httpx
import pytest

from stemtide.exercises import cast, pictures, processes, provider
from tests.flows.conftest import digest, row, until

pytestmark = pytest.mark.flow


def test_the_demo_blocks_what_it_should_and_nothing_else(tmp_path):
    done = subprocess.run(
        [processes.command(), "demo", "--once", "--json", "--folder", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    providers = 3
    # Five pictures in five variants, the film in three, the text in two, the link in another.
    known = (5 * 5 + 3 + 2 + 1) * providers
    unrelated = (3 * 2 + 2) * providers
    assert (shown["missed"], shown["false_blocks"]) == (0, 0)
    # Of the film its file, frames, sound and encode; of the text its file and passages; the link.
    assert shown["signals_shared"] == 2 * 5 + 4 + 2 + 1
    assert shown["uploads"] == known + unrelated
    assert shown["blocked"] == known
    assert shown["unrelated_passed"] == unrelated
    assert shown["agents"] == providers
    assert shown["found_later"] == shown["uploaded_before"] == 4 * providers
    all_blocked = known + shown["found_later"]
    assert shown["feedback_received"] == shown["webhooks_heard"] == all_blocked
    assert shown["ledger_entries"] > shown["signals_shared"]
    assert shown["referrals"] == {"removed": 1, "held": 1}
    assert shown["orders"] == {"executed": 1}
    assert 0 < shown["share_to_block_ms"]["p50"] <= shown["share_to_block_ms"]["p99"]
    assert "9 of 9 objectives of the scenario are met" in done.stderr
    assert len(done.stderr.splitlines()) < 35  # as quiet as ever


def test_a_withdrawal_reaches_the_agent_and_undoes_what_it_did(house):
    party = cast.PROVIDERS[0]
    agent = house.agent(party)
    value = digest()
    (shared,) = house.share([row(value)])["signals"]
    house.caught_up(agent)
    (answer,) = house.match(agent, [{"ref": "upload-7", "sha256": value}])
    assert answer["decision"]["action"] == "block"
    heard = house.receivers[party].heard
    until(lambda: heard)  # what was not heard of yet would be released without a word of it
    body = {"reason": "mistake", "note": ""}
    done = house.authority.post(f"/api/v1/signals/{shared['id']}/withdraw", json=body)
    assert done.status_code == 200
    house.caught_up(agent)
    (answer,) = house.match(agent, [{"ref": "upload-8", "sha256": value}])
    assert (answer["decision"]["action"], answer["matches"]) == (None, [])
    until(lambda: len(heard) >= 2)
    assert [(one["type"], one["data"]["ref"]) for one in heard] == [
        ("content.block", "upload-7"),
        ("content.release", "upload-7"),
    ]
    counted = "SELECT outcome, count FROM signals_sighting ORDER BY outcome"
    until(lambda: house.rows(counted) == [("blocked", 0), ("reversed", 1)])


def test_two_disputes_stop_automatic_blocking(house):
    agent = house.agent()
    value = digest()
    (shared,) = house.share([row(value)])["signals"]
    for party, stops in ((cast.PROVIDERS[1], False), (cast.PROVIDERS[2], True)):
        with house.client(party) as other:
            said = other.put(
                f"/api/v1/signals/{shared['id']}/opinion",
                json={"opinion": "dispute", "note": "news"},
            )
        assert said.json()["disputed"] is stops
    house.caught_up(agent)
    (answer,) = house.match(agent, [{"sha256": value}])
    assert answer["decision"]["action"] == "hold"


def test_an_exercise_signal_never_triggers_a_real_action(house):
    real, drill = cast.PROVIDERS[:2]
    producing = house.agent(real)
    rehearsing = house.agent(drill, extra="exercise = true")
    value = digest()
    house.share([row(value, exercise=True)])
    house.caught_up(producing)
    house.caught_up(rehearsing)
    (answer,) = house.match(producing, [{"sha256": value}])
    assert answer["matches"] == []
    (answer,) = house.match(rehearsing, [{"sha256": value}])
    assert (answer["decision"]["action"], answer["decision"]["exercise"]) == ("log", True)
    until(lambda: house.rows("SELECT outcome FROM signals_sighting"))
    assert house.rows("SELECT outcome FROM signals_sighting") == [("logged",)]
    assert house.receivers[drill].heard == []


def test_the_very_first_picture_matches_when_it_is_altered(house):
    agent = house.agent()
    house.caught_up(agent)
    blob = pictures.photographs()["chelsea.png"]
    house.share([row(pdq_of(agent, blob), kind="pdq", quality=100)])
    house.caught_up(agent)
    with httpx.Client(base_url=agent.address, timeout=60) as client:
        for alter in pictures.ALTERATIONS:
            answer = provider.upload(client, ref=alter.__name__, blob=alter(blob))
            assert answer.action == "block", alter.__name__


def pdq_of(agent, blob):
    """What the agent itself makes of a picture."""
    answer = httpx.post(
        f"{agent.address}/match", content=blob, headers={"content-type": "image/png"}, timeout=60
    )
    prints = answer.json()["items"][0]["fingerprints"]
    return next(one["value"] for one in prints if one["kind"] == "pdq")
