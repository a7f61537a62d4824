# SPDX-License-Identifier: Apache-2.0
"""One honest fake of HMA (OpenMediaMatch) as a companion sees it: real HTTP, and HMA's own traps.

A content matches only once the index has it; a deleted one is in /m/raw_lookup until then, unless
banks are named; a lone PDQ hash is lost; an id is deleted whatever bank is named; a bank goes with
all that is in it.
test_fake_hma.py holds the same sentences, and the table of hma_routes.py, against this fake and,
where STEMTIDE_TEST_HMA names one, against a real HMA. Faults are switched on by name, and happen so
many times.
"""

import asyncio
import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import (
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from tests.agent.fake_hub import Server

_BITS = 31
_SIZES = {"pdq": 64, "video_md5": 32}
_API = "stop_ncii"


@dataclass
class Content:
    """One content of a bank. is_on: False once somebody switched it off."""

    bank: str
    signals: dict[str, str]
    note: str | None = None
    is_on: bool = True


@dataclass
class FakeHma:
    """An HMA. builds_itself: index whatever is asked for; else build() does, as its clock would."""

    builds_itself: bool = True
    types: tuple[str, ...] = ("pdq", "video_md5")
    banks: dict[str, float] = field(default_factory=dict)
    contents: dict[int, Content] = field(default_factory=dict)
    exchanges: dict[str, bool] = field(default_factory=dict)
    has_credentials: bool = False
    index: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    faults: Counter = field(default_factory=Counter)
    asked: Counter = field(default_factory=Counter)
    headers: list[dict[str, str]] = field(default_factory=list)
    last_id: int = 0
    _server: Server | None = None
    _port: int = 0

    # what the test does

    def start(self):
        self._server = Server(Starlette(routes=self.routes()), port=self._port)
        self._port = self._server.port
        return self

    def stop(self):
        if self._server:
            self._server.stop(at_once=True)
            self._server = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self._port}"

    def build(self):
        """Build and load the index anew."""
        for name in self.types:
            each = [
                (one.signals[name], number)
                for number, one in list(self.contents.items())
                if name in one.signals
            ]
            self.index[name] = [] if name == "pdq" and len(each) == 1 else each

    def values(self, bank, kind="pdq"):
        """What lies in a bank, each as often as it lies there."""
        # A copy at once: the server puts and deletes meanwhile.
        each = [one for one in list(self.contents.values()) if one.bank == bank]
        return sorted(one.signals[kind] for one in each if kind in one.signals)

    # what its callers see

    def routes(self):
        paths = [
            ("/status", self._status, ["GET"]),
            ("/c/signal_type", self._types, ["GET"]),
            ("/c/banks", self._banks, ["GET", "POST"]),
            ("/c/bank/{bank}", self._bank, ["GET", "PUT", "DELETE"]),
            ("/c/bank/{bank}/signal", self._signal, ["POST"]),
            ("/c/bank/{bank}/content", self._add_file, ["POST"]),
            ("/c/bank/{bank}/content/{content:int}", self._content, ["GET", "PUT", "DELETE"]),
            ("/c/exchanges", self._exchanges, ["GET", "POST"]),
            ("/c/exchanges/apis", self._apis, ["GET"]),
            ("/c/exchanges/api/{api}", self._api, ["GET", "POST"]),
            ("/c/exchanges/api/{api}/schema", self._schema, ["GET"]),
            ("/c/exchange/{bank}", self._exchange, ["GET", "PUT", "DELETE"]),
            ("/c/exchange/{bank}/status", self._fetch_status, ["GET"]),
            ("/c/signal_type/index", self._sizes, ["GET"]),
            ("/c/content_type", self._content_types, ["GET"]),
            ("/m/index/status", self._index_status, ["GET"]),
            ("/ui/bank/{bank}/content/find", self._find, ["POST"]),
            ("/m/lookup", self._lookup, ["GET"]),
            ("/m/raw_lookup", self._raw, ["GET"]),
        ]
        return [Route(path, self._faulty(one), methods=how) for path, one, how in paths]

    def _faulty(self, answer):
        async def with_faults(request: Request) -> Response:
            self.asked[f"{request.method} {request.url.path}"] += 1
            self.headers.append(dict(request.headers))
            if self._take("500") or (request.method == "POST" and self._take("500 to posts")):
                return PlainTextResponse("Internal Server Error", status_code=500)
            if self._take("redirect"):
                return RedirectResponse("http://127.0.0.1:1/elsewhere")
            if self._take("endless"):
                return StreamingResponse(_endless())
            if request.method == "POST" and self._take("refuse all"):
                return _said(400, "no")
            done = await answer(request)
            if request.method == "POST" and self._take("lost answer"):
                await asyncio.sleep(3600)  # done, and nobody ever hears of it
            return done

        return with_faults

    def _take(self, fault):
        if self.faults[fault] <= 0:
            return False
        self.faults[fault] -= 1
        return True

    async def _status(self, _request):
        return PlainTextResponse("I-AM-ALIVE")

    async def _types(self, _request):
        return JSONResponse([{"enabled_ratio": 1.0, "name": name} for name in self.types])

    async def _banks(self, request):
        if request.method == "GET":
            return JSONResponse([_bank(name, ratio) for name, ratio in self.banks.items()])
        name = (await request.json())["name"]
        if not re.fullmatch("[A-Z0-9_]+", name):
            return _said(400, "Bank names must be UPPER_WITH_UNDERSCORE")
        if name in self.banks:
            return _said(403, "Bank already exists")
        self.banks[name] = 1.0
        return JSONResponse(_bank(name, 1.0), status_code=201)

    async def _bank(self, request):
        name = request.path_params["bank"]
        if request.method == "DELETE":
            self.banks.pop(name, None)
            for number in [n for n, one in list(self.contents.items()) if one.bank == name]:
                del self.contents[number]
            return JSONResponse({"message": "Done"})
        if name not in self.banks:
            return _no_bank(name)
        if request.method == "PUT":
            self.banks[name] = (await request.json())["enabled_ratio"]
        return JSONResponse(_bank(name, self.banks[name]))

    async def _signal(self, request):
        name, sent = request.path_params["bank"], await request.json()
        if name not in self.banks:
            return _no_bank(name)
        note = sent.pop("note", None)
        for kind, value in sent.items():
            if kind not in self.types:
                return _said(400, f"No such signal type {kind}")
            if not re.fullmatch(rf"[0-9a-f]{{{_SIZES[kind]}}}", value):
                return _said(400, f"Invalid {kind} signal: invalid hash")
        return self._add(name, sent, note)

    def _add(self, bank, signals, note=None):
        if not self._take("same id"):
            self.last_id += 1
        self.contents[self.last_id] = Content(bank, signals, note)
        return JSONResponse({"id": self.last_id, "signals": signals})

    async def _add_file(self, request):
        bank = request.path_params["bank"]
        if bank not in self.banks:
            return _no_bank(bank)
        async with request.form() as form:
            if "video" not in form:  # it hashes nothing but videos
                return _said(400, "Neither `url` nor multipart file upload was received")
            digest = hashlib.md5(await form["video"].read()).hexdigest()  # noqa: S324 - HMA's kind
        return self._add(bank, {"video_md5": digest})

    async def _content(self, request):
        name, number = request.path_params["bank"], request.path_params["content"]
        if name not in self.banks:
            return _no_bank(name)
        if request.method == "DELETE":  # of whichever bank it is
            return JSONResponse({"deleted": int(self.contents.pop(number, None) is not None)})
        if number not in self.contents:
            return _said(404, f"content '{number}' not found")
        one = self.contents[number]
        if request.method == "PUT":
            one.is_on = (await request.json())["disable_until_ts"] == 1
        told = {"id": number, "disable_until_ts": int(one.is_on), "original_media_uri": None}
        told |= {"bank": _bank(one.bank, self.banks[one.bank])}
        return JSONResponse(told | ({"note": one.note} if one.note else {}))

    async def _exchanges(self, request):
        if request.method == "GET":
            return JSONResponse([*self.exchanges])
        sent = await request.json()
        if sent["api"] != _API:
            return _said(400, f"No such exchange type '{sent['api']}'")
        self.exchanges[sent["bank"]] = True
        self.banks.setdefault(sent["bank"], 1.0)
        return JSONResponse({"message": "Created successfully"}, status_code=201)

    async def _apis(self, _request):
        return JSONResponse([_API])

    async def _api(self, request):
        if request.path_params["api"] != _API:
            return _said(400, "no such Exchange API")
        if request.method == "POST":
            self.has_credentials = bool((await request.json())["credential_json"])
        told = {"has_set_authentification": self.has_credentials}
        return JSONResponse(told | {"supports_authentification": True})

    async def _schema(self, _request):
        return JSONResponse({"config_schema": {"fields": []}, "credentials_schema": None})

    async def _exchange(self, request):
        name = request.path_params["bank"]
        if request.method == "DELETE":
            self.exchanges.pop(name, None)
            return JSONResponse({"message": "Exchange deleted"})
        if name not in self.exchanges:
            return _said(404, f"Exchange '{name}' not found")
        if request.method == "PUT":
            self.exchanges[name] = (await request.json())["enabled"]
        return JSONResponse({"name": name, "api": _API, "enabled": self.exchanges[name]})

    async def _fetch_status(self, request):
        if request.path_params["bank"] not in self.exchanges:
            return _said(404, "Exchange not found")
        times = ("checkpoint_ts", "running_fetch_start_ts", "last_fetch_complete_ts")
        never = {"last_fetch_succeeded": None, "up_to_date": False, "fetched_items": 0}
        return JSONResponse(dict.fromkeys(times) | never)

    async def _content_types(self, _request):
        return JSONResponse([{"enabled": True, "name": name} for name in ("photo", "video")])

    def _size(self, kind):
        return sum(kind in one.signals for one in list(self.contents.values()))

    async def _sizes(self, _request):
        built = {"newest_db_item": 1, "index_built_to": 1}
        each = {name: (self._size(name), len(self.index.get(name, []))) for name in self.types}
        sizes = {
            name: {"db_size": size, "index_size": indexed, "index_out_of_date": size != indexed}
            for name, (size, indexed) in each.items()
        }
        return JSONResponse({name: one | built for name, one in sizes.items()})

    async def _index_status(self, _request):
        each = {name: self.index.get(name, []) for name in self.types}
        return JSONResponse(
            {
                name: {"present": bool(rows), "built_to": 1 if rows else -1, "size": len(rows)}
                for name, rows in each.items()
            }
        )

    async def _find(self, request):
        bank, sent = request.path_params["bank"], await request.json()
        if bank not in self.banks:
            return _no_bank(bank)
        kind, value = sent["signal_type"], sent["signal_value"]
        matches = [
            {
                "signal_type": kind,
                "signal_value": value,
                "content_id": number,
                "distance": distance,
            }
            for number, distance in self._near(kind, value)
            if number in self.contents and self.contents[number].bank == bank
        ]
        ids = sorted({match["content_id"] for match in matches})
        return JSONResponse({"bank_name": bank, "content_ids": ids, "matches": matches})

    async def _lookup(self, request):
        found = self._found(request)
        wanted = request.query_params.get("banks")
        told = {}
        for number, distance in found or ():
            one = self.contents.get(number)
            if one is None or not one.is_on or self.banks[one.bank] < 1:
                continue
            if wanted is None or one.bank in wanted.split(","):
                match = {"bank_content_id": number, "distance": distance}
                told.setdefault(one.bank, []).append(match)
        return JSONResponse(told)

    async def _raw(self, request):
        found = self._found(request)
        if wanted := request.query_params.get("banks"):
            found = [
                (number, distance)
                for number, distance in found
                if number in self.contents and self.contents[number].bank in wanted.split(",")
            ]
        return JSONResponse({"matches": [number for number, _ in found]})

    def _found(self, request):
        return self._near(request.query_params["signal_type"], request.query_params["signal"])

    def _near(self, kind, signal):
        if self.builds_itself:
            self.build()
        if kind != "pdq":
            return [(number, "-") for value, number in self.index.get(kind, []) if value == signal]
        each = [
            (number, (int(value, 16) ^ int(signal, 16)).bit_count())
            for value, number in self.index.get(kind, [])
        ]
        return [(number, str(bits)) for number, bits in each if bits <= _BITS]


async def _endless():
    while True:
        yield b"[" * 65536
        await asyncio.sleep(0.001)


def _bank(name, ratio):
    return {"name": name, "matching_enabled_ratio": ratio}


def _no_bank(name):
    return _said(404, f"bank '{name}' not found")


def _said(status, message):
    return JSONResponse({"message": message}, status_code=status)
