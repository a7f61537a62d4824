# SPDX-License-Identifier: Apache-2.0
"""A hub as a program with an event loop sees it: a method for each operation, to be awaited."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import ValidationError

from stemtide.client.call import Answer, Call, Events, File, Lines, Parts, Question
from stemtide.client.cutting import Cutter, EndlessLineError, EventCutter
from stemtide.client.errors import AnswerError
from stemtide.client.line import (
    EVENT_STREAM,
    Limits,
    Line,
    Patience,
    check_end,
    is_file,
    media_type_of,
    name_of,
)
from stemtide.client.operations_async import Operations


def _nothing() -> None:
    """Take no note."""


class AsyncHub(Operations):
    """A hub, open inside `async with`. Every method raises HubError; see stemtide.client.errors.

    exercise: exercise signals too, in feed, snapshot and stream.
    insecure: the key may travel readably over plain http to another machine.
    heard:    called whenever the hub says anything at all.
    Close what gives line by line where you leave it early: contextlib.aclosing.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str,
        exercise: bool = False,
        insecure: bool = False,
        limits: Limits | None = None,
        heard: Callable[[], object] = _nothing,
    ) -> None:
        self.line = Line(
            url, key=key, exercise=exercise, insecure=insecure, limits=limits or Limits()
        )
        self._heard = heard
        self._http: httpx.AsyncClient

    async def __aenter__(self) -> Self:
        self._http = await asyncio.to_thread(self._open_http)  # it reads many certificates
        return self

    def _open_http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(**self.line.options())

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def ask(self, call: Call[Answer]) -> Answer:
        """Ask one question and read its answer. raises: HubError."""
        answer, content = await self._asked(call)
        if is_file(call, media_type_of(answer.headers)):
            found: Any = File(content, media_type_of(answer.headers), name_of(answer.headers))
            return found  # type: ignore[no-any-return]  # the call says that it may be a File
        try:
            return call.read(content)
        except ValidationError as error:
            raise self.line.unreadable(error) from error

    async def ask_bytes(self, call: Call[Any]) -> bytes:
        """Ask one question; its answer as it came, for who reads it in another way.

        raises: HubError.
        """
        return (await self._asked(call))[1]

    async def lines(self, lines: Lines[Answer]) -> AsyncGenerator[Answer, None]:
        """Ask a question whose answer is many lines; each is read as it arrives.

        raises: HubError, also where the last line is not the one that says that nothing is missing.
        """
        last: Answer | None = None
        async with self.opened(lines) as answer:
            async for piece in self._cut(answer):
                for line in filter(None, piece):
                    last = lines.read(line)
                    yield last
        check_end(lines, last, hub=self.line.hub)

    async def parts(self, parts: Parts[bytes]) -> AsyncGenerator[bytes, None]:
        """Ask a question whose answer may be too long to be held; bytes as they arrive.

        raises: HubError, also where the end does not come.
        """
        async with self.opened(parts) as answer:
            async for part in self.bytes_of(answer):
                yield part

    async def pieces(self, lines: Lines[Any]) -> AsyncGenerator[list[bytes], None]:
        """The lines of an answer as they came, in pieces of about half a megabyte.

        The last one of all is empty, or was cut off. raises: HubError.
        """
        async with self.opened(lines) as answer:
            async for piece in self._cut(answer):
                yield piece

    async def events(self, events: Events[Answer]) -> AsyncGenerator[Answer, None]:
        """Ask for a stream, and give what it says. Ends when the hub ends it. raises: HubError."""
        async with self.opened(events) as answer:
            async for event in self.events_of(events, answer):
                yield event

    async def events_of(
        self, events: Events[Answer], answer: httpx.Response
    ) -> AsyncGenerator[Answer, None]:
        """What a stream says that was opened. raises: HubError."""
        cutter = EventCutter(events.answers[0].__name__.lower())
        if media_type_of(answer.headers) != EVENT_STREAM:
            raise AnswerError(self.line.hub, "answered something that is no stream of events")
        async for part in self.bytes_of(answer):
            for said in cutter.take(part):
                yield events.read(said.encode())

    @asynccontextmanager
    async def opened(self, question: Question[Any]) -> AsyncIterator[httpx.Response]:
        """A good answer, to be read while it arrives; trouble inside becomes HubError."""
        answer = await self._begin(question)
        try:
            yield answer
        except (httpx.RequestError, TimeoutError) as error:
            raise self.line.cannot("its answer broke off", error) from error
        except (EndlessLineError, ValidationError) as error:
            raise self.line.unreadable(error) from error
        finally:
            await answer.aclose()

    async def _asked(self, call: Call[Any]) -> tuple[httpx.Response, bytes]:
        async with self.opened(call) as answer:
            return answer, await self._whole(answer)

    async def _begin(self, question: Question[Any]) -> httpx.Response:
        """Send a question, again after each pause that the hub asks for; the answer is good."""
        patience = Patience(self.line.limits.patience_s, told=self.line.limits.told)
        while True:
            try:
                request = self._http.build_request(**self.line.asked(question))
                answer = await self._http.send(request, stream=True)
                self._heard()
            except (httpx.RequestError, httpx.InvalidURL) as error:
                raise self.line.cannot("cannot be reached", error) from error
            if answer.is_success:
                return answer
            try:
                content = await self._whole(answer)
            except (httpx.RequestError, TimeoutError) as error:
                raise self.line.cannot("its answer broke off", error) from error
            finally:
                await answer.aclose()
            pause = patience.pause_s(answer.status_code, answer.headers)
            if pause is None:
                raise self.line.trouble(
                    answer.status_code, media_type=media_type_of(answer.headers), content=content
                )
            await asyncio.sleep(pause)

    async def _whole(self, answer: httpx.Response) -> bytes:
        """Read an answer to its end, which must come: a broken hub may never stop sending."""
        limits, body = self.line.limits, bytearray()
        async with asyncio.timeout(limits.answer_s):
            async for part in self.bytes_of(answer):
                body += part
                if len(body) > limits.answer_bytes:
                    raise AnswerError(self.line.hub, f"sent more than {limits.answer_bytes} bytes")
        return bytes(body)

    async def bytes_of(self, answer: httpx.Response) -> AsyncIterator[bytes]:
        """The bytes of an answer as they arrive."""
        async for part in answer.aiter_bytes():
            self._heard()
            yield part

    async def _cut(self, answer: httpx.Response) -> AsyncIterator[list[bytes]]:
        """The lines of an answer in pieces, as they arrive."""
        cutter = Cutter()
        async for part in self.bytes_of(answer):
            if lines := cutter.take(part):
                yield lines
        yield cutter.end()
