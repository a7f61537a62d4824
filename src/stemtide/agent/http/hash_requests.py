# SPDX-License-Identifier: Apache-2.0
"""Parse requests to /match/hash and /match/hashes: JSON, binary, or query parameters."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from starlette.requests import Request

from stemtide.agent.config.settings import Config
from stemtide.agent.http.match_requests import MAX_JSON_BYTES, BadRequestError, invalid, read_body
from stemtide.agent.recognise.hashes import HashQuery
from stemtide.fingerprints.kinds import SIZE_BYTES, FingerprintError, Kind, parse_value
from stemtide.protocol.problems import FieldProblem, ProblemType

BINARY = "application/vnd.stemtide.hashes"
"""Media type of concatenated values; kind and within_bits are query parameters."""

BINARY_ANSWER = "application/vnd.stemtide.matches"
"""Media type of concatenated records in the format of hashes.RECORD."""

_MAX_WITHIN_BITS = 64
_MAX_ERRORS = 100


class _HashesBody(msgspec.Struct, forbid_unknown_fields=True):
    """JSON body of POST /match/hashes."""

    kind: str
    hashes: list[str]
    within_bits: int | None = None
    decide: bool = False


Reader = Callable[[], HashQuery]


async def read_hashes(request: Request, config: Config) -> tuple[Reader, int]:
    """Read the request's body, and return a parser for it with the body's length.

    returns: a parser, which may be slow and so runs in a thread, and the bytes received.
    raises:  BadRequestError naming the field and the remedy; so does the parser.
    """
    media_type = _media_type(request)
    parameters = dict(request.query_params)
    if media_type == "application/json":
        _check_names(parameters, ())
        body = await read_body(request, min(MAX_JSON_BYTES, config.max_upload_bytes))
        return partial(_read_json, body, config), len(body)
    if media_type == BINARY:
        _check_names(parameters, ("kind", "within_bits", "decide"))
        hash_query = _query(parameters, values=b"")
        limit = config.max_hashes * SIZE_BYTES[hash_query.kind]
        body = await read_body(request, limit, remedy=_REMEDY)
        return partial(_read_binary, hash_query, body), len(body)
    raise BadRequestError(
        ProblemType.WRONG_MEDIA_TYPE,
        f"Content-Type {media_type[:80]!r} is not understood; send application/json, or {BINARY} "
        "with the values back to back",
    )


_REMEDY = "send fewer hashes at once, or raise max_hashes"


def read_hash(request: Request) -> HashQuery:
    """Parse the single hash of GET /match/hash. raises: BadRequestError."""
    parameters = dict(request.query_params)
    _check_names(parameters, (*SIZE_BYTES, "within_bits", "decide"))
    kinds = [kind for kind in SIZE_BYTES if kind in parameters]
    if len(kinds) != 1 or len(request.query_params.multi_items()) != len(parameters):
        raise invalid("query", f"give one hash, by its kind: one of {', '.join(SIZE_BYTES)}")
    text = parameters[kinds[0]]
    try:
        value = parse_value(kinds[0], text)
    except FingerprintError as error:
        raise invalid(kinds[0], str(error)) from error
    return _query({**parameters, "kind": kinds[0]}, values=value)


def wants_binary(request: Request, hash_query: HashQuery) -> bool:
    """Whether to send a binary response: as the request was, unless Accept says otherwise.

    raises: BadRequestError for a decision, because binary records have no field for it.
    """
    accepted = request.headers.get("accept", "")
    is_binary = BINARY_ANSWER in accepted or (
        _media_type(request) == BINARY and "application/json" not in accepted
    )
    if is_binary and hash_query.decide:
        raise invalid("decide", "has no room in a binary answer; send Accept: application/json")
    return is_binary


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _check_names(parameters: Mapping[str, str], allowed: Sequence[str]) -> None:
    """Reject unknown parameters, so that a misspelt name is not silently ignored."""
    for name in parameters:
        if name not in allowed:
            hint = (
                f"known are {', '.join(allowed)}" if allowed else "with JSON it belongs in the body"
            )
            raise invalid(name[:80], f"is no parameter here; {hint}")


def _query(parameters: Mapping[str, str], *, values: bytes) -> HashQuery:
    """Build a hash query from query parameters."""
    within = parameters.get("within_bits")
    if within is not None and not (within.isascii() and within.isdigit() and len(within) < 4):  # noqa: PLR2004 - 64 has two
        raise invalid("within_bits", f"must be a whole number from 0 to {_MAX_WITHIN_BITS}")
    decide = parameters.get("decide", "0")
    if decide not in ("0", "1"):
        raise invalid("decide", "must be 0 or 1")
    kind = _kind(parameters.get("kind", ""))
    return _checked(HashQuery(kind, values, None if within is None else int(within), decide == "1"))


def _kind(text: str) -> Kind:
    if text not in SIZE_BYTES:
        raise invalid("kind", f"must be one of {', '.join(SIZE_BYTES)}, not {text[:40]!r}")
    return Kind(text)


def _checked(hash_query: HashQuery) -> HashQuery:
    bits = hash_query.within_bits
    if bits is not None and hash_query.kind is not Kind.PDQ:
        raise invalid(
            "within_bits", f"is for pdq; a {hash_query.kind} matches only when it is equal"
        )
    if bits is not None and not 0 <= bits <= _MAX_WITHIN_BITS:
        raise invalid("within_bits", f"must be a whole number from 0 to {_MAX_WITHIN_BITS}")
    return hash_query


def _read_binary(hash_query: HashQuery, body: bytes) -> HashQuery:
    size = SIZE_BYTES[hash_query.kind]
    if not body or len(body) % size:
        raise invalid(
            "body",
            f"has {len(body)} bytes; send one or more {hash_query.kind} values of {size} bytes",
        )
    return HashQuery(hash_query.kind, body, hash_query.within_bits, hash_query.decide)


def _read_json(body: bytes, config: Config) -> HashQuery:
    """Parse the JSON body. The error lists every invalid hash."""
    try:
        payload = msgspec.json.decode(body, type=_HashesBody)
    except msgspec.ValidationError as error:
        raise _invalid(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequestError(ProblemType.MALFORMED, f"body: {error}; send JSON") from error
    kind = _kind(payload.kind)
    if not payload.hashes:
        raise invalid("hashes", "is empty: send one or more")
    if len(payload.hashes) > config.max_hashes:
        raise BadRequestError(
            ProblemType.TOO_LARGE,
            f"hashes: {len(payload.hashes)} are more than max_hashes"
            f" ({config.max_hashes}); {_REMEDY}",
        )
    return _checked(
        HashQuery(kind, _values(kind, payload.hashes), payload.within_bits, payload.decide)
    )


def _values(kind: Kind, hashes: Sequence[str]) -> bytes:
    """Decode all hashes at once; on failure decode each, to name the invalid ones."""
    size = SIZE_BYTES[kind]
    try:
        if {len(digest) for digest in hashes} == {2 * size}:
            values = bytes.fromhex("".join(hashes))
            if len(values) == size * len(hashes):
                return values
    except ValueError:
        pass  # the next line names it
    return b"".join(_values_one_by_one(kind, hashes))


def _values_one_by_one(kind: Kind, hashes: Sequence[str]) -> list[bytes]:
    values, errors = [], []
    for row, text in enumerate(hashes):
        try:
            values.append(parse_value(kind, text))
        except FingerprintError as error:
            errors.append(FieldProblem(field=f"hashes.{row}", message=str(error), row=row))
    if errors:
        first = f"{errors[0].field}: {errors[0].message}"
        raise BadRequestError(ProblemType.INVALID, first, errors=errors[:_MAX_ERRORS])
    return values


def _invalid(error: msgspec.ValidationError) -> BadRequestError:
    """Turn msgspec's text "Expected `str` - at `$.hashes[3]`" into a field and a message."""
    message, _, place = str(error).partition(" - at `$")
    path: Any = place.strip("`.").replace("[", ".").replace("]", "").removeprefix(".")
    return invalid(path or "body", message)
