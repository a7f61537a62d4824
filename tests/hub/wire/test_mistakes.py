# SPDX-License-Identifier: Apache-2.0
"""A mistake in the wire costs time, and no agent its feed."""

import asyncio
import logging

import pytest

from stemtide.hub.wire import app

FEED = ("GET", "/api/v1/feed", b"")
STATUS = ("PUT", "/api/v1/agents/agent-1", b'{"version": "1"}')


@pytest.mark.parametrize(("method", "path", "body"), [FEED, STATUS])
def test_django_answers_what_the_wire_fails_at(method, path, body, monkeypatch, caplog):
    reached = []

    async def django(scope, receive, _send):
        reached.append((scope["path"], (await receive())["body"]))

    async def receive():
        return {"type": "http.request", "body": body}

    async def broken() -> bool:
        raise KeyError("a mistake")

    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": []}
    monkeypatch.setattr(app, "is_current", broken)
    with caplog.at_level(logging.ERROR):
        asyncio.run(app.wire(django)(scope, receive, None))

    assert reached == [(path, body)]
    assert "the wire failed; Django answers instead" in caplog.text
