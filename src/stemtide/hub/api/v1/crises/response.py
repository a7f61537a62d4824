# SPDX-License-Identifier: Apache-2.0
"""Endpoints for the response to a crisis: its roles and tasks."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import RootModel

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.crises.reads import roles as roles_reads
from stemtide.hub.rooms.crises.writes import roles as roles_writes
from stemtide.hub.rooms.tasks import reads as tasks_reads, writes as tasks_writes
from stemtide.protocol.enums import Scope
from stemtide.protocol.enums.response import ResponseRole
from stemtide.protocol.messages.crises import CrisisLife
from stemtide.protocol.messages.situation import (
    RoleGiveIn,
    RoleOut,
    TaskIn,
    TaskMoveIn,
    TaskOut,
)

router = Router(tags=["response"])

_Roles = RootModel[list[RoleOut]]
_Tasks = RootModel[list[TaskOut]]


@router.get(
    "/crises/{uid}/roles",
    **requires(Scope.FEED_READ),
    response=list[RoleOut],
    operation_id="list_roles",
)
def read_roles(request: HttpRequest, uid: UUID) -> HttpResponse:
    """List the roles of the response, open ones as well."""
    return answer(_Roles(roles_reads.roles(uid, viewer=caller_of(request).party)))


@router.post(
    "/crises/{uid}/roles/{role}/give",
    **requires(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="give_role",
)
def give_role(
    request: HttpRequest, uid: UUID, role: ResponseRole, body: RoleGiveIn
) -> HttpResponse:
    """Give a role to a person of your party, or offer it to another party in the room."""
    by = caller_of(request).actor
    return answer(roles_writes.give(uid, role, body=body, by=by, now=now()))


@router.post(
    "/crises/{uid}/roles/{role}/lay-down",
    **requires(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="lay_down_role",
)
def lay_down_role(request: HttpRequest, uid: UUID, role: ResponseRole) -> HttpResponse:
    """Leave a role open."""
    by = caller_of(request).actor
    return answer(roles_writes.lay_down(uid, role, by=by, now=now()))


@router.get(
    "/crises/{uid}/tasks",
    **requires(Scope.FEED_READ),
    response=list[TaskOut],
    operation_id="list_tasks",
)
def read_tasks(request: HttpRequest, uid: UUID) -> HttpResponse:
    """List the tasks: open ones by due time, then the latest that were done or dropped."""
    return answer(_Tasks(tasks_reads.tasks(uid, viewer=caller_of(request).party)))


@router.post(
    "/crises/{uid}/tasks",
    **requires(Scope.CRISES_WRITE),
    response={201: TaskOut},
    operation_id="give_task",
)
def give_task(request: HttpRequest, uid: UUID, body: TaskIn) -> HttpResponse:
    """Add a task, and notify its owner."""
    task = tasks_writes.give(uid, body=body, by=caller_of(request).actor, now=now())
    return answer(task, status=201)


@router.put(
    "/tasks/{uid}/state",
    **requires(Scope.CRISES_WRITE),
    response=TaskOut,
    operation_id="move_task",
)
def move_task(request: HttpRequest, uid: UUID, body: TaskMoveIn) -> HttpResponse:
    """Finish, drop or reopen a task."""
    return answer(tasks_writes.move(uid, body=body, by=caller_of(request).actor, now=now()))
