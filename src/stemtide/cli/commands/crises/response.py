# SPDX-License-Identifier: Apache-2.0
"""stemtide role and task: who does what in the response to a crisis, and by when."""

from typing import Annotated, Any

import typer

from stemtide.cli.commands.crises.crisis import CrisisId, crisis_line, moment
from stemtide.cli.hub_command import Request, hub_command
from stemtide.protocol.enums.response import ResponseRole, TaskState

role = typer.Typer(no_args_is_help=True, help="Roles in the response to a crisis.")
task = typer.Typer(no_args_is_help=True, help="Tasks of the response to a crisis.")

RoleName = Annotated[ResponseRole, typer.Argument(metavar="ROLE", help="From: stemtide role list.")]


def _role_line(row: dict[str, Any]) -> str:
    """Describe a role on one line."""
    who = f"{row['party']}: {row['holder'] or '-'}" if row["party"] else "open"
    offered = f"  offered to {row['offered_to']}" if row["offered_to"] else ""
    return f"{row['role']:12} {who}{offered}"


@hub_command(role, "list", line=_role_line)
def list_roles(crisis_id: CrisisId) -> Request:
    """List the roles and who holds them."""
    return lambda client: client.list_roles(uid=crisis_id)


@hub_command(role, "give", line=crisis_line)
def give(
    crisis_id: CrisisId,
    role: RoleName,
    to: Annotated[str, typer.Argument(help="A colleague's mail address, or a party's name.")],
    note: Annotated[str, typer.Option(help="For the next holder; no personal data.")] = "",
) -> Request:
    """Give a role to a colleague, or offer it to another party."""
    from stemtide.protocol.messages.situation import RoleGiveIn

    return lambda client: client.give_role(RoleGiveIn(to=to, note=note), uid=crisis_id, role=role)


@hub_command(role, "lay-down", line=crisis_line)
def lay_down(crisis_id: CrisisId, role: RoleName) -> Request:
    """Leave a role open."""
    return lambda client: client.lay_down_role(uid=crisis_id, role=role)


def _task_line(row: dict[str, Any]) -> str:
    """Describe a task on one line."""
    owner = row["role"] or row["party"]
    return f"{row['id']}  {row['state']:8} {row['due_at']}  {owner}: {row['title']}"


@hub_command(task, "list", line=_task_line, empty="No task.")
def list_tasks(crisis_id: CrisisId) -> Request:
    """List the tasks, the one that is due first first."""
    return lambda client: client.list_tasks(uid=crisis_id)


@hub_command(task, "add", line=_task_line)
def add(
    crisis_id: CrisisId,
    title: Annotated[str, typer.Argument(help="What is to do; no personal data.")],
    due: Annotated[str, typer.Option(help="ISO time at which it is due.")],
    owner: Annotated[
        str, typer.Option(help="role:lead, a party, or a colleague's mail address.")
    ] = "",
    link: Annotated[str, typer.Option(help="What it is about, such as order:ID.")] = "",
) -> Request:
    """Add a task, and have its owner told."""
    from stemtide.protocol.messages.situation import TaskIn

    kind, _, uid = link.partition(":")
    body = {
        "title": title,
        "due_at": moment(due, option="--due"),
        "owner": owner,
        "link": {"kind": kind, "id": uid} if link else None,
    }
    return lambda client: client.give_task(TaskIn.model_validate(body), uid=crisis_id)


@hub_command(task, "move", line=_task_line)
def move(
    task_id: Annotated[str, typer.Argument(help="The task's id, from: stemtide task list.")],
    state: Annotated[TaskState, typer.Argument(metavar="done|dropped|open")],
) -> Request:
    """Finish, drop or reopen a task."""
    from stemtide.protocol.messages.situation import TaskMoveIn

    return lambda client: client.move_task(TaskMoveIn(state=state), uid=task_id)
