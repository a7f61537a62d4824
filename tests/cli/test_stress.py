# SPDX-License-Identifier: Apache-2.0
"""An operator's test of a hub: it measures, leaves nothing behind, and notices what is lost."""

import json
import resource
import selectors
import signal
import socket
import subprocess
import threading
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tests.cli.conftest import COMMAND, run, surroundings


@pytest.fixture
def tester(hub):
    """Settings of a command with a key of a new party of the hub's, and the party's name."""
    name, at = f"tester-{uuid4().hex[:8]}", ("--data-dir", hub.folder)
    assert run("party", "add", name, "--kind", "provider", *at).code == 0
    scopes = ("--scope", "feed:read", "--scope", "signals:write")
    (row,) = run("key", "new", "--party", name, *scopes, "--json", *at).rows
    hub.keys[name] = row["key"]
    return name, {"STEMTIDE_HUB_URL": hub.address, "STEMTIDE_KEY": row["key"]}


@pytest.fixture
def stress(tester):
    """Run a test of 20 agents that shares ten signals within a second."""
    name, settings = tester

    def call(*words, **more):
        party = () if "--party" in words else ("--party", name)
        begin = ("stress", "--agents", 20, "--rate", 10, "--seconds", 1, "--json")
        return run(*begin, *party, *words, **(settings | more))

    return call


@pytest.fixture
def states(hub, tester):
    """Read the states of all signals that the party has shared, exercises only.

    An entry that ends a signal does not name its party, so only entries count that came after
    the party was made: other tests end signals on the same hub."""
    with hub.client(tester[0]) as client:
        feed = "/api/v1/feed?limit=10000&exercise=true"
        head = client.get(f"{feed}&after=0").json()["head"]

        def read():
            entries = client.get(f"{feed}&after={head}").json()["entries"]
            return [entry.get("state", "live") for entry in entries]

        yield read


