# SPDX-License-Identifier: Apache-2.0
"""/stopncii/v1: fetch, submit and feedback as StopNCII's clients (tx, HMA, Coop) use them.

Every request has two keys, as those clients send them: x-functions-key needs the endpoint's scope,
Ocp-Apim-Subscription-Key is any key of the same party. They may be the same.
"""

import re
from collections.abc import Callable, Sequence
from functools import wraps
from typing import NamedTuple, TypeVar

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe
from pydantic import BaseModel, ValidationError

from stemtide.hub.api import problems
from stemtide.hub.api.app import answer_to
from stemtide.hub.api.auth import authenticate_key, check_scope, now
from stemtide.hub.api.bodies import JSON, answer, check_content_type, read_json
from stemtide.hub.api.bulks import bulk_slot
from stemtide.hub.api.problems import ProblemError
from stemtide.hub.platform.errors import InvalidError, NotFoundError
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.signals.reads import records
from stemtide.hub.rooms.signals.reads.records import PagePosition
from stemtide.hub.rooms.signals.rules import checks
from stemtide.hub.rooms.signals.rules.signals import BulkRefusedError
from stemtide.hub.rooms.signals.writes import signals as writes
from stemtide.interop.stopncii import canary
from stemtide.interop.stopncii.records import (
    FIRST_START_S,
    MAX_RECORDS,
    OPINION_OF,
    WITHDRAWALS,
    AcceptedOut,
    FeedbacksIn,
    PageOut,
    RecordIn,
    RecordsIn,
    SubmittedOut,
    UnknownTypeError,
    ValueFeedbackIn,
    signal_of,
)
from stemtide.protocol.enums import Opinion, Scope, WithdrawReason
from stemtide.protocol.messages.signals import OpinionIn, RowError, SignalIn, WithdrawIn
from stemtide.protocol.problems import ProblemType

NEEDS_KEYS = (
    "send API keys of your party as x-functions-key and as Ocp-Apim-Subscription-Key (the same key"
    " may serve as both); whoever runs the hub makes them"
)
USUAL_PAGE = 800
_MAX_NUMBER = 253_402_300_000
"""End of the year 9999 in seconds, the maximum of numbers in a query."""

_NUMBER = re.compile(r"\d{1,13}", re.ASCII)
_TOKEN = re.compile(r"(\d{1,19})-(\d{1,19})-(\d{1,19})", re.ASCII)
_View = Callable[[HttpRequest], HttpResponse]
_Message = TypeVar("_Message", bound=BaseModel)


def _door(view: _View) -> _View:
    """Wrap a view for programs: no CSRF check, and errors as problem documents."""

    @csrf_exempt
    @wraps(view)
    def opened(request: HttpRequest) -> HttpResponse:
        try:
            return view(request)
        except Exception as error:  # noqa: BLE001  # the one table knows what each of them says
            return answer_to(request, error)

    return opened


@_door
@require_safe
def fetch(request: HttpRequest) -> HttpResponse:
    """FetchHashes: return records changed since startTimestamp, page by page."""
    caller = _authenticate(request, Scope.FEED_READ)
    since_s = _query_number(request, "startTimestamp", usual=FIRST_START_S)
    size = _query_number(request, "pageSize", usual=USUAL_PAGE)
    after = _parse_page_token(request.GET.get("nextPageToken", ""))
    limit = max(1, min(size, MAX_RECORDS))
    page = records.records(since_s, viewer=caller.party, limit=limit, after=after)
    return answer(
        PageOut(
            count=len(page.records),
            nextPageToken="-".join(map(str, page.place)) if page.place else None,
            nextSetTimestamp=page.next_s,
            hasMoreRecords=page.place is not None,
            hashRecords=page.records,
        )
    )


@_door
@require_POST
def submit(request: HttpRequest) -> HttpResponse:
    """SubmitHashes: share all hashes or none, leaving out unsupported signal types.

    The library's signal types include some that no hub compares (Text, VideoTMK), and it sends
    them in one message with the others. A message of nothing else is refused.
    """
    caller = _authenticate(request, Scope.SIGNALS_WRITE)
    with bulk_slot(request, caller) as turn:
        rows = _rows(_read(RecordsIn, request).hashRecords)
        places = [place for place, row in enumerate(rows.bodies) if place not in rows.untaken]
        if not places:
            raise problems.refused_bulk(BulkRefusedError([*rows.untaken.values()]), is_routed=False)
        bodies = [rows.bodies[place] for place in places]
        ready = checks.read(bodies, now=now())
        try:
            shared = writes.share_parsed(
                ready, by=caller.party, now=now(), actor_ref=caller.ref, turn=turn
            )
        except BulkRefusedError as error:
            errors = [
                row_error.model_copy(update={"row": places[row_error.row]})
                for row_error in error.errors
            ]
            refused = BulkRefusedError(errors)
            raise problems.refused_bulk(refused, is_routed=rows.is_routed) from error
    signals = {
        place: str(signal.id)
        for place, signal in zip(places, shared.signals, strict=True)
        if signal
    }
    return answer(
        SubmittedOut(
            count=len(bodies),
            created=shared.created,
            existing=shared.existing,
            waiting=shared.waiting,
            refused=len(rows.untaken),
            signals=[signals.get(place) for place in range(len(rows.bodies))],
            errors=[*rows.untaken.values()],
        )
    )


