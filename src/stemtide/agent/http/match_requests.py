# SPDX-License-Identifier: Apache-2.0
"""Parse requests to POST /match: a form with files, one plain file, or JSON fingerprints."""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from stemtide.agent.config.settings import Config
from stemtide.agent.recognise.pipeline import SubmittedContent, new_ref
from stemtide.fingerprints.kinds import (
    MAX_VALUE_BYTES,
    MIN_QUALITY,
    SIZE_BYTES,
    Fingerprint,
    Fingerprints,
    Kind,
    QueryView,
    parse_value,
)
from stemtide.fingerprints.url.reach import fingerprints_of_url
from stemtide.fingerprints.values.checks import check_value
from stemtide.protocol.problems import FieldProblem, ProblemType
from stemtide.protocol.sync.agents import LANGUAGE
from stemtide.protocol.validation import field_problems, summary

Message = TypeVar("Message", bound=BaseModel)

MAX_JSON_BYTES = 8 * 1024 * 1024
_MAX_REF = 200
_MAX_PART = 1000
_MAX_TRANSFORM = 100
_MAX_FINGERPRINTS = 20_000
"""Limit for one piece of content: an archive of thousands of files has so many."""
_MAX_LANGUAGE = 35


class BadRequestError(Exception):
    """A request is invalid; the middleware turns this into a problem document."""

    def __init__(
        self, which: ProblemType, detail: str, *, errors: Sequence[FieldProblem] = ()
    ) -> None:
        super().__init__(detail)
        self.which = which
        self.detail = detail
        self.errors = list(errors)


def _whole(value: object) -> object:
    """Read 90.0 as 90: JSON Schema, and so some languages, know no difference."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
"""Accepts whole numbers, also written as 90.0, but not text."""


def _reader(kind: Kind) -> BeforeValidator:
    """Return a validator that parses JSON text as the bytes of a fingerprint."""

    def read(value: object) -> bytes:
        if not isinstance(value, str):
            raise ValueError("must be text")  # noqa: TRY004 - pydantic collects ValueError
        return parse_value(kind, value)

    return BeforeValidator(read)


def _hex(kind: Kind) -> WithJsonSchema:
    """Return the JSON schema of a fingerprint in hex."""
    return WithJsonSchema({"type": "string", "pattern": f"^[0-9a-fA-F]{{{2 * SIZE_BYTES[kind]}}}$"})


def _read_url(value: object) -> Fingerprints:
    """Parse JSON text as a URL, or as the digest of a URL or of a folder."""
    if not isinstance(value, str):
        raise ValueError("must be text")  # noqa: TRY004 - pydantic collects ValueError
    if "." in value or len(value) != 2 * SIZE_BYTES[Kind.URL]:
        return fingerprints_of_url(value)
    return Fingerprints((Fingerprint(Kind.URL, parse_value(Kind.URL, value)),))


class FingerprintIn(BaseModel):
    """A fingerprint of any kind, as `stemtide hash` and `stemtide match` make it.

    part: which part of the content it is of, such as a file of an archive; "" for the whole.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Kind
    value: str = Field(min_length=1, max_length=2 * MAX_VALUE_BYTES, pattern="^[0-9a-fA-F]+$")
    quality: Annotated[int | None, WHOLE] = Field(default=None, ge=0, le=100)
    part: str = Field(default="", max_length=_MAX_PART)

    @model_validator(mode="after")
    def _is_spelled_as_its_kind(self) -> Self:
        check_value(self.kind, parse_value(self.kind, self.value))
        if self.quality is not None and self.kind is not Kind.PDQ:
            raise ValueError("quality belongs to pdq: leave it out")
        return self

    def fingerprint(self) -> Fingerprint:
        """Return it as a Fingerprint."""
        return Fingerprint(self.kind, bytes.fromhex(self.value), self.quality, self.part)


