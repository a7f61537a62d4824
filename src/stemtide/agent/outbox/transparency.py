# SPDX-License-Identifier: Apache-2.0
"""Post statements of reasons to the DSA Transparency Database, each exactly once.

1 Each attempt is recorded durably before it is sent, and its result after.
2 If a call may have been accepted (a broken connection, a 5xx, a crash), the database is asked for
  each number before anything is sent again. It rejects numbers that it already has.
3 One invalid statement does not fail its call: it is set aside with the database's remarks, and
  the others are sent.
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
from stemtide.agent.waits import requested_wait_s, wait_s
from stemtide.client.connection import is_loopback
from stemtide.protocol.law.dsa.answers import (
    Refusal,
    Remark,
    read_accepted,
    read_refusal,
    read_statement_id,
)
from stemtide.protocol.law.dsa.statements import batches

Statement = Mapping[str, Any]

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 300.0

_MAX_RESPONSE_BYTES = 16 * 1024 * 1024
_RESPONSE_S = 120.0
_DENIED = frozenset({401, 403})
_NOT_TAKEN = frozenset({425, 429})
_RETRY = frozenset({408, *_NOT_TAKEN})
_TOO_LARGE = 413
_SERVER_ERROR = 500


class DatabaseError(Exception):
    """A call to the database failed; the message says what to do.

    is_sure: the statements were certainly not accepted.
    """

    is_sure = False


class DatabaseAwayError(DatabaseError):
    """The database is unreachable, or asks to retry later.

    wait_s: the wait that it asked for; 0 for none.
    """

    def __init__(self, trouble: str, *, is_sure: bool, wait_s: float = 0.0) -> None:
        super().__init__(trouble)
        self.is_sure = is_sure
        self.wait_s = wait_s


class DatabaseDeniedError(DatabaseError):
    """The database rejected the token."""

    is_sure = True


class DatabaseAnswerError(DatabaseError):
    """The response is not one of a Transparency Database. Perhaps the address is wrong."""


class Journal(Protocol):
    """Record of attempts and their results, so that a crash posts nothing twice."""

    def begin(self, puids: Sequence[str]) -> None:
        """Record, durably, that these are about to be sent."""

    def release(self, puids: Sequence[str]) -> None:
        """Record that the database certainly has none of these, so that they can be sent again."""

    def take(self, uuids: Mapping[str, str]) -> None:
        """Record that the database has these, with its ids of them ("" if unknown)."""

    def refuse(self, remarks: Mapping[str, Sequence[Remark]]) -> None:
        """Record that the database rejected these, and why."""


class TransparencyDatabase:
    """A connection to the database, open inside `async with`. Every method raises DatabaseError.

    The token goes to this one address: redirects are not followed.
    """

    def __init__(self, api: str, *, token: str) -> None:
        self.api = api
        self._token = token
        self._http: httpx.AsyncClient

    async def __aenter__(self) -> Self:
        self._http = await asyncio.to_thread(self._open)  # loading CA certificates blocks
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
        """Send one call. Returns the database's ids by number, or its refusal of the call."""
        (body,) = batches(statements)
        status, response = await self._ask("POST", "/statements", json=body)
        if status == httpx.codes.CREATED:
            uuids = read_accepted(response)
            return {statement["puid"]: uuids.get(statement["puid"], "") for statement in statements}
        if status == httpx.codes.UNPROCESSABLE_ENTITY:
            return read_refusal(response, count=len(statements))
        if status == _TOO_LARGE:
            return Refusal(whole=(Remark("", "the call is too large"),))
        raise self._unexpected(status)

    async def find(self, puid: str) -> str | None:
        """Return the database's id of a statement ("" if it omits it); None if it has none."""
        path = f"/statement/existing-puid/{quote(puid, safe='')}"
        status, response = await self._ask("GET", path)
        if status in (httpx.codes.FOUND, httpx.codes.OK):
            return read_statement_id(response)
        if status == httpx.codes.NOT_FOUND:
            return None
        raise self._unexpected(status)

    async def _ask(
        self, method: str, path: str, *, json: object | None = None
    ) -> tuple[int, bytes]:
        """Send a request and return status and body. raises: DatabaseError to retry or give up."""
        try:
            async with (
                asyncio.timeout(_RESPONSE_S),
                self._http.stream(method, self.api + path, json=json) as response,
            ):
                body = await self._whole(response)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise DatabaseAwayError(
                f"{self.api} cannot be reached: {error}", is_sure=True
            ) from error
        except (httpx.RequestError, TimeoutError) as error:
            reason = f"{self.api} broke off ({error!r})"
            raise DatabaseAwayError(reason, is_sure=False) from error
        status = response.status_code
        if status in _DENIED:
            raise DatabaseDeniedError(
                f"{self.api} does not take the token ({status}): make a new one on its pages, and"
                " check that this address is the one that the token is for"
            )
        if status in _RETRY or status >= _SERVER_ERROR:
            raise DatabaseAwayError(
                f"{self.api} answered {status}",
                is_sure=status in _NOT_TAKEN,
                wait_s=requested_wait_s(response.headers, now=datetime.now(UTC)),
            )
        return status, body

    async def _whole(self, response: httpx.Response) -> bytes:
        """Read the response body up to the size limit."""
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > _MAX_RESPONSE_BYTES:
                raise DatabaseAnswerError(f"{self.api} sent more than {_MAX_RESPONSE_BYTES} bytes")
        return bytes(body)

    def _unexpected(self, status: int) -> DatabaseAnswerError:
        return DatabaseAnswerError(
            f"{self.api} answered {status}: is it the address of a Transparency Database? The token"
            " is not sent to where a redirect points"
        )


