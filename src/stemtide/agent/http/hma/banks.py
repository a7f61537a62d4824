# SPDX-License-Identifier: Apache-2.0
"""HMA-compatible routes for banks, contents and exchanges, for clients written for HMA.

There is a bank for each action of the policy, and the one that the settings name. The hub fills
them, so each looks like a bank fed by an exchange "stemtide", and clients cannot write to them.
Own banks stand beside them; what changes those is in contents.py.

Other HMA routes answer 403 and change nothing. A bank never gets 404: Coop deletes its
own bank when HMA says that it does not exist.

source: the routes and shapes of OpenMediaMatch (HMA 1.1), as Coop 1.0.2 and HMA's pages call them.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stemtide.agent.config.settings import Config
from stemtide.agent.http.hma.contents import (
    FIRST_ACTION,
    OwnContents,
    check_own,
    ratio_of,
)
from stemtide.agent.http.hma.shapes import (
    ENABLED,
    SIGNAL_TYPES,
    Endpoint,
    bank_row,
    not_allowed,
    read_object,
    required,
    with_hma_errors,
)
from stemtide.agent.http.match_requests import BadRequestError, invalid
from stemtide.agent.http.own_banks import refused_fields
from stemtide.agent.recognise import own_banks
from stemtide.agent.recognise.own_banks import POLICY_PREFIX
from stemtide.agent.recognise.policy import Hit, is_active, judge
from stemtide.agent.store import own_banks as rows
from stemtide.agent.store.database import Store
from stemtide.agent.store.own_banks import FIRST_KEY, BankRow
from stemtide.protocol.enums import Action
from stemtide.protocol.problems import ProblemType
from stemtide.protocol.sync.feed import FeedSignal

EXCHANGE = "stemtide"
"""The kind of exchange that feeds every bank of the policy: the hub."""

CONTENT_TYPES = ("photo", "video")

_MAX_ID = 2**63 - 1
_WRITES = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class BankRoutes:
    """HMA-compatible endpoints for banks, contents and exchanges.

    contents:    writes of own banks.
    health:      returns the body of /health.
    check_ready: raises while there are no signals to match against.
    """

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        contents: OwnContents,
        health: Callable[[], dict[str, Any]],
        check_ready: Callable[[], None],
    ) -> None:
        self._config = config
        self._store = store
        self._contents = contents
        self._health = health
        self._check_ready = check_ready

    def routes(self) -> list[Route]:
        """Return the routes; the last ones refuse all other HMA routes."""
        endpoints: list[tuple[str, Endpoint, str]] = [
            ("/c/banks", self.banks, "GET"),
            ("/c/banks", self.make_bank, "POST"),
            ("/c/bank/{bank}", self.bank, "GET"),
            ("/c/bank/{bank}", self.change_bank, "PUT"),
            ("/c/bank/{bank}", self.delete_bank, "DELETE"),
            ("/c/bank/{bank}/signal", self.add_signals, "POST"),
            ("/c/bank/{bank}/content/{content:int}", self.content, "GET"),
            ("/c/bank/{bank}/content/{content:int}", self.switch_content, "PUT"),
            ("/c/bank/{bank}/content/{content:int}", self.delete_content, "DELETE"),
            ("/c/exchanges", self.exchanges, "GET"),
            ("/c/exchanges", self.make_exchange, "POST"),
            ("/c/exchanges/apis", self.exchange_apis, "GET"),
            ("/c/exchanges/api/{api}", self.exchange_api, "GET"),
            ("/c/exchanges/api/{api}/schema", self.exchange_schema, "GET"),
            ("/c/exchange/{bank}", self.exchange, "GET"),
            ("/c/exchange/{bank}/status", self.exchange_status, "GET"),
            ("/c/signal_type", self.signal_types, "GET"),
            ("/c/signal_type/index", self.signal_index, "GET"),
            ("/c/content_type", self.content_types, "GET"),
            ("/m/index/status", self.index_status, "GET"),
        ]
        answered = [
            Route(path, with_hma_errors(handle), methods=[verb]) for path, handle, verb in endpoints
        ]
        refused = [Route(f"/{room}/{{rest:path}}", refuse, methods=_WRITES) for room in ("c", "ui")]
        return [*answered, *refused]

    # banks

    async def banks(self, _request: Request) -> Response:
        """GET /c/banks: list the banks."""
        own = await asyncio.to_thread(rows.read_banks, self._store.read)
        every = [bank_row(name) for name in self.names()]
        return JSONResponse(every + [bank_row(row.name, row.ratio) for row in own])

    async def make_bank(self, request: Request) -> Response:
        """POST /c/banks: create an own bank, or accept the one that the settings name."""
        body = await read_object(request)
        name = required(body, "name")
        ratio = ratio_of(body, default=1.0)
        if name in self.names():
            if ratio != 1:
                raise not_allowed("enabled_ratio: the hub's banks always answer: send 1")
            if name != self._config.hma_bank:
                raise not_allowed("Bank already exists")
        else:
            await asyncio.to_thread(self._make_own, name, ratio)
        return JSONResponse(bank_row(name, ratio), status_code=201)

    def _make_own(self, name: str, ratio: float) -> None:
        before = rows.read_bank(self._store.read, name)
        if before and before.ended_at is None:
            raise not_allowed("Bank already exists")
        with refused_fields():
            own_banks.create_bank(
                self._store,
                name,
                action=FIRST_ACTION,
                ratio=ratio,
                by="",
                config=self._config,
                now=datetime.now(UTC),
            )

    async def bank(self, request: Request) -> Response:
        """GET /c/bank/{bank}: show a bank; 403 if this agent does not have it."""
        own = await self.find_own(request)
        name = request.path_params["bank"]
        return JSONResponse(bank_row(name, own.ratio if own else 1.0))

    async def change_bank(self, request: Request) -> Response:
        """PUT /c/bank/{bank}: change an own bank."""
        own = check_own(await self.find_own(request), request)
        return await self._contents.change_bank(own, request)

    async def delete_bank(self, request: Request) -> Response:
        """DELETE /c/bank/{bank}: delete an own bank."""
        return await self._contents.delete_bank(check_own(await self.find_own(request), request))

    async def add_signals(self, request: Request) -> Response:
        """POST /c/bank/{bank}/signal: add a content to an own bank."""
        own = check_own(await self.find_own(request), request)
        return await self._contents.add_signals(own, request)

    async def switch_content(self, request: Request) -> Response:
        """PUT /c/bank/{bank}/content/{content}: switch a content of an own bank off or on."""
        own = check_own(await self.find_own(request), request)
        number = min(request.path_params["content"], _MAX_ID)
        return await self._contents.switch_content(own, number, request)

    async def delete_content(self, request: Request) -> Response:
        """DELETE /c/bank/{bank}/content/{content}: take a content out of an own bank."""
        own = check_own(await self.find_own(request), request)
        number = min(request.path_params["content"], _MAX_ID)
        return await self._contents.delete_content(own, number)

    async def content(self, request: Request) -> Response:
        """GET /c/bank/{bank}/content/{content}: show the signal or item with a content id."""
        own, content_id = await self.find_own(request), request.path_params["content"]
        if own:
            return await self._contents.content(own, min(content_id, _MAX_ID), request)
        requested: str = request.path_params["bank"]
        self._check_ready()
        signal = await asyncio.to_thread(self._find, content_id)
        if signal is None:
            raise BadRequestError(ProblemType.NOT_FOUND, f"content '{content_id}' not found")
        banks = self.banks_of(await asyncio.to_thread(self._action_of, signal))
        row = {
            "id": content_id,
            "disable_until_ts": ENABLED,
            "original_media_uri": None,
            "bank": bank_row(requested if requested in banks else banks[0]),
            "note": f"signal {signal.id}, shared by {signal.shared_by}: {', '.join(signal.labels)}"[
                :255
            ],
        }
        names = [name for name, kind in SIGNAL_TYPES.items() if kind is signal.kind]
        if request.query_params.get("include_signals", "").lower() == "true":
            row["signals"] = dict.fromkeys(names, signal.value)
        return JSONResponse(row)

    def names(self) -> list[str]:
        """Return the names of the banks that the hub fills."""
        configured = [self._config.hma_bank] if self._config.hma_bank else []
        return [*(f"{POLICY_PREFIX}{action.upper()}" for action in reversed(Action)), *configured]

    def banks_of(self, action: Action) -> list[str]:
        """Return the banks that contain signals with an action."""
        is_in_configured = self._config.hma_bank and action is not Action.LOG
        configured = [self._config.hma_bank] if is_in_configured else []
        return [f"{POLICY_PREFIX}{action.upper()}", *configured]

    async def find_own(self, request: Request) -> BankRow | None:
        """Return the own bank named in the path; None for one that the hub fills.

        raises: BadRequestError if there is none of the name.
        """
        name: str = request.path_params["bank"]
        if name in self.names():
            return None
        row = await asyncio.to_thread(rows.read_bank, self._store.read, name)
        if row is None or row.ended_at is not None:
            raise self._unknown(name)
        return row

    async def _fed(self, request: Request) -> str:
        """Return the bank of the path that the hub fills. raises: BadRequestError for another."""
        own = await self.find_own(request)
        name: str = request.path_params["bank"]
        if own:
            raise BadRequestError(ProblemType.NOT_FOUND, f"Exchange '{name[:100]}' not found")
        return name

    def _unknown(self, name: str) -> BadRequestError:
        return not_allowed(
            f"name: this agent keeps no bank {name[:100]!r}: create it, name it as hma_bank in the"
            f" agent's settings, or use one of {', '.join(self.names())}"
        )

    def _find(self, content_id: int) -> FeedSignal | None:
        """Return the active signal with a content id, or None."""
        is_signal = content_id < FIRST_KEY
        signal = self._store.find([content_id]).get(content_id) if is_signal else None
        now = datetime.now(UTC)
        if signal is None or not is_active(signal, now=now, exercise=self._config.exercise):
            return None
        return signal

    def _action_of(self, signal: FeedSignal) -> Action:
        """Return the action that an exact match of a signal leads to."""
        now = datetime.now(UTC)
        others = [
            other
            for other in self._store.find_alike([signal])
            if other.id != signal.id and is_active(other, now=now, exercise=self._config.exercise)
        ]
        matched = [signal, *others]
        hits = [Hit(match, match.kind, 0, "") for match in matched]
        return judge(hits, self._config.policy, self._store.parties(matched))[0].action

    # exchanges

    async def exchanges(self, _request: Request) -> Response:
        """GET /c/exchanges: list the exchanges, one for each bank and named like it."""
        return JSONResponse(self.names())

    async def make_exchange(self, request: Request) -> Response:
        """POST /c/exchanges: accepted for existing banks, which the hub feeds anyway."""
        body = await read_object(request)
        name, api = required(body, "bank"), required(body, "api")
        if api != EXCHANGE:
            raise invalid("api", f"No such exchange type {api[:100]!r}; there is {EXCHANGE}")
        if name not in self.names():
            raise self._unknown(name)
        return JSONResponse({"message": "Created successfully"}, status_code=201)

    async def exchange_apis(self, _request: Request) -> Response:
        """GET /c/exchanges/apis: list the exchange types."""
        return JSONResponse([EXCHANGE])

    async def exchange_api(self, request: Request) -> Response:
        """GET /c/exchanges/api/{api}: whether the exchange type has credentials."""
        _check_api(request)
        return JSONResponse({"supports_authentification": True, "has_set_authentification": True})

    async def exchange_schema(self, request: Request) -> Response:
        """GET /c/exchanges/api/{api}/schema: no fields, as the agent already has a key."""
        _check_api(request)
        return JSONResponse({"config_schema": {"fields": []}, "credentials_schema": None})

    async def exchange(self, request: Request) -> Response:
        """GET /c/exchange/{bank}: show the exchange that feeds a bank."""
        return JSONResponse({"name": await self._fed(request), "api": EXCHANGE, "enabled": True})

    async def exchange_status(self, request: Request) -> Response:
        """GET /c/exchange/{bank}/status: show the state of the sync with the hub."""
        await self._fed(request)
        health = await asyncio.to_thread(self._health)
        synced_at = self._store.synced_at
        at = None if synced_at is None else int(synced_at.timestamp())
        return JSONResponse(
            {
                "checkpoint_ts": at,
                "running_fetch_start_ts": None,
                "last_fetch_succeeded": bool(health["hub_reachable"]),
                "last_fetch_complete_ts": at,
                "up_to_date": bool(health["hub_reachable"] and health["ready"]),
                "fetched_items": sum(health["signals"].values()),
            }
        )

    # kinds

    async def signal_types(self, _request: Request) -> Response:
        """GET /c/signal_type: list the signal types that can be looked up."""
        return JSONResponse([{"name": name, "enabled_ratio": 1.0} for name in SIGNAL_TYPES])

    async def content_types(self, _request: Request) -> Response:
        """GET /c/content_type: list the content types that can be hashed."""
        return JSONResponse([{"name": name, "enabled": True} for name in CONTENT_TYPES])

    async def signal_index(self, request: Request) -> Response:
        """GET /c/signal_type/index: count matchable signals by type; the index is never behind."""
        sizes, at = await asyncio.to_thread(self._sizes, request), self._index_time()
        return JSONResponse(
            {
                name: {
                    "db_size": size,
                    "index_size": size,
                    "index_out_of_date": False,
                    "newest_db_item": at,
                    "index_built_to": at,
                }
                for name, size in sizes.items()
            }
        )

    async def index_status(self, request: Request) -> Response:
        """GET /m/index/status: the same counts in the format of HMA's matchers."""
        sizes, at = await asyncio.to_thread(self._sizes, request), self._index_time()
        return JSONResponse(
            {
                name: {"present": at >= 0, "built_to": at, "size": size}
                for name, size in sizes.items()
            }
        )

    def _sizes(self, request: Request) -> dict[str, int]:
        """Return the number of signals by signal type, or of the requested type only."""
        counts, own = self._store.library.counts(), self._store.own_counts
        sizes = {
            name: counts.get(kind, 0) + own.get(kind, 0) for name, kind in SIGNAL_TYPES.items()
        }
        only = request.query_params.get("signal_type")
        if only is None:
            return sizes
        if only not in sizes:
            raise invalid("signal_type", f"No such signal type {only[:40]!r}")
        return {only: sizes[only]}

    def _index_time(self) -> int:
        synced_at = self._store.synced_at
        return -1 if synced_at is None else int(synced_at.timestamp())


async def refuse(request: Request) -> Response:
    """Refuse an HMA route that the agent does not offer; nothing is changed."""
    message = (
        f"{request.method} {request.url.path[:200]} is not offered: the hub fills this agent's"
        " banks and its settings name them (hma_bank); nothing was changed"
    )
    return JSONResponse({"message": message}, status_code=403)


def _check_api(request: Request) -> None:
    api: str = request.path_params["api"]
    if api != EXCHANGE:
        raise invalid("api", f"no such Exchange API {api[:100]!r}; there is {EXCHANGE}")