class ViewIn(BaseModel):
    """One more value to look content up by, as it may have been altered.

    transform: what was done to the content if it matches in this view, such as "mirrored".
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Literal["pdq", "url"] = "pdq"
    value: str = Field(pattern="^[0-9a-fA-F]{64}$")
    transform: str = Field(min_length=1, max_length=_MAX_TRANSFORM)
    quality: Annotated[int, WHOLE] = Field(default=100, ge=MIN_QUALITY, le=100)
    part: str = Field(default="", max_length=_MAX_PART)

    def view(self) -> QueryView:
        """Return it as a QueryView."""
        value = bytes.fromhex(self.value)
        return QueryView(self.transform, value, self.quality, self.part, Kind(self.kind))


class ItemIn(BaseModel):
    """Fingerprints of one piece of content. url: an address, or the digest of its spelling.

    fingerprints: of any kind and of every part; views: to find altered copies with.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    ref: str | None = Field(default=None, min_length=1, max_length=_MAX_REF)
    pdq: Annotated[bytes, _reader(Kind.PDQ), _hex(Kind.PDQ)] | None = None
    quality: Annotated[int | None, WHOLE] = Field(default=None, ge=0, le=100)
    sha256: Annotated[bytes, _reader(Kind.SHA256), _hex(Kind.SHA256)] | None = None
    md5: Annotated[bytes, _reader(Kind.MD5), _hex(Kind.MD5)] | None = None
    url: (
        Annotated[Fingerprints, BeforeValidator(_read_url), WithJsonSchema({"type": "string"})]
        | None
    ) = None
    language: str = Field(default="", pattern=rf"^$|{LANGUAGE}", max_length=35)
    fingerprints: tuple[FingerprintIn, ...] = Field(default=(), max_length=_MAX_FINGERPRINTS)
    views: tuple[ViewIn, ...] = Field(default=(), max_length=_MAX_FINGERPRINTS)

    @model_validator(mode="after")
    def _has_something(self) -> Self:
        if not any((self.pdq, self.sha256, self.md5, self.url, self.fingerprints)):
            raise ValueError("give at least one of pdq, sha256, md5, url and fingerprints")
        if self.quality is not None and self.pdq is None:
            raise ValueError("quality belongs to pdq: give both, or leave it out")
        return self

    def item(self) -> SubmittedContent:
        """Return it as content to recognise."""
        values = [(kind, getattr(self, kind)) for kind in SIZE_BYTES if kind is not Kind.URL]
        exact = tuple(
            Fingerprint(kind, value, self.quality if kind is Kind.PDQ else None)
            for kind, value in values
            if value
        )
        url = self.url or Fingerprints(())
        remarks = list(url.remarks)
        if self.quality is not None and self.quality < MIN_QUALITY:
            remarks.append(
                f"pdq: quality {self.quality} is below {MIN_QUALITY}, so it was not compared"
            )
        fingerprints = Fingerprints(
            (*exact, *url.each, *(fingerprint.fingerprint() for fingerprint in self.fingerprints)),
            remarks=tuple(remarks),
            views=(*url.views, *(view.view() for view in self.views)),
        )
        return SubmittedContent(self.ref or new_ref(), None, fingerprints, language=self.language)


class ItemsIn(BaseModel):
    """The JSON body of POST /match."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    items: tuple[ItemIn, ...] = Field(min_length=1)


async def read_items(request: Request, config: Config) -> list[SubmittedContent]:
    """Parse a request into items. raises: BadRequestError naming the field and the remedy."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        items = await _read_form(request, config)
    elif media_type == "application/json":
        body = await read_body(request, min(MAX_JSON_BYTES, config.max_upload_bytes))
        items = [entry.item() for entry in await asyncio.to_thread(_read_json, body)]
    elif media_type.startswith("image/") or media_type == "application/octet-stream":
        blob = await read_body(request, config.max_upload_bytes)
        parameters = request.query_params
        language = _check_language(parameters.get("language"))
        items = [SubmittedContent(check_ref(parameters.get("ref")), blob, language=language)]
    else:
        raise BadRequestError(
            ProblemType.WRONG_MEDIA_TYPE,
            f"Content-Type {media_type[:80]!r} is not understood; send multipart/form-data with "
            "files, image/* or application/octet-stream with one file, or application/json",
        )
    if len(items) > config.max_items:
        raise BadRequestError(
            ProblemType.TOO_LARGE,
            f"items: {len(items)} are more than max_items ({config.max_items}); send fewer at once",
        )
    for number, item in enumerate(items):
        if item.blob == b"":
            raise invalid(f"file.{number}", "is empty: send the content's bytes")
    return items


_REMEDY = "send less at once, or raise max_upload_bytes"


async def _limited(
    request: Request, limit: int, *, remedy: str = _REMEDY
) -> AsyncGenerator[bytes, None]:
    """Yield the request's body; raise once it is too large."""
    length = request.headers.get("content-length", "0")
    size = 0
    if length.isdigit() and int(length) > limit:
        raise _too_large(limit, remedy)
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit, remedy)
        yield chunk


async def read_body(request: Request, limit: int, *, remedy: str = _REMEDY) -> bytes:
    """Read the request's body. raises: BadRequestError if it exceeds limit bytes."""
    return b"".join([chunk async for chunk in _limited(request, limit, remedy=remedy)])


def _too_large(limit: int, remedy: str) -> BadRequestError:
    return BadRequestError(ProblemType.TOO_LARGE, f"body: is larger than {limit} bytes; {remedy}")


