# SPDX-License-Identifier: Apache-2.0
"""HTTP client for a provider's own HMA. Responses are validated before use.

Redirects and cookies are ignored, and the size and time of a response are limited.

source: the routes and shapes of OpenMediaMatch (HMA 1.1), read and asked; see decision 0075.
"""

import asyncio
import json
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from stemtide import __version__
from stemtide.agent.config.companion import TYPE_OF, HmaSettings
from stemtide.client.connection import is_loopback
from stemtide.fingerprints.kinds import Kind

_Read = TypeVar("_Read")

_MAX_BYTES = 1024 * 1024
"""Enough for some ten thousand matches of one hash."""

_MAX_ID = 2**63 - 1
_OK, _NOT_FOUND, _EXISTS = 200, 404, 403
_RETRY = frozenset({408, 425, 429})


class HmaError(Exception):
    """A call to HMA failed; the message says what to do.

    may_be_done: whether HMA may have carried out the request.
    """

    def __init__(self, hma: str, trouble: str, *, may_be_done: bool = True) -> None:
        super().__init__(f"{hma}: {trouble}")
        self.may_be_done = may_be_done


class HmaAwayError(HmaError):
    """HMA is unreachable or unhealthy. Retry later."""


class HmaRefusedError(HmaError):
    """HMA rejected the content for good."""


class HmaAnswerError(HmaError):
    """The response cannot be parsed. Perhaps the server is no HMA."""


class BankGoneError(HmaError):
    """The bank does not exist."""


class _Message(BaseModel):
    model_config = ConfigDict(strict=True)


class HmaBank(_Message):
    """A bank. matching_enabled_ratio: 0..1, the share of look-ups that it answers."""

    name: str
    matching_enabled_ratio: float = 1.0


class HmaContent(_Message):
    """A content in a bank."""

    id: int
    bank: HmaBank
    note: str | None = None


class _CreatedContent(_Message):
    id: int = Field(ge=1, le=_MAX_ID)


class _SignalType(_Message):
    name: str
    enabled_ratio: float = 1.0


class _Match(_Message):
    bank_content_id: int


_TYPES = TypeAdapter(list[_SignalType])
_LOOK_UP = TypeAdapter(dict[str, list[_Match]])
_MATCHES = TypeAdapter(dict[str, list[int]])


@dataclass(frozen=True, slots=True)
class _Response:
    status: int
    body: bytes


