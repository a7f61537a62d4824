# SPDX-License-Identifier: Apache-2.0
"""A request to a hub as a value: how it is sent, and the type of its response.

The functions in stemtide.client.calls build them, one for each operation of the API. Nothing here
uses the network: Hub, AsyncHub or a client of your own can send the same request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import date
from functools import lru_cache, reduce
from operator import or_
from typing import Any, Generic, TypeVar, cast
from urllib.parse import quote
from uuid import UUID

from pydantic import BaseModel, TypeAdapter

Answer = TypeVar("Answer")

One = str | int | date | UUID
Query = Mapping[str, One | Sequence[One] | None]
"""Query parameters. None is left out, so that the hub's default applies."""

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class File:
    """A response that is no message, such as a PDF. name: the hub's file name; "" if it gave none.

    The name is made safe: it contains no folder.
    """

    content: bytes
    media_type: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class ApiRequest(Generic[Answer]):
    """A request. answers: the types of the response; File for anything but JSON.

    body: a message, of which only the fields that were set are sent, or bytes of a media type.
    is_view: an unset `exercise` parameter takes the Hub's setting.
    """

    answers: tuple[type[Answer], ...]
    method: str
    path: str
    _: KW_ONLY
    query: Query = field(default_factory=dict)
    headers: Mapping[str, One | None] = field(default_factory=dict)
    body: BaseModel | bytes | None = None
    media_type: str = JSON
    is_view: bool = False

    def params(self, *, exercise: bool = False) -> dict[str, str | list[str]]:
        """Return the query parameters. exercise: the Hub's setting."""
        values = dict(self.query)
        if self.is_view and exercise and values.get("exercise") is None:
            values["exercise"] = True
        return {name: _query_value(value) for name, value in values.items() if value is not None}

    def own_headers(self) -> dict[str, str]:
        """Return the headers of this request alone."""
        headers = {name: str(value) for name, value in self.headers.items() if value is not None}
        return headers | ({} if self.body is None else {"Content-Type": self.media_type})

    def content(self) -> bytes | None:
        """Return the body as bytes, without the fields that were never set.

        An older hub may not know them, and fields that an update leaves out stay unchanged.
        """
        if isinstance(self.body, BaseModel):
            return self.body.model_dump_json(exclude_unset=True, by_alias=True).encode()
        return self.body

    def read(self, content: bytes) -> Answer:
        """Parse the JSON of a response.

        Unknown fields are ignored at every depth, because a newer hub may send more. A response
        without content (204) gives None.

        raises: pydantic.ValidationError.
        """
        if not content and type(None) in self.answers:
            return cast("Answer", None)
        kinds = tuple(answer for answer in self.answers if answer is not File)
        return cast("Answer", _parser(kinds).validate_json(content, extra="ignore"))


class Call(ApiRequest[Answer]):
    """A request with one response."""

    __slots__ = ()


class Lines(ApiRequest[Answer]):
    """A request whose response is JSON lines, one message each; the last is of the last type."""

    __slots__ = ()


class Parts(ApiRequest[Answer]):
    """A request whose response may exceed memory: bytes as they arrive."""

    __slots__ = ()


class Events(ApiRequest[Answer]):
    """A request whose response is a stream of server-sent events, which does not end by itself."""

    __slots__ = ()


def part(value: One) -> str:
    """Quote a path segment, so that it stays one segment with any content."""
    text = str(value)
    # Guard against "", "." and ".." segments: pad them, so that the URL cannot escape its path.
    return quote(text, safe="") if text.strip(".") else f"%20{text}"


def _query_value(value: One | Sequence[One]) -> str | list[str]:
    """Return a value as query text."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, str):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    return [str(item) for item in value] if isinstance(value, Sequence) else str(value)


@lru_cache(maxsize=512)
def _parser(kinds: tuple[type, ...]) -> TypeAdapter[Any]:
    """Return a parser for these types; cached, because building it is slow."""
    return TypeAdapter(reduce(or_, kinds))
