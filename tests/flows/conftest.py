# SPDX-License-Identifier: Apache-2.0
"""A real hub and real agents as processes on loopback, and what a story asks of them.

`make test` plays the stories of SHORT, and `make nightly` all of them.

Each worker keeps one hub running for its stories, and one browser. Every story begins with the
database that it asks for: `RunningHub.begin` puts it in the place of the last story's. A story may
kill the hub and restart it; one that needs other settings takes a hub of its own.
"""

import os
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from stemtide.exercises import cast, processes, provider
from tests import forks
from tests.chromium import installed_chromium
from tests.flows import beginnings
from tests.tables import NAME, new_hub

SHORT = {
    # Shared at the hub, blocked at every agent, counted, and undone; and the demo, as people start
    # it: bots play a crisis, referrals and an order over HTTP, while agents of three providers
    # block, and find what was uploaded before.
    "test_the_loop.py",
    # kill -9 of a hub, of an agent and of both: nothing is lost, nothing is counted twice, and an
    # agent blocks also while its hub is away. Half a bulk never lands, and agents of two parties
    # hold what each of them may.
    "test_faults.py::test_a_hub_killed_while_many_share_single_signals_has_each_once",
    "test_faults.py::test_outcomes_are_counted_once_when_either_side_is_killed",
    "test_faults.py::test_an_agent_keeps_matching_while_the_hub_is_away_and_catches_up",
    "test_faults.py::test_half_a_bulk_never_lands",
    "test_faults.py::test_two_agents_of_two_parties_each_see_what_they_may",
    # A hub goes back to a backup, and a standby takes the place of a primary that is killed.
    "test_restored_hub.py",
    "test_two_hosts.py::test_no_acknowledged_share_is_lost_with_the_primary",
    # What one hub pushes to another comes back as an echo, and is taken back there.
    "test_exchanges.py::test_what_is_pushed_arrives_once_comes_back_as_an_echo_and_is_taken_back",
    # Content on the allow-list of the hub is only logged by a real agent.
    "test_allowlists.py",
    # The commands about a crisis, from the warning to its end, which no other test calls; and what
    # a terminal says of wrong words, a wrong key and an absent hub.
    "test_commands.py::test_a_crisis_a_share_a_look_and_a_withdrawal_from_the_terminal",
    "test_commands.py::test_bad_input_is_one_line_with_the_remedy",
    "test_commands.py::test_a_wrong_key_and_an_absent_hub_are_told_apart",
    # Four people of three parties in browsers: who may do and see what in a crisis, and how each
    # sees the acts of others without a reload.
    "test_crisis_in_browser.py",
    # The connection is lost and comes back under a form that somebody fills in.
    (
        "test_crisis_troubles.py::"
        "test_a_crisis_survives_a_lost_connection_and_a_form_keeps_what_was_written"
    ),
    # The desk works without JavaScript.
    "test_board_in_browser.py::test_everything_works_without_javascript",
    # An invitation, a password, and codes from an app.
    "test_sign_in_in_browser.py::test_from_an_invitation_to_the_desk_by_password_and_code",
    # Fingerprints that a browser makes are the agent's, and no byte of the picture leaves it.
    "test_desk_sharing.py::test_a_browser_fingerprints_pictures_as_the_agent_does",
    "test_desk_sharing.py::test_desk_a_picture_is_shared_into_a_crisis_and_stays_on_the_computer",
    # An order is issued at the desk. What is counted of such tasks is what the documentation says.
    "test_desk_tasks.py::test_desk_an_order_is_issued_from_a_signal",
    "test_desk_tasks.py::test_desk_the_table_in_the_documentation_is_what_is_counted",
    # A referral is answered by the other side, and the address is visited again.
    "test_referral_inbox.py::test_a_referral_goes_there_and_back_between_two_people",
    # Somebody without an account complains, and agents of two providers release the content.
    "test_complaint_story.py",
    # A moderator decides at the agent's page by keyboard; and signs in at a real hub, which then
    # goes away.
    "test_review_page.py::test_a_moderator_decides_by_keyboard_alone",
    "test_review_sign_in.py::test_a_moderator_signs_in_at_the_hub_and_reviews_on_without_it",
    # Pages of each kind as axe sees them, and that each page of the desk is in the list for it.
    "test_crisis_access.py::test_pages_are_open_to_all_and_whole_on_a_small_screen_in_german",
    "test_crisis_access.py::test_every_page_is_looked_at",
    # Files for Prometheus are valid.
    "test_prometheus.py::test_promtool_takes_the_files",
    "test_prometheus.py::test_each_alert_says_what_to_do",
}
"""Files, and tests of files, that `make test` plays: each shows what no other test of it does.

tests/house/test_nightly.py checks that there is each of them.
"""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave every story that is not in SHORT to the night."""
    here = Path(__file__).parent
    for item in items:
        names = {item.path.name, f"{item.path.name}::{item.originalname}"}
        if item.path.parent == here and SHORT.isdisjoint(names):
            item.add_marker(pytest.mark.nightly)


CHROMIUM = installed_chromium()
SWITCHES = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]
PATIENCE_MS = 60_000
"""How long a story waits for what comes: far longer than it takes where nothing else runs."""

NARROW, WIDE = {"width": 360, "height": 780}, {"width": 1440, "height": 1000}
VIEWPORTS = [pytest.param(WIDE, id="wide"), pytest.param(NARROW, id="phone")]

LOOPBACK = {"STEMTIDE_RECHECK_LOOPBACK": "1", "STEMTIDE_WEBHOOK_LOOPBACK": "1"}
"""What lets a hub call servers on this machine, where the stories' other parties are."""


