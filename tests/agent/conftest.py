# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import pytest

from stemtide.agent.config.review import ReviewSettings
from stemtide.agent.sync import retro_match
from stemtide.fingerprints.sandbox.pool import Sandbox
from tests.agent.fake_hub import FakeHub
from tests.agent.world import (
    FakeProvider,
    agent_of,
    config_of,
    folder_in_memory,
    one_authority,
)


@pytest.fixture(scope="package", autouse=True)
def _one_authority(tmp_path_factory):
    with one_authority(tmp_path_factory.mktemp("tls")):
        yield


@pytest.fixture
def tmp_path():
    with folder_in_memory() as folder:
        yield folder


@pytest.fixture(scope="session")
def sandbox():
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def hub():
    hub = FakeHub().start()
    yield hub
    hub.stop()


@pytest.fixture
def provider():
    provider = FakeProvider().start()
    yield provider
    provider.stop()


@pytest.fixture
def config(hub, tmp_path):
    return config_of(hub, tmp_path)


@pytest.fixture
def agent(config, sandbox):
    """An agent that has caught up with the hub."""
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, hub_reachable=True)
        yield agent


@pytest.fixture
def searched_often(monkeypatch):
    """Have the journal looked at ten times a second, and not each five seconds."""
    monkeypatch.setattr(retro_match, "ALONE_S", 0.1)


@pytest.fixture(scope="module")
def unchanged(sandbox):
    """The hub, the agent and its settings of all tests of a file that change nothing there."""
    hub = FakeHub().start()
    try:
        with folder_in_memory() as folder:
            config = config_of(hub, folder, review=ReviewSettings(enabled=True))
            with agent_of(config, sandbox) as agent:
                agent.wait(ready=True, hub_reachable=True)
                yield SimpleNamespace(hub=hub, agent=agent, config=config)
    finally:
        hub.stop()