@_door
@require_POST
def feedback(request: HttpRequest) -> HttpResponse:
    """SubmitFeedback: give your party's opinion of values, or withdraw its own signals."""
    caller = _authenticate(request, Scope.FEEDBACK_WRITE)
    feedbacks = _read(FeedbacksIn, request).hashFeedbacks
    if any(item.feedbackValue in WITHDRAWALS for item in feedbacks):
        check_scope(caller, Scope.SIGNALS_WRITE)
    unknown = [item.hashValue for item in feedbacks if not _apply_feedback(item, caller=caller)]
    if len(unknown) == len(feedbacks):
        raise NotFoundError(
            "no live signal has any of these values, or your party may not see it; you can "
            "withdraw only your own signals"
        )
    return answer(AcceptedOut(count=len(feedbacks) - len(unknown), unknown=unknown))


@require_safe
def canary_picture(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  # every view takes one
    """Return the canary's picture. It is public, so no key is needed."""
    return HttpResponse(canary.picture(), content_type="image/png")


urlpatterns = [
    path("FetchHashes", fetch, name="stopncii-fetch"),
    path("SubmitHashes", submit, name="stopncii-submit"),
    path("SubmitFeedback", feedback, name="stopncii-feedback"),
    path("canary.png", canary_picture, name="stopncii-canary"),
]


def _authenticate(request: HttpRequest, scope: Scope) -> Caller:
    """Authenticate both keys. raises: ProblemError if one is missing, UnknownKeyError."""
    keys = [request.headers.get(name) for name in ("x-functions-key", "Ocp-Apim-Subscription-Key")]
    if not all(keys):
        raise ProblemError(ProblemType.UNAUTHENTICATED, NEEDS_KEYS)
    opener, subscription = (key or "" for key in keys)
    caller = authenticate_key(opener, request)
    subscriber = authenticate_key(subscription, request, is_counted=False)
    if caller.party != subscriber.party:
        raise ProblemError(
            ProblemType.UNAUTHENTICATED, f"these are keys of two parties: {NEEDS_KEYS}"
        )
    check_scope(caller, scope)
    return caller


def _query_number(request: HttpRequest, name: str, *, usual: int) -> int:
    """Return a whole number of the query. raises: InvalidError."""
    text = request.GET.get(name, str(usual))
    if not _NUMBER.fullmatch(text) or int(text) > _MAX_NUMBER:
        raise InvalidError(name, "must be a whole number; a time is in seconds")
    return int(text)


def _parse_page_token(token: str) -> PagePosition | None:
    """Return where the previous page ended. raises: InvalidError for an unknown token."""
    if not token:
        return None
    match = _TOKEN.fullmatch(token)
    numbers = [int(group) for group in match.groups()] if match else []
    if not numbers or max(numbers) >= 2**63:
        raise InvalidError("nextPageToken", "is not a page of this hub: begin without one")
    return PagePosition(*numbers)


def _read(kind: type[_Message], request: HttpRequest) -> _Message:
    """Parse a message in the body. raises: ProblemError."""
    check_content_type(request, JSON)
    try:
        return kind.model_validate(read_json(request.body))
    except ValidationError as error:
        raise problems.refuse(error.errors(include_url=False)) from error


class _Rows(NamedTuple):
    """Records of a message, each a signal or an error.

    untaken:   errors of unsupported types, by position.
    is_routed: whether a record has content that belongs to another channel.
    """

    bodies: list[SignalIn | RowError]
    untaken: dict[int, RowError]
    is_routed: bool


def _rows(sent: Sequence[object]) -> _Rows:
    """Parse each record as a signal."""
    bodies: list[SignalIn | RowError] = []
    untaken: dict[int, RowError] = {}
    is_routed = False
    for row, record in enumerate(sent):
        try:
            bodies.append(SignalIn.model_validate(signal_of(RecordIn.model_validate(record))))
        except ValidationError as error:
            bodies.append(problems.row_error(error, row=row))
            is_routed = is_routed or any(map(problems.is_refused, error.errors()))
        except ValueError as error:
            field, _, message = str(error).partition(": ")
            refused = RowError(row=row, field=field, message=message)
            bodies.append(refused)
            if isinstance(error, UnknownTypeError):
                untaken[row] = refused
    return _Rows(bodies, untaken, is_routed)


def _apply_feedback(item: ValueFeedbackIn, *, caller: Caller) -> bool:
    """Apply feedback to every signal with its value; return whether there was one."""
    if item.hashValue.lower() in canary.HASHES:
        return True  # a test of the connection, which the canary is for
    matches = records.with_value(item.hashValue, viewer=caller.party)
    if item.feedbackValue in WITHDRAWALS:
        own = [uid for uid, shared_by in matches if shared_by == caller.party.name]
        taking = WithdrawIn(reason=WithdrawReason.OTHER)
        for uid in own:
            writes.withdraw(uid, body=taking, by=caller.party, now=now(), actor_ref=caller.ref)
        return bool(own)
    opinion, note = OPINION_OF[item.feedbackValue], "; ".join(item.tags)[:500]
    if opinion is Opinion.DISPUTE and not note.strip():
        note = f"{item.feedbackValue}, reported in StopNCII's format"
    body = OpinionIn(opinion=opinion, note=note)
    for uid, _ in matches:
        writes.give_opinion(uid, body=body, by=caller.party, now=now(), actor_ref=caller.ref)
    return bool(matches)
