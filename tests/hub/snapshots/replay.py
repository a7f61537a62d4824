# SPDX-License-Identifier: Apache-2.0
"""Somebody on the wire, between a reader and a real hub: plays back, cuts off and changes."""

from contextlib import contextmanager

import httpx
from starlette.applications import Starlette
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tests.agent.fake_hub import Server


class Wire:
    """Hands on what the hub says, until it is told to do worse.

    recorded: by path, what is said in the hub's place. cut_after: bytes of a whole snapshot.
    asked:    the paths and Range headers that came.
    """

    def __init__(self, hub):
        self._hub = hub
        self.recorded = {}
        self.cut_after = None
        self.change = None
        self.asked = []

    async def answer(self, request):
        path = request.url.path
        self.asked.append((path, request.headers.get("range")))
        if path in self.recorded:
            return Response(self.recorded[path])
        kept = {"authorization", "range", "if-range"}
        headers = {name: one for name, one in request.headers.items() if name in kept}
        async with httpx.AsyncClient(base_url=self._hub, trust_env=False, timeout=60) as client:
            said = await client.get(path, params=request.query_params, headers=headers)
        content = self.change(path, said.content) if self.change else said.content
        passed = {"etag", "content-range", "content-type"}
        headers = {name: one for name, one in said.headers.items() if name in passed}
        if self.cut_after is not None and path.endswith("/latest"):

            async def cut():
                yield content[: self.cut_after]
                raise ConnectionResetError

            headers["Content-Length"] = str(len(content))
            return StreamingResponse(cut(), status_code=said.status_code, headers=headers)
        return Response(content, status_code=said.status_code, headers=headers)


@contextmanager
def wire(hub):
    """Stand between; gives the Wire, whose address is its `url`."""
    between = Wire(hub)
    server = Server(Starlette(routes=[Route("/{path:path}", between.answer)]))
    between.url = server.url
    try:
        yield between
    finally:
        server.stop(at_once=True)
