# SPDX-License-Identifier: Apache-2.0
"""HMA-compatible operations in the agent's OpenAPI document."""

from typing import Any, NotRequired

from typing_extensions import TypedDict

from stemtide.agent.http.hma.banks import CONTENT_TYPES, EXCHANGE
from stemtide.agent.http.hma.contents import MAX_NOTE
from stemtide.agent.http.hma.shapes import DISABLED, ENABLED, SIGNAL_TYPES
from stemtide.agent.http.openapi.operation import BYTES, Operation, Parameter, in_path, one_of, text
from stemtide.agent.recognise.own_banks import MAX_NAME

_URL = Parameter("url", text(), "The URL of the content.")
_CONTENT_TYPE = Parameter("content_type", one_of(*CONTENT_TYPES), "The type of the content.")
_SIGNAL_TYPE = Parameter("signal_type", one_of(*SIGNAL_TYPES), "The type of the signal.")
_TYPES = Parameter("types", text(), "Signal types to return, separated by commas.")
_SIGNAL = Parameter("signal", text(), "The value of the signal.")
_BANKS = Parameter("banks", text(), "Only these banks, separated by commas.")
_BANK_NAME = text(pattern="^[A-Z0-9_]+$", most=MAX_NAME)
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_RATIO = {"anyOf": [_SHARE, text(pattern="^(0|1|0\\.[0-9]{1,9})$")]}
_BANK = in_path(
    "bank",
    text(pattern="^[A-Z0-9_]+$") | {"examples": ["STEMTIDE_BLOCK"]},
    "The name of a bank, as /c/banks lists it.",
)
_CONTENT = in_path("content", {"type": "integer", "minimum": 0}, "The content id.")
_API = in_path("api", one_of(EXCHANGE), "The type of exchange: the hub.")
_FORM = {
    "multipart/form-data": {
        "type": "object",
        "properties": dict.fromkeys(CONTENT_TYPES, BYTES),
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    }
}
_CONTENT_ERRORS = (400, 413, 503)


class Bank(TypedDict):
    """A bank."""

    name: str
    matching_enabled_ratio: float


class Content(TypedDict):
    """A content of a bank: a signal."""

    id: int
    disable_until_ts: int
    original_media_uri: str | None
    bank: Bank
    note: str
    signals: NotRequired[dict[str, str]]


class ContentAdded(TypedDict):
    """A content that was added, with its hashes."""

    id: int
    signals: dict[str, str]


class ContentsDeleted(TypedDict):
    """How many contents were deleted."""

    deleted: int


class ContentMatch(TypedDict):
    """A matching content, and the signal that it matches."""

    signal_type: str
    signal_value: str
    content_id: int
    distance: str


class ContentsFound(TypedDict):
    """Contents of a bank that match."""

    bank_name: str
    content_ids: list[int]
    matches: list[ContentMatch]


class Done(TypedDict):
    """Confirmation that something was created."""

    message: str


class Exchange(TypedDict):
    """The exchange that feeds a bank."""

    name: str
    api: str
    enabled: bool


class ExchangeStatus(TypedDict):
    """State of an exchange."""

    checkpoint_ts: int | None
    running_fetch_start_ts: int | None
    last_fetch_succeeded: bool
    last_fetch_complete_ts: int | None
    up_to_date: bool
    fetched_items: int


class ExchangeApi(TypedDict):
    """Whether an exchange type has credentials."""

    supports_authentification: bool
    has_set_authentification: bool


class HmaSignalType(TypedDict):
    """A signal type."""

    name: str
    enabled_ratio: float


class ContentType(TypedDict):
    """A content type."""

    name: str
    enabled: bool


class SignalIndex(TypedDict):
    """Number of signals of a type that match."""

    db_size: int
    index_size: int
    index_out_of_date: bool
    newest_db_item: int
    index_built_to: int


class IndexStatus(TypedDict):
    """The same counts, in the format of HMA's matchers."""

    present: bool
    built_to: int
    size: int


