# SPDX-License-Identifier: Apache-2.0
"""The provider's own banks over HTTP: banks with an action, and the items in them.

HMA's routes (hma/contents.py) change the same banks. Every caller of the agent may change them, as
they may its allow-list; see middleware.py.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typing_extensions import TypedDict

from stemtide.agent.config.settings import Config
from stemtide.agent.http.match_requests import BadRequestError, invalid, read_message
from stemtide.agent.recognise import own_banks
from stemtide.agent.recognise.own_banks import MAX_ABOUT, MAX_NAME, BankItemIn
from stemtide.agent.recognise.own_list import OwnListError
from stemtide.agent.store import own_banks as rows, own_list
from stemtide.agent.store.database import Store
from stemtide.agent.store.own_banks import BankRow
from stemtide.agent.store.own_list import OwnEntryRow
from stemtide.agent.sync import switches
from stemtide.fingerprints.kinds import MAX_VALUE_BYTES, Kind
from stemtide.protocol.enums import Action
from stemtide.protocol.problems import ProblemType
from stemtide.protocol.sync.allowlists import MAX_LIST

MOST_ITEMS = 500
"""Items on a page of GET /banks/{bank}/items."""

_MAX_JSON = 16 * 1024
_MAX_ITEM_JSON = 2 * MAX_VALUE_BYTES + _MAX_JSON
_MAX_WORDS = 300
_STRICT = ConfigDict(extra="forbid", frozen=True)


class BankIn(BaseModel):
    """An own bank to create. enabled_ratio: the share of content that it is tried on."""

    model_config = _STRICT

    name: str = Field(pattern="^[A-Z0-9_]+$", max_length=MAX_NAME)
    action: Action = Action.HOLD
    enabled_ratio: float = Field(default=1.0, ge=0, le=1)
    about: str = Field(default="", max_length=MAX_ABOUT)


class BankChangeIn(BaseModel):
    """Facts of a bank to change. Fields that are left out stay unchanged."""

    model_config = _STRICT

    action: Action | None = None
    enabled_ratio: float | None = Field(default=None, ge=0, le=1)
    about: str | None = Field(default=None, max_length=MAX_ABOUT)


class OwnBank(TypedDict):
    """An own bank. items: how many it has."""

    name: str
    action: Action
    enabled_ratio: float
    about: str
    items: int
    added_at: str


class OwnBankList(TypedDict):
    """All own banks."""

    banks: list[OwnBank]


class OwnItem(TypedDict):
    """An item of an own bank. value: hex; the SHA-256 of values as long as their content.

    matches: uploads that it matched lately. matched_at: when the last.
    """

    id: str
    kind: Kind
    value: str
    written: str
    within_bits: int
    reason: str
    source: str
    expires_at: str | None
    added_at: str
    matches: int
    matched_at: str | None


class OwnItemPage(TypedDict):
    """Items of a bank, the newest first. next: the page after this one; None on the last."""

    items: list[OwnItem]
    next: int | None


class OwnBankRoutes:
    """Routes of the provider's own banks. wake: called if actions may have changed."""

    def __init__(self, *, config: Config, store: Store, wake: Callable[[], None]) -> None:
        self._config = config
        self._store = store
        self._wake = wake

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/banks", self.banks, methods=["GET"]),
            Route("/banks", self.create, methods=["POST"]),
            Route("/banks/{bank}", self.change, methods=["PATCH"]),
            Route("/banks/{bank}", self.delete, methods=["DELETE"]),
            Route("/banks/{bank}/restore", self.restore, methods=["POST"]),
            Route("/banks/{bank}/items", self.items, methods=["GET"]),
            Route("/banks/{bank}/items", self.add_item, methods=["POST"]),
            Route("/banks/{bank}/items/{item}", self.delete_item, methods=["DELETE"]),
        ]

    async def banks(self, _request: Request) -> Response:
        """GET /banks: list the own banks."""
        banks = await asyncio.to_thread(rows.read_banks, self._store.read)
        return JSONResponse(OwnBankList(banks=[_bank_out(row) for row in banks]))

    async def create(self, request: Request) -> Response:
        """POST /banks: create a bank."""
        bank = await read_message(request, BankIn, limit=_MAX_JSON, strict=True)
        with refused_fields():
            await asyncio.to_thread(self._create, bank)
        return JSONResponse(await self._bank(bank.name), status_code=201)

    def _create(self, bank: BankIn) -> None:
        own_banks.create_bank(
            self._store,
            bank.name,
            action=bank.action,
            ratio=bank.enabled_ratio,
            about=bank.about,
            by="",
            config=self._config,
            now=datetime.now(UTC),
        )

    async def change(self, request: Request) -> Response:
        """PATCH /banks/{bank}: change its action, its ratio or its description."""
        name = await self._checked(request)
        change = await read_message(request, BankChangeIn, limit=_MAX_JSON, strict=True)
        with refused_fields():
            await asyncio.to_thread(self._change, name, change)
        return JSONResponse(await self._bank(name))

    def _change(self, name: str, change: BankChangeIn) -> None:
        own_banks.change_bank(
            self._store,
            name,
            action=change.action,
            ratio=change.enabled_ratio,
            about=change.about,
        )

    async def delete(self, request: Request) -> Response:
        """DELETE /banks/{bank}: delete a bank; its items match no more."""
        name, releases = await self._checked(request), _releases(request)
        await asyncio.to_thread(
            switches.end_bank,
            self._store,
            name,
            by="",
            config=self._config,
            now=datetime.now(UTC),
            releases=releases,
        )
        self._wake()
        return Response(status_code=204)

    async def restore(self, request: Request) -> Response:
        """POST /banks/{bank}/restore: put a deleted bank back with its items."""
        name: str = request.path_params["bank"]
        if not await asyncio.to_thread(own_banks.restore_bank, self._store, name):
            raise _missing(f"no bank {name[:100]!r} was deleted lately: see GET /banks")
        return JSONResponse(await self._bank(name))

    async def items(self, request: Request) -> Response:
        """GET /banks/{bank}/items: list or search the items of a bank."""
        name = await self._checked(request)
        words = request.query_params.get("search", "").strip()[:_MAX_WORDS]
        page = request.query_params.get("page", "1")
        if not (page.isascii() and page.isdigit() and 1 <= int(page[:6]) <= MAX_LIST):
            raise invalid("page", "must be a number from 1")
        number = int(page[:6])
        items = await asyncio.to_thread(self._items, name, words, number)
        next_page = number + 1 if len(items) > MOST_ITEMS else None
        listed = [_item_out(row) for row in items[:MOST_ITEMS]]
        return JSONResponse(OwnItemPage(items=listed, next=next_page))

    def _items(self, name: str, words: str, number: int) -> list[OwnEntryRow]:
        return own_list.find_entries(
            self._store.read,
            words=words,
            values=own_list.values_of_words(words),
            is_on=True,
            now=datetime.now(UTC).timestamp(),
            limit=MOST_ITEMS + 1,
            offset=(number - 1) * MOST_ITEMS,
            bank=name,
        )

    async def add_item(self, request: Request) -> Response:
        """POST /banks/{bank}/items: add an item, in place of one with the same value."""
        name = await self._checked(request)
        item = await read_message(request, BankItemIn, limit=_MAX_ITEM_JSON, strict=True)
        with refused_fields():
            uid = await asyncio.to_thread(self._add_item, name, item)
        row = await asyncio.to_thread(own_list.read_entry, self._store.read, uid)
        if row is None:
            raise invalid("body", "the item was removed again meanwhile")
        return JSONResponse(_item_out(row), status_code=201)

    def _add_item(self, name: str, item: BankItemIn) -> str:
        new = own_banks.item_of(item)
        now = datetime.now(UTC)
        added = own_banks.add_items(self._store, name, [new], by="", now=now, replaces=True)
        return added.ids[0]

    async def delete_item(self, request: Request) -> Response:
        """DELETE /banks/{bank}/items/{item}: take an item out of a bank."""
        name, item = await self._checked(request), request.path_params["item"]
        changed = await asyncio.to_thread(
            switches.end_item,
            self._store,
            name,
            item,
            by="",
            why="",
            config=self._config,
            now=datetime.now(UTC),
            releases=_releases(request),
        )
        self._wake()
        if changed is None:
            raise _missing(f"the bank has no item {item[:100]!r}: see GET /banks/{name}/items")
        return Response(status_code=204)

    async def _bank(self, name: str) -> OwnBank:
        row = await asyncio.to_thread(rows.read_bank, self._store.read, name)
        if row is None:
            raise _missing(str(own_banks.no_bank(name)))
        return _bank_out(row)

    async def _checked(self, request: Request) -> str:
        """Return the bank that the path names. raises: BadRequestError if there is none."""
        name: str = request.path_params["bank"]
        row = await asyncio.to_thread(rows.read_bank, self._store.read, name)
        if row is None or row.ended_at is not None:
            raise _missing(str(own_banks.no_bank(name)))
        return name


