# SPDX-License-Identifier: Apache-2.0
"""A hub as a program sees it: a method for each operation of its API."""

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
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
from stemtide.client.operations import Operations


class Hub(Operations):
    """A hub, open inside `with`. Every method raises HubError; see stemtide.client.errors.

    exercise: exercise signals too, in feed, snapshot and stream.
    insecure: the key may travel readably over plain http to another machine.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str,
        exercise: bool = False,
        insecure: bool = False,
        limits: Limits | None = None,
    ) -> None:
        self.line = Line(
            url, key=key, exercise=exercise, insecure=insecure, limits=limits or Limits()
        )
        self._http: httpx.Client

    def __enter__(self) -> Self:
        self._http = httpx.Client(**self.line.options())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def ask(self, call: Call[Answer]) -> Answer:
        """Ask one question and read its answer. raises: HubError."""
        with self.opened(call) as answer:
            content = self._whole(answer)
        if is_file(call, media_type_of(answer.headers)):
            found: Any = File(content, media_type_of(answer.headers), name_of(answer.headers))
            return found  # type: ignore[no-any-return]  # the call says that it may be a File
        try:
            return call.read(content)
        except ValidationError as error:
            raise self.line.unreadable(error) from error

    def lines(self, lines: Lines[Answer]) -> Generator[Answer, None, None]:
        """Ask a question whose answer is many lines; each is read as it arrives.

        raises: HubError, also where the last line is not the one that says that nothing is missing.
        """
        last: Answer | None = None
        with self.opened(lines) as answer:
            for line in self._cut(answer):
                last = lines.read(line)
                yield last
        check_end(lines, last, hub=self.line.hub)

    def parts(self, parts: Parts[bytes]) -> Generator[bytes, None, None]:
        """Ask a question whose answer may be too long to be held; bytes as they arrive.

        raises: HubError, also where the end does not come.
        """
        with self.opened(parts) as answer:
            yield from answer.iter_bytes()

    def events(self, events: Events[Answer]) -> Generator[Answer, None, None]:
        """Ask for a stream, and give what it says. Ends when the hub ends it. raises: HubError."""
        cutter = EventCutter(events.answers[0].__name__.lower())
        with self.opened(events) as answer:
            if media_type_of(answer.headers) != EVENT_STREAM:
                raise AnswerError(self.line.hub, "answered something that is no stream of events")
            for part in answer.iter_bytes():
                for said in cutter.take(part):
                    yield events.read(said.encode())

    @contextmanager
    def opened(self, question: Question[Any]) -> Iterator[httpx.Response]:
        """A good answer, to be read while it arrives; trouble inside becomes HubError."""
        answer = self._begin(question)
        try:
            yield answer
        except (httpx.RequestError, TimeoutError) as error:
            raise self.line.cannot("its answer broke off", error) from error
        except (EndlessLineError, ValidationError) as error:
            raise self.line.unreadable(error) from error
        finally:
            answer.close()

    def _begin(self, question: Question[Any]) -> httpx.Response:
        """Send a question, again after each pause that the hub asks for; the answer is good."""
        patience = Patience(self.line.limits.patience_s, told=self.line.limits.told)
        while True:
            try:
                request = self._http.build_request(**self.line.asked(question))
                answer = self._http.send(request, stream=True)
            except (httpx.RequestError, httpx.InvalidURL) as error:
                raise self.line.cannot("cannot be reached", error) from error
            if answer.is_success:
                return answer
            try:
                content = self._whole(answer)
            except (httpx.RequestError, TimeoutError) as error:
                raise self.line.cannot("its answer broke off", error) from error
            finally:
                answer.close()
            pause = patience.pause_s(answer.status_code, answer.headers)
            if pause is None:
                raise self.line.trouble(
                    answer.status_code, media_type=media_type_of(answer.headers), content=content
                )
            time.sleep(pause)

    def _whole(self, answer: httpx.Response) -> bytes:
        """Read an answer to its end, which must come: a broken hub may never stop sending."""
        limits, body = self.line.limits, bytearray()
        until = time.monotonic() + limits.answer_s
        for part in answer.iter_bytes():
            body += part
            if len(body) > limits.answer_bytes:
                raise AnswerError(self.line.hub, f"sent more than {limits.answer_bytes} bytes")
            if time.monotonic() > until:
                raise TimeoutError(f"no end after {limits.answer_s:g} s")
        return bytes(body)

    def _cut(self, answer: httpx.Response) -> Iterator[bytes]:
        """The lines of an answer as they arrive; empty ones are none."""
        cutter = Cutter()
        for part in answer.iter_bytes():
            yield from filter(None, cutter.take(part))
        yield from filter(None, cutter.end())