def _map(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": schema}


def _object(required: tuple[str, ...], **properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": [*required], "properties": properties}


def _get(path: str, name: str, summary: str, answer: Any, **other: Any) -> Operation:  # noqa: ANN401 - as Operation
    return Operation("GET", path, name, summary, answer, is_hma=True, **other)


def _post(path: str, name: str, summary: str, answer: Any, **other: Any) -> Operation:  # noqa: ANN401 - as Operation
    return Operation("POST", path, name, summary, answer, is_hma=True, **other)


HMA = (
    _get(
        "/h/hash",
        "hash_address",
        "Return hashes of the content at a URL.",
        _map(text()),
        parameters=(_URL, _CONTENT_TYPE, _TYPES),
        errors=_CONTENT_ERRORS,
    ),
    _post(
        "/h/hash",
        "hash_file",
        "Return hashes of a file.",
        _map(text()),
        parameters=(_TYPES,),
        bodies=_FORM,
        errors=_CONTENT_ERRORS,
    ),
    _get(
        "/m/lookup",
        "look_up",
        "Return the banks that match a signal, or the content at a URL by signal type.",
        _map({}),
        parameters=(_SIGNAL_TYPE, _SIGNAL, _URL, _CONTENT_TYPE, _TYPES, _BANKS),
        errors=_CONTENT_ERRORS,
    ),
    _post(
        "/m/lookup",
        "look_up_file",
        "Return the banks that match a file, by signal type.",
        _map(_map({"type": "array"})),
        parameters=(_TYPES, _BANKS),
        bodies=_FORM,
        errors=_CONTENT_ERRORS,
    ),
    _get(
        "/m/raw_lookup",
        "look_up_raw",
        "Return the content ids of all matches.",
        _object(("matches",), matches={"type": "array"}),
        parameters=(
            _SIGNAL_TYPE,
            _SIGNAL,
            _BANKS,
            Parameter("include_distance", text(), "true to include distances."),
        ),
        errors=_CONTENT_ERRORS,
    ),
    _post(
        "/m/compare",
        "compare_hashes",
        "Return whether two hashes match, and their distance.",
        _map({"type": "array"}),
        bodies={
            "application/json": {
                "type": "object",
                "properties": {
                    name: {"type": "array", "items": text(), "minItems": 2, "maxItems": 2}
                    for name in SIGNAL_TYPES
                },
                "additionalProperties": False,
            }
        },
        errors=(400, 413),
    ),
    _get(
        "/m/index/status",
        "read_index_status",
        "Return the state of the index.",
        dict[str, IndexStatus],
        parameters=(_SIGNAL_TYPE,),
        errors=(400,),
    ),
    _get("/c/banks", "list_banks", "List the banks.", list[Bank]),
    _post(
        "/c/banks",
        "make_bank",
        "Create an own bank, or accept the one that the settings name.",
        Bank,
        bodies={
            "application/json": _object(
                ("name",), name=_BANK_NAME, enabled_ratio=_RATIO, enabled={"type": "boolean"}
            )
        },
        status=201,
        errors=(400, 413),
    ),
    _get("/c/bank/{bank}", "read_bank", "Return a bank.", Bank, parameters=(_BANK,)),
    Operation(
        "PUT",
        "/c/bank/{bank}",
        "change_bank",
        "Change the ratio of an own bank.",
        Bank,
        parameters=(_BANK,),
        bodies={"application/json": _object((), enabled_ratio=_RATIO, enabled={"type": "boolean"})},
        errors=(400, 413),
        is_hma=True,
    ),
    Operation(
        "DELETE",
        "/c/bank/{bank}",
        "delete_bank",
        "Delete an own bank with its contents.",
        Done,
        parameters=(_BANK,),
        is_hma=True,
    ),
    _post(
        "/c/bank/{bank}/signal",
        "add_signals",
        "Add a content to an own bank by its hashes.",
        ContentAdded,
        parameters=(_BANK,),
        bodies={
            "application/json": _object(
                (), **dict.fromkeys(SIGNAL_TYPES, text(least=1)), note=text(most=MAX_NOTE)
            )
            | {"minProperties": 1}
        },
        errors=(400, 413),
    ),
    _post(
        "/c/bank/{bank}/content",
        "add_content",
        "Add a content to an own bank by a file, or by the URL of one.",
        ContentAdded,
        parameters=(_BANK, _URL, _CONTENT_TYPE),
        bodies=_FORM | {"application/json": _object((), note=text(most=MAX_NOTE))},
        is_body_needed=False,
        errors=(400, 413),
    ),
    _get(
        "/c/bank/{bank}/content/{content}",
        "read_content",
        "Return the signal or the own item with a content id.",
        Content,
        parameters=(
            _BANK,
            _CONTENT,
            Parameter("include_signals", text(), "true to include its value."),
        ),
        errors=(404, 503),
    ),
    Operation(
        "PUT",
        "/c/bank/{bank}/content/{content}",
        "switch_content",
        "Switch a content of an own bank off (0) or on (1).",
        Content,
        parameters=(_BANK, _CONTENT),
        bodies={
            "application/json": _object(
                (), disable_until_ts={"type": "integer", "enum": [DISABLED, ENABLED]}
            )
        },
        errors=(400, 404, 413),
        is_hma=True,
    ),
    Operation(
        "DELETE",
        "/c/bank/{bank}/content/{content}",
        "delete_content",
        "Take a content out of an own bank.",
        ContentsDeleted,
        parameters=(_BANK, _CONTENT),
        is_hma=True,
    ),
    _post(
        "/ui/bank/{bank}/content/find",
        "find_content",
        "Return the content ids that match in a bank.",
        ContentsFound,
        parameters=(_BANK,),
        bodies={
            "application/json": _object(
                (),
                url=text(),
                content_type=text(),
                signal_type=one_of(*SIGNAL_TYPES),
                signal_value=text(),
            )
        },
        errors=_CONTENT_ERRORS,
    ),
    _get("/c/exchanges", "list_exchanges", "List the exchanges that feed the banks.", list[str]),
    _post(
        "/c/exchanges",
        "make_exchange",
        "Let the hub feed the bank that the settings name.",
        Done,
        bodies={
            "application/json": _object(
                ("bank", "api"), bank=text(least=1), api=one_of(EXCHANGE), api_json={}
            )
        },
        status=201,
        errors=(400, 413),
    ),
    _get("/c/exchanges/apis", "list_exchange_apis", "List the exchange types.", list[str]),
    _get(
        "/c/exchanges/api/{api}",
        "read_exchange_api",
        "Return whether an exchange type has its credentials.",
        ExchangeApi,
        parameters=(_API,),
        errors=(400,),
    ),
    _get(
        "/c/exchanges/api/{api}/schema",
        "read_exchange_schema",
        "Return the form fields of an exchange type.",
        {"type": "object", "required": ["config_schema", "credentials_schema"]},
        parameters=(_API,),
        errors=(400,),
    ),
    _get(
        "/c/exchange/{bank}",
        "read_exchange",
        "Return the exchange that feeds a bank.",
        Exchange,
        parameters=(_BANK,),
        errors=(404,),
    ),
    _get(
        "/c/exchange/{bank}/status",
        "read_exchange_status",
        "Return the state of the sync with the hub.",
        ExchangeStatus,
        parameters=(_BANK,),
        errors=(404,),
    ),
    _get("/c/signal_type", "list_signal_types", "List the signal types.", list[HmaSignalType]),
    _get(
        "/c/signal_type/index",
        "read_signal_index",
        "Return how many signals of each type can match.",
        dict[str, SignalIndex],
        parameters=(_SIGNAL_TYPE,),
        errors=(400,),
    ),
    _get("/c/content_type", "list_content_types", "List the content types.", list[ContentType]),
    _get(
        "/status",
        "read_status",
        "Return whether there are signals to match against.",
        text(),
        media_type="text/plain",
        is_open=True,
        errors=(503,),
    ),
)
"""The HMA-compatible operations."""