@contextmanager
def refused_fields() -> Iterator[None]:
    """Turn the refusal of a change of a list into an error about its field."""
    try:
        yield
    except OwnListError as error:
        field, _, message = str(error).partition(": ")
        raise invalid(field if message else "body", message or field) from error


def _releases(request: Request) -> bool:
    """Whether to release uploads that own items alone stop. raises: BadRequestError."""
    text = request.query_params.get("release", "0")
    if text not in ("0", "1"):
        raise invalid("release", "must be 0 or 1")
    return text == "1"


def _missing(detail: str) -> BadRequestError:
    return BadRequestError(ProblemType.NOT_FOUND, detail)


def _bank_out(row: BankRow) -> OwnBank:
    return OwnBank(
        name=row.name,
        action=row.action,
        enabled_ratio=row.ratio,
        about=row.about,
        items=row.items,
        added_at=_time(row.added_at),
    )


def _item_out(row: OwnEntryRow) -> OwnItem:
    return OwnItem(
        id=row.id,
        kind=Kind(row.kind),
        value=row.value,
        written=row.written,
        within_bits=row.within_bits,
        reason=row.reason,
        source=row.source,
        expires_at=None if row.expires_at is None else _time(row.expires_at),
        added_at=_time(row.added_at),
        matches=row.matches,
        matched_at=None if row.matched_at is None else _time(row.matched_at),
    )


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
