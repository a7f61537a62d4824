# SPDX-License-Identifier: Apache-2.0
"""Two machines of a hub, on a PostgreSQL with a standby: each of the three is lost once.

A machine is a data folder with processes of its own. docs/run/large.md says what operators do.
"""

import shutil
import threading
import time
from contextlib import closing, contextmanager, suppress

import httpx
import pytest

from stemtide.exercises import processes
from tests import forks, postgres, standby
from tests.cli.conftest import run
from tests.flows.conftest import digest, row, until
from tests.standby import STATEMENTS

pytestmark = [
    pytest.mark.flow,
    pytest.mark.skipif(postgres.binaries() is None, reason="PostgreSQL is not installed"),
]

KEYS = ("secret.key", "signing.key", "media.key", "seal.pem")
HEADS = "SELECT entries, positions FROM ledger_numbering"
SET_BACK = "SELECT max((detail->'last'->>1)::int) FROM ledger_entry WHERE kind = 'log.halted'"


def origin(done):
    """The name of the log that a command opened."""
    return done.rows[0]["log"]


class Machines:
    """Two machines of one hub, an authority, and the agent of a provider at each machine."""

    def __init__(self, folder, *, first, second, settings=None):
        self.folder, self.servers = folder, (first, second)
        hosts = f"127.0.0.1:{first.port},127.0.0.1:{second.port}"
        url = f"postgres://stemtide:{first.secret}@{hosts}/{standby.DATABASE}"
        self.environment = {"STEMTIDE_DATABASE_URL": url, "STEMTIDE_STANDBYS": "1"}
        self.environment |= settings or {}
        self.key = self.member("be-police", "authority")
        self.provider_key = self.member("big-video", "provider")
        self.hubs = [self.start_hub("a"), None]
        (folder / "b").mkdir(mode=0o700)
        for key in KEYS:
            shutil.copy(folder / "a" / key, folder / "b" / key)
        self.hubs[1] = self.start_hub("b")
        self.agents = []
        for number, hub in enumerate(self.hubs):
            self.start_agent(f"uploads-{number}", hub.address)

    def command(self, *words, machine="a"):
        """Run a command of the operator."""
        return run(*words, "--data-dir", self.folder / machine, **self.environment)

    def member(self, name, kind):
        """Add a party, and return its key."""
        assert self.command("party", "add", name, "--kind", kind).code == 0
        return self.command("key", "new", "--party", name, "--json").rows[0]["key"]

    def start_hub(self, machine):
        hub = processes.hub(self.folder / machine, environment=self.environment)
        return forks.ForkedRunning.of(hub).start()

    def start_agent(self, name, address, **environment):
        """Start an agent of the provider."""
        agent = processes.agent(
            name, folder=self.folder / name, hub_url=address, key=self.provider_key
        )
        agent.environment = environment
        self.agents.append(forks.ForkedRunning.of(agent).start())
        return self.agents[-1]

    def share(self, value, *, hub, timeout=20, **facts):
        """Share a value; return whether the hub acknowledged it."""
        headers = {"Authorization": f"Bearer {self.key}"}
        url = f"{hub.address}/api/v1/signals"
        with suppress(httpx.TransportError):
            answer = httpx.post(url, json=row(value, **facts), headers=headers, timeout=timeout)
            return answer.status_code == 201
        return False

    def blocks(self, agent, values):
        """Return those of some values that an agent blocks."""
        items = [{"ref": value, "sha256": value} for value in values]
        answer = httpx.post(f"{agent.address}/match", json={"items": items}, timeout=60)
        answers = answer.json()["items"] if answer.status_code == 200 else []  # at first not ready
        return {answer["ref"] for answer in answers if answer["decision"]["action"] == "block"}

    def status(self, hub, path):
        return httpx.get(f"{hub.address}{path}", timeout=20).status_code

    def read(self, hub, path):
        """What an authority reads at a machine."""
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.get(f"{hub.address}{path}", headers=headers, timeout=20)

    def kept_size(self, machine):
        """The leaves of the head that a machine keeps; 0 before it has one."""
        file = self.folder / machine / "log.head"
        return int(file.read_text().split("\n")[1]) if file.exists() else 0

    def auditor(self, *words):
        """Run a command of an auditor who has the authority's key."""
        hub = self.hubs[0].address
        return run("ledger", *words, STEMTIDE_KEY=self.key, STEMTIDE_HUB_URL=hub)

    def doctor(self):
        """Return what the doctor says of standbys and of the log."""
        rows = self.command("hub", "doctor", "--json").rows
        return {line["check"]: line for line in rows}

    def close(self):
        for process in (*self.agents, *filter(None, self.hubs)):
            process.stop()


@contextmanager
def machines(folder, *, is_synchronous, settings=None):
    """Two machines on a new pair of servers."""
    with (
        standby.pair(is_synchronous=is_synchronous) as (first, second),
        closing(Machines(folder, first=first, second=second, settings=settings)) as story,
    ):
        yield story


