# SPDX-License-Identifier: Apache-2.0
"""HMA-compatible look-up routes (Hasher-Matcher-Actioner), for clients written for HMA.

Banks follow the policy: a signal that leads to a block is in the bank of blocks. HMA's clients
act on the banks that they chose, so nobody blocks content that only a person should judge. Content
ids are the numbers of signals and own items in this agent. Look-ups change nothing, as /match/hash.

source: the routes and shapes of OpenMediaMatch (HMA 1.1), as its callers use them.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from stemtide.agent.config.settings import Config
from stemtide.agent.http.hma.banks import BankRoutes
from stemtide.agent.http.hma.contents import OwnContents, check_own, note_of
from stemtide.agent.http.hma.shapes import (
    SIGNAL_TYPES,
    TYPES_OF,
    Endpoint,
    read_object,
    with_hma_errors,
)
from stemtide.agent.http.match_requests import BadRequestError, invalid, read_files
from stemtide.agent.recognise.answers import Answer, MatchOut
from stemtide.agent.recognise.downloads import FetchError, HostError, fetch
from stemtide.agent.recognise.pipeline import Recogniser, SubmittedContent, new_ref
from stemtide.agent.store import own_banks
from stemtide.agent.store.database import Store
from stemtide.fingerprints.kinds import (
    MATCH_WITHIN_BITS,
    Fingerprint,
    FingerprintError,
    Fingerprints,
    Kind,
    parse_value,
)
from stemtide.fingerprints.url.canonical import UrlError
from stemtide.fingerprints.url.reach import fingerprints_of_url
from stemtide.protocol.problems import ProblemType

NO_DISTANCE = "-"
"""HMA's distance of equal values."""

_HASH_TYPES = ("pdq", "video_md5", "video_sha256", "md5", "sha256")
_DEFAULT_TYPES = {"photo": ("pdq",), "video": ("video_md5", "video_sha256")}
_PAIR = 2
_Banks = dict[str, list[dict[str, Any]]]


