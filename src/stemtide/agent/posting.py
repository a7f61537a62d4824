# SPDX-License-Identifier: Apache-2.0
"""Statements of reasons go to the Transparency Database, each of them once.

1 What is about to be sent is noted first, durably; what came of it is noted after.
2 Where it is not sure that a call was not taken (a line that broke, a 5xx, a kill), the database is
  asked for each number before anything is sent again. It refuses a number that it has.
3 One bad statement does not sink its call: it is set aside with the database's words, the rest go.
"""

import asyncio
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import quote, urlsplit

import httpx

from stemtide import __version__
from stemtide.agent.backoff import wait_s
from stemtide.client.line import is_loopback
from stemtide.protocol.dsa import batches
from stemtide.protocol.dsa_answers import (
    Refusal,
    Remark,
    read_found,
    read_refusal,
    read_taken,
)
from stemtide.protocol.webhooks import retry_after

Statement = Mapping[str, Any]

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 300.0

_MAX_ANSWER_BYTES = 16 * 1024 * 1024
_ANSWER_S = 120.0
_DENIED = frozenset({401, 403})
_NOT_TAKEN = frozenset({425, 429})
_LATER = frozenset({408, *_NOT_TAKEN})
_TOO_LARGE = 413
_SERVER_ERROR = 500


class DatabaseError(Exception):
    """Something is wrong between us and the database; the message says what to do.

    is_sure: that what was sent was not taken.
    """

    is_sure = False


class DatabaseAwayError(DatabaseError):
    """The database cannot be reached now, or asks for patience.

    wait_s: how long it asked to wait; 0 for nothing.
    """

    def __init__(self, trouble: str, *, is_sure: bool, wait_s: float = 0.0) -> None:
        super().__init__(trouble)
        self.is_sure = is_sure
        self.wait_s = wait_s


class DatabaseDeniedError(DatabaseError):
    """The database does not take this token."""

    is_sure = True


class DatabaseAnswerError(DatabaseError):
    """The database answered something that it never says. Perhaps it is none."""


class Journal(Protocol):
    """Where it is noted what was sent and what came of it, so that a kill doubles nothing."""

    def begin(self, puids: Sequence[str]) -> None:
        """Note, durably, that these are about to be sent."""

    def release(self, puids: Sequence[str]) -> None:
        """Note that the database surely has none of these: they are as if never begun."""

    def take(self, uuids: Mapping[str, str]) -> None:
        """Note that the database has these, with its ids of them ("" where unknown)."""

    def refuse(self, remarks: Mapping[str, Sequence[Remark]]) -> None:
        """Note that the database does not take these, and why."""


class Database:
    """The line to the database, open inside `async with`. Every method raises DatabaseError.

    The token goes to this one address: redirects are not followed.
    """

    def __init__(self, api: str, *, token: str) -> None:
        self.api = api
        self._token = token
        self._http: httpx.AsyncClient

    async def __aenter__(self) -> Self:
        self._http = await asyncio.to_thread(self._open)  # it reads many certificates
        return self

    def _open(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            headers={
                "Authorization": f"Bearer {self._token}",
                "Accept": "application/json",
                "User-Agent": f"stemtide/{__version__}",
            },
            timeout=httpx.Timeout(60, connect=10),
            trust_env=not is_loopback(urlsplit(self.api).hostname or ""),
            follow_redirects=False,
        )

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def post(self, statements: Sequence[Statement]) -> dict[str, str] | Refusal:
        """Send one call: the database's ids by number, or why it takes none of them."""
        (body,) = batches(statements)
        status, answer = await self._ask("POST", "/statements", json=body)
        if status == httpx.codes.CREATED:
            uuids = read_taken(answer)
            return {statement["puid"]: uuids.get(statement["puid"], "") for statement in statements}
        if status == httpx.codes.UNPROCESSABLE_ENTITY:
            return read_refusal(answer, count=len(statements))
        if status == _TOO_LARGE:
            return Refusal(whole=(Remark("", "the call is too large"),))
        raise self._odd(status)

    async def find(self, puid: str) -> str | None:
        """The database's id of a statement ("" where it does not say it); None if it has none."""
        path = f"/statement/existing-puid/{quote(puid, safe='')}"
        status, answer = await self._ask("GET", path)
        if status in (httpx.codes.FOUND, httpx.codes.OK):
            return read_found(answer)
        if status == httpx.codes.NOT_FOUND:
            return None
        raise self._odd(status)

    async def _ask(
        self, method: str, path: str, *, json: object | None = None
    ) -> tuple[int, bytes]:
        """Status and body of an answer that is neither "later" nor "not you"."""
        try:
            async with (
                asyncio.timeout(_ANSWER_S),
                self._http.stream(method, self.api + path, json=json) as answer,
            ):
                body = await self._whole(answer)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise DatabaseAwayError(
                f"{self.api} cannot be reached: {error}", is_sure=True
            ) from error
        except (httpx.RequestError, TimeoutError) as error:
            said = f"{self.api} broke off ({error!r})"
            raise DatabaseAwayError(said, is_sure=False) from error
        status = answer.status_code
        if status in _DENIED:
            raise DatabaseDeniedError(
                f"{self.api} does not take the token ({status}): make a new one on its pages, and"
                " check that this address is the one that the token is for"
            )
        if status in _LATER or status >= _SERVER_ERROR:
            raise DatabaseAwayError(
                f"{self.api} answered {status}",
                is_sure=status in _NOT_TAKEN,
                wait_s=_asked_wait_s(answer.headers.get("Retry-After", "")),
            )
        return status, body

    async def _whole(self, answer: httpx.Response) -> bytes:
        """An answer's body, which must come to an end."""
        body = bytearray()
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > _MAX_ANSWER_BYTES:
                raise DatabaseAnswerError(f"{self.api} sent more than {_MAX_ANSWER_BYTES} bytes")
        return bytes(body)

    def _odd(self, status: int) -> DatabaseAnswerError:
        return DatabaseAnswerError(
            f"{self.api} answered {status}: is it the address of a Transparency Database? The token"
            " is not sent to where a redirect points"
        )


