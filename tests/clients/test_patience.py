# SPDX-License-Identifier: Apache-2.0
"""Our own clients wait where a hub asks them to: the agent, the commands, the extension of tx."""

import asyncio
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stemtide.agent.client import Client
from stemtide.agent.config import Config
from stemtide.protocol.problems import MEDIA_TYPE, ProblemType, problem
from stemtide.tx.patience import PatientClient, asked_wait_s
from tests.agent.fake_hub import Server
from tests.clients.conftest import BIN, plain_environment

ME = {"party": "small-provider", "scopes": ["feed:read", "feedback:write"]}


@dataclass
class BusyHub:
    """Answers 429 so many times, with the same Retry-After, and then as it should."""

    refusals: int = 1
    wait_s: int = 1
    asked: list[tuple[str, float]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        self.asked.append((request.method, time.monotonic()))
        self.bodies.append(await request.body())
        if Counter(method for method, _ in self.asked)[request.method] > self.refusals:
            return JSONResponse([] if request.url.path.endswith("/crises") else ME)
        found = problem(ProblemType.TOO_MANY, "go on later", retry_after_s=self.wait_s)
        headers = {"Retry-After": str(self.wait_s)}
        return Response(found.model_dump_json(), 429, headers=headers, media_type=MEDIA_TYPE)

    @property
    def pauses(self) -> list[float]:
        times = [at for _, at in self.asked]
        return [later - before for before, later in pairwise(times)]


@pytest.fixture
def busy():
    hub = BusyHub()
    methods = ["GET", "POST", "PUT"]
    server = Server(Starlette(routes=[Route("/{path:path}", hub.answer, methods=methods)]))
    hub.url = server.url
    yield hub
    server.stop()


def test_an_agent_waits_as_long_as_the_hub_says_and_then_asks_again(busy, tmp_path):
    config = Config(hub_url=busy.url, key="st_agent_secret", data_dir=tmp_path, name="a")

    async def ask():
        async with Client(config) as client:
            return await client.whoami()

    assert asyncio.run(ask()).party == "small-provider"
    assert len(busy.pauses) == 1
    assert busy.pauses[0] >= 1


def test_a_command_waits_and_then_does_it(busy):
    done = subprocess.run(
        [str(BIN / "stemtide"), "crisis", "list", "--hub", busy.url, "--json"],
        env=plain_environment() | {"STEMTIDE_KEY": "st_a_b"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert done.stderr.startswith("the hub asks to wait 1 s: it goes on by itself\n")
    assert busy.pauses[0] >= 1


def test_what_is_sent_again_is_the_same(busy):
    with PatientClient(base_url=busy.url) as client:
        assert client.post("/api/v1/signals", json={"kind": "pdq"}).json() == ME
    assert busy.bodies == [b'{"kind":"pdq"}'] * 2


def test_a_client_gives_up_on_a_hub_that_never_has_time(busy):
    busy.refusals = 100
    told = []
    with PatientClient(base_url=busy.url, told=told.append) as client:
        assert client.get("/api/v1/feed").status_code == 429
    assert told == [1] * 5


@pytest.mark.parametrize(
    ("status", "said", "wait"),
    [(429, "3", 3), (429, "0", 1), (429, "3600", None), (429, "", None), (503, "2", None)],
)
def test_only_short_waits_that_are_asked_for_are_waited(status, said, wait):
    headers = {"Retry-After": said} if said else {}
    assert asked_wait_s(httpx.Response(status, headers=headers)) == wait