async def parse_form(
    request: Request, config: Config, *, max_fields: int | None = None
) -> list[tuple[str, bytes | str]]:
    """Parse a form into (field, value) pairs; files are bytes. raises: BadRequestError.

    max_fields: None for as many as a request may have items.
    """
    parser = _Form(
        request.headers,
        _limited(request, config.max_upload_bytes),
        max_files=config.max_items,
        max_fields=config.max_items if max_fields is None else max_fields,
        max_part_size=4096,
    )
    parser.spool_max_size = config.max_upload_bytes  # keep content in memory, never on disk
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise _unreadable(error.message) from error
    except UnicodeError as error:
        raise _unreadable("its fields are not UTF-8") from error
    if not parser.is_whole:
        await form.close()
        raise _unreadable("it ends before its last boundary")
    parts = [
        (name, await value.read() if isinstance(value, UploadFile) else value)
        for name, value in form.multi_items()
    ]
    await form.close()
    return parts


async def read_files(request: Request, config: Config) -> list[tuple[str, bytes]]:
    """Return the files of a form, by field. raises: BadRequestError."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "multipart/form-data":
        raise BadRequestError(
            ProblemType.WRONG_MEDIA_TYPE, "body: send multipart/form-data with one file"
        )
    parts = await parse_form(request, config)
    return [(name, value) for name, value in parts if isinstance(value, bytes)]


async def _read_form(request: Request, config: Config) -> list[SubmittedContent]:
    """Read the files of a form; the nth ref belongs to the nth file."""
    parts = await parse_form(request, config)
    blobs = [part for _, part in parts if isinstance(part, bytes)]
    fields = [(name, part) for name, part in parts if isinstance(part, str)]
    for name, _ in fields:
        if name != "ref":
            raise invalid(name[:80], "is no field of this form; send files, and ref beside them")
    refs: list[str | None] = [value for _, value in fields]
    if not blobs:
        raise invalid("file", "is missing; add the content as a file with a file name")
    if refs and len(refs) != len(blobs):
        raise invalid(
            "ref", f"there are {len(refs)} for {len(blobs)} files; send one for each, or none"
        )
    pairs = zip(blobs, refs or [None] * len(blobs), strict=True)
    return [SubmittedContent(check_ref(ref), blob) for blob, ref in pairs]


class _Form(MultiPartParser):
    """Form parser that notes the last boundary: without it, a form was cut and may lack files."""

    is_whole = False

    def on_part_end(self) -> None:
        """Store a part. raises: UnicodeError for text that its charset does not decode cleanly."""
        super().on_part_end()
        "".join(text for text in self.items[-1] if isinstance(text, str)).encode()

    def on_end(self) -> None:
        self.is_whole = True


def _unreadable(why: str) -> BadRequestError:
    return BadRequestError(ProblemType.MALFORMED, f"body: the form cannot be read ({why})")


async def read_message(
    request: Request,
    kind: type[Message],
    *,
    limit: int,
    remedy: str = _REMEDY,
    strict: bool = False,
) -> Message:
    """Parse a JSON body; an empty one is an object without fields.

    raises: BadRequestError naming the fields.
    """
    body = await read_body(request, limit, remedy=remedy)
    try:
        return kind.model_validate_json(body or b"{}", strict=strict or None)
    except ValidationError as error:
        problems = field_problems(error)
        raise BadRequestError(ProblemType.INVALID, summary(problems), errors=problems) from error


def check_ref(ref: str | None) -> str:
    """Return a valid ref, or a new one for None. raises: BadRequestError."""
    if ref is None:
        return new_ref()
    if not 1 <= len(ref) <= _MAX_REF:
        raise invalid("ref", f"must have 1 to {_MAX_REF} characters; leave it out to get one")
    return ref


def _read_json(body: bytes) -> tuple[ItemIn, ...]:
    """Parse the JSON body. The error lists every invalid field."""
    try:
        return ItemsIn.model_validate_json(body).items
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
    if problems[0]["type"] == "json_invalid":
        raise BadRequestError(ProblemType.MALFORMED, f"body: {problems[0]['msg']}; send JSON")
    errors = [
        FieldProblem(
            field=".".join(str(part) for part in problem["loc"]) or "body",
            message=problem["msg"].removeprefix("Value error, "),
            row=_row_of(problem["loc"]),
        )
        for problem in problems[:100]
    ]
    raise BadRequestError(
        ProblemType.INVALID, f"{errors[0].field}: {errors[0].message}", errors=errors
    )


def _row_of(place: tuple[int | str, ...]) -> int | None:
    return next((part for part in place if isinstance(part, int)), None)


def invalid(field: str, message: str) -> BadRequestError:
    """Return an error about one field. message: the problem and the remedy."""
    return BadRequestError(
        ProblemType.INVALID,
        f"{field}: {message}",
        errors=[FieldProblem(field=field, message=message)],
    )


def _check_language(tag: str | None) -> str:
    if tag and (len(tag) > _MAX_LANGUAGE or not re.fullmatch(LANGUAGE, tag)):
        raise invalid("language", "is no language tag (BCP 47): write it as en or pt-BR")
    return tag or ""
