# SPDX-License-Identifier: Apache-2.0
"""Every stream is pinged, and none that reads slowly holds up another."""

import asyncio
import socket
import threading
from contextlib import contextmanager

import pytest
import uvicorn
from django.core.handlers.asgi import ASGIRequest

from stemtide.hub.boot import server_options
from stemtide.hub.notifier import NotifierClosedError, Subscription
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.wire import pings, stream as streams
from stemtide.hub.wire.memory import Memory
from stemtide.protocol.enums import Scope
from tests.hub.api.conftest import wait_until

PAGE = b"x" * 32 * 1024 * 1024
"""More than the buffers of a connection hold."""


def test_every_stream_is_pinged_again_and_again_also_beside_one_that_fails(monkeypatch):
    monkeypatch.setattr(pings, "PING_S", 0.02)
    counts = [0] * 40

    async def hold(number: int, enough: asyncio.Event) -> None:
        def ping() -> None:
            counts[number] += 1
            if min(counts) >= 3:
                enough.set()
            if not number % 2:
                raise ConnectionError

        with pings.pings().every(ping):
            await enough.wait()

    async def story() -> None:
        enough = asyncio.Event()
        await asyncio.gather(*(hold(number, enough) for number in range(len(counts))))
        at_the_end = list(counts)
        await asyncio.sleep(0.1)
        assert counts == at_the_end

    asyncio.run(story())


class Stream:
    """A response of a ping, a page, and pings while nobody reads it. go: ends it."""

    def __init__(self) -> None:
        self.pinged, self.go = threading.Event(), threading.Event()

    async def __call__(self, _scope, _receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        pings.send_now(pings.PING, send)
        await send({"type": "http.response.body", "body": PAGE, "more_body": True})
        for _ in range(100):
            pings.send_now(pings.PING, send)
        self.pinged.set()
        await asyncio.to_thread(self.go.wait)
        await send({"type": "http.response.body", "body": b"end"})


@contextmanager
def served(app: Stream):
    """An address where the hub's server serves an application."""
    config = uvicorn.Config(app, port=0, **server_options())
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started)
    try:
        yield server.servers[0].sockets[0].getsockname()
    finally:
        server.should_exit = True
        thread.join()


def read_to_the_end(connection: socket.socket) -> bytes:
    content = b""
    while not content.endswith(b"0\r\n\r\n"):
        content += connection.recv(1 << 20)
    return content


@pytest.mark.nightly
def test_a_reader_who_takes_nothing_gets_no_pings_and_each_byte_of_the_response():
    stream = Stream()
    with served(stream) as address, socket.create_connection(address) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n")
        stream.pinged.wait()
        stream.go.set()
        head, _, body = read_to_the_end(connection).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 200")
    ping, page = b"8\r\n: ping\n\n\r\n", b"%x\r\n%b\r\n" % (len(PAGE), PAGE)
    assert body == ping + page + b"3\r\nend\r\n0\r\n\r\n"


@pytest.mark.django_db
@pytest.mark.parametrize("is_followed", [True, False])
def test_a_ping_looks_at_the_key_in_memory_or_has_its_stream_ask_the_database(
    world, monkeypatch, is_followed
):
    memory = Memory()
    if is_followed:
        memory.refresh()
    monkeypatch.setattr(streams, "memory", memory)
    monkeypatch.setattr(streams, "CHECK_S", 0.0)
    opened = streams._StreamRequest(
        ASGIRequest({"type": "http", "method": "GET", "path": "/", "headers": []}, None),
        "digest of a key that has expired",
        Caller(party=world.small_provider, key="of-a-test", scopes=frozenset({Scope.FEED_READ})),
        streams._StreamParameters(),
        {},
    )

    async def story() -> None:
        subscription = Subscription(
            world.small_provider, after=0, exercise=False, all_changes=False
        )
        streams._KeyCheck(opened, subscription).begin()
        if is_followed:
            with pytest.raises(NotifierClosedError):
                await subscription.get()
        else:
            assert await subscription.get() is None

    asyncio.run(story())
