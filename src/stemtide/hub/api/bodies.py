# SPDX-License-Identifier: Apache-2.0
"""Parse request bodies: JSON, JSON lines and CSV; bulks are validated row by row."""

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
from stemtide.protocol.files.columns import BadRow, BulkFileError, Columns, LeftOut
from stemtide.protocol.files.signal_readers import read_csv, text_lines
from stemtide.protocol.messages.signals import (
    MAX_BULK,
    MAX_BULK_VALUE_BYTES,
    BulkIn,
    RowError,
    SignalIn,
    is_long,
)
from stemtide.protocol.privacy.free_text import (
    INSIST,
    INSIST_HEADER,
    describe_refusal,
    find_in_message,
)
from stemtide.protocol.problems import WHOLE, FieldProblem, ProblemType
from stemtide.protocol.validation import summary

JSON = "application/json"
JSON_LINES = "application/x-ndjson"
CSV = "text/csv"

MAX_FIELDS = 64
"""Maximum fields of an object, and maximum errors of a row; no message has half as many fields.

An error costs a thousand times the bytes that caused it, so errors are limited before they are
listed.
"""

MAX_LINES = 10 * MAX_BULK
"""Maximum lines of a bulk, including empty ones: finding 15 million of them empty took 25 s."""

_NUL = b"\\u0000"

_FRACTION = re.compile(rb"\d(?:\.\d+(?:[eE][+-]?\d+)?|[eE][+-]?\d+)\s*[,}\]]")
"""A number in JSON with a fraction or an exponent (or a text that looks like one)."""

_EXACT = 2**53
"""Up to this, a float is an exact whole number; 1e308 would become one of 309 digits."""

