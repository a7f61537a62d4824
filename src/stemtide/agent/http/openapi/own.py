# SPDX-License-Identifier: Apache-2.0
"""The agent's own operations in its OpenAPI document."""

from typing import Any, Literal, NotRequired
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from stemtide.agent.http.companion import MatchesIn, RebuildIn
from stemtide.agent.http.hash_requests import BINARY, BINARY_ANSWER
from stemtide.agent.http.journal import CatalogueDecisions, CatalogueMatchesIn, JournalOut
from stemtide.agent.http.log import AcceptedHeadIn, LogOut
from stemtide.agent.http.match_requests import ItemsIn
from stemtide.agent.http.openapi.operation import BYTES, Operation, Parameter, in_path, one_of, text
from stemtide.agent.http.own_banks import (
    BankChangeIn,
    BankIn,
    OwnBank,
    OwnBankList,
    OwnItem,
    OwnItemPage,
)
from stemtide.agent.http.own_list import OwnEntry, OwnList
from stemtide.agent.http.signals.runaways import LocalRunawayOut, RunawayList
from stemtide.agent.http.signals.switched_off import SwitchedOff, SwitchedOffList, SwitchOffIn
from stemtide.agent.journal.entries import CATALOGUE_NAME
from stemtide.agent.live.streams import LiveOut
from stemtide.agent.recognise.answers import Answer, ShadowOut
from stemtide.agent.recognise.own_banks import MAX_NAME, BankItemIn
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import Action
from stemtide.protocol.sync.allowlists import MAX_LIST, AllowEntryIn

_HEX_64 = text(pattern="^[0-9a-fA-F]{64}$")
_YES_NO = one_of("0", "1")
_BITS = {"type": "integer", "minimum": 0, "maximum": 64}
_REF = text(least=1, most=200)
_HASHES = {
    Kind.PDQ: _HEX_64,
    Kind.SHA256: _HEX_64,
    Kind.MD5: text(pattern="^[0-9a-fA-F]{32}$"),
    Kind.URL: _HEX_64,
}
_WITHIN = Parameter("within_bits", _BITS, "PDQ only: the distance for signals that do not set one.")
_DECIDE = Parameter("decide", _YES_NO, "1 to decide by your policy as well.")
_LOOK = Parameter("look", _YES_NO, "1 to decide without acting.")
_OBJECT: dict[str, Any] = {"type": "object"}
_SIGNAL = in_path("signal", text(least=1, most=100), "The signal's id.")
_RELEASE = Parameter("release", _YES_NO, "1 to release what own items alone hold or block.")
_OWN_BANK = in_path("bank", text(pattern="^[A-Z0-9_]+$", most=MAX_NAME), "The name of the bank.")


class AsOf(TypedDict):
    """Version of the signals that a response is based on."""

    position: int
    stale_s: float | None
    ready: bool


class Items(TypedDict):
    """Answers, in the order of the request."""

    items: list[Answer]


class HashMatch(TypedDict):
    """A signal that a hash matches."""

    signal: UUID
    distance_bits: int
    exercise: bool
    disputed: bool
    action: NotRequired[Action]
    rule: NotRequired[str]
    missing: NotRequired[str | None]


class HashDecision(TypedDict):
    """A decision about content with a hash."""

    action: Action
    exercise: bool
    signal: UUID
    rule: str
    why: str
    missing: str | None
    shadow: list[ShadowOut]


class HashMatches(TypedDict):
    """Matches of one hash, nearest first."""

    matches: list[HashMatch]
    more: NotRequired[int]
    decision: NotRequired[HashDecision | None]


class HashFound(HashMatches):
    """Matches of one of many hashes. hash: its index in the request."""

    hash: int


class HashesFound(TypedDict):
    """Matches of many hashes."""

    hashes: int
    matched: list[HashFound]


class Digests(TypedDict):
    """Digests of URLs."""

    digests: list[str]


