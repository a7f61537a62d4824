# SPDX-License-Identifier: Apache-2.0
"""The version before and this one run side by side on one database, while others share.

The version before is the newest tag of a release; as long as there is none, it is a commit.
"""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from stemtide.exercises import processes
from tests import postgres
from tests.cli.conftest import run
from tests.flows.conftest import digest, row, until
from tests.flows.test_two_hosts import KEYS

ROOT = Path(__file__).parents[2]
BEFORE_TAGS = "c22e8d79"
COMPILE = """
import hatch_build as build
from pathlib import Path
build.compile_all(Path(build.ROOM), build.machine_to_compile_for(is_editable=True))
build.compile_catalogues(Path(build.LOCALE))
"""
"""Make what an installed checkout has and no commit."""

MAIN = "from stemtide.cli.app import main; main()"


def version_before():
    """The newest release below this commit, or the commit that stands for it; "" if none is."""
    release = ("describe", "--match=v*", "--abbrev=0", "HEAD^")  # of annotated tags
    for words in (release, ("rev-parse", "--verify", BEFORE_TAGS)):
        done = subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return done.stdout.strip()
    return ""


pytestmark = [
    pytest.mark.flow,
    pytest.mark.skipif(postgres.binaries() is None, reason="PostgreSQL is not installed"),
    pytest.mark.skipif(not version_before(), reason="the history of this checkout is cut off"),
]


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """The sources of the version before."""
    folder = tmp_path_factory.mktemp("old")
    words = ["git", "archive", version_before(), "src", "hatch_build.py"]
    packed = subprocess.run(words, cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    subprocess.run([sys.executable, "-c", COMPILE], cwd=folder, check=True)
    return folder / "src"


class Upgrade:
    """Hubs of both versions on one database."""

    def __init__(self, folder, *, url, old):
        self.folder, self.url, self.old = folder, url, old
        self.started = []

    def start(self, running):
        """Start a process, which close() stops."""
        self.started.append(running.start())
        return running

    def close(self):
        for running in reversed(self.started):
            running.stop()

    def environment(self, machine):
        folder = self.folder / machine
        return {"STEMTIDE_DATABASE_URL": self.url, "STEMTIDE_DATA_DIR": str(folder)}

    def as_old(self, running):
        """Have a process run the version before."""
        running.command = [sys.executable, "-c", MAIN, *running.command[1:]]
        running.environment = dict(running.environment) | {"PYTHONPATH": str(self.old)}
        return running

    def hub(self, machine, *, port=0):
        folder = self.folder / machine
        if machine != "a":
            folder.mkdir(mode=0o700, exist_ok=True)
            for key in KEYS:
                shutil.copy(self.folder / "a" / key, folder / key)
        return processes.hub(folder, port=port, environment=self.environment(machine))

    def old_command(self, *words):
        """Run a command of the version before."""
        environment = os.environ | self.environment("a") | {"PYTHONPATH": str(self.old)}
        command = [sys.executable, "-c", MAIN, *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def command(self, *words):
        """Run a command of this version."""
        return run(*words, "--data-dir", self.folder / "a", STEMTIDE_DATABASE_URL=self.url)


@contextmanager
def sharing(key, hubs):
    """Share at each of some hubs meanwhile; gives what each acknowledged."""
    ends = threading.Event()
    acknowledged = {name: [] for name in hubs}

    def go_on(name):
        headers = {"Authorization": f"Bearer {key}"}
        while not ends.is_set():
            value = digest()
            with suppress(httpx.TransportError):
                url = f"{hubs[name]}/api/v1/signals"
                answer = httpx.post(url, json=row(value), headers=headers, timeout=60)
                if answer.status_code == 201:
                    acknowledged[name].append(value)
            time.sleep(0.1)

    threads = [threading.Thread(target=go_on, args=[name]) for name in hubs]
    for thread in threads:
        thread.start()
    try:
        yield acknowledged
    finally:
        ends.set()
        for thread in threads:
            thread.join()


def blocked(agent, values):
    """Which of some values an agent blocks."""
    items = [{"ref": value, "sha256": value} for value in values]
    answer = httpx.post(f"{agent.address}/match", json={"items": items}, timeout=60)
    rows = answer.json()["items"] if answer.status_code == 200 else []
    return {row["ref"] for row in rows if row["decision"]["action"] == "block"}


def test_nothing_is_lost_while_one_machine_after_the_other_is_upgraded(tmp_path, old):
    with (
        postgres.server(throw_away=()) as url,
        closing(Upgrade(tmp_path, url=url, old=old)) as story,
    ):
        a = story.start(story.as_old(story.hub("a")))
        keys = {}
        for name, kind in (("be-police", "authority"), ("big-video", "provider")):
            story.old_command("party", "add", name, "--kind", kind)
            words = ("key", "new", "--party", name, "--json")
            keys[name] = story.old_command(*words).partition('"key": "')[2].partition('"')[0]
        agent = processes.agent(
            "old", folder=tmp_path / "old", hub_url=a.address, key=keys["big-video"]
        )
        agent = story.start(story.as_old(agent))

        plan = story.command("hub", "migrate", "--plan")
        assert plan.code == 0, plan.err
        assert "expand only" in plan.out
        assert "STOP THE HUB FIRST" not in plan.out
        hubs = {"a": a.address}
        with sharing(keys["be-police"], hubs) as acknowledged:
            until(lambda: len(acknowledged["a"]) >= 10)
            b = story.start(
                story.hub("b")
            )  # changes the tables, while the old version takes shares
            before = len(acknowledged["a"])
            until(lambda: len(acknowledged["a"]) >= before + 10)
        hubs["b"] = b.address
        everything = set(acknowledged["a"])
        with sharing(keys["be-police"], hubs) as acknowledged:
            until(lambda: all(len(values) >= 10 for values in acknowledged.values()))
            a.stop()
            port = int(a.address.rpartition(":")[2])
            story.start(story.hub("a", port=port))
            before = len(acknowledged["a"])
            until(lambda: len(acknowledged["a"]) >= before + 10)
        everything |= {value for values in acknowledged.values() for value in values}
        until(lambda: blocked(agent, everything) == everything)
        done = story.command("hub", "verify", "--json")
        assert done.code == 0, done.out