@dataclass(slots=True)
class Posting:
    """Sends statements in calls of as many as one takes.

    unsure: numbers of which it is not known whether they were taken; kept up as that is heard.
    tries:  how often one call is tried; then DatabaseAwayError, and what is left is left.
    """

    database: Database
    journal: Journal
    unsure: set[str] = field(default_factory=set)
    tries: int = 8

    async def post(self, statements: Sequence[Statement]) -> None:
        """Send statements, each with a number of its own. raises: DatabaseError."""
        for call in batches(statements):
            await self._send(call["statements"])

    async def _send(self, rows: Any) -> None:  # noqa: ANN401  # the list in a call's body
        """Send one call, or it in parts, until each statement was taken or refused."""
        calls = deque[list[Statement]]([list(rows)])
        failed = 0
        while calls:
            try:
                await self._look_for(calls[0])
                parts = await self._try(calls[0]) if calls[0] else []
            except DatabaseAwayError as error:
                failed += 1
                if failed >= self.tries:
                    raise
                wait = wait_s(failed - 1, first_s=FIRST_WAIT_S, cap_s=LONGEST_WAIT_S)
                await asyncio.sleep(error.wait_s or wait)
                continue
            calls.popleft()
            calls.extendleft(reversed(parts))
            failed = 0

    async def _look_for(self, rows: list[Statement]) -> None:
        """Ask for those that the database may have; the ones that it has leave the list."""
        there: dict[str, str] = {}
        absent: list[str] = []
        try:
            for one in [row for row in rows if row["puid"] in self.unsure]:
                puid = one["puid"]
                uuid = await self.database.find(puid)
                self.unsure.discard(puid)
                if uuid is None:
                    absent.append(puid)
                else:
                    there[puid] = uuid
                    rows.remove(one)
        finally:  # what was heard is not asked again, however often a long round is cut
            await asyncio.to_thread(self._note, there, absent)

    def _note(self, there: Mapping[str, str], absent: Sequence[str]) -> None:
        if there:
            self.journal.take(there)
        if absent:
            self.journal.release(absent)

    async def _try(self, rows: list[Statement]) -> list[list[Statement]]:
        """Send one call once; the calls that are to be sent in its place."""
        answer = await self._begun(rows)
        if not isinstance(answer, Refusal):
            await asyncio.to_thread(self.journal.take, answer)
            return []
        bad = {rows[place]["puid"]: remarks for place, remarks in answer.rows.items()}
        known = {row["puid"] for row in rows} & answer.known
        if not bad and not known and len(rows) == 1:
            bad = {rows[0]["puid"]: answer.whole}
        if bad:
            await asyncio.to_thread(self.journal.refuse, bad)
        if known:
            await asyncio.to_thread(self.journal.take, await self._ids_of(known))
        left = [row for row in rows if row["puid"] not in known and row["puid"] not in bad]
        await asyncio.to_thread(self._note, {}, [one["puid"] for one in left])
        # Where the database does not say what is wrong with a call, each half is sent by itself.
        middle = len(left) if bad or known else len(left) // 2
        return [part for part in (left[:middle], left[middle:]) if part]

    async def _begun(self, rows: list[Statement]) -> dict[str, str] | Refusal:
        """Send one call, noted before, and after where it failed and surely was not taken."""
        puids = [row["puid"] for row in rows]
        await asyncio.to_thread(self.journal.begin, puids)
        try:
            return await self.database.post(rows)
        except DatabaseError as error:
            if error.is_sure:
                await asyncio.to_thread(self.journal.release, puids)
            else:
                self.unsure.update(puids)
            raise

    async def _ids_of(self, known: Collection[str]) -> dict[str, str]:
        """The database's ids of statements that it says it has; "" where it does not tell them."""
        found = dict.fromkeys(sorted(known), "")
        with suppress(DatabaseAwayError):  # that it has them is known, and what counts
            for puid in found:
                found[puid] = await self.database.find(puid) or ""
        return found


def _asked_wait_s(said: str) -> float:
    """How long a Retry-After header asks to wait, in seconds; 0 where it says nothing."""
    wait = retry_after(said, now=datetime.now(UTC))
    return wait.total_seconds() if wait else 0.0