def until(true, *, tries=600):
    """Ask again and again, soon and then less often.

    A story that never comes true fails by the number of tries, not by a clock.
    """
    for number in range(tries):
        answer = true()
        if answer:
            return answer
        time.sleep(min(0.01 * 1.2**number, 0.25))
    pytest.fail(f"it never came true: {true}")


class RunningHub:
    """A hub's process, and the files that it keeps."""

    def __init__(self, folder, *, environment=None):
        self.folder, self.environment = folder, environment
        self.process = None

    @property
    def database(self):
        return self.folder / NAME

    def begin(self, beginning):
        """Give the hub this database, whatever it had before; start it where it does not run."""
        if self.process is not None and self.process.is_alive():
            self._replace(beginning)
            return
        self._clear()
        for path in self.folder.glob(f"{NAME}*"):
            path.unlink()
        beginning.copy_to(self.folder)
        new_hub(self.database)
        self.start()

    def start(self):
        """Start the hub, at the address that it had before, if any."""
        port = int(self.process.address.rsplit(":", 1)[1]) if self.process else 0
        hub = processes.hub(self.folder, port=port, environment=self.environment)
        self.process = forks.ForkedRunning.of(hub).start()

    def _replace(self, beginning):
        """Overwrite the open database in one transaction, as the database of another hub.

        The feed goes on from its position: who watches it in the hub's process only looks forward.
        """
        self._clear()
        next_one = self.folder / "next.sqlite3"
        next_one.write_bytes((beginning.folder / NAME).read_bytes())
        with closing(sqlite3.connect(self.database, timeout=60)) as live:
            (position,) = live.execute("SELECT positions FROM ledger_numbering").fetchone()
            new_hub(next_one, positions=position)
            with closing(sqlite3.connect(next_one)) as source:
                source.backup(live)
        next_one.unlink()

    def _clear(self):
        """Remove what the last story left beside the database."""
        for path in self.folder.glob("snapshots/*"):
            path.unlink()


