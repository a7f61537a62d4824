# SPDX-License-Identifier: Apache-2.0
"""A real hub, and one that answers whatever a test says."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tests.agent.fake_hub import Server
from tests.agent.world import one_authority
from tests.hub.api.conftest import Hub as Running, serving

AUTHORITY, PROVIDER = "be-crisis-centre", "big-video"


class OddHub:
    """A server that answers each address with what a test wrote down, one answer after another;
    the last one stays."""

    def __init__(self):
        self.answers: dict[str, list[Response]] = {}
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        routes = [Route("/{path:path}", self._answer, methods=methods)]
        self._server = Server(Starlette(routes=routes))
        self.url = self._server.url

    def says(self, path, *answers):
        """What an address answers: bytes or text are JSON."""
        self.answers[f"/api/v1{path}"] = [
            one if isinstance(one, Response) else Response(one, media_type="application/json")
            for one in answers
        ]

    async def _answer(self, request):
        path = request.url.path
        self.asked.append((request.method, str(request.url), request.headers, await request.body()))
        waiting = self.answers[path]
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def stop(self):
        self._server.stop(at_once=True)


def problem_answer(status, detail, **headers):
    """A problem document as an answer."""
    body = f'{{"type":"/problems/x","title":"x","status":{status},"detail":"{detail}"}}'
    sent = {name.replace("_", "-"): one for name, one in headers.items()}
    return Response(body, status, media_type="application/problem+json", headers=sent)


def broken_off(*parts, media_type, promised=1_000_000):
    """An answer that promises more bytes than come."""

    async def pour():
        for one in parts:
            yield one
            await asyncio.sleep(0)

    return StreamingResponse(
        pour(), media_type=media_type, headers={"Content-Length": str(promised)}
    )


@pytest.fixture(scope="package", autouse=True)
def _one_authority(tmp_path_factory):
    with one_authority(tmp_path_factory.mktemp("tls")):
        yield


@pytest.fixture(scope="module")
def real() -> Running:
    """A real hub with the cast in it."""
    with serving(STEMTIDE_TEST_PING_S="0.3") as running:
        yield running


@pytest.fixture
def odd() -> OddHub:
    """A server that is no hub."""
    made = OddHub()
    yield made
    made.stop()
