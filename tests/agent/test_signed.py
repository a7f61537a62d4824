# SPDX-License-Identifier: Apache-2.0
"""An agent that holds its hub to a key, and one that starts from a file while the hub is away."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stemtide.agent.config.settings import ConfigError, load
from tests.agent.world import agent_of, config_of, sha256, until
from tests.rounds import rounds

NEW, OLD = b"new content", b"old content"


@pytest.fixture
def pinned(hub, tmp_path):
    return config_of(hub, tmp_path, hub_public_key=(hub.public_key,))


def trouble(agent, *, named="hub"):
    return until(lambda: agent.health()["troubles"].get(named), what="a trouble")


def test_an_agent_that_knows_the_key_takes_the_signed_snapshot_and_follows(hub, pinned, sandbox):
    hub.share(sha256(OLD))
    with agent_of(pinned, sandbox) as agent:
        agent.wait(ready=True, hub_reachable=True)
        assert agent.match(OLD)["decision"]["action"] == "block"
        hub.share(sha256(NEW))
        agent.wait_position(2)
        assert agent.match(NEW)["decision"]["action"] == "block"
    assert hub.asked["/segments"] == 1
    assert not list(pinned.data_dir.glob("incoming*"))


def test_a_snapshot_of_another_key_is_refused_and_nothing_is_ready(hub, pinned, sandbox):
    hub.share(sha256(OLD))
    hub.key = Ed25519PrivateKey.generate()
    with agent_of(pinned, sandbox) as agent:
        assert "by no key that you trust" in trouble(agent)
        assert agent.health()["ready"] is False


def test_a_forged_segment_is_named_and_the_feed_does_not_take_its_place(hub, pinned, sandbox):
    hub.share(sha256(OLD))
    hub.faults["torn segment"] = 1000
    with agent_of(pinned, sandbox) as agent:
        (name,) = until(lambda: hub.segments)
        assert f"no feed is signed: segment {name} was cut" in trouble(agent)
        assert agent.health()["ready"] is False
        hub.faults.clear()
        agent.wait(ready=True, hub_reachable=True)
        assert agent.match(OLD)["decision"]["action"] == "block"


def test_a_snapshot_that_is_played_back_is_refused(hub, pinned, sandbox):
    hub.share(sha256(OLD))
    hub.played_back = hub.segment_list(made_at=datetime.now(UTC) - timedelta(hours=3))
    with agent_of(pinned, sandbox) as agent:
        assert "somebody replays an old one" in trouble(agent)
        assert agent.health()["ready"] is False
        hub.played_back = b""
        agent.wait(ready=True, hub_reachable=True)


def test_a_snapshot_for_another_party_or_kind_is_refused(hub, pinned, sandbox):
    with agent_of(pinned, sandbox) as agent:
        agent.wait(ready=True)
    own = hub.party
    hub.party = "big-video"
    hub.played_back, hub.party = hub.segment_list(), own
    (pinned.data_dir / "agent.db").unlink()
    with agent_of(pinned, sandbox) as agent:
        assert "is for big-video" in trouble(agent)
        hub.played_back = hub.segment_list(exercise=True)
        until(
            lambda: (
                "the setting exercise says otherwise" in agent.health()["troubles"].get("hub", "")
            )
        )


def test_an_agent_starts_from_a_file_while_the_hub_is_away_and_catches_up(hub, sandbox, tmp_path):
    hub.share(sha256(OLD))
    made_at = datetime.now(UTC) - timedelta(days=2)
    file = tmp_path / "snapshot.jsonl.gz"
    file.write_bytes(hub.signed(made_at=made_at))
    hub.share(sha256(NEW))
    hub.stop()
    config = config_of(hub, tmp_path, hub_public_key=(hub.public_key,), snapshot_file=file)
    with agent_of(config, sandbox) as agent:
        health = agent.wait(ready=True, hub_reachable=False)
        assert health["stale_s"] > 2 * 24 * 3600 - 1
        assert agent.match(OLD)["decision"]["action"] == "block"
        assert agent.match(NEW)["decision"]["action"] is None
        hub.start()
        agent.wait_position(2)
        assert agent.match(NEW)["decision"]["action"] == "block"
        assert agent.health()["stale_s"] < 60
    assert hub.asked["/segments"] == 0


@pytest.mark.nightly
def test_a_later_file_goes_over_what_the_agent_had_and_an_earlier_one_does_not(
    hub, sandbox, tmp_path
):
    file = tmp_path / "snapshot.jsonl.gz"
    config = config_of(hub, tmp_path, hub_public_key=(hub.public_key,), snapshot_file=file)
    hub.share(sha256(OLD))
    first = hub.signed()
    hub.share(sha256(NEW))
    second = hub.signed()
    hub.stop()
    for content, position in ((first, 1), (second, 2), (first, 2)):
        file.write_bytes(content)
        with agent_of(config, sandbox) as agent:
            until(lambda: agent.health()["position"] == position)  # noqa: B023  # called at once
            assert agent.match(OLD)["decision"]["action"] == "block"
    hub.start()


@pytest.mark.parametrize(
    "spoil", rounds(["cut", "other key"], nightly=["cut", "other key", "missing", "exercise"])
)
def test_a_file_that_is_not_good_is_said_and_the_hub_is_followed(hub, sandbox, tmp_path, spoil):
    hub.share(sha256(OLD))
    file = tmp_path / "snapshot.jsonl.gz"
    content = {
        "cut": hub.signed()[:-40],
        "other key": hub.signed(key=Ed25519PrivateKey.generate()),
        "exercise": hub.signed(exercise=True),
    }.get(spoil)
    if content:
        file.write_bytes(content)
    config = config_of(hub, tmp_path, hub_public_key=(hub.public_key,), snapshot_file=file)
    with agent_of(config, sandbox) as agent:
        assert "snapshot_file is not taken" in trouble(agent, named="snapshot")
        agent.wait(ready=True, hub_reachable=True)
        assert agent.match(OLD)["decision"]["action"] == "block"


def settings(tmp_path, **more):
    needed = {"NAME": "a", "HUB_URL": "http://127.0.0.1:1", "KEY": "k", "DATA_DIR": str(tmp_path)}
    return {f"STEMTIDE_AGENT_{name}": one for name, one in (needed | more).items()}


def test_keys_are_read_from_settings_one_or_several(hub, tmp_path):
    one = str(hub.public_key)
    env = settings(tmp_path, HUB_PUBLIC_KEY=f"{one}, {one}")
    assert load(env=env).hub_public_key == (hub.public_key, hub.public_key)
    path = tmp_path / "agent.toml"
    path.write_text(f'hub_public_key = ["{one}"]\nsnapshot_file = "s.gz"\n')
    config = load(path, env=settings(tmp_path))
    assert (config.hub_public_key, config.snapshot_file) == ((hub.public_key,), tmp_path / "s.gz")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"HUB_PUBLIC_KEY": "nonsense"}, "hub_public_key: 'nonsense' is no public key"),
        ({"SNAPSHOT_FILE": "s.gz"}, "hub_public_key: is missing, and a snapshot_file proves"),
    ],
    ids=["nonsense", "file without key"],
)
def test_settings_that_prove_nothing_are_refused(tmp_path, more, says):
    with pytest.raises(ConfigError, match=says):
        load(env=settings(tmp_path, **more))