class Stream(TypedDict):
    """An open stream."""

    stream: str
    ref: str


class Streams(TypedDict):
    """All open streams, and the maximum number of them."""

    streams: list[Stream]
    most: int


class Retried(TypedDict):
    """How many of each are queued again."""

    deliveries: int
    outcome_rows: int
    statements: int


class HashesIn(BaseModel):
    """JSON body of POST /match/hashes. hashes: in hex, of the length of their kind."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["pdq", "sha256", "md5", "url"]
    hashes: list[str] = Field(min_length=1)
    within_bits: int | None = Field(default=None, ge=0, le=64)
    decide: bool = False


_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "array", "items": BYTES, "minItems": 1},
        "ref": {"type": "array", "items": _REF},
    },
}
_STREAM = in_path(
    "stream", text(pattern="^[A-Za-z0-9._~:-]{1,100}$"), "Your name for the stream, such as tv."
)
_CHUNK = {"video/*": BYTES, "audio/*": BYTES, "application/octet-stream": BYTES}
_STREAM_REF = Parameter("ref", _REF, "Your own id for the stream.")

OWN = (
    Operation(
        "POST",
        "/match",
        "match_content",
        "Recognise content, decide about it and act on the decision.",
        (Items, AsOf),
        parameters=(
            _LOOK,
            Parameter("ref", _REF, "Your own id for the file in the body."),
        ),
        bodies={
            "application/json": ItemsIn,
            "multipart/form-data": _FORM,
            "application/octet-stream": BYTES,
            "image/*": BYTES,
        },
        errors=(400, 413, 415, 422, 503),
    ),
    Operation(
        "GET",
        "/match/hash",
        "match_hash",
        "Look up one hash: exactly one of pdq, sha256, md5 and url.",
        (HashMatches, AsOf),
        parameters=(
            *(Parameter(kind, schema, "In hex.") for kind, schema in _HASHES.items()),
            _WITHIN,
            _DECIDE,
        ),
        errors=(422, 503),
    ),
    Operation(
        "POST",
        "/match/hashes",
        "match_hashes",
        "Look up many hashes of one kind. The parameters are for the binary body only.",
        (HashesFound, AsOf),
        parameters=(
            Parameter("kind", one_of(*_HASHES), "The kind of all hashes."),
            _WITHIN,
            _DECIDE,
        ),
        bodies={"application/json": HashesIn, BINARY: BYTES},
        others={BINARY_ANSWER: BYTES},
        errors=(400, 413, 415, 422, 503),
    ),
    Operation(
        "GET",
        "/match/urls",
        "match_urls",
        "Look up a URL without disclosing it: list the known digests with these prefixes.",
        (Digests, AsOf),
        parameters=(
            Parameter(
                "prefix",
                {
                    "type": "array",
                    "items": text(pattern="^[0-9a-fA-F]{8}$"),
                    "minItems": 1,
                    "maxItems": 26,
                },
                "The first 8 hex digits of each digest.",
                is_required=True,
            ),
        ),
        errors=(422,),
    ),
    Operation(
        "GET",
        "/live",
        "list_streams",
        "List the open streams.",
        Streams,
        errors=(422,),
    ),
    Operation(
        "POST",
        "/live/{stream}",
        "take_chunk",
        "Process a segment of a stream; return the known content that is on.",
        (LiveOut, AsOf),
        parameters=(
            _STREAM,
            Parameter(
                "seq",
                {"type": "integer", "minimum": 0, "maximum": 2**53},
                "The number of the segment.",
            ),
            _STREAM_REF,
            _LOOK,
        ),
        bodies=_CHUNK,
        errors=(400, 409, 413, 415, 422, 429, 503),
    ),
    Operation(
        "GET",
        "/live/{stream}",
        "read_stream",
        "Return the matches of a stream so far.",
        (LiveOut, AsOf),
        parameters=(_STREAM,),
        errors=(404, 422),
    ),
    Operation(
        "DELETE",
        "/live/{stream}",
        "end_stream",
        "End a stream; return its matches.",
        (LiveOut, AsOf),
        parameters=(_STREAM,),
        errors=(404, 422),
    ),
    Operation(
        "PUT",
        "/live/{stream}/init",
        "begin_stream",
        "Store the initialisation segment that later segments need.",
        None,
        parameters=(_STREAM, _STREAM_REF),
        bodies=_CHUNK,
        status=204,
        errors=(400, 413, 415, 422, 429, 503),
    ),
    Operation(
        "GET",
        "/companion",
        "read_companion",
        "Return the state of your own HMA, if the agent fills one.",
        _OBJECT,
        errors=(404,),
    ),
    Operation(
        "POST",
        "/companion/rebuild",
        "rebuild_companion",
        "Compare your HMA with the agent's records, or refill it.",
        _OBJECT,
        bodies={"application/json": RebuildIn},
        is_body_needed=False,
        status=202,
        errors=(404, 413, 422),
    ),
    Operation(
        "POST",
        "/companion/matches",
        "take_matches",
        "Decide about content by the matches of your HMA, and act.",
        (Items, AsOf),
        bodies={"application/json": MatchesIn},
        errors=(404, 413, 422, 503),
    ),
    Operation(
        "GET",
        "/allowlist",
        "list_own_allow_entries",
        "List the agent's own allow-list.",
        OwnList,
    ),
    Operation(
        "POST",
        "/allowlist",
        "add_own_allow_entry",
        "Add an entry; earlier actions on what it covers become log.",
        OwnEntry,
        bodies={"application/json": AllowEntryIn},
        status=201,
        errors=(413, 422),
    ),
    Operation(
        "DELETE",
        "/allowlist/{entry}",
        "remove_own_allow_entry",
        "Remove one of the agent's own entries.",
        None,
        parameters=(in_path("entry", text(least=1, most=100), "The entry's id."),),
        status=204,
        errors=(404,),
    ),
    Operation("GET", "/banks", "list_own_banks", "List your own banks.", OwnBankList),
    Operation(
        "POST",
        "/banks",
        "create_own_bank",
        "Create a bank of your own, with the action that its matches lead to.",
        OwnBank,
        bodies={"application/json": BankIn},
        status=201,
        errors=(413, 422),
    ),
    Operation(
        "PATCH",
        "/banks/{bank}",
        "change_own_bank",
        "Change the action, the ratio or the description of a bank.",
        OwnBank,
        parameters=(_OWN_BANK,),
        bodies={"application/json": BankChangeIn},
        errors=(404, 413, 422),
    ),
    Operation(
        "DELETE",
        "/banks/{bank}",
        "delete_own_bank",
        "Delete a bank with its items; it can be put back for keep_days.",
        None,
        parameters=(_OWN_BANK, _RELEASE),
        status=204,
        errors=(404, 422),
    ),
    Operation(
        "POST",
        "/banks/{bank}/restore",
        "restore_own_bank",
        "Put a deleted bank back with its items.",
        OwnBank,
        parameters=(_OWN_BANK,),
        errors=(404,),
    ),
    Operation(
        "GET",
        "/banks/{bank}/items",
        "list_own_items",
        "List or search the items of a bank, the newest first.",
        OwnItemPage,
        parameters=(
            _OWN_BANK,
            Parameter("search", text(most=300), "Words, a fingerprint or an address."),
            Parameter("page", {"type": "integer", "minimum": 1, "maximum": MAX_LIST}, "The page."),
        ),
        errors=(404, 422),
    ),
    Operation(
        "POST",
        "/banks/{bank}/items",
        "add_own_item",
        "Add an item to a bank, in place of one with the same value.",
        OwnItem,
        parameters=(_OWN_BANK,),
        bodies={"application/json": BankItemIn},
        status=201,
        errors=(404, 413, 422),
    ),
    Operation(
        "DELETE",
        "/banks/{bank}/items/{item}",
        "remove_own_item",
        "Take an item out of a bank; it can be put back for keep_days.",
        None,
        parameters=(
            _OWN_BANK,
            in_path("item", text(least=1, most=100), "The item's id."),
            _RELEASE,
        ),
        status=204,
        errors=(404, 422),
    ),
    Operation(
        "GET",
        "/log",
        "read_log",
        "Retrieve what this agent checked of the hub's transparency log.",
        LogOut,
    ),
    Operation(
        "POST",
        "/log/accept",
        "accept_log_head",
        "Go on from the head of an alarm, after a person has compared both heads.",
        LogOut,
        bodies={"application/json": AcceptedHeadIn},
        errors=(413, 422),
    ),
    Operation(
        "POST",
        "/log/settle",
        "settle_log_proofs",
        "End the alarm about proofs, after a person has looked into it.",
        LogOut,
    ),
    Operation(
        "GET",
        "/switched-off",
        "list_switched_off",
        "List the signals that are switched off at this agent alone.",
        SwitchedOffList,
    ),
    Operation(
        "PUT",
        "/switched-off/{signal}",
        "switch_off_signal",
        "Switch a signal off at this agent alone; its matches then only log.",
        SwitchedOff,
        parameters=(_SIGNAL,),
        bodies={"application/json": SwitchOffIn},
        errors=(404, 413, 422),
    ),
    Operation(
        "DELETE",
        "/switched-off/{signal}",
        "switch_on_signal",
        "Switch a signal on again, for new uploads.",
        None,
        parameters=(_SIGNAL,),
        status=204,
        errors=(404,),
    ),
    Operation(
        "GET",
        "/runaways",
        "list_runaways",
        "List the signals that match far more uploads than is plausible.",
        RunawayList,
    ),
    Operation(
        "POST",
        "/runaways/{signal}/lift",
        "lift_runaway",
        "Follow the policy for a signal again.",
        LocalRunawayOut,
        parameters=(_SIGNAL,),
        errors=(404,),
    ),
    Operation(
        "DELETE",
        "/runaways/{signal}/lift",
        "watch_runaway",
        "Watch a signal again that was lifted: it may be lowered from now on.",
        None,
        parameters=(_SIGNAL,),
        status=204,
        errors=(404,),
    ),
    Operation(
        "GET",
        "/journal",
        "read_journal",
        "Return the size of the upload journal.",
        JournalOut,
    ),
    Operation(
        "DELETE",
        "/journal/{ref}",
        "erase_from_journal",
        "Erase what the upload journal has of an upload.",
        None,
        parameters=(in_path("ref", _REF, "Your own id of the upload."),),
        status=204,
        errors=(404,),
    ),
    Operation(
        "POST",
        "/catalogues/{name}/matches",
        "act_on_catalogue",
        "Decide about stored content that a scan found, and act as about an upload.",
        CatalogueDecisions,
        parameters=(in_path("name", text(pattern=CATALOGUE_NAME), "The name of the catalogue."),),
        bodies={"application/json": CatalogueMatchesIn},
        errors=(413, 422, 503),
    ),
    Operation(
        "GET",
        "/health",
        "read_health",
        "Return the agent's health; 503 while it is not healthy.",
        _OBJECT,
        parameters=(
            Parameter("ready", text(), "503 only while it has no signals."),
            Parameter("live", text(), "Never 503. Wins over ready."),
        ),
        errors=(503,),
        is_open=True,
    ),
    Operation(
        "GET",
        "/metrics",
        "read_metrics",
        "Return metrics for Prometheus.",
        text(),
        media_type="text/plain",
    ),
    Operation(
        "POST",
        "/deliveries/retry",
        "retry_deliveries",
        "Queue dead deliveries and rejected reports again.",
        Retried,
    ),
    Operation(
        "GET",
        "/openapi.json",
        "read_openapi",
        "Return this document.",
        _OBJECT,
    ),
)
"""The agent's own operations."""
