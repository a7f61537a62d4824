# SPDX-License-Identifier: Apache-2.0
"""What deploy/container/compose.yml starts, started here as processes, and an agent behind TLS."""

import json
import os
import ssl
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from tests import caddy, tables
from tests.accepted_walls import ACCEPTED
from tests.hub.running.test_workers import COMMAND
from tests.world import hex_value

SERVICES = yaml.safe_load(
    (Path(__file__).parents[3] / "deploy/container/compose.yml").read_text("utf-8")
)["services"]
PORTS = ("--host", "127.0.0.1", "--port", "0", "--workers", "2", "--json")
"""What goes over the same options of the file, on a machine where several tests run."""


@pytest.fixture
def environment(tmp_path):
    """The environment of the service `hub`, on the PostgreSQL of the test run."""
    server = os.environ.get("STEMTIDE_DATABASE_URL")
    if not server or not caddy.is_installed():
        pytest.skip("needs PostgreSQL and Caddy: this runs with the tests that run on both")
    with tables.database(server) as address:
        (tmp_path / "database.url").write_text(address)
        given = {
            name: value.replace("${STEMTIDE_HOST}", "localhost")
            for name, value in SERVICES["hub"]["environment"].items()
        }
        here = {
            "STEMTIDE_DATABASE_URL_FILE": str(tmp_path / "database.url"),
            "STEMTIDE_DATA_DIR": str(tmp_path / "hub"),
            "STEMTIDE_TRUSTED_PROXIES": "127.0.0.1",
        }
        ours = ("STEMTIDE_", "DJANGO_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        yield kept | ACCEPTED | given | here


@contextmanager
def started(environment, *words):
    """A role as a process; the line that says where it listens."""
    command = [COMMAND, *words]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


def operate(environment, *words):
    done = subprocess.run([COMMAND, *words], env=environment, capture_output=True, check=True)
    return json.loads(done.stdout)


def key_of(environment, party, kind):
    """A new party's key."""
    operate(environment, "party", "add", party, "--kind", kind, "--country", "BE", "--json")
    return operate(environment, "key", "new", "--party", party, "--json")["key"]


def agent_settings(folder, *, hub, key):
    """Write agent.toml; return its path."""
    settings = {"name": "uploads-1", "hub_url": hub, "key": key, "port": 0}
    settings["data_dir"] = str(folder / "agent")
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in settings.items()]
    (folder / "agent.toml").write_text("".join(lines))
    return folder / "agent.toml"


@pytest.mark.nightly
@pytest.mark.both_databases
def test_a_share_reaches_an_agent_through_the_proxy_of_the_compose_file(environment, tmp_path):
    sharer = key_of(environment, "be-crisis-centre", "authority")
    reader = key_of(environment, "small-pictures", "provider")
    hub_words = (*SERVICES["hub"]["command"].split(), *PORTS)
    with (
        started(environment, *hub_words) as hub,
        caddy.running(tmp_path, hub=hub["hub"]) as (address, authority),
    ):
        config = agent_settings(tmp_path, hub=address, key=reader)
        trusting = environment | {"SSL_CERT_FILE": str(authority)}
        with started(trusting, "agent", "start", "--config", str(config), "--json") as agent:
            signal = {
                "kind": "sha256",
                "value": hex_value(7),
                "labels": ["perpetrator-content"],
                "severity": "high",
                "confidence": 90,
            }
            answer = httpx.post(
                f"{address}/api/v1/signals",
                json=signal,
                headers={"Authorization": f"Bearer {sharer}"},
                verify=ssl.create_default_context(cafile=authority),
                timeout=60,
            )
            assert answer.status_code == 201, answer.text
            assert "Strict-Transport-Security" in answer.headers, "the hub knows that it is TLS"
            lookup = f"{agent['url']}/match/hash?sha256={hex_value(7)}"
            while not httpx.get(lookup, timeout=60).json().get("matches"):  # at first not ready
                time.sleep(0.05)
            with pytest.raises(httpx.ConnectError, match="certificate"):
                httpx.get(address, timeout=60)