class HmaRoutes:
    """HMA-compatible endpoints for hashing and look-ups."""

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        recogniser: Recogniser,
        banks: BankRoutes,
        contents: OwnContents,
        check_ready: Callable[[], None],
    ) -> None:
        self._config = config
        self._store = store
        self._recogniser = recogniser
        self._banks = banks
        self._contents = contents
        self._check_ready = check_ready

    def routes(self) -> list[Route]:
        """Return the routes, those of banks included."""
        endpoints: list[tuple[str, Endpoint, str]] = [
            ("/m/lookup", self.look_up_file, "POST"),
            ("/m/lookup", self.look_up, "GET"),
            ("/h/hash", self.hash_address, "GET"),
            ("/h/hash", self.hash_file, "POST"),
            ("/m/raw_lookup", self.look_up_raw, "GET"),
            ("/m/compare", self.compare, "POST"),
            ("/ui/bank/{bank}/content/find", self.find_content, "POST"),
            ("/c/bank/{bank}/content", self.add_content, "POST"),
        ]
        own_routes = [
            Route(path, with_hma_errors(handle), methods=[method])
            for path, handle, method in endpoints
        ]
        return [*own_routes, Route("/status", self.status, methods=["GET"]), *self._banks.routes()]

    async def status(self, _request: Request) -> Response:
        """GET /status: whether there are signals to match against."""
        if self._store.origin is None:
            return PlainTextResponse("INDEX-NOT-LOADED", status_code=503)
        return PlainTextResponse("I-AM-ALIVE")

    async def hash_address(self, request: Request) -> Response:
        """GET /h/hash?url=: hash the content at a URL."""
        return JSONResponse(await self._hash_content(request, await self._download_query(request)))

    async def hash_file(self, request: Request) -> Response:
        """POST /h/hash: hash the file of a form; its field names the content type."""
        return JSONResponse(await self._hash_content(request, await self._form_file(request)))

    async def look_up_file(self, request: Request) -> Response:
        """POST /m/lookup: list the banks that match a file, by signal type."""
        return JSONResponse(await self._match_content(request, await self._form_file(request)))

    async def look_up(self, request: Request) -> Response:
        """GET /m/lookup: list the banks that match a signal, or the content at a URL."""
        parameters = request.query_params
        if "url" in parameters:
            by_type = await self._match_content(request, await self._download_query(request))
            name = parameters.get("signal_type")
            return JSONResponse(by_type if name is None else by_type.get(name, {}))
        matches = await self._match_signal(parameters.get("signal_type"), parameters.get("signal"))
        return JSONResponse(self._group_by_bank(matches, only=_requested_banks(request)))

    async def look_up_raw(self, request: Request) -> Response:
        """GET /m/raw_lookup: list the content ids of all matches, in any bank."""
        parameters = request.query_params
        matches = await self._match_signal(parameters.get("signal_type"), parameters.get("signal"))
        by_bank = self._group_by_bank(matches, only=_requested_banks(request), may_repeat=False)
        rows = [row for bank_matches in by_bank.values() for row in bank_matches]
        if request.query_params.get("include_distance", "false").lower() not in ("true", "1"):
            return JSONResponse({"matches": [row["bank_content_id"] for row in rows]})
        return JSONResponse({"matches": rows})

    async def compare(self, request: Request) -> Response:
        """POST /m/compare: whether two hashes match, and their distance."""
        pairs = await read_object(request)
        return JSONResponse({name: _compare_pair(name, pair) for name, pair in pairs.items()})

    async def find_content(self, request: Request) -> Response:
        """POST /ui/bank/{bank}/content/find: list the content ids that match in a bank."""
        await self._banks.find_own(request)
        bank, body = request.path_params["bank"], await read_object(request)
        names = ("url", "content_type", "signal_type", "signal_value")
        fields = {name: body.get(name) or "" for name in names}
        for name, value in fields.items():
            if not isinstance(value, str):
                raise invalid(name, "must be text")
        signals = {fields["signal_type"]: fields["signal_value"]}
        if fields["url"]:
            signals = await self._hash_content(
                request, await self._download(fields["url"], fields["content_type"])
            )
        matches = [
            {
                "signal_type": name,
                "signal_value": value,
                "content_id": match["bank_content_id"],
                "distance": match["distance"],
            }
            for name, value in signals.items()
            for match in (await self._match_in_bank(bank, name, value))
        ]
        ids = sorted({match["content_id"] for match in matches})
        return JSONResponse({"bank_name": bank, "content_ids": ids, "matches": matches})

    async def add_content(self, request: Request) -> Response:
        """POST /c/bank/{bank}/content: add the file of a form, or the content at a URL."""
        bank = check_own(await self._banks.find_own(request), request)
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type == "multipart/form-data":
            note, content = "", self._form_file(request)
        else:
            is_json = media_type == "application/json"
            note = note_of(await read_object(request)) if is_json else ""
            content = self._download_query(request)
        content_type, blob = await content
        return await self._contents.add_content(bank, blob, content_type=content_type, note=note)

    async def _match_in_bank(self, bank: str, name: str, signal: str) -> list[dict[str, Any]]:
        """Return the matches of a signal in one bank."""
        matches = await self._match_signal(name, signal)
        return self._group_by_bank(matches, only=frozenset({bank})).get(bank, [])

    async def _download_query(self, request: Request) -> tuple[str, bytes]:
        """Download the URL in the query; return its content type and bytes."""
        parameters = request.query_params
        return await self._download(parameters.get("url", ""), parameters.get("content_type", ""))

    async def _download(self, address: str, content_type: str) -> tuple[str, bytes]:
        """Download a URL; return its content type and bytes."""
        if not address:
            raise invalid("url", "is missing: name where the content lies")
        try:
            blob = await fetch(address, config=self._config)
        except HostError as error:
            raise BadRequestError(ProblemType.NOT_ALLOWED, str(error)) from error
        except FetchError as error:
            raise BadRequestError(ProblemType.INVALID, str(error)) from error
        return _content_type(content_type), blob

    async def _form_file(self, request: Request) -> tuple[str, bytes]:
        """Return the content type and the bytes of the form's only file."""
        files = await read_files(request, self._config)
        if len(files) != 1 or not files[0][1]:
            raise invalid("body", "must be a form with one file that is not empty")
        name, blob = files[0]
        return _content_type(name, is_field=True), blob

    async def _hash_content(self, request: Request, content: tuple[str, bytes]) -> dict[str, str]:
        """Return the hashes of content by signal type."""
        kind_of_content, blob = content
        (answer,) = await self._recogniser.recognise(
            [SubmittedContent(new_ref(), blob)], look_only=True
        )
        content_type = kind_of_content or _type_of(answer)
        plain = _DEFAULT_TYPES[content_type]
        kinds = {
            name: TYPES_OF[content_type][name]
            for name in _HASH_TYPES
            if name in TYPES_OF[content_type]
        }
        names = _requested_types(request, kinds) or plain
        hashes = {name: _value_of(answer, kinds[name]) for name in names}
        if lost := [name for name, value in hashes.items() if not value]:
            remarks = "; ".join(answer.remarks) or f"it is no {content_type}"
            raise invalid("content", f"has no {', '.join(lost)}: {remarks}"[:1000])
        return hashes

    async def _match_content(
        self, request: Request, content: tuple[str, bytes]
    ) -> dict[str, _Banks]:
        """Return the banks that match content, by signal type."""
        kind_of_content, blob = content
        self._check_ready()
        (answer,) = await self._recogniser.recognise(
            [SubmittedContent(new_ref(), blob)], look_only=True
        )
        if answer.decision.undecodable and not answer.matches:
            raise invalid("content", f"cannot be looked at: {'; '.join(answer.remarks)}"[:1000])
        kinds = TYPES_OF[kind_of_content or _type_of(answer)]
        names = _requested_types(request, kinds) or tuple(kinds)
        only = _requested_banks(request)
        return {
            name: self._group_by_bank(
                [match for match in answer.matches if match.kind is kinds[name]], only=only
            )
            for name in names
        }

    async def _match_signal(self, name: str | None, signal: str | None) -> list[MatchOut]:
        """Return the matches of a signal. name: its signal type."""
        self._check_ready()
        if not name or not signal:
            raise invalid("signal", "and signal_type, or url, are required")
        item = SubmittedContent(new_ref(), None, _read_signal(name, signal))
        (answer,) = await self._recogniser.recognise([item], look_only=True)
        return answer.matches

    def _group_by_bank(
        self, matches: Iterable[MatchOut], *, only: frozenset[str] | None, may_repeat: bool = True
    ) -> _Banks:
        """Group matches by bank. may_repeat: list them in the configured bank as well."""
        matches = list(matches)
        numbers = self._numbers(matches) if matches else {}
        banks: _Banks = {}
        for match in matches:
            if str(match.signal) not in numbers:
                continue  # withdrawn since it matched
            row = {"bank_content_id": numbers[str(match.signal)], "distance": _distance(match)}
            names = [match.bank] if match.bank else self._banks.banks_of(match.action)
            for name in names if may_repeat else names[:1]:
                if only is None or name in only:
                    banks.setdefault(name, []).append(row)
        return banks

    def _numbers(self, matches: Iterable[MatchOut]) -> dict[str, int]:
        """Return the content ids of signals and own items, by the ids that these have here."""
        read = self._store.read_on_loop
        own_ids = [str(match.signal) for match in matches if match.bank]
        ids = json.dumps([str(match.signal) for match in matches if not match.bank])
        numbers = own_banks.numbers_of(read, own_ids) if own_ids else {}
        return dict(read(_SELECT_NUMBERS, (ids,))) | numbers


