# SPDX-License-Identifier: Apache-2.0
"""HMA-compatible routes for banks, contents and exchanges, for clients written for HMA.

There is a bank for each action of the policy, and the one that the settings name. The hub fills
them, so each looks like a bank fed by an exchange "stemtide", and clients cannot write to them.

Other HMA routes answer 403 and change nothing. A bank never gets 404: Coop deletes its
own bank when HMA says that it does not exist.

source: the routes and shapes of OpenMediaMatch (HMA 1.1), as Coop 1.0.2 and HMA's pages call them.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stemtide.agent.config.settings import Config
from stemtide.agent.http.match_requests import BadRequestError, invalid, read_body
from stemtide.agent.recognise.policy import Hit, is_active, judge
from stemtide.agent.store.database import Store
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import Action
from stemtide.protocol.problems import ProblemType
from stemtide.protocol.sync.feed import FeedSignal

PREFIX = "STEMTIDE_"
"""Prefix of the names of the banks of actions."""

EXCHANGE = "stemtide"
"""The kind of exchange that feeds every bank: the hub."""

SIGNAL_TYPES = {
    "pdq": Kind.PDQ,
    "md5": Kind.MD5,
    "video_md5": Kind.MD5,
    "sha256": Kind.SHA256,
    "video_sha256": Kind.SHA256,
    "url": Kind.URL,
}
"""Signal types that can be looked up by their value."""

CONTENT_TYPES = ("photo", "video")

ENABLED = 1
"""HMA's disable_until_ts of a content that is enabled."""

_MAX_JSON = 64 * 1024
_MAX_ID = 2**63 - 1
_STATUS = {
    ProblemType.TOO_LARGE: 413,
    ProblemType.NOT_READY: 503,
    ProblemType.NOT_ALLOWED: 403,
    ProblemType.NOT_FOUND: 404,
}
_WRITES = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_CONTENT = "SELECT seq, id FROM signals WHERE seq = ?"

Endpoint = Callable[[Request], Awaitable[Response]]


class BankRoutes:
    """HMA-compatible endpoints for banks, contents and exchanges.

    health:      returns the body of /health.
    check_ready: raises while there are no signals to match against.
    """

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        health: Callable[[], dict[str, Any]],
        check_ready: Callable[[], None],
    ) -> None:
        self._config = config
        self._store = store
        self._health = health
        self._check_ready = check_ready

    def routes(self) -> list[Route]:
        """Return the routes; the last ones refuse all other HMA routes."""
        endpoints: list[tuple[str, Endpoint, str]] = [
            ("/c/banks", self.banks, "GET"),
            ("/c/banks", self.make_bank, "POST"),
            ("/c/bank/{bank}", self.bank, "GET"),
            ("/c/bank/{bank}/content/{content:int}", self.content, "GET"),
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
        return JSONResponse([bank_row(name) for name in self.names()])

    async def make_bank(self, request: Request) -> Response:
        """POST /c/banks: accepted only for the bank that the settings name."""
        body = await read_object(request)
        name = _field(body, "name")
        if str(body.get("enabled_ratio", 1)) not in ("1", "1.0") or body.get("enabled") is False:
            raise _not_allowed("enabled_ratio: this agent's banks always answer: send 1")
        if name in self.names() and name != self._config.hma_bank:
            raise _not_allowed("Bank already exists")
        if name != self._config.hma_bank:
            raise self._unknown(name)
        return JSONResponse(bank_row(name), status_code=201)

    async def bank(self, request: Request) -> Response:
        """GET /c/bank/{bank}: show a bank; 403 if this agent does not have it."""
        return JSONResponse(bank_row(self.checked(request)))

    async def content(self, request: Request) -> Response:
        """GET /c/bank/{bank}/content/{content}: show the signal with a content id."""
        requested, content_id = self.checked(request), request.path_params["content"]
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
        """Return the names of all banks."""
        configured = [self._config.hma_bank] if self._config.hma_bank else []
        return [*(f"{PREFIX}{action.upper()}" for action in reversed(Action)), *configured]

    def banks_of(self, action: Action) -> list[str]:
        """Return the banks that contain signals with an action."""
        is_in_configured = self._config.hma_bank and action is not Action.LOG
        return [f"{PREFIX}{action.upper()}", *([self._config.hma_bank] if is_in_configured else [])]

    def checked(self, request: Request) -> str:
        """Return the bank named in the path. raises: BadRequestError if there is none."""
        name: str = request.path_params["bank"]
        if name not in self.names():
            raise self._unknown(name)
        return name

    def _unknown(self, name: str) -> BadRequestError:
        return _not_allowed(
            f"name: this agent keeps no bank {name[:100]!r}: name it as hma_bank in its settings,"
            f" or use one of {', '.join(self.names())}"
        )

    def _find(self, content_id: int) -> FeedSignal | None:
        """Return the active signal with a content id, or None."""
        signal = self._store.find([content_id]).get(content_id) if content_id <= _MAX_ID else None
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
        name, api = _field(body, "bank"), _field(body, "api")
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
        return JSONResponse({"name": self.checked(request), "api": EXCHANGE, "enabled": True})

    async def exchange_status(self, request: Request) -> Response:
        """GET /c/exchange/{bank}/status: show the state of the sync with the hub."""
        self.checked(request)
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
        counts = self._store.library.counts()
        sizes = {name: counts.get(kind, 0) for name, kind in SIGNAL_TYPES.items()}
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


def with_hma_errors(handle: Endpoint) -> Endpoint:
    """Wrap an endpoint so that its errors have HMA's shape."""

    async def answer(request: Request) -> Response:
        try:
            return await handle(request)
        except BadRequestError as error:
            status = _STATUS.get(error.which, 400)
            return JSONResponse({"message": error.detail}, status_code=status)

    answer.__doc__ = handle.__doc__
    return answer


def bank_row(name: str) -> dict[str, Any]:
    """Return a bank in HMA's format."""
    return {"name": name, "matching_enabled_ratio": 1.0}


async def read_object(request: Request) -> dict[str, Any]:
    """Read a small JSON object from the body. raises: BadRequestError."""
    body = await read_body(request, _MAX_JSON)
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequestError(ProblemType.MALFORMED, "body: send JSON") from error
    if not isinstance(payload, dict):
        raise invalid("body", "must be a JSON object")
    return payload


def _field(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(name, "is missing: it must be text")
    return value


def _check_api(request: Request) -> None:
    api: str = request.path_params["api"]
    if api != EXCHANGE:
        raise invalid("api", f"no such Exchange API {api[:100]!r}; there is {EXCHANGE}")


def _not_allowed(detail: str) -> BadRequestError:
    return BadRequestError(ProblemType.NOT_ALLOWED, detail)
