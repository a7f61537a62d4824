# SPDX-License-Identifier: Apache-2.0
"""The agent's own allow-list over HTTP: a provider's own content, and that of its partners."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typing_extensions import TypedDict

from stemtide.agent.config.settings import Config
from stemtide.agent.http.match_requests import BadRequestError, invalid, read_message
from stemtide.agent.recognise.own_list import AddedEntries, OwnListError, add_entries
from stemtide.agent.store import own_list
from stemtide.agent.store.allowed import count_hub_list
from stemtide.agent.store.database import Store
from stemtide.agent.store.own_list import OwnEntryRow
from stemtide.fingerprints.url.canonical import UrlError
from stemtide.protocol.problems import ProblemType
from stemtide.protocol.sync.allowlists import AllowEntryIn

_MAX_JSON = 16 * 1024


class OwnEntry(TypedDict):
    """An entry of the agent's own list. value: hex; of an address its digest.

    matches: uploads that it lately kept from an action. matched_at: when the last.
    """

    id: str
    kind: str
    value: str
    within_bits: int
    reason: str
    source: str
    expires_at: str | None
    matches: int
    matched_at: str | None


class OwnList(TypedDict):
    """The agent's own list, and how many entries the hub's has."""

    entries: list[OwnEntry]
    hub_entries: int
    hub_version: str


class AllowRoutes:
    """Routes of the agent's own allow-list. wake: called if an entry weakened earlier actions."""

    def __init__(self, *, config: Config, store: Store, wake: Callable[[], None]) -> None:
        self._config = config
        self._store = store
        self._wake = wake

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/allowlist", self.read_all, methods=["GET"]),
            Route("/allowlist", self.add, methods=["POST"]),
            Route("/allowlist/{entry}", self.remove, methods=["DELETE"]),
        ]

    async def read_all(self, _request: Request) -> Response:
        """GET /allowlist: list the agent's own entries."""
        rows, hub_entries = await asyncio.to_thread(self._read_all)
        version = self._store.view.allowlist
        entries = [_out(row) for row in rows]
        return JSONResponse(OwnList(entries=entries, hub_entries=hub_entries, hub_version=version))

    def _read_all(self) -> tuple[list[OwnEntryRow], int]:
        return own_list.read_entries(self._store.read), count_hub_list(self._store.read)

    async def add(self, request: Request) -> Response:
        """POST /allowlist: add an entry, and weaken earlier actions on what it covers."""
        row, released = await asyncio.to_thread(
            self._add, await read_message(request, AllowEntryIn, limit=_MAX_JSON, strict=True)
        )
        if released:
            self._wake()
        return JSONResponse(_out(row), status_code=201)

    async def remove(self, request: Request) -> Response:
        """DELETE /allowlist/{entry}: remove one of the agent's own entries."""
        entry: str = request.path_params["entry"]
        if not await asyncio.to_thread(self._remove, entry):
            raise BadRequestError(
                ProblemType.NOT_FOUND,
                f"the agent's own allow-list has no entry {entry[:100]!r}: see GET /allowlist."
                " Entries of the hub's list are removed at the hub",
            )
        return Response(status_code=204)

    def _add(self, entry: AllowEntryIn) -> tuple[OwnEntryRow, int]:
        try:
            added = self._added(entry)
        except OwnListError as error:
            raise invalid("body", str(error)) from error
        except UrlError as error:
            raise invalid("value", str(error)) from error
        row = own_list.read_entry(self._store.read, added.rows[0].id)
        if row is None:
            raise invalid("body", "the entry was removed again meanwhile")
        return row, added.released

    def _added(self, entry: AllowEntryIn) -> AddedEntries:
        return add_entries(
            self._store,
            [entry],
            by="",
            config=self._config,
            now=datetime.now(UTC),
            may_release=True,
            replaces=True,
        )

    def _remove(self, entry: str) -> bool:
        with self._store.write() as tx:
            return own_list.end_entry(tx, entry, by="", why="", now=datetime.now(UTC))


def _out(row: OwnEntryRow) -> OwnEntry:
    """Return an entry for readers."""
    return OwnEntry(
        id=row.id,
        kind=row.kind,
        value=row.value,
        within_bits=row.within_bits,
        reason=row.reason,
        source=row.source,
        expires_at=_time(row.expires_at),
        matches=row.matches,
        matched_at=_time(row.matched_at),
    )


def _time(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat()
