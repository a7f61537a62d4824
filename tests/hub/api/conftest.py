# SPDX-License-Identifier: Apache-2.0
"""Two ways to the door: Django's client in one transaction, and a real server on loopback."""

import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM
from typing import IO

import httpx
import pytest
from django.core.management.color import no_style
from django.db import connection
from django.test import Client

from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import Signal
from tests import forks, tables
from tests.world import World

ROOT = Path(__file__).parents[3]


class Machine:
    """A party's program, calling with one key."""

    def __init__(self, key: str | None) -> None:
        self._client = Client(raise_request_exception=False)
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    def __call__(self, method: str, path: str, body: object = None, **more):
        """Send JSON (or, as bytes, anything) and give Django's answer."""
        content = body if isinstance(body, bytes) else json.dumps(body)
        sent = {"data": content, "content_type": "application/json"} if body is not None else {}
        headers = self._headers | more.pop("headers", {})
        return self._client.generic(method, path, headers=headers, **(sent | more))


@pytest.fixture
def numbered_from_1(world: World) -> None:  # noqa: ARG001  # the tables must be there
    """Number signals from 1, whatever tests before did: MISP's events hold so many numbers each."""
    sequences = [{"table": Signal._meta.db_table, "column": "id"}]
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_by_name_sql(no_style(), sequences):
            cursor.execute(statement)


@pytest.fixture
def machine(world: World):
    """machine(party, scopes=…) calls for a party; machine(None) without a key."""

    def make(party: Party | None, *, scopes: list[str] | None = None) -> Machine:
        return Machine(world.key(party, scopes=scopes) if party else None)

    return make


@dataclass
class Hub:
    """A hub in a process of its own."""

    process: forks.Fork
    orders: IO[str]
    answers: IO[str]
    address: str
    keys: dict[str, str]
    folder: Path

    def client(self, party: str = "be-crisis-centre") -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.keys[party]}"}
        return httpx.Client(base_url=self.address, headers=headers, trust_env=False, timeout=60)

    def another_key(self, party: str, *scopes: str) -> str:
        """One more key of a party, by default with all scopes."""
        return self._ask(f"key {' '.join((party, *scopes))}")

    def bound_key(self, party: str, certificate: str) -> str:
        """One more key of a party, which needs a client certificate of this fingerprint."""
        return self._ask(f"bound {party} {certificate}")

    def _ask(self, words: str) -> str:
        self.orders.write(f"{words}\n")
        self.orders.flush()
        return self.answers.readline().strip()

    def order(self, words: str) -> None:
        """Have the process do something that no endpoint does."""
        self.orders.write(f"{words}\n")
        self.orders.flush()
        assert self.answers.readline() == "done\n"


@contextlib.contextmanager
def empty_database() -> Iterator[dict[str, str]]:
    """Settings of one hub without tables: a file of its own, or on the test server a database."""
    server = os.environ.get("STEMTIDE_DATABASE_URL")
    if not server:
        yield {}
        return
    with tables.database(server, empty=True) as address:
        yield {"STEMTIDE_DATABASE_URL": address}


@contextlib.contextmanager
def laid_database(folder: Path) -> Iterator[dict[str, str]]:
    """Settings of one new hub with its tables, in this folder or on the test server."""
    server = os.environ.get("STEMTIDE_DATABASE_URL")
    if not server:
        tables.lay(folder)
        yield {}
        return
    with tables.database(server) as address:
        yield {"STEMTIDE_DATABASE_URL": address}


@contextlib.contextmanager
def serving(**settings: str) -> Iterator[Hub]:
    """Run a hub with the cast; stop it at the end, and expect it to go in peace."""
    with (
        tempfile.TemporaryDirectory(prefix="stemtide-hub-") as folder,
        laid_database(Path(folder)) as database,
    ):
        environment = {**os.environ, **database, "STEMTIDE_DATA_DIR": folder, **settings}
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        stdin, orders = os.pipe()
        answers, stdout = os.pipe()
        stderr = sys.__stderr__.fileno()
        streams = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
        process = forks.Fork(["hub-with-cast"], environment=environment, folder=ROOT, **streams)
        os.close(stdin)
        os.close(stdout)
        with os.fdopen(orders, "w") as orders, os.fdopen(answers) as answers:
            try:
                keys = json.loads(answers.readline())
                address = answers.readline().strip()
                yield Hub(process, orders, answers, address, keys, Path(folder))
            finally:
                process.send_signal(SIGTERM)
                status = process.wait()
        assert status == 0


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """One real hub for the tests of a file; its streams ping every 0.3 s."""
    with serving(STEMTIDE_TEST_PING_S="0.3") as running:
        yield running


def signal(value: str, **facts: object) -> dict[str, object]:
    """A signal as JSON."""
    plain = {"kind": "pdq", "quality": 90, "labels": ["perpetrator-content"], "severity": "high"}
    return {**plain, "value": value, **facts}


WAIT_S = 120.0
"""Time after which something that another process brings about is given up, also under load."""


def wait_until(holds: Callable[[], object], *, what: str = "what a test waits for") -> None:
    """Wait for something that another thread or process brings about; give up on one that died."""
    deadline = time.monotonic() + WAIT_S
    while not (latest := holds()):
        if time.monotonic() > deadline:
            pytest.fail(f"{what} never came true: {latest!r} after {WAIT_S:g} s")
        time.sleep(0.01)
