# SPDX-License-Identifier: Apache-2.0
"""The routes of live streams: what they take, and how their errors are told."""

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

from stemtide.agent.config import Config
from stemtide.agent.intake import BadRequestError, check_ref, invalid, read_body
from stemtide.agent.live import BusyError, ChunkIn, Live, LiveOut
from stemtide.agent.live_state import OutOfStepError
from stemtide.agent.live_store import FullError
from stemtide.protocol.problems import ProblemType

MAX_INIT_BYTES = 256 * 1024
_NAME = re.compile(r"[A-Za-z0-9._~:-]{1,100}")
_LARGEST_SEQ = 2**53
_TYPES = ("video/", "audio/", "application/octet-stream")


class LiveDoor:
    """The routes.

    wake:        called when something was queued.
    as_of:       what an answer says of the signals that it is made from.
    check_ready: raises while there is nothing to match against.
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
        """What is answered here."""
        one = "/live/{stream}"
        return [
            Route("/live", self.every, methods=["GET"]),
            Route(one, self.put, methods=["POST"]),
            Route(one, self.tell, methods=["GET"]),
            Route(one, self.end, methods=["DELETE"]),
            Route(f"{one}/init", self.begin, methods=["PUT"]),
        ]

    async def put(self, request: Request) -> Response:
        """POST /live/{stream}: take a chunk in, answer what is on."""
        stream, asked = _stream(request), _parameters(request, "seq", "ref", "look")
        self._check_ready()
        _check_type(request)
        blob = await read_body(request, self._config.max_upload_bytes)
        if not blob:
            raise invalid("body", "is empty: send the chunk's bytes")
        if (look := asked.get("look", "0")) not in ("0", "1"):
            raise invalid("look", "must be 0 or 1")
        chunk = ChunkIn(
            stream, blob, _ref(stream, asked.get("ref")), _seq(asked.get("seq")), look == "1"
        )
        try:
            answer, is_news = await self._live.take(chunk)
        except OutOfStepError as error:
            raise BadRequestError(ProblemType.CONFLICT, f"seq: {error}") from error
        except BusyError as error:
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
        """PUT /live/{stream}/init: keep the initialisation segment that its chunks need."""
        stream, asked = _stream(request), _parameters(request, "ref")
        self._check_ready()
        _check_type(request)
        init = await read_body(request, MAX_INIT_BYTES, remedy="send the initialisation alone")
        if not init:
            raise invalid("body", "is empty: send the initialisation segment's bytes")
        try:
            await asyncio.to_thread(self._keep_init, stream, _ref(stream, asked.get("ref")), init)
        except FullError as error:
            raise self._full() from error
        return Response(status_code=204)

    def _keep_init(self, stream: str, ref: str, init: bytes) -> None:
        streams = self._live.streams
        while True:  # somebody else is quicker only as often as there are others
            row = streams.open(stream, ref=ref, now=time.time())
            if streams.keep(row, now=time.time(), init=init):
                return

    async def tell(self, request: Request) -> Response:
        """GET /live/{stream}: what it matched so far."""
        return await self._about(request, self._live.tell)

    async def end(self, request: Request) -> Response:
        """DELETE /live/{stream}: it has ended; what it matched."""
        return await self._about(request, self._live.end)

    async def every(self, request: Request) -> Response:
        """GET /live: which streams are open."""
        _parameters(request)
        found = await asyncio.to_thread(self._live.streams.names, now=time.time())
        streams = [{"stream": name, "ref": ref} for name, ref in found]
        return _json({"streams": streams, "most": self._config.live_streams})

    async def _about(self, request: Request, tell: Callable[[str], LiveOut | None]) -> Response:
        stream = _stream(request)
        _parameters(request)
        if (told := await asyncio.to_thread(tell, stream)) is None:
            raise BadRequestError(
                ProblemType.NOT_FOUND,
                f"stream: {stream} is not open; it ended, or no chunk came for"
                f" {self._config.live_idle_s:g} s",
            )
        return self._answer(told)

    def _full(self) -> BadRequestError:
        return BadRequestError(
            ProblemType.TOO_MANY,
            f"stream: {self._config.live_streams} streams are open, and no more may be; end one"
            " with DELETE, or raise live_streams",
        )

    def _answer(self, told: LiveOut) -> Response:
        return _json({**msgspec.to_builtins(told), **self._as_of()})


def _json(body: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")


def _stream(request: Request) -> str:
    name: str = request.path_params["stream"]
    if not _NAME.fullmatch(name):
        raise invalid("stream", "is 1 to 100 of A-Z, a-z, 0-9 and . _ ~ : -")
    return name


def _parameters(request: Request, *known: str) -> dict[str, str]:
    """The parameters; unknown ones and repeated ones are refused: a typo must not act."""
    several = request.query_params.multi_items()
    asked = dict(several)
    for name in asked:
        if name not in known:
            said = f"known are {', '.join(known)}" if known else "it has none"
            raise invalid(name[:80], f"is no parameter here; {said}")
    if len(asked) != len(several):
        raise invalid("query", "names a parameter twice; give each once")
    return asked


def _check_type(request: Request) -> None:
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not said.startswith(_TYPES):
        raise BadRequestError(
            ProblemType.WRONG_MEDIA_TYPE,
            f"Content-Type {said[:80]!r} is not understood; send video/*, audio/* or "
            "application/octet-stream with one chunk as the body",
        )


def _seq(text: str | None) -> int | None:
    if text is None:
        return None
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(_LARGEST_SEQ))
    if not is_number or int(text) > _LARGEST_SEQ:
        raise invalid("seq", "must be the chunk's number, from 0; leave it out to count on")
    return int(text)


def _ref(stream: str, ref: str | None) -> str:
    """The provider's own id of the stream; without one, a new one that names it."""
    return f"live:{stream}:{uuid4().hex[:12]}" if ref is None else check_ref(ref)
