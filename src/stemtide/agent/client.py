# SPDX-License-Identifier: Apache-2.0
"""The only talker to the hub."""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

import httpx
from httpx_sse import EventSource, SSEError
from pydantic import BaseModel, ValidationError

from stemtide.agent.config import Config, is_loopback
from stemtide.fingerprints.kinds import MAX_VALUE_BYTES
from stemtide.protocol.agents import AgentStatusIn, OutcomeReportIn, OutcomeReportOut
from stemtide.protocol.feed import Wake

Message = TypeVar("Message", bound=BaseModel)

_PIECE_BYTES = 512 * 1024
_MAX_LINE_BYTES = 2 * MAX_VALUE_BYTES + 256 * 1024  # a value is in hex
_MAX_ANSWER_BYTES = 64 * 1024 * 1024  # a page of the feed has some 1 MB
_ANSWER_S = 120.0
_SILENCE_S = 45.0  # the hub pings every 15 s: three missed pings are a dead stream
_AWAY = frozenset({408, 425, 429})
_DECLINED = frozenset({400, 409, 413, 415, 422})
_KEY_TROUBLE = frozenset({401, 403})


class HubError(Exception):
    """Something is wrong between agent and hub; the message says what to do."""

    def __init__(self, hub: str, trouble: str) -> None:
        super().__init__(f"{hub}: {trouble}")
        self.hub = hub


class HubUnreachableError(HubError):
    """The hub cannot be reached now, or is not well. Trying again later is right."""


class HubRefusedError(HubError):
    """The hub does not let this agent do that: mostly a matter of the key."""


class HubAnswerError(HubError):
    """The hub answered something that this agent cannot read. Perhaps it is no hub at all."""


class HubDeclinedError(HubError):
    """The hub read a message and did not take it: sending the same again will not help."""


class Me(BaseModel):
    """Whom the hub takes this agent for."""

    party: str
    scopes: list[str]


@dataclass(slots=True)
class Backoff:
    """How long to wait before the next try: doubling, jittered so that agents do not march in step.

    source: "full jitter", M. Brooker, AWS Architecture Blog, 2015; half of the wait is kept.
    """

    first_s: float
    cap_s: float
    tries: int = 0

    def next_s(self) -> float:
        """The next wait in seconds."""
        wait = wait_s(self.tries, first_s=self.first_s, cap_s=self.cap_s)
        self.tries += 1
        return wait

    def reset(self) -> None:
        """Start again from the first wait, after a success."""
        self.tries = 0


def wait_s(tries: int, *, first_s: float, cap_s: float) -> float:
    """The wait after that many failed tries, in seconds."""
    full = min(cap_s, first_s * 2.0 ** min(tries, 30))
    return full * random.uniform(0.5, 1.0)  # noqa: S311 - jitter needs no secrecy


