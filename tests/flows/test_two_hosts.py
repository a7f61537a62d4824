# SPDX-License-Identifier: Apache-2.0
"""Two machines of a hub, on a PostgreSQL with a standby: each of the four is lost once.

A machine is a data folder with processes of its own. docs/run/large.md says what operators do.
"""

import os
import shutil
import threading
import time
from collections import Counter
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from stemtide.exercises import processes
from tests import caddy, forks, postgres, standby
from tests.cli.conftest import run
from tests.flows import prometheus
from tests.flows.conftest import digest, row, until
from tests.flows.test_prometheus import RULES, panels
from tests.standby import STATEMENTS

pytestmark = [
    pytest.mark.flow,
    pytest.mark.skipif(postgres.binaries() is None, reason="PostgreSQL is not installed"),
]

KEYS = ("secret.key", "signing.key", "media.key", "seal.pem")
HEADS = "SELECT entries, positions FROM ledger_numbering"
EXPIRED = "SELECT number FROM ledger_entry WHERE kind = 'signals.expired'"
ALERTS = "SELECT 1 FROM alerts_alert WHERE kind = 'signal_disputed'"
UNDELIVERED = """
SELECT count(*) FROM webhooks_delivery WHERE state IN ('queued', 'sending', 'failed')
"""
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

    def start_hub(self, machine, *, port=0):
        hub = processes.hub(self.folder / machine, port=port, environment=self.environment)
        return forks.ForkedRunning.of(hub).start()

    def start_again(self, number):
        """Start the hub of a machine that was lost, at its address of before."""
        port = int(self.hubs[number].address.rpartition(":")[2])
        self.hubs[number] = self.start_hub("ab"[number], port=port)

    def start_agent(self, name, address, **environment):
        """Start an agent of the provider."""
        agent = processes.agent(
            name, folder=self.folder / name, hub_url=address, key=self.provider_key
        )
        agent.environment = environment
        self.agents.append(forks.ForkedRunning.of(agent).start())
        return self.agents[-1]

    def new_key(self, *scopes):
        """A key of the authority with some scopes."""
        words = (
            "key",
            "new",
            "--party",
            "be-police",
            "--name",
            scopes[0].replace(":", "-"),
            "--json",
        )
        done = self.command(*words, *(word for scope in scopes for word in ("--scope", scope)))
        assert done.code == 0, done.err
        return done.rows[0]["key"]

    def subscribe(self, address):
        """Have events of the hub sent to an address."""
        key = self.new_key("webhooks:manage", "feed:read")
        url = f"{self.hubs[0].address}/api/v1/webhooks"
        headers = {"Authorization": f"Bearer {key}"}
        answer = httpx.post(url, json={"url": address}, headers=headers, timeout=60)
        assert answer.status_code == 201, answer.text

    def dispute(self, *, hub):
        """Share a value as the authority, and dispute it as the provider: an alert is due."""
        headers = {"Authorization": f"Bearer {self.key}"}
        url = f"{hub.address}/api/v1/signals"
        shared = httpx.post(url, json=row(digest()), headers=headers, timeout=60).json()
        headers = {"Authorization": f"Bearer {self.provider_key}"}
        opinion = {"opinion": "dispute", "note": "news"}
        url = f"{url}/{shared['id']}/opinion"
        answer = httpx.put(url, json=opinion, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text

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


class Receiver(ThreadingHTTPServer):
    """A receiver of events, which answers none before it may.

    heard: the ids of the events, in their order. may_answer: set it to have it answer.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Reception)
        self.heard, self.may_answer, self.first_port = [], threading.Event(), 0
        self.address = f"http://127.0.0.1:{self.server_port}/"

    def __enter__(self):
        threading.Thread(target=self.serve_forever).start()
        return self

    def __exit__(self, *_):
        self.may_answer.set()
        self.shutdown()
        self.server_close()


class _Reception(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.first_port = self.server.first_port or self.client_address[1]
        self.server.heard.append(self.headers["webhook-id"])
        self.server.may_answer.wait()
        with suppress(OSError):  # the machine that sent it is gone
            self.send_response(204)
            self.end_headers()

    def log_message(self, *_):
        pass


def has_connection(process, *, port):
    """Whether a process, or a child of it, connected from a port of this machine."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    (node,) = [row[9] for row in rows if row[1] == f"0100007F:{port:04X}"]
    for files in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):  # it ended, or is not ours
            if os.getsid(int(files.parent.name)) == process.process.pid:
                links = [path.readlink() for path in files.iterdir()]
                if Path(f"socket:[{node}]") in links:
                    return True
    return False


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
        for hub in story.hubs:  # it checks its database every few seconds
            until(lambda hub=hub: story.status(hub, "/health") == 200)
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


def lose(number, *, story, then):
    """Kill the hub of a machine while both are shared at; return what was acknowledged.

    then: what to do once it is gone.
    """
    with load(story) as acknowledged:
        until(lambda: all(len(values) >= 5 for values in acknowledged))
        story.hubs[number].kill()
        then()
        alive = acknowledged[1 - number]
        before = len(alive)
        until(lambda: len(alive) >= before + 20)
    return {value for values in acknowledged for value in values}


