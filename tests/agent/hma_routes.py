# SPDX-License-Identifier: Apache-2.0
"""HMA's routes for banks, contents and exchanges, and the shape of what each answers.

One table for the fake and for the agent: both answer a route in the same shape, or the agent
refuses it, as the row says. test_fake_hma.py holds it against the fake and a real HMA, and
test_banks.py against the agent.

source: OpenMediaMatch 1.1: blueprints/curation.py, blueprints/matching.py, blueprints/ui.py.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired

import httpx
from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict


@with_config(extra="forbid", strict=True)
class Message(TypedDict):
    message: Annotated[str, Field(min_length=1)]


@with_config(extra="forbid", strict=True)
class Bank(TypedDict):
    name: Annotated[str, Field(pattern="^[A-Z0-9_]+$")]
    matching_enabled_ratio: Annotated[float, Field(ge=0, le=1)]


@with_config(extra="allow", strict=True)
class Content(TypedDict):
    id: int
    disable_until_ts: int
    original_media_uri: str | None
    bank: Bank
    note: NotRequired[str | None]
    signals: NotRequired[dict[str, str]]


@with_config(extra="allow", strict=True)
class Added(TypedDict):
    id: int
    signals: dict[str, str]


@with_config(extra="forbid", strict=True)
class Deleted(TypedDict):
    deleted: int


@with_config(extra="allow", strict=True)
class Exchange(TypedDict):
    name: str
    api: str
    enabled: bool


@with_config(extra="forbid", strict=True)
class ExchangeApi(TypedDict):
    supports_authentification: bool
    has_set_authentification: bool


class Fields(TypedDict):
    fields: list[dict[str, Any]]


@with_config(extra="forbid", strict=True)
class ExchangeSchema(TypedDict):
    config_schema: Fields
    credentials_schema: Fields | None


@with_config(extra="forbid", strict=True)
class FetchStatus(TypedDict):
    checkpoint_ts: int | None
    running_fetch_start_ts: int | None
    last_fetch_succeeded: bool | None
    last_fetch_complete_ts: int | None
    up_to_date: bool
    fetched_items: int


@with_config(extra="forbid", strict=True)
class SignalType(TypedDict):
    name: str
    enabled_ratio: float


@with_config(extra="forbid", strict=True)
class ContentType(TypedDict):
    name: str
    enabled: bool


@with_config(extra="forbid", strict=True)
class Index(TypedDict):
    db_size: int
    index_size: int
    index_out_of_date: bool
    newest_db_item: int
    index_built_to: int


@with_config(extra="forbid", strict=True)
class Matchers(TypedDict):
    present: bool
    built_to: int
    size: int


@with_config(extra="forbid", strict=True)
class Found(TypedDict):
    bank_name: str
    content_ids: list[int]
    matches: list[dict[str, Any]]


@dataclass(frozen=True)
class Row:
    """A route. path: with {bank}, {content}, {api} to fill in. sent: its JSON body.

    agent: what the agent does with it: answers as HMA does, or refuses with 403 and a message;
    "own": answers for own banks, and refuses for those that the hub fills.
    """

    method: str
    path: str
    shape: Any
    sent: dict[str, Any] | None = None
    agent: Literal["answers", "own", "refuses"] = "answers"

    @property
    def id(self) -> str:
        return f"{self.method} {self.path}"

    def check(self, body: bytes) -> None:
        """raises: pydantic.ValidationError for a body of another shape."""
        TypeAdapter(self.shape).validate_json(body)


HASH = "0f1e2d3c4b5a6978" * 4
BANK, CONTENT = "/c/bank/{bank}", "/c/bank/{bank}/content/{content}"
API, EXCHANGE = "/c/exchanges/api/{api}", "/c/exchange/{bank}"

ROUTES = (
    Row("GET", "/c/banks", list[Bank]),
    Row("GET", BANK, Bank),
    Row("PUT", BANK, Bank, {"enabled_ratio": 0.5}, agent="own"),
    Row("GET", CONTENT, Content),
    Row("PUT", CONTENT, Content, {"disable_until_ts": 1}, agent="own"),
    Row("POST", "/c/bank/{bank}/content", Added, agent="own"),
    Row("POST", "/c/bank/{bank}/signal", Added, {"pdq": HASH}, agent="own"),
    Row(
        "POST",
        "/ui/bank/{bank}/content/find",
        Found,
        {"signal_type": "pdq", "signal_value": HASH},
    ),
    Row("GET", "/c/exchanges", list[str]),
    Row("GET", "/c/exchanges/apis", list[str]),
    Row("GET", API, ExchangeApi),
    Row("POST", API, ExchangeApi, {"credential_json": {"key": "k"}}, agent="refuses"),
    Row("GET", f"{API}/schema", ExchangeSchema),
    Row("GET", EXCHANGE, Exchange),
    Row("GET", f"{EXCHANGE}/status", FetchStatus),
    Row("PUT", EXCHANGE, Exchange, {"enabled": False}, agent="refuses"),
    Row("DELETE", EXCHANGE, Message, agent="refuses"),
    Row("GET", "/c/signal_type", list[SignalType]),
    Row("GET", "/c/signal_type/index", dict[str, Index]),
    Row("GET", "/c/content_type", list[ContentType]),
    Row("GET", "/m/index/status", dict[str, Matchers]),
    Row("DELETE", CONTENT, Deleted, agent="own"),
    Row("DELETE", BANK, Message, agent="own"),
)
"""In an order in which each can be asked: what deletes comes last."""

CREATING = (
    Row("POST", "/c/banks", Bank, {"name": "{bank}", "enabled_ratio": "1"}),
    Row("POST", "/c/exchanges", Message, {"bank": "{bank}", "api": "{api}", "api_json": {}}),
)
"""What makes a bank, and what feeds it: 201 at both. The agent lets the hub feed no own bank."""


def ask(http: httpx.Client, row: Row, **values: object) -> httpx.Response:
    """Ask a route, its blanks filled in with values."""
    path = row.path.format_map(values)
    if row.path.endswith("/content") and row.method == "POST":
        return http.post(path, files={"video": ("a.mp4", b"no video")})
    sent = row.sent and {
        name: value.format_map(values) if isinstance(value, str) else value
        for name, value in row.sent.items()
    }
    return http.request(row.method, path, json=sent)


def named(routes) -> set[tuple[str, str]]:
    """Return method and path of those of some routes that the table is about."""
    each = {
        (method, route.path.replace(":int", ""))
        for route in routes
        for method in route.methods - {"HEAD"}
    }
    return {
        (method, path)
        for method, path in each
        if path.startswith(("/c/", "/ui/", "/m/index")) and "{rest:path}" not in path
    }


def known() -> set[tuple[str, str]]:
    """Return method and path of every row."""
    return {(row.method, row.path) for row in (*CREATING, *ROUTES)}
