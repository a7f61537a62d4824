# SPDX-License-Identifier: Apache-2.0
"""/stopncii/v1: what StopNCII's clients (tx, HMA, Coop) fetch, submit and say, unchanged.

Two keys come with every request, as those clients send them: x-functions-key opens the endpoint by
its scope, Ocp-Apim-Subscription-Key is any key of the same party. They may be the same.
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
from stemtide.hub.api.bodies import JSON, answer, check_content_type, read_json
from stemtide.hub.api.bulks import held
from stemtide.hub.api.callers import check_scope, known, now
from stemtide.hub.api.machine import answer_to
from stemtide.hub.api.problems import ProblemError
from stemtide.hub.parties.reads import Caller
from stemtide.hub.parties.rules import InvalidError, NotFoundError
from stemtide.hub.signals import reads_records, rules_ready, writes
from stemtide.hub.signals.reads_records import Place
from stemtide.hub.signals.rules import BulkRefusedError
from stemtide.protocol import canary
from stemtide.protocol.problems import ProblemType
from stemtide.protocol.signals import OpinionIn, RowError, SignalIn, WithdrawIn
from stemtide.protocol.stopncii import (
    FIRST_START_S,
    MAX_RECORDS,
    OPINION_OF,
    TAKES_BACK,
    AcceptedOut,
    AnsweredIn,
    FeedbacksIn,
    PageOut,
    RecordIn,
    RecordsIn,
    SubmittedOut,
    UnknownTypeError,
    signal_of,
)
from stemtide.protocol.words import Scope, WithdrawReason

NEEDS_KEYS = (
    "send API keys of your party as x-functions-key and as Ocp-Apim-Subscription-Key (the same key"
    " may serve as both); whoever runs the hub makes them"
)
USUAL_PAGE = 800
_MOST = 253_402_300_000
"""Seconds until the end of the year 9999; no number of a query is higher."""

_NUMBER = re.compile(r"\d{1,13}", re.ASCII)
_TOKEN = re.compile(r"(\d{1,19})-(\d{1,19})-(\d{1,19})", re.ASCII)
_View = Callable[[HttpRequest], HttpResponse]
_Message = TypeVar("_Message", bound=BaseModel)


def _door(view: _View) -> _View:
    """The same view for machines without cookies; what goes wrong leaves as a problem document."""

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
    """FetchHashes: records changed in or after startTimestamp, page by page."""
    caller = _caller(request, Scope.FEED_READ)
    since_s = _number(request, "startTimestamp", usual=FIRST_START_S)
    size = _number(request, "pageSize", usual=USUAL_PAGE)
    after = _place(request.GET.get("nextPageToken", ""))
    limit = max(1, min(size, MAX_RECORDS))
    page = reads_records.records(since_s, viewer=caller.party, limit=limit, after=after)
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
    """SubmitHashes: share all of them, or none; leave out those of types that are not taken.

    The library's signal types include some that no hub compares (Text, VideoTMK), and it sends
    them in one message with the others. A message of nothing else is refused.
    """
    caller = _caller(request, Scope.SIGNALS_WRITE)
    with held(request, caller) as turn:
        rows = _rows(_read(RecordsIn, request).hashRecords)
        places = [place for place, row in enumerate(rows.bodies) if place not in rows.untaken]
        if not places:
            raise problems.refused_bulk(BulkRefusedError([*rows.untaken.values()]), is_routed=False)
        bodies = [rows.bodies[place] for place in places]
        ready = rules_ready.read(bodies, now=now())
        try:
            shared = writes.share_ready(
                ready, by=caller.party, now=now(), actor_ref=caller.ref, turn=turn
            )
        except BulkRefusedError as error:
            errors = [one.model_copy(update={"row": places[one.row]}) for one in error.errors]
            refused = BulkRefusedError(errors)
            raise problems.refused_bulk(refused, is_routed=rows.is_routed) from error
    signals = {place: str(one.id) for place, one in zip(places, shared.signals, strict=True) if one}
    return answer(
        SubmittedOut(
            count=len(bodies),
            created=shared.created,
            existing=shared.existing,
            refused=len(rows.untaken),
            signals=[signals.get(place) for place in range(len(rows.bodies))],
            errors=[*rows.untaken.values()],
        )
    )


@_door
@require_POST
def feedback(request: HttpRequest) -> HttpResponse:
    """SubmitFeedback: say what your party thinks of values; or take back what it shared."""
    caller = _caller(request, Scope.FEEDBACK_WRITE)
    said = _read(FeedbacksIn, request).hashFeedbacks
    if any(one.feedbackValue in TAKES_BACK for one in said):
        check_scope(caller, Scope.SIGNALS_WRITE)
    unknown = [one.hashValue for one in said if not _say(one, caller=caller)]
    if len(unknown) == len(said):
        raise NotFoundError(
            "there is no signal with any of these values that still matches and that your party"
            " may see; to take one back it must be your own"
        )
    return answer(AcceptedOut(count=len(said) - len(unknown), unknown=unknown))


@require_safe
def canary_picture(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  # every view takes one
    """The canary's picture. It is no secret: whoever looks it up needs no key for it."""
    return HttpResponse(canary.picture(), content_type="image/png")