@pytest.mark.skipif(not caddy.is_installed(), reason="Caddy is not installed")
def test_each_machine_takes_over_from_the_other_and_does_once_what_is_due(tmp_path):
    settings = {"STEMTIDE_WEBHOOK_LOOPBACK": "1", "STEMTIDE_TRUSTED_PROXIES": "127.0.0.1"}
    with (
        Receiver() as receiver,
        machines(tmp_path, is_synchronous=True, settings=settings) as story,
        ExitStack() as stack,
    ):
        places = " ".join(hub.address.removeprefix("http://") for hub in story.hubs)
        public, authority = stack.enter_context(caddy.running(tmp_path, hub=places))
        agent = story.start_agent("behind", public, SSL_CERT_FILE=str(authority))
        stack.callback(agent.stop)  # Caddy waits for the end of its stream
        ask = story.servers[0].ask
        story.subscribe(receiver.address)
        begun, ends = digest(), digest()
        soon = (datetime.now(UTC) + timedelta(seconds=30)).isoformat()
        assert story.share(begun, hub=story.hubs[0])
        assert story.share(ends, hub=story.hubs[1], expires_at=soon)
        until(lambda: story.blocks(agent, [begun, ends]) >= {begun})
        until(lambda: receiver.heard)  # a machine waits for the answer
        sender = [has_connection(hub, port=receiver.first_port) for hub in story.hubs].index(True)

        stored = {begun} | lose(sender, story=story, then=receiver.may_answer.set)
        until(lambda: story.blocks(agent, [*stored]) == stored)
        until(lambda: receiver.heard.count(receiver.heard[0]) == 2)
        until(lambda: ask(EXPIRED))
        story.start_again(sender)
        stored |= lose(1 - sender, story=story, then=lambda: story.dispute(hub=story.hubs[sender]))
        until(lambda: story.blocks(agent, [*stored, ends]) == stored)
        story.start_again(1 - sender)

        until(lambda: ask(UNDELIVERED) == [(0,)])
        until(lambda: ask(ALERTS))
        time.sleep(12)  # both schedulers look at deadlines twice
        repeated = {event: count for event, count in Counter(receiver.heard).items() if count > 1}
        assert repeated == {receiver.heard[0]: 2}
        assert [len(ask(statement)) for statement in (EXPIRED, ALERTS)] == [1, 1]
        assert agent.is_alive()
        assert ask(SET_BACK) == [(None,)]


def stored_at(server, value):
    """Whether a server has a signal."""
    return (value,) in server.ask("SELECT value FROM signals_signal")


def test_a_replaced_primary_that_comes_back_is_left_alone(tmp_path):
    with machines(tmp_path, is_synchronous=False) as story:
        first, second = story.servers
        hub = story.hubs[0]
        assert story.share(digest(), hub=hub)
        until(lambda: second.ask(HEADS) == first.ask(HEADS))
        first.kill()
        second.carry_out(STATEMENTS.promote)
        until(lambda: story.share(digest(), hub=hub))
        until(lambda: (tmp_path / "a/database.timeline").read_text().endswith(" 2\n"))
        first.start()  # by itself: it takes writes, too, and is named first
        story.hubs[0].kill()
        story.start_again(0)  # all its connections are new
        hub, value = story.hubs[0], digest()
        until(lambda: story.share(value, hub=hub))
        assert (stored_at(first, value), stored_at(second, value)) == (False, True)
        assert story.status(hub, "/health") == 200
        said = story.doctor()["primaries"]
        assert (said["level"], "take writes" in said["text"]) == ("fail", True)

        second.kill()  # the replaced one alone is left
        until(lambda: story.status(hub, "/health") == 503)
        until(lambda: "a standby was promoted" in story.read(hub, "/health").text)
        refused = digest()
        assert not story.share(refused, hub=hub)
        assert not stored_at(first, refused)
        assert "a standby was promoted" in story.doctor()["database"]["text"]
        second.start()
        until(lambda: story.share(refused, hub=hub))
        assert stored_at(second, refused)


@pytest.mark.skipif(not caddy.is_installed(), reason="Caddy is not installed")
@pytest.mark.skipif(not prometheus.is_installed(), reason="Prometheus is not installed")
def test_prometheus_shows_the_standby_and_the_public_certificate(tmp_path):
    with ExitStack() as stack:
        public, authority = stack.enter_context(caddy.running(tmp_path, hub="127.0.0.1:1"))
        settings = {"STEMTIDE_ADDRESS": public, "SSL_CERT_FILE": str(authority)}
        story = stack.enter_context(machines(tmp_path, is_synchronous=False, settings=settings))
        targets = [("stemtide-hub", story.hubs[0].address, story.new_key("metrics:read"))]
        watch = prometheus.Prometheus(tmp_path / "prometheus", targets, rules=RULES)
        stack.callback(watch.stop)
        until(lambda: watch.is_up(1))

        def empty():
            queries = [target["expr"] for panel in panels() for target in panel["targets"]]
            names = ("stemtide_tls", "stemtide_standby")
            shown = [query for query in queries if query.startswith(names)]
            assert len(shown) == 5
            return [query for query in shown if not watch.query(query)]

        until(lambda: not empty())
        assert float(watch.query("stemtide_standbys_following")[0]["value"][1]) == 1
        assert float(watch.query("stemtide_tls_certificate_days")[0]["value"][1]) < 8
        story.servers[1].stop()
        until(lambda: float(watch.query("stemtide_standbys_following")[0]["value"][1]) == 0)
        until(lambda: {"StemtideStandbyAway", "StemtideTlsExpires"} <= set(watch.alerts()))