class CuttingProxy:
    """A way to the hub whose connections can be cut. It forwards bytes both ways."""

    def __init__(self, address):
        self._to = (urlsplit(address).hostname, urlsplit(address).port)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._pairs = {}
        self._orders, self._orders_in = socket.socketpair()
        self._thread = threading.Thread(target=self._forward)
        self._thread.start()

    def cut(self):
        """End all connections."""
        self._orders_in.send(b"c")

    def stop(self):
        self._orders_in.send(b"s")
        self._thread.join()

    def _forward(self):
        with selectors.DefaultSelector() as ready:
            ready.register(self._listener, selectors.EVENT_READ)
            ready.register(self._orders, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    if key.fileobj is self._listener:
                        self._accept(ready)
                    elif key.fileobj is self._orders:
                        order = self._orders.recv(1)
                        for side in list(self._pairs):
                            self._end(ready, side)
                        if order == b"s":
                            for part in (self._listener, self._orders, self._orders_in):
                                part.close()
                            return
                    elif key.fileobj in self._pairs:
                        self._pass_on(ready, key.fileobj)

    def _accept(self, ready):
        caller, hub = self._listener.accept()[0], socket.create_connection(self._to)
        self._pairs |= {caller: hub, hub: caller}
        for side in (caller, hub):
            ready.register(side, selectors.EVENT_READ)

    def _pass_on(self, ready, side):
        try:
            data = side.recv(65536)
            self._pairs[side].sendall(data)
        except OSError:
            data = b""
        if not data:
            self._end(ready, side)

    def _end(self, ready, side):
        other = self._pairs.pop(side, None)
        if other is not None:
            for end in (side, other):
                self._pairs.pop(end, None)
                ready.unregister(end)
                end.close()


@pytest.fixture
def proxy(hub):
    proxy = CuttingProxy(hub.address)
    yield proxy
    proxy.stop()


def test_a_hub_that_holds_the_thresholds_passes(states, stress):
    done = stress("--max-p99-ms", 60_000)
    (row,) = done.rows
    assert (done.code, done.err) == (0, "All 10 signals of the test are withdrawn.\n")
    assert (row["shares"], row["arrivals"], row["withdrawn"]) == (10, 200, 10)
    assert (row["lost"], row["repeats"], row["gaps"], row["broken"]) == (0, 0, 0, 0)
    assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"] <= row["worst_ms"]
    assert row["broken_limits"] == []
    assert states() == ["withdrawn"] * 10


@pytest.mark.nightly
def test_a_threshold_that_cannot_be_held_fails(stress):
    done = stress("--max-p50-ms", 0.001)
    assert done.code == 1
    assert "stemtide: p50 is " in done.err
    assert len(done.rows[0]["broken_limits"]) == 1


@pytest.mark.nightly
def test_a_stream_that_is_cut_loses_nothing(states, tester, proxy):
    name, settings = tester
    words = ("stress", "--party", name, "--agents", 20, "--rate", 10, "--seconds", 3, "--json")
    started = subprocess.Popen(
        [COMMAND, *map(str, words), "--hub", proxy.address],
        env=surroundings(settings),
        stdout=subprocess.PIPE,
        text=True,
    )
    for number in range(1, 3):
        while len(states()) < 10 * number:
            assert started.poll() is None
        proxy.cut()
    out, _ = started.communicate()
    assert started.returncode == 0, out
    row = json.loads(out)
    assert (row["arrivals"], row["lost"], row["gaps"], row["repeats"]) == (600, 0, 0, 0)
    assert row["broken"] >= 20
    assert states() == ["withdrawn"] * 30


@pytest.mark.nightly
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_test_withdraws_its_signals(states, tester, number):
    name, settings = tester
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    started = subprocess.Popen(
        [COMMAND, "stress", "--party", name, "--agents", "5", "--rate", "10"],
        env=surroundings(settings),
        stderr=subprocess.PIPE,
        text=True,
    )
    signal.signal(signal.SIGINT, before)
    while len(states()) < 3:
        assert started.poll() is None
    started.send_signal(number)
    _, err = started.communicate()
    assert started.returncode == 130
    left = states()
    assert err == f"All {len(left)} signals of the test are withdrawn.\n"
    assert set(left) == {"withdrawn"}


@pytest.mark.nightly
def test_only_a_key_whose_party_is_named_is_used(hub, tester, states, stress):
    name, _ = tester
    wrong = stress("--party", "be-crisis-centre")
    assert (wrong.code, f"the key is of {name}: add --party {name}" in wrong.err) == (2, True)
    reading = hub.another_key(name, "feed:read")
    lacking = stress(STEMTIDE_KEY=reading)
    assert (lacking.code, "lacks the scope signals:write" in lacking.err) == (2, True)
    assert run("stress", STEMTIDE_HUB_URL=hub.address).code == 2
    assert states() == []


@pytest.mark.nightly
def test_more_agents_than_a_key_has_streams_need_more_keys(hub, tester, tmp_path):
    name, settings = tester
    words = ("stress", "--party", name, "--seconds", 1, "--rate", 5, "--json")
    refused = run(*words, "--agents", 101, **settings)
    assert (refused.code, "give more keys with --keys" in refused.err) == (1, True)
    (tmp_path / "keys").write_text(f"{hub.keys[name]}\n{hub.another_key(name, 'feed:read')}\n")
    done = run(*words, "--agents", 101, "--keys", tmp_path / "keys", **settings)
    assert (done.code, done.rows[0]["arrivals"]) == (0, 505)


@pytest.mark.nightly
def test_too_few_open_files_are_named_with_the_remedy(tester):
    _, settings = tester

    def allow_few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))

    done = subprocess.run(
        [COMMAND, "stress", "--party", tester[0], "--agents", "100"],
        env=surroundings(settings),
        capture_output=True,
        check=False,
        text=True,
        preexec_fn=allow_few,
    )
    assert done.returncode == 2
    assert "100 agents need 400 open files" in done.stderr
    assert "`ulimit -n 400`" in done.stderr
