# SPDX-License-Identifier: Apache-2.0
"""The routes of HMA (Hasher-Matcher-Actioner), so that what was written for it asks an agent.

Banks are what the policy says: a signal that leads to a block is in the bank of blocks. HMA's
callers act on whatever bank they chose, so nobody blocks what only a person should look at. Content
ids are the signals' numbers in this agent. All of it only looks, as /match/hash does.

source: the routes and shapes of OpenMediaMatch (HMA 1.1), as its callers use them.
"""

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from stemtide.agent.answers import Answer, MatchOut
from stemtide.agent.banks import SIGNAL_TYPES, Banks, Handle, as_hma, read_object
from stemtide.agent.config import Config
from stemtide.agent.fetching import FetchError, HostError, fetch
from stemtide.agent.intake import BadRequestError, invalid, read_files
from stemtide.agent.recognise import Item, Recogniser, new_ref
from stemtide.agent.store import Store
from stemtide.fingerprints.kinds import (
    MATCH_WITHIN_BITS,
    Fingerprint,
    FingerprintError,
    Fingerprints,
    Kind,
    parse_value,
)
from stemtide.fingerprints.url import UrlError
from stemtide.fingerprints.url_reach import fingerprints_of_url
from stemtide.protocol.problems import ProblemType

NO_DISTANCE = "-"
"""The distance of what is equal, as HMA writes it."""

TYPES_OF = {
    "photo": {"pdq": Kind.PDQ, "md5": Kind.MD5, "sha256": Kind.SHA256},
    "video": {
        "video_md5": Kind.MD5,
        "video_sha256": Kind.SHA256,
        **{kind.value: kind for kind in (Kind.VIDEO, Kind.AUDIO, Kind.GOP)},
    },
}
"""Content types, with the signal types of each."""

_HASHED = ("pdq", "video_md5", "video_sha256", "md5", "sha256")
_PLAIN = {"photo": ("pdq",), "video": ("video_md5", "video_sha256")}
_PAIR = 2
_Banks = dict[str, list[dict[str, Any]]]


