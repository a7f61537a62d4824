# SPDX-License-Identifier: Apache-2.0
"""A real hub and real agents as processes on loopback, and what a story asks of them."""

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from uuid import uuid4

import httpx
import pytest

from stemtide.exercises import cast, processes, provider
from tests import tables
from tests.flows.furnished import Furnished

ASSEMBLE = """
import dataclasses, json, sys
from pathlib import Path
from stemtide.exercises import cast
print(json.dumps(dataclasses.asdict(cast.assemble(Path(sys.argv[1])))))
"""


def until(true, *, tries=3000):
    """Ask again and again; a story that never comes true fails by itself, not by a clock."""
    for _ in range(tries):
        found = true()
        if found:
            return found
        time.sleep(0.02)
    pytest.fail(f"it never came true: {true}")


class House:
    """One hub with its parties; agents join as the story asks.

    script: what makes the parties; it prints keys, email and password, and what else is told.
    """

    def __init__(self, folder, *, script=ASSEMBLE, environment=None):
        self.folder = folder
        tables.lay(folder / "hub")
        made = subprocess.run(
            [sys.executable, "-c", script, str(folder / "hub")],
            env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
            capture_output=True,
            text=True,
            check=True,
        )
        self.told = told = json.loads(made.stdout)
        self.keys, self.email, self.password = told["keys"], told["email"], told["password"]
        self.environment = environment
        self.hub = processes.hub(folder / "hub", environment=environment).start()
        self.agents = {}
        self.receivers = {}
        self.authority = self.client(cast.AUTHORITY)

    def client(self, party):
        headers = {"Authorization": f"Bearer {self.keys[party]}"}
        return httpx.Client(base_url=self.hub.address, headers=headers, timeout=60)

    def agent(self, party=cast.PROVIDERS[0], *, extra=""):
        receiver = self.receivers[party] = provider.Receiver()
        webhook = f'[webhook]\nurl = "{receiver.start()}"\nsecret = "{receiver.secret}"\n'
        agent = processes.agent(
            f"{party}-uploads",
            folder=self.folder / party,
            hub_url=self.hub.address,
            key=self.keys[party],
            extra=extra + "\n" + webhook,
        )
        self.agents[party] = agent.start()
        return agent

    def restart_hub(self):
        """The same hub again, at the same address."""
        self.hub.kill()
        port = int(self.hub.address.rsplit(":", 1)[1])
        folder = self.folder / "hub"
        self.hub = processes.hub(folder, port=port, environment=self.environment).start()

    def health(self, agent):
        return httpx.get(f"{agent.address}/health", timeout=60).json()

    def caught_up(self, agent):
        head = self.rows("SELECT positions FROM ledger_numbering")[0][0]

        def reached():
            try:
                told = self.health(agent)
            except httpx.TransportError:
                return False
            return told["ready"] and told["position"] >= head

        until(reached)

    def rows(self, statement):
        """What the hub's own database says."""
        path = self.folder / "hub" / "hub.sqlite3"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return database.execute(statement).fetchall()

    def ledger_has_no_gap(self):
        numbers = [number for (number,) in self.rows("SELECT number FROM ledger_entry ORDER BY 1")]
        given = self.rows("SELECT entries FROM ledger_numbering")[0][0]
        return numbers == list(range(1, given + 1))

    def share(self, rows, **asked):
        answer = self.authority.post("/api/v1/signals/bulk", json={"signals": rows}, params=asked)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def match(self, agent, items):
        answer = httpx.post(f"{agent.address}/match", json={"items": items}, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    def close(self):
        self.authority.close()
        for one in [*self.agents.values(), self.hub]:
            one.stop()
        for one in self.receivers.values():
            one.stop()


def row(value, **changed):
    """A signal as it is shared."""
    facts = {
        "kind": "sha256",
        "value": value,
        "labels": ["perpetrator-content"],
        "severity": "critical",
        "confidence": 95,
    }
    return facts | changed


def digest():
    """A SHA-256 that nothing else has."""
    return uuid4().hex + uuid4().hex


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch):
    """Processes that a story starts run with the hub's own settings, not with the tests'."""
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def furnished(tmp_path_factory):
    """One hub with everything that has a page, for tests that only look."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
        made = Furnished(tmp_path_factory.mktemp("furnished"))
    yield made
    made.hub.stop()
