# SPDX-License-Identifier: Apache-2.0
"""What a provider's HMA matched comes back: decided, acted upon, counted and undone as our own."""

import json

import httpx
import pytest

from stemtide.agent.config.companion import HmaSettings
from tests.agent.companions import BLOCK, CANARY, HOLD, pdq, standing, until_holds, with_companion
from tests.agent.fake_hma import FakeHma
from tests.agent.world import agent_of, config_of, until
from tests.rounds import rounds


@pytest.fixture
def hma():
    hma = FakeHma().start()
    yield hma
    hma.stop()


@pytest.fixture
def config(hub, hma, tmp_path):
    return with_companion(hub, hma, tmp_path, max_items=3)


def ask_hma(hma, value, kind="pdq"):
    """What the platform's own code asks, and what it is told."""
    asked = {"signal": value, "signal_type": kind}
    return httpx.get(f"{hma.url}/m/lookup", params=asked, timeout=60).json()


def tell(agent, *items):
    return agent.http.post("/companion/matches", json={"items": items})


def altered(value, bits):
    """A hash so many bits away."""
    return f"{int(value, 16) ^ ((1 << bits) - 1):064x}"


def shared(hub, hma, agent, **other):
    signal = hub.share(pdq(), kind="pdq", **other)
    until(lambda: signal.value in hma.values(BLOCK) + hma.values(HOLD))
    until(lambda: standing(agent).get("handed") == len(hma.contents))  # its id is written down
    return signal


def test_what_hma_matched_is_blocked_reported_and_undone(hub, hma, agent, config):
    signal = shared(hub, hma, agent)
    lookup = ask_hma(hma, altered(signal.value, 6))
    (told,) = tell(agent, {"ref": "post-1", "lookup": lookup}).json()["items"]
    assert (told["ref"], told["decision"]["action"]) == ("post-1", "block")
    (match,) = told["matches"]
    assert (match["signal"], match["distance_bits"]) == (str(signal.id), 6)
    until(lambda: hub.outcomes[str(signal.id), "blocked"])
    hub.withdraw(signal)
    until(lambda: len(config.actions_path.read_text().splitlines()) == 2)
    done = [json.loads(one) for one in config.actions_path.read_text().splitlines()]
    assert [one["type"] for one in done] == ["content.block", "content.release"]
    assert done[0]["data"]["found_by"] == "hma"


@pytest.mark.nightly
def test_the_answer_by_signal_type_is_taken_as_well(hub, hma, agent):
    signal = shared(hub, hma, agent)
    lookup = {"pdq": ask_hma(hma, signal.value), "video_md5": {}}
    (told,) = tell(agent, {"ref": "post-1", "lookup": lookup, "language": "fr"}).json()["items"]
    assert told["decision"]["action"] == "block"


def test_the_policy_decides_and_not_the_bank(hub, hma, agent):
    signal = shared(hub, hma, agent)
    lookup = ask_hma(hma, signal.value)
    hub.dispute(signal)  # whoever asked HMA a moment ago still has the bank of blocks in hand
    agent.wait_position(hub.head)
    until_holds(hma, HOLD, [signal.value])
    ids = "SELECT content FROM banked WHERE bank = ? AND content IS NOT NULL"
    until(lambda: agent._store.read(ids, (HOLD,)))  # its id is written down
    (told,) = tell(agent, {"ref": "post-1", "lookup": ask_hma(hma, signal.value)}).json()["items"]
    assert told["decision"]["action"] == "hold"
    assert lookup != ask_hma(hma, signal.value)


def test_a_withdrawn_content_leads_to_nothing_and_says_so(hub, hma, agent):
    signal = shared(hub, hma, agent)
    lookup = ask_hma(hma, signal.value)
    hub.withdraw(signal)
    agent.wait_position(hub.head)
    (told,) = tell(agent, {"ref": "post-1", "lookup": lookup}).json()["items"]
    assert told["decision"]["action"] is None
    assert "is of no signal that stands" in told["remarks"][0]


def test_a_match_that_is_too_far_for_its_signal_is_none(hub, hma, agent):
    signal = shared(hub, hma, agent, within_bits=10)
    lookup = ask_hma(hma, altered(signal.value, 20))
    assert list(lookup) == [HOLD]
    (told,) = tell(agent, {"ref": "post-1", "lookup": lookup}).json()["items"]
    assert told["decision"]["action"] is None
    assert "more than it allows" in told["remarks"][0]


