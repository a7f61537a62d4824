# SPDX-License-Identifier: Apache-2.0
import pytest

from stemtide.fingerprints.sandbox.pool import Sandbox
from tests.agent.fake_hub import FakeHub
from tests.agent.world import FakeProvider, agent_of, config_of


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