urlpatterns = [
    path("FetchHashes", fetch, name="stopncii-fetch"),
    path("SubmitHashes", submit, name="stopncii-submit"),
    path("SubmitFeedback", feedback, name="stopncii-feedback"),
    path("canary.png", canary_picture, name="stopncii-canary"),
]


def _caller(request: HttpRequest, scope: Scope) -> Caller:
    """Who calls. raises: ProblemError without both keys, UnknownKeyError for one that is not."""
    keys = [request.headers.get(name) for name in ("x-functions-key", "Ocp-Apim-Subscription-Key")]
    if not all(keys):
        raise ProblemError(ProblemType.UNAUTHENTICATED, NEEDS_KEYS)
    opener, subscription = (key or "" for key in keys)
    caller = known(opener, request)
    subscriber = known(subscription, request, is_counted=False)
    if caller.party != subscriber.party:
        raise ProblemError(
            ProblemType.UNAUTHENTICATED, f"these are keys of two parties: {NEEDS_KEYS}"
        )
    check_scope(caller, scope)
    return caller


def _number(request: HttpRequest, name: str, *, usual: int) -> int:
    """A whole number of the query. raises: InvalidError."""
    text = request.GET.get(name, str(usual))
    if not _NUMBER.fullmatch(text) or int(text) > _MOST:
        raise InvalidError(name, "must be a whole number, of seconds where it is a time")
    return int(text)


def _place(token: str) -> Place | None:
    """Where the page before ended. raises: InvalidError for a token that is none of ours."""
    if not token:
        return None
    found = _TOKEN.fullmatch(token)
    numbers = [int(group) for group in found.groups()] if found else []
    if not numbers or max(numbers) >= 2**63:
        raise InvalidError("nextPageToken", "is none of this hub's: begin without one")
    return Place(*numbers)


def _read(kind: type[_Message], request: HttpRequest) -> _Message:
    """A message in the body. raises: ProblemError."""
    check_content_type(request, JSON)
    try:
        return kind.model_validate(read_json(request.body))
    except ValidationError as error:
        raise problems.refuse(error.errors(include_url=False)) from error


class _Rows(NamedTuple):
    """Records of a message as signals, or why they are none.

    untaken:   by their places, those of types that are not taken.
    is_routed: whether one names content that belongs to another channel.
    """

    bodies: list[SignalIn | RowError]
    untaken: dict[int, RowError]
    is_routed: bool


def _rows(sent: Sequence[object]) -> _Rows:
    """Read each record as a signal."""
    bodies: list[SignalIn | RowError] = []
    untaken: dict[int, RowError] = {}
    is_routed = False
    for row, one in enumerate(sent):
        try:
            bodies.append(SignalIn.model_validate(signal_of(RecordIn.model_validate(one))))
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


def _say(one: AnsweredIn, *, caller: Caller) -> bool:
    """Say it of every signal of the value; whether there was one."""
    if one.hashValue.lower() in canary.HASHES:
        return True  # a test of the line, which is what it is there for
    found = reads_records.with_value(one.hashValue, viewer=caller.party)
    if one.feedbackValue in TAKES_BACK:
        own = [uid for uid, shared_by in found if shared_by == caller.party.name]
        taking = WithdrawIn(reason=WithdrawReason.OTHER)
        for uid in own:
            writes.withdraw(uid, body=taking, by=caller.party, now=now(), actor_ref=caller.ref)
        return bool(own)
    said = OpinionIn(opinion=OPINION_OF[one.feedbackValue], note="; ".join(one.tags)[:500])
    for uid, _ in found:
        writes.opine(uid, body=said, by=caller.party, now=now(), actor_ref=caller.ref)
    return bool(found)