class Hma:
    """Answers what is asked of an HMA."""

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        recogniser: Recogniser,
        banks: Banks,
        check_ready: Callable[[], None],
    ) -> None:
        self._config = config
        self._store = store
        self._recogniser = recogniser
        self._banks = banks
        self._check_ready = check_ready

    def routes(self) -> list[Route]:
        """What is answered."""
        each: list[tuple[str, Handle, str]] = [
            ("/h/hash", self.hash_address, "GET"),
            ("/h/hash", self.hash_file, "POST"),
            ("/m/lookup", self.look_up, "GET"),
            ("/m/lookup", self.look_up_file, "POST"),
            ("/m/raw_lookup", self.look_up_raw, "GET"),
            ("/m/compare", self.compare, "POST"),
            ("/ui/bank/{bank}/content/find", self.find_content, "POST"),
        ]
        made = [Route(path, as_hma(handle), methods=[method]) for path, handle, method in each]
        return [*made, Route("/status", self.status, methods=["GET"]), *self._banks.routes()]

    async def status(self, _request: Request) -> Response:
        """GET /status: whether there is something to match against."""
        if self._store.origin is None:
            return PlainTextResponse("INDEX-NOT-LOADED", status_code=503)
        return PlainTextResponse("I-AM-ALIVE")

    async def hash_address(self, request: Request) -> Response:
        """GET /h/hash?url=: hashes of content that lies at an address."""
        return JSONResponse(await self._hashed(request, await self._fetched(request)))

    async def hash_file(self, request: Request) -> Response:
        """POST /h/hash: hashes of one file of a form, whose field says what it is."""
        return JSONResponse(await self._hashed(request, await self._file(request)))

    async def look_up_file(self, request: Request) -> Response:
        """POST /m/lookup: banks that one file is in, by signal type."""
        return JSONResponse(await self._of_content(request, await self._file(request)))

    async def look_up(self, request: Request) -> Response:
        """GET /m/lookup: banks that a signal, or content at an address, is in."""
        asked = request.query_params
        if "url" in asked:
            found = await self._of_content(request, await self._fetched(request))
            name = asked.get("signal_type")
            return JSONResponse(found if name is None else found.get(name, {}))
        matches = await self._of_signal(asked.get("signal_type"), asked.get("signal"))
        return JSONResponse(await self._in_banks(matches, only=_banks_asked(request)))

    async def look_up_raw(self, request: Request) -> Response:
        """GET /m/raw_lookup: content ids of all that matches, without asking the policy."""
        asked = request.query_params
        matches = await self._of_signal(asked.get("signal_type"), asked.get("signal"))
        each = await self._in_banks(matches, only=_banks_asked(request), may_repeat=False)
        told = [one for some in each.values() for one in some]
        if request.query_params.get("include_distance", "false").lower() not in ("true", "1"):
            return JSONResponse({"matches": [one["bank_content_id"] for one in told]})
        return JSONResponse({"matches": told})

    async def compare(self, request: Request) -> Response:
        """POST /m/compare: whether two hashes match, and how far they are apart."""
        sent = await read_object(request)
        return JSONResponse({name: _compared(name, pair) for name, pair in sent.items()})

    async def find_content(self, request: Request) -> Response:
        """POST /ui/bank/{bank}/content/find: content ids of what matches in a bank."""
        bank, body = self._banks.checked(request), await read_object(request)
        names = ("url", "content_type", "signal_type", "signal_value")
        sent = {name: body.get(name) or "" for name in names}
        for name, value in sent.items():
            if not isinstance(value, str):
                raise invalid(name, "must be text")
        signals = {sent["signal_type"]: sent["signal_value"]}
        if sent["url"]:
            signals = await self._hashed(
                request, await self._fetch(sent["url"], sent["content_type"])
            )
        matches = [
            {
                "signal_type": name,
                "signal_value": value,
                "content_id": match["bank_content_id"],
                "distance": match["distance"],
            }
            for name, value in signals.items()
            for match in (await self._in_bank(bank, name, value))
        ]
        ids = sorted({match["content_id"] for match in matches})
        return JSONResponse({"bank_name": bank, "content_ids": ids, "matches": matches})

    async def _in_bank(self, bank: str, name: str, signal: str) -> list[dict[str, Any]]:
        """What of one bank a signal matches."""
        matches = await self._of_signal(name, signal)
        return (await self._in_banks(matches, only=frozenset({bank}))).get(bank, [])

    async def _fetched(self, request: Request) -> tuple[str, bytes]:
        """The content type and the bytes of what lies at the address that is asked about."""
        asked = request.query_params
        return await self._fetch(asked.get("url", ""), asked.get("content_type", ""))

    async def _fetch(self, address: str, content_type: str) -> tuple[str, bytes]:
        """The content type and the bytes of what lies at an address."""
        if not address:
            raise invalid("url", "is missing: name where the content lies")
        try:
            blob = await fetch(address, config=self._config)
        except HostError as error:
            raise BadRequestError(ProblemType.NOT_ALLOWED, str(error)) from error
        except FetchError as error:
            raise BadRequestError(ProblemType.INVALID, str(error)) from error
        return _content_type(content_type), blob

    async def _file(self, request: Request) -> tuple[str, bytes]:
        """The content type and the bytes of the one file of a form."""
        files = await read_files(request, self._config)
        if len(files) != 1 or not files[0][1]:
            raise invalid("body", "must be a form with one file that is not empty")
        name, blob = files[0]
        return _content_type(name, is_field=True), blob

    async def _hashed(self, request: Request, content: tuple[str, bytes]) -> dict[str, str]:
        """The hashes of content, by signal type."""
        kind_of_content, blob = content
        (answer,) = await self._recogniser.recognise([Item(new_ref(), blob)], look_only=True)
        content_type = kind_of_content or _type_of(answer)
        plain = _PLAIN[content_type]
        known = {
            name: TYPES_OF[content_type][name] for name in _HASHED if name in TYPES_OF[content_type]
        }
        wanted = _types_asked(request, known) or plain
        made = {name: _value_of(answer, known[name]) for name in wanted}
        if lost := [name for name, value in made.items() if not value]:
            remarks = "; ".join(answer.remarks) or f"it is no {content_type}"
            raise invalid("content", f"has no {', '.join(lost)}: {remarks}"[:1000])
        return made

    async def _of_content(self, request: Request, content: tuple[str, bytes]) -> dict[str, _Banks]:
        """The banks that content is in, by signal type."""
        kind_of_content, blob = content
        self._check_ready()
        (answer,) = await self._recogniser.recognise([Item(new_ref(), blob)], look_only=True)
        if answer.decision.undecodable and not answer.matches:
            raise invalid("content", f"cannot be looked at: {'; '.join(answer.remarks)}"[:1000])
        known = TYPES_OF[kind_of_content or _type_of(answer)]
        wanted = _types_asked(request, known) or tuple(known)
        only = _banks_asked(request)
        return {
            name: await self._in_banks(
                [match for match in answer.matches if match.kind is known[name]], only=only
            )
            for name in wanted
        }

    async def _of_signal(self, name: str | None, signal: str | None) -> list[MatchOut]:
        """What a signal matches. name: its signal type."""
        self._check_ready()
        if not name or not signal:
            raise invalid("signal", "and signal_type, or url, are required")
        item = Item(new_ref(), None, _read_signal(name, signal))
        (answer,) = await self._recogniser.recognise([item], look_only=True)
        return answer.matches

    async def _in_banks(
        self, matches: Iterable[MatchOut], *, only: frozenset[str] | None, may_repeat: bool = True
    ) -> _Banks:
        """Matches by bank. may_repeat: whether one may be in the settings' own bank as well."""
        matches = list(matches)
        ids = json.dumps([str(match.signal) for match in matches])
        rows = await asyncio.to_thread(self._store.read, _NUMBERS, (ids,)) if matches else []
        numbers = dict(rows)
        found: _Banks = {}
        for one in matches:
            if str(one.signal) not in numbers:
                continue  # withdrawn between the two looks
            told = {"bank_content_id": numbers[str(one.signal)], "distance": _distance(one)}
            names = self._banks.banks_of(one.action)
            for name in names if may_repeat else names[:1]:
                if only is None or name in only:
                    found.setdefault(name, []).append(told)
        return found