_SELECT_NUMBERS = "SELECT id, seq FROM signals WHERE id IN (SELECT value FROM json_each(?))"


def _content_type(name: str, *, is_field: bool = False) -> str:
    """Check a content type; "" if it is missing and optional."""
    if name in TYPES_OF or (not name and not is_field):
        return name
    raise invalid("content_type", f"there is no {name[:40]!r}; known are {', '.join(TYPES_OF)}")


def _type_of(answer: Answer) -> str:
    """Guess the content type from fingerprints: video if any has frames over time or audio."""
    kinds = {fingerprint.kind for fingerprint in answer.fingerprints}
    return "video" if kinds & {Kind.VIDEO, Kind.AUDIO, Kind.GOP} else "photo"


def _requested_types(request: Request, kinds: dict[str, Kind]) -> tuple[str, ...]:
    """Return the requested signal types; () for the defaults."""
    requested = tuple(name.strip() for name in request.query_params.get("types", "").split(","))
    names = tuple(dict.fromkeys(name for name in requested if name))
    for name in names:
        if name not in kinds:
            raise invalid(
                "types", f"there is no {name[:40]!r} of this; known are {', '.join(kinds)}"
            )
    return names


def _requested_banks(request: Request) -> frozenset[str] | None:
    """Return the requested banks; None for all."""
    names = request.query_params.get("banks")
    return frozenset(names.split(",")) if names else None


def _value_of(answer: Answer, kind: Kind) -> str:
    """Return the hash of one kind for the whole content; "" if there is none."""
    values = (
        fingerprint.value
        for fingerprint in answer.fingerprints
        if fingerprint.kind is kind and not fingerprint.part
    )
    return next(values, "")


def _distance(match: MatchOut) -> str:
    return str(match.distance_bits) if match.kind is Kind.PDQ else NO_DISTANCE


def _read_signal(name: str, text: str) -> Fingerprints:
    """Parse a signal of the named type. raises: BadRequestError."""
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


def _compare_pair(name: str, pair: object) -> list[Any]:
    """Return whether two hashes of a type match, in HMA's format."""
    hashes = (
        [digest for digest in pair if isinstance(digest, str)] if isinstance(pair, list) else []
    )
    if not isinstance(pair, list) or len(pair) != _PAIR or len(hashes) != _PAIR:
        raise invalid(name[:40], "must be a list of two hashes")
    left, right = (_read_signal(name, digest).each[0].value for digest in hashes)
    if SIGNAL_TYPES[name] is not Kind.PDQ:
        return [left == right, {}]
    bits = (int.from_bytes(left) ^ int.from_bytes(right)).bit_count()
    return [bits <= MATCH_WITHIN_BITS, {"distance": bits}]
