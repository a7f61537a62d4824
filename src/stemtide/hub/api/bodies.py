# SPDX-License-Identifier: Apache-2.0
"""Read what machines send: JSON, JSON lines, and bulks whose bad rows do not hide the good ones."""

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self, TypeVar

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Router
from ninja.params.models import BodyModel, ParamModel
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json

from stemtide.hub.api.problems import ProblemError, is_refused, row_error
from stemtide.protocol.bulk_columns import BadRow, BulkFileError, Columns, LeftOut
from stemtide.protocol.bulk_files import read_csv, text_lines
from stemtide.protocol.problems import WHOLE, FieldProblem, ProblemType
from stemtide.protocol.signals import (
    MAX_BULK,
    MAX_BULK_VALUE_BYTES,
    BulkIn,
    RowError,
    SignalIn,
    is_long,
)

JSON = "application/json"
JSON_LINES = "application/x-ndjson"
CSV = "text/csv"

MAX_FIELDS = 64
"""Fields in one object, and wrong things in one row; no message has half as many fields.

Each wrong thing costs a thousand times the bytes that it came in: their number is bounded before
they are named.
"""

MAX_LINES = 10 * MAX_BULK
"""Lines of a bulk, empty ones among them: 15 million in 32 MB took 25 s to be found empty."""

_NUL = b"\\u0000"

_FRACTION = re.compile(rb"\d(?:\.\d+(?:[eE][+-]?\d+)?|[eE][+-]?\d+)\s*[,}\]]")
"""A number that JSON writes otherwise than as a whole one (or a text that looks like it)."""

_EXACT = 2**53
"""Up to here a float says which whole number it is; 1e308 would be one of 309 digits."""