class HmaClient:
    """A connection to one HMA, open inside `async with`. Every method raises HmaError."""

    def __init__(self, settings: HmaSettings) -> None:
        self.hma = settings.url
        self._settings = settings
        self._http: httpx.AsyncClient

    async def __aenter__(self) -> Self:
        self._http = await asyncio.to_thread(self._open)  # loading CA certificates blocks
        return self

    def _open(self) -> httpx.AsyncClient:
        settings = self._settings
        headers = {
            "User-Agent": f"stemtide-agent/{__version__}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",  # against decompression bombs
        }
        if settings.secret:
            headers[settings.header] = settings.secret
        return httpx.AsyncClient(
            base_url=settings.url,
            headers=headers,
            timeout=settings.timeout_s,
            # Servers close idle connections after 2 s; a hash sent into one would be in doubt.
            limits=httpx.Limits(max_connections=16, keepalive_expiry=1.0),
            follow_redirects=False,
            trust_env=not is_loopback(urlsplit(settings.url).hostname or ""),
        )

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def status_problem(self) -> str:
        """Return HMA's own error status; "" if it is healthy."""
        response = await self._send("GET", "/status", expected=frozenset({503}))
        text = response.body[:100].decode(errors="replace").strip()
        return "" if response.status == _OK else f"says of itself {text!r}"

    async def kinds(self) -> frozenset[Kind]:
        """Return the kinds that HMA matches."""
        response = await self._send("GET", "/c/signal_type")
        names = {
            signal_type.name
            for signal_type in self._read(_TYPES, response)
            if signal_type.enabled_ratio > 0
        }
        return frozenset(kind for kind, name in TYPE_OF.items() if name in names)

    async def bank(self, name: str) -> HmaBank | None:
        """Return a bank; None if it does not exist."""
        response = await self._send("GET", f"/c/bank/{name}", expected=frozenset({_NOT_FOUND}))
        if response.status == _NOT_FOUND:
            return None
        return self._read(TypeAdapter(HmaBank), response)

    async def make_bank(self, name: str) -> None:
        """Create a bank; an existing one does not change."""
        payload = {"name": name, "enabled": True}
        await self._send("POST", "/c/banks", payload=payload, expected=frozenset({_EXISTS}))

    async def delete_bank(self, name: str) -> None:
        """Delete a bank and its contents."""
        await self._send("DELETE", f"/c/bank/{name}", expected=frozenset({_NOT_FOUND}))

    async def put(self, bank: str, kind: Kind, value: bytes, *, note: str) -> int:
        """Add a hash to a bank; return the id of its content.

        raises: BankGoneError, HmaRefusedError for a hash that HMA never takes.
        """
        payload = {TYPE_OF[kind]: value.hex(), "note": note}
        path = f"/c/bank/{bank}/signal"
        response = await self._send(
            "POST", path, payload=payload, expected=frozenset({400, 404, 422})
        )
        text = response.body[:200].decode(errors="replace").strip()
        if response.status == _NOT_FOUND:
            raise BankGoneError(self.hma, f"has no bank {bank}: {text}", may_be_done=False)
        if response.status not in (_OK, 201):
            trouble = f"does not take it: {response.status} {text}"
            raise HmaRefusedError(self.hma, trouble, may_be_done=False)
        return self._read(TypeAdapter(_CreatedContent), response).id

    async def content(self, bank: str, content: int) -> HmaContent | None:
        """Return a content; None if the id or the bank does not exist."""
        path = f"/c/bank/{bank}/content/{content}"
        response = await self._send("GET", path, expected=frozenset({_NOT_FOUND}))
        if response.status == _NOT_FOUND:
            return None
        return self._read(TypeAdapter(HmaContent), response)

    async def remove(self, bank: str, content: int) -> None:
        """Delete a content. HMA deletes by id alone, so check first whose it is."""
        path = f"/c/bank/{bank}/content/{content}"
        await self._send("DELETE", path, expected=frozenset({_NOT_FOUND}))

    async def look_up(self, bank: str, kind: Kind, value: bytes) -> set[int]:
        """Return the contents of a bank that match, as HMA's clients see them."""
        query = {"signal": value.hex(), "signal_type": TYPE_OF[kind], "banks": bank}
        matches = self._read(_LOOK_UP, await self._send("GET", "/m/lookup", query=query))
        return {match.bank_content_id for match in matches.get(bank, [])}

    async def look_up_all(self, bank: str, kind: Kind, value: bytes) -> set[int]:
        """Return the contents of a bank that match, disabled ones included."""
        query = {"signal": value.hex(), "signal_type": TYPE_OF[kind], "banks": bank}
        matches = self._read(_MATCHES, await self._send("GET", "/m/raw_lookup", query=query))
        return set(matches.get("matches", []))

    async def _send(
        self,
        method: str,
        path: str,
        *,
        payload: dict[str, Any] | None = None,
        query: dict[str, str] | None = None,
        expected: frozenset[int] = frozenset(),
    ) -> _Response:
        """Send a request; return the response if it succeeded or its status is expected."""
        body = None if payload is None else json.dumps(payload)
        headers = {"Content-Type": "application/json"} if payload is not None else None
        try:
            async with (
                asyncio.timeout(self._settings.timeout_s),
                self._http.stream(
                    method, path, params=query, content=body, headers=headers
                ) as response,
            ):
                result = _Response(response.status_code, await self._read_body(response))
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            trouble = f"cannot be reached ({error!r})"
            raise HmaAwayError(self.hma, trouble, may_be_done=False) from error
        except (httpx.RequestError, TimeoutError) as error:
            raise HmaAwayError(self.hma, f"its answer broke off ({error!r})") from error
        self._check(result, expected)
        return result

    async def _read_body(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for part in response.aiter_raw():
            body += part
            if len(body) > _MAX_BYTES:
                raise HmaAnswerError(self.hma, f"sent more than {_MAX_BYTES} bytes")
        return bytes(body)

    def _check(self, response: _Response, expected: frozenset[int]) -> None:
        """Raise unless the response succeeded or its status is expected."""
        status, text = response.status, response.body[:200].decode(errors="replace").strip()
        if status in (_OK, 201) or status in expected:
            return
        if status >= 500 or status in _RETRY:  # noqa: PLR2004 - RFC 9110 15.6
            raise HmaAwayError(self.hma, f"is not well: {status} {text}")
        if status in (401, 403, 407):
            raise HmaAnswerError(
                self.hma,
                f"denied access: {status} {text} Check companion.header and companion.secret",
                may_be_done=False,
            )
        raise HmaAnswerError(
            self.hma, f"answered {status} {text} Check companion.url: is it an HMA?"
        )

    def _read(self, kind: TypeAdapter[_Read], response: _Response) -> _Read:
        try:
            return kind.validate_json(response.body)
        except ValidationError as error:
            first = error.errors()[0]
            raise HmaAnswerError(
                self.hma, f"answered something unreadable ({first['loc']}: {first['msg']})"
            ) from error