@dataclass(slots=True)
class StatementPoster:
    """Sends statements in calls as large as the database accepts.

    unsure: numbers that may or may not have been accepted; updated as answers arrive.
    tries:  attempts for one call; then DatabaseAwayError, and the remaining calls are not sent.
    """

    database: TransparencyDatabase
    journal: Journal
    unsure: set[str] = field(default_factory=set)
    tries: int = 8

    async def post(self, statements: Sequence[Statement]) -> None:
        """Send statements, each with its own number. raises: DatabaseError."""
        for call in batches(statements):
            await self._send(call["statements"])

    async def _send(self, rows: Any) -> None:  # noqa: ANN401  # the list in a call's body
        """Send one call, split if needed, until each statement was accepted or rejected."""
        calls = deque[list[Statement]]([list(rows)])
        failed = 0
        while calls:
            try:
                await self._skip_existing(calls[0])
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

    async def _skip_existing(self, rows: list[Statement]) -> None:
        """Ask for statements that the database may have, and remove those that it has."""
        present: dict[str, str] = {}
        absent: list[str] = []
        try:
            for statement in [row for row in rows if row["puid"] in self.unsure]:
                puid = statement["puid"]
                uuid = await self.database.find(puid)
                self.unsure.discard(puid)
                if uuid is None:
                    absent.append(puid)
                else:
                    present[puid] = uuid
                    rows.remove(statement)
        finally:  # keep what is known, even if a long round is cancelled
            await asyncio.to_thread(self._record, present, absent)

    def _record(self, present: Mapping[str, str], absent: Sequence[str]) -> None:
        if present:
            self.journal.take(present)
        if absent:
            self.journal.release(absent)

    async def _try(self, rows: list[Statement]) -> list[list[Statement]]:
        """Send one call once; return the calls to send in its place."""
        result = await self._send_recorded(rows)
        if not isinstance(result, Refusal):
            await asyncio.to_thread(self.journal.take, result)
            return []
        bad = {rows[index]["puid"]: remarks for index, remarks in result.rows.items()}
        existing = {row["puid"] for row in rows} & result.existing
        if not bad and not existing and len(rows) == 1:
            bad = {rows[0]["puid"]: result.whole}
        if bad:
            await asyncio.to_thread(self.journal.refuse, bad)
        if existing:
            await asyncio.to_thread(self.journal.take, await self._find_ids(existing))
        left = [row for row in rows if row["puid"] not in existing and row["puid"] not in bad]
        await asyncio.to_thread(self._record, {}, [statement["puid"] for statement in left])
        # If the database does not name the invalid statements, send each half by itself.
        middle = len(left) if bad or existing else len(left) // 2
        return [part for part in (left[:middle], left[middle:]) if part]

    async def _send_recorded(self, rows: list[Statement]) -> dict[str, str] | Refusal:
        """Send one call, recording the attempt before it and a certain failure after it."""
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

    async def _find_ids(self, puids: Collection[str]) -> dict[str, str]:
        """Return the database's ids of statements that it has; "" if it omits them."""
        uuids = dict.fromkeys(sorted(puids), "")
        with suppress(
            DatabaseAwayError
        ):  # their ids are optional: that the database has them is enough
            for puid in uuids:
                uuids[puid] = await self.database.find(puid) or ""
        return uuids
