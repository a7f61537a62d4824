# SPDX-License-Identifier: Apache-2.0
"""Two and three real hubs that pull from one another: nothing grows, a withdrawal travels once."""

import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import forks
from tests.flows.conftest import House, RunningHub, digest, row, until
from tests.rounds import rounds

pytestmark = pytest.mark.flow
ADDRESS = {
    "taxii": "/taxii2/hub/collections/signals/",
    "stopncii": "/stopncii/v1",
    "misp-feed": "/misp/feed",
}
LOOPBACK = {"STEMTIDE_EXCHANGE_LOOPBACK": "1"}


class Terminal:
    """A hub's process, and an operator at its machine. more: settings of both."""

    def __init__(self, folder, *, more=None):
        self.running = RunningHub(folder, environment=LOOPBACK | (more or {}))
        self._data = ["--data-dir", str(folder), "--json"]
        stdin, orders = os.pipe()
        answers, stdout = os.pipe()
        self._terminal = forks.Fork(
            ["terminal"],
            environment={"PATH": "/usr/bin:/bin", "HOME": str(folder)} | LOOPBACK,
            folder=Path(__file__).parents[2],
            stdin=stdin,
            stdout=stdout,
            stderr=sys.__stderr__.fileno(),
        )
        os.close(stdin)
        os.close(stdout)
        self._orders, self._answers = os.fdopen(orders, "w"), os.fdopen(answers)

    def command(self, *words, sent=""):
        """What the operator types at this hub's own machine; the JSON that comes of it."""
        asked = {"words": [*words, *self._data], "sent": sent}
        self._orders.write(json.dumps(asked) + "\n")
        self._orders.flush()
        told = json.loads(self._answers.readline())
        assert told["code"] == 0, (words, told["said"], told["told"])
        return json.loads(told["said"].splitlines()[0]) if told["said"] else None

    def close(self):
        self._orders.close()
        self._terminal.wait()
        self._answers.close()
        self.running.process.stop()


class Hub:
    """One hub with its name among the others."""

    def __init__(self, name, terminal, folder):
        self.name = name
        self.house = House(folder, hub=terminal.running)
        self.command = terminal.command

    def close(self):
        self.house.close()

    def party(self, name):
        """A party for another hub, and its key."""
        self.command("party", "add", name, "--kind", "authority")
        return self.command("key", "new", "--party", name)["key"]

    def pull_from(self, other, kind="taxii", *more, label=""):
        """Follow another hub: it gives us a key, and what comes is a party's of its own here."""
        label = label or kind
        key = other.party(f"reader-{self.name}-{label}")
        self.command("party", "add", f"from-{other.name}-{label}", "--kind", "authority")
        self.command(
            *("exchange", "add", f"{label}-{other.name}", "--kind", kind, "--every", "86400"),
            *("--address", other.house.hub.address + ADDRESS[kind]),
            *("--party", f"from-{other.name}-{label}", "--secret-file", "-", *more),
            sent=key,
        )
        # The hub's clock runs it once by itself, as it is due; not again for a day.
        until(lambda: self.command("exchange", "show", f"{label}-{other.name}")["last_ok_at"])

    def run(self, other, kind="taxii"):
        return self.command("exchange", "run", f"{kind}-{other.name}")["counts"]

    def leave(self, other, kind):
        self.command("exchange", "remove", f"{kind}-{other.name}", "--withdraw", "--yes")

    def live(self):
        found = self.house.rows("SELECT value FROM signals_signal WHERE state = 'live'")
        return sorted(value for (value,) in found)

    def count(self, what):
        return self.house.rows(f"SELECT count(*) FROM {what}")[0][0]  # noqa: S608  # our own words

    def share(self, *values, **facts):
        rows = [row(one, kind="md5", tlp="green", **facts) for one in values]
        return [one["id"] for one in self.house.share(rows)["signals"]]

    def withdraw(self, uid):
        body = {"reason": "mistake"}
        answer = self.house.authority.post(f"/api/v1/signals/{uid}/withdraw", json=body)
        assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def terminals(tmp_path_factory):
    """The machines of hubs, by name; each starts with the first test that needs it."""
    started = {}

    def of(name):
        if name not in started:
            started[name] = Terminal(tmp_path_factory.mktemp("hub") / name)
        return started[name]

    yield of
    for terminal in started.values():
        terminal.close()


