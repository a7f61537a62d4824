# SPDX-License-Identifier: Apache-2.0
"""A hub of several processes: they are replaced one after the other, and nothing gets lost."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from stemtide.exercises.stress.connection import HubAccess
from stemtide.exercises.stress.load import LoadPlan, Stress
from stemtide.exercises.stress.report import report
from tests import tables
from tests.accepted_walls import ACCEPTED
from tests.hub.api.conftest import serving
from tests.rounds import some_of

AGENTS = 30
COMMAND = Path(sys.executable).with_name("stemtide")


@pytest.fixture
def environment(tmp_path):
    """The environment of a new hub on the PostgreSQL of the test run."""
    server = os.environ.get("STEMTIDE_DATABASE_URL")
    if not server:
        pytest.skip("several workers need PostgreSQL: this runs with the tests that run on both")
    with tables.database(server) as address:
        mine = {"STEMTIDE_DATABASE_URL": address, "STEMTIDE_DATA_DIR": str(tmp_path / "hub")}
        kept = {
            name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"
        }
        yield kept | ACCEPTED | mine


def command(environment, *words):
    done = subprocess.run([COMMAND, *words], env=environment, capture_output=True, check=True)
    return json.loads(done.stdout)


@contextmanager
def hub_of_two(environment, *, port=0):
    """A hub with two workers, and its address."""
    words = ("hub", "start", "--workers", "2", "--port", str(port), "--json")
    process = subprocess.Popen([COMMAND, *words], env=environment, stdout=subprocess.PIPE)
    with process:
        try:
            yield process, json.loads(process.stdout.readline())["hub"]
        finally:
            process.terminate()


def of_process(number, name):
    """A file of a process; empty if the process is gone."""
    try:
        return Path(f"/proc/{number}/{name}").read_text()
    except OSError:
        return ""


def workers_of(process):
    """The numbers of the workers of a hub; not of Python's own helper for processes."""
    children = of_process(process.pid, f"task/{process.pid}/children").split()
    return {int(number) for number in children if "spawn_main" in of_process(number, "cmdline")}


def is_running(number):
    """Whether a process runs; one that has ended may wait for somebody who asks how."""
    state = of_process(number, "stat")
    return state != "" and ") Z " not in state


def until(process, condition):
    """Wait for a condition, while the hub runs."""
    while not condition():
        assert process.poll() is None
        time.sleep(0.05)


def replace_all(process):
    """Restart the workers, and wait until each is another one."""
    before = workers_of(process)
    process.send_signal(signal.SIGHUP)
    until(process, lambda: not before & workers_of(process))
    until(process, lambda: len(workers_of(process)) == 2)


def kill_one(process):
    """Kill a worker, and wait until another one has its place."""
    before = workers_of(process)
    os.kill(min(before), signal.SIGKILL)
    until(process, lambda: len(workers_of(process) - {min(before)}) == 2)


async def share_during(test, event):
    """Share until something has happened, and a little longer."""
    happening = asyncio.create_task(asyncio.to_thread(event))
    while not happening.done():
        await test.share()
    await happening
    await test.share()


async def story(plan, process):
    test = Stress(plan)
    try:
        await test.open()
        await share_during(test, lambda: replace_all(process))
        broken = test.counts.broken
        await share_during(test, lambda: kill_one(process))
        await test.settle()
    finally:
        await test.end()
    return test, broken


@pytest.mark.both_databases
@pytest.mark.nightly
def test_agents_miss_nothing_while_workers_are_replaced_and_killed(environment):
    command(environment, "party", "add", "tester", "--kind", "provider", "--json")
    key = command(environment, "key", "new", "--party", "tester", "--json")["key"]
    with hub_of_two(environment) as (process, address):
        plan = LoadPlan(
            [HubAccess(address, key)], ["tester"], AGENTS, rate=5, seconds=1, reports=True
        )
        test, broken_in_restart = asyncio.run(story(plan, process))
        process.terminate()
        assert process.wait() == 0
    figures = report(test)
    assert (figures.lost, figures.gaps, figures.repeats, figures.refused) == (0, 0, 0, 0), figures
    assert figures.arrivals == len(test.stored) * AGENTS
    assert broken_in_restart >= AGENTS, "each stream was on a worker that was replaced"


@pytest.mark.both_databases
@pytest.mark.nightly
def test_workers_without_their_parent_stop_and_leave_the_address(environment):
    with hub_of_two(environment) as (process, address):
        orphans = workers_of(process)
        process.kill()
        process.wait()
        while any(map(is_running, orphans)):
            time.sleep(0.05)
        with hub_of_two(environment, port=httpx.URL(address).port) as (_, again):
            assert again == address


@pytest.mark.nightly
def test_several_workers_on_sqlite_are_refused_with_the_remedy(tmp_path):
    tables.lay(tmp_path / "hub")
    kept = {name: value for name, value in os.environ.items() if "DATABASE_URL" not in name}
    kept.pop("DJANGO_SETTINGS_MODULE", None)
    done = subprocess.run(
        [COMMAND, "hub", "start", "--workers", "2", "--port", "0"],
        env=kept | ACCEPTED | {"STEMTIDE_DATA_DIR": str(tmp_path / "hub")},
        capture_output=True,
        check=False,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "several workers need PostgreSQL" in done.stderr
    assert "Set STEMTIDE_DATABASE_URL" in done.stderr


@pytest.mark.parametrize(
    ("roles", "program", "page"),
    some_of(1, [("wire", 200, 404), ("web scheduler", 404, 200), ("scheduler", 404, 404)]),
)
def test_a_process_answers_what_its_roles_are_for(roles, program, page):
    with serving(STEMTIDE_ROLES=roles) as hub, hub.client() as client:
        feed, sign_in = client.get("/api/v1/feed"), client.get("/sign-in")
        assert (feed.status_code, sign_in.status_code) == (program, page)
        assert client.get("/health").status_code == 200
        if program == 404:
            assert "send it to one with the role wire" in feed.json()["detail"]
        if page == 404:
            assert "send your browser to one with the role web" in sign_in.text


def test_only_one_process_of_a_machine_has_the_turn_of_the_scheduler(tmp_path):
    from stemtide.hub.scheduler import _Turn

    taken = []
    first = _Turn(tmp_path / "lock", on_taken=lambda: taken.append("first"))
    second = _Turn(tmp_path / "lock", on_taken=lambda: taken.append("second"))
    assert (first.is_ours(), second.is_ours(), first.is_ours()) == (True, False, True)
    first.give_back()
    assert (second.is_ours(), first.is_ours()) == (True, False)
    assert taken == ["first", "second"]
    second.give_back()