_Message = TypeVar("_Message", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Bulk:
    """The rows of a bulk in the order sent, read or refused one by one.

    is_refused: a row names content that belongs to another channel.
    """

    rows: list[SignalIn | RowError]
    is_refused: bool = False


class JsonBody(BodyModel):
    """The body of an endpoint, read strictly (docs/decide/0078)."""

    @classmethod
    def resolve(cls, request: HttpRequest, api: NinjaAPI, path_params: dict[str, Any]) -> Self:  # noqa: ARG003  # ninja's own
        """Read it. raises: ProblemError for another content type, or for no JSON; ValidationError.

        It is read twice: first for its size, as pydantic names whatever is wrong, however much.
        """
        if not request.body:
            return cls()
        check_content_type(request, JSON)
        read_json(request.body)
        name = cls.__read_from_single_attr__.encode()
        return read_message(cls, b'{"%b":%b}' % (name, request.body))


def take_json(router: Router) -> None:
    """Have every endpoint of a router read its body as a JsonBody."""
    for view in router.path_operations.values():
        for operation in view.operations:
            operation.models = [_strict(model) for model in operation.models]


def _strict(model: type[ParamModel]) -> type[ParamModel]:
    """The same parameters, read strictly where they are a body."""
    if issubclass(model, BodyModel) and not issubclass(model, JsonBody):
        return type(model.__name__, (JsonBody, model), {})
    return model


def read_message(kind: type[_Message], body: bytes) -> _Message:
    """A message out of JSON, with just the types that the schema names. raises: ValidationError.

    Ids, times and words are strings; no string is a number, and no number a claim. 90.0 is a whole
    number, as JSON Schema has it: pydantic's strict mode does not know that.
    """
    try:
        return kind.model_validate_json(body, strict=True)
    except ValidationError as error:
        if not _FRACTION.search(body):
            raise
        try:
            sent = from_json(body)
        except ValueError:
            raise error from None
    return kind.model_validate_json(_json(_whole(sent)), strict=True)


def _whole(sent: Any) -> Any:  # noqa: ANN401  # JSON of any shape
    """The same JSON with 90 for 90.0."""
    if isinstance(sent, dict):
        return {name: _whole(one) for name, one in sent.items()}
    if isinstance(sent, list):
        return [_whole(one) for one in sent]
    is_whole = isinstance(sent, float) and abs(sent) <= _EXACT and sent.is_integer()
    return int(sent) if is_whole else sent


def _json(sent: object) -> bytes:
    """JSON once more; what is beyond every number stays that, and does not become null."""
    return to_json(sent, inf_nan_mode="constants")


def answer(body: BaseModel, *, status: int = 200) -> HttpResponse:
    """A message as an answer."""
    return HttpResponse(body.model_dump_json(), status=status, content_type=JSON)


def check_content_type(request: HttpRequest, *known: str) -> None:
    """Refuse a body of a kind that is not understood. raises: ProblemError."""
    if request.content_type not in known:
        said = (request.content_type or "none")[:60]
        raise ProblemError(
            ProblemType.WRONG_MEDIA_TYPE,
            f"the Content-Type is {said}: send the body as {' or '.join(known)}",
        )


def read_json(body: bytes) -> object:
    """JSON of any shape. raises: ProblemError that says where it breaks, or what is too much."""
    _check_text(body)
    try:
        sent = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise ProblemError(
            ProblemType.MALFORMED, f"the body is not valid JSON: {error}: correct it there"
        ) from error
    _check_size(sent)
    return sent


def _check_size(sent: object) -> None:
    """Refuse lists and objects larger than those of any message. raises: ProblemError."""
    waiting: list[tuple[str, object]] = [(WHOLE, sent)]
    while waiting:
        name, one = waiting.pop()
        if isinstance(one, dict):
            if len(one) > MAX_FIELDS:
                raise _too_much(name, f"an object of {len(one)} fields", most=MAX_FIELDS)
            waiting.extend(one.items())
        elif isinstance(one, list):
            if len(one) > MAX_BULK:
                raise _too_much(name, f"{len(one)} rows", most=MAX_BULK)
            waiting.extend((name, inner) for inner in one if isinstance(inner, dict | list))


def _too_much(name: str, what: str, *, most: int) -> ProblemError:
    """The problem of a body with more in one place than any message has."""
    return ProblemError(
        ProblemType.TOO_LARGE, f"{name[:60]}: {what} is too much: send at most {most}"
    )


def _check_text(body: bytes) -> None:
    """Refuse the one character that PostgreSQL keeps in no text. raises: ProblemError."""
    if _NUL in body:
        raise ProblemError(
            ProblemType.MALFORMED, "the body holds the character \\u0000: leave it out"
        )


def read_bulk(request: HttpRequest) -> Bulk:
    """The rows of a bulk.

    raises: ProblemError where the body as a whole is unusable: then no row is known.
    """
    check_content_type(request, JSON, JSON_LINES, CSV)
    body = request.body
    if request.content_type in {CSV, JSON_LINES} and body.count(b"\n") > MAX_LINES:
        raise ProblemError(
            ProblemType.TOO_LARGE,
            f"the body has more than {MAX_LINES} lines: send at most {MAX_BULK} rows, and leave"
            " empty lines out",
        )
    if request.content_type == CSV:
        return _weighed(_each(_table(body), read=SignalIn.model_validate))
    if request.content_type == JSON_LINES:
        _check_text(body)
        # One more than a bulk may have, and no copy of all: 32 MB may be as many lines.
        lines = (line for line in io.BytesIO(body) if line.strip())
        some = list(islice(lines, MAX_BULK + 1))
        return _weighed(_each(some, read=_signal))
    _check_text(body)
    try:
        return _weighed(Bulk(rows=list(BulkIn.model_validate_json(body, strict=True).signals)))
    except ValidationError:
        # Once more, row by row, so that each bad one can be named and the others be kept.
        return _weighed(_read_rows(read_json(body)))


def _table(body: bytes) -> list[object]:
    """The rows of a CSV table, one more than a bulk may have at most. raises: ProblemError."""
    found = read_csv(text_lines(io.BytesIO(body)), Columns())
    try:
        return [one.what for one in islice(found, MAX_BULK + 1)]
    except BulkFileError as error:
        raise ProblemError(ProblemType.MALFORMED, f"the table cannot be read: {error}") from error


def _weighed(bulk: Bulk) -> Bulk:
    """The same bulk. raises: ProblemError where its long values are more than one bulk may hold."""
    weight = sum(
        len(row.value) // 2 for row in bulk.rows if isinstance(row, SignalIn) and is_long(row.kind)
    )
    if weight > MAX_BULK_VALUE_BYTES:
        raise ProblemError(
            ProblemType.TOO_LARGE,
            f"signals: their video, audio, text and gop values have {weight} bytes together: send"
            f" at most {MAX_BULK_VALUE_BYTES} in one bulk and the others in the next",
        )
    return bulk


def _read_rows(sent: object) -> Bulk:
    """The rows of a JSON bulk that is not good as it stands."""
    if not isinstance(sent, dict) or not isinstance(sent.get("signals"), list):
        raise _no_rows('is missing: send {"signals": [...]}')
    if unknown := sorted(set(sent) - {"signals"}):
        problem = FieldProblem(field=unknown[0][:60], message="is not known here: leave it out")
        detail = f"{problem.field}: {problem.message}"
        raise ProblemError(ProblemType.INVALID, detail, errors=[problem])
    return _each(sent["signals"], read=lambda one: _signal(_json(one)))


def _signal(row: bytes) -> SignalIn:
    """One signal out of JSON. raises: ValidationError."""
    return read_message(SignalIn, row)


def _each(sent: Sequence[Any], *, read: Callable[[Any], SignalIn]) -> Bulk:
    """Every row by itself, so that a bad one hides no other."""
    if len(sent) > MAX_BULK:
        raise ProblemError(
            ProblemType.TOO_LARGE,
            f"signals: more than {MAX_BULK} rows are too many: send the others in the next bulk",
        )
    if not sent:
        raise _no_rows("is empty: send at least one signal")
    rows: list[SignalIn | RowError] = []
    any_refused = False
    for row, one in enumerate(sent):
        if isinstance(one, BadRow | LeftOut):
            rows.append(_unshared(one, row=row))
            continue
        try:
            rows.append(read(one))
        except ValidationError as error:
            if error.error_count() > MAX_FIELDS:
                message = f"more than {MAX_FIELDS} things are wrong: see what a signal looks like"
                rows.append(RowError(row=row, field="", message=message))
                continue
            rows.append(row_error(error, row=row))
            any_refused = any_refused or any(map(is_refused, error.errors()))
    return Bulk(rows=rows, is_refused=any_refused)


def _unshared(one: BadRow | LeftOut, *, row: int) -> RowError:
    """The error of a table's row that shares nothing."""
    if isinstance(one, BadRow):
        return RowError(row=row, field=one.field, message=one.message)
    message = f"this row is {one.why} where it comes from: leave it out"
    return RowError(row=row, field="state", message=message)


def _no_rows(message: str) -> ProblemError:
    """The problem of a bulk without rows."""
    errors = [FieldProblem(field="signals", message=message)]
    return ProblemError(ProblemType.INVALID, f"signals: {message}", errors=errors)
