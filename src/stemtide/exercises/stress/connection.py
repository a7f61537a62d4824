# SPDX-License-Identifier: Apache-2.0
"""A connection to a hub that costs little, so that one process can play a thousand agents.

source: RFC 9112 (HTTP/1.1), parsed by httptools.
"""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import httptools

from stemtide.exercises.stress.inflate import StreamInflater

OK = 200
SILENT_S = 45.0
"""Seconds of silence after which a stream counts as broken, as in an agent."""

_ANSWER_S = 60.0


class HubResponse(NamedTuple):
    """A response."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class HubAccess:
    """The hub's address and a key. raises: ValueError for an address that is no http(s) URL."""

    hub: str
    key: str = field(repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.hub)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{self.hub} is not the address of a hub: write http(s)://host:port")

    async def connect(self) -> "_Exchange":
        """Open a connection. raises: OSError."""
        parts = urlsplit(self.hub)
        is_tls = parts.scheme == "https"
        _, exchange = await asyncio.get_running_loop().create_connection(
            _Exchange,
            parts.hostname or "",
            parts.port or (443 if is_tls else 80),
            ssl=ssl.create_default_context() if is_tls else None,
        )
        return exchange

    def head(self, method: str, path: str, **fields: object) -> bytes:
        """Return the head of a request, without its last empty line."""
        parts = urlsplit(self.hub)
        lines = [
            f"{method} {parts.path.rstrip('/')}{path} HTTP/1.1",
            f"Host: {parts.netloc.rpartition('@')[2]}",
            f"Authorization: Bearer {self.key}",
            *(f"{name.replace('_', '-')}: {value}" for name, value in fields.items()),
        ]
        return "".join(f"{line}\r\n" for line in lines).encode()


class _Exchange(asyncio.Protocol):
    """A connection that carries one request after the other."""

    def __init__(self) -> None:
        self.heard_at = 0.0
        self.is_open = False
        self._transport: asyncio.Transport
        self._parser: httptools.HttpResponseParser
        self._answer: asyncio.Future[HubResponse] | None = None
        self._body: list[bytes] = []
        self._on_open: Callable[[], object] | None = None
        self._on_part: Callable[[bytes], object] | None = None
        self._inflater: StreamInflater | None = None

    def begin(
        self,
        request: bytes,
        *,
        on_open: Callable[[], object] | None = None,
        on_part: Callable[[bytes], object] | None = None,
    ) -> asyncio.Future[HubResponse]:
        """Send a request; return its response. on_part: gets the body of a stream as it comes."""
        loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._body, self._on_open, self._on_part = [], on_open, on_part
        self._inflater = None
        self._answer, self.heard_at = loop.create_future(), loop.time()
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        """Close the connection; nobody waits for its response."""
        self.is_open = False
        if self._answer is not None:
            self._answer.cancel()
        self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport, self.is_open = cast("asyncio.Transport", transport), True

    def data_received(self, data: bytes) -> None:
        """Parse the bytes that arrived."""
        self.heard_at = asyncio.get_running_loop().time()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(f"the response is not HTTP: {error}"))
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the request that was not answered."""
        self.is_open = False
        self._fail(exc or ConnectionResetError("the connection was closed"))

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    # httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a response in gzip."""
        if name.lower() == b"content-encoding" and value == b"gzip":
            self._inflater = StreamInflater()

    def on_headers_complete(self) -> None:
        """Report an opened stream."""
        if self._parser.get_status_code() == OK and self._on_open is not None:
            self._on_open()

    def on_body(self, body: bytes) -> None:
        """Pass a stream on, and keep any other body."""
        is_plain = self._inflater is None and self._parser.get_status_code() == OK
        if self._on_part is not None and is_plain:
            self._on_part(body)
        else:
            self._body.append(body)

    def on_chunk_complete(self) -> None:
        """Pass a stream in gzip on, chunk by chunk."""
        if self._on_part is not None and self._inflater is not None:
            self._on_part(self._inflater.take(b"".join(self._body)))
            self._body = []

    def on_message_complete(self) -> None:
        """Complete the response."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(
                HubResponse(self._parser.get_status_code(), b"".join(self._body))
            )
        if not self._parser.should_keep_alive():
            self.close()


class KeptConnection:
    """A kept connection to the hub, for one request at a time. fields: further headers."""

    def __init__(self, access: HubAccess, **fields: object) -> None:
        self._access = access
        self._fields = fields
        self._exchange: _Exchange | None = None

    async def ask(self, method: str, path: str, body: bytes = b"") -> HubResponse:
        """Send a request and return its response.

        It is sent once more if the kept connection ends: send only what may arrive twice.

        raises: OSError, also if no response comes within a minute.
        """
        fields = self._fields
        if body:
            fields = fields | {"Content_Type": "application/json", "Content_Length": len(body)}
        request = b"%b\r\n%b" % (self._access.head(method, path, **fields), body)
        async with asyncio.timeout(_ANSWER_S):
            if self._exchange is not None and self._exchange.is_open:
                with suppress(OSError):
                    return await self._exchange.begin(request)
            self._exchange = await self._access.connect()
            return await self._exchange.begin(request)

    def close(self) -> None:
        """Close the connection."""
        if self._exchange is not None:
            self._exchange.close()


async def follow(
    access: HubAccess,
    path: str,
    *,
    on_open: Callable[[], object],
    on_part: Callable[[bytes], object],
    **fields: object,
) -> HubResponse:
    """Follow a stream until the hub ends it, or return why it does not open.

    raises: OSError if it breaks or falls silent.
    """
    exchange = await access.connect()
    try:
        answer = exchange.begin(
            access.head("GET", path, **fields) + b"\r\n", on_open=on_open, on_part=on_part
        )
        loop = asyncio.get_running_loop()
        while not answer.done():
            await asyncio.wait([answer], timeout=SILENT_S)
            if not answer.done() and loop.time() - exchange.heard_at >= SILENT_S:
                raise TimeoutError(f"the stream has been silent for {SILENT_S:.0f} s")
        return answer.result()
    finally:
        exchange.close()
