# SPDX-License-Identifier: Apache-2.0
"""One question to a hub as a value: how it is asked, and what its answer is read as.

The functions in stemtide.client.calls make them, one for each operation of the API. Nothing here
talks: the same call is sent by Hub, by AsyncHub, or by a client of your own.
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
"""What is asked for. None is left out, so that the hub's own default holds."""

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class File:
    """An answer that is no message, such as a PDF. name: as the hub calls it; "" where it does not.

    A name is what a hub says, made safe: it holds no folder.
    """

    content: bytes
    media_type: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Question(Generic[Answer]):
    """How a hub is asked. answers: what the answer is read as; File for what is no JSON.

    body: a message, sent as far as its fields were set, or bytes of a media type.
    is_view: exercise, where it is not said, is as the Hub was made.
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
        """The query as it travels. exercise: the view of whoever asks."""
        asked = dict(self.query)
        if self.is_view and exercise and asked.get("exercise") is None:
            asked["exercise"] = True
        return {name: _spelled(one) for name, one in asked.items() if one is not None}

    def sent_headers(self) -> dict[str, str]:
        """The headers that belong to this question alone."""
        found = {name: str(one) for name, one in self.headers.items() if one is not None}
        return found | ({} if self.body is None else {"Content-Type": self.media_type})

    def content(self) -> bytes | None:
        """The body as bytes, without the fields that were never set.

        An older hub may not know them, and what is not named in a change is left alone.
        """
        if isinstance(self.body, BaseModel):
            return self.body.model_dump_json(exclude_unset=True, by_alias=True).encode()
        return self.body

    def read(self, content: bytes) -> Answer:
        """Read JSON as what the answer is.

        Fields that are not known are passed over, at every depth: a newer hub may say more. An act
        that is answered with nothing (204) gives None.

        raises: pydantic.ValidationError.
        """
        if not content and type(None) in self.answers:
            return cast("Answer", None)
        kinds = tuple(answer for answer in self.answers if answer is not File)
        return cast("Answer", _reader(kinds).validate_json(content, extra="ignore"))


class Call(Question[Answer]):
    """A question with one answer."""

    __slots__ = ()


class Lines(Question[Answer]):
    """A question whose answer is JSON lines, one message each. The last line is the last kind."""

    __slots__ = ()


class Parts(Question[Answer]):
    """A question whose answer may be too long to be held: bytes as they arrive."""

    __slots__ = ()


class Events(Question[Answer]):
    """A question whose answer is a stream of server-sent events that does not end by itself."""

    __slots__ = ()


def part(one: One) -> str:
    """One part of a path, such that it stays one part whatever it holds."""
    text = str(one)
    # Nothing, "." and ".." would lead to another address: with a space they name what is not there.
    return quote(text, safe="") if text.strip(".") else f"%20{text}"


def _spelled(one: One | Sequence[One]) -> str | list[str]:
    """A value as a query spells it."""
    if isinstance(one, bool):
        return str(int(one))
    if isinstance(one, str):
        return str(one)
    if isinstance(one, date):
        return one.isoformat()
    return [str(each) for each in one] if isinstance(one, Sequence) else str(one)


@lru_cache(maxsize=512)
def _reader(kinds: tuple[type, ...]) -> TypeAdapter[Any]:
    """What reads these kinds; made once, as making it is slow."""
    return TypeAdapter(reduce(or_, kinds))
