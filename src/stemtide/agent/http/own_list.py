# SPDX-License-Identifier: Apache-2.0
"""The agent's own allow-list over HTTP: a provider's own content, and that of its partners."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typing_extensions import TypedDict

from stemtide.agent.config.settings import Config
from stemtide.agent.http.match_requests import BadRequestError, invalid, read_body
from stemtide.agent.outbox import actions
from stemtide.agent.store import allowed
from stemtide.agent.store.allowed import OWN, AllowRow
from stemtide.agent.store.database import Store
from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.url.canonical import UrlError, digest
from stemtide.fingerprints.url.reach import UrlScope, rule_of
from stemtide.protocol.problems import ProblemType
from stemtide.protocol.sync.allowlists import (
    DEFAULT_WITHIN_BITS,
    MAX_LIST,
    AllowedContent,
    AllowEntryIn,
)

_MAX_JSON = 16 * 1024


class OwnEntry(TypedDict):
    """An entry of the agent's own list. value: hex; of an address its digest."""

    id: str
    kind: str
    value: str
    within_bits: int
    reason: str
    source: str
    expires_at: str | None


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
        rows, hub_entries = await asyncio.to_thread(self._store.own_list)
        version = self._store.view.allowlist
        entries = [_out(row) for row in rows]
        return JSONResponse(OwnList(entries=entries, hub_entries=hub_entries, hub_version=version))

    async def add(self, request: Request) -> Response:
        """POST /allowlist: add an entry, and weaken earlier actions on what it covers."""
        content = _content(await _read(request))
        row, weakened = await asyncio.to_thread(partial(self._add, content))
        if weakened:
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

    def _add(self, content: AllowedContent) -> tuple[AllowRow, int]:
        now = datetime.now(UTC)
        with self._store.write() as tx:
            if len(allowed.read_list(tx, OWN)) >= MAX_LIST:
                raise invalid("body", f"the list has {MAX_LIST} entries: remove some first")
            row = allowed.add_own(tx, content, now=now)
            return row, actions.weaken_allowed(tx, [row], config=self._config, now=now)

    def _remove(self, entry: str) -> bool:
        with self._store.write() as tx:
            return allowed.remove_own(tx, entry)


async def _read(request: Request) -> AllowEntryIn:
    """Parse the body. raises: BadRequestError naming the field."""
    body = await read_body(request, _MAX_JSON)
    try:
        return AllowEntryIn.model_validate_json(body, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(key) for key in first["loc"]) or "body"
        raise invalid(field[:100], first["msg"][:300]) from error


def _content(body: AllowEntryIn) -> AllowedContent:
    """Return an entry as the store keeps it. raises: BadRequestError for an invalid address."""
    kind, value = Kind(body.kind), body.value
    bits = DEFAULT_WITHIN_BITS if body.within_bits is None else body.within_bits
    if kind is Kind.URL:
        reach = UrlScope[body.reach.name] if body.reach else UrlScope.ADDRESS
        try:
            value = digest(rule_of(value, reach=reach)).hex()
        except UrlError as error:
            raise invalid("value", str(error)) from error
    return AllowedContent(
        id=uuid4(),
        kind=kind,
        value=value,
        within_bits=bits if kind is Kind.PDQ else 0,
        reach=body.reach,
        reason=body.reason,
        source=body.source,
        expires_at=body.expires_at,
    )


def _out(row: AllowRow) -> OwnEntry:
    """Return an entry for readers."""
    ends = None if row.expires_at is None else datetime.fromtimestamp(row.expires_at, UTC)
    return OwnEntry(
        id=row.id,
        kind=row.kind,
        value=row.value,
        within_bits=row.within_bits,
        reason=row.reason,
        source=row.source,
        expires_at=ends.isoformat() if ends else None,
    )
