# SPDX-License-Identifier: Apache-2.0
"""The only talker to a provider's own HMA. Its answers are believed as far as they can be read.

No redirect is followed, no cookie kept, and an answer that is too long or too slow is given up.

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
from stemtide.agent.companion_settings import TYPE_OF, Companion
from stemtide.client.line import is_loopback
from stemtide.fingerprints.kinds import Kind

_Read = TypeVar("_Read")

_MAX_BYTES = 1024 * 1024
"""Some ten thousand matches of one hash; more is none that we could use."""

_MAX_ID = 2**63 - 1
_OK, _NOT_FOUND, _TAKEN = 200, 404, 403
_AWAY = frozenset({408, 425, 429})


class HmaError(Exception):
    """Something is wrong between agent and HMA; the message says what to do.

    may_be_done: whether HMA may have done what it was asked to.
    """

    def __init__(self, hma: str, trouble: str, *, may_be_done: bool = True) -> None:
        super().__init__(f"{hma}: {trouble}")
        self.may_be_done = may_be_done


class HmaAwayError(HmaError):
    """HMA cannot be reached now, or is not well. Trying again later is right."""


class HmaRefusedError(HmaError):
    """HMA read what it was sent and takes it never."""


class HmaAnswerError(HmaError):
    """HMA answered something that cannot be read. Perhaps it is no HMA at all."""


class BankGoneError(HmaError):
    """The bank that was meant is not there."""


class _Said(BaseModel):
    model_config = ConfigDict(strict=True)


class Bank(_Said):
    """A bank. matching_enabled_ratio: 0..1, the share of look-ups that it answers."""

    name: str
    matching_enabled_ratio: float = 1.0


class Content(_Said):
    """A content of a bank."""

    id: int
    bank: Bank
    note: str | None = None


class _Put(_Said):
    id: int = Field(ge=1, le=_MAX_ID)


class _Type(_Said):
    name: str
    enabled_ratio: float = 1.0


class _Match(_Said):
    bank_content_id: int


_TYPES = TypeAdapter(list[_Type])
_LOOK_UP = TypeAdapter(dict[str, list[_Match]])
_MATCHES = TypeAdapter(dict[str, list[int]])


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes


class Line:
    """The line to one HMA, open inside `async with`. Every method raises HmaError."""

    def __init__(self, settings: Companion) -> None:
        self.hma = settings.url
        self._settings = settings
        self._http: httpx.AsyncClient

    async def __aenter__(self) -> Self:
        self._http = await asyncio.to_thread(self._open)  # it reads many certificates
        return self

    def _open(self) -> httpx.AsyncClient:
        given = self._settings
        headers = {
            "User-Agent": f"stemtide-agent/{__version__}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",  # a few compressed bytes could become very many
        }
        if given.secret:
            headers[given.header] = given.secret
        return httpx.AsyncClient(
            base_url=given.url,
            headers=headers,
            timeout=given.timeout_s,
            # Servers close idle lines after 2 s; a hash sent into a closed one would be in doubt.
            limits=httpx.Limits(max_connections=16, keepalive_expiry=1.0),
            follow_redirects=False,
            trust_env=not is_loopback(urlsplit(given.url).hostname or ""),
        )

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def standing(self) -> str:
        """What HMA says of its own index; "" where it is well."""
        answer = await self._ask("GET", "/status", is_known=frozenset({503}))
        said = answer.body[:100].decode(errors="replace").strip()
        return "" if answer.status == _OK else f"says of itself {said!r}"

    async def kinds(self) -> frozenset[Kind]:
        """The kinds that HMA matches."""
        answer = await self._ask("GET", "/c/signal_type")
        names = {one.name for one in self._read(_TYPES, answer) if one.enabled_ratio > 0}
        return frozenset(kind for kind, name in TYPE_OF.items() if name in names)

    async def bank(self, name: str) -> Bank | None:
        """A bank; None where there is none of that name."""
        answer = await self._ask("GET", f"/c/bank/{name}", is_known=frozenset({_NOT_FOUND}))
        if answer.status == _NOT_FOUND:
            return None
        return self._read(TypeAdapter(Bank), answer)

    async def make_bank(self, name: str) -> None:
        """Make a bank; one that is there already stays as it is."""
        sent = {"name": name, "enabled": True}
        await self._ask("POST", "/c/banks", sent=sent, is_known=frozenset({_TAKEN}))

    async def delete_bank(self, name: str) -> None:
        """Delete a bank and all in it."""
        await self._ask("DELETE", f"/c/bank/{name}", is_known=frozenset({_NOT_FOUND}))

    async def put(self, bank: str, kind: Kind, value: bytes, *, note: str) -> int:
        """Put a hash into a bank; return the id of its content.

        raises: BankGoneError, HmaRefusedError for a hash that HMA never takes.
        """
        sent = {TYPE_OF[kind]: value.hex(), "note": note}
        path = f"/c/bank/{bank}/signal"
        answer = await self._ask("POST", path, sent=sent, is_known=frozenset({400, 404, 422}))
        said = answer.body[:200].decode(errors="replace").strip()
        if answer.status == _NOT_FOUND:
            raise BankGoneError(self.hma, f"has no bank {bank}: {said}", may_be_done=False)
        if answer.status not in (_OK, 201):
            trouble = f"does not take it: {answer.status} {said}"
            raise HmaRefusedError(self.hma, trouble, may_be_done=False)
        return self._read(TypeAdapter(_Put), answer).id

    async def content(self, bank: str, content: int) -> Content | None:
        """A content; None where there is none of that id, or no such bank."""
        path = f"/c/bank/{bank}/content/{content}"
        answer = await self._ask("GET", path, is_known=frozenset({_NOT_FOUND}))
        if answer.status == _NOT_FOUND:
            return None
        return self._read(TypeAdapter(Content), answer)

    async def remove(self, bank: str, content: int) -> None:
        """Delete a content. HMA deletes by the id alone, so ask first whose it is."""
        path = f"/c/bank/{bank}/content/{content}"
        await self._ask("DELETE", path, is_known=frozenset({_NOT_FOUND}))

    async def look_up(self, bank: str, kind: Kind, value: bytes) -> set[int]:
        """The contents of a bank that match, as whoever asks HMA is told."""
        asked = {"signal": value.hex(), "signal_type": TYPE_OF[kind], "banks": bank}
        found = self._read(_LOOK_UP, await self._ask("GET", "/m/lookup", asked=asked))
        return {one.bank_content_id for one in found.get(bank, [])}

    async def look_up_all(self, bank: str, kind: Kind, value: bytes) -> set[int]:
        """The same with those that are switched off."""
        asked = {"signal": value.hex(), "signal_type": TYPE_OF[kind], "banks": bank}
        found = self._read(_MATCHES, await self._ask("GET", "/m/raw_lookup", asked=asked))
        return set(found.get("matches", []))

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        sent: dict[str, Any] | None = None,
        asked: dict[str, str] | None = None,
        is_known: frozenset[int] = frozenset(),
    ) -> _Answer:
        """Ask; return the whole answer if it is a good one, or one that the caller knows."""
        body = None if sent is None else json.dumps(sent)
        headers = {"Content-Type": "application/json"} if sent is not None else None
        try:
            async with (
                asyncio.timeout(self._settings.timeout_s),
                self._http.stream(
                    method, path, params=asked, content=body, headers=headers
                ) as answer,
            ):
                told = _Answer(answer.status_code, await self._whole(answer))
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            trouble = f"cannot be reached ({error!r})"
            raise HmaAwayError(self.hma, trouble, may_be_done=False) from error
        except (httpx.RequestError, TimeoutError) as error:
            raise HmaAwayError(self.hma, f"its answer broke off ({error!r})") from error
        self._check(told, is_known)
        return told

    async def _whole(self, answer: httpx.Response) -> bytes:
        body = bytearray()
        async for part in answer.aiter_raw():
            body += part
            if len(body) > _MAX_BYTES:
                raise HmaAnswerError(self.hma, f"sent more than {_MAX_BYTES} bytes")
        return bytes(body)

    def _check(self, answer: _Answer, is_known: frozenset[int]) -> None:
        """Refuse an answer that says that it was not done."""
        status, said = answer.status, answer.body[:200].decode(errors="replace").strip()
        if status in (_OK, 201) or status in is_known:
            return
        if status >= 500 or status in _AWAY:  # noqa: PLR2004 - RFC 9110 15.6
            raise HmaAwayError(self.hma, f"is not well: {status} {said}")
        if status in (401, 403, 407):
            raise HmaAnswerError(
                self.hma,
                f"lets us not in: {status} {said} Check companion.header and companion.secret",
                may_be_done=False,
            )
        raise HmaAnswerError(
            self.hma, f"answered {status} {said} Check companion.url: is it an HMA?"
        )

    def _read(self, kind: TypeAdapter[_Read], answer: _Answer) -> _Read:
        try:
            return kind.validate_json(answer.body)
        except ValidationError as error:
            first = error.errors()[0]
            raise HmaAnswerError(
                self.hma, f"answered something unreadable ({first['loc']}: {first['msg']})"
            ) from error
