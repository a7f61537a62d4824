# SPDX-License-Identifier: Apache-2.0
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from tests.agent.conftest import config, hub, sandbox  # noqa: F401 - fixtures
from tests.agent.fake_hub import Server
from tests.agent.world import agent_of, picture
from tests.cli.conftest import run

CAT, ROCKET = picture("chelsea.png"), picture("rocket.jpg")


@pytest.fixture
def stored(tmp_path):
    """A folder with two pictures and a note."""
    folder = tmp_path / "stored"
    (folder / "2025").mkdir(parents=True)
    (folder / "2025" / "cat.png").write_bytes(CAT)
    (folder / "rocket.jpg").write_bytes(ROCKET)
    (folder / "note.txt").write_text("A note on what was stored, long enough to be compared.\n" * 9)
    return folder


@pytest.fixture
def served(stored):
    """The same folder on a web server of this machine; its address."""
    server = Server(Starlette(routes=[Mount("/", StaticFiles(directory=stored))]))
    yield server.url
    server.stop()


@pytest.fixture
def agent(hub, config, sandbox, tmp_path):  # noqa: F811 - fixtures
    """An agent that runs, with the settings of its command in agent.toml."""
    settings = {"name": config.name, "hub_url": hub.url, "key": "k", "data_dir": config.data_dir}
    (tmp_path / "agent.toml").write_text("".join(f'{k} = "{v}"\n' for k, v in settings.items()))
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, hub_reachable=True)
        yield agent


@pytest.fixture
def scan(agent, tmp_path):  # noqa: ARG001 - its signals
    """Run the command in one process, with JSON; return what it said."""

    def run_scan(*words, processes=1, **environment):
        return run(
            *("catalogue", "scan", *words, "--config", tmp_path / "agent.toml", "--json"),
            *("--processes", processes),
            **environment,
        )

    return run_scan


@pytest.fixture
def share(hub, agent, sandbox):  # noqa: F811 - fixtures
    """Share a fingerprint of a picture; return its signal once the agent has it."""

    def share_picture(blob, **facts):
        value = next(p.hex for p in sandbox.fingerprint(blob).each if p.kind == "pdq")
        signal = hub.share(value, kind="pdq", **facts)
        agent.wait(position=hub.head)
        return signal

    return share_picture


def events(said, kind):
    return [row for row in said.rows if row["event"] == kind]


def summary(said):
    assert said.out, said.err
    return said.rows[-1]
