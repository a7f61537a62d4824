# SPDX-License-Identifier: Apache-2.0
"""A restore drill: a hub is backed up while parties share, killed, and restored elsewhere.

Its agent follows by itself. Nothing that was acknowledged before the backup began is lost.
"""

import shutil
import threading
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pyrage
import pytest

from stemtide.exercises import processes
from tests import forks, postgres, tables
from tests.cli.conftest import run
from tests.flows.conftest import digest, row, until

pytestmark = pytest.mark.flow


class Drill:
    """A hub with an authority and a provider, and the provider's agent."""

    def __init__(self, folder, *, database):
        self.folder, self.environment = folder, database
        if not database:
            tables.lay(folder / "hub")
        self.authority = self.member("be-police", "authority")
        provider = self.member("big-video", "provider")
        self.start_hub(folder / "hub")
        self.agent = forks.ForkedRunning.of(
            processes.agent(
                "uploads", folder=folder / "agent", hub_url=self.hub.address, key=provider
            )
        ).start()

    def member(self, name, kind):
        """Add a party, and return its key."""
        at = ("--data-dir", self.folder / "hub")
        assert run("party", "add", name, "--kind", kind, *at, **self.environment).code == 0
        return run("key", "new", "--party", name, "--json", *at, **self.environment).rows[0]["key"]

    def start_hub(self, folder, *, port=0):
        hub = processes.hub(folder, port=port, environment=self.environment)
        self.hub = forks.ForkedRunning.of(hub).start()

    def share(self, value):
        """Share a value; return whether the hub acknowledged it."""
        body = {"signals": [row(value)]}
        headers = {"Authorization": f"Bearer {self.authority}"}
        url = f"{self.hub.address}/api/v1/signals/bulk"
        return httpx.post(url, json=body, headers=headers, timeout=60).status_code == 201

    def ledger(self, *words):
        """Run a command of an auditor who has the authority's key."""
        return run("ledger", *words, STEMTIDE_KEY=self.authority, STEMTIDE_HUB_URL=self.hub.address)

    def compare_log(self, copy):
        """Compare the log after the restore with a copy of the lost one."""
        done = self.ledger("verify", self.hub.address, "--from", copy, "--json")
        assert done.code == 0, done.err
        assert (done.rows[0]["restored"], "entries" in done.rows[0]["lost"]) == (True, True)
        assert "(not confirmed yet)" in done.err
        assert "copy the log into another folder" in self.ledger("copy", copy).err
        assert self.ledger("copy", copy.with_name("new")).code == 0
        assert self.ledger("verify", copy.with_name("new"), "--from", copy).code == 0
        assert self.ledger("prove", 3, copy.with_name("new")).code == 0

    def blocks(self, *values):
        """Return those of some values that the agent blocks."""
        items = [{"ref": value, "sha256": value} for value in values]
        url = f"{self.agent.address}/match"
        answers = httpx.post(url, json={"items": items}, timeout=60).json()["items"]
        return {
            value
            for value, answer in zip(values, answers, strict=True)
            if answer["decision"]["action"] == "block"
        }

    def close(self):
        self.agent.stop()
        self.hub.stop()


@contextmanager
def sharing(drill, acknowledged):
    """Share one signal after the other meanwhile."""
    ends = threading.Event()

    def go_on():
        while not ends.is_set():
            value = digest()
            if drill.share(value):
                acknowledged.append(value)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()


@contextmanager
def empty_databases(kind):
    """Yield the settings of two databases without tables, one after the other."""
    if kind == "sqlite":
        yield iter([{}, {}])
        return
    if postgres.binaries() is None:
        pytest.skip("PostgreSQL is not installed: apt install postgresql")
    with (
        postgres.server() as server,
        tables.database(server) as first,
        tables.database(server, empty=True) as second,
    ):
        yield iter([{"STEMTIDE_DATABASE_URL": first}, {"STEMTIDE_DATABASE_URL": second}])


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_an_agent_follows_a_restored_hub_and_nothing_before_the_backup_is_lost(tmp_path, kind):
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "identity").write_text(f"{identity}\n", "utf-8")
    apart = ("--keys", tmp_path / "keys")
    with (
        empty_databases(kind) as databases,
        closing(Drill(tmp_path, database=next(databases))) as drill,
    ):
        acknowledged = []
        with sharing(drill, acknowledged):
            until(lambda: len(acknowledged) >= 5)
            before = list(acknowledged)
            done = run(
                *("hub", "backup", tmp_path / "backups", *apart, "--json"),
                *("--recipient", identity.to_public(), "--data-dir", tmp_path / "hub"),
                **drill.environment,
            )
            assert done.code == 0, done.err
            backup = Path(done.rows[0]["backup"])
            count = len(acknowledged)
            until(lambda: len(acknowledged) > count)
        lost = digest()
        assert drill.share(lost)
        until(lambda: drill.blocks(lost))
        copy = tmp_path / "copy"
        assert drill.ledger("copy", copy).code == 0
        port = int(drill.hub.address.rsplit(":", 1)[1])
        drill.hub.kill()
        shutil.rmtree(tmp_path / "hub")

        drill.environment = next(databases)
        done = run(
            *("hub", "restore", backup, *apart, "--identity", tmp_path / "identity"),
            *("--last-head", copy, "--data-dir", tmp_path / "restored"),
            **drill.environment,
        )
        assert done.code == 0, done.err
        assert "The transparency log begins anew" in done.err
        drill.start_hub(tmp_path / "restored", port=port)
        new = digest()
        assert drill.share(new)

        until(lambda: not drill.blocks(lost))
        until(lambda: drill.blocks(new))
        assert drill.blocks(*before) == set(before)
        drill.compare_log(copy)