class House:
    """A hub with its parties; agents join as the story asks.

    beginning: the parties, and what else is there; without it, those of the demo.
    hub: one that runs already, for stories of this house; without it, it has one of its own.
    """

    def __init__(self, folder, *, beginning=None, environment=None, hub=None):
        self.folder = folder
        self._is_own = hub is None
        self.running = hub or RunningHub(folder / "hub", environment=environment)
        beginning = beginning or beginnings.of_cast("demo")
        self.told = told = beginning.told
        self.keys, self.email, self.password = told["keys"], told["email"], told["password"]
        self.running.begin(beginning)
        self.agents = {}
        self.receivers = {}
        self.authority = self.client(cast.AUTHORITY)

    @property
    def hub(self):
        """The hub's process."""
        return self.running.process

    def client(self, party):
        headers = {"Authorization": f"Bearer {self.keys[party]}"}
        return httpx.Client(base_url=self.hub.address, headers=headers, timeout=60)

    def agent(self, party=cast.PROVIDERS[0], *, extra="", review="", hub_url=""):
        """Start an agent. review: settings of its review page, with pictures; "" for none.

        hub_url: another name of the hub, which makes it another site for browsers.
        """
        receiver = self.receivers[party] = provider.Receiver()
        address = receiver.start()
        webhook = f'[webhook]\nurl = "{address}"\nsecret = "{receiver.secret}"\n'
        if review:
            webhook += f'[review]\nenabled = true\npicture_url = "{address}{{ref}}"\n{review}\n'
        agent = processes.agent(
            f"{party}-uploads",
            folder=self.folder / party,
            hub_url=hub_url or self.hub.address,
            key=self.keys[party],
            extra=extra + "\n" + webhook,
        )
        agent = self.agents[party] = forks.ForkedRunning.of(agent)
        return agent.start()

    def restart_hub(self):
        """Kill the hub and start it again, at the same address."""
        self.hub.kill()
        self.running.start()

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
        path = self.running.database
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return database.execute(statement).fetchall()

    def ledger_has_no_gap(self):
        """Whether its numbers are 1 to the last one given. One query, as agents write meanwhile."""
        rows = self.rows(
            "SELECT number, (SELECT entries FROM ledger_numbering) FROM ledger_entry ORDER BY 1"
        )
        return [number for number, _ in rows] == list(range(1, rows[-1][1] + 1))

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
        for agent in self.agents.values():
            agent.stop()
        for receiver in self.receivers.values():
            receiver.stop()
        if self._is_own:
            self.hub.stop()


@dataclass(frozen=True)
class Furnished:
    """address: the hub's; parts: what stands in addresses; password: everybody's."""

    address: str
    parts: dict[str, str]
    password: str


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


@pytest.fixture(scope="session")
def running_hub(tmp_path_factory):
    """The worker's hub; its process starts with the first story."""
    hub = RunningHub(tmp_path_factory.mktemp("hub"), environment=LOOPBACK)
    yield hub
    if hub.process is not None:
        hub.process.stop()


@pytest.fixture
def house(tmp_path, running_hub, _own_settings):
    """The demo's parties and people on the worker's hub."""
    house = House(tmp_path, hub=running_hub)
    yield house
    house.close()


@pytest.fixture
def furnished(running_hub, _own_settings):
    """The worker's hub with everything that has a page, for tests that only look."""
    beginning = beginnings.furnished()
    running_hub.begin(beginning)
    return Furnished(running_hub.process.address, **beginning.told)


class _Browser:
    """The worker's browser: it starts for the first test that needs it.

    It ends before a test without a browser begins, for while it runs this thread has an event
    loop, in which Django refuses to use its database.
    """

    def __init__(self):
        self._playwright = self._chromium = None

    def get(self):
        if self._chromium is None:
            expect.set_options(timeout=PATIENCE_MS)
            self._playwright = sync_playwright().start()
            self._chromium = self._playwright.chromium.launch(
                executable_path=CHROMIUM, args=SWITCHES, timeout=PATIENCE_MS
            )
        return self._chromium

    def close(self):
        if self._chromium is not None:
            self._chromium.close()
            self._playwright.stop()
            self._playwright = self._chromium = None


_browser = _Browser()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem):
    """Close the browser where the next test has no use for it, also if this one ends badly."""
    try:
        return (yield)
    finally:
        if nextitem is None or nextitem.get_closest_marker("browser") is None:
            _browser.close()


@pytest.fixture
def chromium():
    """The worker's browser; each test makes contexts of its own in it, and closes them."""
    if CHROMIUM is None:
        why = "there is no Chromium here: apt install chromium"
        if os.environ.get("STEMTIDE_REQUIRE_ALL") == "1":
            pytest.fail(why)
        pytest.skip(why)
    browser = _browser.get()
    yield browser
    for context in browser.contexts:
        context.close()
