# SPDX-License-Identifier: Apache-2.0
"""HMA-compatible routes that change own banks: banks, and contents by file, address or hash.

Clients written for HMA manage own banks with them as they are used to. A bank that they create
holds what matches, until somebody chooses another action (review/banks.py, own_banks.py). The
banks of the hub's signals stay as they are: every write of them is refused.

source: the routes and shapes of OpenMediaMatch (HMA 1.1).
"""

import asyncio
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from stemtide.agent.config.settings import Config
from stemtide.agent.http.hma.shapes import (
    DISABLED,
    ENABLED,
    SIGNAL_TYPES,
    TYPES_OF,
    bank_row,
    is_unicode,
    not_allowed,
    read_object,
    required,
)
from stemtide.agent.http.match_requests import BadRequestError, invalid
from stemtide.agent.http.own_banks import refused_fields
from stemtide.agent.recognise import own_banks
from stemtide.agent.recognise.own_banks import BankItemIn, NewItem
from stemtide.agent.recognise.pipeline import Recogniser, SubmittedContent, new_ref
from stemtide.agent.store import own_banks as rows, own_list
from stemtide.agent.store.database import Store
from stemtide.agent.store.own_banks import BankRow
from stemtide.agent.store.own_list import OwnEntryRow
from stemtide.agent.sync import switches
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import Action
from stemtide.protocol.problems import ProblemType

FIRST_ACTION = Action.HOLD
"""What a bank leads to that a client of HMA creates: HMA's banks have no action."""

MAX_NOTE = 255
_SWITCHED_OFF, _DELETED = "switched off through HMA's routes", "deleted through HMA's routes"


class OwnContents:
    """Writes of HMA's routes. Every method is about an own bank that is there."""

    def __init__(self, *, config: Config, store: Store, recogniser: Recogniser) -> None:
        self._config = config
        self._store = store
        self._recogniser = recogniser

    async def change_bank(self, bank: BankRow, request: Request) -> Response:
        """PUT /c/bank/{bank}: change the ratio, or switch the bank on or off."""
        body = await read_object(request)
        if body.get("name", bank.name) != bank.name:
            raise invalid("name", "an own bank keeps its name: create another one")
        ratio = ratio_of(body, default=bank.ratio)
        with refused_fields():
            await asyncio.to_thread(own_banks.change_bank, self._store, bank.name, ratio=ratio)
        return JSONResponse(bank_row(bank.name, ratio))

    async def delete_bank(self, bank: BankRow) -> Response:
        """DELETE /c/bank/{bank}: delete a bank with its contents."""
        await asyncio.to_thread(
            switches.end_bank,
            self._store,
            bank.name,
            by="",
            config=self._config,
            now=datetime.now(UTC),
            releases=False,
        )
        return JSONResponse({"message": "Done"})

    async def add_signals(self, bank: BankRow, request: Request) -> Response:
        """POST /c/bank/{bank}/signal: add a content by its hashes."""
        body = await read_object(request)
        note = note_of(body)
        signals = {name: value for name, value in body.items() if name not in ("note", "metadata")}
        if not signals:
            raise invalid("body", f"names no signal: send one of {', '.join(SIGNAL_TYPES)}")
        items = [_item(name, value, note=note) for name, value in signals.items()]
        prints = [content for item in items for content in item.prints]
        number = await asyncio.to_thread(self._add, bank, NewItem(items[0].entry, prints))
        return JSONResponse({"id": number, "signals": signals})

    async def add_content(
        self, bank: BankRow, blob: bytes, *, content_type: str, note: str
    ) -> Response:
        """POST /c/bank/{bank}/content: add a content by a file or an address."""
        prints = await self._recogniser.fingerprint(SubmittedContent(new_ref(), blob))
        if prints.is_incomplete:
            raise invalid("content", f"cannot be read: {'; '.join(prints.remarks)}"[:1000])
        with refused_fields():
            item = own_banks.item_of_file(prints, reason=note)
        number = await asyncio.to_thread(self._add, bank, item)
        is_film = any(content.kind is Kind.VIDEO for content in item.prints)
        names = TYPES_OF[content_type or ("video" if is_film else "photo")]
        values = {content.kind: content.value.hex() for content in item.prints}
        signals = {
            name: values[kind]
            for name, kind in names.items()
            if kind in values and kind in SIGNAL_TYPES.values()
        }
        return JSONResponse({"id": number, "signals": signals})

    def _add(self, bank: BankRow, item: NewItem) -> int:
        """Add an item, in place of one with the same value; return its number."""
        with refused_fields():
            added = own_banks.add_items(
                self._store, bank.name, [item], by="", now=datetime.now(UTC), replaces=True
            )
        return rows.numbers_of(self._store.read, added.ids)[added.ids[0]]

    async def content(self, bank: BankRow, number: int, request: Request) -> Response:
        """GET /c/bank/{bank}/content/{content}: show a content."""
        entry = await self._entry(bank, number)
        include = request.query_params.get("include_signals", "").lower() == "true"
        return await asyncio.to_thread(self._content_row, bank, number, entry, include=include)

    async def switch_content(self, bank: BankRow, number: int, request: Request) -> Response:
        """PUT /c/bank/{bank}/content/{content}: switch a content off, or on again."""
        entry = await self._entry(bank, number)
        until = (await read_object(request)).get("disable_until_ts", ENABLED)
        if until not in (ENABLED, DISABLED) or isinstance(until, bool):
            raise invalid("disable_until_ts", "0 switches a content off, and 1 on again")
        if until == ENABLED and entry.ended_at is not None:
            await asyncio.to_thread(own_banks.restore_item, self._store, entry.id)
        elif until == DISABLED and entry.ended_at is None:
            await asyncio.to_thread(self._end, bank, entry.id, _SWITCHED_OFF)
        entry = await self._entry(bank, number)
        return await asyncio.to_thread(self._content_row, bank, number, entry, include=False)

    async def delete_content(self, bank: BankRow, number: int) -> Response:
        """DELETE /c/bank/{bank}/content/{content}: take a content out."""
        uid = await asyncio.to_thread(rows.entry_of, self._store.read, number)
        is_ended = await asyncio.to_thread(self._end, bank, uid, _DELETED)
        return JSONResponse({"deleted": int(is_ended)})

    def _end(self, bank: BankRow, uid: str, why: str) -> bool:
        ended = switches.end_item(
            self._store,
            bank.name,
            uid,
            by="",
            why=why,
            config=self._config,
            now=datetime.now(UTC),
            releases=False,
        )
        return ended is not None

    async def _entry(self, bank: BankRow, number: int) -> OwnEntryRow:
        """Return a content that was not deleted. raises: BadRequestError."""
        uid = await asyncio.to_thread(rows.entry_of, self._store.read, number)
        entry = await asyncio.to_thread(own_list.read_entry, self._store.read, uid)
        if entry is None or entry.bank != bank.name or not _is_shown(entry):
            raise BadRequestError(ProblemType.NOT_FOUND, f"content '{number}' not found")
        return entry

    def _content_row(
        self, bank: BankRow, number: int, entry: OwnEntryRow, *, include: bool
    ) -> Response:
        content: dict[str, Any] = {
            "id": number,
            "disable_until_ts": ENABLED if entry.ended_at is None else DISABLED,
            "original_media_uri": None,
            "bank": bank_row(bank.name, bank.ratio),
            "note": entry.reason[:MAX_NOTE],
        }
        if include:
            prints = rows.prints_of(self._store.read, entry.id)
            values = {content.kind: content.value for content in prints if content.value}
            content["signals"] = {
                name: values[kind] for name, kind in SIGNAL_TYPES.items() if kind in values
            }
        return JSONResponse(content)


