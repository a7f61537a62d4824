# SPDX-License-Identifier: Apache-2.0
"""Routes for live streams."""

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stemtide.agent.config.settings import Config
from stemtide.agent.http.match_requests import BadRequestError, check_ref, invalid, read_body
from stemtide.agent.live.state import OutOfStepError
from stemtide.agent.live.store import FullError
from stemtide.agent.live.streams import ChunkIn, Live, LiveOut, StreamBusyError
from stemtide.protocol.problems import ProblemType

MAX_INIT_BYTES = 256 * 1024
_NAME = re.compile(r"[A-Za-z0-9._~:-]{1,100}")
_LARGEST_SEQ = 2**53
_TYPES = ("video/", "audio/", "application/octet-stream")


class LiveRoutes:
    """Endpoints for live streams.

    wake:        called when something was queued.
    as_of:       returns the position and age of the signals, for responses.
    check_ready: raises while there are no signals to match against.
    """

    def __init__(
        self,
        *,
        config: Config,
        live: Live,
        wake: Callable[[], None],
        as_of: Callable[[], dict[str, Any]],
        check_ready: Callable[[], None],
    ) -> None:
        self._config = config
        self._live = live
        self._wake = wake
        self._as_of = as_of
        self._check_ready = check_ready

    def routes(self) -> list[Route]:
        """Return the routes."""
        stream_path = "/live/{stream}"
        return [
            Route("/live", self.every, methods=["GET"]),
            Route(stream_path, self.put, methods=["POST"]),
            Route(stream_path, self.show, methods=["GET"]),
            Route(stream_path, self.end, methods=["DELETE"]),
            Route(f"{stream_path}/init", self.begin, methods=["PUT"]),
        ]

    async def put(self, request: Request) -> Response:
        """POST /live/{stream}: process a chunk; respond with the known content that is on."""
        stream, parameters = _stream(request), _parameters(request, "seq", "ref", "look")
        self._check_ready()
        _check_type(request)
        blob = await read_body(request, self._config.max_upload_bytes)
        if not blob:
            raise invalid("body", "is empty: send the chunk's bytes")
        if (look := parameters.get("look", "0")) not in ("0", "1"):
            raise invalid("look", "must be 0 or 1")
        chunk = ChunkIn(
            stream,
            blob,
            _ref(stream, parameters.get("ref")),
            _seq(parameters.get("seq")),
            look == "1",
        )
        try:
            answer, is_news = await self._live.process_chunk(chunk)
        except OutOfStepError as error:
            raise BadRequestError(ProblemType.CONFLICT, f"seq: {error}") from error
        except StreamBusyError as error:
            raise BadRequestError(
                ProblemType.CONFLICT,
                f"stream: other chunks of {stream} come at the same time; send one at a time",
            ) from error
        except FullError as error:
            raise self._full() from error
        if is_news:
            self._wake()
        return self._answer(answer)

    async def begin(self, request: Request) -> Response:
        """PUT /live/{stream}/init: store the initialisation segment that its chunks need."""
        stream, parameters = _stream(request), _parameters(request, "ref")
        self._check_ready()
        _check_type(request)
        init = await read_body(request, MAX_INIT_BYTES, remedy="send the initialisation alone")
        if not init:
            raise invalid("body", "is empty: send the initialisation segment's bytes")
        try:
            await asyncio.to_thread(
                self._keep_init, stream, _ref(stream, parameters.get("ref")), init
            )
        except FullError as error:
            raise self._full() from error
        return Response(status_code=204)

    def _keep_init(self, stream: str, ref: str, init: bytes) -> None:
        streams = self._live.streams
        while True:  # repeated only as often as other chunks of the stream arrive
            row = streams.open(stream, ref=ref, now=time.time())
            if streams.save(row, now=time.time(), init=init):
                return

    async def show(self, request: Request) -> Response:
        """GET /live/{stream}: show its matches so far."""
        return await self._respond_about(request, self._live.show)

    async def end(self, request: Request) -> Response:
        """DELETE /live/{stream}: end the stream and show its matches."""
        return await self._respond_about(request, self._live.end)

    async def every(self, request: Request) -> Response:
        """GET /live: list the open streams."""
        _parameters(request)
        rows = await asyncio.to_thread(self._live.streams.names, now=time.time())
        streams = [{"stream": name, "ref": ref} for name, ref in rows]
        return _json({"streams": streams, "most": self._config.live_streams})

    async def _respond_about(
        self, request: Request, tell: Callable[[str], LiveOut | None]
    ) -> Response:
        stream = _stream(request)
        _parameters(request)
        if (answer := await asyncio.to_thread(tell, stream)) is None:
            raise BadRequestError(
                ProblemType.NOT_FOUND,
                f"stream: {stream} is not open; it ended, or no chunk came for"
                f" {self._config.live_idle_s:g} s",
            )
        return self._answer(answer)

    def _full(self) -> BadRequestError:
        return BadRequestError(
            ProblemType.TOO_MANY,
            f"stream: {self._config.live_streams} streams are open, and no more may be; end one"
            " with DELETE, or raise live_streams",
        )

    def _answer(self, answer: LiveOut) -> Response:
        return _json({**msgspec.to_builtins(answer), **self._as_of()})


def _json(body: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")


def _stream(request: Request) -> str:
    name: str = request.path_params["stream"]
    if not _NAME.fullmatch(name):
        raise invalid("stream", "is 1 to 100 of A-Z, a-z, 0-9 and . _ ~ : -")
    return name


def _parameters(request: Request, *allowed: str) -> dict[str, str]:
    """Return the query parameters; unknown and repeated ones are refused, to catch typos."""
    pairs = request.query_params.multi_items()
    parameters = dict(pairs)
    for name in parameters:
        if name not in allowed:
            hint = f"known are {', '.join(allowed)}" if allowed else "it has none"
            raise invalid(name[:80], f"is no parameter here; {hint}")
    if len(parameters) != len(pairs):
        raise invalid("query", "names a parameter twice; give each once")
    return parameters


def _check_type(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not media_type.startswith(_TYPES):
        raise BadRequestError(
            ProblemType.WRONG_MEDIA_TYPE,
            f"Content-Type {media_type[:80]!r} is not understood; send video/*, audio/* or "
            "application/octet-stream with one chunk as the body",
        )


def _seq(text: str | None) -> int | None:
    if text is None:
        return None
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(_LARGEST_SEQ))
    if not is_number or int(text) > _LARGEST_SEQ:
        raise invalid("seq", "must be the chunk's number, from 0; leave it out for the next number")
    return int(text)


def _ref(stream: str, ref: str | None) -> str:
    """Return the provider's id of the stream, or a new id that contains its name."""
    return f"live:{stream}:{uuid4().hex[:12]}" if ref is None else check_ref(ref)