class Client:
    """One agent's line to its hub, open inside `async with`. Every method raises HubError."""

    def __init__(self, config: Config) -> None:
        self.hub = config.hub_url
        self._view = {"exercise": "1"} if config.exercise else {}
        self._key = config.key
        self._http: httpx.AsyncClient

    async def __aenter__(self) -> Self:
        self._http = await asyncio.to_thread(self._open_http)  # it reads many certificates
        return self

    def _open_http(self) -> httpx.AsyncClient:
        host = urlsplit(self.hub).hostname or ""
        return httpx.AsyncClient(
            base_url=f"{self.hub}/api/v1",
            headers={"Authorization": f"Bearer {self._key}"},
            timeout=httpx.Timeout(30, connect=5),
            limits=httpx.Limits(max_connections=10),
            # A proxy of the environment is for the world outside, not for this machine.
            trust_env=not is_loopback(host),
        )

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def whoami(self) -> Me:
        """Whom the key stands for, and what it may do."""
        return self._read(Me, await self._ask("GET", "/whoami"))

    async def feed(self, after: int, *, limit: int) -> bytes:
        """One page of the feed, as JSON of a FeedPage."""
        query = {"after": str(after), "limit": str(limit), **self._view}
        return await self._ask("GET", "/feed", params=query)

    async def snapshot(self) -> AsyncGenerator[list[bytes], None]:
        """The lines of a snapshot in pieces of about half a megabyte, while they arrive."""
        answer = await self._open(self._http.build_request("GET", "/snapshot", params=self._view))
        rest, size, parts = b"", 0, [b""]
        try:
            async for part in answer.aiter_bytes():
                parts.append(part)
                size += len(part)
                if size < _PIECE_BYTES:
                    continue
                *lines, rest = (rest + b"".join(parts)).split(b"\n")
                parts, size = [], 0
                if len(rest) > _MAX_LINE_BYTES:
                    raise HubAnswerError(self.hub, "its snapshot has a line without an end")
                if lines:
                    yield lines
            yield (rest + b"".join(parts)).split(b"\n")
        except httpx.RequestError as error:
            raise HubUnreachableError(self.hub, f"the snapshot broke off ({error!r})") from error
        finally:
            await answer.aclose()

    async def wakes(self, after: int) -> AsyncGenerator[int, None]:
        """The stream's positions; first 0 once it stands. Ends or raises when the stream does."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        timeout = httpx.Timeout(30, connect=5, read=_SILENCE_S)
        request = self._http.build_request(
            "GET", "/events/stream", params=self._view, headers=headers, timeout=timeout
        )
        answer = await self._open(request)
        try:
            yield 0
            async with aclosing(EventSource(answer).aiter_sse()) as events:
                async for event in events:
                    if event.event == "wake":
                        yield Wake.model_validate_json(event.data).position
        except (httpx.RequestError, SSEError) as error:
            raise HubUnreachableError(self.hub, f"the stream broke off ({error!r})") from error
        except ValidationError as error:
            raise HubAnswerError(self.hub, f"the stream is unreadable: {error}") from error
        finally:
            await answer.aclose()

    async def send_outcomes(self, report: OutcomeReportIn) -> OutcomeReportOut:
        """Report outcomes. The hub counts a report id once, so sending again is safe."""
        body = report.model_dump_json(exclude_none=True)  # an older hub knows no language
        answer = await self._ask("POST", "/outcomes", content=body)
        return self._read(OutcomeReportOut, answer)

    async def put_status(self, name: str, status: AgentStatusIn) -> None:
        """Tell the hub how this agent stands."""
        body = status.model_dump_json()
        await self._ask("PUT", f"/agents/{name}", content=body)

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        content: str | None = None,
    ) -> bytes:
        """Ask and return the whole answer; every failure is one of ours. content: JSON."""
        headers = _JSON if content else None
        request = self._http.build_request(
            method, path, params=params, content=content, headers=headers
        )
        return await self._whole(await self._open(request))

    async def _whole(self, answer: httpx.Response) -> bytes:
        """Read an answer to its end, which must come: a broken hub may never stop sending."""
        body = bytearray()
        try:
            async with asyncio.timeout(_ANSWER_S):
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > _MAX_ANSWER_BYTES:
                        raise HubAnswerError(self.hub, f"sent more than {_MAX_ANSWER_BYTES} bytes")
        except (httpx.RequestError, TimeoutError) as error:
            raise HubUnreachableError(self.hub, f"its answer broke off ({error!r})") from error
        finally:
            await answer.aclose()
        return bytes(body)

    async def _open(self, request: httpx.Request) -> httpx.Response:
        """Send a request; return the answer once it has begun well, to be read or streamed."""
        try:
            answer = await self._http.send(request, stream=True)
        except httpx.RequestError as error:
            raise HubUnreachableError(self.hub, f"cannot be reached ({error!r})") from error
        if answer.is_success:
            return answer
        said = _detail(await self._whole(answer))
        if answer.status_code >= 500 or answer.status_code in _AWAY:  # noqa: PLR2004 - RFC 9110 15.6
            raise HubUnreachableError(self.hub, f"is not well: {answer.status_code} {said}")
        if answer.status_code in _KEY_TROUBLE:
            raise HubRefusedError(
                self.hub,
                f"refused the key: {answer.status_code} {said} Check key (or key_file): it needs "
                "the scopes feed:read and feedback:write; `stemtide key new` makes one.",
            )
        if answer.status_code in _DECLINED:
            raise HubDeclinedError(self.hub, f"did not take it: {answer.status_code} {said}")
        raise HubAnswerError(
            self.hub, f"answered {answer.status_code} {said} Check hub_url: is it a hub?"
        )

    def _read(self, kind: type[Message], answer: bytes) -> Message:
        """Read a message out of an answer."""
        try:
            return kind.model_validate_json(answer)
        except ValidationError as error:
            raise HubAnswerError(self.hub, f"answered something unreadable: {error}") from error


_JSON = {"Content-Type": "application/json"}


def _detail(answer: bytes) -> str:
    """What the hub's problem document says, cut to a line."""
    try:
        said = json.loads(answer)
    except (ValueError, RecursionError):
        return answer[:200].decode(errors="replace")
    parts = [str(said.get("detail", ""))] if isinstance(said, dict) else []
    return " ".join(parts)[:500]
