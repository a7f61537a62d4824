# SPDX-License-Identifier: Apache-2.0
"""A signal of the hub is switched off at one agent alone: with a reason, and a way back."""

import pytest

from tests.agent.test_review import ON, Moderator, config, held, wait_event
from tests.agent.world import agent_of, config_of, sha256, until
from tests.rounds import rounds

__all__ = ["config"]

ONE = sha256(b"one")


@pytest.fixture
def anna(agent, config):
    with Moderator(agent, config) as moderator:
        yield moderator


def decision(agent, **item):
    return agent.ask(item)[0]["decision"]


def test_a_signal_that_is_switched_off_only_logs_and_says_why(hub, agent, anna):
    signal = hub.share(ONE)
    agent.wait(position=hub.head)
    page = anna.post("signal/off", id=str(signal.id), reason="it is our own trailer").text
    assert "Switched off here." in page
    answer = decision(agent, sha256=ONE)
    assert answer["action"] == "log"
    assert "switched off at this agent (it is our own trailer)" in answer["why"]
    (match,) = agent.http.get("/match/hash", params={"sha256": ONE}).json()["matches"]
    assert match["disputed"]
    assert "it is our own trailer" in anna.get("/banks").text
    assert "It is on again" in anna.post("signal/on", id=str(signal.id)).text
    assert decision(agent, sha256=ONE)["action"] == "block"
    assert "It was not switched off." in anna.post("signal/on", id=str(signal.id)).text


def test_what_it_held_is_released_only_when_told_so(hub, agent, config, anna):
    signal = held(hub, agent, "a", value=ONE)
    link = f"signal?id={signal.id}"
    assert link in anna.open("a").text
    page = anna.post("signal/off", id=str(signal.id), reason="a mistake")
    assert (page.status_code, "weaken or release: 1" in page.text) == (400, True)
    assert "a mistake</textarea>" in page.text
    assert anna.queue() == ["a"]
    page = anna.post("signal/off", id=str(signal.id), reason="a mistake", may_release="1").text
    assert "Actions that changed: 1." in page
    assert anna.queue() == []
    event = wait_event(config, "a", "content.release")
    assert "switched off at this agent: a mistake" in event["data"]["why"]
    until(lambda: hub.outcomes[str(signal.id), "reversed"] == 1)
    anna.post("signal/on", id=str(signal.id))
    assert anna.queue() == []  # what was released is not taken back


def test_content_that_another_signal_stops_stays_held(hub, agent, anna):
    held(hub, agent, "a", value=ONE)
    signal = hub.share(ONE, shared_by="a-third-party", confirmed_by=[])
    agent.wait(position=hub.head)
    anna.post("signal/off", id=str(signal.id), reason="wrong", may_release="1")
    assert anna.queue() == ["a"]


def test_the_mark_lasts_over_a_start_and_a_change_of_the_signal(hub, sandbox, tmp_path):
    config = config_of(hub, tmp_path, review=ON)
    with agent_of(config, sandbox) as agent:
        signal = hub.share(ONE)
        agent.wait(position=hub.head)
        body = {"reason": "wrong here"}
        answer = agent.http.put(f"/switched-off/{signal.id}", json=body).json()
        assert (answer["reason"], answer["by"]) == ("wrong here", "")
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        assert decision(agent, sha256=ONE)["action"] == "log"
        hub.confirm(signal, "a-third-party")  # the hub sends it again
        agent.wait(position=hub.head)
        assert decision(agent, sha256=ONE)["action"] == "log"
        (row,) = agent.http.get("/switched-off").json()["signals"]
        assert row["signal"] == str(signal.id)
        assert agent.http.delete(f"/switched-off/{signal.id}").status_code == 204
        assert decision(agent, sha256=ONE)["action"] == "block"


NO_SIGNALS = [
    ("PUT", "none", {"reason": "wrong"}, 404, "has no signal"),
    ("PUT", "none", {"reason": "x"}, 422, "reason"),
    ("DELETE", "none", None, 404, "not switched off"),
]


@pytest.mark.parametrize(
    "case",
    rounds(NO_SIGNALS[:1], nightly=NO_SIGNALS),
)
def test_what_is_no_signal_is_not_switched(agent, case):
    method, path, sent, status, word = case
    answer = agent.http.request(method, f"/switched-off/{path}", json=sent)
    assert (answer.status_code, word in answer.json()["detail"]) == (status, True)
    assert agent.http.get("/switched-off").json() == {"signals": []}


def test_the_page_refuses_a_switch_without_a_reason_or_a_token(hub, agent, anna):
    signal = hub.share(ONE)
    agent.wait(position=hub.head)
    page = anna.post("signal/off", id=str(signal.id), reason=" ")
    assert (page.status_code, "Say why" in page.text) == (400, True)
    assert "does not have this signal" in anna.post("signal/off", id="none", reason="wrong").text
    for name in ("off", "on"):
        fields = {"form_token": "", "id": str(signal.id), "reason": "wrong"}
        assert anna.http.post(f"{anna.home}/signal/{name}", data=fields).status_code == 403
    assert decision(agent, sha256=ONE)["action"] == "block"


def test_values_of_strangers_are_shown_on_the_page_of_a_signal_and_not_run(hub, agent, anna):
    name = '"><script>alert(1)</script>\u202e'
    signal = hub.share(ONE, shared_by=name)
    agent.wait(position=hub.head)
    for page in (anna.get("/signal", id=str(signal.id)), anna.get("/signal", id=name)):
        assert "<script>alert" not in page.text
    assert "<script>alert" not in anna.post("signal/off", id=str(signal.id), reason=name).text
    assert "<script>alert" not in anna.get("/banks").text
