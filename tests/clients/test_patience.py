# SPDX-License-Identifier: Apache-2.0
"""Our own clients wait where a hub asks them to: the agent, the commands, the extension of tx."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stemtide.agent.config.settings import Config
from stemtide.agent.hub.client import Client
from stemtide.protocol.problems import MEDIA_TYPE, ProblemType, problem
from stemtide.tx.exchange import HubApiKey, HubConfig, StemtideExchangeAPI
from tests.agent.fake_hub import Server
from tests.cli.conftest import run

PAGE = {"hub": "8c1f6f5f-0b0e-4a3a-9d3c-7b1d2e4f5a60", "entries": [], "next": 7}
PAGE |= {"head": 7, "more": False}
ME = {"party": "small-provider", "scopes": ["feed:read", "feedback:write"]}


@dataclass
class BusyHub:
    """Answers 429 so many times, with the same Retry-After, and then as it should."""

    refusals: int = 1
    wait_s: int = 1
    asked: list[tuple[str, float]] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        self.asked.append((request.method, time.monotonic()))
        if Counter(method for method, _ in self.asked)[request.method] > self.refusals:
            answers = {"crises": [], "feed": PAGE}
            return JSONResponse(answers.get(request.url.path.rpartition("/")[2], ME))
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
    done = run("crisis", "list", "--hub", busy.url, "--json", STEMTIDE_KEY="st_a_b")
    assert (done.code, done.out) == (0, ""), done.err
    assert done.err.startswith("the hub asks to wait 1 s; the command then continues\n")
    assert busy.pauses[0] >= 1


@pytest.mark.nightly
def test_a_fetch_of_tx_waits_and_then_goes_on(busy):
    collab = HubConfig(busy.url, name="a hub")
    exchange = StemtideExchangeAPI.for_collab(collab, HubApiKey("st_a_b"))
    (delta,) = exchange.fetch_iter([], None)
    assert delta.checkpoint.position == 7
    assert busy.pauses[0] >= 1