_Message = TypeVar("_Message", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Bulk:
    """The rows of a bulk in the order sent, each a signal or an error.

    is_refused: a row has a label of content that belongs to another channel.
    """

    rows: list[SignalIn | RowError]
    is_refused: bool = False


class JsonBody(BodyModel):
    """The JSON body of an endpoint, validated in strict mode (docs/decide/0078)."""

    @classmethod
    def resolve(cls, request: HttpRequest, api: NinjaAPI, path_params: dict[str, Any]) -> Self:  # noqa: ARG003  # ninja's own
        """Parse the body.

        JSON is parsed twice: first to limit its size, as pydantic reports every error, however
        many.

        raises: ProblemError for other content types, invalid JSON, and texts that look like
                personal data; ValidationError.
        """
        if not request.body:
            return cls()
        check_content_type(request, JSON)
        read_json(request.body)
        name = cls.__read_from_single_attr__
        body = read_message(cls, b'{"%b":%b}' % (name.encode(), request.body))
        check_free_texts(getattr(body, name), insists=insists(request))
        return body


def insists(request: HttpRequest) -> bool:
    """Whether a program says that the personal data in its texts are needed."""
    return request.headers.get(INSIST_HEADER, "").strip().lower() == INSIST


def check_free_texts(message: object, *, insists: bool) -> None:
    """Refuse texts that look like personal data, unless they are sent on purpose. Decision 0202.

    raises: ProblemError naming the fields, and the remedy.
    """
    if insists or not isinstance(message, BaseModel):
        return
    fields = [
        FieldProblem(field=place, message=describe_refusal(spans))
        for place, spans in find_in_message(message).items()
    ]
    if fields:
        raise ProblemError(ProblemType.INVALID, summary(fields), errors=fields[:MAX_FIELDS])


def take_json(router: Router) -> None:
    """Make every endpoint of a router read its body as a JsonBody."""
    for view in router.path_operations.values():
        for operation in view.operations:
            operation.models = [_strict(model) for model in operation.models]


def _strict(model: type[ParamModel]) -> type[ParamModel]:
    """Return the parameter model, as a JsonBody if it is a body."""
    if issubclass(model, BodyModel) and not issubclass(model, JsonBody):
        return type(model.__name__, (JsonBody, model), {})
    return model


def read_message(kind: type[_Message], body: bytes) -> _Message:
    """Parse a message from JSON, with exactly the types of the schema. raises: ValidationError.

    Ids, times and enums are strings; strings are not accepted for numbers, nor numbers for
    booleans. 90.0 is accepted as a whole number, as in JSON Schema: pydantic's strict mode refuses
    it.
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
    return kind.model_validate_json(_json(_with_integers(sent)), strict=True)


def _with_integers(sent: Any) -> Any:  # noqa: ANN401  # JSON of any shape
    """Return JSON with 90 for 90.0."""
    if isinstance(sent, dict):
        return {name: _with_integers(inner) for name, inner in sent.items()}
    if isinstance(sent, list):
        return [_with_integers(inner) for inner in sent]
    is_whole = isinstance(sent, float) and abs(sent) <= _EXACT and sent.is_integer()
    return int(sent) if is_whole else sent


def _json(sent: object) -> bytes:
    """Serialise JSON again; numbers beyond range stay invalid instead of becoming null."""
    return to_json(sent, inf_nan_mode="constants")


def answer(body: BaseModel, *, status: int = 200) -> HttpResponse:
    """Return a message as a JSON response."""
    return HttpResponse(body.model_dump_json(), status=status, content_type=JSON)


def check_content_type(request: HttpRequest, *allowed: str) -> None:
    """Refuse a body of an unsupported type. raises: ProblemError."""
    if request.content_type not in allowed:
        content_type = (request.content_type or "none")[:60]
        raise ProblemError(
            ProblemType.WRONG_MEDIA_TYPE,
            f"the Content-Type is {content_type}: send the body as {' or '.join(allowed)}",
        )


def read_json(body: bytes) -> object:
    """Parse any JSON. raises: ProblemError naming where it is invalid, or too large."""
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
        name, value = waiting.pop()
        if isinstance(value, dict):
            if len(value) > MAX_FIELDS:
                raise _too_large_problem(name, f"an object of {len(value)} fields", most=MAX_FIELDS)
            waiting.extend(value.items())
        elif isinstance(value, list):
            if len(value) > MAX_BULK:
                raise _too_large_problem(name, f"{len(value)} rows", most=MAX_BULK)
            waiting.extend((name, inner) for inner in value if isinstance(inner, dict | list))


def _too_large_problem(name: str, amount: str, *, most: int) -> ProblemError:
    """Return the problem of a body with a larger list or object than any message has."""
    return ProblemError(
        ProblemType.TOO_LARGE, f"{name[:60]}: {amount} is too much: send at most {most}"
    )


def _check_text(body: bytes) -> None:
    """Refuse U+0000, which PostgreSQL cannot store in texts. raises: ProblemError."""
    if _NUL in body:
        raise ProblemError(
            ProblemType.MALFORMED, "the body holds the character \\u0000: leave it out"
        )


def read_bulk(request: HttpRequest) -> Bulk:
    """Parse the rows of a bulk.

    raises: ProblemError if the body as a whole is unusable: then no row is known.
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
        return _check_long_values(_parse_rows(_read_csv_rows(body), read=SignalIn.model_validate))
    if request.content_type == JSON_LINES:
        _check_text(body)
        # At most one more than a bulk may have, without a copy: 32 MB may have as many lines.
        lines = (line for line in io.BytesIO(body) if line.strip())
        limited = list(islice(lines, MAX_BULK + 1))
        return _check_long_values(_parse_rows(limited, read=_parse_signal))
    _check_text(body)
    try:
        return _check_long_values(
            Bulk(rows=list(BulkIn.model_validate_json(body, strict=True).signals))
        )
    except ValidationError:
        # Parse again, row by row, to name each invalid row and keep the others.
        return _check_long_values(_read_json_rows(read_json(body)))


def _read_csv_rows(body: bytes) -> list[object]:
    """Return the rows of a CSV table, up to one more than allowed. raises: ProblemError."""
    rows = read_csv(text_lines(io.BytesIO(body)), Columns())
    try:
        return [row.outcome for row in islice(rows, MAX_BULK + 1)]
    except BulkFileError as error:
        raise ProblemError(ProblemType.MALFORMED, f"the table cannot be read: {error}") from error


def _check_long_values(bulk: Bulk) -> Bulk:
    """Return the same bulk. raises: ProblemError if its long values exceed the limit together."""
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


def _read_json_rows(sent: object) -> Bulk:
    """Parse the rows of a JSON bulk that is not valid as a whole."""
    if not isinstance(sent, dict) or not isinstance(sent.get("signals"), list):
        raise _no_rows_problem('is missing: send {"signals": [...]}')
    if unknown := sorted(set(sent) - {"signals"}):
        problem = FieldProblem(field=unknown[0][:60], message="is not known here: leave it out")
        detail = f"{problem.field}: {problem.message}"
        raise ProblemError(ProblemType.INVALID, detail, errors=[problem])
    return _parse_rows(sent["signals"], read=lambda row: _parse_signal(_json(row)))


def _parse_signal(row: bytes) -> SignalIn:
    """Parse a signal from JSON. raises: ValidationError."""
    return read_message(SignalIn, row)


def _parse_rows(sent: Sequence[Any], *, read: Callable[[Any], SignalIn]) -> Bulk:
    """Parse every row on its own, so that an invalid row does not hide the others."""
    if len(sent) > MAX_BULK:
        raise ProblemError(
            ProblemType.TOO_LARGE,
            f"signals: more than {MAX_BULK} rows are too many: send the others in the next bulk",
        )
    if not sent:
        raise _no_rows_problem("is empty: send at least one signal")
    rows: list[SignalIn | RowError] = []
    any_refused = False
    for row, row_sent in enumerate(sent):
        if isinstance(row_sent, BadRow | LeftOut):
            rows.append(_skipped_row_error(row_sent, row=row))
            continue
        try:
            rows.append(read(row_sent))
        except ValidationError as error:
            if error.error_count() > MAX_FIELDS:
                message = f"more than {MAX_FIELDS} things are wrong: see what a signal looks like"
                rows.append(RowError(row=row, field="", message=message))
                continue
            rows.append(row_error(error, row=row))
            any_refused = any_refused or any(map(is_refused, error.errors()))
    return Bulk(rows=rows, is_refused=any_refused)


def _skipped_row_error(unshared: BadRow | LeftOut, *, row: int) -> RowError:
    """Return the error of a table row that shares nothing."""
    if isinstance(unshared, BadRow):
        return RowError(row=row, field=unshared.field, message=unshared.message)
    message = f"this row is {unshared.why} where it comes from: leave it out"
    return RowError(row=row, field="state", message=message)


def _no_rows_problem(message: str) -> ProblemError:
    """Return the problem of a bulk without rows."""
    errors = [FieldProblem(field="signals", message=message)]
    return ProblemError(ProblemType.INVALID, f"signals: {message}", errors=errors)