def test_banks_of_others_and_the_canary_lead_to_nothing(hub, hma, agent):
    shared(hub, hma, agent)
    (number,) = [n for n, one in hma.contents.items() if one.note.endswith("canary-pdq-0")]
    lookup = {
        CANARY: [{"bank_content_id": number, "distance": "0"}],
        "MY_OWN": [{"bank_content_id": number + 1, "distance": "0"}],
    }
    (told,) = tell(agent, {"ref": "post-1", "lookup": lookup}).json()["items"]
    assert (told["decision"]["action"], len(told["remarks"])) == (None, 1)
    assert "is the canary" in told["remarks"][0]


def test_the_same_match_told_twice_counts_once(hub, hma, agent):
    signal = shared(hub, hma, agent)
    item = {"ref": "post-1", "lookup": ask_hma(hma, signal.value)}
    tell(agent, item)
    tell(agent, item)
    other = shared(hub, hma, agent)
    tell(agent, {"ref": "post-2", "lookup": ask_hma(hma, other.value)})
    until(lambda: hub.outcomes[str(other.id), "blocked"])
    assert hub.outcomes[str(signal.id), "blocked"] == 1


NO_ANSWERS = [
    pytest.param({"lookup": {}}, "items.0.ref", id="no-ref"),
    pytest.param({"ref": "x"}, "items.0.lookup", id="no-lookup"),
    pytest.param({"ref": "x", "lookup": {}, "more": 1}, "items.0.more", id="unknown"),
    pytest.param(
        {"ref": "x", "lookup": {BLOCK: [{"bank_content_id": 0}]}}, "items.0.lookup", id="id-0"
    ),
    pytest.param(
        {"ref": "x", "lookup": {BLOCK: [{"bank_content_id": 2**63}]}},
        "items.0.lookup",
        id="id-large",
    ),
    pytest.param(
        {"ref": "x", "lookup": {BLOCK: [{"distance": "far"}]}}, "items.0.lookup", id="distance"
    ),
    pytest.param({"ref": "x", "lookup": {}, "language": "../x"}, "items.0.language", id="language"),
]


@pytest.mark.parametrize(
    ("item", "field"),
    rounds([NO_ANSWERS[1], NO_ANSWERS[4]], nightly=NO_ANSWERS),
)
def test_what_is_no_answer_of_hma_is_refused_by_name(agent, item, field):
    answer = tell(agent, item)
    assert (answer.status_code, answer.json()["type"].endswith("invalid")) == (422, True)
    assert answer.json()["detail"].startswith(field)


@pytest.mark.nightly
def test_every_field_that_is_wrong_is_named(agent):
    answer = tell(agent, {"lookup": {}, "more": 1}).json()
    named = {problem["field"]: problem["message"] for problem in answer["errors"]}
    assert named == {
        "items.0.ref": "is missing: it must be given",
        "items.0.more": "is not known here: leave it out",
    }


def test_too_many_or_too_large_is_refused(agent):
    item = {"ref": "x", "lookup": {}}
    assert tell(agent, *[item] * 4).status_code == 413
    assert agent.http.post("/companion/matches", content=b" " * 1_100_000).status_code == 413
    assert tell(agent).status_code == 422


def test_an_agent_without_a_companion_says_how_to_have_one(hub, tmp_path, sandbox):
    with agent_of(config_of(hub, tmp_path), sandbox) as agent:
        agent.wait(ready=True)
        for answer in (
            agent.http.get("/companion"),
            agent.http.post("/companion/rebuild", json={}),
            tell(agent, {"ref": "x", "lookup": {}}),
        ):
            assert (answer.status_code, "[companion]" in answer.text) == (404, True)
        assert agent.health()["companion"] is None


def test_a_stranger_without_the_token_learns_and_changes_nothing(hub, hma, tmp_path, sandbox):
    given = HmaSettings(url=hma.url)
    config = config_of(hub, tmp_path, token="hush", companion=given)
    with agent_of(config, sandbox) as agent:
        assert agent.http.get("/companion").status_code == 401
        for path in ("/companion/rebuild", "/companion/matches"):
            assert agent.http.post(path, json={}).status_code == 401
        assert set(agent.health()) == {"healthy", "live", "ready"}
