# SPDX-License-Identifier: Apache-2.0
"""Endpoints for the player of an exercise: its state, keys of bots, news, entries."""

from typing import Annotated
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import RootModel

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.exercises import reads, writes
from stemtide.protocol.enums import Scope
from stemtide.protocol.enums.exercises import RunAct
from stemtide.protocol.exercises import (
    BotKeyOut,
    ObservationIn,
    ObservationOut,
    PlayOut,
    ProgressIn,
    RunEntriesPage,
    RunIn,
    RunNewsIn,
    RunOut,
    ScenarioOut,
)

router = Router(tags=["exercises"])

_Runs = RootModel[list[RunOut]]
_Keys = RootModel[list[BotKeyOut]]
_Observations = RootModel[list[ObservationOut]]


@router.get(
    "/exercises",
    **requires(Scope.EXERCISES_RUN),
    response=list[RunOut],
    operation_id="list_exercises",
)
def list_exercises(request: HttpRequest) -> HttpResponse:
    """List the exercises that your party directs or plays in, the latest first."""
    return answer(_Runs(reads.runs(viewer=caller_of(request).party)))


@router.post(
    "/exercises",
    **requires(Scope.EXERCISES_RUN),
    response={201: RunOut},
    operation_id="prepare_exercise",
)
def prepare(request: HttpRequest, body: RunIn) -> HttpResponse:
    """Prepare an exercise: its bots get parties of their own, and the people are told."""
    run = writes.prepare(body, by=caller_of(request).actor, now=now())
    return answer(run, status=201)


@router.get(
    "/exercises/{uid}",
    **requires(Scope.EXERCISES_RUN),
    response=RunOut,
    operation_id="read_exercise",
)
def read(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Read the state of an exercise."""
    return answer(reads.run(uid, viewer=caller_of(request).party))


@router.get(
    "/exercises/{uid}/scenario",
    **requires(Scope.EXERCISES_RUN),
    response=ScenarioOut,
    operation_id="read_exercise_scenario",
)
def read_scenario(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Read the scenario of an exercise that your party directs."""
    return answer(reads.scenario(uid, viewer=caller_of(request).party))


@router.post(
    "/exercises/{uid}/do/{verb}",
    **requires(Scope.EXERCISES_RUN),
    response=RunOut,
    operation_id="direct_exercise",
)
def direct(request: HttpRequest, uid: UUID, verb: RunAct) -> HttpResponse:
    """Start, pause, resume or end an exercise."""
    return answer(writes.act(uid, verb, by=caller_of(request).actor, now=now()))


@router.post(
    "/exercises/{uid}/keys",
    **requires(Scope.EXERCISES_RUN),
    response=list[BotKeyOut],
    operation_id="renew_bot_keys",
)
def renew_keys(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Create a key for each bot of an exercise; earlier ones no longer work."""
    return answer(_Keys(writes.renew_keys(uid, by=caller_of(request).actor, now=now())))


@router.put(
    "/exercises/{uid}/progress",
    **requires(Scope.EXERCISES_RUN),
    response=PlayOut,
    operation_id="report_exercise",
)
def report(request: HttpRequest, uid: UUID, body: ProgressIn) -> HttpResponse:
    """Report how far an exercise has come; the response has what its director asks for."""
    return answer(writes.report(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/exercises/{uid}/news",
    **requires(Scope.EXERCISES_RUN),
    response={204: None},
    operation_id="bring_exercise_news",
)
def bring_news(request: HttpRequest, uid: UUID, body: RunNewsIn) -> HttpResponse:
    """Bring news to members of the cast that people play."""
    writes.bring_news(uid, body=body, by=caller_of(request).actor, now=now())
    return HttpResponse(status=204)


@router.get(
    "/exercises/{uid}/entries",
    **requires(Scope.EXERCISES_RUN),
    response=RunEntriesPage,
    operation_id="list_exercise_entries",
)
def entries(
    request: HttpRequest, uid: UUID, after: Annotated[int, Query(ge=0, lt=2**63)] = 0
) -> HttpResponse:
    """List the ledger entries of an exercise that your party directs, oldest first."""
    return answer(reads.entries(uid, after=after, viewer=caller_of(request).party))


@router.get(
    "/exercises/{uid}/observations",
    **requires(Scope.EXERCISES_RUN),
    response=list[ObservationOut],
    operation_id="list_observations",
)
def list_observations(request: HttpRequest, uid: UUID) -> HttpResponse:
    """List observations, oldest first: all if your party directs, else its own."""
    return answer(_Observations(reads.observations(uid, viewer=caller_of(request).party)))


@router.post(
    "/exercises/{uid}/observations",
    **requires(Scope.EXERCISES_RUN),
    response={201: ObservationOut},
    operation_id="note_observation",
)
def observe(request: HttpRequest, uid: UUID, body: ObservationIn) -> HttpResponse:
    """Note an observation at the present minute of the exercise."""
    note = writes.observe(uid, body=body, by=caller_of(request).actor, now=now())
    return answer(note, status=201)
