# SPDX-License-Identifier: Apache-2.0
"""Asynchronous client of a hub, with a method for each operation of its API."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import ValidationError

from stemtide.client.call import Answer, ApiRequest, Call, Events, File, Lines, Parts
from stemtide.client.connection import (
    EVENT_STREAM,
    Connection,
    Limits,
    Patience,
    check_end,
    is_file,
    media_type_of,
    name_of,
)
from stemtide.client.errors import AnswerError
from stemtide.client.lines import EndlessLineError, EventParser, LineSplitter
from stemtide.client.operations_async import Operations


def _nothing(*_: object) -> None:
    """Do nothing."""


class AsyncHub(Operations):
    """A hub, open inside `async with`. Every method raises HubError; see stemtide.client.errors.

    exercise: include exercise signals in feed, snapshot and stream.
    insecure: allow plain http to another machine, where the key is readable on the network.
    key_file, certificate: as of Connection.
    heard:    called whenever any bytes arrive from the hub.
    answered: called with the headers of each response.

    Close generators that you leave early: contextlib.aclosing.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str,
        exercise: bool = False,
        insecure: bool = False,
        limits: Limits | None = None,
        key_file: Path | None = None,
        certificate: Path | None = None,
        insists: bool = False,
        heard: Callable[[], object] = _nothing,
        answered: Callable[[httpx.Headers], object] = _nothing,
    ) -> None:
        self.connection = Connection(
            url,
            key=key,
            exercise=exercise,
            insecure=insecure,
            limits=limits or Limits(),
            key_file=key_file,
            certificate=certificate,
            insists=insists,
        )
        self._heard = heard
        self._answered = answered
        self._http: httpx.AsyncClient

    async def __aenter__(self) -> Self:
        self._http = await asyncio.to_thread(self._open_http)  # loading CA certificates blocks
        return self

    def _open_http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(**self.connection.options())

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def ask(self, call: Call[Answer]) -> Answer:
        """Send a request and parse its response. raises: HubError."""
        response, content = await self._send_and_read(call)
        if is_file(call, media_type_of(response.headers)):
            file: Any = File(content, media_type_of(response.headers), name_of(response.headers))
            return file  # type: ignore[no-any-return]  # the call says that it may be a File
        try:
            return call.read(content)
        except ValidationError as error:
            raise self.connection.unreadable(error) from error

    async def ask_bytes(self, call: Call[Any]) -> bytes:
        """Send a request and return the body unparsed.

        raises: HubError.
        """
        return (await self._send_and_read(call))[1]

    async def lines(self, lines: Lines[Answer]) -> AsyncGenerator[Answer, None]:
        """Send a request and yield the lines of its response as they arrive.

        raises: HubError, also if the last line is not the one that proves that the response is
        complete.
        """
        last: Answer | None = None
        async with self.opened(lines) as response:
            async for piece in self._read_lines(response):
                for line in filter(None, piece):
                    last = lines.read(line)
                    yield last
        check_end(lines, last, hub=self.connection.hub)

    async def parts(self, parts: Parts[bytes]) -> AsyncGenerator[bytes, None]:
        """Send a request and yield the bytes of its response as they arrive.

        raises: HubError, also if the response is cut off.
        """
        async with self.opened(parts) as response:
            async for part in self.bytes_of(response):
                yield part

    async def pieces(self, lines: Lines[Any]) -> AsyncGenerator[list[bytes], None]:
        """Yield the lines of a response unparsed, in batches of about half a megabyte.

        The very last line is empty, or was cut off. raises: HubError.
        """
        async with self.opened(lines) as response:
            async for piece in self._read_lines(response):
                yield piece

    async def events(self, events: Events[Answer]) -> AsyncGenerator[Answer, None]:
        """Open a stream and yield its events until the hub ends it. raises: HubError."""
        async with self.opened(events) as response:
            async for event in self.events_of(events, response):
                yield event

    async def events_of(
        self, events: Events[Answer], response: httpx.Response
    ) -> AsyncGenerator[Answer, None]:
        """Yield the events of an open stream. raises: HubError."""
        async for data in self.event_texts(events, response):
            yield events.read(data.encode())

    async def event_texts(
        self, events: Events[Any], response: httpx.Response
    ) -> AsyncGenerator[str, None]:
        """Yield the data of the events of an open stream, unread. raises: HubError."""
        cutter = EventParser(events.answers[0].__name__.lower())
        if media_type_of(response.headers) != EVENT_STREAM:
            raise AnswerError(self.connection.hub, "answered something that is no stream of events")
        async for part in self.bytes_of(response):
            for data in cutter.take(part):
                yield data

    @asynccontextmanager
    async def opened(self, call: ApiRequest[Any]) -> AsyncIterator[httpx.Response]:
        """Open a successful response as a stream; failures inside become HubError."""
        response = await self._send(call)
        try:
            yield response
        except (httpx.RequestError, TimeoutError) as error:
            raise self.connection.unreachable("its answer broke off", error) from error
        except (EndlessLineError, ValidationError) as error:
            raise self.connection.unreadable(error) from error
        finally:
            await response.aclose()

    async def _send_and_read(self, call: Call[Any]) -> tuple[httpx.Response, bytes]:
        async with self.opened(call) as response:
            return response, await self._read_body(response)

    async def _send(self, call: ApiRequest[Any]) -> httpx.Response:
        """Send a request, again after each pause that the hub asks for, until it succeeds."""
        patience = Patience(
            self.connection.limits.patience_s, on_wait=self.connection.limits.on_wait
        )
        while True:
            try:
                request = self._http.build_request(**self.connection.request_arguments(call))
                response = await self._http.send(request, stream=True)
                self._heard()
                self._answered(response.headers)
            except (httpx.RequestError, httpx.InvalidURL) as error:
                raise self.connection.unreachable("cannot be reached", error) from error
            if response.is_success:
                return response
            try:
                content = await self._read_body(response)
            except (httpx.RequestError, TimeoutError) as error:
                raise self.connection.unreachable("its answer broke off", error) from error
            finally:
                await response.aclose()
            pause = patience.pause_s(response.status_code, response.headers)
            if pause is None:
                raise self.connection.error_for(
                    response.status_code,
                    media_type=media_type_of(response.headers),
                    content=content,
                )
            await asyncio.sleep(pause)

    async def _read_body(self, response: httpx.Response) -> bytes:
        """Read the whole response within its limits: a broken hub may never stop sending."""
        limits, body = self.connection.limits, bytearray()
        async with asyncio.timeout(limits.answer_s):
            async for part in self.bytes_of(response):
                body += part
                if len(body) > limits.answer_bytes:
                    raise AnswerError(
                        self.connection.hub, f"sent more than {limits.answer_bytes} bytes"
                    )
        return bytes(body)

    async def bytes_of(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """Yield the bytes of a response as they arrive."""
        async for part in response.aiter_bytes():
            self._heard()
            yield part

    async def _read_lines(self, response: httpx.Response) -> AsyncIterator[list[bytes]]:
        """Yield the lines of a response in batches, as they arrive."""
        cutter = LineSplitter()
        async for part in self.bytes_of(response):
            if lines := cutter.take(part):
                yield lines
        yield cutter.end()