def _is_shown(entry: OwnEntryRow) -> bool:
    """Whether a client of HMA sees an item: one that is on, or that such a client switched off."""
    return entry.ended_at is None or entry.ended_why == _SWITCHED_OFF


def ratio_of(body: dict[str, Any], *, default: float) -> float:
    """Return the ratio that a body names as HMA does: as a number, or on and off."""
    if not isinstance(body.get("enabled", True), bool):
        raise invalid("enabled", "must be true or false")
    if body.get("enabled") is False:
        return 0.0
    ratio = body.get("enabled_ratio", 1.0 if body.get("enabled") is True else default)
    try:
        return float(ratio)
    except (TypeError, ValueError, OverflowError) as error:
        raise invalid("enabled_ratio", "must be a number from 0 to 1") from error


def check_own(bank: BankRow | None, request: Request) -> BankRow:
    """Return an own bank. raises: BadRequestError for a bank that the hub fills."""
    if bank is None:
        raise not_allowed(
            f"{request.method} {request.url.path[:200]} is not offered for this bank: the hub fills"
            " it and the settings name it (hma_bank); nothing was changed"
        )
    return bank


def _item(name: str, value: object, *, note: str) -> NewItem:
    """Return an item of one signal. raises: BadRequestError."""
    if name not in SIGNAL_TYPES:
        raise invalid(name[:40], f"No such signal type; there are {', '.join(SIGNAL_TYPES)}")
    text = required({name: value}, name)
    with refused_fields():
        return own_banks.item_of(BankItemIn(kind=SIGNAL_TYPES[name], value=text, reason=note))


def note_of(body: dict[str, Any]) -> str:
    """Return the note of a body; "" for none. raises: BadRequestError."""
    note = body.get("note") or ""
    if not isinstance(note, str) or len(note) > MAX_NOTE or not is_unicode(note):
        raise invalid("note", f"must be text of at most {MAX_NOTE} characters")
    return note
