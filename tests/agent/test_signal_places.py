# SPDX-License-Identifier: Apache-2.0
"""A second look at uploads by local features that sharers sent with signals of the hub."""

import sqlite3
from contextlib import closing
from uuid import uuid4

import pytest

from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.values.local import LocalFeatures
from tests.agent.test_local_features import cut, file, mirrored
from tests.agent.world import agent_of, config_of, until
from tests.rounds import rounds

local = pytest.importorskip("stemtide.fingerprints.image.local", reason="needs stemtide[local]")


def value_of(blob, sandbox):
    from stemtide.fingerprints.analysis import AnalysisOptions

    value, _ = sandbox.analyse(blob, options=AnalysisOptions(local=True)).local
    return LocalFeatures.from_bytes(value).strongest().to_bytes().hex()


def share(hub, sandbox, name="coffee.png", **facts):
    """Share a picture by its hash, as most sharers do."""
    (print_,) = sandbox.fingerprint(file(name)).of(Kind.PDQ)
    return hub.share(print_.hex, kind="pdq", **facts)


def send(hub, sandbox, name="coffee.png", **facts):
    """Share a picture by its hash, and send its local features."""
    signal = share(hub, sandbox, name, **facts)
    hub.send_places(signal, value_of(file(name), sandbox))
    return signal


def local_config(hub, tmp_path, **settings):
    return config_of(hub, tmp_path, local_features=True, **settings)


def rows(config):
    with closing(sqlite3.connect(config.data_dir / "agent.db")) as database:
        return database.execute("SELECT signal FROM signal_places").fetchall()


def found(agent, change=cut, name="coffee.png"):
    return agent.match(file(name, change=change))["matches"]


@pytest.fixture
def agent(hub, tmp_path, sandbox):
    with agent_of(local_config(hub, tmp_path), sandbox) as agent:
        agent.wait(ready=True)
        yield agent


COPIES = [(cut, "local features"), (mirrored, "local features, mirrored")]


@pytest.mark.parametrize(
    ("change", "transform"),
    rounds(COPIES[1:], nightly=COPIES),
)
def test_a_copy_that_no_hash_finds_is_held_for_the_signal(agent, hub, sandbox, change, transform):
    signal = send(hub, sandbox)
    (match,) = until(lambda: found(agent, change))
    assert (match["signal"], match["kind"]) == (str(signal.id), "pdq")
    assert (match["transform"], match["match_percent"]) == (transform, 94)
    decision = agent.match(file(change=change))["decision"]
    assert decision["action"] == "hold"
    assert "by local features (" in decision["why"]


@pytest.mark.nightly
def test_without_local_features_the_hash_alone_finds_no_such_copy(agent, hub, sandbox):
    share(hub, sandbox)
    agent.wait(position=hub.head)
    assert found(agent) == []
    assert found(agent, lambda image: image.resize((500, 330)))[0]["transform"] == ""


def test_other_pictures_are_not_held(agent, hub, sandbox):
    send(hub, sandbox)
    until(lambda: found(agent))
    for name in ("rocket.jpg", "chelsea.png", "page.png"):
        assert agent.match(file(name))["matches"] == []


def test_a_withdrawn_signal_is_found_no_more_and_its_features_are_deleted(
    hub, tmp_path, sandbox, agent
):
    signal = send(hub, sandbox)
    until(lambda: found(agent))
    hub.withdraw(signal)
    agent.wait(position=hub.head)
    assert found(agent) == []
    assert rows(local_config(hub, tmp_path)) == []


@pytest.mark.nightly
def test_features_that_are_removed_leave_the_signal(agent, hub, sandbox):
    signal = send(hub, sandbox)
    until(lambda: found(agent))
    hub.send_places(signal, None)
    until(lambda: not found(agent))
    assert len(found(agent, lambda image: image)) == 1


def test_a_disputed_signal_logs_at_its_own_party(agent, hub, sandbox):
    signal = send(hub, sandbox)
    until(lambda: found(agent))
    hub.dispute(signal, by_you=True)
    agent.wait(position=hub.head)
    assert agent.match(file(change=cut))["decision"]["action"] == "log"


def test_an_agent_without_the_setting_asks_for_none(hub, tmp_path, sandbox):
    config = config_of(hub, tmp_path)
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        send(hub, sandbox)
        agent.wait(position=hub.head)
        assert found(agent) == []
    assert (hub.asked["/local-features"], rows(config)) == (0, [])


@pytest.mark.nightly
def test_features_are_kept_over_a_restart_and_deleted_with_the_setting(hub, tmp_path, sandbox):
    config = local_config(hub, tmp_path)
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        send(hub, sandbox)
        until(lambda: found(agent))
    hub.gives_places = False
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        assert len(found(agent)) == 1
    with agent_of(config_of(hub, tmp_path), sandbox) as agent:
        agent.wait(ready=True)
        until(lambda: not rows(config), what="an empty table")


@pytest.mark.nightly
def test_features_that_come_before_their_signal_are_used_once_it_comes(agent, hub, sandbox):
    later = share(hub, sandbox, "chelsea.png").model_copy(update={"id": uuid4()})
    hub.send_places(later, value_of(file("chelsea.png"), sandbox))
    send(hub, sandbox)
    until(lambda: found(agent))
    assert found(agent, cut, "chelsea.png") == []
    hub._put(later.model_copy(update={"position": hub.head + 1}))
    (match,) = until(lambda: found(agent, cut, "chelsea.png"))
    assert match["signal"] == str(later.id)


def test_malformed_features_are_left_out(agent, hub, sandbox):
    bad = share(hub, sandbox, "rocket.jpg")
    hub.send_places(bad, "53544c46")
    send(hub, sandbox)
    until(lambda: found(agent))
    assert found(agent, cut, "rocket.jpg") == []


@pytest.mark.nightly
def test_a_hub_that_gives_none_is_named_and_the_feed_goes_on(hub, tmp_path, sandbox):
    hub.gives_places = False
    with agent_of(local_config(hub, tmp_path), sandbox) as agent:
        agent.wait(ready=True)
        send(hub, sandbox)
        agent.wait(position=hub.head)
        trouble = until(lambda: agent.health()["troubles"].get("local_features"))
        assert "gives this agent no local features" in trouble
        assert len(found(agent, lambda image: image)) == 1


@pytest.mark.nightly
def test_a_hub_that_was_restored_is_asked_for_all_again(agent, hub, sandbox):
    signal = send(hub, sandbox)
    hub.send_places(signal, value_of(file(), sandbox))
    until(lambda: found(agent))
    hub.places = []
    hub.send_places(signal, None)
    until(lambda: not found(agent))


@pytest.mark.nightly
def test_a_signal_that_its_hash_finds_is_listed_once(agent, hub, sandbox):
    send(hub, sandbox)
    until(lambda: found(agent))
    matches = found(agent, lambda image: image.resize((500, 330)))
    assert [match["transform"] for match in matches] == [""]