@contextmanager
def load(story):
    """Share at both machines meanwhile; gives the acknowledged values of each."""
    ends = threading.Event()
    acknowledged = ([], [])

    def go_on(hub, values):
        while not ends.is_set():
            value = digest()
            if story.share(value, hub=hub):
                values.append(value)
            else:
                time.sleep(0.05)

    threads = [
        threading.Thread(target=go_on, args=(hub, values))
        for hub, values in zip(story.hubs, acknowledged, strict=True)
    ]
    for thread in threads:
        thread.start()
    try:
        yield acknowledged
    finally:
        ends.set()
        for thread in threads:
            thread.join()


def test_no_acknowledged_share_is_lost_with_the_primary(tmp_path):
    with machines(tmp_path, is_synchronous=True) as story:
        first, second = story.servers
        until(lambda: second.ask("SELECT pg_last_wal_replay_lsn()"))
        assert story.doctor()["standbys"]["level"] == "ok"
        with load(story) as acknowledged:
            until(lambda: all(len(values) >= 20 for values in acknowledged))
            first.kill()
            before = [len(values) for values in acknowledged]
            second.carry_out(STATEMENTS.promote)
            until(lambda: all(len(v) >= n + 20 for v, n in zip(acknowledged, before, strict=True)))
        everything = {value for values in acknowledged for value in values}
        for agent in story.agents:
            until(lambda agent=agent: story.blocks(agent, list(everything)) == everything)
        assert all(process.is_alive() for process in (*story.hubs, *story.agents))
        assert [story.status(hub, "/health") for hub in story.hubs] == [200, 200]
        said = story.doctor()
        assert "0 of 1 standbys follow" in said["standbys"]["text"]
        assert "log" not in said
        assert second.ask(SET_BACK) == [(None,)]


def test_acts_that_a_promoted_standby_lacks_are_noticed_by_agents_and_by_the_hub(tmp_path):
    with machines(tmp_path, is_synchronous=False) as story:
        first, second = story.servers
        kept, lost, new = digest(), digest(), digest()
        assert story.share(kept, hub=story.hubs[0])
        for agent in story.agents:
            until(lambda agent=agent: story.blocks(agent, [kept]))
        until(lambda: second.ask(HEADS) == first.ask(HEADS))
        assert "lost with the primary" in story.doctor()["standbys"]["text"]
        second.stop()
        assert story.share(lost, hub=story.hubs[1])
        for agent in story.agents:
            until(lambda agent=agent: story.blocks(agent, [lost]))
        (last,) = first.ask("SELECT entries FROM ledger_numbering")[0]
        until(lambda: any(story.kept_size(machine) > last for machine in "ab"))
        copy = tmp_path / "copy"
        assert story.auditor("copy", copy).code == 0
        first.kill()
        second.start()
        second.carry_out(STATEMENTS.promote)

        until(lambda: story.share(new, hub=story.hubs[0]))
        for agent in story.agents:
            until(lambda agent=agent: story.blocks(agent, [kept, lost, new]) == {kept, new})
        newest = max(story.kept_size(machine) for machine in "ab")
        until(lambda: second.ask(SET_BACK) == [(newest,)])
        assert story.doctor()["log"]["level"] == "fail"
        for hub in story.hubs:
            answer = story.read(hub, "/log/checkpoint")
            assert (answer.status_code, "must open a new one" in answer.text) == (404, True)

        done = story.command("hub", "reopen-log", "--yes", "--json", machine="b")
        assert done.code == 0, done.err
        until(lambda: story.read(story.hubs[0], "/log/checkpoint").text.startswith(origin(done)))
        done = story.auditor("verify", story.hubs[0].address, "--from", copy, "--json")
        assert done.code == 0, done.err
        assert done.rows[0]["restored"]
        assert "log" not in story.doctor()
        latest = digest()
        assert story.share(latest, hub=story.hubs[1])
        for agent in story.agents:
            until(lambda agent=agent: story.blocks(agent, [latest]))
        assert all(process.is_alive() for process in (*story.hubs, *story.agents))


@pytest.mark.nightly
def test_writes_wait_while_the_standby_is_gone_and_health_says_so(tmp_path):
    with machines(tmp_path, is_synchronous=True) as story:
        first, second = story.servers
        assert story.share(digest(), hub=story.hubs[0])
        second.stop()
        waiting = digest()
        stored = []
        thread = threading.Thread(
            target=lambda: stored.append(story.share(waiting, hub=story.hubs[0], timeout=300))
        )
        thread.start()
        for hub in story.hubs:
            until(lambda hub=hub: story.status(hub, "/health") == 503)
        assert stored == []
        said = story.doctor()["standbys"]
        assert "writes wait until one does" in said["text"]
        assert STATEMENTS.do_not_wait.split(";")[0] in said["remedy"]
        first.carry_out(STATEMENTS.do_not_wait)
        thread.join()
        assert stored == [True]
        for hub in story.hubs:
            until(lambda hub=hub: story.status(hub, "/health") == 200)
        second.start()
        first.carry_out(STATEMENTS.wait)
        until(lambda: story.doctor()["standbys"]["level"] == "ok")