@pytest.fixture
def raised(terminals, tmp_path, _own_settings):
    """Give so many hubs that hold nothing yet, one for each letter."""
    with ExitStack() as stack:

        def begin(names):
            hubs = []
            for name in names:
                hubs.append(Hub(name, terminals(name), tmp_path / name))
                stack.callback(hubs[-1].close)
            return hubs

        yield begin


@pytest.fixture
def two(raised):
    """Two hubs that hold nothing yet."""
    return raised("ab")


@pytest.mark.parametrize("kind", ADDRESS)
def test_two_hubs_that_follow_one_another_do_not_grow(two, kind):
    a, b = two
    before = a.count("signals_signal"), b.count("signals_signal")
    a.pull_from(b, kind)
    b.pull_from(a, kind)
    first, second, third = (digest()[:32] for _ in range(3))
    (gone, kept), (theirs,) = a.share(first, second), b.share(third)
    assert b.run(a, kind)["shared"] == 2
    assert a.run(b, kind) == {"shared": 1, "echo": 2}
    assert "shared" not in b.run(a, kind)
    assert a.live() == b.live() == sorted([first, second, third])
    a.withdraw(gone)
    # MISP counts in seconds: not in the second of the last run, but ever.
    assert until(lambda: b.run(a, kind).get("ended")) == 1
    entries = a.count("ledger_entry"), b.count("ledger_entry")
    for _ in range(2):
        a.run(b, kind)
        b.run(a, kind)
    assert a.live() == b.live() == sorted([second, third])
    assert (a.count("ledger_entry"), b.count("ledger_entry")) == entries
    grown = a.count("signals_signal") - before[0], b.count("signals_signal") - before[1]
    assert grown == (3, 3)
    assert a.count("signals_opinionrow") == b.count("signals_opinionrow") == 0
    a.withdraw(kept)
    b.withdraw(theirs)
    a.leave(b, kind)
    b.leave(a, kind)
    assert a.live() == b.live() == []


def test_what_goes_around_three_hubs_by_three_kinds_ends_where_it_began(raised):
    a, b, c = raised("abc")
    ring = [(b, a, "taxii"), (c, b, "stopncii"), (a, c, "misp-feed")]
    for reader, source, kind in ring:
        reader.pull_from(source, kind)
    values = [digest()[:32] for _ in range(3)]
    uids = a.share(*values)
    told = [reader.run(source, kind) for reader, source, kind in ring]
    assert told == [{"shared": 3}, {"shared": 3}, {"echo": 3}]
    a.withdraw(uids[0])
    told = [reader.run(source, kind) for reader, source, kind in ring]
    assert [one.get("ended") for one in told[:2]] == [1, 1]
    for reader, source, kind in ring:
        reader.run(source, kind)
    assert a.live() == b.live() == c.live() == sorted(values[1:])
    assert [one.count("signals_signal") for one in (a, b, c)] == [3, 3, 3]
    withdrawn = "ledger_entry WHERE kind = 'signal.withdrawn'"
    assert [one.count(withdrawn) for one in (a, b, c)] == [1, 1, 1]


@pytest.mark.parametrize("kind", rounds(["taxii"], nightly=["taxii", "stopncii"]))
def test_what_is_pushed_arrives_once_comes_back_as_an_echo_and_is_taken_back(two, kind):
    a, b = two
    label = f"{kind}-both"
    a.pull_from(b, kind, "--direction", "both", label=label)
    uids = a.share(*(digest()[:32] for _ in range(3)))
    assert a.run(b, label)["pushed"] == 3
    assert a.live() == b.live()
    assert a.run(b, label) == {"echo": 3}
    a.withdraw(uids[0])
    assert a.run(b, label)["pushed"] == 1
    assert len(a.live()) == len(b.live()) == 2
    assert a.live() == b.live()
    entries = a.count("ledger_entry"), b.count("ledger_entry")
    for _ in range(2):
        assert "pushed" not in a.run(b, label)
    assert (a.count("ledger_entry"), b.count("ledger_entry")) == entries
    for uid in uids[1:]:
        a.withdraw(uid)
    assert a.run(b, label)["pushed"] == 2
    assert b.live() == []
    a.leave(b, label)