_NUMBERS = "SELECT id, seq FROM signals WHERE id IN (SELECT value FROM json_each(?))"


def _content_type(name: str, *, is_field: bool = False) -> str:
    """A content type that can be hashed; "" where none is said and none must be."""
    if name in TYPES_OF or (not name and not is_field):
        return name
    raise invalid("content_type", f"there is no {name[:40]!r}; known are {', '.join(TYPES_OF)}")


def _type_of(answer: Answer) -> str:
    """What content is, where nobody said so: what has pictures in time, or sound, is a video."""
    kinds = {fingerprint.kind for fingerprint in answer.fingerprints}
    return "video" if kinds & {Kind.VIDEO, Kind.AUDIO, Kind.GOP} else "photo"


def _types_asked(request: Request, known: dict[str, Kind]) -> tuple[str, ...]:
    """The signal types that are asked for; () for the usual ones."""
    asked = tuple(one.strip() for one in request.query_params.get("types", "").split(","))
    wanted = tuple(dict.fromkeys(one for one in asked if one))
    for name in wanted:
        if name not in known:
            raise invalid(
                "types", f"there is no {name[:40]!r} of this; known are {', '.join(known)}"
            )
    return wanted


def _banks_asked(request: Request) -> frozenset[str] | None:
    """The banks that are asked for; None for all."""
    asked = request.query_params.get("banks")
    return frozenset(asked.split(",")) if asked else None


def _value_of(answer: Answer, kind: Kind) -> str:
    """The hash of one kind of the whole content; "" where it has none."""
    each = (
        fingerprint.value
        for fingerprint in answer.fingerprints
        if fingerprint.kind is kind and not fingerprint.part
    )
    return next(each, "")


def _distance(match: MatchOut) -> str:
    return str(match.distance_bits) if match.kind is Kind.PDQ else NO_DISTANCE


def _read_signal(name: str, text: str) -> Fingerprints:
    """A signal by the name of its type. raises: BadRequestError."""
    try:
        if _kind(name) is Kind.URL:
            return fingerprints_of_url(text)
        return Fingerprints((Fingerprint(_kind(name), parse_value(_kind(name), text.strip())),))
    except (FingerprintError, UrlError) as error:
        raise invalid("signal", str(error)) from error


def _kind(name: str) -> Kind:
    if name not in SIGNAL_TYPES:
        raise invalid(
            "signal_type", f"there is no {name[:40]!r}; known are {', '.join(SIGNAL_TYPES)}"
        )
    return SIGNAL_TYPES[name]


def _compared(name: str, pair: object) -> list[Any]:
    """Whether two hashes of a type match, as HMA writes it."""
    hashes = [one for one in pair if isinstance(one, str)] if isinstance(pair, list) else []
    if not isinstance(pair, list) or len(pair) != _PAIR or len(hashes) != _PAIR:
        raise invalid(name[:40], "must be a list of two hashes")
    left, right = (_read_signal(name, digest).each[0].value for digest in hashes)
    if SIGNAL_TYPES[name] is not Kind.PDQ:
        return [left == right, {}]
    bits = (int.from_bytes(left) ^ int.from_bytes(right)).bit_count()
    return [bits <= MATCH_WITHIN_BITS, {"distance": bits}]
