# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: response.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.enums.response import ResponseRole
    from stemtide.protocol.messages.crises import CrisisLife
    from stemtide.protocol.messages.situation import (
        RoleGiveIn,
        RoleOut,
        TaskIn,
        TaskMoveIn,
        TaskOut,
    )


def give_role(body: RoleGiveIn, *, uid: UUID | str, role: ResponseRole) -> Call[CrisisLife]:
    """Give a role to a person of your party, or offer it to another party in the room.

    role: Role in the response to one crisis, held by one person of a party in its room.  source:
    the positions of the Incident Command System (FEMA, NIMS, 2017), named after each.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/roles/{role}/give
    """
    from stemtide.protocol.messages.crises import CrisisLife

    return Call(
        (CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/roles/{part(role)}/give", body=body
    )


def give_task(body: TaskIn, *, uid: UUID | str) -> Call[TaskOut]:
    """Add a task, and notify its owner.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/tasks
    """
    from stemtide.protocol.messages.situation import TaskOut

    return Call((TaskOut,), "POST", f"/api/v1/crises/{part(uid)}/tasks", body=body)


def lay_down_role(*, uid: UUID | str, role: ResponseRole) -> Call[CrisisLife]:
    """Leave a role open.

    role: Role in the response to one crisis, held by one person of a party in its room.  source:
    the positions of the Incident Command System (FEMA, NIMS, 2017), named after each.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/roles/{role}/lay-down
    """
    from stemtide.protocol.messages.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/roles/{part(role)}/lay-down")


def list_roles(*, uid: UUID | str) -> Call[list[RoleOut]]:
    """List the roles of the response, open ones as well.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/crises/{uid}/roles
    """
    from stemtide.protocol.messages.situation import RoleOut

    return Call((list[RoleOut],), "GET", f"/api/v1/crises/{part(uid)}/roles")


def list_tasks(*, uid: UUID | str) -> Call[list[TaskOut]]:
    """List the tasks: open ones by due time, then the latest that were done or dropped.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/crises/{uid}/tasks
    """
    from stemtide.protocol.messages.situation import TaskOut

    return Call((list[TaskOut],), "GET", f"/api/v1/crises/{part(uid)}/tasks")


def move_task(body: TaskMoveIn, *, uid: UUID | str) -> Call[TaskOut]:
    """Finish, drop or reopen a task.

    Needs a key with the scope crises:write. raises: HubError. source: PUT /api/v1/tasks/{uid}/state
    """
    from stemtide.protocol.messages.situation import TaskOut

    return Call((TaskOut,), "PUT", f"/api/v1/tasks/{part(uid)}/state", body=body)
