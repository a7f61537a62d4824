# SPDX-License-Identifier: Apache-2.0
"""Synchronous client of a hub, with a method for each operation of its API."""

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
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
from stemtide.client.operations import Operations


class Hub(Operations):
    """A hub, open inside `with`. Every method raises HubError; see stemtide.client.errors.

    exercise: include exercise signals in feed, snapshot and stream.
    insecure: allow plain http to another machine, where the key is readable on the network.
    key_file, certificate: as of Connection.
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
        self._http: httpx.Client

    def __enter__(self) -> Self:
        self._http = httpx.Client(**self.connection.options())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def ask(self, call: Call[Answer]) -> Answer:
        """Send a request and parse its response. raises: HubError."""
        with self.opened(call) as response:
            content = self._read_body(response)
        if is_file(call, media_type_of(response.headers)):
            file: Any = File(content, media_type_of(response.headers), name_of(response.headers))
            return file  # type: ignore[no-any-return]  # the call says that it may be a File
        try:
            return call.read(content)
        except ValidationError as error:
            raise self.connection.unreadable(error) from error

    def lines(self, lines: Lines[Answer]) -> Generator[Answer, None, None]:
        """Send a request and yield the lines of its response as they arrive.

        raises: HubError, also if the last line is not the one that proves that the response is
        complete.
        """
        last: Answer | None = None
        with self.opened(lines) as response:
            for line in self._read_lines(response):
                last = lines.read(line)
                yield last
        check_end(lines, last, hub=self.connection.hub)

    def parts(self, parts: Parts[bytes]) -> Generator[bytes, None, None]:
        """Send a request and yield the bytes of its response as they arrive.

        raises: HubError, also if the response is cut off.
        """
        with self.opened(parts) as response:
            yield from response.iter_bytes()

    def events(self, events: Events[Answer]) -> Generator[Answer, None, None]:
        """Open a stream and yield its events until the hub ends it. raises: HubError."""
        cutter = EventParser(events.answers[0].__name__.lower())
        with self.opened(events) as response:
            if media_type_of(response.headers) != EVENT_STREAM:
                raise AnswerError(
                    self.connection.hub, "answered something that is no stream of events"
                )
            for part in response.iter_bytes():
                for data in cutter.take(part):
                    yield events.read(data.encode())

    @contextmanager
    def opened(self, call: ApiRequest[Any]) -> Iterator[httpx.Response]:
        """Open a successful response as a stream; failures inside become HubError."""
        response = self._send(call)
        try:
            yield response
        except (httpx.RequestError, TimeoutError) as error:
            raise self.connection.unreachable("its answer broke off", error) from error
        except (EndlessLineError, ValidationError) as error:
            raise self.connection.unreadable(error) from error
        finally:
            response.close()

    def _send(self, call: ApiRequest[Any]) -> httpx.Response:
        """Send a request, again after each pause that the hub asks for, until it succeeds."""
        patience = Patience(
            self.connection.limits.patience_s, on_wait=self.connection.limits.on_wait
        )
        while True:
            try:
                request = self._http.build_request(**self.connection.request_arguments(call))
                response = self._http.send(request, stream=True)
            except (httpx.RequestError, httpx.InvalidURL) as error:
                raise self.connection.unreachable("cannot be reached", error) from error
            if response.is_success:
                return response
            try:
                content = self._read_body(response)
            except (httpx.RequestError, TimeoutError) as error:
                raise self.connection.unreachable("its answer broke off", error) from error
            finally:
                response.close()
            pause = patience.pause_s(response.status_code, response.headers)
            if pause is None:
                raise self.connection.error_for(
                    response.status_code,
                    media_type=media_type_of(response.headers),
                    content=content,
                )
            time.sleep(pause)

    def _read_body(self, response: httpx.Response) -> bytes:
        """Read the whole response within its limits: a broken hub may never stop sending."""
        limits, body = self.connection.limits, bytearray()
        until = time.monotonic() + limits.answer_s
        for part in response.iter_bytes():
            body += part
            if len(body) > limits.answer_bytes:
                raise AnswerError(
                    self.connection.hub, f"sent more than {limits.answer_bytes} bytes"
                )
            if time.monotonic() > until:
                raise TimeoutError(f"no end after {limits.answer_s:g} s")
        return bytes(body)

    def _read_lines(self, response: httpx.Response) -> Iterator[bytes]:
        """Yield the non-empty lines of a response as they arrive."""
        cutter = LineSplitter()
        for part in response.iter_bytes():
            yield from filter(None, cutter.take(part))
        yield from filter(None, cutter.end())
